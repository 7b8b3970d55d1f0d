// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Children that are slow, and children that hang.

#include "link_story.h"

static void link_ends_a_child_that_hangs_for_90_s(void **state)
{
	struct story *story = story_new("hangs");

	(void)state;
	story->to_send = 1;
	turn_until(story->base, story->sent == 1);
	turn_for(story->base, 5);
	put_clock_forward(LINK_HANG_MS - 1000);
	turn_for(story->base, 10);
	assert_int_equal(story->n_lost, 0);
	put_clock_forward(1000);
	turn_until(story->base, story->n_lost == 1);
	assert_string_equal(story->why, "hung in one step");
	story_free(story);
}

static void link_says_nothing_to_a_child_whose_build_it_does_not_know(void **state)
{
	struct story *story = story_new("says-nothing");

	(void)state;
	story->to_send = 1;
	turn_until(story->base, story->n_started == 1);
	link_wake(story->link);
	turn_for(story->base, 10);
	assert_int_equal(story->sent, 0);
	put_clock_forward(LINK_HANG_MS);
	turn_until(story->base, story->n_lost == 1);
	assert_string_equal(story->why, "hung in one step");
	story_free(story);
}

static void link_queues_nothing_for_a_child_that_hangs(void **state)
{
	struct story *story = story_new("hangs");

	(void)state;
	story->to_send = 100000;
	turn_until(story->base, story->sent > 10);
	turn_for(story->base, 30);
	assert_in_range(story->sent, 10, 1000); // what the socket holds
	put_clock_forward(LINK_HANG_MS);
	turn_until(story->base, story->n_lost == 1);
	assert_string_equal(story->why, "hung in one step");
	story_free(story);
}

// A child whose stdin we write to. Return: the end for that.
static int steer_child(struct story **story, const char *how)
{
	int input = dup(STDIN_FILENO);
	int pipes[2];

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(dup2(pipes[0], STDIN_FILENO), STDIN_FILENO);
	*story = story_new(how);
	turn_until((*story)->base, (*story)->n_started == 1);
	assert_int_equal(dup2(input, STDIN_FILENO), STDIN_FILENO);
	close(input);
	close(pipes[0]);
	return pipes[1];
}

static void link_lets_a_child_be_slow_that_answers_now_and_then(void **state)
{
	struct story *story;
	int steps_fd = steer_child(&story, "is-slow");

	(void)state;
	story->to_send = 1;
	turn_until(story->base, story->sent == 1);
	for (unsigned i = 1; i < 20; i++) {      // there is always something unanswered
		unsigned steps = i == 1 ? 1 : 2; // a message and the sync behind it

		story->to_send++;
		link_wake(story->link);
		turn_for(story->base, 5);
		put_clock_forward(LINK_HANG_MS - 5000);
		turn_for(story->base, 2);
		assert_int_equal(write(steps_fd, "..", steps), (ssize_t)steps);
		turn_until(story->base, story->n_messages == i);
		turn_for(story->base, 5);
	}
	assert_int_equal(story->n_lost, 0);
	story_free(story);
	close(steps_fd);
}

static void link_lets_a_child_be_slow_that_reads_now_and_then(void **state)
{
	struct story *story;
	int steps_fd = steer_child(&story, "only-reads");

	(void)state;
	story->to_send = 100000;
	link_wake(story->link);
	turn_until(story->base, story->sent > 0);
	for (unsigned i = 0; i < 5; i++) {
		unsigned sent;

		turn_for(story->base, 20);
		sent = story->sent;
		put_clock_forward(LINK_HANG_MS - 5000);
		turn_for(story->base, 2);
		assert_int_equal(write(steps_fd, ".", 1), 1);
		turn_until(story->base, story->sent > sent);
		assert_int_equal(story->n_lost, 0);
	}
	turn_for(story->base, 20);
	put_clock_forward(LINK_HANG_MS);
	turn_until(story->base, story->n_lost == 1);
	assert_string_equal(story->why, "hung in one step");
	story_free(story);
	close(steps_fd);
}

// Of the clock only the test's steps count, so this takes a moment.
static void be_silent(struct story *story)
{
	turn_for(story->base, 5);
	put_clock_forward(LINK_SILENT_MS - 500);
	turn_for(story->base, 5);
	assert_int_equal(link_silent_ms(story->link), 0);
	put_clock_forward(500);
	turn_until(story->base, link_silent_ms(story->link) > 0);
}

static void link_tells_of_a_child_that_does_not_answer_until_it_does(void **state)
{
	struct story *story;
	int steps_fd = steer_child(&story, "is-slow");

	(void)state;
	turn_until(story->base, link_check(story->link)); // greeted
	be_silent(story);
	assert_int_equal(story->n_silent, 1);
	put_clock_forward(3000);
	assert_in_range(link_silent_ms(story->link), LINK_SILENT_MS + 3000, LINK_SILENT_MS + 4000);
	assert_false(link_check(story->link));
	assert_int_equal(write(steps_fd, ".", 1), 1);
	turn_until(story->base, story->n_checked == 1);
	assert_int_equal(story->n_heard, 1);
	assert_int_equal(link_silent_ms(story->link), 0);
	put_clock_forward(3 * LINK_SILENT_MS);
	turn_for(story->base, 5);
	assert_int_equal(story->n_silent, 1);
	story_free(story);
	close(steps_fd);
}

static void link_checks_once_for_all_who_ask_meanwhile(void **state)
{
	struct story *story;
	int steps_fd = steer_child(&story, "is-slow");

	(void)state;
	turn_until(story->base, link_check(story->link));
	turn_for(story->base, 5);
	assert_true(link_check(story->link));
	story->to_send = 1; // and its sync does not ask Avahi
	link_wake(story->link);
	turn_for(story->base, 5);
	assert_int_equal(write(steps_fd, ".", 1), 1);
	turn_until(story->base, story->n_checked == 1);
	assert_int_equal(write(steps_fd, "..", 2), 2);
	turn_until(story->base, story->n_messages == 1);
	turn_for(story->base, 5);
	assert_int_equal(story->n_checked, 1);
	story_free(story);
	close(steps_fd);
}

static void link_takes_no_answer_for_that_to_a_check_that_is_to_an_earlier_sync(void **state)
{
	struct story *story;
	int steps_fd = steer_child(&story, "is-slow");

	(void)state;
	story->to_send = 1;
	turn_until(story->base, story->sent == 1);
	turn_for(story->base, 5);
	assert_true(link_check(story->link));
	turn_for(story->base, 5);
	assert_int_equal(write(steps_fd, "..", 2), 2);
	turn_until(story->base, story->n_messages == 1);
	turn_for(story->base, 5);
	assert_int_equal(story->n_checked, 0);
	assert_int_equal(write(steps_fd, ".", 1), 1);
	turn_until(story->base, story->n_checked == 1);
	story_free(story);
	close(steps_fd);
}

static void link_knows_a_child_that_is_stopped_from_one_that_waits(void **state)
{
	struct story *story = story_new("hangs");

	(void)state;
	turn_until(story->base, link_check(story->link));
	be_silent(story);
	turn_until(story->base, link_is_asleep(story->link));
	signal_child(story, SIGSTOP);
	turn_until(story->base, !link_is_asleep(story->link));
	signal_child(story, SIGKILL);
	turn_until(story->base, story->n_lost == 1);
	assert_int_equal(link_silent_ms(story->link), 0);
	assert_false(link_check(story->link));
	story_free(story);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_ends_a_child_that_hangs_for_90_s),
		cmocka_unit_test(link_says_nothing_to_a_child_whose_build_it_does_not_know),
		cmocka_unit_test(link_queues_nothing_for_a_child_that_hangs),
		cmocka_unit_test(link_lets_a_child_be_slow_that_answers_now_and_then),
		cmocka_unit_test(link_lets_a_child_be_slow_that_reads_now_and_then),
		cmocka_unit_test(link_tells_of_a_child_that_does_not_answer_until_it_does),
		cmocka_unit_test(link_checks_once_for_all_who_ask_meanwhile),
		cmocka_unit_test(
			link_takes_no_answer_for_that_to_a_check_that_is_to_an_earlier_sync),
		cmocka_unit_test(link_knows_a_child_that_is_stopped_from_one_that_waits),
	};

	CHILD_MAIN(argc, argv);
	program = argv[0];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
