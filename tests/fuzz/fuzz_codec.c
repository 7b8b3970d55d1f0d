// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Bytes from a client: every frame in them, and the bytes as one body, are decoded. What can be
 * decoded must be encodable in no more bytes, and decode(encode(decode x)) = decode x.
 */
#include "fuzz.h"

#include "epmdns/codec.h"
#include "message.h"

static void check_body(struct ep_str body)
{
	static uint8_t frame[EP_HEADER_LEN + EP_FRAME_MAX];
	struct ep_msg first, second;
	struct ep_problem problem;
	struct ep_str again;
	size_t n;

	if (ep_decode(body, &first, &problem) != EP_OK) {
		require(problem.what != NULL);
		return;
	}
	require(problem.what == NULL && problem.field == NULL);
	n = ep_encode(&first, frame, sizeof(frame));
	require(n >= EP_HEADER_LEN + EP_BODY_MIN && n <= EP_HEADER_LEN + body.n);
	require(ep_frame(frame, n, &again) == EP_OK && again.n + EP_HEADER_LEN == n);
	require(ep_decode(again, &second, &problem) == EP_OK);
	require(message_equals(&first, &second));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *p = data;
	const uint8_t *end = data + size;
	struct ep_str body;

	while (ep_frame(p, (size_t)(end - p), &body) == EP_OK) {
		check_body(body);
		p = body.p + body.n;
	}
	if (size >= EP_HEADER_LEN && size - EP_HEADER_LEN <= EP_FRAME_MAX) {
		// Whatever the length says: the fuzzer need not find out how to keep it right.
		check_body((struct ep_str){data + EP_HEADER_LEN, size - EP_HEADER_LEN});
	}
	return 0;
}
