// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "edge/lifeline.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"

#define READ_BYTES 4096 // once a turn: everybody else has his, however much is written to us

struct lifeline {
	int fd;
	struct event *readable;
	void (*on_end)(void *user, const char *why);
	void *user;
};

// The kernel refuses what can never make us wait: files, and devices such as /dev/null.
static bool can_wait_for(int fd)
{
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	bool can = epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 || errno != EPERM;

	if (epoll >= 0) {
		close(epoll);
	}
	return can;
}

const char *lifeline_problem(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat status;
	char byte;

	if (flags < 0 || fstat(fd, &status) < 0) {
		return "it is closed";
	}
	if ((flags & O_ACCMODE) == O_WRONLY) {
		return "it is not open for reading";
	}
	if (can_wait_for(fd)) {
		return NULL;
	}
	if (S_ISCHR(status.st_mode)) { // of these only the one without anything has an end
		return read(fd, &byte, 1) == 0 ? NULL : "it is a device without an end";
	}
	return "it is a file";
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct lifeline *lifeline = arg;
	char dropped[READ_BYTES];
	ssize_t n = read(fd, dropped, sizeof(dropped));

	(void)what;
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) {
		return;
	}
	event_del(lifeline->readable); // an end stays readable
	lifeline->on_end(lifeline->user, n == 0 ? "end of file" : strerror(errno));
}

struct lifeline *lifeline_new(struct event_base *base, int fd,
			      void (*on_end)(void *user, const char *why), void *user)
{
	struct lifeline *lifeline = xcalloc(1, sizeof(*lifeline));

	*lifeline = (struct lifeline){.fd = fd, .on_end = on_end, .user = user};
	// A job in the background would be stopped for reading from its terminal: to us that is an
	// error, and so an end.
	signal(SIGTTIN, SIG_IGN);
	lifeline->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, lifeline);
	if (!can_wait_for(fd)) {
		event_active(lifeline->readable, EV_READ, 0); // the end is there already
	} else {
		event_add(lifeline->readable, NULL);
	}
	return lifeline;
}

void lifeline_free(struct lifeline *lifeline)
{
	if (lifeline != NULL) {
		event_free(lifeline->readable);
		free(lifeline);
	}
}
