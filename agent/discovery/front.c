// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/front.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/xalloc.h"

#define MESSAGES_AT_ONCE 64

struct front {
	int fd;
	struct event_base *base;
	struct event *readable;
	struct front_handler handler;
	bool is_gone;
};

const char *front_fd_problem(int fd)
{
	int domain = 0, type = 0;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0) {
		return errno == EBADF ? "it is not open" : "it is not a socket";
	}
	len = sizeof(int);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || domain != AF_UNIX ||
	    type != SOCK_SEQPACKET) {
		return "it is another kind of socket";
	}
	return NULL;
}

static void leave(struct front *front)
{
	front->is_gone = true;
	event_del(front->readable);
	event_base_loopbreak(front->base);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct front *front = arg;
	struct link_msg msg;

	(void)what;
	for (int i = 0; i < MESSAGES_AT_ONCE && !front->is_gone; i++) {
		ssize_t n = recv(fd, &msg, sizeof(msg), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0 && errno == EAGAIN) {
			return;
		}
		if (n <= 0) {
			leave(front);
			return;
		}
		if ((size_t)n > sizeof(msg) || !link_msg_is_valid(&msg, (size_t)n)) {
			// Both ends are of one build, so this is a bug, and guessing would hide it.
			log_error("epmdnsd sent a malformed message. bytes=%zd", n);
			leave(front);
			return;
		}
		front->handler.on_message(front->handler.owner, &msg);
	}
}

struct front *front_new(struct event_base *base, int fd, struct front_handler handler)
{
	struct front *front = xcalloc(1, sizeof(*front));

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	front->fd = fd;
	front->base = base;
	front->handler = handler;
	front->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, front);
	event_priority_set(front->readable, 0);
	event_add(front->readable, NULL);
	return front;
}

void front_free(struct front *front)
{
	if (front != NULL) {
		event_free(front->readable);
		free(front);
	}
}

void front_send(struct front *front, const struct link_msg *msg)
{
	size_t size = link_msg_size(msg);

	while (!front->is_gone) {
		if (send(front->fd, msg, size, MSG_NOSIGNAL) >= 0) {
			return;
		}
		if (errno == EAGAIN || errno == EINTR) {
			continue;
		}
		leave(front);
	}
}

void front_say(struct front *front, enum link_op op)
{
	struct link_msg msg = {.op = op};

	front_send(front, &msg);
}

void front_say_ref(struct front *front, enum link_op op, const struct link_ref *ref)
{
	struct link_msg msg = {.op = op, .ref = *ref};

	front_send(front, &msg);
}

void front_say_text(struct front *front, enum link_op op, const char *instance, const char *text)
{
	struct link_msg msg = {.op = op};

	snprintf(msg.ref.instance, sizeof(msg.ref.instance), "%s", instance);
	snprintf(msg.text, sizeof(msg.text), "%s", text);
	front_send(front, &msg);
}

void front_say_state(struct front *front, enum link_state state, const char *text)
{
	struct link_msg msg = {.op = LINK_STATE, .state = (uint8_t)state};

	snprintf(msg.text, sizeof(msg.text), "%s", text);
	front_send(front, &msg);
}
