// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/rdata.h"

#include <errno.h>
#include <stdbool.h>

#include "test.h"

#define BASE_WIRE "\x0c_erlang-dist\x04_tcp\x05local\0"

static void rdata_puts_any_instance_into_one_label(void **state)
{
	static const struct {
		const char *instance, *label; // the label with its length before it
	} rows[] = {
		{"alice@a.home~abcdefgh", "\x15"
					  "alice@a.home~abcdefgh"},
		{"a.b\\c~1", "\x07"
			     "a.b\\c~1"},
		{"sp ace~1", "\x08"
			     "sp ace~1"},
		{"m\xc3\xbcller~1", "\x09"
				    "m\xc3\xbcller~1"},
		{"\x01\x7f~1", "\x04\x01\x7f~1"},
		{"012345678901234567890123456789012345678901234567890123456789012",
		 "\x3f"
		 "012345678901234567890123456789012345678901234567890123456789012"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char name[RDATA_TEXT_MAX];
		uint8_t wire[RDATA_NAME_MAX];
		size_t label_len = strlen(rows[i].label);
		int n;

		assert_int_equal(rdata_service_name(rows[i].instance, name), 0);
		n = rdata_name(name, wire);
		assert_int_equal(n, label_len + sizeof(BASE_WIRE) - 1);
		assert_memory_equal(wire, rows[i].label, label_len);
		assert_memory_equal(wire + label_len, BASE_WIRE, sizeof(BASE_WIRE) - 1);
	}
}

static void rdata_refuses_what_is_no_instance(void **state)
{
	static const char *const instances[] = {
		"",
		"0123456789012345678901234567890123456789012345678901234567890123",
	};
	char name[RDATA_TEXT_MAX];
	uint8_t wire[RDATA_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(instances); i++) {
		assert_int_equal(rdata_service_name(instances[i], name), -EINVAL);
	}
	// Not UTF-8: D-Bus would not take it.
	assert_int_equal(rdata_service_name("\xff\xfe~1", name), 0);
	assert_int_equal(rdata_name(name, wire), -EINVAL);
}

static void rdata_names_the_subtype_of_a_cluster(void **state)
{
	char name[RDATA_TEXT_MAX];
	uint8_t wire[RDATA_NAME_MAX];
	int n;

	(void)state;
	assert_int_equal(rdata_subtype_name("_prod", name), 0);
	assert_string_equal(name, "_prod._sub._erlang-dist._tcp.local");
	n = rdata_name(name, wire);
	assert_int_equal(n, 6 + 5 + sizeof(BASE_WIRE) - 1);
	assert_memory_equal(wire, "\x05_prod\x04_sub" BASE_WIRE, (size_t)n);
	assert_int_equal(rdata_subtype_name("_a.b", name), 0);
	assert_int_equal(rdata_name(name, wire), 5 + 5 + sizeof(BASE_WIRE) - 1);
}

static void rdata_refuses_names_that_dns_has_no_room_for(void **state)
{
	const char label[] = "0123456789012345678901234567890123456789012345678901234567890";
	char name[5 * sizeof(label)] = "";
	uint8_t wire[RDATA_NAME_MAX + 1];

	(void)state;
	wire[RDATA_NAME_MAX] = 0x55;
	for (int i = 0; i < 4; i++) {
		strcat(strcat(name, label), ".");
	}
	assert_int_equal(rdata_name(name, wire), 4 * 62 + 1);
	strcat(name, "12345");
	assert_int_equal(rdata_name(name, wire), 255);
	strcat(name, "6");
	assert_int_equal(rdata_name(name, wire), -EINVAL);
	assert_int_equal(rdata_name("a..local", wire), -EINVAL);
	assert_int_equal(rdata_name("a\\", wire), -EINVAL);
	assert_int_equal(wire[RDATA_NAME_MAX], 0x55);
}

static void rdata_srv_has_port_and_target(void **state)
{
	uint8_t wire[RDATA_SRV_MAX];

	(void)state;
	assert_int_equal(rdata_srv(0x1234, "host-2.local", wire), 6 + 14);
	assert_memory_equal(wire, "\0\0\0\0\x12\x34\x06host-2\x05local\0", 20);
}

// A list as libavahi-client has it: avahi-daemon up to 0.8 turns it round, later ones do not.
static AvahiStringList *list_of(const char *const *strings, size_t n, bool is_turned)
{
	AvahiStringList *list = NULL;

	for (size_t i = 0; i < n; i++) {
		list = avahi_string_list_add(list, strings[i]);
	}
	return is_turned ? avahi_string_list_reverse(list) : list;
}

static void rdata_txt_keeps_the_order_of_any_daemon(void **state)
{
	static const char *const strings[] = {"txtvers=1", "n=alice", "x=1"};
	static const char expected[] = "\x09txtvers=1\x07n=alice\x03x=1";
	uint8_t txt[64];

	(void)state;
	for (int i = 0; i < 2; i++) {
		AvahiStringList *list = list_of(strings, COUNT(strings), i == 1);

		assert_int_equal(rdata_txt(list, txt, sizeof(txt)), sizeof(expected) - 1);
		assert_memory_equal(txt, expected, sizeof(expected) - 1);
		assert_int_equal(rdata_txt(list, txt, sizeof(expected) - 2), -EMSGSIZE);
		avahi_string_list_free(list);
	}
}

static void rdata_txt_takes_what_is_not_ours(void **state)
{
	static const char *const strings[] = {"one", "two"};
	AvahiStringList *list = list_of(strings, COUNT(strings), false);
	uint8_t txt[64];

	(void)state;
	assert_int_equal(rdata_txt(list, txt, sizeof(txt)), 8);
	assert_memory_equal(txt, "\x03one\x03two", 8);
	assert_int_equal(rdata_txt(NULL, txt, sizeof(txt)), 1);
	assert_int_equal(txt[0], 0);
	avahi_string_list_free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rdata_puts_any_instance_into_one_label),
		cmocka_unit_test(rdata_refuses_what_is_no_instance),
		cmocka_unit_test(rdata_names_the_subtype_of_a_cluster),
		cmocka_unit_test(rdata_refuses_names_that_dns_has_no_room_for),
		cmocka_unit_test(rdata_srv_has_port_and_target),
		cmocka_unit_test(rdata_txt_keeps_the_order_of_any_daemon),
		cmocka_unit_test(rdata_txt_takes_what_is_not_ours),
	};

	return cmocka_run_group_tests_name("rdata", tests, NULL, NULL);
}
