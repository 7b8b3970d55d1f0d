// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// One client that asks and waits for its answer, as a program would.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tongue.h"

// The end of what was received: of an answer of many frames only the last counts.
#define CALLER_BUF 65536

struct caller {
	const struct tongue *tongue;
	const char *where;
	int fd; // -1: a connection for each question
	uint8_t buf[CALLER_BUF];
	const uint8_t *answer; // the last one, in buf
	size_t answer_len;
};

// Connects and says hello, where a connection lasts.
void caller_open(struct caller *caller, const struct tongue *tongue, const char *where);
void caller_close(struct caller *caller);
// caller_ask(): over the connection that lasts, or one of its own. Exits when there is no answer.
void caller_ask(struct caller *caller, const uint8_t *request, size_t n);
/*
 * caller_register(): a connection of its own, which holds the name; hello and the request go out at
 * once, as the Erlang module does it. Return: its socket, or -1 when the name is refused.
 */
int caller_register(struct caller *caller, unsigned number);
// caller_register_too(): one more name on such a connection. Return: false when it is refused.
bool caller_register_too(struct caller *caller, int fd, unsigned number);
// caller_finds(): is the name known?
bool caller_finds(struct caller *caller, unsigned number);
