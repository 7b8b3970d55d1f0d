// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/lookups.h"

#include <stdbool.h>
#include <stdio.h>

#include "test.h"

static struct link_ref ref(const char *instance, int32_t ifindex)
{
	struct link_ref made;

	assert_true(lookups_ref(&made, instance, ifindex, EP_FAMILY_INET));
	return made;
}

static void add(struct lookups *all, const char *instance, bool is_seen)
{
	struct link_ref made = ref(instance, 2);

	assert_true(lookups_add(all, &made, is_seen));
}

static struct lookup *start(struct lookups *all, uint64_t now_ms, const char *instance)
{
	struct lookup *one = lookups_start(all, now_ms);

	assert_non_null(one);
	assert_string_equal(one->ref.instance, instance);
	return one;
}

static void lookups_ref_takes_labels_only(void **state)
{
	struct link_ref a, b;
	char label[LINK_INSTANCE_MAX + 2];

	(void)state;
	memset(label, 'x', sizeof(label));
	label[LINK_INSTANCE_MAX + 1] = '\0';
	assert_false(lookups_ref(&a, "", 2, EP_FAMILY_INET));
	assert_false(lookups_ref(&a, label, 2, EP_FAMILY_INET));
	label[LINK_INSTANCE_MAX] = '\0';
	// Every byte counts in a key, padding included.
	memset(&a, 0x00, sizeof(a));
	memset(&b, 0xff, sizeof(b));
	assert_true(lookups_ref(&a, label, 2, EP_FAMILY_INET));
	assert_true(lookups_ref(&b, label, 2, EP_FAMILY_INET));
	assert_memory_equal(&a, &b, sizeof(a));
}

static void lookups_are_in_order_and_each_once(void **state)
{
	struct lookups all = {0};
	struct link_ref other = ref("a~1", 3);
	struct lookup *first;

	(void)state;
	add(&all, "a~1", true);
	add(&all, "b~1", true);
	add(&all, "a~1", true);
	assert_true(lookups_add(&all, &other, true)); // another interface is another one
	first = start(&all, 0, "a~1");
	start(&all, 0, "b~1");
	start(&all, 0, "a~1");
	add(&all, "a~1", true); // in flight already
	assert_null(lookups_start(&all, 0));
	lookups_remove(&all, first);
	other = ref("a~1", 2);
	assert_null(lookups_find(&all, &other));
	assert_int_equal(all.n, 2);
	assert_int_equal(all.n_flying, 2);
	lookups_fini(&all);
	assert_int_equal(all.n, 0);
}

static void lookups_fly_only_so_many_at_a_time(void **state)
{
	struct lookups all = {0};
	char instance[16];
	struct lookup *one = NULL;

	(void)state;
	for (int i = 0; i < LOOKUPS_IN_FLIGHT_MAX + 1; i++) {
		snprintf(instance, sizeof(instance), "n%d", i);
		add(&all, instance, true);
	}
	for (int i = 0; i < LOOKUPS_IN_FLIGHT_MAX; i++) {
		one = lookups_start(&all, 100);
		assert_non_null(one);
	}
	assert_null(lookups_start(&all, 100));
	assert_int_equal(lookups_wait_ms(&all, 100), LOOKUPS_HURRY_MS); // for one waits
	lookups_remove(&all, one);
	assert_int_equal(lookups_wait_ms(&all, 100), 0);
	start(&all, 100, instance);
	lookups_fini(&all);
}

static void lookups_of_ipv6_are_last_and_not_needed_beside_ipv4(void **state)
{
	struct lookups all = {0};
	struct link_ref six[2];
	struct lookup *one;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_true(lookups_ref(&six[i], i == 0 ? "a~1" : "b~1", 2, EP_FAMILY_INET6));
		assert_true(lookups_add(&all, &six[i], true));
	}
	add(&all, "a~1", true);
	one = start(&all, 0, "a~1");
	assert_int_equal(one->ref.family, EP_FAMILY_INET);
	lookups_suffices(&all, one);
	lookups_remove(&all, one);
	assert_null(lookups_find(&all, &six[0]));
	assert_int_equal(lookups_wait_ms(&all, 0), 0);
	one = start(&all, 0, "b~1"); // there is none of IPv4
	assert_int_equal(one->ref.family, EP_FAMILY_INET6);
	// One that has begun goes on.
	add(&all, "b~1", true);
	lookups_suffices(&all, start(&all, 0, "b~1"));
	assert_ptr_equal(lookups_find(&all, &six[1]), one);
	lookups_fini(&all);
}

static void lookups_pause_while_avahi_is_busy(void **state)
{
	struct lookups all = {0};
	struct lookup *one;

	(void)state;
	add(&all, "a~1", true);
	add(&all, "b~1", true);
	add(&all, "c~1", true);
	one = start(&all, 100, "a~1");
	lookups_called(&all, LOOKUPS_SLOW_MS - 1, 100);
	start(&all, 100, "b~1");
	lookups_called(&all, 10, 110);
	assert_null(lookups_start(&all, 110));
	assert_int_equal(lookups_wait_ms(&all, 110), 10 * LOOKUPS_PAUSE);
	// What has failed waits no longer than it has to anyway.
	lookups_failed(&all, one, 110);
	start(&all, 110 + 10 * LOOKUPS_PAUSE, "c~1");
	lookups_called(&all, 2000, 2150);
	assert_int_equal(lookups_wait_ms(&all, 2150), LOOKUPS_PAUSE_MAX_MS);
	start(&all, 2150 + LOOKUPS_PAUSE_MAX_MS, "a~1");
	lookups_fini(&all);
}

static void lookups_are_tried_ever_more_seldom_when_they_fail(void **state)
{
	static const uint64_t pauses_ms[] = {1500, 5000, 30000, 300000, 300000};
	struct lookups all = {0};
	uint64_t now_ms = 1000;

	(void)state;
	add(&all, "a~1", true);
	for (size_t i = 0; i < COUNT(pauses_ms); i++) {
		lookups_failed(&all, start(&all, now_ms, "a~1"), now_ms);
		assert_int_equal(lookups_wait_ms(&all, now_ms), pauses_ms[i]);
		assert_null(lookups_start(&all, now_ms + pauses_ms[i] - 1));
		now_ms += pauses_ms[i];
	}
	// Asked for, it is tried at once.
	lookups_failed(&all, start(&all, now_ms, "a~1"), now_ms);
	add(&all, "a~1", false);
	lookups_failed(&all, start(&all, now_ms, "a~1"), now_ms);
	assert_int_equal(all.n, 1);
	lookups_fini(&all);
}

static void lookups_are_forgotten_when_asked_for_and_failed(void **state)
{
	struct lookups all = {0};

	(void)state;
	add(&all, "a~1", false);
	lookups_failed(&all, start(&all, 0, "a~1"), 0);
	assert_int_equal(all.n, 0);
	assert_int_equal(lookups_wait_ms(&all, 0), -1);
	// Seen meanwhile, it is not.
	add(&all, "a~1", false);
	add(&all, "a~1", true);
	lookups_failed(&all, start(&all, 0, "a~1"), 0);
	assert_int_equal(all.n, 1);
	lookups_fini(&all);
}

static void lookups_take_the_earliest_of_those_that_failed(void **state)
{
	struct lookups all = {0};

	(void)state;
	add(&all, "old~1", true);
	lookups_failed(&all, start(&all, 0, "old~1"), 0);
	lookups_failed(&all, start(&all, 1500, "old~1"), 1500);
	lookups_failed(&all, start(&all, 6500, "old~1"), 6500); // until 36500
	add(&all, "new~1", true);
	lookups_failed(&all, start(&all, 20000, "new~1"), 20000); // until 21500
	assert_int_equal(lookups_wait_ms(&all, 20000), 1500);
	start(&all, 21500, "new~1");
	assert_int_equal(lookups_wait_ms(&all, 28000), 3500);
	start(&all, 36500, "old~1");
	lookups_fini(&all);
}

static void add_many(struct lookups *all, int first, int n)
{
	char instance[16];

	for (int i = first; i < first + n; i++) {
		snprintf(instance, sizeof(instance), "n%d", i);
		add(all, instance, true);
	}
}

// Until it may start; what others start meanwhile is never answered. Return: when.
static uint64_t start_of(struct lookups *all, const struct link_ref *wanted, uint64_t now_ms)
{
	const struct lookup *one = lookups_find(all, wanted);

	for (;;) {
		struct lookup *late = lookups_overdue(all, now_ms);
		int64_t wait_ms;

		if (late != NULL) {
			lookups_put_off(all, late, now_ms);
		}
		lookups_start(all, now_ms);
		if (one->state == LOOKUP_IN_FLIGHT) {
			return now_ms;
		}
		wait_ms = lookups_wait_ms(all, now_ms);
		assert_true(wait_ms >= 0);
		now_ms += (uint64_t)wait_ms;
	}
}

// Anybody can name services that are not there.
static void lookups_do_not_wait_for_thousands_that_are_not_answered(void **state)
{
	enum { N = 2500 };
	struct link_ref honest = ref("honest~1", 2);
	struct lookups all = {0};
	struct lookup *late;
	uint64_t now_ms;

	(void)state;
	add_many(&all, 0, N);
	add(&all, "honest~1", true);
	now_ms = start_of(&all, &honest, 0);
	assert_in_range(now_ms, 0, (N / LOOKUPS_IN_FLIGHT_MAX + 1) * LOOKUPS_HURRY_MS);
	lookups_remove(&all, lookups_find(&all, &honest));
	// All have been tried, and however many are tried again, there is room for who is new.
	now_ms += LOOKUPS_FLIGHT_MS;
	while ((late = lookups_overdue(&all, now_ms)) != NULL) {
		lookups_put_off(&all, late, now_ms);
	}
	while (lookups_start(&all, now_ms) != NULL) {
	}
	assert_int_equal(all.n_flying, LOOKUPS_AGAIN_MAX);
	add(&all, "later~1", true);
	start(&all, now_ms, "later~1");
	lookups_fini(&all);
}

static void lookups_that_are_asked_for_once_survive_being_put_off(void **state)
{
	struct lookups all = {0};

	(void)state;
	add(&all, "a~1", false);
	lookups_put_off(&all, start(&all, 0, "a~1"), 0);
	assert_int_equal(lookups_wait_ms(&all, 0), 1500);
	lookups_failed(&all, start(&all, 1500, "a~1"), 1500);
	assert_int_equal(all.n, 0);
}

static void lookups_have_their_time_while_nobody_waits(void **state)
{
	struct lookups all = {0};

	(void)state;
	add_many(&all, 0, LOOKUPS_IN_FLIGHT_MAX);
	while (lookups_start(&all, 0) != NULL) {
	}
	assert_null(lookups_overdue(&all, LOOKUPS_FLIGHT_MS - 1));
	assert_non_null(lookups_overdue(&all, LOOKUPS_FLIGHT_MS));
	add(&all, "one more~1", true);
	assert_null(lookups_overdue(&all, LOOKUPS_HURRY_MS - 1));
	assert_non_null(lookups_overdue(&all, LOOKUPS_HURRY_MS));
	lookups_fini(&all);
}

static void lookups_are_refused_when_there_are_too_many(void **state)
{
	struct lookups all = {0};
	struct link_ref one;
	char instance[16];

	(void)state;
	for (int i = 0; i < LOOKUPS_MAX; i++) {
		snprintf(instance, sizeof(instance), "n%d", i);
		add(&all, instance, true);
	}
	one = ref("more", 2);
	assert_false(lookups_add(&all, &one, true));
	one = ref("n0", 2);
	assert_true(lookups_add(&all, &one, true));
	lookups_fini(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lookups_ref_takes_labels_only),
		cmocka_unit_test(lookups_are_in_order_and_each_once),
		cmocka_unit_test(lookups_fly_only_so_many_at_a_time),
		cmocka_unit_test(lookups_of_ipv6_are_last_and_not_needed_beside_ipv4),
		cmocka_unit_test(lookups_pause_while_avahi_is_busy),
		cmocka_unit_test(lookups_are_tried_ever_more_seldom_when_they_fail),
		cmocka_unit_test(lookups_are_forgotten_when_asked_for_and_failed),
		cmocka_unit_test(lookups_take_the_earliest_of_those_that_failed),
		cmocka_unit_test(lookups_do_not_wait_for_thousands_that_are_not_answered),
		cmocka_unit_test(lookups_that_are_asked_for_once_survive_being_put_off),
		cmocka_unit_test(lookups_have_their_time_while_nobody_waits),
		cmocka_unit_test(lookups_are_refused_when_there_are_too_many),
	};

	return cmocka_run_group_tests_name("lookups", tests, NULL, NULL);
}
