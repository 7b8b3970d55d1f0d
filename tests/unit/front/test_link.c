// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// The link with children of all kinds.

#include "link_story.h"

static void link_passes_messages_both_ways(void **state)
{
	struct story *story = story_new("echoes");

	(void)state;
	story->to_send = 3;
	turn_until(story->base, story->n_messages == 3);
	assert_string_equal(story->text, "36 ");
	assert_int_equal(LINK_ASK, 36);
	story->to_send = 1000;
	link_wake(story->link);
	turn_until(story->base, story->n_messages == 1000);
	assert_int_equal(story->n_started, 1);
	assert_int_equal(link_restarts(story->link), 0);
	story_free(story);
}

static void link_hands_nothing_down_but_its_own_end(void **state)
{
	struct story *story = story_new("inspects");

	(void)state;
	turn_until(story->base, story->n_messages == 1);
	assert_string_equal(story->text, "");
	story_free(story);
}

static void link_hands_nothing_down_when_the_front_ignores_signals(void **state)
{
	struct story *story;
	sigset_t all, before;

	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&all);
	sigaddset(&all, SIGUSR1);
	sigprocmask(SIG_BLOCK, &all, &before);
	link_hands_nothing_down_but_its_own_end(state);
	sigprocmask(SIG_SETMASK, &before, NULL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	story = story_new("inspects");
	story_free(story); // may end before it began
}

static void link_starts_a_child_again_that_dies_later_each_time(void **state)
{
	static const uint64_t delays_ms[] = {250, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000};
	struct story *story = story_new("dies");

	(void)state;
	for (unsigned i = 0; i < COUNT(delays_ms); i++) {
		turn_until(story->base, story->n_lost == i + 1);
		assert_int_equal(story->n_started, i + 1);
		assert_string_equal(story->why, "exited with status 3");
		assert_int_equal(link_restarts(story->link), i + 1);
		assert_int_equal(link_pid(story->link), 0);
		put_clock_forward(delays_ms[i] - 100);
		turn_for(story->base, 5);
		assert_int_equal(story->n_started, i + 1);
		put_clock_forward(100);
	}
	story_free(story);
}

static void link_forgets_the_delay_when_a_child_has_lived_for_10_s(void **state)
{
	struct story *story = story_new("stays");

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		turn_until(story->base, story->n_messages == i + 1);
		put_clock_forward(LINK_HEALTHY_MS);
		signal_child(story, SIGKILL);
		turn_until(story->base, story->n_lost == i + 1);
		assert_string_equal(story->why, "was killed by signal 9");
		put_clock_forward(LINK_BACKOFF_MS);
	}
	story_free(story);
}

static void link_ends_a_child_that_does_not_keep_to_the_rules(void **state)
{
	static const char *const cases[][2] = {
		{"no-version", "did not say its version first"},
		{"too-short", "sent a malformed message"},
		{"too-long", "sent a malformed message"},
		{"no-nul", "sent a malformed message"},
		{"closes", "was killed by signal 9"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct story *story = story_new(cases[i][0]);

		story->to_send = 1;
		turn_until(story->base, story->n_lost == 1);
		assert_string_equal(story->why, cases[i][1]);
		assert_int_equal(story->n_messages, 0);
		assert_int_equal(story->n_mismatch, 0);
		story_free(story);
	}
}

static void link_reads_the_last_words_of_a_child(void **state)
{
	struct story *story = story_new("has-last-words");

	(void)state;
	turn_until(story->base, story->n_lost == 1);
	assert_string_equal(story->text, "last words");
	assert_string_equal(story->why, "exited with status 0");
	story_free(story);
}

static void link_tells_of_a_child_of_another_build_and_can_be_stopped_by_that(void **state)
{
	static const char *const cases[][2] = {
		{"other-version", "0.0.99"},
		{"other-version-dies", "0.0.99"},
		{"other-layout", "another layout"}, // the message itself has changed
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct story *story = story_new(cases[i][0]);

		story->stops_on_mismatch = true;
		turn_until(story->base, story->n_stopped == 1);
		assert_int_equal(story->n_mismatch, 1);
		assert_string_equal(story->text, cases[i][1]);
		put_clock_forward(LINK_BACKOFF_MAX_MS);
		turn_for(story->base, 10);
		assert_int_equal(story->n_started, 1);
		assert_int_equal(story->n_stopped, 1);
		assert_int_equal(story->n_lost, 0);
		story_free(story);
	}
}

static void link_does_not_starve_the_loop_when_a_child_floods_it(void **state)
{
	struct story *story = story_new("floods");

	(void)state;
	turn_until(story->base, story->n_messages > 0);
	for (unsigned i = 0; i < 10; i++) {
		unsigned before = story->n_messages;

		turn(story->base, 10);
		assert_in_range(story->n_messages - before, 0, 64);
	}
	turn_until(story->base, story->n_messages == 100000);
	story_free(story);
}

static void link_tries_again_when_the_program_cannot_be_started(void **state)
{
	struct story *story = story_new_of("/nonexistent/program", "echoes");

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		turn_until(story->base, story->n_lost == i + 1);
		// (valgrind learns of it from the end of a child that cannot do it)
		assert_true(strstr(story->why, "cannot be started: No such file") != NULL ||
			    strcmp(story->why, "exited with status 127") == 0);
		assert_int_equal(link_restarts(story->link), i + 1);
		put_clock_forward((uint64_t)LINK_BACKOFF_MS << i);
	}
	link_stop(story->link);
	turn_until(story->base, story->n_stopped == 1);
	story_free(story);
}

static void link_stops_a_child_by_closing_its_end(void **state)
{
	struct story *story = story_new("echoes");

	(void)state;
	story->to_send = 1;
	turn_until(story->base, story->n_messages == 1);
	link_stop(story->link);
	assert_int_equal(story->n_stopped, 0);
	link_wake(story->link); // nobody is there to be told
	turn_until(story->base, story->n_stopped == 1);
	assert_int_equal(story->n_lost, 0);
	put_clock_forward(LINK_BACKOFF_MAX_MS);
	turn_for(story->base, 10);
	assert_int_equal(story->n_started, 1);
	assert_int_equal(story->n_stopped, 1);
	story_free(story);
}

static void link_kills_a_child_that_does_not_stop_in_time(void **state)
{
	struct story *story = story_new("stays");

	(void)state;
	turn_until(story->base, story->n_messages == 1);
	link_stop(story->link);
	turn_for(story->base, 10);
	assert_int_equal(story->n_stopped, 0);
	put_clock_forward(LINK_STOP_MS);
	turn_until(story->base, story->n_stopped == 1);
	story_free(story);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_passes_messages_both_ways),
		cmocka_unit_test(link_hands_nothing_down_but_its_own_end),
		cmocka_unit_test(link_hands_nothing_down_when_the_front_ignores_signals),
		cmocka_unit_test(link_starts_a_child_again_that_dies_later_each_time),
		cmocka_unit_test(link_forgets_the_delay_when_a_child_has_lived_for_10_s),
		cmocka_unit_test(link_ends_a_child_that_does_not_keep_to_the_rules),
		cmocka_unit_test(link_reads_the_last_words_of_a_child),
		cmocka_unit_test(link_tells_of_a_child_of_another_build_and_can_be_stopped_by_that),
		cmocka_unit_test(link_does_not_starve_the_loop_when_a_child_floods_it),
		cmocka_unit_test(link_tries_again_when_the_program_cannot_be_started),
		cmocka_unit_test(link_stops_a_child_by_closing_its_end),
		cmocka_unit_test(link_kills_a_child_that_does_not_stop_in_time),
	};

	CHILD_MAIN(argc, argv);
	program = argv[0];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
