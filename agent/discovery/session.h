// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * One connection to Avahi over D-Bus that comes back by itself: after the bus, Avahi or a single
 * call has failed, the client is freed and made anew. After a call that timed out that is the only
 * way to get rid of what the call did later all the same.
 */
#pragma once

#include <avahi-client/client.h>
#include <stdbool.h>

struct event_base;
struct session;

enum session_state {
	SESSION_DOWN,     // no client that could be used; made anew by a timer
	SESSION_WAITING,  // on the bus, but Avahi is not
	SESSION_CLAIMING, // Avahi is claiming its host name
	SESSION_RUNNING,
};

struct session_handler {
	/*
	 * The state has changed. In SESSION_DOWN all handles of the old client are to be forgotten,
	 * without any call: they are freed with it, and no callback of theirs comes any more. This
	 * may be called from within libavahi, so calls are better made from an event of one's own.
	 */
	void (*on_changed)(void *owner);
	void *owner;
};

// session_new(): name is for the log. Connects from the event loop.
struct session *session_new(struct event_base *base, const char *name,
			    struct session_handler handler);
// Frees the client and so everything made with it; on_changed is not called.
void session_free(struct session *session);

enum session_state session_state(const struct session *session);
// The state in words.
const char *session_text(const struct session *session);
// session_client(): to make calls with; NULL unless Avahi is there (CLAIMING and RUNNING).
AvahiClient *session_client(const struct session *session);
/*
 * session_call(): call Avahi for nothing but to see whether it answers; like all calls it may block
 * for 25 s, and the session goes down when there is no answer.
 */
void session_call(struct session *session);
/*
 * session_check(): look at the error of a call. If it is one of the connection rather than of what
 * was asked for, the session goes down (on_changed is called before this returns) and no handle may
 * be used any more. Return: is the session still up?
 */
bool session_check(struct session *session, int error);
