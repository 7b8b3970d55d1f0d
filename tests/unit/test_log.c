// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static void log_escape_makes_ascii_when_bytes_are_not(void **state)
{
	const struct {
		struct ep_str bytes;
		const char *expected;
	} rows[] = {
		{LIT(""), ""},
		{{NULL, 0}, ""},
		{LIT("plain text ~"), "plain text ~"},
		{LIT("a\\b"), "a\\\\b"},
		{LIT("\0\n\x1b[31m"), "\\x00\\x0a\\x1b[31m"},
		{LIT("m\xfcller\x7f\xff"), "m\\xfcller\\x7f\\xff"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char buf[64];

		assert_ptr_equal(log_escape(buf, sizeof(buf), rows[i].bytes.p, rows[i].bytes.n),
				 buf);
		assert_string_equal(buf, rows[i].expected);
	}
}

static void log_escape_cuts_between_characters_when_it_does_not_fit(void **state)
{
	const struct {
		struct ep_str bytes;
		const char *expected;
	} rows[] = {
		{LIT("1234567"), "1234567"}, // 7 and the NUL: just fits
		{LIT("12345678"), "1234..."},
		{LIT("\x01z"), "\\x01z"},
		{LIT("\x01zz\\"), "\\x01..."},
		{LIT("1\x01\x02"), "1..."}, // not in the middle of \x01
		{LIT("\\\\\\\\"), "\\\\\\\\..."},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char buf[9] = "........";

		log_escape(buf, 8, rows[i].bytes.p, rows[i].bytes.n);
		assert_string_equal(buf, rows[i].expected);
		assert_int_equal(buf[8], '\0');
	}
}

static void log_escape_stays_inside_when_anything_is_put_anywhere(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint8_t bytes[24];
		size_t n = random_below(&random, sizeof(bytes) + 1);
		size_t cap = 8 + random_below(&random, 100);
		char *buf = malloc(cap); // exact, for the sanitizers

		for (size_t i = 0; i < n; i++) {
			bytes[i] = (uint8_t)random_next(&random);
		}
		log_escape(buf, cap, bytes, n);
		assert_true(strlen(buf) < cap);
		for (const char *c = buf; *c != '\0'; c++) {
			assert_true(*c >= ' ' && *c <= '~');
		}
		free(buf);
	}
}

static void log_limit_passes_one_an_interval_when_many_come(void **state)
{
	struct log_limit limit = {.interval_ms = 1000};
	uint64_t suppressed = 99;

	(void)state;
	assert_true(log_limit_pass(&limit, 5, &suppressed));
	assert_int_equal(suppressed, 0);
	assert_false(log_limit_pass(&limit, 5, &suppressed));
	assert_false(log_limit_pass(&limit, 1004, &suppressed));
	assert_true(log_limit_pass(&limit, 1005, &suppressed));
	assert_int_equal(suppressed, 2);
	assert_true(log_limit_pass(&limit, 9000, &suppressed));
	assert_int_equal(suppressed, 0);
}

static void log_limit_passes_a_few_at_once_after_a_silence(void **state)
{
	struct log_limit limit = {.interval_ms = 10000, .burst = 3};
	uint64_t suppressed = 99;

	(void)state;
	for (uint64_t start_ms = 0; start_ms < 100000; start_ms += 50000) {
		for (unsigned i = 0; i < 3; i++) {
			assert_true(log_limit_pass(&limit, start_ms + i, &suppressed));
			assert_int_equal(suppressed, 0);
		}
		assert_false(log_limit_pass(&limit, start_ms + 5, &suppressed));
		assert_false(log_limit_pass(&limit, start_ms + 9999, &suppressed));
		assert_true(log_limit_pass(&limit, start_ms + 10000, &suppressed));
		assert_int_equal(suppressed, 2);
		assert_false(log_limit_pass(&limit, start_ms + 10001, &suppressed));
		assert_true(log_limit_pass(&limit, start_ms + 20000, &suppressed));
		assert_int_equal(suppressed, 1);
	}
}

static void log_level_is_read_when_it_is_one(void **state)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	static const char *const others[] = {"", "Error", "warning", "debug ", "4"};
	enum log_level level;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_int_equal(log_level_from_name(names[i], &level), 0);
		assert_int_equal(level, i);
	}
	for (size_t i = 0; i < COUNT(others); i++) {
		assert_int_equal(log_level_from_name(others[i], &level), 1);
	}
}

// stderr is a file of this test's between capture_begin() and capture_end().
struct capture {
	int file, saved;
};

static void capture_begin(struct capture *capture)
{
	fflush(stderr);
	capture->file = memfd_create("stderr", MFD_CLOEXEC);
	assert_true(capture->file >= 0);
	capture->saved = dup(STDERR_FILENO);
	dup2(capture->file, STDERR_FILENO);
}

static size_t capture_end(struct capture *capture, char *text, size_t cap)
{
	ssize_t n = pread(capture->file, text, cap - 1, 0);

	dup2(capture->saved, STDERR_FILENO);
	close(capture->saved);
	close(capture->file);
	assert_true(n >= 0);
	text[n] = '\0';
	return (size_t)n;
}

static void log_writes_one_line_and_keeps_errno_when_on(void **state)
{
	struct capture capture;
	char text[4096];

	(void)state;
	unsetenv("JOURNAL_STREAM");
	capture_begin(&capture);
	log_init(LOG_LEVEL_INFO, "prog");
	errno = EPIPE;
	log_error("Broken. n=%d", 7);
	log_info("two\nlines \x1b[1m");
	log_debug("not this one");
	assert_int_equal(errno, EPIPE);
	capture_end(&capture, text, sizeof(text));
	assert_string_equal(text, "prog: error: Broken. n=7\n"
				  "prog: info: two?lines ?[1m\n");
}

static void log_cuts_the_line_when_it_is_too_long(void **state)
{
	struct capture capture;
	char text[4096];
	char much[3000];
	size_t n;

	(void)state;
	memset(much, 'x', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	capture_begin(&capture);
	log_init(LOG_LEVEL_INFO, "prog");
	log_warn("%s", much);
	n = capture_end(&capture, text, sizeof(text));
	assert_true(n > 1000 && n <= 2048);
	assert_ptr_equal(strchr(text, '\n'), text + n - 1);
}

static void log_has_the_journals_prefix_when_stderr_is_the_journal(void **state)
{
	struct capture capture;
	struct stat st;
	char stream[64];
	char text[256];

	(void)state;
	capture_begin(&capture);
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init(LOG_LEVEL_DEBUG, "prog");
	log_error("a");
	log_warn("b");
	log_info("c");
	log_debug("d");
	setenv("JOURNAL_STREAM", "1:1", 1); // inherited, but stderr was redirected
	log_init(LOG_LEVEL_ERROR, "prog");
	log_error("e");
	log_warn("f");
	unsetenv("JOURNAL_STREAM");
	capture_end(&capture, text, sizeof(text));
	assert_string_equal(text, "<3>a\n<4>b\n<6>c\n<7>d\nprog: error: e\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(log_escape_makes_ascii_when_bytes_are_not),
		cmocka_unit_test(log_escape_cuts_between_characters_when_it_does_not_fit),
		cmocka_unit_test(log_escape_stays_inside_when_anything_is_put_anywhere),
		cmocka_unit_test(log_limit_passes_one_an_interval_when_many_come),
		cmocka_unit_test(log_limit_passes_a_few_at_once_after_a_silence),
		cmocka_unit_test(log_level_is_read_when_it_is_one),
		cmocka_unit_test(log_writes_one_line_and_keeps_errno_when_on),
		cmocka_unit_test(log_cuts_the_line_when_it_is_too_long),
		cmocka_unit_test(log_has_the_journals_prefix_when_stderr_is_the_journal),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
