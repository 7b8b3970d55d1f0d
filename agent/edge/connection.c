// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "edge/connection.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"

#define SENT_PER_TURN 65536 // at once; the rest waits, so that a long list delays nobody

static void set_input(struct connection *connection, const uint8_t *p, size_t n)
{
	connection->account->bytes += n;
	connection->account->bytes -= connection->input_len;
	connection->input_len = n;
	if (n == 0) {
		free(connection->input);
		connection->input = NULL;
	} else {
		connection->input = xrealloc(connection->input, n);
		memcpy(connection->input, p, n);
	}
}

static void set_output_cap(struct connection *connection, size_t cap)
{
	connection->account->bytes += cap;
	connection->account->bytes -= connection->output_cap;
	connection->output_cap = cap;
	if (cap == 0) {
		free(connection->output);
		connection->output = NULL;
		connection->output_start = 0;
	} else {
		connection->output = xrealloc(connection->output, cap);
	}
}

void connection_free(struct connection *connection)
{
	struct server *server = connection->server;

	if (connection->is_open) {
		server->ops->on_closed(server->user, &connection->session);
	}
	if (connection->is_doomed) {
		DL_DELETE2(server->doomed, connection, prev_doomed, next_doomed);
	}
	turns_leave(connection);
	DL_DELETE(server->connections, connection);
	server->n_connections--;
	event_free(connection->readable);
	if (connection->writable != NULL) {
		event_free(connection->writable);
	}
	close(connection->fd);
	set_input(connection, NULL, 0);
	set_output_cap(connection, 0);
	server_close_account(server, connection->account);
	free(connection->deferred);
	free(connection);
}

void connection_doom(struct connection *connection)
{
	struct server *server = connection->server;

	if (!connection->is_doomed) {
		connection->is_doomed = true;
		DL_APPEND2(server->doomed, connection, prev_doomed, next_doomed);
		event_active(server->reaper, EV_TIMEOUT, 0);
	}
}

static void on_writable(evutil_socket_t fd, short what, void *user);

// Room for n more bytes of output. Return: false when there is to be none.
static bool make_room(struct connection *connection, size_t n)
{
	size_t needed = connection->output_len + n;
	size_t cap = needed * 2 < SERVER_OUTPUT_MAX ? needed * 2 : SERVER_OUTPUT_MAX;

	if (connection->output_start + needed <= connection->output_cap) {
		return true;
	}
	if (connection->output_start > 0) {
		memmove(connection->output, connection->output + connection->output_start,
			connection->output_len);
		connection->output_start = 0;
	}
	if (needed <= connection->output_cap) {
		return true;
	}
	if (needed > SERVER_OUTPUT_MAX) {
		session_drop(&connection->session, "it does not read its answers");
		return false;
	}
	if (connection->account->bytes + cap - connection->output_cap > SERVER_BYTES_PER_UID_MAX) {
		session_drop(&connection->session, "its user's sessions do not read their answers");
		return false;
	}
	set_output_cap(connection, cap);
	return true;
}

// Keep bytes that could not be sent at once.
void connection_owe(struct connection *connection, const uint8_t *p, size_t n)
{
	struct timeval stuck = clock_timeval(SERVER_STUCK_MS);

	if (connection->is_doomed || n == 0 || !make_room(connection, n)) {
		return;
	}
	memcpy(connection->output + connection->output_start + connection->output_len, p, n);
	connection->output_len += n;
	if (connection->writable == NULL) {
		connection->writable = event_new(connection->server->base, connection->fd, EV_WRITE,
						 on_writable, connection);
		event_add(connection->writable, &stuck);
	}
}

// Return: bytes taken by the socket, or -1 when the connection is of no more use.
static ssize_t try_send(struct connection *connection, const uint8_t *p, size_t n)
{
	ssize_t sent = send(connection->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
		return 0;
	}
	if (sent < 0) {
		connection_doom(connection);
	}
	return sent;
}

// Send the answers gathered for the current connection.
void connection_flush(struct server *server)
{
	struct connection *connection = server->current;
	ssize_t sent;

	if (server->answers_len == 0) {
		return;
	}
	sent = connection->output_len > 0 || connection->is_doomed ||
			       server->turn_len >= SENT_PER_TURN
		       ? 0
		       : try_send(connection, server->answers, server->answers_len);
	if (sent >= 0) {
		server->turn_len += (size_t)sent;
		connection_owe(connection, server->answers + sent,
			       server->answers_len - (size_t)sent);
	}
	server->answers_len = 0;
}

void connection_close_when_sent(struct connection *connection)
{
	connection->is_closing = true;
	event_del(connection->readable);
	if (connection->output_len == 0) {
		connection_doom(connection);
	}
}

// Wait for more to read, and for what is due no longer than it has time.
static void await_input(struct connection *connection)
{
	uint64_t now_ms = connection->deadline_ms != 0 ? clock_now_ms() : 0;
	struct timeval left = clock_timeval(
		connection->deadline_ms > now_ms ? connection->deadline_ms - now_ms : 0);

	event_add(connection->readable, connection->deadline_ms != 0 ? &left : NULL);
}

// One who does not read is not heard further either, nor is one who has asked for more already than
// can be done at once.
static void throttle(struct connection *connection, bool has_more)
{
	bool owes_much = connection->output_len > SERVER_OUTPUT_MAX / 2;

	if (connection->is_throttled || connection->is_closing || connection->is_doomed ||
	    !(owes_much || has_more)) {
		return;
	}
	connection->is_throttled = true;
	event_del(connection->readable);
	if (!owes_much) {
		turns_wait(connection);
	}
}

// Keep the beginning of a frame for the next time, and see to it that its rest comes.
static void keep_input(struct connection *connection, const uint8_t *p, size_t n, bool is_new)
{
	bool had_deadline = connection->deadline_ms != 0;

	if (n > 0 || connection->input_len > 0) {
		set_input(connection, p, n);
	}
	if (connection->account->bytes > SERVER_BYTES_PER_UID_MAX) {
		session_drop(&connection->session, "its user's sessions sent too much at once");
		return;
	}
	if (connection->is_open && n == 0) {
		connection->deadline_ms = 0;
	} else if (connection->is_open && (is_new || !had_deadline)) {
		connection->deadline_ms = clock_now_ms() + SERVER_STUCK_MS;
	}
	if (connection->deadline_ms != 0) {
		await_input(connection); // libevent would begin anew with each byte
	} else if (had_deadline) {
		event_remove_timer(connection->readable);
	}
}

// Handle server::input[0..n), the kept input included.
static void handle_input(struct connection *connection, size_t n, uint64_t turn_ms)
{
	struct server *server = connection->server;
	bool is_cut_short;
	size_t used;

	server->current = connection;
	server->turn_len = 0;
	server->turn_end_ms = clock_now_ms() + turn_ms;
	used = session_handle_frames(connection, server->input, n, &is_cut_short);
	connection_flush(server);
	server->current = NULL;
	if (connection->is_doomed) {
		return;
	}
	if (connection->is_closing) {
		set_input(connection, NULL, 0);
		return;
	}
	keep_input(connection, server->input + used, n - used, used > 0);
	throttle(connection, is_cut_short);
	// A list may have stopped for answers that have all been sent meanwhile.
	if (connection->is_open && connection->output_len == 0 && !connection->is_doomed) {
		server->ops->on_drained(server->user, &connection->session);
	}
}

// Where others wait for their turns, each is heard with one request, and waits for the next.
static uint64_t fair_turn_ms(const struct server *server)
{
	return server->waiting == NULL ? SERVER_TURN_MS : 0;
}

void connection_resume(struct connection *connection, uint64_t turn_ms)
{
	struct server *server = connection->server;
	size_t kept = connection->input_len;

	turns_leave(connection);
	if (!connection->is_throttled || connection->is_doomed ||
	    connection->output_len >= SERVER_OUTPUT_LOW) {
		return;
	}
	connection->is_throttled = false;
	if (connection->is_open) {
		connection->deadline_ms = 0; // it was we who did not read
	}
	if (kept > 0) {
		memcpy(server->input, connection->input, kept);
	}
	handle_input(connection, kept, turn_ms);
	if (!connection->is_throttled && !connection->is_closing && !connection->is_doomed) {
		await_input(connection);
	}
}

static void on_writable(evutil_socket_t fd, short what, void *user)
{
	struct connection *connection = user;
	struct server *server = connection->server;
	struct timeval stuck = clock_timeval(SERVER_STUCK_MS);
	ssize_t sent;

	(void)fd;
	if (connection->is_doomed) {
		return;
	}
	if ((what & EV_TIMEOUT) != 0) {
		session_drop(&connection->session, "it does not read its answers");
		return;
	}
	sent = try_send(connection, connection->output + connection->output_start,
			connection->output_len);
	if (sent < 0) {
		return;
	}
	connection->output_start += (size_t)sent;
	connection->output_len -= (size_t)sent;
	if (connection->output_len < SERVER_OUTPUT_LOW && connection->is_open &&
	    !connection->is_closing) {
		server->ops->on_drained(server->user, &connection->session);
	}
	connection_resume(connection, fair_turn_ms(server));
	if (connection->output_len > 0) {
		event_add(connection->writable, &stuck);
		return;
	}
	event_free(connection->writable);
	connection->writable = NULL;
	set_output_cap(connection, 0);
	if (connection->is_closing) {
		connection_doom(connection);
	}
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
	struct connection *connection = user;
	struct server *server = connection->server;
	size_t kept = connection->input_len;
	ssize_t n;

	if (connection->is_doomed || connection->is_throttled) {
		return;
	}
	if ((what & EV_TIMEOUT) != 0) {
		if (connection->deadline_ms == 0) {
			event_remove_timer(connection->readable);
			return;
		}
		session_expire(connection);
		return;
	}
	if (kept > 0) {
		memcpy(server->input, connection->input, kept);
	}
	n = recv(fd, server->input + kept, SERVER_INPUT_LEN, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (n <= 0) {
		connection_free(connection); // before the next client is heard: its names are gone
		return;
	}
	handle_input(connection, kept + (size_t)n, fair_turn_ms(server));
}

void connection_open(struct server *server, int fd, uid_t uid, pid_t pid)
{
	struct connection *connection = xcalloc(1, sizeof(*connection));

	connection->session = (struct session){.id = ++server->next_id, .uid = uid, .pid = pid};
	connection->server = server;
	connection->fd = fd;
	connection->account = server_open_account(server, uid);
	connection->deadline_ms = clock_now_ms() + SERVER_HELLO_MS;
	connection->readable =
		event_new(server->base, fd, EV_READ | EV_PERSIST, on_readable, connection);
	DL_APPEND(server->connections, connection);
	server->n_connections++;
	await_input(connection);
	event_active(connection->readable, EV_READ, 0); // most have sent their hello already
}
