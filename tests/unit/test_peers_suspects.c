// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What forged successors achieve, and that the true one is shown all the same.
#include "peers_story.h"

static const struct ad alice = {.instance = "A"};

static void peers_takes_no_forged_copy_for_the_incumbent_when_it_comes_from_elsewhere(void **state)
{
	// Creation, agent and a higher revision: all of it is public.
	const struct ad forged = {.instance = "F", .revision = 99, .port = 6000};
	struct world w;

	(void)state;
	begin(&w);
	hear(&w, &alice, ETH4, "10.0.0.1");
	hear(&w, &forged, ETH4, "10.0.0.66");
	expect(&w, "up alice@a/4 10.0.0.1:4000 #10, probe A at 10.0.0.1:4000, "
		   "probe F at 10.0.0.66:6000");
	judge(&w, "A", LIVENESS_ACCEPTED);
	judge(&w, "F", LIVENESS_REFUSED);
	expect(&w, "");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
	end(&w);
}

static void peers_shows_no_successor_for_which_its_host_does_not_vouch(void **state)
{
	const struct ad forged = {.instance = "F", .creation = 66, .revision = 99, .port = 6000};
	struct world w;

	(void)state;
	begin(&w);
	hear(&w, &alice, ETH4, "10.0.0.1");
	hear(&w, &forged, ETH4, "10.0.0.1");
	expect(&w, "up alice@a/4 10.0.0.1:4000 #10, probe F at 10.0.0.1:6000");
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
	const struct ad forged = {.instance = "F", .revision = 99, .port = 6000};
	struct world w;

	(void)state;
	begin(&w);
	hear(&w, &alice, ETH4, "10.0.0.1");
	hear(&w, &forged, ETH4, "10.0.0.66 10.0.0.1");
	expect(&w, "up alice@a/4 10.0.0.1:4000 #10, probe F at 10.0.0.66:6000");
	judge(&w, "F", LIVENESS_ADVERTISED);
	expect(&w, "");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
	end(&w);
}

// The forger's address is one that its host has, says a forged record; that is no address of its.
static void peers_takes_no_word_from_an_address_that_came_later(void **state)
{
	const struct ad forged = {.instance = "F", .revision = 99, .port = 6000};
	struct world w;

	(void)state;
	begin(&w);
	hear(&w, &alice, ETH4, "10.0.0.1");
	assert_null(resolve(&w, &alice, ETH4, "10.0.0.66 10.0.0.1"));
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
	assert_null(resolve(&w, &alice, ETH4, "10.0.0.66"));
	judge(&w, "A", LIVENESS_ADVERTISED);
	w.log[0] = '\0';
	hear(&w, &forged, ETH4, "10.0.0.66");
	expect(&w, "probe F at 10.0.0.66:6000");
	judge(&w, "F", LIVENESS_ADVERTISED);
	expect(&w, "");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
	end(&w);
}

// Where no responder can be asked, packet filters for one, it is shown when the former has left.
static void peers_shows_a_successor_when_nobody_can_vouch_and_the_former_has_left(void **state)
{
	const struct ad next = {.instance = "A2", .revision = 2, .tag = "k=v"};
	struct service scratch;
	struct peer_view view;
	struct world w;

	(void)state;
	begin(&w);
	hear(&w, &alice, ETH4, "10.0.0.1");
	hear(&w, &next, ETH4, "10.0.0.1");
	judge(&w, "A2", LIVENESS_MUTE);
	expect(&w, "up alice@a/4 10.0.0.1:4000 #10, probe A2 at 10.0.0.1:4000");
	lose(&w, "A", ETH4);
	expect(&w, "probe A at 10.0.0.1:4000");
	judge(&w, "A", LIVENESS_MUTE);
	expect(&w, "ask, changed alice@a/4 10.0.0.1:4000 #10");
	assert_true(view_of(&w, "alice@a", EP_FAMILY_INET, &view, &scratch));
	assert_int_equal(view.n_tags, 1);
	end(&w);
}

// They come with all that is public of it, and with its address.
static void peers_keeps_who_it_knows_when_many_claim_to_succeed_it(void **state)
{
	char instance[16];
	struct world w;

	(void)state;
	begin(&w);
	hear(&w, &alice, ETH4, "10.0.0.1");
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
	assert_int_equal(peers_instances(w.peers), PEERS_CLAIMS_MAX);
	for (uint32_t i = 2; i < 40; i++) {
		snprintf(instance, sizeof(instance), "F%u", i);
		lose(&w, instance, ETH4);
	}
	assert_int_equal(peers_instances(w.peers), 1);
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
	w.log[0] = '\0';
	end(&w);
}

// Its host's responder is asked in vain: packets to it are filtered.
static void peers_shows_a_successor_at_once_when_the_former_left_and_nobody_can_vouch(void **state)
{
	const struct ad next = {
		.instance = "A2", .revision = 2, .agent = "agent9", .cluster = "new"};
	static const char *const orders[][2] = {{"A", "A2"}, {"A2", "A"}};

	(void)state;
	for (size_t i = 0; i < COUNT(orders); i++) {
		struct service scratch;
		struct peer_view view;
		struct world w;

		begin(&w);
		hear(&w, &alice, ETH4, "10.0.0.1");
		lose(&w, "A", ETH4);
		hear(&w, &next, ETH4, "10.0.0.1");
		expect(&w, "up alice@a/4 10.0.0.1:4000 #10, probe A at 10.0.0.1:4000, "
			   "probe A2 at 10.0.0.1:4000");
		judge(&w, orders[i][0], LIVENESS_MUTE);
		judge(&w, orders[i][1], LIVENESS_MUTE);
		expect(&w, "ask, changed alice@a/4 10.0.0.1:4000 #10");
		assert_true(view_of(&w, "alice@a", EP_FAMILY_INET, &view, &scratch));
		assert_int_equal(view.cluster.n, 3);
		assert_int_equal(view.state, EP_STATE_UP);
		end(&w);
	}
}

// Each link has its first address, and what comes later there is not vouched for by the other's.
static void peers_takes_no_word_from_an_address_that_came_later_on_a_second_link(void **state)
{
	const struct ad forged = {.instance = "F", .revision = 99, .port = 6000};
	struct world w;

	(void)state;
	begin(&w);
	hear(&w, &alice, ETH4, "10.0.0.1");
	hear(&w, &alice, WLAN4, "10.1.0.1");
	assert_null(resolve(&w, &alice, WLAN4, "10.1.0.66"));
	w.log[0] = '\0';
	hear(&w, &forged, WLAN4, "10.1.0.66");
	expect(&w, "probe F at 10.1.0.66:6000");
	judge(&w, "F", LIVENESS_ADVERTISED);
	expect(&w, "");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
	end(&w);
}

static void peers_takes_no_word_from_an_address_that_came_with_another_agent(void **state)
{
	const struct ad lie = {.instance = "A", .agent = "evil"};
	const struct ad forged = {.instance = "F", .revision = 99, .port = 6000};
	struct world w;

	(void)state;
	begin(&w);
	hear(&w, &alice, ETH4, "10.0.0.1");
	assert_null(resolve(&w, &lie, ETH4, "10.0.0.66 10.0.0.1"));
	w.log[0] = '\0';
	hear(&w, &forged, ETH4, "10.0.0.66");
	expect(&w, "probe F at 10.0.0.66:6000");
	judge(&w, "F", LIVENESS_ADVERTISED);
	expect(&w, "");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
	end(&w);
}

static void peers_keeps_a_successor_that_is_being_asked_when_forged_ones_fill_the_room(void **state)
{
	const struct ad next = {
		.instance = "A2", .revision = 2, .agent = "agent9", .cluster = "new"};
	const struct ad more = {.instance = "G", .revision = 2000, .port = 22};

	(void)state;
	for (uint32_t n_before = 0; n_before < PEERS_CLAIMS_MAX; n_before++) {
		struct service scratch;
		struct peer_view view;
		char instance[16];
		struct world w;

		begin(&w);
		hear(&w, &alice, ETH4, "10.0.0.1");
		for (uint32_t i = 0; i < PEERS_CLAIMS_MAX - 1; i++) {
			const struct ad forged = {
				.instance = instance, .revision = 1000 + i, .port = 22};

			if (i == n_before) {
				hear(&w, &next, ETH4, "10.0.0.1");
			}
			snprintf(instance, sizeof(instance), "F%u", i);
			hear(&w, &forged, ETH4, "10.0.0.1");
			judge(&w, instance, LIVENESS_ACCEPTED); // by another program there
		}
		if (n_before == PEERS_CLAIMS_MAX - 1) {
			hear(&w, &next, ETH4, "10.0.0.1");
		}
		hear(&w, &more, ETH4, "10.0.0.1");
		assert_int_equal(peers_instances(w.peers), PEERS_CLAIMS_MAX);
		judge(&w, "A2", LIVENESS_ADVERTISED);
		assert_true(view_of(&w, "alice@a", EP_FAMILY_INET, &view, &scratch));
		assert_int_equal(view.cluster.n, 3);
		w.log[0] = '\0';
		end(&w);
	}
}

// That it answered as a rival is not its host's word.
static void peers_asks_a_rival_again_when_it_proves_to_be_a_successor(void **state)
{
	const struct ad next = {.instance = "A2", .revision = 2, .port = 4001};
	struct world w;

	(void)state;
	begin(&w);
	hear(&w, &alice, ETH4, "10.0.0.1");
	hear(&w, &next, WLAN4, "10.1.0.1");
	judge(&w, "A2", LIVENESS_ACCEPTED);
	judge(&w, "A", LIVENESS_ACCEPTED);
	assert_non_null(strstr(w.log, "in conflict"));
	w.log[0] = '\0';
	hear(&w, &next, ETH4, "10.0.0.1");
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
			peers_shows_a_successor_when_nobody_can_vouch_and_the_former_has_left),
		cmocka_unit_test(peers_keeps_who_it_knows_when_many_claim_to_succeed_it),
		cmocka_unit_test(
			peers_shows_a_successor_at_once_when_the_former_left_and_nobody_can_vouch),
		cmocka_unit_test(
			peers_takes_no_word_from_an_address_that_came_later_on_a_second_link),
		cmocka_unit_test(peers_takes_no_word_from_an_address_that_came_with_another_agent),
		cmocka_unit_test(
			peers_keeps_a_successor_that_is_being_asked_when_forged_ones_fill_the_room),
		cmocka_unit_test(peers_asks_a_rival_again_when_it_proves_to_be_a_successor),
	};

	return cmocka_run_group_tests_name("peers_suspects", tests, NULL, NULL);
}
