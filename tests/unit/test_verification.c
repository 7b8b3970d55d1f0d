// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/verification.h"

#include <stdio.h>

#include "test.h"

#define NOW 1000000
#define SPREAD_MS 123

struct story {
	struct verification verification;
	uint64_t now_ms;
	bool is_done;
	char log[512]; // "0 question connect, 100 question, …"
};

static void note(struct story *story, unsigned actions)
{
	static const char *const verdicts[] = {"advertised", "accepted", "mute", "refused",
					       "silent"};
	size_t n = strlen(story->log);

	assert_false(story->is_done);
	story->is_done = (actions & VERIFICATION_DONE) != 0;
	if (actions == 0) {
		return;
	}
	snprintf(story->log + n, sizeof(story->log) - n, "%s%d%s%s%s%s%s", n > 0 ? ", " : "",
		 (int)(story->now_ms - NOW),
		 (actions & VERIFICATION_QUESTION) != 0 ? " question" : "",
		 (actions & VERIFICATION_CONNECT) != 0 ? " connect" : "",
		 (actions & VERIFICATION_ASK) != 0 ? " ask" : "",
		 (actions & VERIFICATION_DONE) != 0 ? " " : "",
		 (actions & VERIFICATION_DONE) != 0 ? verdicts[story->verification.verdict] : "");
}

static void begin(struct story *story, bool must_connect)
{
	*story = (struct story){.now_ms = NOW};
	note(story, verification_begin(&story->verification, must_connect,
				       VERIFICATION_ASK_SPREAD_MS + SPREAD_MS, NOW));
}

// Let time pass up to that long after the beginning, with a tick at each deadline.
static void pass(struct story *story, uint64_t ms)
{
	while (!story->is_done && story->verification.deadline_ms <= NOW + ms) {
		story->now_ms = story->verification.deadline_ms;
		note(story, verification_tick(&story->verification, story->now_ms));
	}
	story->now_ms = NOW + ms;
}

static void answer(struct story *story, bool is_advertised)
{
	note(story, verification_answered(&story->verification, is_advertised));
}

static void connected(struct story *story, enum liveness_verdict verdict)
{
	note(story, verification_connected(&story->verification, verdict));
}

#define expect(story, text)                                                                        \
	do {                                                                                       \
		assert_string_equal((story)->log, text);                                           \
		(story)->log[0] = '\0';                                                            \
	} while (0)

static void verification_asks_eleven_times_and_all_the_network_once_before_it_gives_up(void **state)
{
	struct story story;

	(void)state;
	begin(&story, false);
	expect(&story, "0 question");
	pass(&story, 3999);
	expect(&story, "100 question connect, 250 question, 423 ask, 500 question, 750 question, "
		       "1000 question, 1500 question, 2000 question, 2500 question, "
		       "3000 question, 3500 question");
	pass(&story, 4000);
	expect(&story, "4000 silent");
}

static void verification_is_over_when_its_responder_advertises_it(void **state)
{
	struct story story;

	(void)state;
	begin(&story, false);
	answer(&story, true);
	expect(&story, "0 question, 0 advertised");
	begin(&story, false);
	pass(&story, 2600);
	story.log[0] = '\0';
	connected(&story, LIVENESS_ACCEPTED); // which does not say as much
	answer(&story, true);
	expect(&story, "2600 advertised");
}

static void verification_connects_at_once_when_it_is_not_advertised(void **state)
{
	static const struct {
		enum liveness_verdict verdict;
		const char *expected;
	} cases[] = {{LIVENESS_ACCEPTED, "7 accepted"}, {LIVENESS_REFUSED, "7 refused"}};

	(void)state;
	for (unsigned is_unheard = 0; is_unheard < 2; is_unheard++) {
		for (size_t i = 0; i < COUNT(cases); i++) {
			struct story story;

			begin(&story, false);
			pass(&story, 5);
			if (is_unheard != 0) {
				note(&story, verification_unheard(&story.verification));
			} else {
				answer(&story, false);
			}
			expect(&story, "0 question, 5 connect");
			pass(&story, 7);
			answer(&story, false); // again
			connected(&story, cases[i].verdict);
			expect(&story, cases[i].expected);
		}
	}
}

// Its agent may be back meanwhile.
static void
verification_goes_on_asking_what_is_not_advertised_while_its_port_is_silent(void **state)
{
	struct story story;

	(void)state;
	begin(&story, false);
	answer(&story, false);
	pass(&story, 600);
	expect(&story, "0 question, 0 connect, 100 question, 250 question, 423 ask, 500 question");
	answer(&story, true);
	expect(&story, "600 advertised");

	begin(&story, false);
	answer(&story, false);
	pass(&story, 3999);
	story.log[0] = '\0';
	pass(&story, 4000);
	expect(&story, "4000 silent");
}

// Its responder may be behind a firewall; nobody says that it is withdrawn.
static void verification_waits_for_a_responder_when_its_port_accepts(void **state)
{
	struct story story;

	(void)state;
	begin(&story, false);
	pass(&story, 110);
	connected(&story, LIVENESS_ACCEPTED);
	pass(&story, 3999);
	expect(&story, "0 question, 100 question connect, 250 question, 423 ask, 500 question, "
		       "750 question, 1000 question, 1500 question, 2000 question, "
		       "2500 question, 3000 question, 3500 question");
	pass(&story, 4000);
	expect(&story, "4000 mute");
	begin(&story, false);
	pass(&story, 110);
	connected(&story, LIVENESS_ACCEPTED);
	answer(&story, false);
	expect(&story, "0 question, 100 question connect, 110 accepted");
}

static void verification_is_over_when_its_port_refuses(void **state)
{
	struct story story;

	(void)state;
	for (unsigned must_connect = 0; must_connect < 2; must_connect++) {
		begin(&story, must_connect != 0);
		pass(&story, 110);
		story.log[0] = '\0';
		connected(&story, LIVENESS_REFUSED);
		expect(&story, "110 refused");
	}
}

// A connect has failed: what its responder says does not change that.
static void verification_believes_the_port_alone_when_a_connect_is_what_matters(void **state)
{
	static const struct {
		enum liveness_verdict verdict;
		const char *expected;
	} cases[] = {{LIVENESS_ACCEPTED, "1 accepted"}, {LIVENESS_REFUSED, "1 refused"}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct story story;

		begin(&story, true);
		expect(&story, "0 question connect");
		answer(&story, i == 0);
		pass(&story, 1);
		connected(&story, cases[i].verdict);
		expect(&story, cases[i].expected);
	}
}

static void verification_believes_its_responder_when_its_port_is_silent_to_the_end(void **state)
{
	struct story story;

	(void)state;
	begin(&story, true);
	pass(&story, 120);
	answer(&story, true);
	connected(&story, LIVENESS_SILENT); // no way there from here
	pass(&story, 3999);
	expect(&story, "0 question connect, 100 question"); // and no more
	pass(&story, 4000);
	expect(&story, "4000 advertised");
}

// Of the many nodes of a host whose refreshes were lost, one has all of its own packets lost, too.
static void verification_goes_on_while_its_host_answers_others(void **state)
{
	struct story story;

	(void)state;
	begin(&story, false);
	for (uint64_t round = 1; round < VERIFICATION_ROUNDS; round++) {
		verification_heard(&story.verification);
		story.log[0] = '\0';
		pass(&story, round * VERIFICATION_MS);
		assert_false(story.is_done);
	}
	story.log[0] = '\0';
	answer(&story, true);
	expect(&story, "12000 advertised");

	begin(&story, false);
	for (uint64_t round = 1; round <= VERIFICATION_ROUNDS; round++) {
		verification_heard(&story.verification);
		story.log[0] = '\0';
		pass(&story, round * VERIFICATION_MS);
	}
	assert_true(story.is_done); // for there is an end to everything
	assert_int_equal(story.verification.verdict, LIVENESS_SILENT);

	begin(&story, false);
	verification_heard(&story.verification);
	pass(&story, VERIFICATION_MS);
	story.log[0] = '\0';
	pass(&story, 2 * VERIFICATION_MS - 1);
	expect(&story, "4100 question, 4250 question, 4500 question, 4750 question, "
		       "5000 question, 5500 question, 6000 question, 6500 question, "
		       "7000 question, 7500 question");
	pass(&story, 2 * VERIFICATION_MS);
	expect(&story, "8000 silent"); // its host has fallen silent as well
}

// As when this process was stopped: nobody was asked in that time.
static void verification_takes_no_time_for_silence_in_which_it_did_not_ask(void **state)
{
	struct story story;

	(void)state;
	begin(&story, false);
	pass(&story, 300);
	story.log[0] = '\0';
	story.now_ms = NOW + 90000;
	note(&story, verification_tick(&story.verification, story.now_ms));
	pass(&story, 90001);
	expect(&story, "90000 ask");
	pass(&story, 92000);
	assert_false(story.is_done);
	pass(&story, 95000);
	assert_true(story.is_done);
	assert_int_equal(story.verification.verdict, LIVENESS_SILENT);
}

// A busy machine ticks late, and one question will do for all that are overdue.
static void verification_puts_one_question_when_several_are_overdue(void **state)
{
	struct story story;

	(void)state;
	begin(&story, false);
	story.now_ms = NOW + 800;
	note(&story, verification_tick(&story.verification, story.now_ms));
	expect(&story, "0 question, 800 question connect ask");
	assert_int_equal(story.verification.deadline_ms, NOW + 1000);
}

static void verification_spreads_its_question_to_all(void **state)
{
	struct verification verification;

	(void)state;
	for (unsigned spread_ms = 0; spread_ms < 70000; spread_ms += 99) {
		verification_begin(&verification, false, spread_ms, NOW);
		assert_in_range(verification.ask_ms, VERIFICATION_ASK_MS,
				VERIFICATION_ASK_MS + VERIFICATION_ASK_SPREAD_MS - 1);
	}
}

static void verification_is_brief_when_there_is_another_address(void **state)
{
	struct verification brief;
	uint64_t now_ms = 1000;

	(void)state;
	verification_begin(&brief, false, 0, now_ms);
	verification_shorten(&brief);
	verification_heard(&brief); // which is no reason to ask on
	while ((verification_tick(&brief, now_ms) & VERIFICATION_DONE) == 0) {
		assert_true(brief.deadline_ms > now_ms);
		now_ms = brief.deadline_ms;
	}
	assert_int_equal(now_ms, 1000 + VERIFICATION_BRIEF_MS);
	assert_int_equal(brief.verdict, LIVENESS_SILENT);
	assert_in_range(brief.n_questions, 4, VERIFICATION_QUESTIONS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			verification_asks_eleven_times_and_all_the_network_once_before_it_gives_up),
		cmocka_unit_test(verification_is_over_when_its_responder_advertises_it),
		cmocka_unit_test(verification_connects_at_once_when_it_is_not_advertised),
		cmocka_unit_test(
			verification_goes_on_asking_what_is_not_advertised_while_its_port_is_silent),
		cmocka_unit_test(verification_waits_for_a_responder_when_its_port_accepts),
		cmocka_unit_test(verification_is_over_when_its_port_refuses),
		cmocka_unit_test(
			verification_believes_the_port_alone_when_a_connect_is_what_matters),
		cmocka_unit_test(
			verification_believes_its_responder_when_its_port_is_silent_to_the_end),
		cmocka_unit_test(verification_goes_on_while_its_host_answers_others),
		cmocka_unit_test(verification_takes_no_time_for_silence_in_which_it_did_not_ask),
		cmocka_unit_test(verification_puts_one_question_when_several_are_overdue),
		cmocka_unit_test(verification_spreads_its_question_to_all),
		cmocka_unit_test(verification_is_brief_when_there_is_another_address),
	};

	return cmocka_run_group_tests_name("verification", tests, NULL, NULL);
}
