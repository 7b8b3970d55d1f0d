// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * The front, as the discovery process sees it: our end of the link (edge/wire.h). Sending may
 * block; the front never does. When the front is gone, the event loop is left.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "edge/wire.h"

struct event_base;
struct front;

struct front_handler {
	void (*on_message)(void *owner, const struct link_msg *msg);
	void *owner;
};

// front_fd_problem(): is this descriptor an end of a link? Return: NULL, or what it is instead.
const char *front_fd_problem(int fd);
// front_new(): borrows fd. Messages are read before anything else that base has to do.
struct front *front_new(struct event_base *base, int fd, struct front_handler handler);
void front_free(struct front *front);

void front_send(struct front *front, const struct link_msg *msg);
void front_say(struct front *front, enum link_op op);
void front_say_ref(struct front *front, enum link_op op, const struct link_ref *ref);
void front_say_text(struct front *front, enum link_op op, const char *instance, const char *text);
void front_say_state(struct front *front, enum link_state state, const char *text);
