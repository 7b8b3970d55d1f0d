// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "edge/knock.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "edge/place.h"

struct knock {
	struct event_base *base;
	void (*on_knocked)(void *user, enum liveness_verdict verdict);
	void *user;
	struct sockaddr_storage target;
	socklen_t target_len;
	int fd;              // -1 while it waits to try again
	int error;           // that connect(2) returned at once
	struct event *event; // the answer, or the next try
};

static void set_event(struct knock *knock, short what, event_callback_fn callback, uint64_t ms)
{
	struct timeval delay = clock_timeval(ms);

	if (knock->event != NULL) {
		event_free(knock->event);
	}
	knock->event = event_new(knock->base, knock->fd, what, callback, knock);
	event_add(knock->event, what == 0 ? &delay : NULL);
}

static void try_connect(struct knock *knock);

// Nothing yet: try again, for ARP is asked only once a second and packets get lost.
static void on_again(evutil_socket_t fd, short what, void *user)
{
	(void)fd;
	(void)what;
	try_connect(user);
}

static void judge(struct knock *knock, int error)
{
	if (knock->fd >= 0) { // connect, then close: what else is asked may take seconds
		close(knock->fd);
		knock->fd = -1;
	}
	switch (error) {
	case 0:
	case EMFILE: // without a descriptor nobody can tell
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		knock->on_knocked(knock->user, LIVENESS_ACCEPTED);
		break;
	case ECONNREFUSED:
	case ECONNRESET:
		knock->on_knocked(knock->user, LIVENESS_REFUSED);
		break;
	case EHOSTUNREACH: // no ARP answer: says nothing yet
	case EHOSTDOWN:
	case ETIMEDOUT:
	case ENETUNREACH: // our own link may be back in a moment
	case ENETDOWN:
	case EADDRNOTAVAIL:
	case EAGAIN:
		set_event(knock, 0, on_again, KNOCK_AGAIN_MS);
		break;
	default: // EACCES, …: no way there from here
		knock->on_knocked(knock->user, LIVENESS_SILENT);
		break;
	}
}

static void on_failed(evutil_socket_t fd, short what, void *user)
{
	struct knock *knock = user;

	(void)fd;
	(void)what;
	judge(knock, knock->error);
}

static void on_connected(evutil_socket_t fd, short what, void *user)
{
	struct knock *knock = user;
	socklen_t len = sizeof(int);
	int error = 0;

	(void)what;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) {
		error = errno;
	}
	judge(knock, error);
}

static void try_connect(struct knock *knock)
{
	int error = 0;

	knock->fd = socket(knock->target.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (knock->fd < 0 ||
	    connect(knock->fd, (struct sockaddr *)&knock->target, knock->target_len) < 0) {
		error = errno;
	}
	if (error == EINPROGRESS) {
		set_event(knock, EV_WRITE, on_connected, 0);
		return;
	}
	knock->error = error;
	set_event(knock, 0, on_failed, 0);
}

struct knock *knock_new(struct event_base *base, const struct peers_address *address,
			int32_t ifindex, uint16_t port,
			void (*on_knocked)(void *user, enum liveness_verdict verdict), void *user)
{
	struct knock *knock = xcalloc(1, sizeof(*knock));

	knock->base = base;
	knock->on_knocked = on_knocked;
	knock->user = user;
	knock->target_len = place_fill(&knock->target, address, ifindex, port);
	try_connect(knock);
	return knock;
}

void knock_free(struct knock *knock)
{
	if (knock == NULL) {
		return;
	}
	if (knock->event != NULL) {
		event_free(knock->event);
	}
	if (knock->fd >= 0) {
		close(knock->fd);
	}
	free(knock);
}
