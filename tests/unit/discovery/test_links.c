// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/links.h"

#include <stdio.h>

#include "test.h"

static struct link_status link_of(int32_t ifindex, bool has_carrier, uint64_t addresses)
{
	struct link_status status = {.ifindex = ifindex, .has_carrier = has_carrier};

	status.n_addresses = addresses != 0;
	status.addresses = addresses;
	return status;
}

static void take(struct links *links, uint64_t now_ms, struct link_status status)
{
	links_take(links, &status, 1, now_ms);
}

// "cut 2, mended 3, moved 4, again 4" in the order of arrival.
static void expect(struct links *links, uint64_t now_ms, const char *expected)
{
	struct links_event event;
	char text[1024] = "";

	while (links_next(links, now_ms, &event)) {
		size_t n = strlen(text);
		const char *what = event.what == LINKS_CUT     ? "cut"
				   : event.what == LINKS_AGAIN ? "again"
				   : event.is_moved            ? "moved"
							       : "mended";

		snprintf(text + n, sizeof(text) - n, "%s%s %d", n > 0 ? ", " : "", what,
			 event.ifindex);
	}
	assert_string_equal(text, expected);
}

static void links_are_cut_at_once_and_mended_at_once(void **state)
{
	struct links links = {0};

	(void)state;
	take(&links, 5000, link_of(2, true, 7));
	expect(&links, 5000, ""); // as it is at the start, nothing has happened
	assert_int_equal(links_wait_ms(&links, 5000), -1);
	assert_false(links_is_dead(&links, 2));
	take(&links, 6000, link_of(2, false, 7));
	assert_int_equal(links_wait_ms(&links, 6000), 0);
	assert_true(links_is_dead(&links, 2));
	expect(&links, 6000, "cut 2");
	take(&links, 6100, link_of(2, false, 7));
	expect(&links, 6100, "");
	take(&links, 6200, link_of(2, true, 7));
	expect(&links, 6200, "mended 2");
	expect(&links, 99999, "");
	assert_int_equal(links_wait_ms(&links, 99999), -1);
}

static void links_that_flap_are_mended_once_in_their_time(void **state)
{
	struct links links = {0};

	(void)state;
	take(&links, 0, link_of(2, false, 7));
	take(&links, 100, link_of(2, true, 7));
	expect(&links, 100, "mended 2");
	take(&links, 200, link_of(2, false, 7));
	expect(&links, 200, "cut 2");
	take(&links, 300, link_of(2, true, 7));
	expect(&links, 300, "");
	take(&links, 400, link_of(2, false, 7)); // cut already, and not mended since
	expect(&links, 400, "");
	assert_int_equal(links_wait_ms(&links, 400), -1);
	take(&links, 500, link_of(2, true, 7));
	expect(&links, 500, "");
	assert_int_equal(links_wait_ms(&links, 500), 100 + LINKS_HOLD_MS - 500);
	expect(&links, 100 + LINKS_HOLD_MS - 1, "");
	expect(&links, 100 + LINKS_HOLD_MS, "mended 2");
}

static void links_with_other_addresses_are_moved_and_say_so_again(void **state)
{
	struct links links = {0};

	(void)state;
	take(&links, 0, link_of(2, true, 7));
	take(&links, 5000, link_of(2, true, 8));
	expect(&links, 5000, "moved 2");
	assert_int_equal(links_wait_ms(&links, 5000), LINKS_AGAIN_MS);
	expect(&links, 5000 + LINKS_AGAIN_MS, "again 2");
	expect(&links, 99999, "");
	// Without a carrier it is remembered until there is one.
	take(&links, 100000, link_of(2, false, 8));
	take(&links, 100050, link_of(2, false, 0));
	expect(&links, 100050, "cut 2");
	take(&links, 110000, link_of(2, true, 0));
	expect(&links, 110000, "moved 2");
	// The link goes before that was said again.
	take(&links, 110100, link_of(2, false, 0));
	expect(&links, 120000, "cut 2");
}

static void links_that_come_are_mended_and_that_go_are_cut(void **state)
{
	struct link_status both[] = {link_of(2, true, 7), link_of(3, true, 9)};
	struct links links = {0};

	(void)state;
	links_take(&links, both, 1, 0);
	links_take(&links, both, 2, 10);
	expect(&links, 10, "moved 3");
	links_take(&links, both, 0, 20);
	expect(&links, 20, "cut 2, cut 3");
	assert_int_equal(links.n, 0);
	assert_false(links_is_dead(&links, 3)); // nothing is known of it
	// Without a carrier from the first: nobody was told that it was there.
	take(&links, 30, link_of(4, false, 0));
	links_take(&links, both, 0, 40);
	expect(&links, 99999, "");
	assert_int_equal(links.n, 0);
}

static void links_stay_within_their_number(void **state)
{
	struct link_status many[LINKS_MAX + 1];
	struct links links = {0};

	(void)state;
	for (int32_t i = 0; i <= LINKS_MAX; i++) {
		many[i] = link_of(i + 1, true, 1);
	}
	links_take(&links, many, COUNT(many), 0);
	assert_int_equal(links.n, LINKS_MAX);
	links_take(&links, many + 1, LINKS_MAX, 10); // the first goes, the last has room then
	expect(&links, 10, "cut 1");
	links_take(&links, many + 1, LINKS_MAX, 20);
	expect(&links, 20, "moved 65");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_are_cut_at_once_and_mended_at_once),
		cmocka_unit_test(links_that_flap_are_mended_once_in_their_time),
		cmocka_unit_test(links_with_other_addresses_are_moved_and_say_so_again),
		cmocka_unit_test(links_that_come_are_mended_and_that_go_are_cut),
		cmocka_unit_test(links_stay_within_their_number),
	};

	return cmocka_run_group_tests_name("links", tests, NULL, NULL);
}
