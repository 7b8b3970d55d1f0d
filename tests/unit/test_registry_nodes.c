// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What the registry keeps of a node, finds and lists. Who gets a name: test_registry.c.
#include <stdio.h>

#include "registry_story.h"

static void registry_keeps_what_is_said_of_a_node_when_registered(void **state)
{
	static const uint8_t address[16] = {0xfd, [15] = 1};
	struct registry *registry = registry_new(&roomy);
	struct registry_request request = request_of(1, 10, 5, "alice@a.home");
	struct registry_outcome outcome;
	struct ep_str said[] = {LIT("role=db"), LIT("e="), LIT("b=\xff\x80")};
	struct ep_str tags[EP_TAGS_MAX];
	struct registry_port *port;

	(void)state;
	request.carrier = EP_CARRIER_INET6_TLS;
	request.is_hidden = true;
	request.bound = (struct ep_str){address, sizeof(address)};
	request.cluster = LIT("blue");
	request.tags = said;
	request.n_tags = COUNT(said);
	assert_int_equal(registry_register(registry, &request, &outcome), REGISTRY_OK);
	assert_int_equal(outcome.family, REGISTRY_INET6);
	assert_str_is(registry_name(outcome.node), LIT("alice@a.home"));
	assert_str_is(registry_cluster(outcome.node), LIT("blue"));
	assert_int_equal(registry_tags(outcome.node, tags), COUNT(said));
	for (size_t i = 0; i < COUNT(said); i++) {
		assert_str_is(tags[i], said[i]);
	}
	assert_true(outcome.node->is_hidden);
	assert_int_equal(outcome.node->since_ms, 1000);
	assert_int_equal(outcome.node->owner.uid, 10);
	assert_int_equal(outcome.node->ports[REGISTRY_INET].carrier, 0);
	port = &outcome.node->ports[REGISTRY_INET6];
	assert_int_equal(port->dist_high, 6);
	assert_int_equal(port->dist_low, 5);
	assert_int_equal(port->bound_len, 16);
	assert_memory_equal(port->bound, address, 16);
	registry_free(registry);
}

static void registry_renews_both_families_when_the_nodes_own_data_changes(void **state)
{
	struct registry *registry = registry_new(&roomy);
	struct registry_request request = request_of(1, 10, 5, "a@h");
	struct registry_outcome outcome;
	struct ep_str tags[EP_TAGS_MAX];
	struct ep_str longer[] = {LIT("a=0123456789012345678901234567890123456789"), LIT("b=2")};
	struct ep_str shorter[] = {LIT("b=2")};
	const struct {
		struct ep_str cluster;
		const struct ep_str *tags;
		size_t n_tags;
		bool is_hidden;
	} rows[] = {
		{LIT("blue"), NULL, 0, false},  {LIT("blue"), NULL, 0, true},
		{LIT("blue"), longer, 2, true}, {LIT("green"), longer, 2, true},
		{LIT("x"), shorter, 1, true},   {LIT("x"), longer, 2, true},
		{{NULL, 0}, NULL, 0, false},    {LIT("x"), shorter, 1, false},
	};
	struct registry_node *node;
	uint32_t revision = 2;

	(void)state;
	registry_register(registry, &request, &outcome);
	request.carrier = EP_CARRIER_INET6_TCP;
	registry_register(registry, &request, &outcome);
	node = outcome.node;
	for (size_t i = 0; i < COUNT(rows); i++) {
		request.cluster = rows[i].cluster;
		request.tags = rows[i].tags;
		request.n_tags = rows[i].n_tags;
		request.is_hidden = rows[i].is_hidden;
		for (int round = 0; round < 2; round++) {
			assert_int_equal(registry_register(registry, &request, &outcome),
					 REGISTRY_OK);
			assert_int_equal(outcome.change,
					 round == 0 ? REGISTRY_CHANGED : REGISTRY_UNCHANGED);
			assert_ptr_equal(outcome.node, node); // it stays where it is
			assert_int_equal(node->ports[REGISTRY_INET].revision, revision + 1);
			assert_int_equal(node->ports[REGISTRY_INET6].revision, revision + 2);
			assert_str_is(registry_cluster(node), rows[i].cluster);
			assert_int_equal(registry_tags(node, tags), rows[i].n_tags);
			for (size_t t = 0; t < rows[i].n_tags; t++) {
				assert_str_is(tags[t], rows[i].tags[t]);
			}
			assert_int_equal(node->is_hidden, rows[i].is_hidden);
			assert_str_is(registry_name(node), LIT("a@h"));
		}
		revision += 2;
	}
	registry_free(registry);
}

static void registry_holds_the_largest_node_when_every_limit_is_used(void **state)
{
	struct registry *registry = registry_new(&roomy);
	struct registry_request request = request_of(1, 10, 5, "");
	struct registry_outcome outcome;
	char name[EP_NODE_MAX];
	char tag[EP_TAGS_MAX][14];
	char cluster[EP_CLUSTER_MAX];
	struct ep_str said[EP_TAGS_MAX], tags[EP_TAGS_MAX];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[1] = '@';
	memset(cluster, 'c', sizeof(cluster));
	for (int i = 0; i < EP_TAGS_MAX; i++) {
		int n = snprintf(tag[i], sizeof(tag[i]), "%02d=%09d", i, i); // 12 bytes

		said[i] = (struct ep_str){(const uint8_t *)tag[i], (size_t)n};
	}
	request.node = (struct ep_str){(const uint8_t *)name, sizeof(name)};
	request.cluster = (struct ep_str){(const uint8_t *)cluster, sizeof(cluster)};
	request.tags = said;
	request.n_tags = EP_TAGS_MAX;
	assert_int_equal(registry_register(registry, &request, &outcome), REGISTRY_OK);
	assert_ptr_equal(registry_find(registry, request.node), outcome.node);
	assert_str_is(registry_name(outcome.node), request.node);
	assert_str_is(registry_cluster(outcome.node), request.cluster);
	assert_int_equal(registry_tags(outcome.node, tags), EP_TAGS_MAX);
	for (int i = 0; i < EP_TAGS_MAX; i++) {
		assert_str_is(tags[i], said[i]);
	}
	registry_free(registry);
}

static void registry_lists_in_order_of_arrival_when_nodes_come_and_go(void **state)
{
	static const char *const names[] = {"a@h", "b@h", "c@h", "d@h"};
	struct registry *registry = registry_new(&roomy);
	struct registry_outcome outcome;
	struct order_cursor cursor;
	struct registry_node *node;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct registry_request request = request_of(i + 1, 10, 0, names[i]);

		registry_register(registry, &request, &outcome);
	}
	assert_int_equal(registry_count(registry), 4);
	order_cursor_open(&cursor, registry_order(registry));
	registry_remove(registry, registry_find(registry, LIT("a@h")));
	registry_remove(registry, registry_find(registry, LIT("c@h")));
	assert_int_equal(registry_count(registry), 2);
	node = (struct registry_node *)(void *)order_cursor_next(&cursor);
	assert_str_is(registry_name(node), LIT("b@h"));
	node = (struct registry_node *)(void *)order_cursor_next(&cursor);
	assert_str_is(registry_name(node), LIT("d@h"));
	assert_null(order_cursor_next(&cursor));
	order_cursor_close(&cursor);
	registry_free(registry);
}

// What is held by whom, kept in the plainest way, must agree after any story.
static void registry_agrees_with_a_plain_model_when_much_happens(void **state)
{
	enum { NAMES = 40, SESSIONS = 8, STEPS = 50000 };
	struct registry_limits limits = {.nodes = 25, .nodes_per_uid = 15, .nodes_per_session = 6};
	struct registry *registry = registry_new(&limits);
	uint64_t holder[NAMES] = {0};
	uint64_t sessions[SESSIONS];
	uint64_t next_session = SESSIONS + 1;
	uint64_t random = 7;

	(void)state;
	for (size_t s = 0; s < SESSIONS; s++) {
		sessions[s] = s + 1;
	}
	for (int step = 0; step < STEPS; step++) {
		uint32_t s = random_below(&random, SESSIONS);
		uint32_t n = random_below(&random, NAMES);
		uint32_t all = 0, of_uid = 0, of_session = 0;
		char name[16];
		struct registry_request request;
		struct registry_outcome outcome;
		enum registry_result expected = REGISTRY_OK;
		uint64_t held;

		// The session in slot s is of user s / 4 and of VM s / 2.
		snprintf(name, sizeof(name), "n%u@h", n);
		request = request_of(sessions[s], s / 4, (int)(1 + s / 2), name);
		request.port = (uint16_t)(1 + random_below(&random, 3));
		if (random_below(&random, 10) == 0) {
			close_session(registry, sessions[s]);
			for (size_t i = 0; i < NAMES; i++) {
				holder[i] = holder[i] == sessions[s] ? 0 : holder[i];
			}
			sessions[s] = next_session++;
			continue;
		}
		held = holder[n];
		for (size_t i = 0; i < NAMES; i++) {
			for (uint32_t t = 0; t < SESSIONS; t++) {
				if (holder[i] != 0 && holder[i] == sessions[t]) {
					all++;
					of_uid += t / 4 == s / 4;
					of_session += t == s;
				}
			}
		}
		if (held == 0) {
			expected = all >= limits.nodes              ? REGISTRY_E_FULL
				   : of_uid >= limits.nodes_per_uid ? REGISTRY_E_QUOTA_UID
				   : of_session >= limits.nodes_per_session
					   ? REGISTRY_E_QUOTA_SESSION
					   : REGISTRY_OK;
		} else if (held != sessions[s] && held != sessions[s ^ 1]) {
			expected = REGISTRY_E_TAKEN;
		} else if (held != sessions[s] && of_session >= limits.nodes_per_session) {
			expected = REGISTRY_E_QUOTA_SESSION;
		}
		assert_int_equal(registry_register(registry, &request, &outcome), expected);
		if (expected == REGISTRY_OK) {
			assert_int_equal(outcome.holder, held == sessions[s] ? 0 : held);
			holder[n] = sessions[s];
			all += held == 0;
		} else if (expected == REGISTRY_E_TAKEN) {
			assert_int_equal(outcome.holder, held);
		}
		assert_int_equal(registry_count(registry), all);
	}
	registry_free(registry);
}

static void registry_finds_every_node_when_there_are_many(void **state)
{
	enum { NODES = 20000 };
	struct registry_limits limits = {NODES, NODES, NODES};
	struct registry *registry = registry_new(&limits);
	struct registry_outcome outcome;
	char name[64];

	(void)state;
	for (unsigned i = 0; i < NODES; i++) {
		struct registry_request request;

		snprintf(name, sizeof(name), "node-%u@host-%u.example", i, i % 100);
		request = request_of(1 + i, 10, 0, name);
		request.port = (uint16_t)(1 + i);
		assert_int_equal(registry_register(registry, &request, &outcome), REGISTRY_OK);
	}
	for (unsigned i = 0; i < NODES; i++) {
		struct registry_node *node;

		snprintf(name, sizeof(name), "node-%u@host-%u.example", i, i % 100);
		node = registry_find(registry, str_of(name));
		assert_non_null(node);
		assert_int_equal(node->ports[REGISTRY_INET].port, (uint16_t)(1 + i));
		assert_ptr_equal(registry_first_of(registry, 1 + i), node);
	}
	assert_null(registry_find(registry, LIT("node-1@host-2.example")));
	assert_null(registry_first_of(registry, NODES + 1));
	registry_free(registry);
	registry_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registry_keeps_what_is_said_of_a_node_when_registered),
		cmocka_unit_test(registry_renews_both_families_when_the_nodes_own_data_changes),
		cmocka_unit_test(registry_holds_the_largest_node_when_every_limit_is_used),
		cmocka_unit_test(registry_lists_in_order_of_arrival_when_nodes_come_and_go),
		cmocka_unit_test(registry_agrees_with_a_plain_model_when_much_happens),
		cmocka_unit_test(registry_finds_every_node_when_there_are_many),
	};

	return cmocka_run_group_tests_name("registry_nodes", tests, NULL, NULL);
}
