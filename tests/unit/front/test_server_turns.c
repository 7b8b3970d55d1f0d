// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Who asks for more than can be done in a moment takes turns with the others. One read brings
 * thousands of requests, and all of them were done before anybody else was heard.
 */

#include "server_story.h"

#define REQUESTS 1000

// Requests of a millisecond each, in one write.
static void ask_for_a_second_of_work(struct talker *talker)
{
	static uint8_t frames[REQUESTS * 7];
	size_t n = 0;

	for (uint32_t id = 0; id < REQUESTS; id++) {
		struct ep_msg msg;

		ep_begin(&msg, EP_OP_NAMES, id);
		n += ep_encode(&msg, frames + n, sizeof(frames) - n);
	}
	assert_int_equal(talker_write(talker, frames, n), n);
}

// How many answers have come by now, which are the next ones?
static uint32_t take_all(struct talker *talker, uint32_t next_id)
{
	struct ep_msg msg;
	uint32_t n = 0;

	while (talker_take(talker, &msg)) {
		assert_int_equal(msg.op, EP_OP_DONE);
		assert_int_equal(msg.id, next_id + n);
		n++;
	}
	return n;
}

static void server_hears_others_while_one_has_much_to_ask(void **state)
{
	struct story *story = story_new();
	struct talker *greedy = story_client(story);
	struct talker *other = story_client(story);
	uint32_t n_answered = 0;

	(void)state;
	ask_for_a_second_of_work(greedy);
	for (unsigned i = 0; i < 10; i++) {
		uint32_t n;

		talker_expect_nothing(other); // it is answered …
		n = take_all(greedy, n_answered);
		// … after two turns of the greedy one, at most; which is not kept from its work.
		assert_in_range(n, 1, 3 * SERVER_TURN_MS);
		n_answered += n;
	}
	while (n_answered < REQUESTS) {
		talker_expect(greedy, EP_OP_DONE, n_answered++);
	}
	talker_expect_nothing(greedy);
	talker_free(greedy);
	talker_free(other);
	story_free(story);
}

static void server_gives_turns_to_all_who_have_much_to_ask(void **state)
{
	struct story *story = story_new();
	struct talker *talkers[5];
	struct talker *other = story_client(story);
	uint32_t n_answered[COUNT(talkers)] = {0};
	uint32_t n_done = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(talkers); i++) {
		talkers[i] = story_client(story);
	}
	for (size_t i = 0; i < COUNT(talkers); i++) {
		ask_for_a_second_of_work(talkers[i]);
	}
	while (n_done < COUNT(talkers) * REQUESTS) {
		uint32_t least = REQUESTS, most = 0;

		talker_expect_nothing(other);
		for (size_t i = 0; i < COUNT(talkers); i++) {
			uint32_t n = take_all(talkers[i], n_answered[i]);

			n_answered[i] += n;
			n_done += n;
			least = n_answered[i] < least ? n_answered[i] : least;
			most = n_answered[i] > most ? n_answered[i] : most;
		}
		assert_true(most - least <= 3 * SERVER_TURN_MS);
	}
	for (size_t i = 0; i < COUNT(talkers); i++) {
		talker_free(talkers[i]);
	}
	talker_free(other);
	story_free(story);
}

static void server_lets_those_go_who_wait_for_their_turn(void **state)
{
	struct story *story = story_new();
	struct talker *gone = story_client(story);
	struct talker *dropped = story_client(story);
	struct talker *waiting = story_client(story);

	(void)state;
	ask_for_a_second_of_work(gone);
	ask_for_a_second_of_work(dropped);
	ask_for_a_second_of_work(waiting);
	turn(story->base, 0);
	talker_hang_up(gone);
	session_drop(story->sessions[1], "the test says so");
	turn_until(story->base, story->n_closed == 2);
	assert_non_null(story->sessions[2]);
	talker_free(gone);
	talker_free(dropped);
	server_free(story->server); // with one in the queue
	assert_int_equal(story->n_closed, 3);
	story->server = NULL;
	talker_free(waiting);
	story_free(story);
}

static void server_says_what_was_no_frame_when_its_turn_comes(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_client(story);

	(void)state;
	ask_for_a_second_of_work(talker);
	assert_int_equal(talker_write(talker, "\0\1", 2), 2);
	for (uint32_t id = 0; id < REQUESTS; id++) {
		talker_expect(talker, EP_OP_DONE, id);
	}
	talker_expect_error(talker, 0, EP_CODE_BAD_FRAME);
	talker_expect_end(talker);
	talker_free(talker);
	turn_until(story->base, story->n_closed == 1);
	story_free(story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_hears_others_while_one_has_much_to_ask),
		cmocka_unit_test(server_gives_turns_to_all_who_have_much_to_ask),
		cmocka_unit_test(server_lets_those_go_who_wait_for_their_turn),
		cmocka_unit_test(server_says_what_was_no_frame_when_its_turn_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
