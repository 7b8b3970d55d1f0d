// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Internal to the server: a connection and what all of them share. connection.c moves bytes in and
 * out within their limits, session.c makes requests and answers of them, server.c lets clients in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/hash.h"
#include "base/log.h"
#include "edge/server.h"

struct account;
struct event;

struct connection {
	struct session session; // first: a session is a connection
	struct server *server;
	struct account *account;                      // of its user
	struct connection *prev, *next;               // server::connections
	struct connection *prev_doomed, *next_doomed; // server::doomed
	struct connection *prev_turn, *next_turn;     // server::waiting
	struct event *readable;
	struct event *writable; // NULL unless output is owed
	int fd;
	bool is_open;      // hello was accepted
	bool is_closing;   // nothing more is read; closes when all is sent
	bool is_doomed;    // closes from the loop
	bool is_throttled; // not read: it owes too much, or waits for its turn
	bool is_waiting;   // for its turn
	uint8_t n_deferred;
	uint32_t *deferred;   // ids
	uint64_t deadline_ms; // for hello, or for the rest of a frame; 0: nothing is due
	uint8_t *input;       // a frame's beginning, or all that came before it was throttled
	size_t input_len;
	uint8_t *output;
	size_t output_start, output_len, output_cap;
};

// What all sessions of one user use together.
struct account {
	UT_hash_handle hh; // server::accounts
	uid_t uid;
	uint32_t sessions;
	size_t bytes; // in the input and output buffers
};

struct server {
	struct event_base *base;
	struct server_limits limits;
	const struct server_ops *ops;
	void *user;
	struct event *acceptable[SERVER_LISTENERS_MAX];
	unsigned n_acceptable;
	struct event *accept_again;
	struct event *reaper; // closes the doomed
	struct event *turns;  // of those who wait for theirs
	struct connection *connections, *doomed, *waiting;
	struct account *accounts;
	uint32_t n_connections;
	uint64_t next_id;
	struct log_limit refusals;
	struct log_limit exhaustions;
	struct log_limit drops;
	struct connection *current; // whose requests are being answered into `answers`
	size_t answers_len;
	size_t turn_len; // sent to `current` in this turn
	uint64_t turn_end_ms;
	uint8_t input[SERVER_INPUT_LEN + EP_HEADER_LEN + EP_FRAME_MAX];
	uint8_t answers[65536];
};

static inline struct connection *connection_of(const struct session *session)
{
	return (struct connection *)(uintptr_t)session;
}

// connection_open(): serve a connected socket. Consumes fd.
void connection_open(struct server *server, int fd, uid_t uid, pid_t pid);
// connection_free(): let its owner know, and end it at once.
void connection_free(struct connection *connection);
// connection_doom(): end it from the loop.
void connection_doom(struct connection *connection);
// connection_owe(): send these bytes behind what is owed already.
void connection_owe(struct connection *connection, const uint8_t *p, size_t n);
// connection_flush(): send the answers gathered for server::current.
void connection_flush(struct server *server);
// connection_close_when_sent(): read nothing more, and end it when nothing is owed.
void connection_close_when_sent(struct connection *connection);

// connection_resume(): go on with what it sent, for at most turn_ms.
void connection_resume(struct connection *connection, uint64_t turn_ms);

// turns.c
// turns_wait(): there is more to do for it than others should wait for; connection_resume()
// follows.
void turns_wait(struct connection *connection);
void turns_leave(struct connection *connection); // if it waits
void turns_init(struct server *server);
void turns_fini(struct server *server);

/*
 * session.c: handle the complete frames of buf while the client reads its answers and the turn
 * lasts, at least one. Return: bytes used. *is_cut_short: the turn was over before all was seen.
 */
size_t session_handle_frames(struct connection *connection, const uint8_t *buf, size_t n,
			     bool *is_cut_short);
// session.c: what was due by deadline_ms has not come; say so, and end it.
void session_expire(struct connection *connection);

// server.c
struct account *server_open_account(struct server *server, uid_t uid);
void server_close_account(struct server *server, struct account *account);
