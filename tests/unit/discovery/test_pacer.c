// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/pacer.h"

#include "test.h"

static int take_all(struct pacer *pacer, uint64_t now_ms)
{
	int n = 0;

	while (pacer_take(pacer, now_ms)) {
		n++;
	}
	return n;
}

static void pacer_gives_the_burst_and_then_one_at_a_time(void **state)
{
	struct pacer pacer;

	(void)state;
	pacer_init(&pacer, 50, 50, 1000);
	assert_int_equal(take_all(&pacer, 1000), 50);
	assert_int_equal(take_all(&pacer, 1019), 0);
	assert_int_equal(take_all(&pacer, 1020), 1);
	assert_int_equal(take_all(&pacer, 1100), 4);
	// 50/s in the long run, however it is asked for.
	assert_int_equal(take_all(&pacer, 2000), 45);
	assert_int_equal(take_all(&pacer, 60000), 50);
}

static void pacer_says_how_long_to_wait(void **state)
{
	struct pacer pacer;

	(void)state;
	pacer_init(&pacer, 2, 3, 0);
	assert_int_equal(pacer_wait_ms(&pacer, 0), 0);
	assert_int_equal(take_all(&pacer, 0), 2);
	for (uint64_t now_ms = 0; now_ms < 5000;) {
		uint64_t wait_ms = pacer_wait_ms(&pacer, now_ms);

		assert_in_range(wait_ms, 1, 334);
		assert_false(pacer_take(&pacer, now_ms + wait_ms - 1));
		assert_true(pacer_take(&pacer, now_ms + wait_ms));
		now_ms += wait_ms;
	}
}

static void pacer_holds_when_the_clock_leaps_or_stands(void **state)
{
	struct pacer pacer;

	(void)state;
	pacer_init(&pacer, 10, 1000, 5000);
	assert_int_equal(take_all(&pacer, UINT64_MAX / 2), 10);
	assert_int_equal(take_all(&pacer, 5000), 0);
	assert_int_equal(take_all(&pacer, UINT64_MAX / 2), 0);
	assert_int_equal(take_all(&pacer, UINT64_MAX / 2 + 3), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pacer_gives_the_burst_and_then_one_at_a_time),
		cmocka_unit_test(pacer_says_how_long_to_wait),
		cmocka_unit_test(pacer_holds_when_the_clock_leaps_or_stands),
	};

	return cmocka_run_group_tests_name("pacer", tests, NULL, NULL);
}
