// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * bench-hotpath: a fixed work for an agent in this process, to count its instructions by. Its
 * clients are at the other ends of socket pairs, and only the turns of its loop are counted.
 */

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "counting.h"
#include "mediator/agent.h"
#include "tongue.h"

#define NODES 1000
#define NODES_PER_SESSION 50
#define ROUNDS 200
#define DEPTH 32
#define ANSWERS_LEN (1 << 18)

struct work {
	struct event_base *base;
	struct agent *agent;
	int fd; // a client that has said hello
	uint8_t answers[ANSWERS_LEN];
};

// Stands in for that of the C library: under callgrind nobody's time must run out.
int clock_gettime(clockid_t id, struct timespec *now)
{
	(void)id;
	*now = (struct timespec){.tv_sec = 1000};
	return 0;
}

// Let the agent work, and take its answers. Return: how many, a list as one.
static unsigned turn(struct work *work, int fd)
{
	unsigned answers = 0;
	bool is_last;
	size_t len;
	ssize_t n;

	counting_toggle();
	event_base_loop(work->base, EVLOOP_NONBLOCK);
	counting_toggle();
	n = recv(fd, work->answers, sizeof(work->answers), MSG_DONTWAIT);
	for (ssize_t used = 0; used < n; used += (ssize_t)len) {
		len = tongue_frames.next(work->answers + used, (size_t)(n - used), &is_last);
		if (len == 0) {
			break; // of a list: the rest comes with the next turn
		}
		answers += is_last;
	}
	return answers;
}

static void ask(int fd, const uint8_t *request, size_t n)
{
	if (send(fd, request, n, 0) != (ssize_t)n) {
		tongue_fail("send", "hotpath");
	}
}

static void expect(struct work *work, int fd, unsigned answers, const char *what)
{
	unsigned seen = turn(work, fd);

	if (seen != answers) {
		fprintf(stderr, "bench-hotpath: %s: %u answers instead of %u\n", what, seen,
			answers);
		exit(EXIT_FAILURE);
	}
}

// Hello is sent, and not answered yet.
static int new_client(struct work *work)
{
	uint8_t hello[TONGUE_REQUEST_MAX];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
		tongue_fail("socketpair", "hotpath");
	}
	ask(pair[0], hello, tongue_frames.hello(hello));
	agent_adopt(work->agent, pair[1]);
	return pair[0];
}

static void fill(struct work *work)
{
	uint8_t request[TONGUE_REQUEST_MAX];
	int fd = -1;

	for (unsigned i = 0; i < NODES; i++) {
		if (i % NODES_PER_SESSION == 0) {
			fd = new_client(work);
			expect(work, fd, 1, "hello");
		}
		ask(fd, request, tongue_frames.register_name(request, i));
		expect(work, fd, 1, "register");
	}
	work->fd = new_client(work);
	expect(work, work->fd, 1, "hello");
	counting_done("fill", NODES);
}

// So many at once.
static void look_up(struct work *work, const char *name, unsigned depth)
{
	uint8_t requests[DEPTH * TONGUE_REQUEST_MAX];

	for (unsigned round = 0; round < ROUNDS; round++) {
		size_t n = 0;

		for (unsigned i = 0; i < depth; i++) {
			n += tongue_frames.lookup(requests + n, i + 1,
						  (round * 37 + i * 101) % NODES);
		}
		ask(work->fd, requests, n);
		expect(work, work->fd, depth, name);
	}
	counting_done(name, ROUNDS * depth);
}

// A node comes, says hello and registers, and is gone.
static void come_and_go(struct work *work)
{
	uint8_t request[TONGUE_REQUEST_MAX];

	for (unsigned round = 0; round < ROUNDS; round++) {
		int fd = new_client(work);

		ask(fd, request, tongue_frames.register_name(request, NODES + round));
		expect(work, fd, 2, "register");
		close(fd);
		turn(work, work->fd);
	}
	counting_done("register", ROUNDS);
}

static void list(struct work *work)
{
	uint8_t request[TONGUE_REQUEST_MAX];

	ask(work->fd, request, tongue_frames.list(request));
	while (turn(work, work->fd) == 0) {
	}
	counting_done("list", NODES);
}

int main(void)
{
	static struct work work;

	log_init(LOG_LEVEL_WARN, "bench-hotpath");
	work.base = event_base_new();
	work.agent = agent_new(work.base, &(struct agent_config){0});
	fill(&work);
	look_up(&work, "lookup", 1);
	look_up(&work, "pipelined", DEPTH);
	come_and_go(&work);
	list(&work);
	close(work.fd);
	agent_free(work.agent);
	event_base_free(work.base);
	return 0;
}
