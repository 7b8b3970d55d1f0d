// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * A prober, and what it says to whom. Its connects are counted, and may be made to fail; its
 * questions go to a responder of the test.
 */
#pragma once

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mdns.h"
#include "edge/prober.h"
#include "test.h"
#include "turn.h"

#define VERDICTS 20000

struct story {
	struct event_base *base;
	struct prober *prober;
	unsigned n_unanswered;
	unsigned n_judged;
	struct {
		uint64_t id;
		enum liveness_verdict verdict;
	} judged[VERDICTS];
};

// What connect(2) says; 0: what it says in truth. Counts the calls to the Internet.
static int connect_error;
static uint8_t error_host; // of 127.0.0/24, the only one where it says that; 0: everywhere
static unsigned n_connects;

static inline bool is_at_error_host(const struct sockaddr *address)
{
	struct sockaddr_in inet;

	memcpy(&inet, address, sizeof(inet));
	return error_host == 0 || (uint8_t)ntohl(inet.sin_addr.s_addr) == error_host;
}

int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t len)
{
	const struct sockaddr *given = *(const struct sockaddr *const *)(const void *)&address;

	if (given->sa_family != AF_UNIX) {
		n_connects++;
		if (connect_error != 0 && is_at_error_host(given)) {
			errno = connect_error;
			return -1;
		}
	}
	return (int)syscall(SYS_connect, fd, given, len);
}

/*
 * Questions go to a socket of the test at any port, and what comes from there seems to come from
 * 5353, where this machine may have a responder of its own. Without such a socket they are lost.
 */
static uint16_t responder_port;
static unsigned n_questions;
static int received_ttl; // 0: as it is

ssize_t sendto(int fd, const void *p, size_t n, int flags, __CONST_SOCKADDR_ARG address,
	       socklen_t len)
{
	struct sockaddr_in6 to; // which has its port at the same place as IPv4

	assert_true(len <= sizeof(to));
	memcpy(&to, *(const void *const *)(const void *)&address, len);
	assert_int_equal(ntohs(to.sin6_port), MDNS_PORT);
	n_questions++;
	if (responder_port == 0) {
		return (ssize_t)n;
	}
	to.sin6_port = htons(responder_port);
	return syscall(SYS_sendto, fd, p, n, flags, &to, len);
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t n = syscall(SYS_recvmsg, fd, msg, flags);
	struct sockaddr_in6 *from = msg->msg_name;

	if (n >= 0 && from != NULL && ntohs(from->sin6_port) == responder_port) {
		struct cmsghdr *control = CMSG_FIRSTHDR(msg);

		from->sin6_port = htons(MDNS_PORT);
		if (received_ttl != 0 && control != NULL && control->cmsg_type == IP_TTL) {
			memcpy(CMSG_DATA(control), &received_ttl, sizeof(received_ttl));
		}
	}
	return n;
}

static inline void on_judged(void *user, const struct peers_ticket *ticket,
			     enum liveness_verdict verdict)
{
	struct story *story = user;

	assert_true(story->n_judged < VERDICTS);
	story->judged[story->n_judged].id = ticket->id;
	story->judged[story->n_judged++].verdict = verdict;
}

#define UNWANTED 100000 // ids from here on

static inline bool is_wanted(void *user, const struct peers_ticket *ticket)
{
	(void)user;
	return ticket->id < UNWANTED;
}

static inline void on_unanswered(void *user)
{
	struct story *story = user;

	story->n_unanswered++;
}

static inline struct story *story_new(void)
{
	static const struct prober_ops ops = {
		.on_judged = on_judged, .is_wanted = is_wanted, .on_unanswered = on_unanswered};
	struct story *story = calloc(1, sizeof(*story));

	connect_error = error_host = 0;
	n_connects = n_questions = 0;
	responder_port = 0;
	received_ttl = 0;
	story->base = event_base_new();
	story->prober = prober_new(story->base, &ops, story);
	return story;
}

static inline void story_free(struct story *story)
{
	prober_free(story->prober);
	event_base_free(story->base);
	free(story);
}

static inline void ask_how(struct story *story, uint64_t id, uint8_t host, uint16_t port,
			   bool must_connect)
{
	struct peers_ticket ticket = {.id = id, .must_connect = must_connect, .instance = "x"};
	struct peers_address address = {.len = 4, .bytes = {127, 0, 0, host}};
	unsigned n_judged = story->n_judged;

	prober_ask(story->prober, &ticket, &address, 1, port);
	assert_int_equal(story->n_judged, n_judged); // never from inside
}

static inline void ask(struct story *story, uint64_t id, uint8_t host, uint16_t port)
{
	ask_how(story, id, host, port, true);
}

static inline int listen_on(int family, int backlog, uint16_t *port)
{
	struct sockaddr_in6 address = {.sin6_family = (sa_family_t)family};
	socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(address);
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*port = 0;
	if (family == AF_INET6) {
		address.sin6_addr = in6addr_loopback;
	}
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0) {
		return -1; // no IPv6 here
	}
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*port = ntohs(address.sin6_port); // at the same place in both
	return fd;
}

// A port on all of 127/8 that drops what comes: its backlog is full.
static inline int listen_silently(uint16_t *port, int fillers[2])
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(0x7f000001)}};
	int fd = listen_on(AF_INET, 0, port);

	address.sin_port = htons(*port);
	for (unsigned i = 0; i < 2; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		syscall(SYS_connect, fillers[i], &address, sizeof(address));
	}
	return fd;
}

static inline uint16_t port_of_nobody(void)
{
	uint16_t port;

	close(listen_on(AF_INET, 1, &port));
	return port;
}

static inline void expect_verdict(struct story *story, unsigned n, uint64_t id,
				  enum liveness_verdict verdict)
{
	turn_until(story->base, story->n_judged > n);
	assert_int_equal(story->judged[n].id, id);
	assert_int_equal(story->judged[n].verdict, verdict);
}
