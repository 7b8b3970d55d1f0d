// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "cli/text.h"

#include <stdio.h>
#include <stdlib.h>

#include "test.h"

static void text_next_refuses_what_is_no_strict_utf8(void **state)
{
	static const char *const bad[] = {
		"\x80",                 // continuation alone
		"\xc3",                 // cut off
		"\xc3(",                // no continuation
		"\xc0\xaf",             // overlong
		"\xe0\x80\xaf",         // overlong
		"\xf0\x80\x80\xaf",     // overlong
		"\xed\xa0\x80",         // surrogate
		"\xf4\x90\x80\x80",     // beyond Unicode
		"\xf8\x88\x80\x80\x80", // five bytes
		"\xff",
	};
	uint32_t code;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(text_next((const uint8_t *)bad[i], strlen(bad[i]), &code), 0);
	}
	assert_int_equal(text_next(NULL, 0, &code), 0);
}

static void text_next_reads_every_length(void **state)
{
	static const struct {
		const char *utf8;
		uint32_t code;
	} good[] = {{"a", 'a'}, {"é", 0xe9}, {"€", 0x20ac}, {"𝄞", 0x1d11e}};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		size_t n = strlen(good[i].utf8);
		uint32_t code = 0;

		assert_int_equal(text_next((const uint8_t *)good[i].utf8, n, &code), n);
		assert_int_equal(code, good[i].code);
	}
}

static void text_latin1_comes_back_for_every_byte(void **state)
{
	uint8_t bytes[255];
	uint8_t back[255];
	size_t n, len;
	char *utf8;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(i + 1);
	}
	utf8 = text_from_latin1((struct ep_str){bytes, sizeof(bytes)}, &len);
	assert_int_equal(strlen(utf8), len);
	assert_null(text_to_latin1(utf8, back, sizeof(back), &n));
	assert_int_equal(n, sizeof(bytes));
	assert_memory_equal(back, bytes, n);
	assert_non_null(text_to_latin1(utf8, back, sizeof(back) - 1, &n)); // too long
	free(utf8);
}

static void text_to_latin1_says_why_not(void **state)
{
	uint8_t buf[8];
	size_t n;

	(void)state;
	assert_non_null(text_to_latin1("€@b", buf, sizeof(buf), &n));
	assert_non_null(text_to_latin1("\xe9@b", buf, sizeof(buf), &n));
	assert_non_null(text_to_latin1("123456789", buf, sizeof(buf), &n));
	assert_null(text_to_latin1("12345678", buf, sizeof(buf), &n));
	assert_int_equal(n, 8);
}

static void text_printable_leaves_nothing_that_moves_a_terminal(void **state)
{
	struct {
		struct ep_str bytes;
		const char *shown;
	} cases[] = {
		{LIT("plain é €"), "plain é €"},
		{LIT(""), ""},
		{LIT("\x1b[2J\r\n\t\0x"), "\\x1b[2J\\x0d\\x0a\\x09\\x00x"},
		{LIT("a\\b"), "a\\\\b"},
		{LIT("\x7f"), "\\x7f"},
		{LIT("\xc2\x9b"
		     "31m"),
		 "\\x9b31m"}, // the 8-bit CSI as UTF-8
		{LIT("\x9b"
		     "31m"),
		 "\\x9b31m"}, // and as it is: then read as latin-1
		{LIT("\xe9"), "é"},
		{LIT("\xe2\x80\xae"
		     "abc"),
		 "\\u{202e}abc"}, // right-to-left override
		{LIT("\xef\xbb\xbf"), "\\u{feff}"},
		{LIT("\xf3\xa0\x80\x81"), "\\u{e0001}"},
		{LIT("\xf4\x8f\xbf\xbf"), "\\u{10ffff}"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *shown = text_printable_bytes(cases[i].bytes);

		assert_string_equal(shown, cases[i].shown);
		free(shown);
	}
}

static void text_printable_name_reads_latin1(void **state)
{
	char *shown = text_printable_name(LIT("caf\xe9\xc3\xa9@h"));

	(void)state;
	assert_string_equal(shown, "caféÃ©@h");
	free(shown);
}

static void text_age_has_one_unit(void **state)
{
	static const struct {
		uint32_t age_s;
		const char *shown;
	} cases[] = {
		{0, "0 s"},      {59, "59 s"},       {60, "1 min"},           {119, "1 min"},
		{120, "2 min"},  {3599, "59 min"},   {3600, "1 h"},           {172799, "47 h"},
		{172800, "2 d"}, {8640000, "100 d"}, {UINT32_MAX, "49710 d"},
	};
	char buf[TEXT_AGE_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_string_equal(text_age(cases[i].age_s, buf), cases[i].shown);
	}
}

static void text_address_knows_both_families(void **state)
{
	char buf[TEXT_ADDRESS_MAX];

	(void)state;
	assert_string_equal(text_address(LIT("\xc0\xa8\x01\x11"), buf), "192.168.1.17");
	assert_string_equal(text_address(LIT("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"), buf),
			    "2001:db8::1");
	assert_string_equal(text_address(LIT("\1\2\3"), buf), "?");
}

static void text_number_takes_digits_in_range_only(void **state)
{
	static const char *const bad[] = {"",    "-1",  "+1", " 1",    "1 ",
					  "0x1", "1e3", "0",  "65536", "18446744073709551617"};
	uint32_t value = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(text_number(bad[i], 1, 65535, &value), 1);
	}
	assert_int_equal(text_number("65535", 1, 65535, &value), 0);
	assert_int_equal(value, 65535);
	assert_int_equal(text_number("007", 1, 65535, &value), 0);
	assert_int_equal(value, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_next_refuses_what_is_no_strict_utf8),
		cmocka_unit_test(text_next_reads_every_length),
		cmocka_unit_test(text_latin1_comes_back_for_every_byte),
		cmocka_unit_test(text_to_latin1_says_why_not),
		cmocka_unit_test(text_printable_leaves_nothing_that_moves_a_terminal),
		cmocka_unit_test(text_printable_name_reads_latin1),
		cmocka_unit_test(text_age_has_one_unit),
		cmocka_unit_test(text_address_knows_both_families),
		cmocka_unit_test(text_number_takes_digits_in_range_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
