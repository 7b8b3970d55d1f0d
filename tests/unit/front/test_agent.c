// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Registrations, by the agent as a whole, without a network.

#include <sys/resource.h>

#include "agent_story.h"
#include "mediator/limits.h"

#define INET EP_FAMILY_INET
#define INET6 EP_FAMILY_INET6
#define TCP6 EP_CARRIER_INET6_TCP

static void agent_gives_both_families_of_a_node_one_creation(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_client(story);
	uint32_t creation = register_node(talker, (struct node){.name = "a@h"}).creation;

	(void)state;
	assert_int_equal(
		register_node(talker, (struct node){.name = "a@h", .carrier = TCP6}).creation,
		creation);
	assert_int_not_equal(register_node(talker, (struct node){.name = "b@h"}).creation,
			     creation);
	assert_true(is_found(talker, "a@h", INET) && is_found(talker, "a@h", INET6));
	unregister_node(talker, "a@h");
	assert_false(is_found(talker, "a@h", INET) || is_found(talker, "a@h", INET6));
	assert_true(is_found(talker, "b@h", INET));
	talker_free(talker);
	story_free(story);
}

static void agent_takes_a_repetition_for_what_it_is(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_client(story);
	struct node node = {.name = "a@h", .cluster = "blue", .tag = "k=v"};
	struct ep_msg first = register_node(talker, node);
	struct ep_msg again = register_node(talker, node);
	struct ep_msg changed;

	(void)state;
	assert_int_equal(again.creation, first.creation);
	assert_int_equal(again.revision, first.revision);
	node.tag = "k=w";
	changed = register_node(talker, node);
	assert_int_equal(changed.creation, first.creation);
	assert_true(changed.revision > first.revision);
	talker_free(talker);
	story_free(story);
}

static void agent_keeps_what_a_client_brings_back_of_an_earlier_agent(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_client(story);
	struct ep_msg msg = register_node(
		talker, (struct node){.name = "a@h", .creation = 77777, .revision = 900});

	(void)state;
	assert_int_equal(msg.creation, 77777);
	assert_true(msg.revision > 900);
	assert_true(register_node(talker, (struct node){.name = "b@h"}).revision > 900);
	talker_free(talker);
	story_free(story);
}

static void agent_names_the_field_that_is_wrong_with_a_registration(void **state)
{
	static const struct {
		const char *field;
		struct node node;
	} cases[] = {
		{"node", {.name = "nohost"}},
		{"node", {.name = "a@b@c"}},
		{"flags", {.name = "a@h", .flags = 2}},
		{"bound", {.name = "a@h", .carrier = EP_CARRIER_INET6_TLS, .bound = "\1\2\3\4"}},
		{"cluster", {.name = "a@h", .cluster = "b\x01"}},
		{"tag", {.name = "a@h", .tag = "novalue"}},
		{"tag", {.name = "a@h", .tag = "cr=5"}},
	};
	struct story *story = story_new();
	struct talker *talker = story_client(story);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ep_msg error = fail_to_register(talker, cases[i].node, EP_CODE_BAD_FIELD);

		assert_true(error.text.n > strlen(cases[i].field));
		assert_memory_equal(error.text.p, cases[i].field, strlen(cases[i].field));
	}
	assert_string_equal(stat_of(talker, "nodes"), "0");
	talker_free(talker);
	story_free(story);
}

static void agent_refuses_a_name_that_a_live_client_holds(void **state)
{
	struct story *story = story_new();
	struct talker *holder = story_vm(story, "0123456789abcdef");
	struct talker *others[] = {story_client(story), story_vm(story, "fedcba9876543210")};

	(void)state;
	register_node(holder, (struct node){.name = "a@h", .port = 1});
	for (size_t i = 0; i < COUNT(others); i++) {
		fail_to_register(others[i], (struct node){.name = "a@h", .port = 2},
				 EP_CODE_DUPLICATE_NAME);
		fail_to_register(others[i],
				 (struct node){.name = "a@h", .port = 2, .carrier = TCP6},
				 EP_CODE_DUPLICATE_NAME);
		ask_of_node(others[i], EP_OP_UNREGISTER, 3, "a@h");
		talker_expect_error(others[i], 3, EP_CODE_NOT_OWNER);
		assert_int_equal(lookup(others[i], "a@h", INET).port, 1);
	}
	ask_of_node(holder, EP_OP_UNREGISTER, 3, "b@h");
	talker_expect_error(holder, 3, EP_CODE_NOT_OWNER);
	talker_free(holder);
	talker_free(others[0]);
	talker_free(others[1]);
	story_free(story);
}

// Two clients without an owner are not one VM.
static void agent_refuses_a_name_when_neither_client_names_its_owner(void **state)
{
	struct story *story = story_new();
	struct talker *holder = story_client(story);
	struct talker *other = story_client(story);

	(void)state;
	register_node(holder, (struct node){.name = "a@h"});
	fail_to_register(other, (struct node){.name = "a@h"}, EP_CODE_DUPLICATE_NAME);
	talker_free(holder);
	talker_free(other);
	story_free(story);
}

static void agent_frees_all_names_of_a_client_that_is_gone_even_before_it_reads_that(void **state)
{
	struct story *story = story_new();
	struct talker *holder = story_client(story);
	struct talker *other = story_client(story);
	struct talker *watcher = story_client(story);

	(void)state;
	register_node(holder, (struct node){.name = "a@h", .port = 1});
	register_node(holder, (struct node){.name = "b@h"});
	ask_lookup(holder, 9, "c@h", INET, 500);
	ask_feed(holder, EP_OP_WATCH, 10, 0, NULL, NULL);
	ask_feed(watcher, EP_OP_WATCH, 2, 0, NULL, NULL);
	expect_item(watcher, 2, EP_EVENT_UP, "a@h");
	expect_item(watcher, 2, EP_EVENT_UP, "b@h");
	expect_ready(watcher, 2);
	// One request in the loop's hands, the end of the other session still unread behind it.
	ask_register(other, 7, &(struct node){.name = "a@h", .port = 2});
	talker_hang_up(holder);
	talker_expect(other, EP_OP_REGISTERED, 7);
	assert_int_equal(lookup(other, "a@h", INET).port, 2);
	assert_false(is_found(other, "b@h", INET));
	// (the walk over a session's nodes starts at the last one)
	expect_item(watcher, 2, EP_EVENT_DOWN, "b@h");
	expect_item(watcher, 2, EP_EVENT_DOWN, "a@h");
	expect_item(watcher, 2, EP_EVENT_UP, "a@h");
	talker_expect_nothing(watcher);
	talker_free(holder);
	talker_free(other);
	talker_free(watcher);
	story_free(story);
}

/*
 * A VM that starts distribution anew registers ahead of the end of its old connection.
 * Source: https://github.com/erlang/otp/issues/11083
 */
static void agent_lets_a_vm_take_its_name_over_before_its_old_connection_ends(void **state)
{
	struct story *story = story_new();
	struct talker *old = story_vm(story, "0123456789abcdef");
	struct talker *new = story_vm(story, "0123456789abcdef");
	struct talker *watcher = story_client(story);
	uint32_t creation = register_node(old, (struct node){.name = "a@h", .port = 1}).creation;

	(void)state;
	ask_feed(watcher, EP_OP_WATCH, 2, 0, NULL, NULL);
	expect_item(watcher, 2, EP_EVENT_UP, "a@h");
	expect_ready(watcher, 2);
	assert_int_not_equal(register_node(new, (struct node){.name = "a@h", .port = 2}).creation,
			     creation);
	assert_int_equal(expect_item(watcher, 2, EP_EVENT_DOWN, "a@h").creation, creation);
	assert_int_not_equal(expect_item(watcher, 2, EP_EVENT_UP, "a@h").creation, creation);
	ask_of_node(old, EP_OP_UNREGISTER, 3, "a@h");
	talker_expect_error(old, 3, EP_CODE_NOT_OWNER);
	talker_free(old);
	turn_for(story->base, 5);
	assert_int_equal(lookup(new, "a@h", INET).port, 2);
	talker_expect_nothing(watcher);
	talker_free(new);
	expect_item(watcher, 2, EP_EVENT_DOWN, "a@h");
	talker_free(watcher);
	story_free(story);
}

static void reconnect(bool hangs_up_first)
{
	struct story *story = story_new();
	struct talker *old = story_vm(story, "0123456789abcdef");
	struct talker *new = story_vm(story, "0123456789abcdef");
	struct talker *watcher = story_client(story);
	struct node node = {.name = "a@h", .port = 1};
	struct ep_msg before = register_node(old, node);
	struct ep_msg after;

	register_node(old, (struct node){.name = "b@h"});
	ask_feed(watcher, EP_OP_WATCH, 2, 0, NULL, "a@h");
	expect_item(watcher, 2, EP_EVENT_UP, "a@h");
	expect_ready(watcher, 2);
	node.creation = before.creation;
	node.revision = before.revision;
	ask_register(new, 7, &node);
	if (hangs_up_first) {
		talker_hang_up(old);
	}
	after = talker_expect(new, EP_OP_REGISTERED, 7);
	assert_int_equal(after.creation, before.creation);
	talker_free(old);
	turn_for(story->base, 5);
	assert_false(is_found(new, "b@h", INET)); // was not registered again
	assert_true(is_found(new, "a@h", INET));
	talker_expect_nothing(watcher); // nothing has happened
	talker_free(new);
	expect_item(watcher, 2, EP_EVENT_DOWN, "a@h");
	talker_free(watcher);
	story_free(story);
}

static void agent_lets_a_vm_that_reconnects_go_on_with_its_node(void **state)
{
	(void)state;
	reconnect(false);
	reconnect(true);
}

static void agent_holds_64_nodes_of_a_session(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_client(story);
	struct talker *other = story_client(story);
	char name[32];

	(void)state;
	for (unsigned i = 0; i < AGENT_NODES_PER_SESSION_MAX; i++) {
		snprintf(name, sizeof(name), "n%u@h", i);
		register_node(talker, (struct node){.name = name});
	}
	fail_to_register(talker, (struct node){.name = "more@h"}, EP_CODE_LIMIT);
	register_node(talker, (struct node){.name = "n7@h", .carrier = TCP6}); // no more names
	unregister_node(talker, "n7@h");
	register_node(talker, (struct node){.name = "more@h"});
	assert_string_equal(stat_of(other, "nodes"), "64");
	talker_free(talker);
	turn_until(story->base, strcmp(stat_of(other, "sessions"), "1") == 0);
	assert_string_equal(stat_of(other, "nodes"), "0");
	talker_free(other);
	story_free(story);
}

static void agent_answers_hints_and_says_how_it_is(void **state)
{
	static const char *const keys[][2] = {
		{"version", EPMDNS_VERSION}, {"backend", "none"}, {"backend_state", "none"},
		{"sessions", "1"},           {"nodes", "1"},      {"nodes_max", "20480"},
		{"advertised", "0"},         {"peers", "0"},      {"peers_max", "4096"},
	};
	struct story *story = story_new();
	struct talker *talker = story_client(story);

	(void)state;
	register_node(talker, (struct node){.name = "a@h"});
	ask_of_node(talker, EP_OP_HINT, 5, "a@h");
	talker_expect(talker, EP_OP_DONE, 5);
	ask_of_node(talker, EP_OP_HINT, 6, "nobody@knows");
	talker_expect(talker, EP_OP_DONE, 6);
	for (size_t i = 0; i < COUNT(keys); i++) {
		const char *value = stat_of(talker, keys[i][0]);

		assert_non_null(value);
		assert_string_equal(value, keys[i][1]);
	}
	talker_free(talker);
	story_free(story);
}

static void agent_says_when_there_are_too_few_descriptors_and_keeps_some_back(void **state)
{
	struct rlimit before, limit;
	struct story *story;
	struct talker *talker;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = (struct rlimit){AGENT_DESCRIPTORS + 200, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	story = story_new();
	talker = story_client(story);
	assert_string_equal(stat_of(talker, "fd_limit"), "392");
	assert_string_equal(stat_of(talker, "sessions_max"), "200");
	talker_free(talker);
	story_free(story);
	if (before.rlim_max >= AGENT_SESSIONS_MAX + AGENT_DESCRIPTORS) {
		limit.rlim_cur = AGENT_SESSIONS_MAX + AGENT_DESCRIPTORS;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		story = story_new();
		talker = story_client(story);
		assert_null(stat_of(talker, "fd_limit"));
		assert_string_equal(stat_of(talker, "sessions_max"), "20480");
		talker_free(talker);
		story_free(story);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void agent_stops_at_once_when_it_has_no_discovery(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_client(story);

	(void)state;
	register_node(talker, (struct node){.name = "a@h"});
	agent_stop(story->agent);
	agent_stop(story->agent);
	event_base_dispatch(story->base);
	assert_false(agent_must_restart(story->agent));
	agent_free(story->agent);
	story->agent = NULL;
	turn_until(story->base, talker_read(talker) == 0 && talker->is_closed);
	talker_free(talker);
	story_free(story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agent_gives_both_families_of_a_node_one_creation),
		cmocka_unit_test(agent_takes_a_repetition_for_what_it_is),
		cmocka_unit_test(agent_keeps_what_a_client_brings_back_of_an_earlier_agent),
		cmocka_unit_test(agent_names_the_field_that_is_wrong_with_a_registration),
		cmocka_unit_test(agent_refuses_a_name_that_a_live_client_holds),
		cmocka_unit_test(agent_refuses_a_name_when_neither_client_names_its_owner),
		cmocka_unit_test(
			agent_frees_all_names_of_a_client_that_is_gone_even_before_it_reads_that),
		cmocka_unit_test(agent_lets_a_vm_take_its_name_over_before_its_old_connection_ends),
		cmocka_unit_test(agent_lets_a_vm_that_reconnects_go_on_with_its_node),
		cmocka_unit_test(agent_holds_64_nodes_of_a_session),
		cmocka_unit_test(agent_answers_hints_and_says_how_it_is),
		cmocka_unit_test(agent_says_when_there_are_too_few_descriptors_and_keeps_some_back),
		cmocka_unit_test(agent_stops_at_once_when_it_has_no_discovery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
