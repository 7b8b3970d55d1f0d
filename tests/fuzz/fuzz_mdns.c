// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * A packet from the network as the reply to a question of ours, of each family. Its id is taken for
 * right: the fuzzer need not guess it. What is advertised has a port, the same reply says the same
 * again, and one that is cut says nothing.
 */
#include "fuzz.h"

#include <string.h>

#include "base/mdns.h"

static void check(const struct mdns_question *question, const uint8_t *data, size_t size)
{
	uint16_t port = 0, again = 0;
	enum mdns_reply reply = mdns_read(question, data, size, &port);

	require((reply == MDNS_ADVERTISED) == (port != 0));
	require(mdns_read(question, data, size, &again) == reply && again == port);
	if (reply != MDNS_NO_REPLY) {
		require(size <= MDNS_REPLY_MAX);
		require(mdns_read(question, data, size - 1, &again) == MDNS_NO_REPLY);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t inet[] = {10, 77, 0, 101};
	static const uint8_t inet6[16] = {0xfd, 0x00, 0x00, 0x77, [15] = 1};
	struct mdns_question question = {.instance = "hello~ab", .address = inet, .len = 4};
	uint8_t packet[MDNS_QUESTION_MAX];

	if (size >= 2) {
		question.id = (uint16_t)(data[0] << 8 | data[1]);
	}
	check(&question, data, size);
	question.address = inet6;
	question.len = 16;
	check(&question, data, size);
	require(mdns_write(&question, packet) <= sizeof(packet));
	return 0;
}
