// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "edge/server.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "edge/connection.h"

#define ACCEPTS_PER_TURN 64
#define REFUSAL_MAX 256

static struct account *find_account(const struct server *server, uid_t uid)
{
	struct account *account;

	HASH_FIND(hh, server->accounts, &uid, sizeof(uid), account);
	return account;
}

struct account *server_open_account(struct server *server, uid_t uid)
{
	struct account *account = find_account(server, uid);

	if (account == NULL) {
		account = xcalloc(1, sizeof(*account));
		account->uid = uid;
		HASH_ADD(hh, server->accounts, uid, sizeof(account->uid), account);
	}
	account->sessions++;
	return account;
}

void server_close_account(struct server *server, struct account *account)
{
	if (--account->sessions == 0) {
		HASH_DEL(server->accounts, account);
		free(account);
	}
}

static void on_reap(evutil_socket_t fd, short what, void *user)
{
	struct server *server = user;

	(void)fd;
	(void)what;
	while (server->doomed != NULL) {
		connection_free(server->doomed);
	}
}

// Why a new connection cannot be served; NULL when it can.
static const char *limit_reached(struct server *server, uid_t uid)
{
	const struct account *account = find_account(server, uid);

	if (server->n_connections >= server->limits.sessions) {
		return "the agent has all the connections that it serves";
	}
	if (account != NULL && account->sessions >= server->limits.sessions_per_uid) {
		return "your user has all the connections that one user may have";
	}
	return NULL;
}

static void refuse_connection(struct server *server, int fd, const char *why)
{
	struct ep_msg answer;
	uint8_t frame[REFUSAL_MAX];
	uint64_t suppressed;
	size_t n;

	ep_begin(&answer, EP_OP_ERROR, 0);
	ep_set_u32(&answer, EP_F_CODE, &answer.code, EP_CODE_LIMIT);
	ep_set_str(&answer, EP_F_TEXT, &answer.text, why, strlen(why));
	n = ep_encode(&answer, frame, sizeof(frame));
	if (send(fd, frame, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		log_debug("Cannot refuse a connection: %s.", strerror(errno));
	}
	close(fd);
	if (log_limit_pass(&server->refusals, clock_now_ms(), &suppressed)) {
		log_warn("Refusing connections: %s. suppressed=%llu", why,
			 (unsigned long long)suppressed);
	}
}

void server_adopt(struct server *server, int fd)
{
	struct ucred credentials = {.uid = (uid_t)-1};
	socklen_t len = sizeof(credentials);
	const char *why;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) < 0) {
		log_debug("A connection has no credentials: %s.", strerror(errno));
	}
	why = limit_reached(server, credentials.uid);
	if (why != NULL) {
		refuse_connection(server, fd, why);
		return;
	}
	connection_open(server, fd, credentials.uid, credentials.pid);
}

static void pause_accepting(struct server *server)
{
	struct timeval again = clock_timeval(SERVER_ACCEPT_AGAIN_MS);

	for (unsigned i = 0; i < server->n_acceptable; i++) {
		event_del(server->acceptable[i]);
	}
	event_add(server->accept_again, &again);
}

static void on_acceptable(evutil_socket_t fd, short what, void *user)
{
	struct server *server = user;
	uint64_t suppressed;

	(void)what;
	for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client >= 0) {
			server_adopt(server, client);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			// The connection stays in the backlog; libevent would report it without
			// end.
			int error = errno;

			pause_accepting(server);
			if (log_limit_pass(&server->exhaustions, clock_now_ms(), &suppressed)) {
				log_warn("Not accepting connections for a second: %s. "
					 "suppressed=%llu",
					 strerror(error), (unsigned long long)suppressed);
			}
		}
		return;
	}
}

static void on_accept_again(evutil_socket_t fd, short what, void *user)
{
	struct server *server = user;

	(void)fd;
	(void)what;
	for (unsigned i = 0; i < server->n_acceptable; i++) {
		event_add(server->acceptable[i], NULL);
	}
}

struct server *server_new(struct event_base *base, const struct server_limits *limits,
			  const struct server_ops *ops, void *user)
{
	struct server *server = xcalloc(1, sizeof(*server));

	server->base = base;
	server->limits = *limits;
	server->ops = ops;
	server->user = user;
	server->refusals.interval_ms = server->exhaustions.interval_ms = 10000;
	server->drops.interval_ms = 1000;
	server->reaper = event_new(base, -1, 0, on_reap, server);
	server->accept_again = event_new(base, -1, 0, on_accept_again, server);
	turns_init(server);
	return server;
}

void server_free(struct server *server)
{
	if (server == NULL) {
		return;
	}
	while (server->connections != NULL) {
		connection_free(server->connections);
	}
	while (server->n_acceptable > 0) {
		event_free(server->acceptable[--server->n_acceptable]);
	}
	event_free(server->accept_again);
	turns_fini(server);
	event_free(server->reaper);
	free(server);
}

void server_listen(struct server *server, int fd)
{
	struct event *event;

	assert(server->n_acceptable < SERVER_LISTENERS_MAX);
	event = event_new(server->base, fd, EV_READ | EV_PERSIST, on_acceptable, server);
	server->acceptable[server->n_acceptable++] = event;
	event_add(event, NULL);
}

uint32_t server_sessions(const struct server *server)
{
	return server->n_connections;
}
