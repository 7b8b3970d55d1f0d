// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "edge/prober.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mdns.h"
#include "edge/inquiry.h"
#include "edge/knock.h"
#include "mdns_reply.h"
#include "model/verification.h"
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
static unsigned n_connects;

int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t len)
{
	const struct sockaddr *given = *(const struct sockaddr *const *)(const void *)&address;

	if (given->sa_family != AF_UNIX) {
		n_connects++;
		if (connect_error != 0) {
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

static void on_judged(void *user, const struct peers_ticket *ticket, enum liveness_verdict verdict)
{
	struct story *story = user;

	assert_true(story->n_judged < VERDICTS);
	story->judged[story->n_judged].id = ticket->id;
	story->judged[story->n_judged++].verdict = verdict;
}

#define UNWANTED 100000 // ids from here on

static bool is_wanted(void *user, const struct peers_ticket *ticket)
{
	(void)user;
	return ticket->id < UNWANTED;
}

static void on_unanswered(void *user)
{
	struct story *story = user;

	story->n_unanswered++;
}

static struct story *story_new(void)
{
	static const struct prober_ops ops = {
		.on_judged = on_judged, .is_wanted = is_wanted, .on_unanswered = on_unanswered};
	struct story *story = calloc(1, sizeof(*story));

	connect_error = 0;
	n_connects = n_questions = 0;
	responder_port = 0;
	received_ttl = 0;
	story->base = event_base_new();
	story->prober = prober_new(story->base, &ops, story);
	return story;
}

static void story_free(struct story *story)
{
	prober_free(story->prober);
	event_base_free(story->base);
	free(story);
}

static void ask_how(struct story *story, uint64_t id, uint8_t host, uint16_t port,
		    bool must_connect)
{
	struct peers_ticket ticket = {.id = id, .must_connect = must_connect, .instance = "x"};
	struct peers_address address = {.len = 4, .bytes = {127, 0, 0, host}};
	unsigned n_judged = story->n_judged;

	prober_ask(story->prober, &ticket, &address, 1, port);
	assert_int_equal(story->n_judged, n_judged); // never from inside
}

static void ask(struct story *story, uint64_t id, uint8_t host, uint16_t port)
{
	ask_how(story, id, host, port, true);
}

static int listen_on(int family, int backlog, uint16_t *port)
{
	struct sockaddr_in6 address = {.sin6_family = (sa_family_t)family};
	socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(address);
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

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
static int listen_silently(uint16_t *port, int fillers[2])
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

static uint16_t port_of_nobody(void)
{
	uint16_t port;

	close(listen_on(AF_INET, 1, &port));
	return port;
}

static void expect_verdict(struct story *story, unsigned n, uint64_t id,
			   enum liveness_verdict verdict)
{
	turn_until(story->base, story->n_judged > n);
	assert_int_equal(story->judged[n].id, id);
	assert_int_equal(story->judged[n].verdict, verdict);
}

static void prober_connects_says_nothing_and_ends_in_good_order(void **state)
{
	static const int families[] = {AF_INET, AF_INET6};

	(void)state;
	for (size_t i = 0; i < COUNT(families); i++) {
		struct story *story = story_new();
		struct peers_ticket ticket = {.id = 5, .must_connect = true, .instance = "x"};
		struct peers_address address = {
			.len = 16, .bytes = {[0] = i == 0 ? 127 : 0, [3] = i == 0, [15] = i == 1}};
		uint16_t port;
		int listener = listen_on(families[i], 4, &port);
		int accepted;
		char byte;

		address.len = i == 0 ? 4 : 16;
		if (listener >= 0) {
			prober_ask(story->prober, &ticket, &address, 0, port);
			assert_int_equal(prober_pending(story->prober), 1);
			expect_verdict(story, 0, 5, LIVENESS_ACCEPTED);
			assert_int_equal(prober_pending(story->prober), 0);
			accepted = accept(listener, NULL, NULL);
			assert_true(accepted >= 0);
			// A reset would be an error, and OTP would log one.
			assert_int_equal(recv(accepted, &byte, 1, 0), 0);
			close(accepted);
			close(listener);
		}
		story_free(story);
	}
}

static void prober_reports_a_refusal(void **state)
{
	struct story *story = story_new();

	(void)state;
	ask(story, 6, 1, port_of_nobody());
	expect_verdict(story, 0, 6, LIVENESS_REFUSED);
	story_free(story);
}

static void prober_waits_4_s_for_an_address_that_is_silent(void **state)
{
	struct story *story = story_new();
	uint16_t port;
	int fillers[2];
	int listener = listen_silently(&port, fillers);

	(void)state;
	ask(story, 7, 9, port);
	turn_for(story->base, 20);
	for (unsigned i = 0; i < 7; i++) {
		put_clock_forward(500);
		turn_for(story->base, 5);
	}
	assert_int_equal(story->n_judged, 0);
	assert_int_equal(story->n_unanswered, 0); // it is advertised: nobody needs to be asked
	assert_in_range(n_questions, 7, VERIFICATION_QUESTIONS);
	put_clock_forward(500);
	expect_verdict(story, 0, 7, LIVENESS_SILENT);
	close(fillers[0]);
	close(fillers[1]);
	close(listener);
	story_free(story);
}

static void prober_tries_again_while_the_neighbour_is_not_found(void **state)
{
	static const int errors[] = {EHOSTUNREACH, EHOSTDOWN, ETIMEDOUT, ENETUNREACH,
				     EADDRNOTAVAIL};

	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++) {
		struct story *story = story_new();
		uint16_t port;
		int listener = listen_on(AF_INET, 4, &port);

		connect_error = errors[i];
		ask(story, 8, 1, port);
		ask(story, 9, 1, port_of_nobody());
		for (unsigned k = 0; k < 5; k++) {
			turn_for(story->base, 5);
			put_clock_forward(510);
		}
		assert_int_equal(story->n_judged, 0);
		assert_in_range(n_connects, 10, 12); // real time passes, too
		connect_error = 0;                   // ARP has answered
		turn_until(story->base, story->n_judged == 2);
		assert_int_not_equal(story->judged[0].verdict, LIVENESS_SILENT);
		assert_int_not_equal(story->judged[1].verdict, LIVENESS_SILENT);

		connect_error = errors[i];
		put_clock_forward(PROBER_PER_TARGET_MS);
		ask(story, 10, 1, port);
		for (unsigned k = 0; k < 8; k++) {
			turn_for(story->base, 5);
			put_clock_forward(510);
		}
		expect_verdict(story, 2, 10, LIVENESS_SILENT);
		close(listener);
		story_free(story);
	}
}

// A packet filter of our own, say; the responder may be asked all the same.
static void prober_does_not_try_again_when_there_is_no_way(void **state)
{
	static const int errors[] = {EACCES, EPERM};

	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++) {
		struct story *story = story_new();
		struct peers_ticket ticket = {.id = 12, .instance = "x"};
		struct peers_address none = {.len = 0};

		connect_error = errors[i];
		ask(story, 11, 1, 9);
		prober_ask(story->prober, &ticket, &none, 0, 9);
		expect_verdict(story, 0, 12, LIVENESS_SILENT);
		for (unsigned k = 0; k < 8; k++) {
			turn_for(story->base, 5);
			put_clock_forward(510);
		}
		expect_verdict(story, 1, 11, LIVENESS_SILENT);
		assert_int_equal(n_connects, 1);
		story_free(story);
	}
}

static void prober_blames_nobody_for_a_lack_of_descriptors(void **state)
{
	struct story *story = story_new();
	uint16_t port = port_of_nobody();
	struct rlimit before, limit;

	(void)state;
	turn(story->base, 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = (struct rlimit){3, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ask(story, 13, 1, port);
	expect_verdict(story, 0, 13, LIVENESS_ACCEPTED);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	story_free(story);
}

static void prober_asks_one_target_five_times_a_second_at_most(void **state)
{
	struct story *story = story_new();
	uint16_t port = port_of_nobody();

	(void)state;
	for (uint64_t id = 0; id < 10; id++) {
		ask(story, id, 1, port);
	}
	for (unsigned n = 1; n <= 10; n++) {
		expect_verdict(story, n - 1, n - 1, LIVENESS_REFUSED);
		turn_for(story->base, 3);
		assert_in_range(n_connects, n, n + 1); // real time passes, too
		put_clock_forward(PROBER_PER_TARGET_MS - 10);
	}
	story_free(story);
}

static void prober_asks_a_hundred_times_a_second_at_most(void **state)
{
	struct story *story = story_new();
	uint16_t port = port_of_nobody();

	(void)state;
	for (uint64_t id = 0; id < 250; id++) {
		ask(story, id, (uint8_t)id, port);
	}
	turn_until(story->base, story->n_judged == 100);
	turn_for(story->base, 20);
	assert_int_equal(n_connects, 100);
	put_clock_forward(1000);
	turn_until(story->base, story->n_judged == 200);
	turn_for(story->base, 20);
	assert_int_equal(n_connects, 200);
	put_clock_forward(1000);
	turn_until(story->base, story->n_judged == 250);
	for (unsigned i = 0; i < 250; i++) {
		assert_int_equal(story->judged[i].verdict, LIVENESS_REFUSED);
	}
	story_free(story);
}

// Links that come and go made it ask thousands of times for what had changed since.
static void prober_spends_nothing_on_what_is_no_more_wanted(void **state)
{
	enum { N = 10 * PROBER_PER_SECOND };
	struct story *story = story_new();
	uint16_t port;
	int listener = listen_on(AF_INET, 4, &port);

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		ask(story, UNWANTED + i, 1, port);
	}
	ask(story, 1, 2, port);
	expect_verdict(story, N, 1, LIVENESS_ACCEPTED);
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(story->judged[i].verdict, LIVENESS_SILENT);
	}
	assert_int_equal(n_connects, 1);
	assert_int_equal(prober_pending(story->prober), 0);
	close(listener);
	story_free(story);
}

static void prober_asks_only_so_many_at_once(void **state)
{
	struct story *story = story_new();
	uint16_t port;
	int fillers[2];
	int listener = listen_silently(&port, fillers);

	(void)state;
	for (uint64_t id = 0; id < 200; id++) {
		ask(story, id, (uint8_t)(id + 2), port);
	}
	turn_for(story->base, 20);
	assert_int_equal(n_connects, PROBER_PER_SECOND);
	put_clock_forward(1000);
	turn_for(story->base, 20);
	assert_int_equal(n_connects, PROBER_AT_ONCE);
	assert_int_equal(story->n_judged, 0);
	for (unsigned i = 0; i < 6; i++) {
		put_clock_forward(500);
		turn_for(story->base, 5);
	}
	turn_until(story->base, n_connects == 200);
	assert_int_equal(story->n_judged, PROBER_PER_SECOND);
	for (unsigned i = 0; i < 8; i++) {
		put_clock_forward(500);
		turn_for(story->base, 5);
	}
	turn_until(story->base, story->n_judged == 200);
	close(fillers[0]);
	close(fillers[1]);
	close(listener);
	story_free(story);
}

// Each that asks waits for a verdict: even when there are too many to ask, it must come.
static void prober_judges_every_probe_once_when_the_queue_overflows(void **state)
{
	struct story *story = story_new();
	const unsigned n = PROBER_QUEUE_MAX + 500;
	uint16_t port = port_of_nobody();
	bool *is_judged = calloc(n, sizeof(bool));

	(void)state;
	for (uint64_t id = 0; id < n; id++) {
		ask(story, id, (uint8_t)id, port);
	}
	turn_until(story->base, story->n_judged >= 500);
	for (unsigned i = 0; i < 500; i++) { // the oldest, unasked
		assert_int_equal(story->judged[i].id, i);
		assert_int_equal(story->judged[i].verdict, LIVENESS_ACCEPTED);
	}
	while (story->n_judged < n) {
		put_clock_forward(1000);
		turn(story->base, 0);
	}
	for (unsigned i = 0; i < n; i++) {
		assert_false(is_judged[story->judged[i].id]);
		is_judged[story->judged[i].id] = true;
	}
	assert_int_equal(n_connects, PROBER_QUEUE_MAX);
	free(is_judged);
	story_free(story);
}

// A responder on all of 127/8, or on ::1. Return: -1 without IPv6.
static int open_responder_of(int family)
{
	struct sockaddr_in6 address = {.sin6_family = (sa_family_t)family};
	socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(address);
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (family == AF_INET6) {
		address.sin6_addr = in6addr_loopback;
	}
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0) {
		return -1;
	}
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	responder_port = ntohs(address.sin6_port);
	return fd;
}

static int open_responder(void)
{
	return open_responder_of(AF_INET);
}

// What was asked, by whom.
struct asked {
	uint8_t packet[MDNS_QUESTION_MAX];
	ssize_t n;
	struct sockaddr_in6 by;
	socklen_t by_len;
	uint16_t id;
};

static bool receive_question(int fd, struct asked *asked)
{
	asked->by_len = sizeof(asked->by);
	asked->n = recvfrom(fd, asked->packet, sizeof(asked->packet), 0,
			    (struct sockaddr *)&asked->by, &asked->by_len);
	asked->id = (uint16_t)(asked->packet[0] << 8 | asked->packet[1]);
	return asked->n > 0;
}

static void tell_about(int fd, const struct asked *asked, const struct mdns_story *told,
		       const uint8_t *address, uint8_t len)
{
	struct mdns_question question = {
		.id = asked->id, .instance = "x", .address = address, .len = len};
	uint8_t packet[MDNS_REPLY_MAX];
	size_t n = mdns_tell(&question, told, packet);

	assert_int_equal(syscall(SYS_sendto, fd, packet, n, 0, &asked->by, asked->by_len), n);
}

static void tell(int fd, const struct asked *asked, const struct mdns_story *told, uint8_t host)
{
	const uint8_t address[] = {127, 0, 0, host};

	tell_about(fd, asked, told, address, 4);
}

static void prober_takes_the_word_of_a_responder(void **state)
{
	static const struct {
		bool must_connect, is_listening;
		unsigned port; // that is advertised, 0: none, 1: the right one
		enum liveness_verdict expected;
	} cases[] = {
		{false, true, 1, LIVENESS_ADVERTISED}, {false, false, 1, LIVENESS_ADVERTISED},
		{false, true, 0, LIVENESS_ACCEPTED},   {false, false, 0, LIVENESS_REFUSED},
		{false, true, 9, LIVENESS_ACCEPTED},   {false, false, 9, LIVENESS_REFUSED},
		{true, true, 1, LIVENESS_ACCEPTED},    {true, false, 1, LIVENESS_REFUSED},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct story *story = story_new();
		int responder = open_responder();
		struct mdns_story told = {.port = cases[i].port};
		struct asked asked;
		uint16_t port;
		int listener = listen_on(AF_INET, 4, &port);

		if (!cases[i].is_listening) {
			close(listener);
		}
		told.port = told.port == 1 ? port : told.port;
		ask_how(story, 20, 1, port, cases[i].must_connect);
		turn_until(story->base, receive_question(responder, &asked));
		tell(responder, &asked, &told, 1);
		expect_verdict(story, 0, 20, cases[i].expected);
		assert_int_equal(n_questions, 1);
		assert_int_equal(story->n_unanswered, 0);
		if (cases[i].is_listening) {
			close(listener);
		}
		close(responder);
		story_free(story);
	}
}

static void prober_asks_over_ipv6_too(void **state)
{
	struct peers_ticket ticket = {.id = 26, .instance = "x"};
	struct peers_address address = {.len = 16, .bytes = {[15] = 1}};
	struct story *story = story_new();
	int responder = open_responder_of(AF_INET6);
	struct mdns_story told = {.port = 4711};
	struct asked asked;

	(void)state;
	connect_error = EHOSTUNREACH;
	if (responder >= 0) {
		prober_ask(story->prober, &ticket, &address, 1, 4711);
		turn_until(story->base, receive_question(responder, &asked));
		tell_about(responder, &asked, &told, address.bytes, 16);
		expect_verdict(story, 0, 26, LIVENESS_ADVERTISED);
		// And where nobody is there to be asked.
		close(responder);
		connect_error = ECONNREFUSED;
		prober_ask(story->prober, &ticket, &address, 1, 4712);
		expect_verdict(story, 1, 26, LIVENESS_REFUSED);
		assert_int_equal(n_questions, 2);
	}
	story_free(story);
}

static void prober_asks_on_while_the_host_answers_others(void **state)
{
	struct story *story = story_new();
	int responder = open_responder();
	struct mdns_story told = {.port = 4713};
	struct asked asked[3];

	(void)state;
	connect_error = EHOSTUNREACH;
	ask_how(story, 31, 1, 4712, false);
	ask_how(story, 32, 1, 4713, false);
	ask_how(story, 33, 2, 4714, false); // another host
	for (unsigned i = 0; i < 3; i++) {
		turn_until(story->base, receive_question(responder, &asked[i]));
	}
	tell(responder, &asked[1], &told, 1);
	expect_verdict(story, 0, 32, LIVENESS_ADVERTISED);
	while (story->n_judged < 2) {
		put_clock_forward(100);
		turn_for(story->base, 1);
	}
	expect_verdict(story, 1, 33, LIVENESS_SILENT);
	for (unsigned i = 0; i < 15; i++) {
		put_clock_forward(200);
		turn_for(story->base, 1);
	}
	assert_int_equal(story->n_judged, 2);
	while (story->n_judged < 3) {
		put_clock_forward(100);
		turn_for(story->base, 1);
	}
	expect_verdict(story, 2, 31, LIVENESS_SILENT);
	close(responder);
	story_free(story);
}

static unsigned count_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++) {
		n += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
	}
	return n;
}

static void prober_keeps_no_port_open_when_it_has_nothing_to_ask(void **state)
{
	struct story *story = story_new();
	int responder = open_responder();
	unsigned n_before = count_descriptors();
	struct mdns_story told = {.port = 4711};
	struct asked asked;

	(void)state;
	connect_error = EHOSTUNREACH;
	for (unsigned i = 0; i < 3; i++) {
		put_clock_forward(PROBER_PER_TARGET_MS);
		ask_how(story, 27 + i, 1, 4711, false);
		turn_until(story->base, receive_question(responder, &asked));
		assert_in_range(count_descriptors(), n_before + 1, n_before + INQUIRY_SOCKETS);
		tell(responder, &asked, &told, 1);
		expect_verdict(story, i, 27 + i, LIVENESS_ADVERTISED);
		turn_until(story->base, count_descriptors() == n_before);
	}
	close(responder);
	story_free(story);
}

static void prober_takes_no_reply_but_to_its_own_question(void **state)
{
	struct story *story = story_new();
	int responder = open_responder();
	int stranger = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct mdns_story told = {.port = 4711};
	struct asked asked, wrong;

	(void)state;
	connect_error = EHOSTUNREACH;
	ask_how(story, 21, 1, 4711, false);
	turn_until(story->base, receive_question(responder, &asked));
	wrong = asked;
	wrong.id++;
	tell(responder, &wrong, &told, 1); // another id
	tell(responder, &asked, &told, 2); // about another address
	tell(stranger, &asked, &told, 1);  // from another port
	received_ttl = 64;
	assert_int_equal(syscall(SYS_sendto, responder, "x", 1, 0, &asked.by, asked.by_len), 1);
	turn_for(story->base, 20);
	assert_int_equal(story->n_judged, 0);
	received_ttl = 0;
	tell(responder, &asked, &told, 1);
	expect_verdict(story, 0, 21, LIVENESS_ADVERTISED);
	close(stranger);
	close(responder);
	story_free(story);
}

// A host answers from its first address, whichever is asked; from afar that would be anybody.
static void prober_takes_a_reply_from_another_address_of_the_link_only(void **state)
{
	struct story *story = story_new();
	int responder = open_responder();
	struct mdns_story told = {.port = 4711};
	struct asked asked;

	(void)state;
	connect_error = EHOSTUNREACH;
	ask_how(story, 22, 9, 4711, false); // and from 127.0.0.1 comes the answer
	turn_until(story->base, receive_question(responder, &asked));
	received_ttl = 254;
	tell(responder, &asked, &told, 9);
	turn_for(story->base, 20);
	assert_int_equal(story->n_judged, 0);
	received_ttl = 255;
	tell(responder, &asked, &told, 9);
	expect_verdict(story, 0, 22, LIVENESS_ADVERTISED);
	close(responder);
	story_free(story);
}

static void prober_lets_the_port_decide_when_nobody_is_there_to_be_asked(void **state)
{
	struct story *story = story_new();
	int responder = open_responder();
	uint16_t port;
	int listener = listen_on(AF_INET, 4, &port);

	(void)state;
	close(responder);
	ask_how(story, 23, 1, port, false);
	ask_how(story, 24, 2, port_of_nobody(), false);
	turn_until(story->base, story->n_judged == 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(story->judged[i].verdict,
				 story->judged[i].id == 23 ? LIVENESS_ACCEPTED : LIVENESS_REFUSED);
	}
	assert_int_equal(story->n_unanswered, 0); // long before that
	close(listener);
	story_free(story);
}

static void prober_has_all_the_network_asked_when_nobody_answers(void **state)
{
	struct story *story = story_new();

	(void)state;
	connect_error = EHOSTUNREACH;
	ask_how(story, 25, 1, 9, false);
	for (unsigned i = 0; i < 8; i++) {
		turn_for(story->base, 5);
		put_clock_forward(510);
	}
	expect_verdict(story, 0, 25, LIVENESS_SILENT);
	assert_int_equal(story->n_unanswered, 1);
	assert_in_range(n_questions, 7, VERIFICATION_QUESTIONS);
	story_free(story);
}

// Anybody can make us ask.
static void prober_puts_only_so_many_questions_to_one_and_to_all(void **state)
{
	static const uint8_t hosts[] = {1, 0}; // one, or each another
	static const unsigned most[] = {INQUIRY_PER_TARGET, INQUIRY_PER_SECOND};

	(void)state;
	for (size_t i = 0; i < COUNT(hosts); i++) {
		struct story *story = story_new();
		unsigned n_before;

		connect_error = EHOSTUNREACH;
		for (uint64_t id = 0; id < 400; id++) {
			ask_how(story, id, hosts[i] != 0 ? hosts[i] : (uint8_t)id,
				(uint16_t)(1 + id), false);
		}
		for (unsigned second = 0; second < 12; second++) {
			n_before = n_questions;
			turn_for(story->base, 3);
			put_clock_forward(400);
			turn_for(story->base, 3);
			put_clock_forward(590);
			turn_for(story->base, 3);
			put_clock_forward(20); // the next second
			assert_in_range(n_questions - n_before, 0, 2 * most[i]);
		}
		assert_in_range(n_questions, 0, 14 * most[i]);
		story_free(story);
	}
}

static void prober_can_end_at_any_time(void **state)
{
	struct story *story = story_new();
	uint16_t port;
	int fillers[2];
	int listener = listen_silently(&port, fillers);

	(void)state;
	for (uint64_t id = 0; id < 40; id++) {
		ask(story, id, (uint8_t)(id + 2), port);
	}
	turn_for(story->base, 5);
	close(fillers[0]);
	close(fillers[1]);
	close(listener);
	story_free(story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prober_connects_says_nothing_and_ends_in_good_order),
		cmocka_unit_test(prober_reports_a_refusal),
		cmocka_unit_test(prober_waits_4_s_for_an_address_that_is_silent),
		cmocka_unit_test(prober_tries_again_while_the_neighbour_is_not_found),
		cmocka_unit_test(prober_does_not_try_again_when_there_is_no_way),
		cmocka_unit_test(prober_blames_nobody_for_a_lack_of_descriptors),
		cmocka_unit_test(prober_asks_one_target_five_times_a_second_at_most),
		cmocka_unit_test(prober_asks_a_hundred_times_a_second_at_most),
		cmocka_unit_test(prober_spends_nothing_on_what_is_no_more_wanted),
		cmocka_unit_test(prober_asks_only_so_many_at_once),
		cmocka_unit_test(prober_judges_every_probe_once_when_the_queue_overflows),
		cmocka_unit_test(prober_takes_the_word_of_a_responder),
		cmocka_unit_test(prober_asks_over_ipv6_too),
		cmocka_unit_test(prober_asks_on_while_the_host_answers_others),
		cmocka_unit_test(prober_keeps_no_port_open_when_it_has_nothing_to_ask),
		cmocka_unit_test(prober_takes_no_reply_but_to_its_own_question),
		cmocka_unit_test(prober_takes_a_reply_from_another_address_of_the_link_only),
		cmocka_unit_test(prober_lets_the_port_decide_when_nobody_is_there_to_be_asked),
		cmocka_unit_test(prober_has_all_the_network_asked_when_nobody_answers),
		cmocka_unit_test(prober_puts_only_so_many_questions_to_one_and_to_all),
		cmocka_unit_test(prober_can_end_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
