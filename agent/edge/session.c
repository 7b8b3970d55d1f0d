// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What a session asks and is answered; see connection.h.

#include "edge/server.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "edge/connection.h"

#define ERROR_TEXT_MAX 256

static void undefer(struct connection *connection, uint32_t id)
{
	for (uint8_t i = 0; i < connection->n_deferred; i++) {
		if (connection->deferred[i] == id) {
			connection->deferred[i] = connection->deferred[--connection->n_deferred];
			return;
		}
	}
}

static void put(struct connection *connection, const struct ep_msg *msg)
{
	struct server *server = connection->server;
	uint8_t frame[EP_HEADER_LEN + EP_FRAME_MAX];
	size_t n;

	if (connection->is_doomed || connection->is_closing) {
		return;
	}
	if (connection == server->current) {
		for (unsigned attempt = 0; attempt < 2; attempt++) {
			n = ep_encode(msg, server->answers + server->answers_len,
				      sizeof(server->answers) - server->answers_len);
			if (n > 0) {
				server->answers_len += n;
				return;
			}
			connection_flush(server);
		}
		log_error("An answer does not fit into a frame. op=%s", ep_op_name(msg->op));
		return;
	}
	n = ep_encode(msg, frame, sizeof(frame));
	if (n == 0) {
		log_error("An answer does not fit into a frame. op=%s", ep_op_name(msg->op));
		return;
	}
	connection_owe(connection, frame, n);
}

void session_send(struct session *session, const struct ep_msg *msg)
{
	struct connection *connection = connection_of(session);

	if (msg->op != EP_OP_ITEM) {
		undefer(connection, msg->id);
	}
	put(connection, msg);
}

void session_fail(struct session *session, uint32_t id, enum ep_code code, const char *format, ...)
{
	struct ep_msg answer;
	char text[ERROR_TEXT_MAX];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n >= (int)sizeof(text)) {
		n = sizeof(text) - 1;
	}
	ep_begin(&answer, EP_OP_ERROR, id);
	ep_set_u32(&answer, EP_F_CODE, &answer.code, code);
	ep_set_str(&answer, EP_F_TEXT, &answer.text, text, n > 0 ? (size_t)n : 0);
	session_send(session, &answer);
	log_debug("Refused a request: %s. code=%s session=%llu", text, ep_code_name(code),
		  (unsigned long long)session->id);
}

void session_done(struct session *session, uint32_t id)
{
	struct ep_msg answer;

	ep_begin(&answer, EP_OP_DONE, id);
	session_send(session, &answer);
}

bool session_is_deferred(const struct session *session, uint32_t id)
{
	const struct connection *connection = connection_of(session);

	for (uint8_t i = 0; i < connection->n_deferred; i++) {
		if (connection->deferred[i] == id) {
			return true;
		}
	}
	return false;
}

bool session_defer(struct session *session, uint32_t id)
{
	struct connection *connection = connection_of(session);

	if (connection->n_deferred == EP_IN_FLIGHT_MAX) {
		session_fail(session, id, EP_CODE_LIMIT, "more than %d requests are unanswered",
			     EP_IN_FLIGHT_MAX);
		return false;
	}
	if (connection->deferred == NULL) {
		connection->deferred = xcalloc(EP_IN_FLIGHT_MAX, sizeof(connection->deferred[0]));
	}
	connection->deferred[connection->n_deferred++] = id;
	return true;
}

size_t session_owes(const struct session *session)
{
	const struct connection *connection = connection_of(session);
	const struct server *server = connection->server;

	return connection->output_len + (server->current == connection ? server->answers_len : 0);
}

bool session_is_hung_up(const struct session *session)
{
	const struct connection *connection = connection_of(session);
	struct pollfd poll_fd = {.fd = connection->fd, .events = POLLRDHUP};

	return connection->is_doomed || (poll(&poll_fd, 1, 0) == 1 &&
					 (poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0);
}

static void note_drop(struct connection *connection, const char *why)
{
	const struct session *session = &connection->session;
	uint64_t suppressed;

	if (log_limit_pass(&connection->server->drops, clock_now_ms(), &suppressed)) {
		log_info("Dropping a session: %s. session=%llu uid=%u pid=%d suppressed=%llu", why,
			 (unsigned long long)session->id, (unsigned)session->uid, (int)session->pid,
			 (unsigned long long)suppressed);
	}
}

void session_drop(struct session *session, const char *why)
{
	struct connection *connection = connection_of(session);

	if (!connection->is_doomed) {
		note_drop(connection, why);
		connection_doom(connection);
	}
}

// Say what was wrong and close once it is said.
static void refuse(struct connection *connection, uint32_t id, enum ep_code code, const char *text)
{
	session_fail(&connection->session, id, code, "%s", text);
	connection_flush(connection->server);
	connection_close_when_sent(connection);
}

void session_expire(struct connection *connection)
{
	if (connection->is_open) {
		note_drop(connection, "it sent half a frame");
		refuse(connection, 0, EP_CODE_BAD_FRAME,
		       "the rest of a frame did not come in time");
	} else {
		note_drop(connection, "it did not say hello");
		refuse(connection, 0, EP_CODE_HELLO_FIRST, "hello did not come in time");
	}
}

static void handle_hello(struct connection *connection, const struct ep_msg *msg)
{
	struct server *server = connection->server;
	struct session *session = &connection->session;
	struct ep_msg welcome;

	if (connection->is_open) {
		session_fail(session, msg->id, EP_CODE_BAD_FIELD, "hello was said already");
		return;
	}
	if (msg->version < 1 ||
	    (ep_has(msg, EP_F_VERSION_MIN) && msg->version_min > EP_PROTOCOL_VERSION)) {
		refuse(connection, msg->id, EP_CODE_BAD_VERSION,
		       "this agent speaks protocol version 1");
		return;
	}
	if (ep_has(msg, EP_F_OWNER)) {
		session->has_owner = true;
		memcpy(session->owner, msg->owner.p, EP_OWNER_LEN);
	}
	connection->is_open = true;
	connection->deadline_ms = 0;
	event_remove_timer(connection->readable);
	ep_begin(&welcome, EP_OP_WELCOME, msg->id);
	ep_set_u32(&welcome, EP_F_VERSION, &welcome.version,
		   msg->version < EP_PROTOCOL_VERSION ? msg->version : EP_PROTOCOL_VERSION);
	server->ops->on_opened(server->user, session, &welcome);
	session_send(session, &welcome);
}

// This does not answer the request that has the id; that is still to be answered.
static void refuse_duplicate(struct connection *connection, uint32_t id)
{
	static const char text[] = "a request with this id is still unanswered";
	struct ep_msg answer;

	ep_begin(&answer, EP_OP_ERROR, id);
	ep_set_u32(&answer, EP_F_CODE, &answer.code, EP_CODE_DUPLICATE_ID);
	ep_set_str(&answer, EP_F_TEXT, &answer.text, text, sizeof(text) - 1);
	put(connection, &answer);
}

// Name the field that is to blame, by its number if this version has no name for it.
static void refuse_field(struct session *session, uint32_t id, const struct ep_problem *problem)
{
	if (problem->field != NULL) {
		session_fail(session, id, EP_CODE_BAD_FIELD, "%s: %s", problem->field,
			     problem->what);
	} else {
		session_fail(session, id, EP_CODE_BAD_FIELD, "field %u: %s", problem->tag,
			     problem->what);
	}
}

static void handle_body(struct connection *connection, struct ep_str body)
{
	struct server *server = connection->server;
	struct session *session = &connection->session;
	struct ep_problem problem;
	struct ep_msg msg;
	enum ep_result result = ep_decode(body, &msg, &problem);

	if (result == EP_BAD_FRAME) {
		refuse(connection, msg.id, EP_CODE_BAD_FRAME, problem.what);
	} else if (!connection->is_open && msg.op != EP_OP_HELLO) {
		refuse(connection, msg.id, EP_CODE_HELLO_FIRST, "say hello first");
	} else if (msg.op != EP_OP_CANCEL && session_is_deferred(session, msg.id)) {
		refuse_duplicate(connection, msg.id);
	} else if (result == EP_UNKNOWN_OP || msg.op >= EP_OP_WELCOME) {
		session_fail(session, msg.id, EP_CODE_UNKNOWN_OP,
			     "operation %u is no request of version 1", msg.op);
	} else if (result == EP_BAD_FIELD && msg.op != EP_OP_CANCEL) {
		// (an error would answer the watch that a cancel names)
		refuse_field(session, msg.id, &problem);
	} else if (msg.op == EP_OP_HELLO) {
		handle_hello(connection, &msg);
	} else {
		server->ops->on_request(server->user, session, &msg);
	}
}

size_t session_handle_frames(struct connection *connection, const uint8_t *buf, size_t n,
			     bool *is_cut_short)
{
	size_t used = 0;

	*is_cut_short = false;
	while (!connection->is_closing && !connection->is_doomed &&
	       session_owes(&connection->session) <= SERVER_OUTPUT_MAX / 2) {
		struct ep_str body;
		enum ep_result result = ep_frame(buf + used, n - used, &body);

		if (result == EP_BAD_FRAME) {
			refuse(connection, 0, EP_CODE_BAD_FRAME,
			       "a frame body has 5 to 8192 bytes");
		}
		if (result != EP_OK) {
			break;
		}
		used = (size_t)(body.p + body.n - buf);
		handle_body(connection, body);
		if (used < n && clock_now_ms() >= connection->server->turn_end_ms) {
			*is_cut_short = true;
			break;
		}
	}
	return used;
}
