// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/txt.h"

#include <assert.h>
#include <string.h>

static uint8_t to_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

struct txt_pair txt_pair_of(struct ep_str string)
{
	const uint8_t *equals = string.n > 0 ? memchr(string.p, '=', string.n) : NULL;
	size_t key_len = equals != NULL ? (size_t)(equals - string.p) : string.n;
	struct txt_pair pair = {
		.whole = string,
		.key = {string.p, key_len},
		.has_value = equals != NULL,
	};

	if (equals != NULL) {
		pair.value = (struct ep_str){equals + 1, string.n - key_len - 1};
	}
	return pair;
}

bool txt_key_equals(struct ep_str a, struct ep_str b)
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

enum txt_result txt_next(const uint8_t *txt, size_t len, size_t *at, struct txt_pair *pair)
{
	struct ep_str string;

	if (*at == len) {
		return TXT_END;
	}
	string = (struct ep_str){txt + *at + 1, txt[*at]};
	if (string.n > len - *at - 1) {
		return TXT_CUT;
	}
	*at += 1 + string.n;
	*pair = txt_pair_of(string);
	return TXT_PAIR;
}

bool txt_has_key(const uint8_t *txt, size_t len, struct ep_str key)
{
	struct txt_pair pair;
	size_t at = 0;

	while (txt_next(txt, len, &at, &pair) == TXT_PAIR) {
		if (txt_key_equals(pair.key, key)) {
			return true;
		}
	}
	return false;
}

// Room for one string of n bytes. Return: where it goes.
static uint8_t *add_string(struct txt_writer *writer, size_t n)
{
	uint8_t *p = writer->txt + writer->len;

	assert(n <= TXT_STRING_MAX && n < writer->cap - writer->len);
	*p = (uint8_t)n;
	writer->len += 1 + n;
	return p + 1;
}

void txt_put_string(struct txt_writer *writer, struct ep_str string)
{
	uint8_t *p = add_string(writer, string.n);

	if (string.n > 0) {
		memcpy(p, string.p, string.n);
	}
}

void txt_put(struct txt_writer *writer, const char *key, struct ep_str value)
{
	size_t key_len = strlen(key);
	uint8_t *p = add_string(writer, key_len + 1 + value.n);

	memcpy(p, key, key_len);
	p[key_len] = '=';
	if (value.n > 0) {
		memcpy(p + key_len + 1, value.p, value.n);
	}
}

void txt_put_text(struct txt_writer *writer, const char *key, const char *value)
{
	txt_put(writer, key, (struct ep_str){(const uint8_t *)value, strlen(value)});
}
