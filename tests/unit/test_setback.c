// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/setback.h"

#include "test.h"

#define BOOT UINT64_C(5000000)
#define WALL UINT64_C(1800000000000)
#define HOUR UINT64_C(3600000)

static void setback_counts_until_the_clock_has_caught_up(void **state)
{
	struct setback setback;

	(void)state;
	setback_init(&setback, BOOT, WALL);
	assert_int_equal(setback_look(&setback, BOOT + 7, WALL + 7), 0);
	assert_int_equal(setback_look(&setback, BOOT + 10, WALL + 10 - HOUR), HOUR);
	assert_int_equal(setback_look(&setback, BOOT + 1010, WALL + 1010 - HOUR), HOUR - 1000);
	assert_int_equal(setback_look(&setback, BOOT + 9 + HOUR, WALL + 9), 1);
	assert_int_equal(setback_look(&setback, BOOT + 10 + HOUR, WALL + 10), 0);
}

static void setback_takes_several_steps_together(void **state)
{
	struct setback setback;

	(void)state;
	setback_init(&setback, BOOT, WALL);
	assert_int_equal(setback_look(&setback, BOOT, WALL - 2 * HOUR), 2 * HOUR);
	assert_int_equal(setback_look(&setback, BOOT, WALL - 3 * HOUR), 3 * HOUR);
	assert_int_equal(setback_look(&setback, BOOT, WALL - HOUR), HOUR);
	assert_int_equal(setback_look(&setback, BOOT, WALL + HOUR), 0);
	// Timers are now of that time.
	assert_int_equal(setback_look(&setback, BOOT, WALL), HOUR);
}

static void setback_takes_no_notice_of_steps_forward_and_small_ones(void **state)
{
	struct setback setback;

	(void)state;
	setback_init(&setback, BOOT, WALL);
	assert_int_equal(setback_look(&setback, BOOT, WALL + HOUR), 0);
	assert_int_equal(setback_look(&setback, BOOT, WALL + HOUR - SETBACK_MIN_MS + 1), 0);
	assert_int_equal(setback_look(&setback, BOOT, WALL + HOUR - 2 * SETBACK_MIN_MS + 2), 0);
	assert_int_equal(setback_look(&setback, BOOT, WALL + HOUR - 3 * SETBACK_MIN_MS + 2),
			 SETBACK_MIN_MS);
}

static void setback_is_over_when_avahi_is_started_anew(void **state)
{
	struct setback setback;

	(void)state;
	setback_init(&setback, BOOT, WALL);
	assert_int_equal(setback_look(&setback, BOOT, WALL - HOUR), HOUR);
	setback_forget(&setback);
	assert_int_equal(setback_look(&setback, BOOT + 1000, WALL + 1000 - HOUR), 0);
	assert_int_equal(setback_look(&setback, BOOT + 1000, WALL + 1000), 0); // set right again
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(setback_counts_until_the_clock_has_caught_up),
		cmocka_unit_test(setback_takes_several_steps_together),
		cmocka_unit_test(setback_takes_no_notice_of_steps_forward_and_small_ones),
		cmocka_unit_test(setback_is_over_when_avahi_is_started_anew),
	};

	return cmocka_run_group_tests_name("setback", tests, NULL, NULL);
}
