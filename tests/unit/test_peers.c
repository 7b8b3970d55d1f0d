// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What becomes of the nodes that are heard. Whether they live: test_peers_liveness.c. Where they
// are reached: test_peers_addresses.c. Who gets a name: test_peers_contest.c. What can be heard at
// all and in which order: test_peers_storm.c.
#include "peers_story.h"

static void peers_shows_a_node_when_it_is_resolved(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	see(&w, "A", ETH4);
	expect(&w, "");
	assert_int_equal(peers_count(w.peers), 0);
	assert_int_equal(peers_instances(w.peers), 1);
	assert_null(resolve(&w, &alice, ETH4, "10.0.0.1"));
	expect(&w, "up alice@a/4 10.0.0.1:4000 #10");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET6), "not found");
	assert_string_equal(look_up(&w, "Alice@a", EP_FAMILY_INET), "not found");
	assert_int_equal(peers_count(w.peers), 1);
	assert_ptr_equal(peers_order(w.peers)->first, peers_find(w.peers, LIT("alice@a")));
	lose(&w, "A", ETH4);
	expect(&w, "probe A at 10.0.0.1:4000");
	judge(&w, "A", LIVENESS_REFUSED);
	expect(&w, "down alice@a/4 10.0.0.1:4000 #10");
	assert_int_equal(peers_count(w.peers), 0);
	assert_int_equal(peers_instances(w.peers), 0);
	assert_null(peers_order(w.peers)->first);
	assert_true(peers_deadline_ms(w.peers) == LIVENESS_NEVER);
	end(&w);
}

static void peers_view_has_all_that_is_known_when_a_node_is_shown(void **state)
{
	const struct ad ad = {.instance = "T",
			      .carrier = EP_CARRIER_INET_TLS,
			      .port = 4001,
			      .cluster = "prod",
			      .tag = "role=db",
			      .is_hidden = true};
	struct service scratch;
	struct peer_view view;
	struct world w;

	(void)state;
	begin(&w);
	see(&w, "T", WLAN4);
	w.now_ms = 5000;
	hear(&w, &ad, WLAN4, "10.0.0.1 10.0.0.2");
	expect(&w, "up alice@a/4 10.0.0.1:4001 #10");
	w.now_ms = 7000;
	assert_false(view_of(&w, "alice@a", EP_FAMILY_INET6, &view, &scratch));
	assert_true(view_of(&w, "alice@a", EP_FAMILY_INET, &view, &scratch));
	assert_str_is(view.node, LIT("alice@a"));
	assert_int_equal(view.creation, 10);
	assert_int_equal(view.carrier, EP_CARRIER_INET_TLS);
	assert_int_equal(view.port, 4001);
	assert_int_equal(view.dist_high, 6);
	assert_int_equal(view.dist_low, 5);
	assert_true(view.is_hidden);
	assert_str_is(view.cluster, LIT("prod"));
	assert_int_equal(view.n_tags, 1);
	assert_str_is(view.tags[0], LIT("role=db"));
	assert_int_equal(view.n_addresses, 2);
	assert_str_is(view.addresses[1], LIT("\x0a\x00\x00\x02"));
	assert_int_equal(view.ifindex, WLAN4.ifindex);
	assert_int_equal(view.state, EP_STATE_UP);
	assert_int_equal(view.since_ms, 5000);
	end(&w);
}

static void peers_forgets_an_instance_when_it_goes_before_it_is_resolved(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	see(&w, "A", ETH4);
	see(&w, "A", ETH6);
	lose(&w, "A", ETH4);
	assert_int_equal(peers_instances(w.peers), 1);
	// The answer comes late, for where it is not heard any more; then for nothing at all.
	assert_null(resolve(&w, &alice, ETH4, "10.0.0.1"));
	lose(&w, "A", ETH6);
	assert_int_equal(peers_instances(w.peers), 0);
	assert_null(resolve(&w, &alice, ETH6, "10.0.0.1"));
	lose(&w, "A", ETH6);
	assert_int_equal(peers_count(w.peers), 0);
	end(&w);
}

static void peers_says_nothing_when_nothing_that_shows_has_changed(void **state)
{
	const struct ad next = {.instance = "A2", .revision = 2, .agent = "agent2"};
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &alice, ETH4, "10.0.0.1");
	hear(&w, &alice, ETH6, "fd00::1");
	hear(&w, &alice, WLAN4, "10.0.0.1");
	lose(&w, "A", WLAN4);
	lose(&w, "A", ETH6);
	// Its agent was restarted: another instance of the same.
	hear(&w, &next, ETH4, "10.0.0.1");
	judge(&w, "A2", LIVENESS_ADVERTISED);
	lose(&w, "A", ETH4);
	expect(&w, "probe A2 at 10.0.0.1:4000");
	assert_int_equal(peers_instances(w.peers), 1);
	end(&w);
}

static void peers_says_what_has_changed_when_a_revision_follows(void **state)
{
	static const struct {
		struct ad ad;
		const char *addresses, *expected;
	} table[] = {
		{{.instance = "A2", .tag = "k=v"},
		 "10.0.0.1",
		 "changed alice@a/4 10.0.0.1:4000 #10"},
		{{.instance = "A2", .cluster = "c"},
		 "10.0.0.1",
		 "changed alice@a/4 10.0.0.1:4000 #10"},
		{{.instance = "A2", .is_hidden = true},
		 "10.0.0.1",
		 "changed alice@a/4 10.0.0.1:4000 #10"},
		{{.instance = "A2", .carrier = EP_CARRIER_INET_TLS},
		 "10.0.0.1",
		 "changed alice@a/4 10.0.0.1:4000 #10"},
		{{.instance = "A2"}, "10.0.0.1 10.0.0.2", "changed alice@a/4 10.0.0.1:4000 #10"},
		{{.instance = "A2", .port = 4001},
		 "10.0.0.1",
		 "changed alice@a/4 10.0.0.1:4001 #10"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct ad next = table[i].ad;
		struct world w;

		begin(&w);
		next.revision = 2;
		hear(&w, &alice, ETH4, "10.0.0.1");
		expect(&w, "up alice@a/4 10.0.0.1:4000 #10");
		hear(&w, &next, ETH4, table[i].addresses);
		w.log[0] = '\0'; // all of it might be forged, so its host is asked
		judge(&w, "A2", LIVENESS_ADVERTISED);
		expect(&w, table[i].expected);
		lose(&w, "A", ETH4);
		expect(&w, ""); // it was replaced
		// What is older does not count.
		hear(&w, &alice, ETH4, "10.0.0.1");
		w.log[0] = '\0';
		assert_int_equal(peers_instances(w.peers), 2);
		lose(&w, "A", ETH4);
		expect(&w, "");
		end(&w);
	}
}

static void peers_says_down_and_up_when_the_creation_is_new(void **state)
{
	const struct ad next = {.instance = "A2", .creation = 11, .revision = 2, .port = 4001};
	struct service scratch;
	struct peer_view view;
	struct world w;

	(void)state;
	begin_with_alice(&w);
	w.now_ms = 9000;
	hear(&w, &next, ETH4, "10.0.0.1");
	expect(&w, "probe A2 at 10.0.0.1:4001");
	judge(&w, "A2", LIVENESS_ADVERTISED);
	expect(&w, "down alice@a/4 10.0.0.1:4000 #10, up alice@a/4 10.0.0.1:4001 #11");
	assert_true(view_of(&w, "alice@a", EP_FAMILY_INET, &view, &scratch));
	assert_int_equal(view.since_ms, 9000);
	lose(&w, "A", ETH4);
	expect(&w, "");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4001 #11");
	end(&w);
}

static void peers_shows_both_families_when_a_node_has_them(void **state)
{
	const struct ad inet6 = {.instance = "A6", .revision = 2, .carrier = EP_CARRIER_INET6_TCP};
	const struct ad next = {.instance = "B", .creation = 11, .revision = 3};
	const struct ad next6 = {
		.instance = "B6", .creation = 11, .revision = 4, .carrier = EP_CARRIER_INET6_TCP};
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &alice, ETH6, "fd00::1");
	hear(&w, &inet6, ETH6, "fd00::1");
	hear(&w, &inet6, ETH4, "10.0.0.1");
	expect(&w, "up alice@a/6 fd00::1:4000 #10");
	assert_int_equal(peers_count(w.peers), 1);
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET6), "fd00::1:4000 #10");

	// A new creation comes in one family: the other is stale at once, though still advertised.
	hear(&w, &next, ETH4, "10.0.0.1");
	expect(&w, "probe B at 10.0.0.1:4000");
	judge(&w, "B", LIVENESS_ADVERTISED);
	expect(&w, "down alice@a/4 10.0.0.1:4000 #10, up alice@a/4 10.0.0.1:4000 #11, "
		   "down alice@a/6 fd00::1:4000 #10");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET6), "not found");
	lose(&w, "A", ETH4);
	lose(&w, "A", ETH6);
	hear(&w, &next6, ETH4, "10.0.0.1");
	hear(&w, &next6, ETH6, "fd00::1");
	judge(&w, "B6", LIVENESS_ADVERTISED);
	expect(&w, "probe B6 at fd00::1:4000, up alice@a/6 fd00::1:4000 #11");
	lose(&w, "A6", ETH4);
	lose(&w, "A6", ETH6);
	expect(&w, "");
	assert_int_equal(peers_instances(w.peers), 2);

	// One family ends alone, be it the older or the newer.
	lose(&w, "B", ETH4);
	expect(&w, "probe B at 10.0.0.1:4000");
	judge(&w, "B", LIVENESS_REFUSED);
	expect(&w, "down alice@a/4 10.0.0.1:4000 #11");
	hear(&w, &next, ETH4, "10.0.0.1");
	expect(&w, "up alice@a/4 10.0.0.1:4000 #11");
	lose(&w, "B6", ETH4);
	lose(&w, "B6", ETH6);
	expect(&w, "probe B6 at fd00::1:4000");
	judge(&w, "B6", LIVENESS_REFUSED);
	expect(&w, "down alice@a/6 fd00::1:4000 #11");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #11");
	end(&w);
}

static void peers_refuses_what_is_no_service_of_a_peer(void **state)
{
	const struct ad ours = {.instance = "O", .agent = OWN_AGENT};
	struct world w;

	(void)state;
	begin(&w);
	see(&w, "O", ETH4);
	assert_string_equal(resolve(&w, &ours, ETH4, "10.0.0.1"), "our own");
	assert_int_equal(peers_instances(w.peers), 0);

	see(&w, "X", ETH4);
	see(&w, "X", ETH6);
	assert_string_equal(
		peers_resolved(w.peers, "X", ETH4, 0, NULL, 0, NULL, 0, LIT(OWN_AGENT), w.now_ms),
		"port 0");
	assert_int_equal(peers_instances(w.peers), 1); // what is heard elsewhere may be better
	assert_non_null(peers_resolved(w.peers, "X", ETH6, 1, (const uint8_t *)"\x7fx", 2, NULL, 0,
				       LIT(OWN_AGENT), w.now_ms));
	assert_int_equal(peers_instances(w.peers), 0);
	assert_int_equal(peers_count(w.peers), 0);

	assert_false(peers_seen(w.peers,
				"1234567890123456789012345678901234567890123456789012345678901234",
				ETH4, w.now_ms));
	assert_int_equal(peers_instances(w.peers), 0);
	see(&w, "123456789012345678901234567890123456789012345678901234567890123", ETH4);
	assert_int_equal(peers_instances(w.peers), 1);
	end(&w);
}

static void peers_refuses_more_when_its_tables_are_full(void **state)
{
	const struct peers_config tiny = {1, 3, false};
	const struct ad bob = {.instance = "B", .node = "bob@b"};
	struct world w;

	(void)state;
	begin_with(&w, &tiny);
	hear(&w, &alice, ETH4, "10.0.0.1");
	see(&w, "B", ETH4);
	assert_string_equal(resolve(&w, &bob, ETH4, "10.0.0.2"), "there are too many peers");
	see(&w, "B", ETH4);
	see(&w, "C", ETH4);
	assert_false(peers_seen(w.peers, "D", ETH4, w.now_ms));
	see(&w, "A", ETH6); // not one more
	assert_int_equal(peers_instances(w.peers), 3);
	lose(&w, "A", ETH4);
	lose(&w, "A", ETH6);
	judge(&w, "A", LIVENESS_REFUSED);
	w.log[0] = '\0';
	hear(&w, &bob, ETH4, "10.0.0.2");
	expect(&w, "up bob@b/4 10.0.0.2:4000 #10");
	end(&w);
}

static void peers_takes_other_records_of_an_instance_only_with_good_reason(void **state)
{
	const struct ad forged[] = {
		{.instance = "A", .port = 9},
		{.instance = "A", .creation = 11},
		{.instance = "A", .revision = 2},
		{.instance = "A", .tag = "k=v"},
		{.instance = "A", .cluster = "c"},
		{.instance = "A", .is_hidden = true},
		{.instance = "A", .carrier = EP_CARRIER_INET6_TCP},
	};
	const struct ad tagged = {.instance = "A", .tag = "k=v"};
	const struct ad restarted = {.instance = "A", .agent = "agent2"};
	const struct ad foreign = {.instance = "A", .creation = 12, .agent = "evil"};
	const struct ad renamed = {.instance = "A", .node = "alicf@a"};
	const struct ad longer = {.instance = "A", .node = "alice@a.home"};
	struct world w;

	(void)state;
	begin_with_alice(&w);
	assert_non_null(resolve(&w, &renamed, ETH4, "10.0.0.1"));
	assert_non_null(resolve(&w, &longer, ETH4, "10.0.0.1"));
	expect(&w, "");
	// Of another node, or from elsewhere: what is known is asked, and stays while it answers.
	assert_non_null(resolve(&w, &foreign, ETH4, "10.0.0.1"));
	expect(&w, "probe A at 10.0.0.1:4000");
	judge(&w, "A", LIVENESS_ACCEPTED);
	assert_non_null(resolve(&w, &tagged, ETH4, "10.0.0.66"));
	expect(&w, "probe A at 10.0.0.1:4000");
	judge(&w, "A", LIVENESS_ACCEPTED);
	// What has another revision has another instance, so this is forged, be it from there.
	for (size_t i = 0; i < COUNT(forged); i++) {
		assert_non_null(resolve(&w, &forged[i], ETH4, "10.0.0.1"));
		expect(&w, "probe A at 10.0.0.1:4000");
		judge(&w, "A", LIVENESS_ACCEPTED);
	}
	// But its agent may be another.
	assert_null(resolve(&w, &restarted, ETH4, "10.0.0.1"));
	expect(&w, "");
	hint(&w, "alice@a", 0);
	judge(&w, "A", LIVENESS_REFUSED);
	expect(&w, "probe A at 10.0.0.1:4000, down alice@a/4 10.0.0.1:4000 #10");
	// Nobody is there to lose the name: the newest is taken, and asked.
	assert_null(resolve(&w, &foreign, ETH4, "10.0.0.9"));
	expect(&w, "probe A at 10.0.0.9:4000");
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "up alice@a/4 10.0.0.9:4000 #12");
	end(&w);
}

static void
peers_gives_no_name_to_other_records_of_an_instance_while_its_holder_is_live(void **state)
{
	const struct ad inet6 = {.instance = "A6", .carrier = EP_CARRIER_INET6_TCP};
	const struct ad foreign = {
		.instance = "A", .creation = 12, .revision = 99, .agent = "evil", .port = 6000};
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &inet6, ETH4, "10.0.0.1");
	hear(&w, &inet6, ETH6, "fd00::1");
	hint(&w, "alice@a", EP_FAMILY_INET);
	judge(&w, "A", LIVENESS_REFUSED);
	w.log[0] = '\0';
	assert_null(resolve(&w, &foreign, ETH4, "10.0.0.66"));
	expect(&w, "probe A at 10.0.0.66:6000, probe A6 at fd00::1:4000");
	judge(&w, "A6", LIVENESS_ACCEPTED);
	expect(&w, "");
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "changed alice@a/6 fd00::1:4000 #10 in conflict");
	end(&w);
}

static void peers_asks_a_rival_anew_when_it_is_at_another_port(void **state)
{
	const struct ad moved = {.instance = "A", .creation = 11, .port = 4001};
	struct world w;

	(void)state;
	begin(&w);
	set_local(&w, "alice@a", 42);
	hear(&w, &alice, ETH4, "10.0.0.1");
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "probe A at 10.0.0.1:4000, conflict about alice@a");
	assert_non_null(resolve(&w, &moved, ETH4, "10.0.0.1"));
	judge(&w, "A", LIVENESS_REFUSED);
	expect(&w, "probe A at 10.0.0.1:4000, peace about alice@a");
	assert_null(resolve(&w, &moved, ETH4, "10.0.0.1"));
	expect(&w, "probe A at 10.0.0.1:4001");
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "conflict about alice@a");
	end(&w);
}

static void peers_ignores_an_answer_when_it_is_about_an_earlier_life(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	lose(&w, "A", ETH4);
	peers_judge(w.peers, &w.probes[0].ticket, LIVENESS_REFUSED, w.now_ms);
	w.log[0] = '\0';
	judge(&w, "A", LIVENESS_REFUSED); // a second time: it is gone
	hear(&w, &alice, ETH4, "10.0.0.1");
	expect(&w, "up alice@a/4 10.0.0.1:4000 #10");
	lose(&w, "A", ETH4);
	{
		struct peers_ticket old = w.probes[0].ticket;

		old.id--;
		peers_judge(w.peers, &old, LIVENESS_REFUSED, w.now_ms);
	}
	expect(&w, "probe A at 10.0.0.1:4000");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
	end(&w);
}

static void peers_keeps_the_age_when_the_same_creation_comes_back(void **state)
{
	struct service scratch;
	struct peer_view view;
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hint(&w, "alice@a", 0);
	judge(&w, "A", LIVENESS_SILENT);
	w.now_ms += 5000;
	see(&w, "A", ETH4);
	w.log[0] = '\0';
	assert_true(view_of(&w, "alice@a", EP_FAMILY_INET, &view, &scratch));
	assert_int_equal(view.since_ms, 1000);
	end(&w);
}

static void peers_free_leaves_nothing_when_there_is_much(void **state)
{
	const struct ad rival = {.instance = "R", .creation = 99, .agent = "other", .tag = "k=v"};
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &rival, ETH4, "10.0.0.9");
	see(&w, "U", ETH4);
	lose(&w, "A", ETH4);
	judge(&w, "A", LIVENESS_ACCEPTED);
	w.log[0] = '\0';
	end(&w);
	peers_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peers_shows_a_node_when_it_is_resolved),
		cmocka_unit_test(peers_view_has_all_that_is_known_when_a_node_is_shown),
		cmocka_unit_test(peers_forgets_an_instance_when_it_goes_before_it_is_resolved),
		cmocka_unit_test(peers_says_nothing_when_nothing_that_shows_has_changed),
		cmocka_unit_test(peers_says_what_has_changed_when_a_revision_follows),
		cmocka_unit_test(peers_says_down_and_up_when_the_creation_is_new),
		cmocka_unit_test(peers_shows_both_families_when_a_node_has_them),
		cmocka_unit_test(peers_refuses_what_is_no_service_of_a_peer),
		cmocka_unit_test(peers_refuses_more_when_its_tables_are_full),
		cmocka_unit_test(peers_takes_other_records_of_an_instance_only_with_good_reason),
		cmocka_unit_test(
			peers_gives_no_name_to_other_records_of_an_instance_while_its_holder_is_live),
		cmocka_unit_test(peers_asks_a_rival_anew_when_it_is_at_another_port),
		cmocka_unit_test(peers_ignores_an_answer_when_it_is_about_an_earlier_life),
		cmocka_unit_test(peers_keeps_the_age_when_the_same_creation_comes_back),
		cmocka_unit_test(peers_free_leaves_nothing_when_there_is_much),
	};

	return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
