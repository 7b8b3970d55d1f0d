// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Text between the wire (latin-1 names, bytes that anyone on the network chose), JSON (UTF-8), the
 * terminal (UTF-8 without anything that moves the cursor or reorders what is read) and the command
 * line. Pure. What returns char * returns a new string, to be freed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "epmdns/protocol.h"

#define TEXT_ADDRESS_MAX 46 // INET6_ADDRSTRLEN
#define TEXT_AGE_MAX 16

// text_next(): decode one code point of strict UTF-8. Return: bytes used, or 0 when it is none.
size_t text_next(const uint8_t *p, size_t n, uint32_t *code);
// May it be shown as it is? Not controls, nor what is invisible or changes the writing direction.
bool text_is_plain(uint32_t code);

// text_from_latin1(): the UTF-8 of a name. *len: its length, for names with a NUL (may be NULL).
char *text_from_latin1(struct ep_str s, size_t *len);
// text_from_bytes(): bytes that are UTF-8 as they are, any others read as latin-1.
char *text_from_bytes(struct ep_str s, size_t *len);
/*
 * text_to_latin1(): what the user typed as the bytes of a name.
 * Return: NULL with *n bytes in buf, or what is wrong with it (a constant string).
 */
const char *text_to_latin1(const char *utf8, uint8_t *buf, size_t cap, size_t *n);

// text_printable(): valid UTF-8 made safe for a terminal: \xNN, \u{NNNN}, and \\ for a backslash.
char *text_printable(const char *utf8, size_t n);
// The two steps in one, for names and for other bytes.
char *text_printable_name(struct ep_str s);
char *text_printable_bytes(struct ep_str s);
// Columns on a terminal: code points.
size_t text_width(const char *utf8);

// text_age(): "12 s", "2 min", "5 h" or "3 d", rounded down.
const char *text_age(uint32_t age_s, char buf[TEXT_AGE_MAX]);
// text_address(): 4 or 16 bytes in the usual notation; "?" for another length.
const char *text_address(struct ep_str address, char buf[TEXT_ADDRESS_MAX]);
// text_number(): a decimal number in min..max. Return: 0, or 1 when it is none.
int text_number(const char *s, uint32_t min, uint32_t max, uint32_t *value);
