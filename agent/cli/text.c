// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "cli/text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

size_t text_next(const uint8_t *p, size_t n, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800,
					 0x10000}; // by length: no overlong forms
	size_t len;

	if (n == 0) {
		return 0;
	}
	if (p[0] < 0x80) {
		*code = p[0];
		return 1;
	}
	len = (p[0] & 0xe0) == 0xc0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : (p[0] & 0xf8) == 0xf0 ? 4 : 0;
	if (len == 0 || len > n) {
		return 0;
	}
	*code = p[0] & (0x7fU >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			return 0;
		}
		*code = *code << 6 | (p[i] & 0x3fU);
	}
	if (*code < least[len] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff)) {
		return 0;
	}
	return len;
}

bool text_is_plain(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} hidden[] = {
		{0x00, 0x1f},        // controls
		{0x7f, 0xa0},        // more of them, and the space that is none
		{0xad, 0xad},        // soft hyphen
		{0x61c, 0x61c},      // direction
		{0x180e, 0x180e},    // no width
		{0x200b, 0x200f},    // no width, direction
		{0x2028, 0x202e},    // line ends, direction
		{0x2060, 0x206f},    // no width, direction
		{0xd800, 0xf8ff},    // surrogates, private use
		{0xfeff, 0xfeff},    // no width
		{0xfff0, 0xfffb},    // annotation
		{0xe0000, 0x10ffff}, // tags, private use
	};

	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		if (code >= hidden[i].first && code <= hidden[i].last) {
			return false;
		}
	}
	return true;
}

char *text_from_latin1(struct ep_str s, size_t *len)
{
	char *utf8 = xcalloc(2 * s.n + 1, 1);
	size_t at = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < 0x80) {
			utf8[at++] = (char)s.p[i];
		} else {
			utf8[at++] = (char)(0xc0 | s.p[i] >> 6);
			utf8[at++] = (char)(0x80 | (s.p[i] & 0x3f));
		}
	}
	if (len != NULL) {
		*len = at;
	}
	return utf8;
}

static bool is_utf8(struct ep_str s)
{
	uint32_t code;
	size_t step;

	for (size_t at = 0; at < s.n; at += step) {
		step = text_next(s.p + at, s.n - at, &code);
		if (step == 0) {
			return false;
		}
	}
	return true;
}

char *text_from_bytes(struct ep_str s, size_t *len)
{
	if (s.n == 0 || !is_utf8(s)) {
		return text_from_latin1(s, len);
	}
	if (len != NULL) {
		*len = s.n;
	}
	return xstrndup(s.p, s.n);
}

const char *text_to_latin1(const char *utf8, uint8_t *buf, size_t cap, size_t *n)
{
	const uint8_t *p = (const uint8_t *)utf8;
	size_t left = strlen(utf8);
	uint32_t code;
	size_t step;

	for (*n = 0; left > 0; p += step, left -= step) {
		step = text_next(p, left, &code);
		if (step == 0) {
			return "it is not valid UTF-8";
		}
		if (code > 0xff) {
			return "it has a character outside latin-1, which no node name can have";
		}
		if (*n == cap) {
			return "it is too long";
		}
		buf[(*n)++] = (uint8_t)code;
	}
	return NULL;
}

char *text_printable(const char *utf8, size_t n)
{
	const uint8_t *p = (const uint8_t *)utf8;
	char *out = xcalloc(4 * n + 16, 1); // "\x9b" is the longest for its input: 4 for 1 byte
	size_t at = 0;
	size_t step;

	for (size_t i = 0; i < n; i += step) {
		uint32_t code;

		step = text_next(p + i, n - i, &code);
		if (step == 0) { // cannot be: the input is valid
			step = 1;
			code = p[i];
		}
		if (code == '\\') {
			out[at++] = '\\';
			out[at++] = '\\';
		} else if (text_is_plain(code)) {
			memcpy(out + at, p + i, step);
			at += step;
		} else if (code <= 0xff) {
			at += (size_t)snprintf(out + at, 5, "\\x%02x", (unsigned)code);
		} else {
			at += (size_t)snprintf(out + at, 11, "\\u{%x}", (unsigned)code);
		}
	}
	return out;
}

char *text_printable_name(struct ep_str s)
{
	size_t len;
	char *utf8 = text_from_latin1(s, &len);
	char *out = text_printable(utf8, len);

	free(utf8);
	return out;
}

char *text_printable_bytes(struct ep_str s)
{
	size_t len;
	char *utf8 = text_from_bytes(s, &len);
	char *out = text_printable(utf8, len);

	free(utf8);
	return out;
}

size_t text_width(const char *utf8)
{
	size_t width = 0;

	for (; *utf8 != '\0'; utf8++) {
		width += ((uint8_t)*utf8 & 0xc0) != 0x80;
	}
	return width;
}

const char *text_age(uint32_t age_s, char buf[TEXT_AGE_MAX])
{
	if (age_s < 60) {
		snprintf(buf, TEXT_AGE_MAX, "%u s", age_s);
	} else if (age_s < 60 * 60) {
		snprintf(buf, TEXT_AGE_MAX, "%u min", age_s / 60);
	} else if (age_s < 48 * 60 * 60) {
		snprintf(buf, TEXT_AGE_MAX, "%u h", age_s / (60 * 60));
	} else {
		snprintf(buf, TEXT_AGE_MAX, "%u d", age_s / (24 * 60 * 60));
	}
	return buf;
}

const char *text_address(struct ep_str address, char buf[TEXT_ADDRESS_MAX])
{
	int family = address.n == 4 ? AF_INET : AF_INET6;

	if (address.n != 4 && address.n != 16) {
		return "?";
	}
	return inet_ntop(family, address.p, buf, TEXT_ADDRESS_MAX) != NULL ? buf : "?";
}

int text_number(const char *s, uint32_t min, uint32_t max, uint32_t *value)
{
	uint64_t number = 0;

	if (*s == '\0') {
		return 1;
	}
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9') {
			return 1;
		}
		number = 10 * number + (uint64_t)(*s - '0');
		if (number > max) {
			return 1;
		}
	}
	if (number < min) {
		return 1;
	}
	*value = (uint32_t)number;
	return 0;
}
