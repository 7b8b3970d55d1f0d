// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/node.h"

#include "test.h"

static void node_name_is_refused_when_malformed(void **state)
{
	const struct ep_str names[] = {
		{NULL, 0},     LIT("@"),     LIT("a"),     LIT("a@"),    LIT("@h"),
		LIT("a@b@c"),  LIT("a@@"),   LIT("@@"),    LIT("a b@h"), LIT("a.b@h"),
		LIT("\xe4@h"), LIT("a\0@h"), LIT("a@h\0"), LIT("a@h h"), LIT("a@h\n"),
		LIT("a@\x1f"), LIT("a=b@h"), LIT("a~@h"),
	};
	char name[EP_NODE_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_non_null(node_name_problem(names[i]));
	}
	memset(name, 'a', sizeof(name));
	name[100] = '@';
	assert_non_null(node_name_problem((struct ep_str){(const uint8_t *)name, 256}));
	assert_null(node_name_problem((struct ep_str){(const uint8_t *)name, 255}));
}

static void node_name_is_split_when_valid(void **state)
{
	const struct {
		struct ep_str name, alive, host;
	} rows[] = {
		{LIT("a@h"), LIT("a"), LIT("h")},
		{LIT("A-z_09@a.home"), LIT("A-z_09"), LIT("a.home")},
		{LIT("a@192.168.1.17"), LIT("a"), LIT("192.168.1.17")},
		{LIT("a@fe80::1%eth0"), LIT("a"), LIT("fe80::1%eth0")},
		{LIT("b\x2d@m\xfcller"), LIT("b-"), LIT("m\xfcller")},
		{LIT("-@!"), LIT("-"), LIT("!")},
		{LIT("a@\x7f\x80\xff"), LIT("a"), LIT("\x7f\x80\xff")}, // net_kernel: [!-ÿ]*
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_null(node_name_problem(rows[i].name));
		assert_str_is(node_name_alive(rows[i].name), rows[i].alive);
		assert_str_is(node_name_host(rows[i].name), rows[i].host);
	}
}

static void node_name_has_every_byte_judged_when_in_either_part(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		uint8_t alive[] = {'a', (uint8_t)c, '@', 'h'};
		uint8_t host[] = {'a', '@', 'h', (uint8_t)c};
		int is_alive = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			       (c >= 'a' && c <= 'z') || c == '-' || c == '_';
		int is_host = c > ' ' && c != '@';

		assert_int_equal(node_name_problem((struct ep_str){alive, 4}) == NULL, is_alive);
		assert_int_equal(node_name_problem((struct ep_str){host, 4}) == NULL, is_host);
	}
}

static void node_host_is_compared_without_case_when_ascii(void **state)
{
	(void)state;
	assert_true(node_host_equals(LIT("Host.LOCAL"), LIT("hOST.local")));
	assert_true(node_host_equals(LIT(""), LIT("")));
	assert_false(node_host_equals(LIT("host"), LIT("host.")));
	assert_false(node_host_equals(LIT("host"), LIT("hosu")));
	assert_false(node_host_equals(LIT("m\xfcller"), LIT("m\xdcller"))); // ASCII only
	assert_false(node_host_equals(LIT("["), LIT("{")));                 // 0x5b, 0x7b
}

static void node_host_is_loopback_when_it_names_this_machine_to_itself(void **state)
{
	const struct {
		struct ep_str host;
		bool is_loopback;
	} rows[] = {
		{LIT("localhost"), true},
		{LIT("LocalHost"), true},
		{LIT("localhost."), true},
		{LIT("localhost.localdomain"), true},
		{LIT("localhost4"), false},
		{LIT("localhos"), false},
		{LIT("my.localhost"), false},
		{LIT("127.0.0.1"), true},
		{LIT("127.255.3.4"), true},
		{LIT("127.0.0.1.home"), false},
		{LIT("128.0.0.1"), false},
		{LIT("::1"), true},
		{LIT("0:0:0:0:0:0:0:1"), true},
		{LIT("::ffff:127.0.0.1"), true},
		{LIT("::ffff:10.0.0.1"), false},
		{LIT("::2"), false},
		{LIT("::"), false},
		{LIT(""), false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(node_host_is_loopback(rows[i].host), rows[i].is_loopback);
	}
}

static void node_name_is_transient_when_it_is_a_helpers(void **state)
{
	const struct {
		struct ep_str name;
		bool is_transient;
	} rows[] = {
		{LIT("rem-6f3a-app@h"), true},
		{LIT("rpc-0-app@h"), true},
		{LIT("rem-6F3A-app@h"), false}, // mix writes lower case
		{LIT("rem--app@h"), false},
		{LIT("rem-6f3a@h"), false},
		{LIT("rem-6f3aapp-x@h"), false},
		{LIT("remsh6F3a-app@h"), true},
		{LIT("maintABCDEF-app@h"), true},
		{LIT("maint-app@h"), false},
		{LIT("maintenance-app@h"), false},
		{LIT("remshell-1@h"), false},
		{LIT("xrem-6f-a@h"), false},
		{LIT("rem-6f@-h"), false}, // the host is not looked at
		{LIT("alice@rem-6f-a"), false},
		{LIT("rem-"), false},
		{LIT(""), false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(node_name_is_transient(rows[i].name), rows[i].is_transient);
	}
}

static void node_host_literal_is_read_when_it_is_an_address(void **state)
{
	const struct {
		struct ep_str host;
		size_t len;
		uint8_t bytes[16];
	} rows[] = {
		{LIT("192.168.1.17"), 4, {192, 168, 1, 17}},
		{LIT("0.0.0.0"), 4, {0}},
		{LIT("::1"), 16, {[15] = 1}},
		{LIT("fd00::A:1"), 16, {0xfd, [13] = 0xa, [15] = 1}},
		{LIT("192.168.1"), 0, {0}},
		{LIT("192.168.1.256"), 0, {0}},
		{LIT("192.168.1.17 "), 0, {0}},
		{LIT("192.168.1.17\0"), 0, {0}},
		{LIT("1.2.3.4\0x"), 0, {0}},
		{LIT("fe80::1%eth0"), 0, {0}}, // Erlang's tuple has no scope
		{LIT("[::1]"), 0, {0}},
		{LIT("home"), 0, {0}},
		{LIT(""), 0, {0}},
		{LIT("1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb"), 0, {0}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t bytes[16] = {0};

		assert_int_equal(node_host_literal(rows[i].host, bytes), rows[i].len);
		assert_memory_equal(bytes, rows[i].bytes, rows[i].len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(node_name_is_refused_when_malformed),
		cmocka_unit_test(node_name_is_split_when_valid),
		cmocka_unit_test(node_name_has_every_byte_judged_when_in_either_part),
		cmocka_unit_test(node_host_is_compared_without_case_when_ascii),
		cmocka_unit_test(node_host_is_loopback_when_it_names_this_machine_to_itself),
		cmocka_unit_test(node_name_is_transient_when_it_is_a_helpers),
		cmocka_unit_test(node_host_literal_is_read_when_it_is_an_address),
	};

	return cmocka_run_group_tests_name("node", tests, NULL, NULL);
}
