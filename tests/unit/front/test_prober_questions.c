// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What the prober asks of mDNS responders, and makes of their answers.

#include "edge/inquiry.h"

#include <fcntl.h>

#include "mdns_reply.h"
#include "model/verification.h"
#include "prober_story.h"

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

// Where no connect gets through, so that its responder alone is asked. *asked: what.
static void ask_responder(struct story *story, uint64_t id, uint8_t host, int responder,
			  struct asked *asked)
{
	connect_error = EHOSTUNREACH;
	ask_how(story, id, host, 4711, false);
	turn_until(story->base, receive_question(responder, asked));
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
	tell(responder, &asked[2], &told, 1); // hosts take turns, so 32 is asked last
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
	for (unsigned i = 0; i < 3; i++) {
		put_clock_forward(PROBER_PER_TARGET_MS);
		ask_responder(story, 27 + i, 1, responder, &asked);
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
	ask_responder(story, 21, 1, responder, &asked);
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
	ask_responder(story, 22, 9, responder, &asked); // and from 127.0.0.1 comes the answer
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prober_takes_the_word_of_a_responder),
		cmocka_unit_test(prober_asks_over_ipv6_too),
		cmocka_unit_test(prober_asks_on_while_the_host_answers_others),
		cmocka_unit_test(prober_keeps_no_port_open_when_it_has_nothing_to_ask),
		cmocka_unit_test(prober_takes_no_reply_but_to_its_own_question),
		cmocka_unit_test(prober_takes_a_reply_from_another_address_of_the_link_only),
		cmocka_unit_test(prober_lets_the_port_decide_when_nobody_is_there_to_be_asked),
		cmocka_unit_test(prober_has_all_the_network_asked_when_nobody_answers),
		cmocka_unit_test(prober_puts_only_so_many_questions_to_one_and_to_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
