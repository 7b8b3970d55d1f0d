// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What forged successors achieve, and that the true one is shown all the same.
#include "peers_story.h"

// Creation, agent and a higher revision: all of it is public.
static const struct ad forged = {.instance = "F", .revision = 99, .port = 6000};
// Whom alice's host has started in her place: its agent is another, too.
static const struct ad next = {
	.instance = "A2", .revision = 2, .agent = "agent9", .cluster = "new"};

static void expect_alice_as_she_was(struct world *w)
{
	expect(w, "");
	assert_string_equal(look_up(w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
}

static void expect_next_in_her_place(struct world *w)
{
	struct service scratch;
	struct peer_view view;

	assert_true(view_of(w, "alice@a", EP_FAMILY_INET, &view, &scratch));
	assert_str_is(view.cluster, LIT("new"));
	assert_int_equal(view.state, EP_STATE_UP);
}

// The forger says that its own host is alice's, and there of course it is advertised.
static void expect_no_faith_in(struct world *w, struct peers_where where, const char *addresses,
			       const char *probe)
{
	w->log[0] = '\0';
	hear(w, &forged, where, addresses);
	expect(w, probe);
	judge(w, "F", LIVENESS_ADVERTISED);
	expect_alice_as_she_was(w);
	end(w);
}

static void peers_takes_no_forged_copy_for_the_incumbent_when_it_comes_from_elsewhere(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &forged, ETH4, "10.0.0.66");
	expect(&w, "probe A at 10.0.0.1:4000, probe F at 10.0.0.66:6000");
	judge(&w, "A", LIVENESS_ACCEPTED);
	judge(&w, "F", LIVENESS_REFUSED);
	expect_alice_as_she_was(&w);
	end(&w);
}

static void peers_shows_no_successor_for_which_its_host_does_not_vouch(void **state)
{
	const struct ad other = {.instance = "F", .creation = 66, .revision = 99, .port = 6000};
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &other, ETH4, "10.0.0.1");
	expect(&w, "probe F at 10.0.0.1:6000");
	assert_false(w.probes[0].ticket.must_connect);
	judge(&w, "F", LIVENESS_ACCEPTED); // by another program there
	expect(&w, "");
	hint(&w, "alice@a", 0);
	judge(&w, "F", LIVENESS_REFUSED);
	judge(&w, "A", LIVENESS_ACCEPTED);
	w.log[0] = '\0';
	wait_ms(&w, LIVENESS_AGAIN_MS);
	judge(&w, "F", LIVENESS_REFUSED);
	expect(&w, "probe F at 10.0.0.1:6000");
	// Now the incumbent ends: not taken for replaced by what is down.
	lose(&w, "A", ETH4);
	expect(&w, "probe A at 10.0.0.1:4000");
	end(&w);
}

// The forger's own host vouches for anything.
static void peers_takes_the_word_of_the_incumbents_host_alone(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	expect_no_faith_in(&w, ETH4, "10.0.0.66 10.0.0.1", "probe F at 10.0.0.66:6000");
}

// The forger's address is one that its host has, says a forged record; that is no address of its.
static void peers_takes_no_word_from_an_address_that_came_later(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	assert_null(resolve(&w, &alice, ETH4, "10.0.0.66 10.0.0.1"));
	expect(&w, "changed alice@a/4 10.0.0.1:4000 #10"); // with another behind it
	assert_null(resolve(&w, &alice, ETH4, "10.0.0.66"));
	judge(&w, "A", LIVENESS_ADVERTISED);
	expect_no_faith_in(&w, ETH4, "10.0.0.66", "probe F at 10.0.0.66:6000");
}

// Each link has its first address, and what comes later there is not vouched for by the other's.
static void peers_takes_no_word_from_an_address_that_came_later_on_a_second_link(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &alice, WLAN4, "10.1.0.1");
	assert_null(resolve(&w, &alice, WLAN4, "10.1.0.66"));
	expect_no_faith_in(&w, WLAN4, "10.1.0.66", "probe F at 10.1.0.66:6000");
}

static void peers_takes_no_word_from_an_address_that_came_with_another_agent(void **state)
{
	const struct ad lie = {.instance = "A", .agent = "evil"};
	struct world w;

	(void)state;
	begin_with_alice(&w);
	assert_null(resolve(&w, &lie, ETH4, "10.0.0.66 10.0.0.1"));
	expect_no_faith_in(&w, ETH4, "10.0.0.66", "probe F at 10.0.0.66:6000");
}

// Whoever is at the forger's address is neither a successor nor known there.
static void peers_takes_no_word_of_a_suspect_for_another(void **state)
{
	static const struct ad others[] = {
		{.instance = "G", .creation = 77},
		{.instance = "G", .creation = 77, .agent = "evil", .port = 6000},
	};
	const struct ad second = {.instance = "G", .revision = 100, .port = 6001};
	struct world w;

	(void)state;
	for (size_t i = 0; i < COUNT(others); i++) {
		begin_with_alice(&w);
		hear(&w, &forged, ETH4, "10.0.0.66 10.0.0.1");
		expect(&w, "probe F at 10.0.0.66:6000");
		hear(&w, &others[i], ETH4, "10.0.0.66");
		expect(&w, i == 0 ? "probe A at 10.0.0.1:4000, probe G at 10.0.0.66:4000"
				  : "probe A at 10.0.0.1:4000, probe G at 10.0.0.66:6000");
		end(&w);
	}
	begin_with_alice(&w);
	hear(&w, &forged, ETH4, "10.0.0.66 10.0.0.1");
	hear(&w, &second, ETH4, "10.0.0.66 10.0.0.1");
	expect(&w, "probe F at 10.0.0.66:6000, probe G at 10.0.0.66:6001");
	judge(&w, "G", LIVENESS_ADVERTISED);
	expect_alice_as_she_was(&w);
	end(&w);
}

// What came later is the last choice, too, while there is another.
static void peers_prefers_what_it_knows_to_an_address_that_came_later(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	assert_null(resolve(&w, &alice, ETH4, "10.0.0.66 10.0.0.1"));
	hear(&w, &alice, WLAN4, "10.1.0.1");
	hint(&w, "alice@a", 0);
	w.log[0] = '\0';
	judge(&w, "A", LIVENESS_SILENT);
	expect(&w, "probe A at 10.1.0.1:4000, changed alice@a/4 10.1.0.1:4000 #10");
	end(&w);
}

// When it is all that is left, it has to do.
static void peers_takes_the_word_from_an_address_that_came_later_when_no_other_is_left(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	assert_null(resolve(&w, &alice, ETH4, "10.0.0.1 10.0.0.2"));
	hint(&w, "alice@a", 0);
	judge(&w, "A", LIVENESS_SILENT);
	judge(&w, "A", LIVENESS_SILENT);
	assert_null(resolve(&w, &alice, ETH4, "10.0.0.2"));
	w.log[0] = '\0';
	wait_ms(&w, LIVENESS_AGAIN_MS);
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "probe A at 10.0.0.2:4000, up alice@a/4 10.0.0.2:4000 #10");
	hear(&w, &next, ETH4, "10.0.0.2");
	judge(&w, "A2", LIVENESS_ADVERTISED);
	expect(&w, "probe A2 at 10.0.0.2:4000, changed alice@a/4 10.0.0.2:4000 #10");
	expect_next_in_her_place(&w);
	end(&w);
}

// Where no responder can be asked, packet filters for one, it is shown when the former has left.
static void peers_shows_a_successor_when_nobody_can_vouch_and_the_former_has_left(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &next, ETH4, "10.0.0.1");
	judge(&w, "A2", LIVENESS_MUTE);
	expect(&w, "probe A2 at 10.0.0.1:4000");
	lose(&w, "A", ETH4);
	expect(&w, "probe A at 10.0.0.1:4000");
	judge(&w, "A", LIVENESS_MUTE);
	expect(&w, "ask, changed alice@a/4 10.0.0.1:4000 #10");
	expect_next_in_her_place(&w);
	end(&w);
}

// The same, when it had left before, whoever of the two is asked first.
static void peers_shows_a_successor_at_once_when_the_former_left_and_nobody_can_vouch(void **state)
{
	static const char *const orders[][2] = {{"A", "A2"}, {"A2", "A"}};

	(void)state;
	for (size_t i = 0; i < COUNT(orders); i++) {
		struct world w;

		begin_with_alice(&w);
		lose(&w, "A", ETH4);
		hear(&w, &next, ETH4, "10.0.0.1");
		expect(&w, "probe A at 10.0.0.1:4000, probe A2 at 10.0.0.1:4000");
		judge(&w, orders[i][0], LIVENESS_MUTE);
		judge(&w, orders[i][1], LIVENESS_MUTE);
		expect(&w, "ask, changed alice@a/4 10.0.0.1:4000 #10");
		expect_next_in_her_place(&w);
		end(&w);
	}
}

// They come with all that is public of it, and with its address.
static void peers_keeps_who_it_knows_when_many_claim_to_succeed_it(void **state)
{
	char instance[16];
	struct world w;

	(void)state;
	begin_with_alice(&w);
	for (uint32_t i = 2; i < 40; i++) {
		const struct ad ad = {.instance = instance,
				      .revision = 1000 + i,
				      .creation = i % 2 == 0 ? 10 : 600 + i,
				      .port = (uint16_t)(6000 + i)};

		snprintf(instance, sizeof(instance), "F%u", i);
		hear(&w, &ad, ETH4, "10.0.0.1");
		w.n_probes = 0;
		assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
	}
	assert_null(strstr(w.log, "down"));
	assert_null(strstr(w.log, "changed"));
	w.log[0] = '\0';
	assert_int_equal(peers_instances(w.peers), PEERS_CLAIMS_MAX);
	for (uint32_t i = 2; i < 40; i++) {
		snprintf(instance, sizeof(instance), "F%u", i);
		lose(&w, instance, ETH4);
	}
	assert_int_equal(peers_instances(w.peers), 1);
	expect_alice_as_she_was(&w);
	end(&w);
}

static void peers_keeps_a_successor_that_is_being_asked_when_forged_ones_fill_the_room(void **state)
{
	const struct ad more = {.instance = "G", .revision = 2000, .port = 22};

	(void)state;
	for (uint32_t n_before = 0; n_before < PEERS_CLAIMS_MAX; n_before++) {
		char instance[16];
		struct world w;

		begin_with_alice(&w);
		for (uint32_t i = 0; i < PEERS_CLAIMS_MAX - 1; i++) {
			const struct ad ad = {
				.instance = instance, .revision = 1000 + i, .port = 22};

			if (i == n_before) {
				hear(&w, &next, ETH4, "10.0.0.1");
			}
			snprintf(instance, sizeof(instance), "F%u", i);
			hear(&w, &ad, ETH4, "10.0.0.1");
			judge(&w, instance, LIVENESS_ACCEPTED); // by another program there
		}
		if (n_before == PEERS_CLAIMS_MAX - 1) {
			hear(&w, &next, ETH4, "10.0.0.1");
		}
		hear(&w, &more, ETH4, "10.0.0.1");
		assert_int_equal(peers_instances(w.peers), PEERS_CLAIMS_MAX);
		judge(&w, "A2", LIVENESS_ADVERTISED);
		expect_next_in_her_place(&w);
		w.log[0] = '\0';
		end(&w);
	}
}

// That it answered as a rival is not its host's word.
static void peers_asks_a_rival_again_when_it_proves_to_be_a_successor(void **state)
{
	const struct ad moved = {.instance = "A2", .revision = 2, .port = 4001};
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &moved, WLAN4, "10.1.0.1");
	judge(&w, "A2", LIVENESS_ACCEPTED);
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "probe A at 10.0.0.1:4000, probe A2 at 10.1.0.1:4001, "
		   "changed alice@a/4 10.0.0.1:4000 #10 in conflict");
	hear(&w, &moved, ETH4, "10.0.0.1");
	expect(&w, "probe A2 at 10.1.0.1:4001, changed alice@a/4 10.0.0.1:4000 #10");
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			peers_takes_no_forged_copy_for_the_incumbent_when_it_comes_from_elsewhere),
		cmocka_unit_test(peers_shows_no_successor_for_which_its_host_does_not_vouch),
		cmocka_unit_test(peers_takes_the_word_of_the_incumbents_host_alone),
		cmocka_unit_test(peers_takes_no_word_from_an_address_that_came_later),
		cmocka_unit_test(
			peers_takes_no_word_from_an_address_that_came_later_on_a_second_link),
		cmocka_unit_test(peers_takes_no_word_from_an_address_that_came_with_another_agent),
		cmocka_unit_test(peers_takes_no_word_of_a_suspect_for_another),
		cmocka_unit_test(peers_prefers_what_it_knows_to_an_address_that_came_later),
		cmocka_unit_test(
			peers_takes_the_word_from_an_address_that_came_later_when_no_other_is_left),
		cmocka_unit_test(
			peers_shows_a_successor_when_nobody_can_vouch_and_the_former_has_left),
		cmocka_unit_test(
			peers_shows_a_successor_at_once_when_the_former_left_and_nobody_can_vouch),
		cmocka_unit_test(peers_keeps_who_it_knows_when_many_claim_to_succeed_it),
		cmocka_unit_test(
			peers_keeps_a_successor_that_is_being_asked_when_forged_ones_fill_the_room),
		cmocka_unit_test(peers_asks_a_rival_again_when_it_proves_to_be_a_successor),
	};

	return cmocka_run_group_tests_name("peers_suspects", tests, NULL, NULL);
}
