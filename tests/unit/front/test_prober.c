// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "edge/prober.h"

#include <stdio.h>
#include <sys/resource.h>

#include "edge/knock.h"
#include "model/verification.h"
#include "prober_story.h"

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

static void prober_waits_less_when_there_may_be_another_address(void **state)
{
	const struct peers_ticket ticket = {
		.id = 8, .must_connect = true, .is_brief = true, .instance = "x"};
	const struct peers_address address = {.len = 4, .bytes = {127, 0, 0, 9}};
	struct story *story = story_new();

	(void)state;
	connect_error = EHOSTUNREACH;
	prober_ask(story->prober, &ticket, &address, 1, 9);
	turn_for(story->base, 5);
	assert_int_equal(story->n_judged, 0);
	put_clock_forward(VERIFICATION_BRIEF_MS);
	turn_for(story->base, 20);
	assert_int_equal(story->n_judged, 1);
	assert_int_equal(story->judged[0].verdict, LIVENESS_SILENT);
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

static void prober_asks_another_port_meanwhile(void **state)
{
	struct story *story = story_new();
	uint16_t port;
	int listener = listen_on(AF_INET, 4, &port);

	(void)state;
	ask(story, 1, 1, port);
	ask(story, 2, 1, port);
	ask(story, 3, 1, port_of_nobody());
	turn_until(story->base, story->n_judged == 3);
	assert_int_equal(story->judged[2].id, 2);
	close(listener);
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

// A stranger names thousands of ports of one host, where nobody answers.
static void prober_lets_no_host_hold_up_the_others(void **state)
{
	enum { N = 3000 };
	struct story *story = story_new();
	uint16_t port;
	int listener = listen_on(AF_INET, 4, &port);
	bool is_judged = false;

	(void)state;
	connect_error = EHOSTUNREACH;
	error_host = 1;
	for (unsigned i = 0; i < N; i++) {
		ask(story, i, 1, (uint16_t)(10000 + i));
	}
	for (unsigned i = 0; i < 2; i++) { // by then it has all the places that it may have
		turn_for(story->base, 5);
		put_clock_forward(1000);
	}
	for (unsigned i = 0; i < 4; i++) {
		ask(story, N + i, 2, port); // of which only one can be asked now …
	}
	ask(story, N + 4, 3, port); // … and a host that comes last
	for (unsigned k = 0; k < 50 && !is_judged; k++) {
		bool is_first = false, is_last = false;

		turn_for(story->base, 5);
		for (unsigned i = 0; i < story->n_judged; i++) {
			is_first |= story->judged[i].id == N;
			is_last |= story->judged[i].id == N + 4;
		}
		is_judged = is_first && is_last;
	}
	assert_true(is_judged);
	assert_true(prober_pending(story->prober) > N / 2);
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
		cmocka_unit_test(prober_waits_less_when_there_may_be_another_address),
		cmocka_unit_test(prober_tries_again_while_the_neighbour_is_not_found),
		cmocka_unit_test(prober_does_not_try_again_when_there_is_no_way),
		cmocka_unit_test(prober_blames_nobody_for_a_lack_of_descriptors),
		cmocka_unit_test(prober_asks_one_target_five_times_a_second_at_most),
		cmocka_unit_test(prober_asks_another_port_meanwhile),
		cmocka_unit_test(prober_asks_a_hundred_times_a_second_at_most),
		cmocka_unit_test(prober_spends_nothing_on_what_is_no_more_wanted),
		cmocka_unit_test(prober_asks_only_so_many_at_once),
		cmocka_unit_test(prober_lets_no_host_hold_up_the_others),
		cmocka_unit_test(prober_judges_every_probe_once_when_the_queue_overflows),
		cmocka_unit_test(prober_can_end_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
