// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Doubts about nodes that were heard, and what comes of them.
#include "peers_story.h"

static void peers_are_unconfirmed_when_withdrawn_but_accepting(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	lose(&w, "A", ETH4);
	expect(&w, "probe A at 10.0.0.1:4000");
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "ask, changed alice@a/4 10.0.0.1:4000 #10 unconfirmed");
	wait_ms(&w, LIVENESS_UNCONFIRMED_MS - 1);
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
	expect(&w, "probe A at 10.0.0.1:4000, ask, ask, ask"); // (the first is not judged yet)
	hear(&w, &alice, ETH4, "10.0.0.1");
	expect(&w, "changed alice@a/4 10.0.0.1:4000 #10");
	judge(&w, "A", LIVENESS_ACCEPTED);
	assert_true(peers_deadline_ms(w.peers) == LIVENESS_NEVER);

	lose(&w, "A", ETH4);
	judge(&w, "A", LIVENESS_ACCEPTED);
	w.log[0] = '\0';
	wait_ms(&w, LIVENESS_UNCONFIRMED_MS);
	expect(&w, "probe A at 10.0.0.1:4000, ask, ask, ask, "
		   "down alice@a/4 10.0.0.1:4000 #10 unconfirmed");
	assert_int_equal(w.cause, LIVENESS_LEFT);
	assert_int_equal(peers_count(w.peers), 0);
	end(&w);
}

// A lost refresh looks like a goodbye; its own responder knows better than Avahi here.
static void peers_stay_up_when_their_own_responder_advertises_them(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	lose(&w, "A", ETH4);
	assert_false(w.probes[0].ticket.must_connect);
	w.log[0] = '\0';
	judge(&w, "A", LIVENESS_ADVERTISED);
	expect(&w, "ask"); // so that Avahi hears of it again
	assert_int_equal(peers_unheard(w.peers), 1);
	wait_ms(&w, LIVENESS_AGAIN_MS);
	expect(&w, "probe A at 10.0.0.1:4000");
	judge(&w, "A", LIVENESS_ADVERTISED);
	expect(&w, "ask");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
	hint(&w, "alice@a", 0);
	assert_true(w.probes[0].ticket.must_connect);
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "probe A at 10.0.0.1:4000");
	see(&w, "A", ETH4);
	expect(&w, "");
	assert_int_equal(peers_unheard(w.peers), 0);
	assert_true(peers_deadline_ms(w.peers) == LIVENESS_NEVER);

	// From unconfirmed, too: its agent is back, but the network is slow to tell.
	lose(&w, "A", ETH4);
	judge(&w, "A", LIVENESS_ACCEPTED);
	w.log[0] = '\0';
	wait_ms(&w, LIVENESS_UNCONFIRMED_AGAIN_MS);
	judge(&w, "A", LIVENESS_ADVERTISED);
	expect(&w, "probe A at 10.0.0.1:4000, ask, ask, changed alice@a/4 10.0.0.1:4000 #10");
	wait_ms(&w, LIVENESS_AGAIN_MS);
	judge(&w, "A", LIVENESS_SILENT);
	expect(&w, "probe A at 10.0.0.1:4000, down alice@a/4 10.0.0.1:4000 #10");
	end(&w);
}

static void peers_verifies_all_after_a_sleep(void **state)
{
	const struct ad bob = {.instance = "B", .node = "bob@b"};
	const struct ad carol = {.instance = "C", .node = "carol@c"};
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &bob, ETH4, "10.0.0.2");
	hear(&w, &carol, ETH4, "10.0.0.3");
	hint(&w, "carol@c", 0);
	judge(&w, "C", LIVENESS_REFUSED);
	lose(&w, "B", ETH4);
	w.log[0] = '\0';
	w.n_probes = 0;
	w.is_resolving = true;
	peers_verify_all(w.peers); // (bob is being verified)
	expect(&w, "resolve A at 2/4, probe A at 10.0.0.1:4000, "
		   "resolve C at 2/4, probe C at 10.0.0.3:4000");
	assert_false(w.probes[0].ticket.must_connect);
	judge(&w, "C", LIVENESS_ADVERTISED);
	expect(&w, "up carol@c/4 10.0.0.3:4000 #10");
	judge(&w, "A", LIVENESS_SILENT);
	expect(&w, "down alice@a/4 10.0.0.1:4000 #10");
	assert_int_equal(w.cause, LIVENESS_SILENCE);
	end(&w);
}

static void peers_goes_down_when_withdrawn_and_silent_or_refusing(void **state)
{
	static const enum liveness_verdict verdicts[] = {LIVENESS_REFUSED, LIVENESS_SILENT};
	static const enum liveness_cause causes[] = {LIVENESS_REFUSING, LIVENESS_SILENCE};

	(void)state;
	for (size_t i = 0; i < COUNT(verdicts); i++) {
		struct world w;

		begin(&w);
		// With two addresses: what is withdrawn and silent is not asked at both.
		hear(&w, &alice, ETH4, "10.0.0.1 10.0.0.2");
		lose(&w, "A", ETH4);
		w.log[0] = '\0';
		judge(&w, "A", verdicts[i]);
		expect(&w, "down alice@a/4 10.0.0.2:4000 #10");
		assert_int_equal(w.cause, causes[i]);
		assert_int_equal(peers_instances(w.peers), 0);
		end(&w);
	}
}

static void peers_asks_a_node_when_a_connect_to_it_failed(void **state)
{
	const struct ad bob = {.instance = "B", .node = "bob@b"};
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &bob, ETH4, "10.0.0.2");
	w.log[0] = '\0';
	hint(&w, "nobody@a", 0);
	hint(&w, "alice@a", EP_FAMILY_INET6);
	expect(&w, "");
	hint(&w, "alice@a", EP_FAMILY_INET);
	hint(&w, "alice@a", 0);
	expect(&w, "probe A at 10.0.0.1:4000"); // once at a time
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, ""); // a hint alone never deletes
	hint(&w, "alice@a", 0);
	judge(&w, "A", LIVENESS_SILENT);
	expect(&w, "probe A at 10.0.0.1:4000, down alice@a/4 10.0.0.1:4000 #10");
	assert_int_equal(peers_count(w.peers), 2); // still advertised
	assert_string_equal(look_up(&w, "bob@b", EP_FAMILY_INET), "10.0.0.2:4000 #10");
	expect(&w, "");

	// It is asked again by and by, and when it is looked up.
	wait_ms(&w, LIVENESS_AGAIN_MS);
	expect(&w, "probe A at 10.0.0.1:4000");
	judge(&w, "A", LIVENESS_SILENT);
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "not found");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "not found");
	expect(&w, "probe A at 10.0.0.1:4000");
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "up alice@a/4 10.0.0.1:4000 #10");
	end(&w);
}

static void peers_ends_what_is_down_when_it_is_withdrawn(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hint(&w, "alice@a", 0);
	judge(&w, "A", LIVENESS_REFUSED);
	w.log[0] = '\0';
	lose(&w, "A", ETH4);
	expect(&w, "");
	assert_int_equal(peers_count(w.peers), 0);
	assert_true(peers_deadline_ms(w.peers) == LIVENESS_NEVER);
	// Its name may come back at any time.
	hear(&w, &alice, ETH4, "10.0.0.1");
	expect(&w, "up alice@a/4 10.0.0.1:4000 #10");
	end(&w);
}

static void peers_revives_what_is_down_when_it_is_heard_anew(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hint(&w, "alice@a", 0);
	judge(&w, "A", LIVENESS_REFUSED);
	w.log[0] = '\0';
	see(&w, "A", ETH6);
	expect(&w, "up alice@a/4 10.0.0.1:4000 #10");
	assert_true(peers_deadline_ms(w.peers) == LIVENESS_NEVER);
	end(&w);
}

static void peers_believes_what_it_hears_when_a_probe_meanwhile_gets_no_answer(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	lose(&w, "A", ETH4);
	see(&w, "A", ETH4);
	w.log[0] = '\0';
	judge(&w, "A", LIVENESS_SILENT);
	expect(&w, "");
	hint(&w, "alice@a", 0);
	see(&w, "A", ETH6);
	judge(&w, "A", LIVENESS_REFUSED); // but that is one
	expect(&w, "probe A at 10.0.0.1:4000, down alice@a/4 10.0.0.1:4000 #10");
	end(&w);
}

static void peers_tries_the_next_address_when_an_advertised_node_is_silent(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	hear(&w, &alice, ETH4, "10.0.0.1 10.0.0.2 !8.8.8.8");
	hint(&w, "alice@a", 0);
	expect(&w, "up alice@a/4 10.0.0.1:4000 #10, probe A at 10.0.0.1:4000");
	judge(&w, "A", LIVENESS_SILENT);
	expect(&w, "probe A at 10.0.0.2:4000, changed alice@a/4 10.0.0.2:4000 #10");
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.2:4000 #10");
	// Both: it is down, and the next time it begins at the first.
	hint(&w, "alice@a", 0);
	judge(&w, "A", LIVENESS_SILENT);
	expect(&w, "probe A at 10.0.0.2:4000, down alice@a/4 10.0.0.1:4000 #10");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "not found");
	judge(&w, "A", LIVENESS_SILENT);
	expect(&w, "probe A at 10.0.0.1:4000, probe A at 10.0.0.2:4000");
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "up alice@a/4 10.0.0.2:4000 #10");
	end(&w);
}

static void peers_resolves_again_what_does_not_answer_where_it_is_heard(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	hear(&w, &alice, ETH4, "10.0.0.1 10.0.0.2");
	hear(&w, &alice, ETH6, "fd00::1");
	hear(&w, &alice, WLAN4, "10.1.0.1");
	lose(&w, "A", WLAN4);
	w.log[0] = '\0';
	w.is_resolving = true;
	hint(&w, "alice@a", 0);
	hint(&w, "alice@a", 0);
	expect(&w, "resolve A at 2/4, resolve A at 2/6, probe A at 10.0.0.1:4000");
	judge(&w, "A", LIVENESS_REFUSED);
	expect(&w, "down alice@a/4 10.0.0.2:4000 #10");
	assert_null(resolve(&w, &alice, ETH4, "10.0.0.1")); // nothing new
	expect(&w, "");
	assert_null(resolve(&w, &alice, ETH4, "10.0.0.7")); // its host got another address
	expect(&w, "probe A at 10.0.0.7:4000");
	judge(&w, "A", LIVENESS_REFUSED);
	assert_null(resolve(&w, &alice, ETH4, "10.0.0.7"));
	expect(&w, "");
	wait_ms(&w, LIVENESS_AGAIN_MS);
	expect(&w, "resolve A at 2/6, resolve A at 2/4, probe A at 10.0.0.7:4000");
	judge(&w, "A", LIVENESS_REFUSED);
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "not found");
	expect(&w, "resolve A at 2/6, resolve A at 2/4, probe A at 10.0.0.7:4000");
	// What is withdrawn cannot be resolved.
	lose(&w, "A", ETH6);
	lose(&w, "A", ETH4);
	hear(&w, &alice, ETH4, "10.0.0.1");
	lose(&w, "A", ETH4);
	expect(&w, "up alice@a/4 10.0.0.1:4000 #10, probe A at 10.0.0.1:4000");
	end(&w);
}

static void peers_lookup_resolves_again_behind_an_old_answer(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	w.is_resolving = true;
	wait_ms(&w, PEERS_FRESH_MS - 1000);
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
	expect(&w, "");
	wait_ms(&w, 1000);
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
	expect(&w, "resolve A at 2/4");
	// Once asked for, the next lookup waits for it.
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
	expect(&w, "");
	// That its host has another address may be forged, so the former is asked.
	assert_null(resolve(&w, &alice, ETH4, "10.0.0.7"));
	assert_true(w.probes[0].ticket.is_brief);
	expect(&w, "probe A at 10.0.0.1:4000");
	judge(&w, "A", LIVENESS_ADVERTISED);
	expect(&w, "");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
	assert_null(resolve(&w, &alice, ETH4, "10.0.0.7"));
	judge(&w, "A", LIVENESS_SILENT);
	assert_false(w.probes[0].ticket.is_brief);
	expect(&w, "probe A at 10.0.0.1:4000, probe A at 10.0.0.7:4000, "
		   "changed alice@a/4 10.0.0.7:4000 #10");
	judge(&w, "A", LIVENESS_ADVERTISED);
	expect(&w, "");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.7:4000 #10");
	end(&w);
}

static void peers_stay_unconfirmed_when_avahi_is_away(void **state)
{
	const struct ad bob = {.instance = "B", .node = "bob@b"};
	const struct ad carol = {.instance = "C", .node = "carol@c"};
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &bob, ETH4, "10.0.0.2");
	hear(&w, &carol, ETH4, "10.0.0.3");
	hint(&w, "carol@c", 0);
	judge(&w, "C", LIVENESS_REFUSED);
	see(&w, "D", ETH4); // never resolved
	w.log[0] = '\0';

	peers_outage(w.peers, w.now_ms);
	expect(&w, "changed alice@a/4 10.0.0.1:4000 #10 unconfirmed, "
		   "changed bob@b/4 10.0.0.2:4000 #10 unconfirmed");
	assert_int_equal(peers_count(w.peers), 2); // carol was down before
	assert_int_equal(peers_instances(w.peers), 2);
	peers_outage(w.peers, w.now_ms);
	wait_ms(&w, 3600 * 1000);
	lose(&w, "A", ETH4); // of no meaning
	expect(&w, "");
	assert_string_equal(look_up(&w, "bob@b", EP_FAMILY_INET), "10.0.0.2:4000 #10");

	peers_resumed(w.peers, w.now_ms);
	wait_ms(&w, LIVENESS_RESUME_MS - 1);
	hear(&w, &alice, ETH4, "10.0.0.1");
	expect(&w, "changed alice@a/4 10.0.0.1:4000 #10");
	wait_ms(&w, 1);
	expect(&w, "probe B at 10.0.0.2:4000"); // verified, not dropped
	judge(&w, "B", LIVENESS_ACCEPTED);
	expect(&w, "ask");
	wait_ms(&w, LIVENESS_UNCONFIRMED_MS);
	expect(&w, "probe B at 10.0.0.2:4000, ask, ask, ask, "
		   "down bob@b/4 10.0.0.2:4000 #10 unconfirmed");
	end(&w);
}

static void peers_goes_down_when_it_refuses_during_an_outage(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	peers_outage(w.peers, w.now_ms);
	w.log[0] = '\0';
	hint(&w, "alice@a", 0);
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "probe A at 10.0.0.1:4000");
	hint(&w, "alice@a", 0);
	judge(&w, "A", LIVENESS_REFUSED);
	expect(&w, "probe A at 10.0.0.1:4000, down alice@a/4 10.0.0.1:4000 #10 unconfirmed");
	end(&w);
}

static void peers_resumes_with_what_is_heard_now_and_forgets_the_stale(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &alice, WLAN4, "10.1.0.1");
	peers_outage(w.peers, w.now_ms);
	peers_resumed(w.peers, w.now_ms);
	w.log[0] = '\0';
	// The cable is out; until it is resolved the best known address is offered.
	see(&w, "A", WLAN4);
	expect(&w, "changed alice@a/4 10.1.0.1:4000 #10");
	assert_null(resolve(&w, &alice, WLAN4, "10.1.0.7"));
	judge(&w, "A", LIVENESS_SILENT);
	judge(&w, "A", LIVENESS_ADVERTISED);
	expect(&w, "probe A at 10.1.0.1:4000, changed alice@a/4 10.1.0.1:4000 #10, "
		   "probe A at 10.1.0.7:4000, changed alice@a/4 10.1.0.7:4000 #10");
	wait_ms(&w, LIVENESS_RESUME_MS);
	lose(&w, "A", WLAN4);
	expect(&w, "probe A at 10.1.0.7:4000");
	end(&w);
}

static void peers_ends_only_the_due_when_time_passes(void **state)
{
	const struct ad bob = {.instance = "B", .node = "bob@b"};
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &bob, ETH4, "10.0.0.2");
	lose(&w, "A", ETH4);
	judge(&w, "A", LIVENESS_ACCEPTED);
	wait_ms(&w, 1000);
	lose(&w, "B", ETH4);
	judge(&w, "B", LIVENESS_ACCEPTED);
	w.log[0] = '\0';
	for (int i = 0; i < 3; i++) { // asked in between, and not judged
		wait_ms(&w, LIVENESS_UNCONFIRMED_AGAIN_MS);
	}
	w.log[0] = '\0';
	assert_int_equal(peers_deadline_ms(w.peers), 31000);
	peers_tick(w.peers, 30999);
	expect(&w, "");
	peers_tick(w.peers, 31000);
	expect(&w, "down alice@a/4 10.0.0.1:4000 #10 unconfirmed");
	assert_int_equal(peers_deadline_ms(w.peers), 32000);
	peers_tick(w.peers, 99000);
	expect(&w, "down bob@b/4 10.0.0.2:4000 #10 unconfirmed");
	assert_true(peers_deadline_ms(w.peers) == LIVENESS_NEVER);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peers_are_unconfirmed_when_withdrawn_but_accepting),
		cmocka_unit_test(peers_stay_up_when_their_own_responder_advertises_them),
		cmocka_unit_test(peers_verifies_all_after_a_sleep),
		cmocka_unit_test(peers_goes_down_when_withdrawn_and_silent_or_refusing),
		cmocka_unit_test(peers_asks_a_node_when_a_connect_to_it_failed),
		cmocka_unit_test(peers_ends_what_is_down_when_it_is_withdrawn),
		cmocka_unit_test(peers_revives_what_is_down_when_it_is_heard_anew),
		cmocka_unit_test(
			peers_believes_what_it_hears_when_a_probe_meanwhile_gets_no_answer),
		cmocka_unit_test(peers_tries_the_next_address_when_an_advertised_node_is_silent),
		cmocka_unit_test(peers_resolves_again_what_does_not_answer_where_it_is_heard),
		cmocka_unit_test(peers_lookup_resolves_again_behind_an_old_answer),
		cmocka_unit_test(peers_stay_unconfirmed_when_avahi_is_away),
		cmocka_unit_test(peers_goes_down_when_it_refuses_during_an_outage),
		cmocka_unit_test(peers_resumes_with_what_is_heard_now_and_forgets_the_stale),
		cmocka_unit_test(peers_ends_only_the_due_when_time_passes),
	};

	return cmocka_run_group_tests_name("peers_liveness", tests, NULL, NULL);
}
