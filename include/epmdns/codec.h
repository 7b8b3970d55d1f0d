// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * The codec of the wire contract (protocol.h): pure functions on bytes, no allocation, no I/O.
 * One table of fields drives both directions, so that what is decoded is what can be encoded.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "epmdns/protocol.h"

enum ep_result {
	EP_OK = 0,
	EP_SHORT,      // more bytes are needed; nothing was consumed
	EP_BAD_FRAME,  // not a frame: the session cannot go on
	EP_UNKNOWN_OP, // op and id are valid, nothing else is
	EP_BAD_FIELD,  // op and id are valid; see ep_problem
};

/*
 * What was wrong, in words that can be sent back. `tag` is that of the field to blame, 0 for none;
 * `field` is its name, NULL if it has none in this version.
 */
struct ep_problem {
	const char *field;
	const char *what;
	uint8_t tag;
};

/*
 * ep_frame(): find the first complete frame in buf[0..n).
 * Return: EP_OK with *body set (borrowed from buf) and the next frame at body->p + body->n;
 * EP_SHORT; or EP_BAD_FRAME when the length is over EP_FRAME_MAX or under EP_BODY_MIN.
 */
enum ep_result ep_frame(const uint8_t *buf, size_t n, struct ep_str *body);

/*
 * ep_decode(): decode one frame body into msg, which borrows from body. msg needs no
 * initialisation. Checks structure, sizes, ranges, repeats and the fields that the op requires;
 * says in *problem what is wrong. Any op and id that could be read are set even on failure (else
 * 0), for the answer.
 */
enum ep_result ep_decode(struct ep_str body, struct ep_msg *msg, struct ep_problem *problem);

/*
 * ep_encode(): write msg as a whole frame, length first. Fields go out in the order of their tags.
 * The caller passes values that satisfy protocol.h (asserted); lists are cut to nothing else.
 * Return: bytes written, or 0 when they do not fit into cap or into EP_FRAME_MAX.
 */
size_t ep_encode(const struct ep_msg *msg, uint8_t *buf, size_t cap);

// Start a message; then set members with the ep_set_* helpers below.
void ep_begin(struct ep_msg *msg, enum ep_op op, uint32_t id);

// ep_set_str(): set a string member and its bit. `slot` is the member that `field` names.
static inline void ep_set_str(struct ep_msg *msg, enum ep_field field, struct ep_str *slot,
			      const void *p, size_t n)
{
	slot->p = p;
	slot->n = n;
	msg->present |= UINT64_C(1) << field;
}

static inline void ep_set_u32(struct ep_msg *msg, enum ep_field field, uint32_t *slot,
			      uint32_t value)
{
	*slot = value;
	msg->present |= UINT64_C(1) << field;
}

// ep_add(): append to a list member. Return: 0, or 1 when the list is full (nothing is added).
int ep_add(struct ep_msg *msg, enum ep_field field, const void *p, size_t n);

// Names for logs, errors and command lines; NULL for a number that version 1 does not know.
const char *ep_op_name(uint32_t op);
const char *ep_code_name(uint32_t code);
const char *ep_carrier_name(uint32_t carrier); // "inet_tcp"
const char *ep_family_name(uint32_t family);   // "inet"
const char *ep_state_name(uint32_t state);     // "up"
const char *ep_event_name(uint32_t event);     // "up"
const char *ep_origin_name(uint32_t origin);   // "local"
