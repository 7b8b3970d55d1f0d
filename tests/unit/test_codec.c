// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Usage: test_codec tests/vectors/frames.txt
#include "epmdns/codec.h"

#include <stdio.h>
#include <stdlib.h>

#include "message.h"
#include "test.h"
#include "vectors.h"

static const char *vectors_path;

static const char *const result_names[] = {
	[EP_OK] = "ok",
	[EP_SHORT] = "short",
	[EP_BAD_FRAME] = "bad_frame",
	[EP_UNKNOWN_OP] = "unknown_op",
	[EP_BAD_FIELD] = "bad_field",
};

// Frame and body in one: what a receiver of exactly these bytes finds.
static enum ep_result decode_frame(const uint8_t *frame, size_t n, struct ep_msg *msg,
				   struct ep_problem *problem)
{
	struct ep_str body;
	enum ep_result result = ep_frame(frame, n, &body);

	if (result != EP_OK) {
		return result;
	}
	assert_ptr_equal(body.p + body.n, frame + n);
	return ep_decode(body, msg, problem);
}

static void check_vector(const struct vector *vector)
{
	uint8_t *exact = malloc(vector->n > 0 ? vector->n : 1);
	static char text[VECTOR_TEXT_MAX];
	static uint8_t again[EP_HEADER_LEN + EP_FRAME_MAX];
	struct ep_problem problem = {NULL, NULL, 0};
	struct ep_msg msg;
	enum ep_result result;
	size_t n;

	memcpy(exact, vector->frame, vector->n);
	result = decode_frame(exact, vector->n, &msg, &problem);
	assert_string_equal(result_names[result], vector->result);
	if (result != EP_BAD_FRAME) {
		if (result != EP_UNKNOWN_OP) {
			assert_string_equal(ep_op_name(msg.op), vector->op);
		}
		assert_int_equal(msg.id, vector->id);
	}
	if (result == EP_BAD_FIELD) {
		assert_string_equal(problem.field != NULL ? problem.field : "", vector->problem);
	}
	if (result != EP_OK) {
		assert_true(result == EP_SHORT || result == EP_BAD_FRAME || problem.what != NULL);
	} else {
		assert_null(problem.what);
		assert_string_equal(message_print(&msg, text, sizeof(text)), vector->fields);
		n = ep_encode(&msg, again, sizeof(again));
		assert_int_equal(n == vector->n && memcmp(again, vector->frame, n) == 0,
				 vector->is_canonical);
	}
	free(exact);
}

static void codec_agrees_with_every_vector_when_read_from_the_file(void **state)
{
	struct vectors *vectors = vectors_open(vectors_path);
	const struct vector *vector;
	size_t n = 0;

	(void)state;
	while ((vector = vectors_next(vectors)) != NULL) {
		print_message("# vector %s\n", vector->name); // the last one is the one that failed
		check_vector(vector);
		n++;
	}
	vectors_close(vectors);
	assert_true(n >= 20);
}

/*
 * What must hold of any bytes whatever: reading stays inside them, what could be read can be
 * written, and reading that again gives the same.
 */
static enum ep_result assert_property(const uint8_t *bytes, size_t n)
{
	static uint8_t again[EP_HEADER_LEN + EP_FRAME_MAX];
	uint8_t *exact = malloc(n > 0 ? n : 1);
	struct ep_msg first, second;
	struct ep_problem problem;
	enum ep_result result;
	size_t len;

	if (n > 0) {
		memcpy(exact, bytes, n);
	}
	result = ep_decode((struct ep_str){exact, n}, &first, &problem);
	if (result == EP_OK) {
		len = ep_encode(&first, again, sizeof(again));
		assert_true(len >= EP_HEADER_LEN + EP_BODY_MIN && len <= EP_HEADER_LEN + n);
		assert_int_equal(decode_frame(again, len, &second, &problem), EP_OK);
		assert_true(message_equals(&first, &second));
	} else {
		assert_non_null(problem.what);
	}
	free(exact);
	return result;
}

static void codec_stays_inside_when_a_vector_is_cut_or_damaged(void **state)
{
	struct vectors *vectors = vectors_open(vectors_path);
	const struct vector *vector;
	uint64_t random = 5;

	(void)state;
	while ((vector = vectors_next(vectors)) != NULL) {
		uint8_t damaged[sizeof(vector->frame)];

		for (size_t n = EP_HEADER_LEN; n < vector->n; n++) {
			assert_property(vector->frame + EP_HEADER_LEN, n - EP_HEADER_LEN);
		}
		for (int round = 0; round < 300 && vector->n > EP_HEADER_LEN; round++) {
			size_t n = vector->n - EP_HEADER_LEN;

			memcpy(damaged, vector->frame + EP_HEADER_LEN, n);
			for (uint32_t i = 1 + random_below(&random, 3); i > 0; i--) {
				damaged[random_below(&random, (uint32_t)n)] =
					(uint8_t)random_next(&random);
			}
			assert_property(damaged, n);
		}
	}
	vectors_close(vectors);
}

static void codec_stays_inside_when_bytes_are_random(void **state)
{
	uint64_t random = 11;
	uint8_t bytes[64];

	(void)state;
	for (int round = 0; round < 200000; round++) {
		size_t n = random_below(&random, sizeof(bytes) + 1);

		for (size_t i = 0; i < n; i++) {
			// small numbers are tags and lengths that mean something
			bytes[i] = (uint8_t)(random_below(&random, 2) == 0
						     ? random_below(&random, 33) % 33
						     : random_next(&random));
		}
		assert_property(bytes, n);
	}
}

static void codec_gives_back_a_message_when_it_fits_a_frame(void **state)
{
	uint8_t pool[MESSAGE_POOL];
	static uint8_t frame[EP_HEADER_LEN + EP_FRAME_MAX];
	uint64_t random = 17;
	int fitting = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(pool); i++) {
		pool[i] = (uint8_t)random_next(&random);
	}
	for (int round = 0; round < 50000; round++) {
		struct ep_msg msg, read;
		struct ep_problem problem;
		uint8_t *exact;
		size_t n;

		message_random(&msg, &random, pool);
		n = ep_encode(&msg, frame, sizeof(frame));
		if (n == 0) {
			continue; // more than 8 KiB
		}
		fitting++;
		assert_int_equal(decode_frame(frame, n, &read, &problem), EP_OK);
		assert_true(message_equals(&msg, &read));

		exact = malloc(n); // and with not a byte too few or too many
		assert_int_equal(ep_encode(&msg, exact, n), n);
		assert_memory_equal(exact, frame, n);
		free(exact);
		exact = malloc(n - 1);
		assert_int_equal(ep_encode(&msg, exact, n - 1), 0);
		free(exact);
	}
	assert_true(fitting > 20000);
}

static void codec_frame_waits_or_gives_up_when_the_length_says_so(void **state)
{
	static uint8_t buf[2 * (EP_HEADER_LEN + EP_FRAME_MAX)];
	static const struct {
		uint8_t length[2];
		size_t n;
		enum ep_result expected;
	} rows[] = {
		{{0, 5}, 0, EP_SHORT},
		{{0, 5}, 1, EP_SHORT},
		{{0, 5}, 2, EP_SHORT},
		{{0, 5}, 6, EP_SHORT},
		{{0, 5}, 7, EP_OK},
		{{0, 5}, 100, EP_OK}, // the next frame is behind it
		{{0, 0}, 2, EP_BAD_FRAME},
		{{0, 4}, 2, EP_BAD_FRAME},
		{{0x20, 0x00}, 8193, EP_SHORT},
		{{0x20, 0x00}, 8194, EP_OK},
		{{0x20, 0x01}, 2, EP_BAD_FRAME}, // at once, not after 8 KiB
		{{0xff, 0xff}, 2, EP_BAD_FRAME},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ep_str body = {NULL, 0};

		memcpy(buf, rows[i].length, 2);
		assert_int_equal(ep_frame(buf, rows[i].n, &body), rows[i].expected);
		if (rows[i].expected == EP_OK) {
			assert_ptr_equal(body.p, buf + 2);
			assert_int_equal(body.n, rows[i].length[0] << 8 | rows[i].length[1]);
		} else {
			assert_null(body.p);
		}
	}
}

static void codec_says_op_and_id_when_the_rest_cannot_be_read(void **state)
{
	static const struct {
		uint8_t bytes[16];
		size_t n;
		enum ep_result result;
		uint8_t op;
		uint32_t id;
	} rows[] = {
		{{0}, 0, EP_BAD_FRAME, 0, 0},
		{{4, 0, 0, 0}, 4, EP_BAD_FRAME, 0, 0},
		{{4, 0, 0, 1, 2, 8}, 6, EP_BAD_FRAME, 4, 258},            // a field is cut off
		{{4, 0, 0, 1, 2, 8, 0, 9, 'a'}, 9, EP_BAD_FRAME, 4, 258}, // longer than the frame
		{{11, 0, 0, 0, 7}, 5, EP_UNKNOWN_OP, 11, 7},
		{{0, 0, 0, 0, 7}, 5, EP_UNKNOWN_OP, 0, 7},
		{{135, 0, 0, 0, 7}, 5, EP_UNKNOWN_OP, 135, 7},
		{{254, 0, 0, 0, 7}, 5, EP_UNKNOWN_OP, 254, 7},
		{{11, 0, 0, 0, 7, 200, 0, 0}, 8, EP_UNKNOWN_OP, 11, 7}, // first of all unknown
		{{11, 0, 0, 0, 7, 200, 0, 1}, 8, EP_BAD_FRAME, 11, 7},  // before that: no frame
		{{9, 0, 0, 0, 7, 127, 0, 0}, 8, EP_OK, 9, 7},
		{{9, 0, 0, 0, 7, 7, 0, 1, 0}, 9, EP_OK, 9, 7},
		{{9, 0, 0, 0, 7, 0, 0, 0}, 8, EP_OK, 9, 7},
		{{9, 0, 0, 0, 7, 128, 0, 0}, 8, EP_BAD_FIELD, 9, 7},
		{{9, 0, 0, 0, 7, 255, 0, 0, 8}, 9, EP_BAD_FRAME, 9, 7}, // even behind a bad field
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ep_msg msg;
		struct ep_problem problem;

		memset(&msg, 0x55, sizeof(msg));
		assert_int_equal(
			ep_decode((struct ep_str){rows[i].bytes, rows[i].n}, &msg, &problem),
			rows[i].result);
		assert_int_equal(msg.op, rows[i].op);
		assert_int_equal(msg.id, rows[i].id);
		assert_int_equal(problem.what == NULL, rows[i].result == EP_OK);
	}
}

static void codec_says_which_field_is_to_blame_even_if_it_has_no_name_for_it(void **state)
{
	static const struct {
		uint8_t bytes[16];
		size_t n;
		uint8_t tag;
	} rows[] = {
		{{9, 0, 0, 0, 7, 200, 0, 0}, 8, 200},
		{{9, 0, 0, 0, 7, 129, 0, 0, 130, 0, 0}, 11, 129},        // the first of them
		{{9, 0, 0, 0, 7, EP_F_PORT, 0, 1, 0}, 9, EP_F_PORT},     // wrong length
		{{EP_OP_LOOKUP, 0, 0, 0, 7, 12, 0, 1, 4}, 9, EP_F_NODE}, // missing
		{{9, 0, 0, 0, 7, EP_F_PORT, 0}, 7, 0},                   // no field is
		{{11, 0, 0, 0, 7}, 5, 0},
		{{9, 0, 0, 0, 7}, 5, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ep_str body = {rows[i].bytes, rows[i].n};
		struct ep_problem problem;
		struct ep_msg msg;

		ep_decode(body, &msg, &problem);
		assert_int_equal(problem.tag, rows[i].tag);
		assert_int_equal(problem.field != NULL, rows[i].tag > 0 && rows[i].tag < 128);
	}
}

static void codec_add_refuses_when_the_list_is_full(void **state)
{
	struct ep_msg msg;

	(void)state;
	ep_begin(&msg, EP_OP_ITEM, 1);
	for (int i = 0; i < EP_ADDRESSES_MAX; i++) {
		assert_int_equal(ep_add(&msg, EP_F_ADDRESS, "abcd", 4), 0);
	}
	assert_int_equal(ep_add(&msg, EP_F_ADDRESS, "efgh", 4), 1);
	assert_int_equal(msg.n_addresses, EP_ADDRESSES_MAX);
	assert_true(ep_has(&msg, EP_F_ADDRESS));
	assert_memory_equal(msg.addresses[7].p, "abcd", 4);
}

static void codec_writes_nothing_when_there_is_no_room_for_a_header(void **state)
{
	struct ep_msg msg;
	uint8_t buf[7];

	(void)state;
	ep_begin(&msg, EP_OP_STATUS, 1);
	assert_int_equal(ep_encode(&msg, buf, 0), 0);
	assert_int_equal(ep_encode(&msg, buf, 6), 0);
	assert_int_equal(ep_encode(&msg, buf, 7), 7);
}

static void codec_names_what_there_is_when_asked(void **state)
{
	static const struct {
		const char *(*name)(uint32_t);
		uint32_t number;
		const char *expected;
	} rows[] = {
		{ep_op_name, EP_OP_HELLO, "hello"},
		{ep_op_name, EP_OP_HINT, "hint"},
		{ep_op_name, EP_OP_WELCOME, "welcome"},
		{ep_op_name, EP_OP_REPORT, "report"},
		{ep_op_name, EP_OP_ERROR, "error"},
		{ep_op_name, 0, NULL},
		{ep_op_name, 11, NULL},
		{ep_op_name, 128, NULL},
		{ep_op_name, 135, NULL},
		{ep_op_name, 256, NULL},
		{ep_op_name, UINT32_MAX, NULL},
		{ep_code_name, EP_CODE_BAD_FRAME, "bad_frame"},
		{ep_code_name, EP_CODE_UNAVAILABLE, "unavailable"},
		{ep_code_name, 0, NULL},
		{ep_code_name, 14, NULL},
		{ep_carrier_name, EP_CARRIER_INET6_TLS, "inet6_tls"},
		{ep_carrier_name, 0, NULL},
		{ep_carrier_name, 5, NULL},
		{ep_family_name, EP_FAMILY_INET, "inet"},
		{ep_family_name, EP_FAMILY_INET6, "inet6"},
		{ep_family_name, 5, NULL},
		{ep_state_name, EP_STATE_CONFLICT, "conflict"},
		{ep_state_name, 4, NULL},
		{ep_event_name, EP_EVENT_CHANGED, "changed"},
		{ep_event_name, 5, NULL},
		{ep_origin_name, EP_ORIGIN_LOCAL, "local"},
		{ep_origin_name, EP_ORIGIN_LAN, "lan"},
		{ep_origin_name, 3, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *name = rows[i].name(rows[i].number);

		if (rows[i].expected == NULL) {
			assert_null(name);
		} else {
			assert_non_null(name);
			assert_string_equal(name, rows[i].expected);
		}
	}
	assert_int_equal(ep_carrier_family(EP_CARRIER_INET_TLS), EP_FAMILY_INET);
	assert_int_equal(ep_carrier_family(EP_CARRIER_INET6_TCP), EP_FAMILY_INET6);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codec_agrees_with_every_vector_when_read_from_the_file),
		cmocka_unit_test(codec_stays_inside_when_a_vector_is_cut_or_damaged),
		cmocka_unit_test(codec_stays_inside_when_bytes_are_random),
		cmocka_unit_test(codec_gives_back_a_message_when_it_fits_a_frame),
		cmocka_unit_test(codec_frame_waits_or_gives_up_when_the_length_says_so),
		cmocka_unit_test(codec_says_op_and_id_when_the_rest_cannot_be_read),
		cmocka_unit_test(codec_says_which_field_is_to_blame_even_if_it_has_no_name_for_it),
		cmocka_unit_test(codec_add_refuses_when_the_list_is_full),
		cmocka_unit_test(codec_writes_nothing_when_there_is_no_room_for_a_header),
		cmocka_unit_test(codec_names_what_there_is_when_asked),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s FRAMES.TXT\n", argv[0]);
		return 2;
	}
	vectors_path = argv[1];
	return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
