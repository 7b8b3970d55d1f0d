// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Who is published when there is not room for all.

#include "adverts_story.h"

// All but the last ones are published, each at least once with the present time to live.
static void expect_many(struct scene *scene, struct talker *talker, unsigned n)
{
	unsigned ttl_s = (unsigned)atoi(stat_of(talker, "ttl_s"));
	bool *is_told = calloc(n, sizeof(*is_told));
	unsigned n_told = 0;

	while (n_told < n) {
		struct recorded recorded = expect(scene, LINK_PUBLISH);

		assert_in_range(recorded.port, 1000, 1000 + n - 1);
		if (recorded.ttl_s == ttl_s && !is_told[recorded.port - 1000]) {
			is_told[recorded.port - 1000] = true;
			n_told++;
		}
	}
	free(is_told);
}

static void adverts_of_both_families_have_room_for_fewer_nodes(void **state)
{
	struct scene *scene = scene_new();
	struct talker *talkers[LINK_INSTANCES_MAX / 100 + 1];
	struct talker *talker = NULL;
	unsigned n_talkers = 0;

	(void)state;
	expect_start(scene);
	for (unsigned i = 0; i < LINK_INSTANCES_MAX / 2 + 6; i++) {
		char name[16];

		if (i % 50 == 0) {
			talker_be_user(1000 + i / 50 % 3);
			talker = talkers[n_talkers++] = story_client(scene->story);
		}
		snprintf(name, sizeof(name), "n%u@h", i);
		register_node(talker, (struct node){.name = name});
		register_node(talker, (struct node){.name = name, .carrier = EP_CARRIER_INET6_TCP});
	}
	assert_string_equal(stat_of(talker, "advertised"), "384");
	assert_string_equal(stat_of(talker, "not_advertised"), "6");
	while (n_talkers > 0) {
		talker_free(talkers[--n_talkers]);
	}
	scene_free(scene);
}

static void adverts_of_more_nodes_than_there_is_room_for_wait_their_turn(void **state)
{
	struct scene *scene = scene_new();
	struct talker *talkers[11];
	struct recorded recorded;

	(void)state;
	expect_start(scene);
	register_many(scene, talkers, AGENT_ADVERTS_MAX + 4);
	expect_many(scene, talkers[0], AGENT_ADVERTS_MAX);
	expect_silence(scene);
	assert_string_equal(stat_of(talkers[0], "advertised"), "512");
	assert_string_equal(stat_of(talkers[0], "not_advertised"), "4");
	assert_non_null(strstr(stat_of(talkers[0], "problem_adverts"), "Of 516 nodes"));

	unregister_node(talkers[0], "n3@h");
	recorded = expect(scene, LINK_PUBLISH);
	assert_true(is_of(&recorded, "n512@h"));
	recorded = expect(scene, LINK_WITHDRAW);
	assert_true(is_of(&recorded, "n3@h"));
	// One that is no longer for the LAN makes room, too.
	register_node(talkers[0], (struct node){.name = "n5@h", .bound = "\x7f\0\0\1"});
	recorded = expect(scene, LINK_PUBLISH);
	assert_true(is_of(&recorded, "n513@h"));
	recorded = expect(scene, LINK_WITHDRAW);
	assert_true(is_of(&recorded, "n5@h"));
	// One that waits and goes, or is no more for the LAN, waits no longer.
	unregister_node(talkers[10], "n514@h");
	register_node(talkers[10], (struct node){.name = "n515@h", .bound = "\x7f\0\0\1"});
	assert_string_equal(stat_of(talkers[0], "not_advertised"), "0");
	assert_string_equal(stat_of(talkers[0], "problem_adverts"), "");
	unregister_node(talkers[0], "n6@h");
	expect(scene, LINK_WITHDRAW);
	expect_silence(scene);
	assert_string_equal(stat_of(talkers[0], "advertised"), "511");
	for (size_t i = 0; i < COUNT(talkers); i++) {
		talker_free(talkers[i]);
	}
	scene_free(scene);
}

// Nodes PREFIX0@h to PREFIX(n-1)@h, of one user.
static void register_of_user(struct scene *scene, struct talker **talkers, uid_t uid, char prefix,
			     unsigned n)
{
	talker_be_user(uid);
	for (unsigned i = 0; i < n; i++) {
		char name[16];

		if (i % 50 == 0 && talkers[i / 50] == NULL) {
			talkers[i / 50] = story_client(scene->story);
		}
		snprintf(name, sizeof(name), "%c%u@h", prefix, i);
		register_node(talkers[i / 50], (struct node){.name = name});
	}
}

static bool has_come(struct scene *scene, enum link_op op, const char *name)
{
	struct recorded recorded;

	while (take_record(scene, &recorded)) {
		if (recorded.op == op && is_of(&recorded, name)) {
			return true;
		}
	}
	return false;
}

// Sooner or later: there are many of them, and told again when their time to live changes.
static void await(struct scene *scene, enum link_op op, const char *name)
{
	turn_until(scene->story->base, has_come(scene, op, name));
}

static void expect_counts(struct talker *talker, const char *advertised, const char *waiting)
{
	assert_string_equal(stat_of(talker, "advertised"), advertised);
	assert_string_equal(stat_of(talker, "not_advertised"), waiting);
}

static void free_talkers(struct talker **talkers, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (talkers[i] != NULL) {
			talker_free(talkers[i]);
		}
	}
}

// One user could take all the places, and no other user's node was found by anybody.
static void adverts_of_one_user_make_room_for_those_of_others_beyond_half(void **state)
{
	enum { ALL = AGENT_ADVERTS_MAX, TALKERS = ALL / 50 + 1 };
	struct scene *scene = scene_new();
	struct talker *ones[TALKERS] = {NULL}, *others[TALKERS] = {NULL};

	(void)state;
	expect_start(scene);
	register_of_user(scene, ones, 1000, 'a', ALL + 2);
	expect_counts(ones[0], "512", "2");
	await(scene, LINK_PUBLISH, "a511@h");
	register_of_user(scene, others, 1001, 'b', 1); // comes later, and at once
	await(scene, LINK_PUBLISH, "b0@h");
	await(scene, LINK_WITHDRAW, "a511@h"); // what came last
	expect_counts(ones[0], "512", "3");
	// What one leaves the other may have, in the order in which they wait.
	unregister_node(others[0], "b0@h");
	await(scene, LINK_PUBLISH, "a512@h");
	expect_counts(ones[0], "512", "2");
	// Half is everybody's, and no more when others want it.
	register_of_user(scene, others, 1001, 'b', ALL / 2 + 1);
	await(scene, LINK_PUBLISH, "b255@h");
	expect_counts(ones[0], "512", "259");
	// Room goes first to him who has less than half, whoever waits longer.
	unregister_node(others[0], "b3@h");
	await(scene, LINK_PUBLISH, "b256@h");
	unregister_node(ones[0], "a3@h");
	await(scene, LINK_PUBLISH, "a513@h");
	expect_counts(ones[0], "512", "257");
	free_talkers(others, TALKERS);
	turn_until(scene->story->base, strcmp(stat_of(ones[0], "not_advertised"), "1") == 0);
	expect_counts(ones[0], "512", "1");
	free_talkers(ones, TALKERS);
	scene_free(scene);
}

static void adverts_of_one_user_in_both_families_make_room_for_others(void **state)
{
	enum { ALL = LINK_INSTANCES_MAX / 2, TALKERS = ALL / 50 + 1 };
	struct scene *scene = scene_new();
	struct talker *ones[TALKERS] = {NULL}, *others[1] = {NULL};

	(void)state;
	expect_start(scene);
	talker_be_user(1000);
	for (unsigned i = 0; i < ALL + 3; i++) {
		char name[16];

		if (i % 50 == 0) {
			ones[i / 50] = story_client(scene->story);
		}
		snprintf(name, sizeof(name), "a%u@h", i);
		register_node(ones[i / 50], (struct node){.name = name});
		register_node(ones[i / 50],
			      (struct node){.name = name, .carrier = EP_CARRIER_INET6_TCP});
	}
	expect_counts(ones[0], "384", "3");
	register_of_user(scene, others, 1001, 'b', 40); // one family: two have the room of one
	await(scene, LINK_PUBLISH, "b39@h");
	expect_counts(ones[0], "404", "23");
	free_talkers(ones, TALKERS);
	free_talkers(others, 1);
	scene_free(scene);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adverts_of_both_families_have_room_for_fewer_nodes),
		cmocka_unit_test(adverts_of_more_nodes_than_there_is_room_for_wait_their_turn),
		cmocka_unit_test(adverts_of_one_user_make_room_for_those_of_others_beyond_half),
		cmocka_unit_test(adverts_of_one_user_in_both_families_make_room_for_others),
	};

	begin(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
