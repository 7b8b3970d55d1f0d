// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * bench-floor pair|events SOCKET: what it costs to answer at all. Splits the same frames as the
 * agent and answers each kind with one and the same frame, of the size of the agent's answer; knows
 * no names. `pair` serves one connection, blocking: the least that two processes can do. `events`
 * is a libevent loop with direct recv and send; to it, any name is there, but for one lookup after
 * somebody who had registered one has left.
 */

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "epmdns/codec.h"
#include "tongue.h"

#define INPUT_LEN 65536

enum kind { FOUND, REGISTERED, MISSING, KINDS };

struct answer {
	uint8_t bytes[TONGUE_REQUEST_MAX];
	size_t len;
};

struct floor_server {
	struct event_base *base;
	struct answer answers[KINDS];
	bool has_left; // somebody who had registered
	uint8_t input[INPUT_LEN + EP_FRAME_MAX];
	// An answer has at most seven times the bytes of the least frame.
	uint8_t output[INPUT_LEN * 8];
};

struct guest {
	struct floor_server *server;
	struct event *readable;
	bool is_registered;
	uint8_t *kept;
	size_t kept_len;
};

static void keep(struct answer *answer, struct ep_msg *msg)
{
	answer->len = ep_encode(msg, answer->bytes, sizeof(answer->bytes));
}

// As agent/mediator/requests.c answers.
static void make_answers(struct floor_server *server)
{
	const uint8_t loopback[] = {127, 0, 0, 1};
	const char *why = "no such node is known in that family";
	struct ep_msg msg;

	ep_begin(&msg, EP_OP_FOUND, 1);
	ep_add(&msg, EP_F_ADDRESS, loopback, sizeof(loopback));
	ep_set_u32(&msg, EP_F_PORT, &msg.port, 4000);
	ep_set_u32(&msg, EP_F_DIST_HIGH, &msg.dist_high, 6);
	ep_set_u32(&msg, EP_F_DIST_LOW, &msg.dist_low, 5);
	ep_set_u32(&msg, EP_F_CARRIER, &msg.carrier, EP_CARRIER_INET_TCP);
	ep_set_u32(&msg, EP_F_CREATION, &msg.creation, 4);
	ep_set_u32(&msg, EP_F_ORIGIN, &msg.origin, EP_ORIGIN_LOCAL);
	keep(&server->answers[FOUND], &msg);
	ep_begin(&msg, EP_OP_REGISTERED, 1);
	ep_set_u32(&msg, EP_F_CREATION, &msg.creation, 4);
	ep_set_u32(&msg, EP_F_REVISION, &msg.revision, 1);
	keep(&server->answers[REGISTERED], &msg);
	ep_begin(&msg, EP_OP_ERROR, 1);
	ep_set_u32(&msg, EP_F_CODE, &msg.code, EP_CODE_NOT_FOUND);
	ep_set_str(&msg, EP_F_TEXT, &msg.text, why, strlen(why));
	keep(&server->answers[MISSING], &msg);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 128) < 0) {
		tongue_fail("listen", path);
	}
	return fd;
}

static void be_a_pair(struct floor_server *server, int listener)
{
	const struct answer *answer = &server->answers[FOUND];

	for (;;) {
		int fd = accept(listener, NULL, NULL);

		while (recv(fd, server->input, INPUT_LEN, 0) > 0 &&
		       send(fd, answer->bytes, answer->len, MSG_NOSIGNAL) > 0) {
		}
		close(fd);
	}
}

static void leave(struct guest *guest, int fd)
{
	guest->server->has_left |= guest->is_registered;
	event_free(guest->readable);
	free(guest->kept);
	free(guest);
	close(fd);
}

static const struct answer *answer_to(struct guest *guest, uint8_t op)
{
	struct floor_server *server = guest->server;
	bool is_missing = op == EP_OP_LOOKUP && server->has_left;

	server->has_left &= !is_missing;
	guest->is_registered |= op == EP_OP_REGISTER;
	return &server->answers[is_missing ? MISSING : op == EP_OP_REGISTER ? REGISTERED : FOUND];
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
	struct guest *guest = user;
	struct floor_server *server = guest->server;
	size_t used = 0;
	size_t owed = 0;
	struct ep_str body;
	ssize_t n;

	(void)what;
	memcpy(server->input, guest->kept, guest->kept_len);
	n = recv(fd, server->input + guest->kept_len, INPUT_LEN, MSG_DONTWAIT);
	if (n <= 0) {
		leave(guest, fd);
		return;
	}
	n += (ssize_t)guest->kept_len;
	while (ep_frame(server->input + used, (size_t)n - used, &body) == EP_OK) {
		const struct answer *answer = answer_to(guest, body.p[0]);

		used = (size_t)(body.p + body.n - server->input);
		memcpy(server->output + owed, answer->bytes, answer->len);
		owed += answer->len;
	}
	guest->kept_len = (size_t)n - used;
	memcpy(guest->kept, server->input + used, guest->kept_len);
	if (owed > 0 && send(fd, server->output, owed, MSG_NOSIGNAL) != (ssize_t)owed) {
		leave(guest, fd);
	}
}

static void on_acceptable(evutil_socket_t fd, short what, void *user)
{
	struct floor_server *server = user;
	int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct guest *guest = xcalloc(1, sizeof(*guest));

	(void)what;
	guest->server = server;
	guest->kept = xcalloc(1, EP_HEADER_LEN + EP_FRAME_MAX);
	guest->readable =
		event_new(server->base, accepted, EV_READ | EV_PERSIST, on_readable, guest);
	event_add(guest->readable, NULL);
}

int main(int argc, char **argv)
{
	static struct floor_server server;
	struct event *acceptable;
	int listener;

	if (argc != 3) {
		fputs("usage: bench-floor pair|events SOCKET\n", stderr);
		return 2;
	}
	make_answers(&server);
	listener = listen_at(argv[2]);
	if (strcmp(argv[1], "pair") == 0) {
		be_a_pair(&server, listener);
	}
	server.base = event_base_new();
	acceptable = event_new(server.base, listener, EV_READ | EV_PERSIST, on_acceptable, &server);
	event_add(acceptable, NULL);
	return event_base_dispatch(server.base);
}
