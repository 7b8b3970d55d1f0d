// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Messages of the wire protocol as tests want them: compared, as text, and at random. From a table
 * of its own, written from epmdns-protocol(7) and not from the codec: two that must agree.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "epmdns/protocol.h"

bool message_equals(const struct ep_msg *a, const struct ep_msg *b);
// message_print(): "FIELD VALUE\n" for each field as in tests/vectors. Return: text, cut to fit.
const char *message_print(const struct ep_msg *msg, char *text, size_t cap);
// message_has_field(): is there a field of that tag?
bool message_has_field(uint32_t tag);
// message_missing(): the required field of the lowest tag that is not there; NULL when none is.
const char *message_missing(uint8_t op, uint64_t present);
/*
 * message_random(): a message with any op that there is, the fields this op needs, and others, all
 * valid; strings are borrowed from pool. `random` is the generator's state.
 */
#define MESSAGE_POOL 1024
void message_random(struct ep_msg *msg, uint64_t *random, const uint8_t pool[MESSAGE_POOL]);
