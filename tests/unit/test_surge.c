// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/surge.h"

#include "test.h"

static const struct surge fresh = {.per_s = 100, .full = 500, .calm_ms = 60000};

// So many a second, for so long. Return: when it has come to a surge; 0: it has not.
static uint64_t come(struct surge *surge, uint64_t *now_ms, unsigned per_s, unsigned seconds)
{
	uint64_t start_ms = *now_ms, since_ms = 0;

	for (unsigned i = 0; i < per_s * seconds; i++) {
		*now_ms = start_ms + (uint64_t)i * 1000 / per_s;
		if (surge_note(surge, *now_ms)) {
			assert_int_equal(since_ms, 0);
			since_ms = *now_ms;
		}
	}
	return since_ms;
}

static void surge_is_what_comes_too_fast_for_too_long(void **state)
{
	static const struct {
		unsigned per_s, seconds, min_s, max_s;
	} cases[] = {{220, 10, 3, 5}, {10000, 1, 0, 1}, {150, 30, 9, 11}};
	static const struct {
		unsigned per_s, seconds;
	} fine[] = {{100, 600}, {50, 600}, {500, 1}, {220, 3}, {1, 1000}};
	uint64_t now_ms;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct surge surge = fresh;
		uint64_t since_ms;

		now_ms = 5000000;
		since_ms = come(&surge, &now_ms, cases[i].per_s, cases[i].seconds);
		assert_in_range(since_ms, 5000000 + 1000 * cases[i].min_s,
				5000000 + 1000 * cases[i].max_s);
	}
	for (size_t i = 0; i < COUNT(fine); i++) {
		struct surge surge = fresh;

		now_ms = 5000000;
		assert_int_equal(come(&surge, &now_ms, fine[i].per_s, fine[i].seconds), 0);
	}
}

static void surge_is_over_after_a_calm(void **state)
{
	struct surge surge = fresh;
	uint64_t now_ms = 7000, wait_ms;

	(void)state;
	assert_true(come(&surge, &now_ms, 300, 10) > 0);
	assert_int_equal(come(&surge, &now_ms, 300, 10), 0); // it is told once
	wait_ms = surge_wait_ms(&surge, now_ms);
	assert_in_range(wait_ms, 5000 + 60000, 5010 + 60000);
	assert_true(surge_wait_ms(&surge, now_ms + wait_ms - 1) > 0);
	surge_note(&surge, now_ms + wait_ms - 1); // not quite calm
	now_ms += wait_ms;
	wait_ms = surge_wait_ms(&surge, now_ms);
	assert_in_range(wait_ms, 60000, 60010);
	assert_int_equal(surge_wait_ms(&surge, now_ms + wait_ms), 0);
	now_ms += 1000000;
	assert_true(come(&surge, &now_ms, 300, 10) > 0); // the next
}

static void surge_is_none_while_all_is_told(void **state)
{
	struct surge surge = fresh;
	uint64_t now_ms = 1000;

	(void)state;
	surge_ignore(&surge, 4000);
	assert_int_equal(come(&surge, &now_ms, 1500, 2), 0);
	now_ms = 4000;
	assert_int_equal(come(&surge, &now_ms, 100, 10), 0);
	assert_true(come(&surge, &now_ms, 1000, 1) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(surge_is_what_comes_too_fast_for_too_long),
		cmocka_unit_test(surge_is_over_after_a_calm),
		cmocka_unit_test(surge_is_none_while_all_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
