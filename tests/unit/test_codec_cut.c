// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Every good vector, cut off at every byte: by the stream, and by a peer that says so in the
 * length. erlang/test/epmdns_proto_tests.erl and tests/cli/test_wire.py hold the other codecs to
 * the same.
 *
 * Usage: test_codec_cut tests/vectors/frames.txt
 */

#include "epmdns/codec.h"

#include <stdio.h>
#include <stdlib.h>

#include "message.h"
#include "test.h"
#include "vectors.h"

static const char *vectors_path;

// Bytes of exactly this size, so that a sanitizer sees one that is read beyond them.
static uint8_t *exact_copy(const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);

	memcpy(copy, p, n);
	return copy;
}

static void for_each_good_vector(void (*check)(const struct vector *vector))
{
	struct vectors *vectors = vectors_open(vectors_path);
	const struct vector *vector;
	unsigned n = 0;

	while ((vector = vectors_next(vectors)) != NULL) {
		if (strcmp(vector->result, "ok") == 0) {
			print_message("# vector %s\n", vector->name);
			check(vector);
			n++;
		}
	}
	vectors_close(vectors);
	assert_true(n > 50);
}

static void check_stream(const struct vector *vector)
{
	for (size_t n = 0; n < vector->n; n++) {
		uint8_t *bytes = exact_copy(vector->frame, n);
		struct ep_str body = {NULL, 0};

		assert_int_equal(ep_frame(bytes, n, &body), EP_SHORT);
		assert_null(body.p); // nothing of it was taken
		free(bytes);
	}
}

static void codec_waits_for_the_rest_when_a_frame_is_cut_off_anywhere(void **state)
{
	(void)state;
	for_each_good_vector(check_stream);
}

// A body that ends where a field does: only what it lacks can be wrong with it.
static void check_whole_fields(const uint8_t *body, size_t n, uint64_t present)
{
	const char *missing = message_missing(body[0], present);
	struct ep_problem problem;
	struct ep_msg msg;
	enum ep_result result = ep_decode((struct ep_str){body, n}, &msg, &problem);

	if (missing == NULL) {
		assert_int_equal(result, EP_OK);
		assert_int_equal(msg.present, present);
		return;
	}
	assert_int_equal(result, EP_BAD_FIELD);
	assert_string_equal(problem.field, missing);
	assert_string_equal(problem.what, "missing");
}

static void check_cut_field(const uint8_t *body, size_t n)
{
	struct ep_problem problem;
	struct ep_msg msg;

	assert_int_equal(ep_decode((struct ep_str){body, n}, &msg, &problem), EP_BAD_FRAME);
	assert_non_null(problem.what);
	if (n >= EP_BODY_MIN) { // so that the answer can say which request it was
		assert_int_equal(msg.op, body[0]);
		assert_int_equal(msg.id, (uint32_t)body[1] << 24 | (uint32_t)body[2] << 16 |
						 (uint32_t)body[3] << 8 | body[4]);
	}
}

static void check_body(const struct vector *vector)
{
	const uint8_t *body = vector->frame + EP_HEADER_LEN;
	size_t len = vector->n - EP_HEADER_LEN;
	size_t field_end = EP_BODY_MIN;
	uint64_t present = 0;

	for (size_t n = 0; n <= len; n++) {
		uint8_t *bytes = exact_copy(body, n);

		if (n == field_end) {
			check_whole_fields(bytes, n, present);
		} else {
			check_cut_field(bytes, n);
		}
		free(bytes);
		if (n == field_end && n < len) {
			field_end += 3 + (size_t)(body[n + 1] << 8 | body[n + 2]);
			present |= message_has_field(body[n]) ? UINT64_C(1) << body[n] : 0;
		}
	}
	assert_int_equal(field_end, len);
}

static void codec_finds_what_is_missing_when_a_body_is_cut_off_anywhere(void **state)
{
	(void)state;
	for_each_good_vector(check_body);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codec_waits_for_the_rest_when_a_frame_is_cut_off_anywhere),
		cmocka_unit_test(codec_finds_what_is_missing_when_a_body_is_cut_off_anywhere),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s FRAMES.TXT\n", argv[0]);
		return 2;
	}
	vectors_path = argv[1];
	return cmocka_run_group_tests_name("codec_cut", tests, NULL, NULL);
}
