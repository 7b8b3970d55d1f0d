// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/publications.h"

#include <stdio.h>

#include "test.h"

static int handles[4]; // their addresses stand for entry groups

static struct link_msg message(const char *instance, uint16_t ttl_s)
{
	struct link_msg msg = {.op = LINK_PUBLISH, .port = 4000, .ttl_s = ttl_s};

	snprintf(msg.ref.instance, sizeof(msg.ref.instance), "%s", instance);
	msg.txt[0] = 9;
	memcpy(msg.txt + 1, "txtvers=1", 9);
	msg.txt_len = 10;
	return msg;
}

static int put(struct publications *all, const char *instance)
{
	struct link_msg msg = message(instance, 15);

	return publications_put(all, &msg);
}

// The next work must be this; it is done, with a handle unless it is a withdrawal.
static struct publication *do_next(struct publications *all, uint64_t now_ms, const char *instance,
				   enum publication_work work)
{
	struct publication *one = publications_next(all, now_ms);

	assert_non_null(one);
	assert_string_equal(one->instance, instance);
	assert_int_equal(one->work, work);
	if (work != PUBLICATION_WITHDRAW) {
		one->handle = &handles[0];
	}
	publications_done(all, one, now_ms);
	return one;
}

static void publications_are_worked_off_in_order(void **state)
{
	struct publications all = {0};

	(void)state;
	assert_int_equal(publications_wait_ms(&all, 0), -1);
	assert_int_equal(put(&all, "a~1"), 0);
	assert_int_equal(put(&all, "b~1"), 0);
	assert_int_equal(put(&all, "a~1"), 0); // keeps its place
	assert_int_equal(publications_wait_ms(&all, 0), 0);
	do_next(&all, 0, "a~1", PUBLICATION_PUBLISH);
	do_next(&all, 0, "b~1", PUBLICATION_PUBLISH);
	assert_null(publications_next(&all, 0));
	assert_true(publications_has(&all, "a~1"));
	publications_fini(&all);
	assert_false(publications_has(&all, "a~1"));
}

static void publications_say_same_when_repeated(void **state)
{
	struct publications all = {0};

	(void)state;
	put(&all, "a~1");
	do_next(&all, 0, "a~1", PUBLICATION_PUBLISH)->is_established = true;
	assert_int_equal(put(&all, "a~1"), PUBLICATIONS_E_SAME);
	assert_null(publications_next(&all, 0));
	publications_fini(&all);
}

static void publications_change_in_place_when_only_the_ttl_differs(void **state)
{
	struct publications all = {0};
	struct link_msg msg = message("a~1", 60);

	(void)state;
	put(&all, "a~1");
	do_next(&all, 0, "a~1", PUBLICATION_PUBLISH);
	assert_int_equal(publications_put(&all, &msg), 0);
	assert_int_equal(do_next(&all, 0, "a~1", PUBLICATION_CHANGE)->ttl_s, 60);
	msg.port++;
	publications_put(&all, &msg);
	do_next(&all, 0, "a~1", PUBLICATION_PUBLISH);
	publications_fini(&all);
}

static void publications_announce_a_new_one_before_changes_of_others(void **state)
{
	struct publications all = {0};
	struct link_msg longer = message("a~1", 60);

	(void)state;
	put(&all, "a~1");
	do_next(&all, 0, "a~1", PUBLICATION_PUBLISH);
	assert_int_equal(publications_put(&all, &longer), 0);
	put(&all, "b~1");
	do_next(&all, 0, "b~1", PUBLICATION_PUBLISH);
	do_next(&all, 0, "a~1", PUBLICATION_CHANGE);
	assert_null(publications_next(&all, 0));
	publications_fini(&all);
}

static void publications_leave_at_once_when_nothing_follows(void **state)
{
	struct publications all = {0};

	(void)state;
	put(&all, "a~1");
	put(&all, "other~1");
	do_next(&all, 1000, "a~1", PUBLICATION_PUBLISH);
	do_next(&all, 1000, "other~1", PUBLICATION_PUBLISH);
	put(&all, "many~1");
	publications_withdraw(&all, "a~1", 1001);
	do_next(&all, 1001, "a~1", PUBLICATION_WITHDRAW); // before all that is to be announced
	assert_false(publications_has(&all, "a~1"));
	publications_withdraw(&all, "many~1", 1002); // was never there
	assert_null(publications_next(&all, 1002));
	publications_withdraw(&all, "unknown~1", 1003);
	publications_fini(&all);
}

static void publications_retire_when_the_successor_has_been_announced_twice(void **state)
{
	struct publications all = {0};

	(void)state;
	put(&all, "a@h~1");
	do_next(&all, 1000, "a@h~1", PUBLICATION_PUBLISH);
	put(&all, "a@h~2");
	publications_withdraw(&all, "a@h~1", 5000);
	// The successor waits for its turn.
	assert_string_equal(publications_next(&all, 5100)->instance, "a@h~2");
	assert_string_equal(publications_next(&all, 9000)->instance, "a@h~2");
	do_next(&all, 9000, "a@h~2", PUBLICATION_PUBLISH);
	assert_null(publications_next(&all, 9001));
	assert_in_range(publications_wait_ms(&all, 9001), 1, PUBLICATIONS_RETIRE_MS);
	assert_null(publications_next(&all, 9000 + PUBLICATIONS_RETIRE_MS - 1));
	do_next(&all, 9000 + PUBLICATIONS_RETIRE_MS, "a@h~1", PUBLICATION_WITHDRAW);
	publications_fini(&all);
}

static void publications_retire_when_the_successor_is_gone_or_refused(void **state)
{
	struct publications all = {0};
	struct publication *refused;

	(void)state;
	put(&all, "a~1");
	do_next(&all, 0, "a~1", PUBLICATION_PUBLISH);
	put(&all, "a~2");
	publications_withdraw(&all, "a~1", 5000);
	refused = publications_next(&all, 5000);
	publications_refused(&all, refused, 5000, 30000);
	do_next(&all, 5250, "a~1", PUBLICATION_WITHDRAW);
	assert_int_equal(publications_wait_ms(&all, 6000), 29000);
	assert_null(publications_next(&all, 34999));
	do_next(&all, 35000, "a~2", PUBLICATION_PUBLISH);
	publications_fini(&all);
}

static void publications_leave_when_refused_meanwhile(void **state)
{
	struct publications all = {0};
	struct publication *one;

	(void)state;
	put(&all, "a~1");
	one = do_next(&all, 0, "a~1", PUBLICATION_PUBLISH);
	publications_withdraw(&all, "a~1", 5000);
	publications_refused(&all, one, 5000, 30000); // a collision, heard of late
	do_next(&all, 5000, "a~1", PUBLICATION_WITHDRAW);
	assert_int_equal(publications_wait_ms(&all, 5000), -1);
	publications_fini(&all);
}

static void publications_stay_when_wanted_again(void **state)
{
	struct publications all = {0};

	(void)state;
	put(&all, "a~1");
	do_next(&all, 1000, "a~1", PUBLICATION_PUBLISH);
	publications_withdraw(&all, "a~1", 5000);
	put(&all, "a~1");
	assert_null(publications_next(&all, 9000));
	assert_true(publications_has(&all, "a~1"));
	publications_fini(&all);
}

static void publications_withdraw_what_was_not_named_since_the_reset(void **state)
{
	struct publications all = {0};

	(void)state;
	put(&all, "a~1");
	put(&all, "b~1");
	put(&all, "c~1");
	do_next(&all, 0, "a~1", PUBLICATION_PUBLISH);
	do_next(&all, 0, "b~1", PUBLICATION_PUBLISH);
	publications_reset(&all);
	put(&all, "b~1");
	assert_string_equal(publications_next(&all, 5000)->instance, "c~1"); // not withdrawn yet
	publications_end(&all, 5000);
	do_next(&all, 5000, "a~1", PUBLICATION_WITHDRAW);
	assert_null(publications_next(&all, 5000));
	assert_true(publications_has(&all, "b~1"));
	assert_false(publications_has(&all, "c~1"));
	publications_fini(&all);
}

static void publications_begin_anew_when_lost(void **state)
{
	struct publications all = {0};

	(void)state;
	put(&all, "a~1");
	put(&all, "b~1");
	do_next(&all, 1000, "a~1", PUBLICATION_PUBLISH);
	do_next(&all, 1000, "b~1", PUBLICATION_PUBLISH);
	publications_withdraw(&all, "a~1", 5000);
	publications_lost(&all);
	assert_false(publications_has(&all, "a~1"));
	assert_null(publications_next(&all, 5000)->handle);
	do_next(&all, 5000, "b~1", PUBLICATION_PUBLISH);
	assert_null(publications_next(&all, 5000));
	publications_fini(&all);
}

static void publications_are_touched_when_announced(void **state)
{
	struct publications all = {0};

	(void)state;
	put(&all, "a~1");
	put(&all, "b~1");
	put(&all, "c~1");
	do_next(&all, 1000, "a~1", PUBLICATION_PUBLISH);
	do_next(&all, 1000, "b~1", PUBLICATION_PUBLISH);
	publications_withdraw(&all, "b~1", 5000);
	publications_touch(&all, PUBLICATION_CHANGE);
	publications_touch(&all, PUBLICATION_REPLACE);
	publications_touch(&all, PUBLICATION_CHANGE); // less than what is to be done
	do_next(&all, 5000, "b~1", PUBLICATION_WITHDRAW);
	do_next(&all, 5000, "c~1", PUBLICATION_PUBLISH);
	do_next(&all, 5000, "a~1", PUBLICATION_REPLACE);
	publications_fini(&all);
}

static void publications_are_full_when_the_named_ones_are(void **state)
{
	struct publications all = {0};
	char instance[LINK_INSTANCE_MAX + 1];

	(void)state;
	for (int round = 0; round < 3; round++) {
		publications_reset(&all);
		for (int i = 0; i < PUBLICATIONS_MAX; i++) {
			snprintf(instance, sizeof(instance), "n%d~%d", i, round);
			assert_int_equal(put(&all, instance), 0);
		}
		assert_int_equal(put(&all, "more~1"), PUBLICATIONS_E_FULL);
		assert_int_equal(put(&all, instance), 0);
		publications_end(&all, 5000);
		publications_withdraw(&all, instance, 5000);
		assert_int_equal(put(&all, "more~1"), 0);
		publications_withdraw(&all, "more~1", 5000);
	}
	assert_int_equal(HASH_COUNT(all.by_instance), PUBLICATIONS_MAX - 1);
	publications_fini(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(publications_are_worked_off_in_order),
		cmocka_unit_test(publications_say_same_when_repeated),
		cmocka_unit_test(publications_change_in_place_when_only_the_ttl_differs),
		cmocka_unit_test(publications_announce_a_new_one_before_changes_of_others),
		cmocka_unit_test(publications_leave_at_once_when_nothing_follows),
		cmocka_unit_test(publications_retire_when_the_successor_has_been_announced_twice),
		cmocka_unit_test(publications_retire_when_the_successor_is_gone_or_refused),
		cmocka_unit_test(publications_leave_when_refused_meanwhile),
		cmocka_unit_test(publications_stay_when_wanted_again),
		cmocka_unit_test(publications_withdraw_what_was_not_named_since_the_reset),
		cmocka_unit_test(publications_begin_anew_when_lost),
		cmocka_unit_test(publications_are_touched_when_announced),
		cmocka_unit_test(publications_are_full_when_the_named_ones_are),
	};

	return cmocka_run_group_tests_name("publications", tests, NULL, NULL);
}
