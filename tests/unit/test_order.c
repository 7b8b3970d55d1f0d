// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/order.h"

#include <stdbool.h>

#include "test.h"

#define LINKS 6

static void fill(struct order *order, struct order_link *links, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		order_append(order, &links[i]);
	}
}

static void order_keeps_arrival_and_numbers_when_appended_and_removed(void **state)
{
	struct order order = {0};
	struct order_link links[LINKS];

	(void)state;
	fill(&order, links, 4);
	order_remove(&order, &links[3]); // last
	order_remove(&order, &links[0]); // first
	order_append(&order, &links[0]);
	assert_ptr_equal(order.first, &links[1]);
	assert_ptr_equal(links[1].next, &links[2]);
	assert_ptr_equal(links[2].next, &links[0]);
	assert_ptr_equal(order.last, &links[0]);
	assert_ptr_equal(links[0].prev, &links[2]);
	assert_int_equal(links[0].seq, 4); // never reused
	order_remove(&order, &links[2]);
	order_remove(&order, &links[0]);
	order_remove(&order, &links[1]);
	assert_null(order.first);
	assert_null(order.last);
}

static void order_cursor_says_each_once_when_nothing_changes(void **state)
{
	struct order order = {0};
	struct order_link links[LINKS];
	struct order_cursor cursor;

	(void)state;
	fill(&order, links, LINKS);
	order_cursor_open(&cursor, &order);
	for (size_t i = 0; i < LINKS; i++) {
		assert_ptr_equal(order_cursor_next(&cursor), &links[i]);
	}
	assert_null(order_cursor_next(&cursor));
	assert_null(order_cursor_next(&cursor));
	order_cursor_close(&cursor);
	assert_null(order.cursors);
}

static void order_cursor_moves_on_when_its_element_is_removed(void **state)
{
	struct order order = {0};
	struct order_link links[LINKS];
	struct order_cursor a, b;

	(void)state;
	fill(&order, links, 4);
	order_cursor_open(&a, &order);
	order_cursor_open(&b, &order);
	order_cursor_next(&a); // a stands on 1, b on 0
	order_remove(&order, &links[1]);
	order_remove(&order, &links[2]);
	assert_ptr_equal(order_cursor_next(&a), &links[3]);
	order_remove(&order, &links[3]); // a is at the end
	assert_null(order_cursor_next(&a));
	assert_ptr_equal(order_cursor_next(&b), &links[0]);
	assert_null(order_cursor_next(&b));
	order_cursor_close(&a);
	order_cursor_close(&b);
}

static void order_cursor_reaches_what_is_appended_when_not_yet_at_the_end(void **state)
{
	struct order order = {0};
	struct order_link links[LINKS];
	struct order_cursor early, late, empty;

	(void)state;
	order_cursor_open(&empty, &order);
	fill(&order, links, 1);
	order_cursor_open(&early, &order);
	order_cursor_open(&late, &order);
	order_cursor_next(&late);
	order_append(&order, &links[1]);
	assert_null(order_cursor_next(&empty)); // had nothing to say when it began
	assert_null(order_cursor_next(&late));
	assert_ptr_equal(order_cursor_next(&early), &links[0]);
	assert_ptr_equal(order_cursor_next(&early), &links[1]);
	order_cursor_close(&empty);
	order_cursor_close(&early);
	order_cursor_close(&late);
}

static void order_cursor_closes_twice_when_asked_and_in_any_order(void **state)
{
	struct order order = {0};
	struct order_link link;
	struct order_cursor cursors[3];
	struct order_cursor never_opened = {0};

	(void)state;
	order_append(&order, &link);
	for (size_t i = 0; i < COUNT(cursors); i++) {
		order_cursor_open(&cursors[i], &order);
	}
	order_cursor_close(&cursors[1]);
	order_cursor_close(&cursors[1]);
	assert_null(order_cursor_next(&cursors[1]));
	order_cursor_close(&cursors[0]);
	assert_ptr_equal(order_cursor_next(&cursors[2]), &link);
	order_cursor_close(&cursors[2]);
	order_cursor_close(&never_opened);
	assert_null(order.cursors);
}

// Against a plain model: whatever happens, a cursor says in order what is there and was not said.
static void order_cursor_says_each_exactly_once_when_much_comes_and_goes(void **state)
{
	enum { POOL = 64, STEPS = 20000 };
	struct order order = {0};
	struct order_link pool[POOL];
	bool is_in[POOL] = {false};
	struct order_cursor cursor;
	uint64_t random = 1;
	uint64_t said_below = 0; // every element with a lower number was said or was never there

	(void)state;
	order_cursor_open(&cursor, &order);
	for (int step = 0; step < STEPS; step++) {
		uint32_t i = random_below(&random, POOL);

		if (random_below(&random, 3) == 0) {
			struct order_link *expected = NULL;
			struct order_link *link;
			bool was_at_end = cursor.at == NULL;

			for (struct order_link *l = order.first; l != NULL && expected == NULL;
			     l = l->next) {
				expected = l->seq >= said_below && !was_at_end ? l : NULL;
			}
			link = order_cursor_next(&cursor);
			assert_ptr_equal(link, expected);
			if (link == NULL) {
				order_cursor_close(&cursor);
				order_cursor_open(&cursor, &order);
				said_below = 0;
			} else {
				said_below = link->seq + 1;
			}
		} else if (is_in[i]) {
			order_remove(&order, &pool[i]);
			is_in[i] = false;
		} else {
			order_append(&order, &pool[i]);
			is_in[i] = true;
		}
	}
	order_cursor_close(&cursor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_keeps_arrival_and_numbers_when_appended_and_removed),
		cmocka_unit_test(order_cursor_says_each_once_when_nothing_changes),
		cmocka_unit_test(order_cursor_moves_on_when_its_element_is_removed),
		cmocka_unit_test(order_cursor_reaches_what_is_appended_when_not_yet_at_the_end),
		cmocka_unit_test(order_cursor_closes_twice_when_asked_and_in_any_order),
		cmocka_unit_test(order_cursor_says_each_exactly_once_when_much_comes_and_goes),
	};

	return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
