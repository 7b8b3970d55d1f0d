// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * 40 clients register 2 000 nodes, change them, unregister some, and go, while watchers that read
 * now and then, and lists, look on. What a watcher is told must at any time be what is there, said
 * once.
 */

#include <sys/socket.h>

#include "agent_story.h"

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

// One to whom a list goes out in many pieces: its socket holds little.
static struct talker *narrow_client(struct story *story)
{
	int served, size = 8192;
	struct talker *talker = talker_pair(story->base, &served);

	assert_int_equal(setsockopt(served, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	agent_adopt(story->agent, served);
	return talker_welcome(talker);
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
				watchers[i].talker = narrow_client(world->story);
				ask_feed(watchers[i].talker, EP_OP_WATCH, 7, 0, NULL, NULL);
			}
			// The second reads seldom: changes come in the midst of its list.
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
	watcher->talker = narrow_client(world->story);
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
		cmocka_unit_test(feeds_tell_every_watch_the_truth_while_2000_nodes_come_and_go),
		cmocka_unit_test(feeds_list_each_node_once_to_one_who_reads_slowly_while_they_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
