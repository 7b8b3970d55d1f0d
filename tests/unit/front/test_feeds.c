// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Lists, names and watches.

#include <unistd.h>

#include "agent_story.h"

#define TCP6 EP_CARRIER_INET6_TCP

static void feeds_list_what_passes_their_filter(void **state)
{
	static const struct {
		uint32_t filter;
		const char *cluster, *name;
		const char *expected[5];
	} cases[] = {
		{0, NULL, NULL, {"a@h", "a@h", "b@h", "d@i"}},
		{EP_FILTER_ALL, NULL, NULL, {"a@h", "a@h", "b@h", "hid@h", "d@i"}},
		{0, "blue", NULL, {"b@h"}},
		{EP_FILTER_ALL, "blue", NULL, {"b@h", "hid@h"}},
		{0, "red", NULL, {NULL}},
		{0, NULL, "a@h", {"a@h", "a@h"}},
		{0, NULL, "hid@h", {NULL}},
		{EP_FILTER_ALL, NULL, "hid@h", {"hid@h"}},
		{0, "blue", "a@h", {NULL}},
	};
	struct story *story = story_new();
	struct talker *talker = story_client(story);

	(void)state;
	register_node(talker, (struct node){.name = "a@h"});
	register_node(talker, (struct node){.name = "b@h", .cluster = "blue"});
	register_node(talker, (struct node){.name = "hid@h", .cluster = "blue", .flags = 1});
	register_node(talker, (struct node){.name = "d@i"});
	register_node(talker, (struct node){.name = "a@h", .carrier = TCP6});
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (unsigned is_watch = 0; is_watch < 2; is_watch++) {
			ask_feed(talker, is_watch ? EP_OP_WATCH : EP_OP_LIST, 2, cases[i].filter,
				 cases[i].cluster, cases[i].name);
			for (const char *const *at = cases[i].expected; *at != NULL; at++) {
				expect_item(talker, 2, is_watch ? EP_EVENT_UP : 0, *at);
			}
			if (is_watch) {
				expect_ready(talker, 2);
				talker_ask(talker, EP_OP_CANCEL, 2);
			}
			talker_expect(talker, EP_OP_DONE, 2);
		}
	}
	talker_free(talker);
	story_free(story);
}

static void feeds_tell_all_of_a_node(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_client(story);
	struct ep_msg item;
	uint32_t creation;

	(void)state;
	creation = register_node(talker, (struct node){.name = "a@h",
						       .port = 4711,
						       .carrier = EP_CARRIER_INET_TLS,
						       .flags = EP_FLAG_HIDDEN,
						       .bound = "\x0a\0\0\5",
						       .cluster = "blue",
						       .tag = "k=v"})
			   .creation;
	put_clock_forward(7500);
	ask_feed(talker, EP_OP_LIST, 2, EP_FILTER_ALL, NULL, NULL);
	item = expect_item(talker, 2, 0, "a@h");
	assert_int_equal(item.port, 4711);
	assert_int_equal(item.carrier, EP_CARRIER_INET_TLS);
	assert_int_equal(item.creation, creation);
	assert_int_equal(item.flags, EP_FLAG_HIDDEN);
	assert_int_equal(item.dist_high, 6);
	assert_int_equal(item.dist_low, 5);
	assert_int_equal(item.origin, EP_ORIGIN_LOCAL);
	assert_int_equal(item.state, EP_STATE_UP);
	assert_int_equal(item.age_s, 7);
	assert_str_is(item.cluster, LIT("blue"));
	assert_int_equal(item.n_addresses, 1);
	assert_str_is(item.addresses[0], LIT("\x0a\0\0\5"));
	assert_int_equal(item.n_tags, 1);
	assert_str_is(item.tags[0], LIT("k=v"));
	assert_false(ep_has(&item, EP_F_INTERFACE) || ep_has(&item, EP_F_EVENT));
	talker_expect(talker, EP_OP_DONE, 2);
	talker_free(talker);
	story_free(story);
}

static void ask_names(struct talker *talker, uint32_t id, const char *host)
{
	struct ep_msg msg;

	ep_begin(&msg, EP_OP_NAMES, id);
	set_text(&msg, EP_F_HOST, &msg.host, host);
	talker_send(talker, &msg);
}

static void feeds_say_the_names_of_a_host(void **state)
{
	char own[EP_HOST_MAX + 1] = "";
	char short_own[EP_HOST_MAX + 1];
	const char *own_names[] = {NULL,  "localhost", "LOCALHOST", "127.0.0.1",
				   "::1", own,         short_own};
	struct story *story = story_new();
	struct talker *talker = story_client(story);
	struct ep_msg item;

	(void)state;
	assert_int_equal(gethostname(own, sizeof(own) - 1), 0);
	strcpy(short_own, own);
	short_own[strcspn(short_own, ".")] = '\0';
	for (size_t i = 0; i < COUNT(own_names); i++) {
		ask_names(talker, 2, own_names[i]);
		talker_expect(talker, EP_OP_DONE, 2); // nobody is here, and that is an answer
	}
	register_node(talker, (struct node){.name = "a@elsewhere", .port = 1});
	register_node(talker, (struct node){.name = "a@elsewhere", .port = 2, .carrier = TCP6});
	register_node(talker, (struct node){.name = "hid@elsewhere", .port = 3, .flags = 1});
	for (size_t i = 0; i < COUNT(own_names); i++) {
		ask_names(talker, 2, own_names[i]);
		item = expect_item(talker, 2, 0, "a@elsewhere"); // once, whatever its families
		assert_int_equal(item.port, 1);
		assert_false(ep_has(&item, EP_F_CARRIER));
		expect_item(talker, 2, 0, "hid@elsewhere"); // all that are registered here
		talker_expect(talker, EP_OP_DONE, 2);
	}
	ask_names(talker, 3, "ELSEWHERE");
	expect_item(talker, 3, 0, "a@elsewhere");
	talker_expect(talker, EP_OP_DONE, 3);
	ask_names(talker, 4, "nowhere");
	talker_expect_error(talker, 4, EP_CODE_NOT_FOUND);
	ask_names(talker, 5, "192.0.2.1");
	talker_expect_error(talker, 5, EP_CODE_NOT_FOUND);
	talker_free(talker);
	story_free(story);
}

static void feeds_tell_a_watch_what_changes_and_nothing_else(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_client(story);
	struct talker *watcher = story_client(story);

	(void)state;
	ask_feed(watcher, EP_OP_WATCH, 2, 0, NULL, NULL);
	expect_ready(watcher, 2);
	register_node(talker, (struct node){.name = "a@h"});
	assert_int_equal(expect_item(watcher, 2, EP_EVENT_UP, "a@h").carrier, EP_CARRIER_INET_TCP);
	register_node(talker, (struct node){.name = "a@h"});
	talker_expect_nothing(watcher);
	register_node(talker, (struct node){.name = "a@h", .carrier = TCP6});
	assert_int_equal(expect_item(watcher, 2, EP_EVENT_UP, "a@h").carrier, TCP6);
	talker_expect_nothing(watcher); // the first family is as it was
	register_node(talker, (struct node){.name = "a@h", .carrier = TCP6, .port = 9});
	assert_int_equal(expect_item(watcher, 2, EP_EVENT_CHANGED, "a@h").carrier, TCP6);
	talker_expect_nothing(watcher);
	register_node(talker, (struct node){.name = "a@h", .tag = "k=v"}); // of the node
	assert_int_equal(expect_item(watcher, 2, EP_EVENT_CHANGED, "a@h").carrier,
			 EP_CARRIER_INET_TCP);
	assert_int_equal(expect_item(watcher, 2, EP_EVENT_CHANGED, "a@h").carrier, TCP6);
	unregister_node(talker, "a@h");
	expect_item(watcher, 2, EP_EVENT_DOWN, "a@h");
	expect_item(watcher, 2, EP_EVENT_DOWN, "a@h");
	talker_ask(watcher, EP_OP_CANCEL, 2);
	talker_expect(watcher, EP_OP_DONE, 2);
	talker_ask(watcher, EP_OP_CANCEL, 2);
	talker_expect_error(watcher, 2, EP_CODE_NOT_FOUND);
	register_node(talker, (struct node){.name = "b@h"});
	talker_expect_nothing(watcher);
	talker_free(talker);
	talker_free(watcher);
	story_free(story);
}

// A node that changes may enter a filter, or leave it.
static void feeds_tell_a_watch_who_enters_its_filter_and_who_leaves(void **state)
{
	static const struct {
		struct node node;
		enum ep_event blue, all, visible; // 0: nothing
	} steps[] = {
		{{.name = "a@h"}, 0, EP_EVENT_UP, EP_EVENT_UP},
		{{.name = "a@h", .cluster = "blue"},
		 EP_EVENT_UP,
		 EP_EVENT_CHANGED,
		 EP_EVENT_CHANGED},
		{{.name = "a@h", .cluster = "blue", .tag = "k=v"},
		 EP_EVENT_CHANGED,
		 EP_EVENT_CHANGED,
		 EP_EVENT_CHANGED},
		{{.name = "a@h", .cluster = "blue", .flags = 1},
		 EP_EVENT_DOWN,
		 EP_EVENT_CHANGED,
		 EP_EVENT_DOWN},
		{{.name = "a@h", .cluster = "red", .flags = 1}, 0, EP_EVENT_CHANGED, 0},
		{{.name = "a@h", .cluster = "red"}, 0, EP_EVENT_CHANGED, EP_EVENT_UP},
		{{.name = "a@h", .cluster = "blue"},
		 EP_EVENT_UP,
		 EP_EVENT_CHANGED,
		 EP_EVENT_CHANGED},
		{{.name = "a@h"}, EP_EVENT_DOWN, EP_EVENT_CHANGED, EP_EVENT_CHANGED},
	};
	struct story *story = story_new();
	struct talker *talker = story_client(story);
	struct talker *watchers[] = {story_client(story), story_client(story), story_client(story)};

	(void)state;
	ask_feed(watchers[0], EP_OP_WATCH, 2, 0, "blue", NULL);
	ask_feed(watchers[1], EP_OP_WATCH, 2, EP_FILTER_ALL, NULL, NULL);
	ask_feed(watchers[2], EP_OP_WATCH, 2, 0, NULL, NULL);
	for (size_t i = 0; i < COUNT(watchers); i++) {
		expect_ready(watchers[i], 2);
	}
	for (size_t i = 0; i < COUNT(steps); i++) {
		enum ep_event events[] = {steps[i].blue, steps[i].all, steps[i].visible};

		register_node(talker, steps[i].node);
		for (size_t k = 0; k < COUNT(watchers); k++) {
			if (events[k] != 0) {
				expect_item(watchers[k], 2, events[k], "a@h");
			}
			talker_expect_nothing(watchers[k]);
		}
	}
	talker_hang_up(talker);
	expect_item(watchers[1], 2, EP_EVENT_DOWN, "a@h");
	expect_item(watchers[2], 2, EP_EVENT_DOWN, "a@h");
	for (size_t k = 0; k < COUNT(watchers); k++) {
		talker_expect_nothing(watchers[k]);
		talker_free(watchers[k]);
	}
	talker_free(talker);
	story_free(story);
}

static void feeds_bound_the_watches_of_a_session(void **state)
{
	struct story *story = story_new();
	struct talker *talker = story_client(story);

	(void)state;
	for (uint32_t id = 0; id < AGENT_WATCHES_PER_SESSION_MAX; id++) {
		ask_feed(talker, EP_OP_WATCH, id, 0, NULL, NULL);
		expect_ready(talker, id);
		ask_feed(talker, EP_OP_WATCH, id, 0, NULL, NULL);
		talker_expect_error(talker, id, EP_CODE_DUPLICATE_ID);
	}
	ask_feed(talker, EP_OP_WATCH, 99, 0, NULL, NULL);
	talker_expect_error(talker, 99, EP_CODE_LIMIT);
	talker_ask(talker, EP_OP_CANCEL, 3);
	talker_expect(talker, EP_OP_DONE, 3);
	ask_feed(talker, EP_OP_WATCH, 99, 0, NULL, NULL);
	expect_ready(talker, 99);
	talker_free(talker);
	story_free(story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(feeds_list_what_passes_their_filter),
		cmocka_unit_test(feeds_tell_all_of_a_node),
		cmocka_unit_test(feeds_say_the_names_of_a_host),
		cmocka_unit_test(feeds_tell_a_watch_what_changes_and_nothing_else),
		cmocka_unit_test(feeds_tell_a_watch_who_enters_its_filter_and_who_leaves),
		cmocka_unit_test(feeds_bound_the_watches_of_a_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
