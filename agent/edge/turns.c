// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Sessions that have asked for more than can be done in a moment take turns: a millisecond each, in
 * their order, and between two rounds of the loop no more than SERVER_TURN_MS for all of them. A
 * lookup takes a microsecond, but a list of few out of many nodes a hundred, and one read can bring
 * nine thousand of these: others would wait for a second.
 */

#include "edge/connection.h"

#include <event2/event.h>
#include <utlist.h>

#include "base/clock.h"

#define SLICE_MS 1

// In the next round of the loop, after whoever has something to be read by then.
static void schedule(struct server *server)
{
	const struct timeval now = {0, 0};

	if (event_pending(server->turns, EV_TIMEOUT, NULL) == 0) {
		event_add(server->turns, &now);
	}
}

static void on_turns(evutil_socket_t fd, short what, void *user)
{
	struct server *server = user;
	uint64_t end_ms = clock_now_ms() + SERVER_TURN_MS;

	(void)fd;
	(void)what;
	while (server->waiting != NULL && clock_now_ms() < end_ms) {
		connection_resume(server->waiting, SLICE_MS);
	}
	if (server->waiting != NULL) {
		schedule(server);
	}
}

void turns_init(struct server *server)
{
	server->turns = event_new(server->base, -1, 0, on_turns, server);
}

void turns_fini(struct server *server)
{
	event_free(server->turns);
}

void turns_wait(struct connection *connection)
{
	struct server *server = connection->server;

	if (!connection->is_waiting) {
		connection->is_waiting = true;
		DL_APPEND2(server->waiting, connection, prev_turn, next_turn);
		schedule(server);
	}
}

void turns_leave(struct connection *connection)
{
	if (connection->is_waiting) {
		connection->is_waiting = false;
		DL_DELETE2(connection->server->waiting, connection, prev_turn, next_turn);
	}
}
