// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// The link with children of all kinds: this program, started again (link_child.h).

#include "edge/link.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/wait.h>

#include "link_child.h"
#include "test.h"
#include "turn.h"

static char *program;

struct story {
	struct event_base *base;
	struct link *link;
	char *argv[4];
	unsigned n_started, n_lost, n_mismatch, n_stopped, n_messages;
	unsigned to_send, sent; // LINK_ASK
	char text[LINK_TEXT_MAX];
	char why[LINK_TEXT_MAX];
	bool stops_on_mismatch;
};

static void on_started(void *user)
{
	struct story *story = user;

	story->n_started++;
}

static void on_message(void *user, const struct link_msg *msg)
{
	struct story *story = user;

	story->n_messages++;
	memcpy(story->text, msg->text, sizeof(story->text));
}

static void on_lost(void *user, const char *why)
{
	struct story *story = user;

	story->n_lost++;
	snprintf(story->why, sizeof(story->why), "%s", why);
}

static void on_mismatch(void *user, const char *version)
{
	struct story *story = user;

	story->n_mismatch++;
	snprintf(story->text, sizeof(story->text), "%s", version);
	if (story->stops_on_mismatch) {
		link_stop(story->link);
	}
}

static void on_stopped(void *user)
{
	struct story *story = user;

	story->n_stopped++;
}

static bool next(void *user, struct link_msg *msg)
{
	struct story *story = user;

	if (story->sent >= story->to_send) {
		return false;
	}
	story->sent++;
	msg->op = LINK_ASK;
	return true;
}

static struct story *story_new_of(const char *path, const char *how)
{
	static const struct link_ops ops = {
		.on_started = on_started,
		.on_message = on_message,
		.on_lost = on_lost,
		.on_mismatch = on_mismatch,
		.on_stopped = on_stopped,
		.next = next,
	};
	struct story *story = calloc(1, sizeof(*story));

	story->base = event_base_new();
	story->argv[0] = program;
	story->argv[1] = strdup("--child");
	story->argv[2] = strdup(how);
	story->link = link_new(story->base, path, story->argv, &ops, story);
	assert_int_equal(story->n_started, 0); // not before the loop runs
	return story;
}

static struct story *story_new(const char *how)
{
	return story_new_of(program, how);
}

static void story_free(struct story *story)
{
	pid_t pid = link_pid(story->link);

	link_free(story->link);
	if (pid > 0) {
		assert_int_equal(waitpid(pid, NULL, WNOHANG), -1); // no zombie is left
	}
	event_base_free(story->base);
	free(story->argv[1]);
	free(story->argv[2]);
	free(story);
}

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
		kill(link_pid(story->link), SIGKILL);
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

static void link_lets_a_child_be_slow_that_gets_on(void **state)
{
	int pipes[2];
	int input = dup(STDIN_FILENO);
	struct story *story;

	(void)state;
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(dup2(pipes[0], STDIN_FILENO), STDIN_FILENO);
	story = story_new("is-slow");
	story->to_send = 1;
	turn_until(story->base, story->sent == 1);
	turn_for(story->base, 5);
	for (unsigned i = 1; i < 20; i++) {      // there is always something unanswered
		unsigned steps = i == 1 ? 1 : 2; // a message and the sync behind it

		story->to_send++;
		link_wake(story->link);
		turn_for(story->base, 5);
		put_clock_forward(LINK_HANG_MS - 5000);
		turn_for(story->base, 2);
		assert_int_equal(write(pipes[1], "..", steps), (ssize_t)steps);
		turn_until(story->base, story->n_messages == i);
		turn_for(story->base, 5);
	}
	assert_int_equal(story->n_lost, 0);
	story_free(story);
	dup2(input, STDIN_FILENO);
	close(input);
	close(pipes[0]);
	close(pipes[1]);
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
		assert_true(strcmp(story->why, "could not be started") == 0 ||
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
		cmocka_unit_test(link_ends_a_child_that_hangs_for_90_s),
		cmocka_unit_test(link_says_nothing_to_a_child_whose_build_it_does_not_know),
		cmocka_unit_test(link_queues_nothing_for_a_child_that_hangs),
		cmocka_unit_test(link_lets_a_child_be_slow_that_gets_on),
		cmocka_unit_test(link_does_not_starve_the_loop_when_a_child_floods_it),
		cmocka_unit_test(link_tries_again_when_the_program_cannot_be_started),
		cmocka_unit_test(link_stops_a_child_by_closing_its_end),
		cmocka_unit_test(link_kills_a_child_that_does_not_stop_in_time),
	};

	CHILD_MAIN(argc, argv);
	program = argv[0];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
