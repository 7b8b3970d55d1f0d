// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What bounds a client: what it does not read, and what it does not finish.

#include "base/clock.h"
#include "server_story.h"

// Frames of one status request each, as long as the socket takes them. Return: how many it took.
static uint32_t flood(struct story *story, struct talker *talker, uint32_t count)
{
	static uint8_t frames[64 * 7];
	uint32_t id = 0;

	while (id < count) {
		size_t n = 0;

		for (uint32_t i = 0; i < 64; i++) {
			struct ep_msg status;

			ep_begin(&status, EP_OP_STATUS, id + i);
			n += ep_encode(&status, frames + n, sizeof(frames) - n);
		}
		n = talker_write(talker, frames, n);
		id += (uint32_t)(n / 7);
		if (n < sizeof(frames)) {
			assert_int_equal(n % 7, 0);
			return id;
		}
		turn(story->base, 0);
	}
	return id;
}

static void server_does_not_hear_one_who_does_not_read_and_loses_nothing(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_client(story);
	struct talker *other = story_client(story);
	uint32_t sent;

	(void)state;
	sent = flood(story, talker, 1000000);
	assert_in_range(sent, 20000, 999999); // the socket is full
	turn_for(story->base, 20);
	assert_true(session_owes(story->sessions[0]) <= SERVER_OUTPUT_MAX);
	talker_expect_nothing(other);
	for (uint32_t id = 0; id < sent; id++) {
		talker_expect(talker, EP_OP_REPORT, id);
	}
	talker_expect_nothing(talker);
	assert_int_equal(story->n_closed, 0);
	talker_free(talker);
	talker_free(other);
	story_free(story);
}

static void server_drops_one_who_lets_changes_pile_up_while_others_are_served(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_client(story);
	struct talker *other = story_client(story);

	(void)state;
	talker_ask(talker, EP_OP_WATCH, 2);
	talker_ask(other, EP_OP_WATCH, 3);
	turn_until(story->base, story->n_requests == 2);
	for (uint32_t number = 0; number < 2000; number++) {
		if (story->sessions[0] != NULL) {
			story_item(story->sessions[0], 2, number, 1000);
		}
		story_item(story->sessions[1], 3, number, 1000);
		assert_int_equal(talker_expect(other, EP_OP_ITEM, 3).age_s, number);
	}
	assert_null(story->sessions[0]);
	talker_expect_nothing(other);
	while (!talker->is_closed) { // what it got is the beginning, and whole
		talker_read(talker);
	}
	for (uint32_t number = 0; talker_has(talker); number++) {
		assert_int_equal(talker_expect(talker, EP_OP_ITEM, 2).age_s, number);
	}
	talker_free(talker);
	talker_free(other);
	story_free(story);
}

static void expect_list(struct talker *talker, uint32_t id, uint32_t count)
{
	while (count-- > 0) {
		assert_int_equal(talker_expect(talker, EP_OP_ITEM, id).age_s, count);
	}
	talker_expect(talker, EP_OP_DONE, id);
}

static void server_sends_a_long_list_as_it_is_read(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_client(story);
	struct talker *other = story_client(story);

	(void)state;
	story_ask_list(talker, 2, 30000, 100);
	for (unsigned i = 0; i < 10; i++) {
		talker_expect_nothing(other);
	}
	assert_true(session_owes(story->sessions[0]) < 2 * STORY_PIECE);
	assert_true(story->list_left > 10000);
	expect_list(talker, 2, 30000);
	assert_true(story->n_drained > 10);
	talker_free(talker);
	talker_free(other);
	story_free(story);
}

/*
 * A list that stopped because answers of just one piece were gathered, all of which the socket then
 * took, was never gone on with: nothing was owed, so nothing was drained.
 */
static void server_goes_on_with_a_list_when_a_piece_is_just_full(void **state)
{
	// Frames of 1024 bytes: length, body's op and id, age_s, and a text.
	const uint32_t len = 1024 - 2 - 5 - 7 - 3;

	(void)state;
	for (uint32_t count = STORY_PIECE / 1024 - 1; count <= 2 * STORY_PIECE / 1024 + 1;
	     count++) {
		struct story *story = story_new();
		struct talker *talker = story_client(story);

		story_ask_list(talker, 2, count, len);
		expect_list(talker, 2, count);
		talker_free(talker);
		story_free(story);
	}
}

static void server_ends_a_session_that_is_being_sent_a_list_when_it_breaks_the_rules(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_client(story);
	struct ep_msg msg;
	uint32_t items = 0;

	(void)state;
	story_ask_list(talker, 2, 100000, 500);
	turn_for(story->base, 5);
	talker_write(talker, "\0\1", 2);
	while ((msg = talker_next(talker)).op == EP_OP_ITEM) {
		items++;
	}
	assert_int_equal(msg.op, EP_OP_ERROR);
	assert_int_equal(msg.code, EP_CODE_BAD_FRAME);
	assert_true(items < 10000);
	talker_expect_end(talker);
	turn_until(story->base, story->n_closed == 1);
	talker_free(talker);
	story_free(story);
}

static void server_drops_one_who_does_not_say_hello_in_time_whatever_else_it_sends(void **state)
{
	struct story *story = story_new();
	struct talker *silent = story_stranger(story);
	struct talker *slow = story_stranger(story);

	(void)state;
	for (unsigned i = 0; i < 5; i++) { // a byte every 1.9 s
		turn(story->base, 0);
		put_clock_forward(SERVER_HELLO_MS / 5 - 100);
		turn(story->base, 0);
		assert_int_equal(talker_write(slow, &"\0\x40\1\0\0"[i], 1), 1);
		turn(story->base, 0);
		assert_int_equal(server_sessions(story->server), 2);
	}
	put_clock_forward(600);
	turn_for(story->base, 20);
	assert_int_equal(server_sessions(story->server), 0);
	talker_expect_error(silent, 0, EP_CODE_HELLO_FIRST);
	talker_expect_end(silent);
	talker_expect_error(slow, 0, EP_CODE_HELLO_FIRST);
	talker_expect_end(slow);
	talker_free(silent);
	talker_free(slow);
	story_free(story);
}

static void server_drops_one_who_does_not_finish_a_frame_in_time(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_client(story);
	struct talker *idle = story_client(story);

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(talker_write(talker, &"\0\5\x09"[i], 1), 1);
		turn(story->base, 0);
		put_clock_forward(SERVER_STUCK_MS / 3 - 100);
		turn(story->base, 0);
		assert_int_equal(server_sessions(story->server), 2);
	}
	put_clock_forward(400);
	turn_for(story->base, 20);
	assert_int_equal(server_sessions(story->server), 1);
	talker_expect_error(talker, 0, EP_CODE_BAD_FRAME);
	talker_expect_end(talker);
	talker_expect_nothing(idle); // an idle session has all the time in the world
	put_clock_forward(1000000);
	talker_expect_nothing(idle);
	talker_free(talker);
	talker_free(idle);
	story_free(story);
}

static void server_lets_one_live_whose_frames_are_always_cut_but_always_go_on(void **state)
{
	static const uint8_t frame[7] = {0, 5, EP_OP_STATUS, 0, 0, 0, 1};
	struct story *story = story_new();
	struct talker *talker = story_client(story);

	(void)state;
	assert_int_equal(talker_write(talker, frame, 3), 3);
	for (unsigned i = 0; i < 10; i++) {
		turn(story->base, 0);
		put_clock_forward(SERVER_STUCK_MS - 1000);
		assert_int_equal(talker_write(talker, frame + 3, 4), 4);
		assert_int_equal(talker_write(talker, frame, 3), 3);
		talker_expect(talker, EP_OP_REPORT, 1);
	}
	assert_int_equal(talker_write(talker, frame + 3, 4), 4);
	talker_expect(talker, EP_OP_REPORT, 1);
	put_clock_forward(1000000); // nothing is due now
	turn_for(story->base, 5);
	talker_expect_nothing(talker);
	talker_free(talker);
	story_free(story);
}

static void server_drops_one_who_reads_nothing_for_30_s(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_client(story);
	struct talker *slow = story_client(story);

	(void)state;
	story_ask_list(talker, 2, 100000, 500);
	turn_for(story->base, 5);
	flood(story, slow, 1000000);
	for (unsigned i = 0; i < 3; i++) {
		turn_for(story->base, 2);
		put_clock_forward(SERVER_STUCK_MS / 2);
		for (unsigned k = 0; k < 8; k++) {
			talker_read(slow);
		}
		turn_for(story->base, 2);
	}
	assert_null(story->sessions[0]);
	assert_non_null(story->sessions[1]);
	talker_free(talker);
	talker_free(slow);
	story_free(story);
}

// A user's sessions may not make the agent keep more than a share of memory, however many they are.
static void server_bounds_what_the_sessions_of_one_user_make_it_keep(void **state)
{
	struct story *story = story_new();
	struct talker *talkers[SERVER_BYTES_PER_UID_MAX / SERVER_OUTPUT_MAX + 20];
	size_t kept = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(talkers); i++) {
		talkers[i] = story_client(story);
		talker_ask(talkers[i], EP_OP_WATCH, 2);
	}
	turn_until(story->base, story->n_requests == COUNT(talkers));
	for (size_t i = 0; i < COUNT(talkers); i++) {
		for (uint32_t k = 0; k < 240; k++) {
			story_item(story->sessions[i], 2, k, 1000);
		}
	}
	for (size_t i = 0; i < COUNT(talkers); i++) {
		kept += session_is_hung_up(story->sessions[i]) ? 0
							       : session_owes(story->sessions[i]);
	}
	assert_in_range(kept, SERVER_BYTES_PER_UID_MAX / 2, SERVER_BYTES_PER_UID_MAX);
	turn_until(story->base, story->n_closed > 0);
	for (size_t i = 0; i < COUNT(talkers); i++) {
		talker_free(talkers[i]);
	}
	turn_until(story->base, server_sessions(story->server) == 0);
	story_free(story);
}

static void server_closes_whoever_is_there_when_it_ends(void **state)
{
	struct story *story = story_new();
	struct talker *stranger = story_stranger(story);
	struct talker *listing = story_client(story);
	struct talker *doomed = story_client(story);

	(void)state;
	story_ask_list(listing, 2, 100000, 500);
	turn_for(story->base, 5);
	session_drop(story->sessions[1], "the test says so");
	server_free(story->server);
	assert_int_equal(story->n_closed, 2);
	story->server = NULL;
	story_free(story);
	talker_free(stranger);
	talker_free(listing);
	talker_free(doomed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_does_not_hear_one_who_does_not_read_and_loses_nothing),
		cmocka_unit_test(server_drops_one_who_lets_changes_pile_up_while_others_are_served),
		cmocka_unit_test(server_sends_a_long_list_as_it_is_read),
		cmocka_unit_test(server_goes_on_with_a_list_when_a_piece_is_just_full),
		cmocka_unit_test(
			server_ends_a_session_that_is_being_sent_a_list_when_it_breaks_the_rules),
		cmocka_unit_test(
			server_drops_one_who_does_not_say_hello_in_time_whatever_else_it_sends),
		cmocka_unit_test(server_drops_one_who_does_not_finish_a_frame_in_time),
		cmocka_unit_test(server_lets_one_live_whose_frames_are_always_cut_but_always_go_on),
		cmocka_unit_test(server_drops_one_who_reads_nothing_for_30_s),
		cmocka_unit_test(server_bounds_what_the_sessions_of_one_user_make_it_keep),
		cmocka_unit_test(server_closes_whoever_is_there_when_it_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
