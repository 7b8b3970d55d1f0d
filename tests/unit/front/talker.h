// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * A client at the other end of a socket that is served in this very process: it never blocks, and
 * turns the loop while it waits.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "epmdns/codec.h"
#include "test.h"

struct event_base;

struct talker {
	struct event_base *base;
	int fd;
	bool is_closed; // by the server
	uint8_t *in;
	size_t start, end, cap;
};

// talker_pair(): Return: the talker; *served: the other end, to be served.
struct talker *talker_pair(struct event_base *base, int *served);
// talker_be_user(): who the clients are that are let in from now on; before, they are who we are.
void talker_be_user(uid_t uid);
// talker_new(): consumes fd.
struct talker *talker_new(struct event_base *base, int fd);
void talker_free(struct talker *talker); // closes
void talker_hang_up(struct talker *talker);

// talker_write(): as much as the socket takes. Return: bytes.
size_t talker_write(struct talker *talker, const void *p, size_t n);
// talker_send(): a whole message.
void talker_send(struct talker *talker, const struct ep_msg *msg);
// talker_ask(): a request without fields.
void talker_ask(struct talker *talker, enum ep_op op, uint32_t id);
void talker_say_hello(struct talker *talker, const char *owner); // NULL: no owner
struct talker *talker_welcome(struct talker *talker);            // hello, and its answer

// talker_read(): take in what is there. Return: bytes.
size_t talker_read(struct talker *talker);
// talker_has(): is there a whole message?
bool talker_has(struct talker *talker);
// talker_take(): the next message, if it has come; it borrows until the next call.
bool talker_take(struct talker *talker, struct ep_msg *msg);
// talker_next(): the next message; fails when none comes.
struct ep_msg talker_next(struct talker *talker);
// talker_expect(): the next message is this.
struct ep_msg talker_expect(struct talker *talker, enum ep_op op, uint32_t id);
struct ep_msg talker_expect_error(struct talker *talker, uint32_t id, enum ep_code code);
void talker_expect_end(struct talker *talker); // nothing more, and closed
// talker_expect_nothing(): what was sent has been handled, and there is no answer.
void talker_expect_nothing(struct talker *talker);
