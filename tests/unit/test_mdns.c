// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "base/mdns.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "mdns_reply.h"
#include "test.h"

static const uint8_t inet[] = {10, 77, 0, 101};
static const uint8_t inet6[16] = {0xfd, [3] = 0x77, [15] = 0x1e};

static const struct mdns_question ask4 = {
	.id = 0x1234, .instance = "hello~ab", .address = inet, .len = 4};
static const struct mdns_question ask6 = {
	.id = 0xfffe, .instance = "hello~ab", .address = inet6, .len = 16};

/*
 * What avahi-daemon 0.8 said to such a question: PTR of the address, SRV, all addresses. Not made
 * by us, compression and all.
 */
static const uint8_t avahi[] =
	"\x12\x34\x84\x00\x00\x02\x00\x06\x00\x00\x00\x00\x08hello~ab\x0c_erlang-dist\x04_tcp\x05"
	"local\x00\x00!\x00\x01\x03"
	"101\x01"
	"0\x02"
	"77\x02"
	"10\x07in-addr\x04"
	"arpa\x00\x00\x0c\x00\x01\xc0"
	"2\x00\x0c\x00\x01\x00\x00\x00\n\x00\x04\x01"
	"a\xc0'\xc0\x0c\x00!\x00\x01\x00\x00\x00\n\x00\x08\x00\x00\x00\x00\x12g\xc0\\\xc0\\\x00\x1c"
	"\x00\x01\x00\x00\x00\n\x00\x10\xfd\x00\x00w\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x01"
	"\xc0\\\x00\x01\x00\x01\x00\x00\x00\n\x00\x04\nM\x00\x01\xc0\\\x00\x01\x00\x01\x00\x00\x00"
	"\n"
	"\x00\x04\nM\x00"
	"e\xc0\\\x00\x01\x00\x01\x00\x00\x00\n\x00\x04\nM\x00"
	"f";
static const uint8_t avahi_without[] =
	"\x12\x34\x84\x00\x00\x02\x00\x01\x00\x00\x00\x00\x08hello~ab\x0c_erlang-dist\x04_tcp\x05"
	"local\x00\x00!\x00\x01\x03"
	"101\x01"
	"0\x02"
	"77\x02"
	"10\x07in-addr\x04"
	"arpa\x00\x00\x0c\x00\x01\xc0"
	"2\x00\x0c\x00\x01\x00\x00\x00\n\x00\x04\x01"
	"a\xc0'";

// From memory of exactly that size, so that a sanitizer sees a byte too far.
static enum mdns_reply read_copy(const struct mdns_question *question, const uint8_t *packet,
				 size_t n, uint16_t *port)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);
	enum mdns_reply reply;

	memcpy(copy, packet, n);
	reply = mdns_read(question, copy, n, port);
	free(copy);
	return reply;
}

static void mdns_asks_for_the_service_and_for_the_name_of_the_address(void **state)
{
	static const char expected[] = "\x12\x34\0\0\0\2\0\0\0\0\0\0"
				       "\x08hello~ab\x0c_erlang-dist\4_tcp\5local\0\0\x21\0\1"
				       "\3"
				       "101\1"
				       "0\2"
				       "77\2"
				       "10\7in-addr\4arpa\0\0\x0c\0\1";
	static const char nibbles[] = "\1e\0011\0010\0010\0010\0010\0010\0010\0010\0010\0010\0010"
				      "\0010\0010\0010\0010\0010\0010\0010\0010\0010\0010\0010\0010"
				      "\0017\0017\0010\0010\0010\0010\1d\1f\3ip6\4arpa";
	uint8_t packet[MDNS_QUESTION_MAX];
	size_t n = mdns_write(&ask4, packet);

	(void)state;
	assert_int_equal(n, sizeof(expected) - 1);
	assert_memory_equal(packet, expected, n);
	n = mdns_write(&ask6, packet);
	assert_memory_equal(packet + n - 4 - sizeof(nibbles), nibbles, sizeof(nibbles));
}

static void mdns_writes_no_more_than_there_is_room_for(void **state)
{
	char instance[64];
	struct mdns_question question = {.instance = instance, .address = inet6, .len = 16};
	uint8_t packet[MDNS_QUESTION_MAX];

	(void)state;
	memset(instance, 'x', 63);
	instance[63] = '\0';
	assert_int_equal(mdns_write(&question, packet), sizeof(packet));
}

static void mdns_reads_what_avahi_says(void **state)
{
	uint16_t port = 0;

	(void)state;
	assert_int_equal(read_copy(&ask4, avahi, sizeof(avahi) - 1, &port), MDNS_ADVERTISED);
	assert_int_equal(port, 4711);
	assert_int_equal(read_copy(&ask4, avahi_without, sizeof(avahi_without) - 1, &port),
			 MDNS_WITHDRAWN);
}

static void mdns_takes_no_reply_that_is_cut_or_longer_than_its_records(void **state)
{
	uint8_t longer[sizeof(avahi)];
	uint16_t port;

	(void)state;
	for (size_t n = 0; n < sizeof(avahi) - 1; n++) {
		assert_int_equal(read_copy(&ask4, avahi, n, &port), MDNS_NO_REPLY);
	}
	memcpy(longer, avahi, sizeof(avahi)); // with the NUL
	assert_int_equal(read_copy(&ask4, longer, sizeof(longer), &port), MDNS_NO_REPLY);
}

static void mdns_takes_no_reply_to_another_question(void **state)
{
	static const uint8_t other_address[] = {10, 77, 0, 102};
	struct mdns_question other = ask4;
	uint16_t port;

	(void)state;
	other.id++;
	assert_int_equal(read_copy(&other, avahi, sizeof(avahi) - 1, &port), MDNS_NO_REPLY);
	other = ask4;
	other.instance = "hello~ac";
	assert_int_equal(read_copy(&other, avahi, sizeof(avahi) - 1, &port), MDNS_NO_REPLY);
	other = ask4;
	other.address = other_address;
	assert_int_equal(read_copy(&other, avahi, sizeof(avahi) - 1, &port), MDNS_NO_REPLY);
	assert_int_equal(read_copy(&ask6, avahi, sizeof(avahi) - 1, &port), MDNS_NO_REPLY);
}

static void mdns_compares_names_without_regard_to_case(void **state)
{
	struct mdns_question question = ask4;
	uint16_t port;

	(void)state;
	question.instance = "HELLO~ab";
	assert_int_equal(read_copy(&question, avahi, sizeof(avahi) - 1, &port), MDNS_ADVERTISED);
	question.instance = "hello^ab"; // not the same but for a bit
	assert_int_equal(read_copy(&question, avahi, sizeof(avahi) - 1, &port), MDNS_NO_REPLY);
}

// A reply that is as it should be but for one thing.
static void mdns_takes_no_reply_that_is_wrong_in_one_thing(void **state)
{
	static const struct {
		const char *what;
		struct mdns_story story;
		enum mdns_reply expected;
	} cases[] = {
		{"nothing", {.port = 4711}, MDNS_ADVERTISED},
		{"more is said of it", {.port = 4711, .flags = 0x0200}, MDNS_ADVERTISED},
		{"a query", {.port = 4711, .flags = 0x8000}, MDNS_NO_REPLY},
		{"another operation", {.port = 4711, .flags = 0x0800}, MDNS_NO_REPLY},
		{"no authority", {.port = 4711, .flags = 0x0400}, MDNS_NO_REPLY},
		{"an error", {.port = 4711, .flags = 3}, MDNS_NO_REPLY},
		{"no question", {.port = 4711, .no_questions = true}, MDNS_NO_REPLY},
		{"one question only", {.port = 4711, .only_service = true}, MDNS_ADVERTISED},
		{"of the host only", {.only_host = true}, MDNS_NO_REPLY},
		{"another type", {.port = 4711, .type = 16}, MDNS_WITHDRAWN},
		{"another class", {.port = 4711, .class = 3}, MDNS_WITHDRAWN},
		{"marked as unique", {.port = 4711, .class = 0x8001}, MDNS_ADVERTISED},
		{"a goodbye", {.port = 4711, .is_goodbye = true}, MDNS_WITHDRAWN},
		{"port 0", {.port = 0x10000}, MDNS_NO_REPLY},
		{"a target too short", {.port = 4711, .rdlength = -1}, MDNS_NO_REPLY},
		{"a target too long", {.port = 4711, .rdlength = 1}, MDNS_NO_REPLY},
		{"a longer record", {.port = 4711, .rdlength = 30000}, MDNS_NO_REPLY},
		{"a name in a loop", {.port = 4711, .is_loop = true}, MDNS_NO_REPLY},
		{"too many records", {.port = 4711, .n_more = 100}, MDNS_NO_REPLY},
		{"nothing of the host", {.port = 4711, .no_host = true}, MDNS_ADVERTISED},
		{"nothing at all", {.no_host = true}, MDNS_NO_REPLY},
		{"withdrawn", {.port = 0}, MDNS_WITHDRAWN},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct mdns_question *asked[] = {&ask4, &ask6};

		for (size_t k = 0; k < COUNT(asked); k++) {
			uint8_t packet[MDNS_REPLY_MAX];
			size_t n = mdns_tell(asked[k], &cases[i].story, packet);
			uint16_t port = 0;
			enum mdns_reply reply = read_copy(asked[k], packet, n, &port);

			if (reply != cases[i].expected ||
			    (reply == MDNS_ADVERTISED && port != 4711)) {
				fail_msg("%s: %d, port %d", cases[i].what, (int)reply, port);
			}
		}
	}
}

// Whatever one byte is changed to, no port but a real one comes out, and nothing breaks.
static void mdns_stands_any_byte(void **state)
{
	uint8_t packet[sizeof(avahi) - 1];

	(void)state;
	for (size_t at = 0; at < sizeof(packet); at++) {
		memcpy(packet, avahi, sizeof(packet));
		for (unsigned value = 0; value < 256; value++) {
			uint16_t port = 0;

			packet[at] = (uint8_t)value;
			if (mdns_read(&ask4, packet, sizeof(packet), &port) == MDNS_ADVERTISED) {
				assert_int_not_equal(port, 0);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mdns_asks_for_the_service_and_for_the_name_of_the_address),
		cmocka_unit_test(mdns_writes_no_more_than_there_is_room_for),
		cmocka_unit_test(mdns_reads_what_avahi_says),
		cmocka_unit_test(mdns_takes_no_reply_that_is_cut_or_longer_than_its_records),
		cmocka_unit_test(mdns_takes_no_reply_to_another_question),
		cmocka_unit_test(mdns_compares_names_without_regard_to_case),
		cmocka_unit_test(mdns_takes_no_reply_that_is_wrong_in_one_thing),
		cmocka_unit_test(mdns_stands_any_byte),
	};

	return cmocka_run_group_tests_name("mdns", tests, NULL, NULL);
}
