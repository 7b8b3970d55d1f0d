// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * The syntax of DNS-SD TXT records (RFC 6763 §6): strings of "key=value". What the keys mean is
 * service.h's. Pure, and borrowing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "epmdns/protocol.h"

#define TXT_STRING_MAX 255

struct txt_pair {
	struct ep_str whole, key, value;
	bool has_value; // there is a '='; what follows it may be empty
};

// txt_pair_of(): split one string at its first '='.
struct txt_pair txt_pair_of(struct ep_str string);
// Keys are compared without case, in ASCII.
bool txt_key_equals(struct ep_str a, struct ep_str b);

enum txt_result {
	TXT_PAIR = 0,
	TXT_END,
	TXT_CUT, // a string is longer than what is left
};

// txt_next(): the pair at *at, which then moves on. Start with 0.
enum txt_result txt_next(const uint8_t *txt, size_t len, size_t *at, struct txt_pair *pair);
// txt_has_key(): does a string in txt[0..len) have that key?
bool txt_has_key(const uint8_t *txt, size_t len, struct ep_str key);

struct txt_writer {
	uint8_t *txt;
	size_t len, cap;
};

// The caller sees to it that it fits (asserted).
void txt_put_string(struct txt_writer *writer, struct ep_str string);
void txt_put(struct txt_writer *writer, const char *key, struct ep_str value);
void txt_put_text(struct txt_writer *writer, const char *key, const char *value);
