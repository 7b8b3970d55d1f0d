// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Sessions on the Unix socket: accepting, framing, decoding, the order of hello, request ids, and
 * output. What a request means is the owner's business.
 *
 * The hot path is three system calls: epoll_wait, one recv, one send for all answers of that recv.
 * A client that does not take its answers is not read from; what comes to it unasked (changes, for
 * a watch) waits up to SERVER_OUTPUT_MAX; then it is dropped. One that sends what is no frame, or
 * says nothing in time, is told what was wrong before it is closed. One who asks for more than can
 * be done in a moment takes turns with the others.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "epmdns/codec.h"

#define SERVER_INPUT_LEN 65536              // one recv
#define SERVER_OUTPUT_MAX 262144            // bytes that a session may owe its client
#define SERVER_OUTPUT_LOW 32768             // below this a feed may go on
#define SERVER_HELLO_MS 10000               // from connect to hello
#define SERVER_BYTES_PER_UID_MAX (64 << 20) // in the buffers of all sessions of one user
#define SERVER_STUCK_MS 30000               // for a client to read anything, or to finish a frame
#define SERVER_ACCEPT_AGAIN_MS 1000         // after running out of descriptors
#define SERVER_TURN_MS 5                    // for the requests of one session, if nobody waits
#define SERVER_LISTENERS_MAX 8

struct event_base;
struct server;

struct server_limits {
	uint32_t sessions;
	uint32_t sessions_per_uid;
};

/*
 * A client's connection, as its owner sees it. Between on_opened (hello was accepted) and on_closed
 * it is valid; `user` is the owner's.
 */
struct session {
	uint64_t id; // never reused
	uid_t uid;
	pid_t pid; // for display only: 0 across containers
	bool has_owner;
	uint8_t owner[EP_OWNER_LEN];
	void *user;
};

struct server_ops {
	// hello was accepted; fill the rest of the welcome (software, agent, host, capabilities)
	void (*on_opened)(void *user, struct session *session, struct ep_msg *welcome);
	// a decoded request; msg is valid during the call. Answer now, or session_defer() it
	void (*on_request)(void *user, struct session *session, const struct ep_msg *msg);
	// the output that was owed fell below SERVER_OUTPUT_LOW
	void (*on_drained)(void *user, struct session *session);
	// let go of everything that this session owns
	void (*on_closed)(void *user, struct session *session);
};

struct server *server_new(struct event_base *base, const struct server_limits *limits,
			  const struct server_ops *ops, void *user);
void server_free(struct server *server);
// Accept on one more listening socket (borrowed; non-blocking), SERVER_LISTENERS_MAX at most.
void server_listen(struct server *server, int fd);
// Serve a connected socket as if it had been accepted. Consumes fd.
void server_adopt(struct server *server, int fd);
uint32_t server_sessions(const struct server *server);

/*
 * session_send(): send an answer. A final one (any but EP_OP_ITEM) ends the request's deferral.
 * Never closes the session at once: one that owes too much is closed from the loop.
 */
void session_send(struct session *session, const struct ep_msg *msg);
// session_fail(): answer with an error.
void session_fail(struct session *session, uint32_t id, enum ep_code code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
// session_done(): answer with done.
void session_done(struct session *session, uint32_t id);
/*
 * session_defer(): the answer to this request comes later. Return: false when the session has too
 * many unanswered ones; EP_CODE_LIMIT was then sent.
 */
bool session_defer(struct session *session, uint32_t id);
bool session_is_deferred(const struct session *session, uint32_t id);
// Bytes that the client has not taken yet.
size_t session_owes(const struct session *session);
// Has the client closed its end, even if we have not come to read that?
bool session_is_hung_up(const struct session *session);
// Close from the loop, with a reason for the log.
void session_drop(struct session *session, const char *why);
