// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Lists, names and watches, also while everything changes.

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

/*
 * The rest is one story: 40 clients register 2 000 nodes, change them, unregister some, and go,
 * while watchers that read now and then, and lists, look on. What a watcher is told must at any
 * time be what is there, said once.
 */
enum { CLIENTS = 40, NODES_EACH = 50, NODES = CLIENTS * NODES_EACH };
enum { WATCHERS = 3, STEPS = 8000 };

enum presence { ABSENT, PRESENT };

struct world {
	struct story *story;
	struct talker *clients[CLIENTS];
	uint64_t random;
	uint8_t truth[NODES];
	uint32_t ports[NODES];
	unsigned n_present;
};

struct watcher {
	struct talker *talker;
	bool is_ready;
	uint8_t seen[NODES];
	uint32_t ports[NODES];
	unsigned n_items;
};

static void node_name(unsigned number, char name[32])
{
	snprintf(name, 32, "node-%u@some.host.home", number);
}

static unsigned number_of(const struct ep_msg *item)
{
	unsigned number = 0;

	for (size_t i = 5; item->node.p[i] != '@'; i++) {
		number = number * 10 + (unsigned)(item->node.p[i] - '0');
	}
	assert_in_range(number, 0, NODES - 1);
	return number;
}

static void watch_on(struct watcher *watcher)
{
	struct ep_msg item;

	while (talker_take(watcher->talker, &item)) {
		unsigned number;

		assert_int_equal(item.op, EP_OP_ITEM);
		watcher->n_items++;
		if (item.event == EP_EVENT_READY) {
			assert_false(watcher->is_ready);
			watcher->is_ready = true;
			continue;
		}
		number = number_of(&item);
		assert_int_equal(watcher->seen[number],
				 item.event == EP_EVENT_UP ? ABSENT : PRESENT);
		watcher->seen[number] = item.event == EP_EVENT_DOWN ? ABSENT : PRESENT;
		if (item.event != EP_EVENT_DOWN) {
			watcher->ports[number] = item.port;
		}
	}
	assert_false(watcher->talker->is_closed);
}

static void change_something(struct world *world)
{
	unsigned number = random_below(&world->random, NODES);
	unsigned client = number / NODES_EACH;
	unsigned what = random_below(&world->random, 100);
	struct node node = {.port = 1 + random_below(&world->random, 65535)};
	char name[32];

	node_name(number, name);
	node.name = name;
	if (world->clients[client] == NULL) {
		world->clients[client] = story_client(world->story);
	}
	if (what == 0) { // one goes with all that it has
		talker_free(world->clients[client]);
		world->clients[client] = NULL;
		for (unsigned i = client * NODES_EACH; i < (client + 1) * NODES_EACH; i++) {
			world->n_present -= world->truth[i] == PRESENT;
			world->truth[i] = ABSENT;
		}
	} else if (what < 20 && world->truth[number] == PRESENT) {
		unregister_node(world->clients[client], name);
		world->truth[number] = ABSENT;
		world->n_present--;
	} else {
		register_node(world->clients[client], node);
		world->n_present += world->truth[number] == ABSENT;
		world->truth[number] = PRESENT;
		world->ports[number] = node.port;
	}
}

// All that there can be, from all clients in turn.
static void register_all(struct world *world)
{
	for (unsigned i = 0; i < NODES; i++) {
		unsigned number = i % CLIENTS * NODES_EACH + i / CLIENTS;
		char name[32];

		if (i < CLIENTS) {
			world->clients[i] = story_client(world->story);
		}
		node_name(number, name);
		register_node(world->clients[i % CLIENTS], (struct node){.name = name});
		world->truth[number] = PRESENT;
		world->ports[number] = 4000;
	}
	world->n_present = NODES;
}

static void check_list(struct world *world, struct talker *talker)
{
	bool seen[NODES] = {false};
	unsigned n = 0;
	struct ep_msg msg;

	ask_feed(talker, EP_OP_LIST, 7, 0, NULL, NULL);
	while ((msg = talker_next(talker)).op == EP_OP_ITEM) {
		unsigned number = number_of(&msg);

		assert_false(seen[number]);
		assert_int_equal(world->truth[number], PRESENT);
		seen[number] = true;
		n++;
	}
	assert_int_equal(msg.op, EP_OP_DONE);
	assert_int_equal(n, world->n_present);
}

static struct world *world_new(void)
{
	struct world *world = calloc(1, sizeof(*world));

	world->story = story_new();
	world->random = 20260727;
	return world;
}

static void world_free(struct world *world)
{
	for (unsigned i = 0; i < CLIENTS; i++) {
		if (world->clients[i] != NULL) {
			talker_free(world->clients[i]);
		}
	}
	turn_for(world->story->base, 5);
	story_free(world->story);
	free(world);
}

static void feeds_tell_every_watch_the_truth_while_2000_nodes_come_and_go(void **state)
{
	struct world *world = world_new();
	struct watcher *watchers = calloc(WATCHERS, sizeof(*watchers));
	struct talker *lister = story_client(world->story);

	(void)state;
	watchers[0].talker = story_client(world->story);
	ask_feed(watchers[0].talker, EP_OP_WATCH, 7, 0, NULL, NULL);
	register_all(world);
	for (unsigned step = 0; step < STEPS; step++) {
		for (unsigned i = 0; i < WATCHERS; i++) {
			if (i > 0 && step == (i - 1) * STEPS / 4) { // in the midst of it
				watchers[i].talker = story_client(world->story);
				ask_feed(watchers[i].talker, EP_OP_WATCH, 7, 0, NULL, NULL);
			}
			// The second reads seldom, so that its list goes out in many pieces.
			if (watchers[i].talker != NULL && step % (i == 1 ? 200 : 7) == 0) {
				watch_on(&watchers[i]);
			}
		}
		change_something(world);
		if (step % 2000 == 1999) {
			turn_for(world->story->base, 2);
			check_list(world, lister);
		}
	}
	assert_true(world->n_present > NODES / 3);
	for (unsigned i = 0; i < WATCHERS; i++) {
		unsigned before;

		do {
			before = watchers[i].n_items;
			turn_for(world->story->base, 2);
			watch_on(&watchers[i]);
		} while (watchers[i].n_items > before);
		assert_true(watchers[i].is_ready);
		assert_memory_equal(watchers[i].seen, world->truth, sizeof(world->truth));
		for (unsigned k = 0; k < NODES; k++) {
			if (world->truth[k] == PRESENT) {
				assert_int_equal(watchers[i].ports[k], world->ports[k]);
			}
		}
		talker_free(watchers[i].talker);
	}
	free(watchers);
	talker_free(lister);
	world_free(world);
}

static void feeds_list_each_node_once_to_one_who_reads_slowly_while_they_go(void **state)
{
	struct world *world = world_new();
	struct watcher *watcher = calloc(1, sizeof(*watcher));
	struct ep_msg msg = {.op = EP_OP_ITEM};
	uint8_t at_start[NODES];
	char name[32];

	(void)state;
	register_all(world);
	memcpy(at_start, world->truth, sizeof(at_start));
	watcher->talker = story_client(world->story);
	ask_feed(watcher->talker, EP_OP_LIST, 7, 0, NULL, NULL);
	turn_for(world->story->base, 2);
	for (unsigned number = 0; msg.op == EP_OP_ITEM; number += 3) {
		if (number < NODES && world->truth[number] == PRESENT) {
			node_name(number, name);
			unregister_node(world->clients[number / NODES_EACH], name);
			world->truth[number] = ABSENT;
		}
		msg = talker_next(watcher->talker);
		if (msg.op == EP_OP_ITEM) {
			assert_int_equal(watcher->seen[number_of(&msg)], ABSENT);
			watcher->seen[number_of(&msg)] = PRESENT;
		}
	}
	assert_int_equal(msg.op, EP_OP_DONE);
	for (unsigned i = 0; i < NODES; i++) {
		if (at_start[i] == ABSENT || world->truth[i] == PRESENT) {
			assert_int_equal(watcher->seen[i], at_start[i]);
		}
	}
	talker_free(watcher->talker);
	free(watcher);
	world_free(world);
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
		cmocka_unit_test(feeds_tell_every_watch_the_truth_while_2000_nodes_come_and_go),
		cmocka_unit_test(feeds_list_each_node_once_to_one_who_reads_slowly_while_they_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
