// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/addresses.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>

#include "test.h"

static struct link_address address(const char *text, bool is_on_link)
{
	struct link_address result = {.is_on_link = is_on_link};

	result.len = strchr(text, ':') != NULL ? 16 : 4;
	assert_int_equal(inet_pton(result.len == 16 ? AF_INET6 : AF_INET, text, result.bytes), 1);
	return result;
}

static void address_matches_when_it_is_in_the_prefix(void **state)
{
	const struct {
		const char *address, *own, *mask;
		bool expected;
	} rows[] = {
		{"192.168.1.17", "192.168.1.5", "255.255.255.0", true},
		{"192.168.2.17", "192.168.1.5", "255.255.255.0", false},
		{"192.168.2.17", "192.168.1.5", "255.255.252.0", true},
		{"10.0.0.127", "10.0.0.1", "255.255.255.128", true},
		{"10.0.0.128", "10.0.0.1", "255.255.255.128", false},
		{"10.0.0.2", "10.0.0.1", "255.255.255.255", false},
		{"8.8.8.8", "10.0.0.1", "0.0.0.0", true},
		{"fd00:77::9", "fd00:77::1", "ffff:ffff:ffff:ffff::", true},
		{"fd00:78::9", "fd00:77::1", "ffff:ffff:ffff:ffff::", false},
		{"2001:db8:0:1f::1", "2001:db8:0:10::1", "ffff:ffff:ffff:fff0::", true},
		{"2001:db8:0:20::1", "2001:db8:0:10::1", "ffff:ffff:ffff:fff0::", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct link_address a = address(rows[i].address, false);
		struct link_address own = address(rows[i].own, false);
		struct link_address mask = address(rows[i].mask, false);

		assert_int_equal(address_matches(a.bytes, own.bytes, mask.bytes, a.len),
				 rows[i].expected);
	}
}

static void address_is_link_local_in_fe80_10_only(void **state)
{
	const struct {
		const char *text;
		bool expected;
	} rows[] = {
		{"fe80::1", true},      {"febf:ffff::1", true}, {"fec0::1", false},
		{"fe7f::1", false},     {"fd00::1", false},     {"::1", false},
		{"254.128.0.1", false}, {"169.254.0.1", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct link_address a = address(rows[i].text, false);

		assert_int_equal(address_is_link_local(&a), rows[i].expected);
	}
}

static void add(struct link_msg *msg, const char *text, bool is_on_link)
{
	struct link_address a = address(text, is_on_link);

	addresses_add(msg, &a);
}

static void assert_order(const struct link_msg *msg, const char *const *texts, size_t n)
{
	assert_int_equal(msg->n_addresses, n);
	for (size_t i = 0; i < n; i++) {
		struct link_address a = address(texts[i], false);

		assert_int_equal(msg->addresses[i].len, a.len);
		assert_memory_equal(msg->addresses[i].bytes, a.bytes, a.len);
	}
}

static void addresses_are_in_order_when_added_in_any(void **state)
{
	static const char *const expected[] = {"fd00::1", "fd00::2", "2001:db8::1", "fe80::1"};
	struct link_msg msg = {0};

	(void)state;
	assert_false(addresses_are_usable(&msg));
	add(&msg, "fe80::1", true);
	assert_false(addresses_are_usable(&msg));
	add(&msg, "2001:db8::1", false);
	assert_false(addresses_are_usable(&msg));
	add(&msg, "fd00::1", true);
	assert_true(addresses_are_usable(&msg));
	add(&msg, "fd00::2", true);
	add(&msg, "fd00::1", true);
	add(&msg, "fe80::1", true);
	assert_order(&msg, expected, COUNT(expected));
}

static void addresses_are_on_link_when_one_is(void **state)
{
	struct link_msg msg = {0};

	(void)state;
	assert_false(addresses_are_on_link(&msg));
	add(&msg, "2001:db8::1", false);
	assert_false(addresses_are_on_link(&msg));
	add(&msg, "fe80::1", true);
	assert_true(addresses_are_on_link(&msg));
}

static void addresses_drop_the_worst_when_there_are_too_many(void **state)
{
	static const char *const expected[] = {"10.0.0.1", "10.0.0.2", "10.1.0.0", "10.1.0.1",
					       "10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5"};
	struct link_msg msg = {0};
	char text[32];

	(void)state;
	for (int i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "10.1.0.%d", i);
		add(&msg, text, false);
	}
	assert_int_equal(msg.n_addresses, EP_ADDRESSES_MAX);
	add(&msg, "10.0.0.1", true);
	add(&msg, "10.0.0.2", true);
	assert_order(&msg, expected, COUNT(expected));
	// What follows the addresses in the message is untouched.
	assert_int_equal(msg.txt_len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(address_matches_when_it_is_in_the_prefix),
		cmocka_unit_test(address_is_link_local_in_fe80_10_only),
		cmocka_unit_test(addresses_are_in_order_when_added_in_any),
		cmocka_unit_test(addresses_are_on_link_when_one_is),
		cmocka_unit_test(addresses_drop_the_worst_when_there_are_too_many),
	};

	return cmocka_run_group_tests_name("addresses", tests, NULL, NULL);
}
