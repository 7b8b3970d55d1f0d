// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/wakes.h"

#include "test.h"

#define MONO 5000000
#define BOOT 9000000 // the machine has slept before

static void wakes_notices_a_sleep_of_the_machine_once(void **state)
{
	struct wakes wakes;

	(void)state;
	wakes_init(&wakes, MONO, BOOT);
	assert_false(wakes_look(&wakes, MONO + 1000, BOOT + 1000));
	assert_false(wakes_look(&wakes, MONO + 2000, BOOT + 2000 + WAKES_SLEPT_MS - 1));
	assert_false(wakes_look(&wakes, MONO + 3000, BOOT + 3000 + WAKES_SLEPT_MS - 1));
	assert_true(wakes_look(&wakes, MONO + 3001, BOOT + 3600000));
	assert_false(wakes_look(&wakes, MONO + 3002, BOOT + 3600001));
}

static void wakes_notices_that_we_were_stopped(void **state)
{
	struct wakes wakes;
	uint64_t now_ms = MONO;

	(void)state;
	wakes_init(&wakes, now_ms, now_ms);
	now_ms += 3600000;
	assert_false(wakes_look(&wakes, now_ms, now_ms)); // nobody looked before
	now_ms += WAKES_LOOK_MS + WAKES_LATE_MS;
	assert_false(wakes_look(&wakes, now_ms, now_ms));
	now_ms += WAKES_LOOK_MS + WAKES_LATE_MS + 1;
	assert_true(wakes_look(&wakes, now_ms, now_ms));
	now_ms += WAKES_LOOK_MS;
	assert_false(wakes_look(&wakes, now_ms, now_ms));
	wakes_rest(&wakes);
	now_ms += 3600000;
	assert_false(wakes_look(&wakes, now_ms, now_ms));
}

// One clock is read after the other.
static void wakes_takes_no_notice_of_clocks_that_come_closer(void **state)
{
	struct wakes wakes;

	(void)state;
	wakes_init(&wakes, MONO, MONO);
	assert_false(wakes_look(&wakes, MONO + 2, MONO + 1));
	assert_false(wakes_look(&wakes, MONO + 3, MONO + 3));
	assert_false(wakes_look(&wakes, MONO + 4000, MONO + 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wakes_notices_a_sleep_of_the_machine_once),
		cmocka_unit_test(wakes_notices_that_we_were_stopped),
		cmocka_unit_test(wakes_takes_no_notice_of_clocks_that_come_closer),
	};

	return cmocka_run_group_tests_name("wakes", tests, NULL, NULL);
}
