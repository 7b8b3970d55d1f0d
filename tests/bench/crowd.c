// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "crowd.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/xalloc.h"

#define MEMBER_BUF 8192
#define EVENTS_AT_ONCE 64

struct member {
	int fd;
	bool is_asking; // its requests are not sent yet: it is being connected, or full
	unsigned first; // request
	unsigned missing;
	uint64_t asked_ns;
	size_t kept;
	uint8_t buf[MEMBER_BUF];
};

static void await(const struct crowd *crowd, struct member *member, int how, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = member};

	if (epoll_ctl(crowd->epoll, how, member->fd, &event) < 0) {
		tongue_fail("epoll_ctl", crowd->where);
	}
}

// Return: false when it is not connected yet.
static bool try_say(const struct crowd *crowd, const struct member *member)
{
	size_t n = crowd->requests->len * crowd->depth;
	ssize_t sent =
		send(member->fd, crowd->requests->bytes + crowd->requests->len * member->first, n,
		     MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0 && (errno == EAGAIN || errno == ENOTCONN)) {
		return false;
	}
	if (sent != (ssize_t)n) {
		tongue_fail("send", crowd->where);
	}
	return true;
}

static void ask(struct crowd *crowd, struct member *member)
{
	bool is_new = member->fd < 0;

	if (crowd->next + crowd->depth > crowd->requests->n) {
		crowd->next = 0;
	}
	member->first = crowd->next;
	crowd->next += crowd->depth;
	member->missing = crowd->depth;
	member->asked_ns = now_ns();
	if (is_new) {
		member->fd = crowd->tongue->connect(crowd->where, SOCK_NONBLOCK);
	}
	member->is_asking = !try_say(crowd, member);
	if (is_new || member->is_asking) {
		await(crowd, member, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD,
		      member->is_asking ? EPOLLOUT : EPOLLIN);
	}
}

static void answered(struct crowd *crowd, struct member *member, unsigned answers)
{
	uint64_t now;

	member->missing -= answers;
	if (member->missing > 0) {
		return;
	}
	now = now_ns();
	if (crowd->answers == 0 && now > crowd->end_ns) {
		crowd->end_ns = now + 1;
	}
	if (now < crowd->end_ns) {
		crowd->answers += crowd->depth;
		samples_add(crowd->samples, now - member->asked_ns);
		ask(crowd, member);
	}
}

static void hear(struct crowd *crowd, struct member *member)
{
	ssize_t n = recv(member->fd, member->buf + member->kept, MEMBER_BUF - member->kept,
			 MSG_DONTWAIT);
	unsigned answers = 0;
	size_t used = 0;
	size_t len;
	bool is_last;

	if (n < 0 && errno == EAGAIN) {
		return;
	}
	if (n < 0 || (n == 0 && crowd->tongue->is_lasting)) {
		tongue_fail("recv", crowd->where);
	}
	if (!crowd->tongue->is_lasting) {
		if (n == 0) {
			close(member->fd);
			member->fd = -1;
			answered(crowd, member, 1);
		}
		return;
	}
	member->kept += (size_t)n;
	while ((len = crowd->tongue->next(member->buf + used, member->kept - used, &is_last)) > 0) {
		used += len;
		answers += is_last;
	}
	memmove(member->buf, member->buf + used, member->kept - used);
	member->kept -= used;
	answered(crowd, member, answers);
}

static void on_event(struct crowd *crowd, struct member *member)
{
	if (!member->is_asking) {
		hear(crowd, member);
	} else if (try_say(crowd, member)) {
		member->is_asking = false;
		await(crowd, member, EPOLL_CTL_MOD, EPOLLIN);
	}
}

static bool is_anybody_waiting(const struct crowd *crowd)
{
	for (unsigned i = 0; i < crowd->clients; i++) {
		if (crowd->members[i].missing > 0) {
			return true;
		}
	}
	return false;
}

static void greet(const struct crowd *crowd, const struct member *member)
{
	uint8_t buf[TONGUE_REQUEST_MAX];
	size_t n = crowd->tongue->hello(buf);

	if (send(member->fd, buf, n, MSG_NOSIGNAL) != (ssize_t)n ||
	    recv(member->fd, buf, sizeof(buf), 0) <= 0) {
		tongue_fail("hello", crowd->where);
	}
}

void crowd_open(struct crowd *crowd, const struct tongue *tongue, const char *where,
		const struct requests *requests, unsigned clients, unsigned depth)
{
	*crowd = (struct crowd){.tongue = tongue,
				.where = where,
				.requests = requests,
				.clients = clients,
				.depth = depth,
				.epoll = epoll_create1(EPOLL_CLOEXEC),
				.members = xcalloc(clients, sizeof(crowd->members[0]))};
	for (unsigned i = 0; i < clients; i++) {
		struct member *member = &crowd->members[i];

		member->fd = -1;
		if (tongue->is_lasting) {
			member->fd = tongue->connect(where, 0);
			greet(crowd, member);
			await(crowd, member, EPOLL_CTL_ADD, EPOLLIN);
		}
	}
}

uint64_t crowd_run(struct crowd *crowd, uint64_t ns, struct samples *samples, uint64_t *took_ns)
{
	struct epoll_event events[EVENTS_AT_ONCE];

	crowd->samples = samples;
	crowd->answers = 0;
	crowd->began_ns = now_ns();
	crowd->end_ns = crowd->began_ns + ns;
	for (unsigned i = 0; i < crowd->clients; i++) {
		ask(crowd, &crowd->members[i]);
	}
	while (is_anybody_waiting(crowd)) {
		int n = epoll_wait(crowd->epoll, events, EVENTS_AT_ONCE, -1);

		for (int i = 0; i < n; i++) {
			on_event(crowd, events[i].data.ptr);
		}
	}
	*took_ns = crowd->end_ns - crowd->began_ns;
	return crowd->answers;
}

void crowd_close(struct crowd *crowd)
{
	for (unsigned i = 0; i < crowd->clients; i++) {
		if (crowd->members[i].fd >= 0) {
			close(crowd->members[i].fd);
		}
	}
	close(crowd->epoll);
	free(crowd->members);
}
