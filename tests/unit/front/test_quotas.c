// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What all share, no user can fill: half is left to others, and the answer says whose limit it is.

#include <sys/resource.h>

#include "agent_story.h"

#define WAITERS (AGENT_WAITS_PER_UID_MAX / EP_IN_FLIGHT_MAX)
#define WATCHERS (AGENT_WATCHES_PER_UID_MAX / AGENT_WATCHES_PER_SESSION_MAX)

// More than a thousand descriptors, where the machine allows it.
static int allow_descriptors(void **state)
{
	struct rlimit limit;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
	return setrlimit(RLIMIT_NOFILE, &limit);
}

static struct talker *client_of_user(struct story *story, uid_t uid)
{
	talker_be_user(uid);
	return story_client(story);
}

static void expect_limit(struct talker *talker, uint32_t id, const char *text)
{
	struct ep_msg error = talker_expect_error(talker, id, EP_CODE_LIMIT);

	assert_str_is(error.text, str_of(text));
}

// All that one session can have wait.
static struct talker *wait_for_nobody(struct story *story, uid_t uid)
{
	struct talker *talker = client_of_user(story, uid);

	for (uint32_t id = 0; id < EP_IN_FLIGHT_MAX; id++) {
		ask_lookup(talker, id, "nobody@h", EP_FAMILY_INET, 60000);
	}
	talker_expect_nothing(talker);
	return talker;
}

static void quotas_leave_half_of_the_lookups_that_wait_to_others(void **state)
{
	// In the first two seconds a lookup waits even without a network.
	struct story *story = story_new_with(&(struct agent_config){0});
	struct talker *ones[WAITERS], *others[WAITERS];
	struct talker *one, *other, *third;

	(void)state;
	for (size_t i = 0; i < WAITERS; i++) {
		ones[i] = wait_for_nobody(story, 1000);
	}
	one = client_of_user(story, 1000);
	other = client_of_user(story, 1001);
	ask_lookup(one, 2, "b@h", EP_FAMILY_INET, 60000);
	expect_limit(one, 2, "your user has 2048 lookups that wait for the network");
	ask_lookup(one, 3, "b@h", EP_FAMILY_INET, 0); // one that does not wait has its answer
	talker_expect_error(one, 3, EP_CODE_NOT_FOUND);
	ask_lookup(other, 2, "b@h", EP_FAMILY_INET, 60000);
	talker_expect_nothing(other); // it waits …
	register_node(one, (struct node){.name = "b@h"});
	talker_expect(other, EP_OP_FOUND, 2); // … and is answered

	for (size_t i = 0; i < WAITERS; i++) {
		others[i] = wait_for_nobody(story, 1001);
	}
	third = client_of_user(story, 1002);
	ask_lookup(third, 2, "c@h", EP_FAMILY_INET, 60000);
	expect_limit(third, 2, "4096 lookups wait for the network already");
	// Whoever waits no longer makes room.
	talker_ask(ones[0], EP_OP_CANCEL, 5);
	talker_expect_error(ones[0], 5, EP_CODE_NOT_FOUND);
	ask_lookup(one, 4, "c@h", EP_FAMILY_INET, 60000);
	talker_expect_nothing(one);
	talker_free(ones[0]);
	turn_until(story->base, strcmp(stat_of(one, "sessions"), "66") == 0);
	ask_lookup(third, 3, "c@h", EP_FAMILY_INET, 60000);
	talker_expect_nothing(third);
	for (size_t i = 0; i < WAITERS; i++) {
		if (i > 0) {
			talker_free(ones[i]);
		}
		talker_free(others[i]);
	}
	talker_free(one);
	talker_free(other);
	talker_free(third);
	story_free(story);
}

static struct talker *watch_all(struct story *story, uid_t uid)
{
	struct talker *talker = client_of_user(story, uid);

	for (uint32_t id = 0; id < AGENT_WATCHES_PER_SESSION_MAX; id++) {
		ask_feed(talker, EP_OP_WATCH, id, 0, "nobody's", NULL);
		expect_ready(talker, id);
	}
	return talker;
}

static void quotas_leave_half_of_the_watches_to_others(void **state)
{
	struct story *story = story_new();
	struct talker *ones[WATCHERS], *others[WATCHERS];
	struct talker *one, *third;

	(void)state;
	for (size_t i = 0; i < WATCHERS; i++) {
		ones[i] = watch_all(story, 1000);
	}
	one = client_of_user(story, 1000);
	ask_feed(one, EP_OP_WATCH, 2, 0, NULL, NULL);
	expect_limit(one, 2, "your user has 1024 watches");
	ask_feed(one, EP_OP_LIST, 3, 0, NULL, NULL); // it may ask, all the same
	talker_expect(one, EP_OP_DONE, 3);
	for (size_t i = 0; i < WATCHERS; i++) {
		others[i] = watch_all(story, 1001);
	}
	third = client_of_user(story, 1002);
	ask_feed(third, EP_OP_WATCH, 2, 0, NULL, NULL);
	expect_limit(third, 2, "all 2048 watches are taken");
	// Whoever watches no longer makes room.
	talker_ask(ones[0], EP_OP_CANCEL, 5);
	talker_expect(ones[0], EP_OP_DONE, 5);
	ask_feed(one, EP_OP_WATCH, 4, 0, NULL, NULL);
	expect_ready(one, 4);
	talker_free(others[0]);
	turn_until(story->base, strcmp(stat_of(one, "sessions"), "257") == 0);
	ask_feed(third, EP_OP_WATCH, 3, 0, NULL, NULL);
	expect_ready(third, 3);
	for (size_t i = 0; i < WATCHERS; i++) {
		talker_free(ones[i]);
		if (i > 0) {
			talker_free(others[i]);
		}
	}
	talker_free(one);
	talker_free(third);
	story_free(story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(quotas_leave_half_of_the_lookups_that_wait_to_others,
				       allow_descriptors),
		cmocka_unit_test_setup(quotas_leave_half_of_the_watches_to_others,
				       allow_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
