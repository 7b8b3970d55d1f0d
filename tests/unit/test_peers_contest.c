// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Who has a name that several claim.
#include "peers_story.h"

// Another node of that name on another host.
static const struct ad rival = {.instance = "R", .creation = 20, .agent = "agent2", .port = 5000};

// alice is shown, and rival has been heard; both are being asked.
static void begin_contest(struct world *w)
{
	begin_with_alice(w);
	hear(w, &rival, ETH4, "10.0.0.9");
	expect(w, "probe A at 10.0.0.1:4000, probe R at 10.0.0.9:5000");
}

static void peers_keeps_the_incumbent_when_it_answers(void **state)
{
	struct world w;

	(void)state;
	begin_contest(&w);
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "");
	judge(&w, "R", LIVENESS_REFUSED); // a ghost
	expect(&w, "");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
	assert_int_equal(peers_count(w.peers), 1);
	lose(&w, "R", ETH4);
	assert_int_equal(peers_instances(w.peers), 1);
	expect(&w, "");
	end(&w);
}

static void peers_reports_a_conflict_only_while_both_answer(void **state)
{
	struct world w;

	(void)state;
	begin_contest(&w);
	judge(&w, "R", LIVENESS_ACCEPTED);
	expect(&w, "");
	assert_false(peers_find(w.peers, LIT("alice@a"))->is_conflicted);
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "changed alice@a/4 10.0.0.1:4000 #10 in conflict");
	assert_true(peers_find(w.peers, LIT("alice@a"))->is_conflicted);
	// What else is heard of either changes nothing.
	hear(&w, &rival, ETH6, "fd00::9");
	hear(&w, &alice, ETH6, "fd00::1");
	wait_ms(&w, PEERS_CONFLICT_MS - 1);
	expect(&w, "");
	// It is asked now and then.
	wait_ms(&w, 1);
	judge(&w, "R", LIVENESS_ACCEPTED);
	expect(&w, "probe R at 10.0.0.9:5000");
	lose(&w, "R", ETH4);
	expect(&w, ""); // heard over IPv6 yet
	lose(&w, "R", ETH6);
	expect(&w, "changed alice@a/4 10.0.0.1:4000 #10");
	assert_int_equal(peers_instances(w.peers), 1);
	end(&w);
}

static void peers_gives_the_name_to_the_newcomer_when_the_incumbent_is_no_more(void **state)
{
	static const struct {
		enum liveness_verdict verdict;
		bool is_withdrawn;
	} table[] = {
		{LIVENESS_REFUSED, false},
		{LIVENESS_SILENT, false},
		{LIVENESS_REFUSED, true},
		{LIVENESS_SILENT, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct world w;

		begin_contest(&w);
		if (table[i].is_withdrawn) {
			lose(&w, "A", ETH4);
			expect(&w, "");
		}
		judge(&w, "A", table[i].verdict);
		expect(&w, "down alice@a/4 10.0.0.1:4000 #10, up alice@a/4 10.0.0.9:5000 #20");
		judge(&w, "R", LIVENESS_ACCEPTED);
		expect(&w, "");
		assert_int_equal(peers_instances(w.peers), table[i].is_withdrawn ? 1 : 2);
		end(&w);
	}
}

static void peers_makes_the_former_incumbent_a_newcomer_when_it_returns(void **state)
{
	struct world w;

	(void)state;
	begin_contest(&w);
	judge(&w, "A", LIVENESS_SILENT);
	judge(&w, "R", LIVENESS_ACCEPTED);
	w.log[0] = '\0';
	wait_ms(&w, LIVENESS_AGAIN_MS);
	expect(&w, "probe A at 10.0.0.1:4000");
	judge(&w, "A", LIVENESS_ACCEPTED);
	// It has just answered, so only the other is asked.
	expect(&w, "probe R at 10.0.0.9:5000");
	judge(&w, "R", LIVENESS_ACCEPTED);
	expect(&w, "changed alice@a/4 10.0.0.9:5000 #20 in conflict");
	// It gets the name back when it can.
	lose(&w, "R", ETH4);
	judge(&w, "R", LIVENESS_REFUSED);
	expect(&w, "probe R at 10.0.0.9:5000, down alice@a/4 10.0.0.9:5000 #20, "
		   "up alice@a/4 10.0.0.1:4000 #10");
	end(&w);
}

// It is still advertised, and nobody says that it has ended.
static void peers_ends_a_conflict_when_the_rival_answers_no_more(void **state)
{
	struct world w;

	(void)state;
	begin_contest(&w);
	judge(&w, "A", LIVENESS_ACCEPTED);
	judge(&w, "R", LIVENESS_ACCEPTED);
	expect(&w, "changed alice@a/4 10.0.0.1:4000 #10 in conflict");
	for (unsigned i = 0; i < 3; i++) {
		wait_ms(&w, PEERS_CONFLICT_MS);
		expect(&w, "probe R at 10.0.0.9:5000");
		judge(&w, "R", i < 2 ? LIVENESS_ACCEPTED : LIVENESS_REFUSED);
	}
	expect(&w, "changed alice@a/4 10.0.0.1:4000 #10");
	end(&w);
}

static void peers_takes_one_endpoint_for_one_node_whatever_is_claimed(void **state)
{
	// Its host was restarted: another agent, another creation, the same fixed port.
	const struct ad restarted = {.instance = "B", .creation = 11, .agent = "agent9"};
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &restarted, ETH4, "10.0.0.1");
	expect(&w, ""); // nobody needs to be asked
	hint(&w, "alice@a", 0);
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "probe A at 10.0.0.1:4000");
	lose(&w, "A", ETH4);
	expect(&w, "down alice@a/4 10.0.0.1:4000 #10, up alice@a/4 10.0.0.1:4000 #11");
	end(&w);
}

static void peers_adopts_the_other_family_when_an_address_in_common_is_known(void **state)
{
	const struct ad inet6 = {.instance = "A6", .revision = 2, .carrier = EP_CARRIER_INET6_TCP};
	const struct ad later = {
		.instance = "L6", .revision = 3, .carrier = EP_CARRIER_INET6_TCP, .port = 4001};
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &later, ETH6, "fd00::1");
	hear(&w, &inet6, ETH6, "fd00::1");
	expect(&w, ""); // no rivals, merely without proof
	assert_null(resolve(&w, &inet6, ETH6, "fd00::1"));
	expect(&w, "");
	// Now one of them is kin, and through it the other, which is where something else was.
	hear(&w, &inet6, ETH4, "10.0.0.1");
	expect(&w, "probe L6 at fd00::1:4001, up alice@a/6 fd00::1:4000 #10");
	judge(&w, "L6", LIVENESS_ADVERTISED);
	expect(&w, "changed alice@a/6 fd00::1:4001 #10");
	end(&w);
}

static void peers_asks_no_successor_when_nothing_would_be_left_in_its_place(void **state)
{
	const struct ad next = {.instance = "A2", .revision = 2, .port = 4001};
	const struct ad inet6 = {.instance = "A6", .carrier = EP_CARRIER_INET6_TCP};
	struct world w;

	(void)state;
	begin_with_alice(&w);
	lose(&w, "A", ETH4);
	judge(&w, "A", LIVENESS_ACCEPTED);
	w.log[0] = '\0';
	hear(&w, &next, ETH4, "10.0.0.1"); // the former is withdrawn
	expect(&w, "changed alice@a/4 10.0.0.1:4001 #10");
	end(&w);

	begin(&w);
	hear(&w, &inet6, ETH6, "fd00::1");
	hear(&w, &rival, ETH4, "10.0.0.9");
	judge(&w, "R", LIVENESS_REFUSED);
	see(&w, "R", ETH6); // is advertised and might be live
	judge(&w, "R", LIVENESS_ACCEPTED);
	w.log[0] = '\0';
	hear(&w, &alice, ETH6, "fd00::1");
	hear(&w, &alice, ETH4, "10.0.0.1"); // the first in its family, but for the newcomer
	expect(&w, "up alice@a/4 10.0.0.1:4000 #10");
	end(&w);
}

static void peers_gives_no_name_to_what_cannot_be_reached(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	hear(&w, &alice, ETH6, "fd00::1"); // an inet node: not reached
	hear(&w, &rival, ETH4, "10.0.0.9");
	expect(&w, "up alice@a/4 10.0.0.9:5000 #20");
	hear(&w, &alice, ETH4, "10.0.0.1"); // comes too late
	expect(&w, "probe A at 10.0.0.1:4000, probe R at 10.0.0.9:5000");
	judge(&w, "R", LIVENESS_ACCEPTED);
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "changed alice@a/4 10.0.0.9:5000 #20 in conflict");
	end(&w);
}

static void peers_of_several_newcomers_takes_the_first_that_is_live(void **state)
{
	const struct ad third = {.instance = "T", .creation = 30, .agent = "agent3"};
	const struct ad third6 = {.instance = "T6",
				  .creation = 30,
				  .agent = "agent3",
				  .carrier = EP_CARRIER_INET6_TCP};
	struct world w;

	(void)state;
	begin_contest(&w);
	hear(&w, &third, ETH4, "10.0.0.3");
	hear(&w, &third6, ETH4, "10.0.0.3");
	hear(&w, &third6, ETH6, "fd00::3");
	expect(&w, "probe T at 10.0.0.3:4000, probe T6 at fd00::3:4000");
	judge(&w, "R", LIVENESS_REFUSED);
	judge(&w, "A", LIVENESS_REFUSED);
	expect(&w, "down alice@a/4 10.0.0.1:4000 #10, up alice@a/4 10.0.0.3:4000 #30, "
		   "up alice@a/6 fd00::3:4000 #30");
	end(&w);
}

static void peers_finds_out_anew_who_answers_when_the_name_changes_hands(void **state)
{
	const struct ad third = {.instance = "T", .creation = 30, .agent = "agent3"};
	struct world w;

	(void)state;
	begin_contest(&w);
	judge(&w, "A", LIVENESS_ACCEPTED);
	judge(&w, "R", LIVENESS_ACCEPTED);
	expect(&w, "changed alice@a/4 10.0.0.1:4000 #10 in conflict");
	// One more changes nothing, whether it answers or not.
	hear(&w, &third, ETH4, "10.0.0.3");
	expect(&w, "probe A at 10.0.0.1:4000, probe T at 10.0.0.3:4000");
	judge(&w, "T", LIVENESS_ACCEPTED);
	expect(&w, "");
	judge(&w, "A", LIVENESS_REFUSED);
	expect(&w, "probe R at 10.0.0.9:5000, probe T at 10.0.0.3:4000, "
		   "down alice@a/4 10.0.0.1:4000 #10, up alice@a/4 10.0.0.9:5000 #20");
	judge(&w, "R", LIVENESS_ACCEPTED);
	expect(&w, "");
	judge(&w, "T", LIVENESS_ACCEPTED);
	expect(&w, "changed alice@a/4 10.0.0.9:5000 #20 in conflict");
	end(&w);
}

static void peers_shows_no_peer_when_its_name_is_registered_here(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	set_local(&w, "alice@a", 42);
	expect(&w, "probe A at 10.0.0.1:4000, down alice@a/4 10.0.0.1:4000 #10");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "not found");
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "conflict about alice@a");
	hear(&w, &rival, ETH4, "10.0.0.9");
	judge(&w, "R", LIVENESS_ACCEPTED);
	expect(&w, "probe R at 10.0.0.9:5000"); // still the same trouble
	lose(&w, "R", ETH4);
	lose(&w, "A", ETH4);
	expect(&w, "probe A at 10.0.0.1:4000");
	judge(&w, "A", LIVENESS_REFUSED);
	expect(&w, "peace about alice@a");
	assert_int_equal(peers_count(w.peers), 0);
	end(&w);
}

static void peers_shows_and_verifies_a_peer_when_its_name_is_free_again(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	set_local(&w, "alice@a", 42);
	hear(&w, &alice, ETH4, "10.0.0.1");
	expect(&w, "probe A at 10.0.0.1:4000");
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "conflict about alice@a");
	set_local(&w, "alice@a", 43); // registered anew: found out anew
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "probe A at 10.0.0.1:4000, conflict about alice@a");
	set_local(&w, "alice@a", 0);
	expect(&w, "probe A at 10.0.0.1:4000, up alice@a/4 10.0.0.1:4000 #10");
	judge(&w, "A", LIVENESS_REFUSED);
	expect(&w, "down alice@a/4 10.0.0.1:4000 #10");
	set_local(&w, "nobody@a", 7); // of no peer
	expect(&w, "");
	end(&w);
}

static void peers_sees_no_conflict_in_its_own_creation_or_the_dead(void **state)
{
	const struct ad echo = {.instance = "E", .creation = 42, .agent = "before-restart"};
	struct world w;

	(void)state;
	begin(&w);
	set_local(&w, "alice@a", 42);
	hear(&w, &echo, ETH4, "10.0.0.7");
	expect(&w, "");
	hear(&w, &alice, ETH4, "10.0.0.1");
	judge(&w, "A", LIVENESS_REFUSED);
	expect(&w, "probe A at 10.0.0.1:4000");
	assert_false(peers_find(w.peers, LIT("alice@a"))->is_conflicted);
	// But if that comes up there is one.
	wait_ms(&w, LIVENESS_AGAIN_MS);
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "probe A at 10.0.0.1:4000, conflict about alice@a");
	end(&w);
}

static void peers_tells_a_conflict_of_others_anew_when_the_name_becomes_ours(void **state)
{
	struct world w;

	(void)state;
	begin_contest(&w);
	judge(&w, "A", LIVENESS_ACCEPTED);
	judge(&w, "R", LIVENESS_ACCEPTED);
	expect(&w, "changed alice@a/4 10.0.0.1:4000 #10 in conflict");
	set_local(&w, "alice@a", 42);
	expect(&w, "probe A at 10.0.0.1:4000, probe R at 10.0.0.9:5000, "
		   "down alice@a/4 10.0.0.1:4000 #10");
	judge(&w, "R", LIVENESS_ACCEPTED);
	expect(&w, "conflict about alice@a");
	end(&w);
}

static void peers_takes_no_more_claims_to_a_name_than_there_is_room(void **state)
{
	char instance[16];
	struct world w;

	(void)state;
	begin_with_alice(&w);
	for (uint32_t i = 0; i < 10; i++) {
		const struct ad ad = {.instance = instance, .creation = 100 + i, .agent = "evil"};
		const char *problem;
		char address[64];

		snprintf(instance, sizeof(instance), "E%u", i);
		snprintf(address, sizeof(address), "10.0.1.%u", i);
		see(&w, instance, ETH4);
		problem = resolve(&w, &ad, ETH4, address);
		if (i < PEERS_NEWCOMERS_MAX) {
			assert_null(problem);
		} else {
			assert_string_equal(problem, "too many claims to this name");
		}
	}
	assert_int_equal(peers_instances(w.peers), 1 + PEERS_NEWCOMERS_MAX);
	// There is room for what follows the incumbent, however often: the oldest goes.
	for (uint32_t i = 2; i < 12; i++) {
		const struct ad ad = {.instance = instance, .revision = i, .tag = "k=v"};

		snprintf(instance, sizeof(instance), "A%u", i);
		hear(&w, &ad, ETH4, "10.0.0.1");
		assert_true(peers_instances(w.peers) <= PEERS_CLAIMS_MAX);
	}
	assert_int_equal(peers_instances(w.peers), PEERS_CLAIMS_MAX);
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
	// A newcomer that is down gives way.
	judge(&w, "E2", LIVENESS_REFUSED);
	assert_int_equal(peers_instances(w.peers), PEERS_CLAIMS_MAX);
	hear(&w, &rival, ETH4, "10.0.0.9");
	assert_int_equal(peers_instances(w.peers), PEERS_CLAIMS_MAX);
	see(&w, "E2", ETH4); // forgotten, so it is as new
	assert_int_equal(peers_instances(w.peers), PEERS_CLAIMS_MAX + 1);
	w.log[0] = '\0';
	end(&w);
}

static void peers_takes_a_newcomer_in_place_of_old_revisions_when_it_is_full(void **state)
{
	char instance[16];
	struct world w;

	(void)state;
	begin(&w);
	for (uint32_t i = 1; i <= PEERS_CLAIMS_MAX; i++) {
		const struct ad ad = {.instance = instance, .revision = i};

		snprintf(instance, sizeof(instance), "A%u", i);
		hear(&w, &ad, ETH4, "10.0.0.1");
		if (i > 1) {
			judge(&w, instance, LIVENESS_ADVERTISED);
		}
	}
	w.log[0] = '\0';
	hear(&w, &rival, ETH4, "10.0.0.9");
	assert_int_equal(peers_instances(w.peers), PEERS_CLAIMS_MAX);
	lose(&w, "A1", ETH4); // was forgotten
	assert_int_equal(peers_instances(w.peers), PEERS_CLAIMS_MAX);
	w.log[0] = '\0';
	end(&w);
}

// Once a name changes hands its former claims are newcomers, more than may come as such.
static void peers_has_room_for_the_successor_when_former_incumbents_fill_it(void **state)
{
	const struct ad next = {.instance = "R2",
				.creation = 20,
				.agent = "agent2",
				.port = 5000,
				.revision = 2,
				.tag = "k=v"};
	const struct ad third = {
		.instance = "R3", .creation = 20, .agent = "agent2", .port = 5000, .revision = 3};
	char instance[16];
	struct world w;

	(void)state;
	begin(&w);
	for (uint32_t i = 1; i < PEERS_CLAIMS_MAX; i++) {
		const struct ad ad = {.instance = instance, .revision = i};

		snprintf(instance, sizeof(instance), "A%u", i);
		hear(&w, &ad, ETH4, "10.0.0.1");
	}
	hear(&w, &rival, ETH4, "10.0.0.9");
	for (uint32_t i = 1; i < PEERS_CLAIMS_MAX; i++) {
		snprintf(instance, sizeof(instance), "A%u", i);
		judge(&w, instance, LIVENESS_REFUSED);
	}
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.9:5000 #20");
	assert_int_equal(peers_instances(w.peers), PEERS_CLAIMS_MAX);
	w.log[0] = '\0';
	hear(&w, &next, ETH4, "10.0.0.9");
	judge(&w, "R2", LIVENESS_ADVERTISED);
	expect(&w, "probe R2 at 10.0.0.9:5000, changed alice@a/4 10.0.0.9:5000 #20");
	assert_int_equal(peers_instances(w.peers), PEERS_CLAIMS_MAX);
	// The more so when they all come back.
	for (uint32_t i = 2; i < PEERS_CLAIMS_MAX; i++) {
		snprintf(instance, sizeof(instance), "A%u", i);
		see(&w, instance, ETH6);
	}
	assert_int_equal(peers_instances(w.peers), PEERS_CLAIMS_MAX);
	hear(&w, &third, ETH4, "10.0.0.9");
	assert_int_equal(peers_instances(w.peers), PEERS_CLAIMS_MAX);
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.9:5000 #20");
	assert_null(resolve(&w, &third, ETH4, "10.0.0.9"));
	assert_int_equal(peers_instances(w.peers), PEERS_CLAIMS_MAX);
	w.log[0] = '\0';
	end(&w);
}

static void peers_drops_a_replaced_registration_unasked_but_no_other(void **state)
{
	const struct ad unreached = {.instance = "A2", .revision = 2};
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &alice, ETH6, "fd00::1");
	hear(&w, &unreached, ETH6, "fd00::1"); // its IPv4 address is not known yet
	expect(&w, "");
	lose(&w, "A", ETH6);
	lose(&w, "A", ETH4);
	expect(&w, "probe A at 10.0.0.1:4000");
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "ask, changed alice@a/4 10.0.0.1:4000 #10 unconfirmed");
	hear(&w, &unreached, ETH4, "10.0.0.1"); // never a gap
	expect(&w, "changed alice@a/4 10.0.0.1:4000 #10");
	end(&w);
}

static void peers_keeps_the_roles_when_avahi_is_away_meanwhile(void **state)
{
	struct world w;

	(void)state;
	begin_contest(&w);
	judge(&w, "A", LIVENESS_ACCEPTED);
	judge(&w, "R", LIVENESS_ACCEPTED);
	w.log[0] = '\0';
	peers_outage(w.peers, w.now_ms);
	peers_resumed(w.peers, w.now_ms);
	hear(&w, &rival, ETH4, "10.0.0.9"); // the other is heard first
	expect(&w, "");
	hear(&w, &alice, ETH4, "10.0.0.1");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peers_keeps_the_incumbent_when_it_answers),
		cmocka_unit_test(peers_reports_a_conflict_only_while_both_answer),
		cmocka_unit_test(
			peers_gives_the_name_to_the_newcomer_when_the_incumbent_is_no_more),
		cmocka_unit_test(peers_makes_the_former_incumbent_a_newcomer_when_it_returns),
		cmocka_unit_test(peers_ends_a_conflict_when_the_rival_answers_no_more),
		cmocka_unit_test(peers_takes_one_endpoint_for_one_node_whatever_is_claimed),
		cmocka_unit_test(peers_adopts_the_other_family_when_an_address_in_common_is_known),
		cmocka_unit_test(peers_asks_no_successor_when_nothing_would_be_left_in_its_place),
		cmocka_unit_test(peers_gives_no_name_to_what_cannot_be_reached),
		cmocka_unit_test(peers_of_several_newcomers_takes_the_first_that_is_live),
		cmocka_unit_test(peers_finds_out_anew_who_answers_when_the_name_changes_hands),
		cmocka_unit_test(peers_shows_no_peer_when_its_name_is_registered_here),
		cmocka_unit_test(peers_shows_and_verifies_a_peer_when_its_name_is_free_again),
		cmocka_unit_test(peers_sees_no_conflict_in_its_own_creation_or_the_dead),
		cmocka_unit_test(peers_tells_a_conflict_of_others_anew_when_the_name_becomes_ours),
		cmocka_unit_test(peers_takes_no_more_claims_to_a_name_than_there_is_room),
		cmocka_unit_test(peers_takes_a_newcomer_in_place_of_old_revisions_when_it_is_full),
		cmocka_unit_test(peers_has_room_for_the_successor_when_former_incumbents_fill_it),
		cmocka_unit_test(peers_drops_a_replaced_registration_unasked_but_no_other),
		cmocka_unit_test(peers_keeps_the_roles_when_avahi_is_away_meanwhile),
	};

	return cmocka_run_group_tests_name("peers_contest", tests, NULL, NULL);
}
