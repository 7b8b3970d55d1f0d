// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Which addresses of a node are handed out, and in which order.
#include "peers_story.h"

static void peers_waits_for_an_address_when_there_is_none_of_the_family(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	hear(&w, &alice, ETH6, "fd00::1 fe80::1"); // IPv4 addresses are not on IPv6
	expect(&w, "");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "not found");
	hint(&w, "alice@a", 0);
	expect(&w, ""); // nothing that could be asked
	hear(&w, &alice, ETH4, "10.0.0.1");
	expect(&w, "up alice@a/4 10.0.0.1:4000 #10");
	// And if it goes without ever having had one, nobody needs to know.
	lose(&w, "A", ETH4);
	w.log[0] = '\0';
	judge(&w, "A", LIVENESS_REFUSED);
	lose(&w, "A", ETH6);
	expect(&w, "down alice@a/4 10.0.0.1:4000 #10");
	hear(&w, &alice, ETH6, "fd00::1");
	lose(&w, "A", ETH6);
	expect(&w, "");
	assert_int_equal(peers_count(w.peers), 0);
	end(&w);
}

static void peers_keeps_its_address_when_only_the_other_protocol_still_hears_it(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &alice, ETH6, "fd00::1");
	expect(&w, "");
	lose(&w, "A", ETH4); // a lost refresh, say
	expect(&w, "probe A at 10.0.0.1:4000");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "10.0.0.1:4000 #10");
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, ""); // up, not unconfirmed: it is advertised
	hear(&w, &alice, ETH4, "10.0.0.1");
	lose(&w, "A", ETH6);
	expect(&w, "");
	end(&w);
}

static void peers_says_changed_when_the_best_address_is_another(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &alice, WLAN4, "10.1.0.1");
	expect(&w, "changed alice@a/4 10.0.0.1:4000 #10");
	lose(&w, "A", ETH4);
	expect(&w, "changed alice@a/4 10.1.0.1:4000 #10");
	// The host got another address.
	assert_null(resolve(&w, &alice, WLAN4, "10.1.0.2"));
	expect(&w, "probe A at 10.1.0.1:4000");
	judge(&w, "A", LIVENESS_REFUSED); // by another host that has it now
	expect(&w, "probe A at 10.1.0.2:4000, changed alice@a/4 10.1.0.2:4000 #10");
	judge(&w, "A", LIVENESS_ADVERTISED);
	expect(&w, "");
	// Or the same is heard on another interface.
	hear(&w, &alice, ETH4, "10.1.0.2");
	expect(&w, "");
	lose(&w, "A", WLAN4);
	expect(&w, "changed alice@a/4 10.1.0.2:4000 #10");
	end(&w);
}

// It could be resolved, but not its host's name: what is known is all there is, and is not hurried.
static void peers_keeps_its_address_when_no_other_is_heard(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	assert_null(resolve(&w, &alice, ETH4, ""));
	assert_null(resolve(&w, &alice, ETH4, "fe80::1"));
	expect(&w, "");
	lose(&w, "A", ETH4);
	assert_false(w.probes[0].ticket.is_brief);
	expect(&w, "probe A at 10.0.0.1:4000");
	end(&w);
}

// It is known by an address at which it is not heard any more: any that is heard is better.
static void peers_takes_another_address_unasked_when_the_former_is_not_heard(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &alice, ETH6, "fe80::1");
	lose(&w, "A", ETH4);
	judge(&w, "A", LIVENESS_ADVERTISED);
	expect(&w, "probe A at 10.0.0.1:4000");
	hear(&w, &alice, WLAN4, "10.1.0.1");
	expect(&w, "changed alice@a/4 10.1.0.1:4000 #10");
	end(&w);
}

static void peers_says_only_link_local_when_erlang_cannot_use_what_is_known(void **state)
{
	const struct ad inet6 = {.instance = "A6", .carrier = EP_CARRIER_INET6_TCP};
	struct service scratch;
	struct peer_view view;
	struct world w;

	(void)state;
	begin(&w);
	hear(&w, &inet6, ETH6, "fe80::1");
	expect(&w, "up alice@a/6 none:4000 #10");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET6), "only link-local");
	assert_true(view_of(&w, "alice@a", EP_FAMILY_INET6, &view, &scratch));
	assert_int_equal(view.n_addresses, 0);
	assert_int_equal(view.ifindex, ETH6.ifindex);
	hint(&w, "alice@a", 0);
	expect(&w, "probe A6 at fe80::1:4000"); // we can use it, with its scope
	assert_int_equal(w.probes[0].ifindex, ETH6.ifindex);
	judge(&w, "A6", LIVENESS_ACCEPTED);
	assert_null(resolve(&w, &inet6, ETH6, "fe80::1 fd00::1"));
	expect(&w, "changed alice@a/6 fd00::1:4000 #10");
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET6), "fd00::1:4000 #10");
	end(&w);
}

static void peers_does_not_show_what_is_off_link_unless_it_is_allowed(void **state)
{
	const struct peers_config off_link = {100, 200, true};
	struct world w;

	(void)state;
	begin(&w);
	hear(&w, &alice, ETH4, "!8.8.8.8");
	expect(&w, "");
	end(&w);

	begin_with(&w, &off_link);
	hear(&w, &alice, ETH4, "!8.8.8.8");
	expect(&w, "up alice@a/4 8.8.8.8:4000 #10");
	hint(&w, "alice@a", 0);
	expect(&w, ""); // never asked, so what mDNS says counts
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "8.8.8.8:4000 #10");
	peers_outage(w.peers, w.now_ms);
	hint(&w, "alice@a", 0);
	expect(&w, "changed alice@a/4 8.8.8.8:4000 #10 unconfirmed");
	peers_resumed(w.peers, w.now_ms);
	wait_ms(&w, LIVENESS_RESUME_MS);
	expect(&w, "down alice@a/4 8.8.8.8:4000 #10 unconfirmed");
	hear(&w, &alice, ETH4, "!8.8.8.8");
	lose(&w, "A", ETH4);
	expect(&w, "up alice@a/4 8.8.8.8:4000 #10, down alice@a/4 8.8.8.8:4000 #10");
	end(&w);
}

static void peers_answers_a_literal_or_bound_address_when_it_is_plausible(void **state)
{
	static const struct {
		struct ad ad;
		const char *addresses, *expected, *address;
	} table[] = {
		{{.instance = "A", .node = "a@10.0.0.2"},
		 "10.0.0.1 10.0.0.2",
		 "up a@10.0.0.2/4 10.0.0.2:4000 #10",
		 "10.0.0.2:4000 #10"},
		{{.instance = "A", .node = "a@192.168.0.2"},
		 "10.0.0.1",
		 "up a@192.168.0.2/4 192.168.0.2:4000 #10",
		 "192.168.0.2:4000 #10"},
		{{.instance = "A", .node = "a@8.8.8.8"}, "10.0.0.1", "", "not found"},
		{{.instance = "A", .node = "a@127.0.0.1"}, "10.0.0.1", "", "not found"},
		{{.instance = "A", .node = "a@h", .bound = "10.0.0.2"},
		 "10.0.0.1 10.0.0.2",
		 "up a@h/4 10.0.0.2:4000 #10",
		 "10.0.0.2:4000 #10"},
		{{.instance = "A", .node = "a@h", .bound = "10.0.0.3"},
		 "10.0.0.1",
		 "",
		 "not found"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct service scratch;
		struct peer_view view;
		struct world w;

		begin(&w);
		hear(&w, &table[i].ad, ETH4, table[i].addresses);
		expect(&w, table[i].expected);
		assert_string_equal(look_up(&w, table[i].ad.node, EP_FAMILY_INET),
				    table[i].address);
		assert_int_equal(view_of(&w, table[i].ad.node, EP_FAMILY_INET, &view, &scratch),
				 table[i].expected[0] != '\0');
		// One that was not heard has no sighting to remember that it failed.
		if (table[i].expected[0] != '\0') {
			hint(&w, table[i].ad.node, 0);
			judge(&w, "A", LIVENESS_SILENT);
			assert_string_equal(look_up(&w, table[i].ad.node, EP_FAMILY_INET),
					    "not found");
			w.log[0] = '\0';
		}
		end(&w);
	}
}

// A host that is slow is not gone: in haste is asked only who has another address to be asked at.
static void
peers_stay_up_when_a_former_address_is_briefly_silent_and_there_is_no_other(void **state)
{
	const struct ad literal = {.instance = "B", .node = "b@192.168.0.1"};
	struct world w;

	(void)state;
	begin(&w);
	hear(&w, &literal, ETH4, "192.168.0.1");
	assert_null(resolve(&w, &literal, ETH4, "192.168.0.2")); // its host's other address
	assert_true(w.probes[0].ticket.is_brief);
	w.log[0] = '\0';
	judge(&w, "B", LIVENESS_SILENT);
	expect(&w, "probe B at 192.168.0.1:4000");
	assert_false(w.probes[0].ticket.is_brief);
	judge(&w, "B", LIVENESS_SILENT);
	expect(&w, "down b@192.168.0.1/4 192.168.0.1:4000 #10");
	end(&w);
}

static void peers_asks_a_failed_address_again_when_the_other_is_briefly_silent(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	hear(&w, &alice, ETH4, "10.0.0.1 10.0.0.2");
	hint(&w, "alice@a", 0);
	judge(&w, "A", LIVENESS_SILENT);
	judge(&w, "A", LIVENESS_ACCEPTED);
	w.log[0] = '\0';
	assert_null(resolve(&w, &alice, ETH4, "10.0.0.1")); // Avahi gives one of them
	expect(&w, "probe A at 10.0.0.2:4000");
	assert_true(w.probes[0].ticket.is_brief);
	judge(&w, "A", LIVENESS_SILENT);
	expect(&w, "probe A at 10.0.0.1:4000, changed alice@a/4 10.0.0.1:4000 #10");
	assert_false(w.probes[0].ticket.is_brief);
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "");
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peers_waits_for_an_address_when_there_is_none_of_the_family),
		cmocka_unit_test(
			peers_keeps_its_address_when_only_the_other_protocol_still_hears_it),
		cmocka_unit_test(peers_says_changed_when_the_best_address_is_another),
		cmocka_unit_test(peers_says_only_link_local_when_erlang_cannot_use_what_is_known),
		cmocka_unit_test(peers_does_not_show_what_is_off_link_unless_it_is_allowed),
		cmocka_unit_test(peers_answers_a_literal_or_bound_address_when_it_is_plausible),
		cmocka_unit_test(peers_keeps_its_address_when_no_other_is_heard),
		cmocka_unit_test(peers_takes_another_address_unasked_when_the_former_is_not_heard),
		cmocka_unit_test(
			peers_stay_up_when_a_former_address_is_briefly_silent_and_there_is_no_other),
		cmocka_unit_test(
			peers_asks_a_failed_address_again_when_the_other_is_briefly_silent),
	};

	return cmocka_run_group_tests_name("peers_addresses", tests, NULL, NULL);
}
