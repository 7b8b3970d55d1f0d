// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * The front's end of the link to the discovery process: starts it, restarts it when it dies or
 * hangs, passes messages (wire.h). Nothing is queued here: what is to be said is pulled from the
 * owner while the socket takes it, so that a child that hangs for 30 s costs nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "edge/wire.h"

#define LINK_HANG_MS 90000  // one step of the child; a D-Bus call gives up after 25 s
#define LINK_SILENT_MS 2000 // by then it has answered, unless something is wrong
#define LINK_BACKOFF_MS 250 // doubling …
#define LINK_BACKOFF_MAX_MS 30000
#define LINK_HEALTHY_MS 10000 // a life that resets the back-off
#define LINK_STOP_MS 1500     // for goodbyes at the end

struct event_base;
struct link;

struct link_ops {
	// a new child: it knows nothing and is to be told everything
	void (*on_started)(void *user);
	void (*on_message)(void *user, const struct link_msg *msg);
	// LINK_SILENT_MS have passed without a word of the child, though an answer is due …
	void (*on_silent)(void *user);
	// … and now it has said something after that
	void (*on_heard)(void *user);
	// after link_check(): Avahi has answered, or the child knows that it cannot
	void (*on_checked)(void *user);
	// the child died or was killed; `why` in words
	void (*on_lost)(void *user, const char *why);
	// the child is of another build: this program was replaced on disk and must be restarted
	void (*on_mismatch)(void *user, const char *version);
	// after link_stop(): the child is gone
	void (*on_stopped)(void *user);
	// link_next(): fill in the next message to send. Return: false when there is none
	bool (*next)(void *user, struct link_msg *msg);
};

/*
 * link_new(): start `program` with `argv` (argv[0] included, NULL at the end; both borrowed for the
 * life of the link).
 */
struct link *link_new(struct event_base *base, const char *program, char *const *argv,
		      const struct link_ops *ops, void *user);
void link_free(struct link *link);
// There is something to pull.
void link_wake(struct link *link);
// End the child, letting it say goodbye; link_ops.on_stopped follows within LINK_STOP_MS.
void link_stop(struct link *link);
/*
 * link_check(): have the child make a call of Avahi. Return: false when on_checked will not come
 * for that: there is no child that could, or it is silent already.
 */
bool link_check(struct link *link);
// For how long the child has been silent, 0 when it is not.
uint64_t link_silent_ms(const struct link *link);
// Does the child sleep? Then, if it is silent, it waits for somebody; else it is stopped or busy.
bool link_is_asleep(const struct link *link);
// Pid of the child, 0 when there is none.
int link_pid(const struct link *link);
// How often it was started again.
uint32_t link_restarts(const struct link *link);
// Could the program not even be started, the last time?
bool link_is_unstartable(const struct link *link);
