// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Lookups, by the agent as a whole, without a network.

#include "agent_story.h"

#define INET EP_FAMILY_INET
#define INET6 EP_FAMILY_INET6
#define TCP6 EP_CARRIER_INET6_TCP

static void agent_finds_a_registered_node_where_it_listens(void **state)
{
	static const struct {
		struct node node;
		const char *address;
		size_t len;
	} cases[] = {
		{{.name = "a@h", .port = 1}, "\x7f\0\0\1", 4},
		{{.name = "a@h", .port = 2, .carrier = TCP6},
		 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1",
		 16},
		{{.name = "a@h", .port = 3, .bound = "\x0a\0\0\5"}, "\x0a\0\0\5", 4},
		{{.name = "a@h", .port = 4, .carrier = TCP6, .bound = "\xfd\0abcdefghijklmn"},
		 "\xfd\0abcdefghijklmn",
		 16},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct story *story = story_new();
		struct talker *talker = story_client(story);
		struct talker *other = story_client(story);
		struct ep_msg registered = register_node(talker, cases[i].node);
		struct ep_msg found = lookup(other, "a@h", cases[i].len == 16 ? INET6 : INET);

		assert_int_equal(found.op, EP_OP_FOUND);
		assert_int_equal(found.n_addresses, 1);
		assert_int_equal(found.addresses[0].n, cases[i].len);
		assert_memory_equal(found.addresses[0].p, cases[i].address, cases[i].len);
		assert_int_equal(found.port, cases[i].node.port);
		assert_int_equal(found.dist_high, 6);
		assert_int_equal(found.dist_low, 5);
		assert_int_equal(found.origin, EP_ORIGIN_LOCAL);
		assert_int_equal(found.creation, registered.creation);
		// So that OTP tries its next carrier.
		assert_false(is_found(other, "a@h", cases[i].len == 16 ? INET : INET6));
		assert_false(is_found(other, "A@h", cases[i].len == 16 ? INET6 : INET));
		talker_free(talker);
		talker_free(other);
		story_free(story);
	}
}

// Both are to be read when the loop next looks, the end first.
static void agent_finds_no_node_whose_client_had_ended_when_it_was_asked_for(void **state)
{
	struct story *story = story_new();
	struct talker *holder = story_client(story);
	struct talker *other = story_client(story);

	(void)state;
	register_node(holder, (struct node){.name = "a@h"});
	talker_hang_up(holder);
	ask_lookup(other, 2, "a@h", INET, 0);
	talker_expect_error(other, 2, EP_CODE_NOT_FOUND);
	talker_free(holder);
	talker_free(other);
	story_free(story);
}

static void agent_waits_after_its_start_for_nodes_that_come_back(void **state)
{
	struct story *story = story_new_with(&(struct agent_config){0});
	struct talker *talker = story_client(story);
	struct talker *other = story_client(story);

	(void)state;
	ask_lookup(talker, 2, "a@h", INET, 5000);
	ask_lookup(talker, 3, "a@h", INET6, 5000);
	ask_lookup(talker, 4, "b@h", INET, 5000);
	ask_lookup(talker, 5, "a@h", INET, 0); // would not wait
	talker_expect_error(talker, 5, EP_CODE_NOT_FOUND);
	put_clock_forward(1000);
	turn_for(story->base, 5);
	register_node(other, (struct node){.name = "a@h"});
	talker_expect(talker, EP_OP_FOUND, 2);
	talker_expect_nothing(talker); // the other family may be about to follow
	register_node(other, (struct node){.name = "a@h", .carrier = TCP6});
	talker_expect(talker, EP_OP_FOUND, 3);
	put_clock_forward(900);
	talker_expect_nothing(talker);
	put_clock_forward(100);
	talker_expect_error(talker, 4, EP_CODE_NOT_FOUND);
	ask_lookup(talker, 6, "c@h", INET, 5000); // by now, all are back
	talker_expect_error(talker, 6, EP_CODE_NOT_FOUND);
	talker_free(talker);
	talker_free(other);
	story_free(story);
}

// An impatient one must not take away the wait of others: it was once remembered as a miss.
static void agent_waits_no_longer_than_the_client_and_then_waits_for_the_next(void **state)
{
	struct story *story = story_new_with(&(struct agent_config){0});
	struct talker *talker = story_client(story);
	struct talker *other = story_client(story);

	(void)state;
	ask_lookup(talker, 2, "a@h", INET, 50);
	put_clock_forward(50);
	talker_expect_error(talker, 2, EP_CODE_NOT_FOUND);
	ask_lookup(talker, 3, "a@h", INET, 500);
	talker_expect_nothing(talker);
	put_clock_forward(500);
	talker_expect_error(talker, 3, EP_CODE_NOT_FOUND);
	ask_lookup(talker, 4, "a@h", INET, 5000);
	talker_expect_nothing(talker);
	register_node(other, (struct node){.name = "a@h"});
	talker_expect(talker, EP_OP_FOUND, 4);
	talker_free(talker);
	talker_free(other);
	story_free(story);
}

static void agent_forgets_lookups_that_are_cancelled_or_whose_client_is_gone(void **state)
{
	struct story *story = story_new_with(&(struct agent_config){0});
	struct talker *talker = story_client(story);
	struct talker *gone = story_client(story);

	(void)state;
	for (uint32_t id = 2; id < 2 + EP_IN_FLIGHT_MAX; id++) {
		ask_lookup(talker, id, id % 2 == 0 ? "a@h" : "b@h", INET, 5000);
		ask_lookup(gone, id, "a@h", INET, 5000);
	}
	ask_lookup(talker, 500, "a@h", INET, 5000);
	talker_expect_error(talker, 500, EP_CODE_LIMIT);
	ask_lookup(talker, 9, "a@h", INET, 5000);
	talker_expect_error(talker, 9, EP_CODE_DUPLICATE_ID);
	talker_ask(talker, EP_OP_CANCEL, 8);
	talker_expect_error(talker, 8, EP_CODE_NOT_FOUND);
	talker_ask(talker, EP_OP_CANCEL, 8);
	talker_expect_error(talker, 8, EP_CODE_NOT_FOUND);
	talker_hang_up(gone);
	turn_until(story->base, strcmp(stat_of(talker, "sessions"), "1") == 0);
	ask_register(talker, 500, &(struct node){.name = "a@h"});
	for (unsigned i = 0; i < EP_IN_FLIGHT_MAX / 2 - 1; i++) { // without the one cancelled
		assert_int_equal(talker_next(talker).op, EP_OP_FOUND);
	}
	talker_expect(talker, EP_OP_REGISTERED, 500);
	talker_free(gone);
	talker_free(talker); // with 32 lookups unanswered
	turn_for(story->base, 5);
	story_free(story);
}

// What all instances answer costs each host the square of their number.
static void agent_asks_large_networks_more_seldom(void **state)
{
	(void)state;
	assert_int_equal(agent_ask_every_ms(0), AGENT_ASK_EVERY_MS);
	assert_in_range(agent_ask_every_ms(50), AGENT_ASK_EVERY_MS, AGENT_ASK_EVERY_MS * 11 / 10);
	assert_int_equal(agent_ask_every_ms(1000), AGENT_ASK_EVERY_MS + 100000);
	assert_int_equal(agent_ask_every_ms(AGENT_PEERS_MAX * AGENT_CLAIMS_PER_PEER),
			 AGENT_TTL_MAX_S * 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agent_finds_a_registered_node_where_it_listens),
		cmocka_unit_test(agent_finds_no_node_whose_client_had_ended_when_it_was_asked_for),
		cmocka_unit_test(agent_waits_after_its_start_for_nodes_that_come_back),
		cmocka_unit_test(agent_waits_no_longer_than_the_client_and_then_waits_for_the_next),
		cmocka_unit_test(agent_asks_large_networks_more_seldom),
		cmocka_unit_test(agent_forgets_lookups_that_are_cancelled_or_whose_client_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
