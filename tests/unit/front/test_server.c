// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Sessions as the protocol has them: hello, frames, ids, answers, ends.

#include "server_story.h"

static void server_reads_frames_that_come_one_byte_at_a_time(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_stranger(story);
	struct ep_msg hello;
	uint8_t frames[256];
	size_t n;

	(void)state;
	ep_begin(&hello, EP_OP_HELLO, 7);
	ep_set_u32(&hello, EP_F_VERSION, &hello.version, 1);
	n = ep_encode(&hello, frames, sizeof(frames));
	for (uint32_t id = 8; id < 12; id++) {
		struct ep_msg status;

		ep_begin(&status, EP_OP_STATUS, id);
		n += ep_encode(&status, frames + n, sizeof(frames) - n);
	}
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(talker_write(talker, frames + i, 1), 1);
		turn(story->base, 0);
	}
	talker_expect(talker, EP_OP_WELCOME, 7);
	for (uint32_t id = 8; id < 12; id++) {
		talker_expect(talker, EP_OP_REPORT, id);
	}
	talker_free(talker);
	story_free(story);
}

static void server_answers_every_frame_when_thousands_come_in_one_write(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_client(story);
	enum { REQUESTS = 5000 };
	uint8_t frames[REQUESTS * 7];
	size_t n = 0;

	(void)state;
	for (uint32_t id = 0; id < REQUESTS; id++) {
		struct ep_msg status;

		ep_begin(&status, EP_OP_STATUS, id);
		n += ep_encode(&status, frames + n, sizeof(frames) - n);
	}
	assert_int_equal(n, sizeof(frames));
	assert_int_equal(talker_write(talker, frames, n), n);
	for (uint32_t id = 0; id < REQUESTS; id++) {
		talker_expect(talker, EP_OP_REPORT, id);
	}
	talker_free(talker);
	story_free(story);
}

static void server_refuses_what_is_no_frame_and_closes_after_the_answer(void **state)
{
	static const struct {
		const char *what;
		uint8_t bytes[12];
		size_t n;
		uint32_t id;
	} cases[] = {
		{"a body of 4 bytes", {0, 4, 9, 0, 0, 0}, 6, 0},
		{"an empty body", {0, 0}, 2, 0},
		{"a body of 8193 bytes", {0x20, 1}, 2, 0},
		{"half a field header", {0, 7, 9, 0, 0, 0, 5, 8, 0}, 9, 5},
		{"a field beyond its frame", {0, 8, 9, 0, 0, 0, 6, 8, 0, 1}, 10, 6},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (unsigned said_hello = 0; said_hello < 2; said_hello++) {
			struct story *story = story_new();
			struct talker *talker =
				said_hello ? story_client(story) : story_stranger(story);
			struct talker *other = story_client(story);

			talker_write(talker, cases[i].bytes, cases[i].n);
			talker_ask(talker, EP_OP_STATUS, 77); // too late
			talker_expect_error(talker, cases[i].id, EP_CODE_BAD_FRAME);
			talker_expect_end(talker);
			turn_until(story->base, server_sessions(story->server) == 1);
			talker_expect_nothing(other);
			talker_free(talker);
			talker_free(other);
			story_free(story);
		}
	}
}

static void server_wants_hello_first(void **state)
{
	static const enum ep_op ops[] = {EP_OP_STATUS, EP_OP_CANCEL, (enum ep_op)99, EP_OP_DONE,
					 EP_OP_LOOKUP /* without its fields */};

	(void)state;
	for (size_t i = 0; i < COUNT(ops); i++) {
		struct story *story = story_new();
		struct talker *talker = story_stranger(story);

		talker_ask(talker, ops[i], 3);
		talker_say_hello(talker, NULL);
		talker_expect_error(talker, 3, EP_CODE_HELLO_FIRST);
		talker_expect_end(talker);
		assert_int_equal(story->n_opened, 0);
		talker_free(talker);
		story_free(story);
	}
}

static void server_speaks_the_highest_version_that_both_know(void **state)
{
	static const struct {
		uint32_t version, version_min, expected; // expected 0: refused
	} cases[] = {
		{1, 0, 1}, {1, 1, 1}, {2, 1, 1}, {65535, 0, 1}, {0, 0, 0}, {2, 2, 0}, {65535, 7, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct story *story = story_new();
		struct talker *talker = story_stranger(story);
		struct ep_msg msg;

		ep_begin(&msg, EP_OP_HELLO, 4);
		ep_set_u32(&msg, EP_F_VERSION, &msg.version, cases[i].version);
		if (cases[i].version_min > 0) {
			ep_set_u32(&msg, EP_F_VERSION_MIN, &msg.version_min, cases[i].version_min);
		}
		talker_send(talker, &msg);
		if (cases[i].expected == 0) {
			talker_expect_error(talker, 4, EP_CODE_BAD_VERSION);
			talker_expect_end(talker);
		} else {
			msg = talker_expect(talker, EP_OP_WELCOME, 4);
			assert_int_equal(msg.version, cases[i].expected);
		}
		talker_free(talker);
		story_free(story);
	}
}

static void server_goes_on_after_errors_of_a_request(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_stranger(story);
	struct ep_msg msg;

	(void)state;
	talker_ask(talker, EP_OP_HELLO, 2); // no version
	msg = talker_expect_error(talker, 2, EP_CODE_BAD_FIELD);
	assert_str_is(msg.text, LIT("version: missing"));
	talker_welcome(talker);
	talker_say_hello(talker, NULL);
	talker_expect_error(talker, 1, EP_CODE_BAD_FIELD);
	talker_ask(talker, EP_OP_LOOKUP, 3);
	talker_expect_error(talker, 3, EP_CODE_BAD_FIELD);
	talker_ask(talker, (enum ep_op)99, 4);
	talker_expect_error(talker, 4, EP_CODE_UNKNOWN_OP);
	talker_ask(talker, EP_OP_DONE, 5);
	talker_expect_error(talker, 5, EP_CODE_UNKNOWN_OP);
	talker_ask(talker, EP_OP_CANCEL, 6);
	talker_expect_error(talker, 6, EP_CODE_NOT_FOUND);
	talker_expect_nothing(talker);
	talker_free(talker);
	story_free(story);
}

static void server_remembers_the_first_request_when_its_id_is_used_again(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_client(story);

	(void)state;
	story_ask_node(talker, EP_OP_LOOKUP, 9);
	for (unsigned i = 0; i < 3; i++) {
		talker_ask(talker, i == 1 ? EP_OP_STATUS : EP_OP_WATCH, 9);
		talker_expect_error(talker, 9, EP_CODE_DUPLICATE_ID);
	}
	talker_ask(talker, (enum ep_op)99, 9);
	talker_expect_error(talker, 9, EP_CODE_DUPLICATE_ID);
	assert_int_equal(story->n_requests, 1);
	talker_ask(talker, EP_OP_CANCEL, 9);
	talker_expect(talker, EP_OP_DONE, 9);
	talker_ask(talker, EP_OP_STATUS, 9); // free again
	talker_expect(talker, EP_OP_REPORT, 9);
	talker_free(talker);
	story_free(story);
}

static void server_has_64_requests_of_a_session_in_flight(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_client(story);

	(void)state;
	for (uint32_t id = 0; id < EP_IN_FLIGHT_MAX; id++) {
		talker_ask(talker, EP_OP_WATCH, id);
	}
	talker_ask(talker, EP_OP_WATCH, 100);
	talker_expect_error(talker, 100, EP_CODE_LIMIT);
	talker_ask(talker, EP_OP_STATUS, 101); // what is answered at once is never in flight
	talker_expect(talker, EP_OP_REPORT, 101);
	talker_ask(talker, EP_OP_CANCEL, 17);
	talker_expect(talker, EP_OP_DONE, 17);
	talker_ask(talker, EP_OP_WATCH, 102);
	talker_expect_nothing(talker);
	talker_ask(talker, EP_OP_WATCH, 17);
	talker_expect_error(talker, 17, EP_CODE_LIMIT);
	talker_free(talker);
	story_free(story);
}

static void server_handles_what_was_sent_before_the_end(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_client(story);

	(void)state;
	talker_ask(talker, EP_OP_STATUS, 2);
	talker_ask(talker, EP_OP_STATUS, 3);
	talker_hang_up(talker);
	turn_until(story->base, story->n_closed == 1);
	assert_int_equal(story->n_requests, 2);
	talker_free(talker);
	story_free(story);
}

static void server_knows_that_a_client_has_hung_up_before_it_reads_that(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_client(story);
	struct talker *other = story_client(story);

	(void)state;
	talker_ask(other, EP_OP_STATUS, 2);
	assert_false(session_is_hung_up(story->sessions[0]));
	assert_false(session_is_hung_up(story->sessions[1]));
	talker_hang_up(talker);
	assert_true(session_is_hung_up(story->sessions[0]));
	assert_int_equal(story->n_closed, 0);
	talker_free(talker);
	talker_free(other);
	story_free(story);
}

static void server_drops_sessions_from_within_requests(void **state)
{
	struct story *story = story_new();
	struct talker *first = story_client(story);
	struct talker *second = story_client(story);
	struct talker *third = story_client(story);

	(void)state;
	story_ask_node(second, EP_OP_HINT, 2); // drops the first, which has more to say itself
	for (uint32_t id = 2; id < 40; id++) {
		talker_ask(first, EP_OP_STATUS, id);
	}
	story_ask_node(third, EP_OP_UNREGISTER, 2); // itself
	talker_ask(third, EP_OP_STATUS, 3);
	talker_expect(second, EP_OP_DONE, 2);
	talker_expect_end(third);
	turn_until(story->base, story->n_closed == 2);
	turn_until(story->base, talker_read(first) == 0 && first->is_closed);
	talker_expect_nothing(second);
	talker_free(first);
	talker_free(second);
	talker_free(third);
	story_free(story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_reads_frames_that_come_one_byte_at_a_time),
		cmocka_unit_test(server_answers_every_frame_when_thousands_come_in_one_write),
		cmocka_unit_test(server_refuses_what_is_no_frame_and_closes_after_the_answer),
		cmocka_unit_test(server_wants_hello_first),
		cmocka_unit_test(server_speaks_the_highest_version_that_both_know),
		cmocka_unit_test(server_goes_on_after_errors_of_a_request),
		cmocka_unit_test(server_remembers_the_first_request_when_its_id_is_used_again),
		cmocka_unit_test(server_has_64_requests_of_a_session_in_flight),
		cmocka_unit_test(server_handles_what_was_sent_before_the_end),
		cmocka_unit_test(server_knows_that_a_client_has_hung_up_before_it_reads_that),
		cmocka_unit_test(server_drops_sessions_from_within_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
