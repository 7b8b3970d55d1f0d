// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/node.h"

#include <arpa/inet.h> // inet_pton(), a pure function
#include <string.h>

// Not <ctype.h>: its answers depend on the locale, and ours are about bytes.
static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static uint8_t to_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool is_alive_char(uint8_t c)
{
	return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || c == '_' || c == '-';
}

static size_t at_sign(struct ep_str name)
{
	const uint8_t *at = name.n > 0 ? memchr(name.p, '@', name.n) : NULL;

	return at != NULL ? (size_t)(at - name.p) : name.n;
}

const char *node_name_problem(struct ep_str name)
{
	size_t at = at_sign(name);

	if (name.n > EP_NODE_MAX) {
		return "longer than 255 characters";
	}
	if (at == name.n) {
		return "has no '@'";
	}
	if (at == 0) {
		return "nothing before the '@'";
	}
	if (at == name.n - 1) {
		return "nothing after the '@'";
	}
	for (size_t i = 0; i < at; i++) {
		if (!is_alive_char(name.p[i])) {
			return "the name part has a character other than letters, digits, '_' and "
			       "'-'";
		}
	}
	for (size_t i = at + 1; i < name.n; i++) {
		if (name.p[i] == '@') {
			return "has more than one '@'";
		}
		if (name.p[i] <= ' ') {
			return "the host part has a space or a control character";
		}
	}
	return NULL;
}

struct ep_str node_name_alive(struct ep_str name)
{
	return (struct ep_str){name.p, at_sign(name)};
}

struct ep_str node_name_host(struct ep_str name)
{
	size_t skip = at_sign(name) + 1;

	return skip < name.n ? (struct ep_str){name.p + skip, name.n - skip}
			     : (struct ep_str){NULL, 0};
}

bool node_host_equals(struct ep_str a, struct ep_str b)
{
	if (a.n != b.n) {
		return false;
	}
	for (size_t i = 0; i < a.n; i++) {
		if (to_lower(a.p[i]) != to_lower(b.p[i])) {
			return false;
		}
	}
	return true;
}

size_t node_host_literal(struct ep_str host, uint8_t bytes[16])
{
	char text[INET6_ADDRSTRLEN];

	if (host.n == 0 || host.n >= sizeof(text) || memchr(host.p, '\0', host.n) != NULL) {
		return 0;
	}
	memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	if (inet_pton(AF_INET, text, bytes) == 1) {
		return 4;
	}
	return inet_pton(AF_INET6, text, bytes) == 1 ? 16 : 0;
}

bool node_host_is_loopback(struct ep_str host)
{
	static const char localhost[] = "localhost";
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; // ::ffff:0:0/96
	static const uint8_t loopback6[16] = {[15] = 1};
	const size_t len = sizeof(localhost) - 1;
	uint8_t bytes[16];

	if (host.n >= len && (host.n == len || host.p[len] == '.')) {
		struct ep_str head = {host.p, len};

		if (node_host_equals(head, (struct ep_str){(const uint8_t *)localhost, len})) {
			return true;
		}
	}
	switch (node_host_literal(host, bytes)) {
	case 4:
		return bytes[0] == 127;
	case 16:
		return memcmp(bytes, loopback6, 16) == 0 ||
		       (memcmp(bytes, mapped, sizeof(mapped)) == 0 && bytes[12] == 127);
	default:
		return false;
	}
}

bool node_name_is_transient(struct ep_str name)
{
	static const struct {
		const char *prefix;
		bool is_upper_allowed;
	} helpers[] = {
		{"rem-", false}, // mix release: remote
		{"rpc-", false}, // mix release: rpc, eval on a node
		{"remsh", true}, // relx: remote_console
		{"maint", true}, // relx: eval, rpc
	};
	struct ep_str alive = node_name_alive(name);

	for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++) {
		size_t len = strlen(helpers[i].prefix);
		size_t at = len;

		if (alive.n < len || memcmp(alive.p, helpers[i].prefix, len) != 0) {
			continue;
		}
		while (at < alive.n && is_hex(alive.p[at]) &&
		       (helpers[i].is_upper_allowed || to_lower(alive.p[at]) == alive.p[at])) {
			at++;
		}
		if (at > len && at < alive.n && alive.p[at] == '-') {
			return true;
		}
	}
	return false;
}
