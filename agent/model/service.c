// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/service.h"

#include <arpa/inet.h> // inet_ntop(), a pure function
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "epmdns/codec.h"
#include "model/node.h"
#include "model/txt.h"

#define HASH_CHARS 8 // 40 bits
#define AGENT_MAX 32 // as on the wire

// A hash that every agent computes alike; it tells names apart and keeps no secret.
static const uint8_t public_key[HASH_KEY_LEN];

static struct ep_str str(const char *text)
{
	return (struct ep_str){(const uint8_t *)text, strlen(text)};
}

static bool is_printable(struct ep_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < ' ' || s.p[i] > '~') {
			return false;
		}
	}
	return true;
}

// The low 5 * n bits, highest first. Source: RFC 4648 §6, in lower case: DNS folds it anyway.
static void put_base32(char *out, uint64_t value, size_t n)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";

	for (size_t i = n; i-- > 0; value >>= 5) {
		out[i] = digits[value & 31];
	}
	out[n] = '\0';
}

static void put_u32(uint8_t *p, uint32_t value)
{
	for (int i = 3; i >= 0; i--) {
		*p++ = (uint8_t)(value >> (8 * i));
	}
}

void service_instance(const struct service *service, char instance[SERVICE_INSTANCE_MAX + 1])
{
	const size_t room = SERVICE_INSTANCE_MAX - 1 - HASH_CHARS;
	uint8_t key[9 + EP_NODE_MAX];
	size_t len = 0;

	assert(service->node.n <= EP_NODE_MAX);
	put_u32(key, service->creation);
	put_u32(key + 4, service->revision);
	key[8] = (uint8_t)ep_carrier_family(service->carrier);
	memcpy(key + 9, service->node.p, service->node.n);

	for (size_t i = 0; i < service->node.n; i++) {
		uint8_t c = service->node.p[i];
		size_t width = c < 0x80 ? 1 : 2;

		if (len + width > room) {
			break;
		}
		if (width == 2) { // latin-1 as UTF-8
			instance[len++] = (char)(0xc0 | c >> 6);
			c = 0x80 | (c & 0x3f);
		} else if (c == 0x7f) { // not allowed in an instance, RFC 6763 §4.1.1
			c = '?';
		}
		instance[len++] = (char)c;
	}
	instance[len++] = '~';
	put_base32(instance + len, hash_siphash(public_key, key, 9 + service->node.n), HASH_CHARS);
}

/*
 * Our keys, in the order in which they are published. RFC 6763 §6.4: at most 9 characters, compared
 * without case. Everything else in the record is a tag.
 */
enum key {
	KEY_TXTVERS,
	KEY_ALIVE,
	KEY_HOST,
	KEY_CREATION,
	KEY_REVISION,
	KEY_VERSIONS,
	KEY_CARRIER,
	KEY_CLUSTER,
	KEY_FLAGS,
	KEY_BOUND,
	KEY_AGENT,
	KEYS,
};

static const char *const keys[KEYS] = {
	[KEY_TXTVERS] = "txtvers", [KEY_ALIVE] = "n",    [KEY_HOST] = "h",    [KEY_CREATION] = "cr",
	[KEY_REVISION] = "rv",     [KEY_VERSIONS] = "v", [KEY_CARRIER] = "p", [KEY_CLUSTER] = "c",
	[KEY_FLAGS] = "f",         [KEY_BOUND] = "ip",   [KEY_AGENT] = "id",
};

// Return: which of our keys it is, or KEYS.
static enum key find_key(struct ep_str name)
{
	for (size_t i = 0; i < KEYS; i++) {
		if (txt_key_equals(name, str(keys[i]))) {
			return (enum key)i;
		}
	}
	return KEYS;
}

static void put_number(struct txt_writer *writer, enum key key, uint32_t number)
{
	char text[sizeof("4294967295")];

	snprintf(text, sizeof(text), "%u", number);
	txt_put_text(writer, keys[key], text);
}

size_t service_encode(const struct service *service, uint8_t txt[SERVICE_TXT_MAX])
{
	struct txt_writer w = {txt, 0, SERVICE_TXT_MAX};
	char versions[sizeof("65535/65535")];
	char address[INET6_ADDRSTRLEN];

	assert(node_name_problem(service->node) == NULL);
	assert(ep_carrier_name(service->carrier) != NULL);
	assert(service->dist_high <= UINT16_MAX && service->dist_low <= UINT16_MAX);
	assert(service->agent.n <= AGENT_MAX);

	txt_put_text(&w, keys[KEY_TXTVERS], "1");
	txt_put(&w, keys[KEY_ALIVE], node_name_alive(service->node));
	txt_put(&w, keys[KEY_HOST], node_name_host(service->node));
	put_number(&w, KEY_CREATION, service->creation);
	put_number(&w, KEY_REVISION, service->revision);
	snprintf(versions, sizeof(versions), "%u/%u", service->dist_high & UINT16_MAX,
		 service->dist_low & UINT16_MAX);
	txt_put_text(&w, keys[KEY_VERSIONS], versions);
	txt_put_text(&w, keys[KEY_CARRIER], ep_carrier_name(service->carrier));
	if (service->cluster.n > 0) {
		txt_put(&w, keys[KEY_CLUSTER], service->cluster);
	}
	if (service->is_hidden) {
		txt_put_text(&w, keys[KEY_FLAGS], "h");
	}
	if (service->bound.n > 0) {
		inet_ntop(service->bound.n == 4 ? AF_INET : AF_INET6, service->bound.p, address,
			  sizeof(address));
		txt_put_text(&w, keys[KEY_BOUND], address);
	}
	txt_put(&w, keys[KEY_AGENT], service->agent);
	for (size_t i = 0; i < service->n_tags; i++) {
		txt_put_string(&w, service->tags[i]);
	}
	return w.len;
}

// read_number(): decimal digits and nothing else, no leading zero. Return: 0, or 1 when it is not.
static int read_number(struct ep_str text, uint32_t min, uint32_t max, uint32_t *number)
{
	uint64_t value = 0;

	if (text.n == 0 || text.n > 10 || (text.n > 1 && text.p[0] == '0')) {
		return 1;
	}
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9') {
			return 1;
		}
		value = value * 10 + (uint64_t)(text.p[i] - '0');
	}
	if (value < min || value > max) {
		return 1;
	}
	*number = (uint32_t)value;
	return 0;
}

static int read_versions(struct ep_str text, struct service *service)
{
	const uint8_t *slash = text.n > 0 ? memchr(text.p, '/', text.n) : NULL;
	size_t n;

	if (slash == NULL) {
		return 1;
	}
	n = (size_t)(slash - text.p);
	return read_number((struct ep_str){text.p, n}, 0, UINT16_MAX, &service->dist_high) != 0 ||
	       read_number((struct ep_str){slash + 1, text.n - n - 1}, 0, UINT16_MAX,
			   &service->dist_low) != 0;
}

static int read_carrier(struct ep_str text, uint32_t *carrier)
{
	for (uint32_t i = 1; ep_carrier_name(i) != NULL; i++) {
		struct ep_str name = str(ep_carrier_name(i));

		if (text.n == name.n && memcmp(text.p, name.p, name.n) == 0) {
			*carrier = i;
			return 0;
		}
	}
	return 1;
}

static const char *read_node(struct ep_str alive, struct ep_str host, struct service *service)
{
	if (alive.n == 0 || host.n == 0 || alive.n + 1 + host.n > EP_NODE_MAX) {
		return "n and h form no node name";
	}
	memcpy(service->node_buf, alive.p, alive.n);
	service->node_buf[alive.n] = '@';
	memcpy(service->node_buf + alive.n + 1, host.p, host.n);
	service->node = (struct ep_str){(const uint8_t *)service->node_buf, alive.n + 1 + host.n};
	return node_name_problem(service->node) != NULL ? "n and h form no node name" : NULL;
}

static const char *read_bound(struct ep_str text, struct service *service)
{
	size_t n = node_host_literal(text, service->bound_buf);
	size_t expected = ep_carrier_family(service->carrier) == EP_FAMILY_INET ? 4 : 16;

	if (n != expected) {
		return "ip is no address of the carrier's family";
	}
	service->bound = (struct ep_str){service->bound_buf, n};
	return NULL;
}

static const char *tag_problem(const struct txt_pair *pair)
{
	if (!pair->has_value) {
		return "a tag is not of the form key=value";
	}
	if (pair->key.n == 0 || pair->key.n > 32 || !is_printable(pair->key)) {
		return "a tag's key is not 1 to 32 printable ASCII characters";
	}
	if (find_key(pair->key) != KEYS) {
		return "a tag's key is one that epmdns uses itself";
	}
	if (pair->key.p[0] == '_') {
		return "a tag's key begins with _, which is kept for later versions";
	}
	for (size_t i = 0; i < pair->value.n; i++) {
		if (pair->value.p[i] < ' ' || pair->value.p[i] == 0x7f) {
			return "a tag's value has a control character";
		}
	}
	return NULL;
}

static const char *read_values(const struct txt_pair values[KEYS], struct service *service)
{
	const char *problem;

	if (read_number(values[KEY_CREATION].value, 4, UINT32_MAX, &service->creation) != 0) {
		return "cr is no creation";
	}
	if (read_number(values[KEY_REVISION].value, 1, UINT32_MAX, &service->revision) != 0) {
		return "rv is no revision";
	}
	if (read_versions(values[KEY_VERSIONS].value, service) != 0) {
		return "v is not HIGH/LOW";
	}
	if (read_carrier(values[KEY_CARRIER].value, &service->carrier) != 0) {
		return "p is no carrier";
	}
	service->cluster = values[KEY_CLUSTER].value;
	if (service->cluster.n > 0 && service_cluster_problem(service->cluster) != NULL) {
		return "c is no cluster";
	}
	service->agent = values[KEY_AGENT].value;
	if (service->agent.n == 0 || service->agent.n > AGENT_MAX ||
	    !is_printable(service->agent)) {
		return "id is no agent's id";
	}
	service->is_hidden =
		values[KEY_FLAGS].value.n > 0 &&
		memchr(values[KEY_FLAGS].value.p, 'h', values[KEY_FLAGS].value.n) != NULL;
	service->bound = (struct ep_str){NULL, 0};
	if (values[KEY_BOUND].whole.n > 0) {
		problem = read_bound(values[KEY_BOUND].value, service);
		if (problem != NULL) {
			return problem;
		}
	}
	return read_node(values[KEY_ALIVE].value, values[KEY_HOST].value, service);
}

const char *service_decode(const uint8_t *txt, size_t len, struct service *service)
{
	struct txt_pair values[KEYS] = {0};
	struct txt_pair pair;
	enum txt_result result;
	size_t tags_bytes = 0;
	size_t at = 0;
	size_t start = 0;

	if (len > SERVICE_TXT_MAX) {
		return "too long";
	}
	service->n_tags = 0;
	for (; (result = txt_next(txt, len, &at, &pair)) == TXT_PAIR; start = at) {
		enum key key = find_key(pair.key);

		if (key != KEYS) {
			if (values[key].whole.n == 0) {
				values[key] = pair;
			}
			continue;
		}
		if (service->n_tags == EP_TAGS_MAX || tag_problem(&pair) != NULL ||
		    tags_bytes + pair.whole.n > EP_TAGS_BYTES_MAX ||
		    txt_has_key(txt, start, pair.key)) {
			continue;
		}
		tags_bytes += pair.whole.n;
		service->tags[service->n_tags++] = pair.whole;
	}
	if (result == TXT_CUT) {
		return "a string is cut off";
	}
	if (values[KEY_TXTVERS].value.n != 1 || values[KEY_TXTVERS].value.p[0] != '1') {
		return "txtvers is not 1";
	}
	return read_values(values, service);
}

const char *service_tags_problem(const struct ep_str *tags, size_t n)
{
	size_t bytes = 0;

	if (n > EP_TAGS_MAX) {
		return "too many tags";
	}
	for (size_t i = 0; i < n; i++) {
		struct txt_pair pair = txt_pair_of(tags[i]);
		const char *problem = tag_problem(&pair);

		if (problem != NULL) {
			return problem;
		}
		bytes += tags[i].n;
		if (bytes > EP_TAGS_BYTES_MAX) {
			return "the tags are longer than 200 bytes together";
		}
		for (size_t j = 0; j < i; j++) {
			if (txt_key_equals(pair.key, txt_pair_of(tags[j]).key)) {
				return "two tags have the same key";
			}
		}
	}
	return NULL;
}

const char *service_cluster_problem(struct ep_str cluster)
{
	if (cluster.n == 0 || cluster.n > EP_CLUSTER_MAX) {
		return "not 1 to 62 characters";
	}
	return is_printable(cluster) ? NULL : "has a character that is not printable ASCII";
}

void service_subtype(struct ep_str cluster, char label[SERVICE_LABEL_MAX + 1])
{
	// Avahi takes no service type label under 3 bytes (avahi_is_valid_service_type_generic).
	bool is_odd = cluster.n < 2 || cluster.n > EP_CLUSTER_MAX;

	for (size_t i = 0; i < cluster.n && !is_odd; i++) {
		uint8_t c = cluster.p[i];

		is_odd = !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			   (c >= 'A' && c <= 'Z') || c == '-' || c == '_');
	}
	label[0] = '_';
	if (is_odd) {
		put_base32(label + 1, hash_siphash(public_key, cluster.p, cluster.n), 13);
	} else {
		memcpy(label + 1, cluster.p, cluster.n);
		label[1 + cluster.n] = '\0';
	}
}
