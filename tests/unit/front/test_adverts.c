// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What is published of nodes: when, how, and for how long.

#include "adverts_story.h"

#define TURNS_MAX 50 // that may end at the wrong moment

static void adverts_are_of_each_family_and_of_what_the_lan_can_use(void **state)
{
	static const struct {
		struct node node;
		bool is_published;
	} cases[] = {
		{{.name = "a@h", .port = 1, .cluster = "blue"}, true},
		{{.name = "a@h", .port = 2, .carrier = EP_CARRIER_INET6_TCP, .cluster = "blue"},
		 true},
		{{.name = "hidden@h", .port = 3, .flags = EP_FLAG_HIDDEN}, true},
		{{.name = "bound@h", .port = 4, .bound = "\x0a\0\0\1"}, true},
		{{.name = "loop@h", .port = 5, .bound = "\x7f\0\0\2"}, false},
		{{.name = "loop6@h",
		  .port = 5,
		  .carrier = EP_CARRIER_INET6_TCP,
		  .bound = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"},
		 false},
		{{.name = "a@localhost"}, false},
		{{.name = "a@localhost.localdomain"}, false},
		{{.name = "a@127.0.0.1"}, false},
		{{.name = "rem-1f3a-x@h"}, false},
		{{.name = "rpc-00ff-x@h"}, false},
		{{.name = "remsh12ab-x@h"}, false},
		{{.name = "maint12ab-x@h"}, false},
	};
	struct scene *scene = scene_new();
	struct talker *talker = story_client(scene->story);

	(void)state;
	expect_start(scene);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct node *node = &cases[i].node;

		register_node(talker, *node);
		if (cases[i].is_published) {
			struct recorded recorded = expect(scene, LINK_PUBLISH);

			assert_true(is_of(&recorded, node->name));
			assert_int_equal(recorded.port, node->port);
			assert_int_equal(recorded.ttl_s, AGENT_TTL_MIN_S);
			assert_string_equal(recorded.cluster,
					    node->cluster != NULL ? node->cluster : "-");
		}
		expect_silence(scene);
	}
	assert_string_equal(stat_of(talker, "advertised"), "3");
	talker_free(talker);
	for (unsigned i = 0; i < 4; i++) {
		expect(scene, LINK_WITHDRAW);
	}
	expect_silence(scene);
	scene_free(scene);
}

/*
 * Two changes before the child has been told of the first: only the last is published. A turn may
 * have ended between the two (a session has a millisecond); not each time.
 */
static void replace_within_a_turn(struct scene *scene, struct talker *talker,
				  struct recorded before)
{
	for (uint16_t port = 2; port < 2 + 2 * TURNS_MAX; port = (uint16_t)(port + 2)) {
		const uint16_t last = (uint16_t)(port + 1);
		struct recorded told;

		ask_register(talker, port, &(struct node){.name = "a@h", .port = port});
		ask_register(talker, last, &(struct node){.name = "a@h", .port = last});
		talker_expect(talker, EP_OP_REGISTERED, port);
		talker_expect(talker, EP_OP_REGISTERED, last);
		told = expect(scene, LINK_PUBLISH);
		assert_string_equal(expect(scene, LINK_WITHDRAW).instance, before.instance);
		if (told.port == last) {
			return;
		}
		before = expect(scene, LINK_PUBLISH);
		assert_int_equal(before.port, last);
		assert_string_equal(expect(scene, LINK_WITHDRAW).instance, told.instance);
	}
	fail_msg("each of two changes is published");
}

// What comes and goes in one turn is never told at all.
static void come_and_go_within_a_turn(struct scene *scene, struct talker *talker)
{
	struct recorded told;

	for (uint32_t id = 1000; id < 1000 + 2 * TURNS_MAX; id += 2) {
		ask_register(talker, id, &(struct node){.name = "b@h"});
		ask_of_node(talker, EP_OP_UNREGISTER, id + 1, "b@h");
		talker_expect(talker, EP_OP_REGISTERED, id);
		talker_expect(talker, EP_OP_DONE, id + 1);
		register_node(talker, (struct node){.name = "next@h"});
		told = expect(scene, LINK_PUBLISH);
		if (is_of(&told, "next@h")) {
			return;
		}
		assert_true(is_of(&told, "b@h"));
		expect(scene, LINK_WITHDRAW);
		expect(scene, LINK_PUBLISH);
		unregister_node(talker, "next@h");
		expect(scene, LINK_WITHDRAW);
	}
	fail_msg("each node that comes and goes is published");
}

static void adverts_replace_an_instance_by_publishing_the_next_one_first(void **state)
{
	struct scene *scene = scene_new();
	struct talker *talker = story_client(scene->story);
	struct recorded first, second, withdrawn;

	(void)state;
	expect_start(scene);
	register_node(talker, (struct node){.name = "a@h", .port = 1});
	first = expect(scene, LINK_PUBLISH);
	register_node(talker, (struct node){.name = "a@h", .port = 1});
	expect_silence(scene);
	register_node(talker, (struct node){.name = "a@h", .port = 1, .tag = "k=v"});
	second = expect(scene, LINK_PUBLISH);
	withdrawn = expect(scene, LINK_WITHDRAW);
	assert_string_not_equal(first.instance, second.instance);
	assert_string_equal(first.instance, withdrawn.instance);
	replace_within_a_turn(scene, talker, second);
	come_and_go_within_a_turn(scene, talker);
	expect_silence(scene);
	talker_free(talker);
	scene_free(scene);
}

static void adverts_are_all_told_to_a_new_child(void **state)
{
	struct scene *scene = scene_new();
	struct talker *talker = story_client(scene->story);
	char name[16];
	int child;

	(void)state;
	expect_start(scene);
	for (unsigned i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "n%u@h", i);
		register_node(talker, (struct node){.name = name, .port = 100 + i});
		expect(scene, LINK_PUBLISH);
	}
	child = atoi(stat_of(talker, "discovery_pid"));
	assert_true(child > 0); // 0 would be all that runs beside this test
	kill(child, SIGKILL);
	turn_until(scene->story->base, strcmp(stat_of(talker, "discovery_restarts"), "1") == 0);
	// What changes while there is none.
	unregister_node(talker, "n7@h");
	register_node(talker, (struct node){.name = "more@h", .port = 107});
	expect_silence(scene);
	put_clock_forward(LINK_BACKOFF_MS);
	expect(scene, LINK_RESET);
	for (unsigned i = 0, ports = 0; i < 40; i++) {
		ports += expect(scene, LINK_PUBLISH).port;
		assert_true(i < 39 || ports == 40 * 100 + 39 * 40 / 2);
	}
	expect(scene, LINK_END);
	expect_silence(scene);
	talker_free(talker);
	scene_free(scene);
}

static void adverts_live_longer_when_there_are_more(void **state)
{
	struct scene *scene = scene_new();
	struct talker *talkers[2];
	struct recorded recorded;

	(void)state;
	expect_start(scene);
	register_many(scene, talkers, 76); // 22.8 s: not far enough from 15
	assert_string_equal(stat_of(talkers[0], "ttl_s"), "15");
	for (unsigned i = 0; i < 76; i++) {
		assert_int_equal(expect(scene, LINK_PUBLISH).ttl_s, 15);
	}
	register_node(talkers[0], (struct node){.name = "one-more@h"});
	for (unsigned i = 0; i < 77; i++) {
		recorded = expect(scene, LINK_PUBLISH);
		assert_int_equal(recorded.ttl_s, 23);
	}
	expect_silence(scene);
	assert_string_equal(stat_of(talkers[0], "ttl_s"), "23");
	talker_free(talkers[0]);
	talker_free(talkers[1]);
	scene_free(scene);
}

/*
 * The hash in an instance name is public and has 40 bits, so whoever tries finds two nodes that
 * would have the same: it takes a second. They shared one entry then, freed with the first of them.
 */
static void adverts_are_of_one_node_each_even_if_instance_names_collide(void **state)
{
	static const char stem[] = "a@a-host-name-that-is-so-long-that-the-end-of-it-is-cu";
	struct node one = {
		.name = "a@a-host-name-that-is-so-long-that-the-end-of-it-is-cut-off.one",
		.creation = 1916845};
	struct node two = {
		.name = "a@a-host-name-that-is-so-long-that-the-end-of-it-is-cut-off.two",
		.creation = 35789};
	struct service services[] = {
		{.node = str_of(one.name), .creation = one.creation, .revision = 1, .carrier = 1},
		{.node = str_of(two.name), .creation = two.creation, .revision = 2, .carrier = 1},
	};
	char instances[2][SERVICE_INSTANCE_MAX + 1];
	struct scene *scene = scene_new();
	struct talker *talker = story_client(scene->story);
	struct recorded recorded;

	(void)state;
	service_instance(&services[0], instances[0]);
	service_instance(&services[1], instances[1]);
	assert_string_equal(instances[0], instances[1]); // else look for others that collide
	expect_start(scene);
	assert_int_equal(register_node(talker, one).revision, 1);
	recorded = expect(scene, LINK_PUBLISH);
	assert_true(is_of(&recorded, stem));
	assert_int_equal(register_node(talker, two).revision, 2);
	expect_silence(scene);
	assert_string_equal(stat_of(talker, "advertised"), "1");
	unregister_node(talker, one.name);
	expect(scene, LINK_WITHDRAW);
	two.tag = "k=v"; // with the next revision it has a name of its own
	register_node(talker, two);
	recorded = expect(scene, LINK_PUBLISH);
	assert_true(is_of(&recorded, stem));
	unregister_node(talker, two.name);
	expect(scene, LINK_WITHDRAW);
	assert_string_equal(stat_of(talker, "advertised"), "0");
	talker_free(talker);
	scene_free(scene);
}

static void adverts_are_followed_by_a_question_when_a_node_is_missed(void **state)
{
	struct scene *scene = scene_new();
	struct talker *talker = story_client(scene->story);

	(void)state;
	expect_start(scene);
	put_clock_forward(AGENT_GRACE_MS);
	turn_until(scene->story->base, strcmp(stat_of(talker, "backend_state"), "running") == 0);
	for (unsigned i = 0; i < 2; i++) {
		ask_lookup(talker, 2, "a@h", EP_FAMILY_INET, 10000);
		ask_lookup(talker, 3, "b@h", EP_FAMILY_INET, 0);
		talker_expect_error(talker, 3, EP_CODE_NOT_FOUND);
		expect(scene, LINK_ASK); // once, for all
		expect_silence(scene);
		put_clock_forward(AGENT_WAIT_MAX_MS);
		talker_expect_error(talker, 2, EP_CODE_NOT_FOUND);
		ask_lookup(talker, 5, "a@h", EP_FAMILY_INET, 10000); // the miss is remembered
		talker_expect_error(talker, 5, EP_CODE_NOT_FOUND);
		put_clock_forward(AGENT_ASK_EVERY_MS - 2 * AGENT_WAIT_MAX_MS);
		ask_lookup(talker, 4, "c@h", EP_FAMILY_INET, 0);
		talker_expect_error(talker, 4, EP_CODE_NOT_FOUND);
		expect_silence(scene);
		put_clock_forward(AGENT_WAIT_MAX_MS);
	}
	talker_free(talker);
	scene_free(scene);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adverts_are_of_each_family_and_of_what_the_lan_can_use),
		cmocka_unit_test(adverts_replace_an_instance_by_publishing_the_next_one_first),
		cmocka_unit_test(adverts_are_all_told_to_a_new_child),
		cmocka_unit_test(adverts_live_longer_when_there_are_more),
		cmocka_unit_test(adverts_are_of_one_node_each_even_if_instance_names_collide),
		cmocka_unit_test(adverts_are_followed_by_a_question_when_a_node_is_missed),
	};

	begin(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
