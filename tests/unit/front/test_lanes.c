// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "edge/lanes.h"

#include <utlist.h>

#include "model/peers.h"
#include "test.h"

#define PLACES 128

static void add(struct lanes *lanes, struct lane_item *items, unsigned n, uint8_t host)
{
	const struct peers_address address = {.len = 4, .bytes = {10, 0, 0, host}};

	for (unsigned i = 0; i < n; i++) {
		lanes_add(lanes, &items[i], &address);
	}
}

// As long as one may be started. Return: how many of these were.
static unsigned start(struct lanes *lanes, struct lane_item *items, unsigned n)
{
	uint32_t n_before = lanes->n_running;
	bool is_started;

	do {
		struct lane *lane;

		is_started = false;
		DL_FOREACH (lanes->turns, lane) {
			if (lanes_has_room(lanes, lane) && lane->waiting >= items &&
			    lane->waiting < items + n) {
				lanes_start(lanes, lane->waiting);
				is_started = true;
				break;
			}
		}
	} while (is_started);
	return lanes->n_running - n_before;
}

static void lanes_leave_a_quarter_of_the_places_to_others(void **state)
{
	struct lanes lanes = {.n_places = PLACES};
	struct lane_item many[200], few[20], one[1];

	(void)state;
	add(&lanes, many, 200, 1);
	assert_int_equal(start(&lanes, many, 200), PLACES * 3 / 4);
	add(&lanes, few, 20, 2);
	assert_int_equal(start(&lanes, few, 20), 20);
	add(&lanes, one, 1, 3);
	assert_int_equal(start(&lanes, one, 1), 1);
	assert_int_equal(start(&lanes, many, 200), 0);
	for (unsigned i = 0; i < 96; i++) {
		lanes_end(&lanes, &many[i]);
	}
	for (unsigned i = 96; i < 200; i++) {
		lanes_remove(&lanes, &many[i]);
	}
	for (unsigned i = 0; i < 20; i++) {
		lanes_end(&lanes, &few[i]);
	}
	lanes_end(&lanes, &one[0]);
	assert_null(lanes.by_address);
	assert_null(lanes.turns);
	assert_null(lanes.oldest);
	assert_int_equal(lanes.n_waiting + lanes.n_running, 0);
}

static void lanes_take_turns(void **state)
{
	static const unsigned expected[] = {0, 3, 5, 1, 4, 2};
	struct lanes lanes = {.n_places = PLACES};
	struct lane_item items[6];

	(void)state;
	add(&lanes, items, 3, 1);
	add(&lanes, items + 3, 2, 2);
	add(&lanes, items + 5, 1, 3);
	for (unsigned i = 0; i < COUNT(expected); i++) {
		assert_ptr_equal(lanes.turns->waiting, &items[expected[i]]);
		lanes_start(&lanes, lanes.turns->waiting);
	}
	assert_null(lanes.turns);
	for (unsigned i = 0; i < 6; i++) {
		lanes_end(&lanes, &items[i]);
	}
}

static void lanes_know_who_has_waited_longest(void **state)
{
	struct lanes lanes = {.n_places = PLACES};
	struct lane_item items[3];

	(void)state;
	add(&lanes, items, 2, 1);
	add(&lanes, items + 2, 1, 2);
	lanes_postpone(&items[0]);
	assert_ptr_equal(lanes.turns->waiting, &items[1]);
	assert_ptr_equal(lanes.oldest, &items[0]);
	for (unsigned i = 0; i < 3; i++) {
		assert_ptr_equal(lanes.oldest, &items[i]);
		lanes_remove(&lanes, &items[i]);
	}
	assert_null(lanes.by_address);
}

// The length tells them apart, and bytes past it do not.
static void lanes_are_of_one_address(void **state)
{
	const struct peers_address inet = {.len = 4, .bytes = {10, 0, 0, 1, 99}};
	const struct peers_address same = {.len = 4, .bytes = {10, 0, 0, 1}};
	const struct peers_address inet6 = {.len = 16, .bytes = {10, 0, 0, 1}};
	struct lanes lanes = {.n_places = PLACES};
	struct lane_item items[3];

	(void)state;
	lanes_add(&lanes, &items[0], &inet);
	lanes_add(&lanes, &items[1], &same);
	lanes_add(&lanes, &items[2], &inet6);
	assert_ptr_equal(items[0].lane, items[1].lane);
	assert_ptr_not_equal(items[0].lane, items[2].lane);
	for (unsigned i = 0; i < 3; i++) {
		lanes_remove(&lanes, &items[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lanes_leave_a_quarter_of_the_places_to_others),
		cmocka_unit_test(lanes_take_turns),
		cmocka_unit_test(lanes_know_who_has_waited_longest),
		cmocka_unit_test(lanes_are_of_one_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
