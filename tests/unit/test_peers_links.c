// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What becomes of peers when a link of our own is cut, and when it is mended.
#include "peers_story.h"

#define ETH 2
#define WLAN 3
#define UP "alice@a/4 10.0.0.1:4000 #10"

static void cut(struct world *world, int32_t ifindex)
{
	peers_cut(world->peers, ifindex, world->now_ms);
}

static void mend(struct world *world, int32_t ifindex)
{
	peers_mended(world->peers, ifindex, world->now_ms);
}

static void peers_are_down_at_once_when_their_link_is_cut_and_up_when_they_answer(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &alice, ETH6, "fe80::1");
	expect(&w, "");
	cut(&w, WLAN);
	expect(&w, "");
	cut(&w, ETH);
	expect(&w, "down " UP);
	assert_string_equal(look_up(&w, "alice@a", EP_FAMILY_INET), "not found");
	cut(&w, ETH);
	wait_ms(&w, LIVENESS_AGAIN_MS); // there is nowhere to ask
	w.log[0] = '\0';
	w.is_resolving = true;
	mend(&w, ETH);
	expect(&w, "resolve A at 2/4, resolve A at 2/6, probe A at 10.0.0.1:4000");
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "up " UP);
	end(&w);
}

static void peers_that_left_meanwhile_stay_down(void **state)
{
	static const enum liveness_verdict verdicts[] = {LIVENESS_REFUSED, LIVENESS_SILENT};

	(void)state;
	for (size_t i = 0; i < COUNT(verdicts); i++) {
		struct world w;

		begin_with_alice(&w);
		cut(&w, ETH);
		mend(&w, ETH);
		expect(&w, "down " UP ", probe A at 10.0.0.1:4000");
		judge(&w, "A", verdicts[i]);
		expect(&w, "");
		lose(&w, "A", ETH4); // and now Avahi has forgotten it, too
		assert_int_equal(peers_count(w.peers), 0);
		assert_int_equal(peers_instances(w.peers), 0);
		end(&w);
	}
}

// A link of ours that is cut takes nothing from Avahi's cache.
static void peers_are_counted_where_avahi_has_them(void **state)
{
	static const struct ad bob = {.instance = "B", .node = "bob@b", .cluster = "blue"};
	struct peers_where where = {0};
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &alice, ETH6, "fe80::1");
	hear(&w, &bob, ETH6, "fe80::2");
	see(&w, "B", ETH6);
	see(&w, "C", WLAN4); // never resolved
	assert_int_equal(peers_fullest(w.peers, &where), 2);
	assert_int_equal(where.ifindex, ETH);
	assert_int_equal(where.family, EP_FAMILY_INET6);
	assert_int_equal(peers_clustered(w.peers), 1);
	cut(&w, ETH);
	assert_int_equal(peers_fullest(w.peers, &where), 2);
	mend(&w, ETH);
	judge(&w, "A", LIVENESS_ACCEPTED);
	lose(&w, "C", WLAN4);
	assert_int_equal(peers_fullest(w.peers, &where), 2);
	// One that is being verified, or was found to live, would be there if there were room.
	lose(&w, "A", ETH4);
	lose(&w, "A", ETH4);
	lose(&w, "A", ETH6);
	assert_int_equal(peers_fullest(w.peers, &where), 2);
	judge(&w, "A", LIVENESS_ADVERTISED);
	assert_int_equal(peers_fullest(w.peers, &where), 2);
	see(&w, "A", WLAN4);
	see(&w, "D", ETH6);
	assert_int_equal(peers_fullest(w.peers, &where), 2);
	lose(&w, "D", ETH6);
	assert_int_equal(peers_fullest(w.peers, &where), 1);
	peers_outage(w.peers, w.now_ms);
	assert_int_equal(peers_fullest(w.peers, &where), 0);
	w.log[0] = '\0';
	end(&w);
}

static void peers_heard_on_another_link_stay_up(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &alice, WLAN4, "10.1.0.1");
	w.log[0] = '\0';
	cut(&w, ETH);
	expect(&w, "changed alice@a/4 10.1.0.1:4000 #10");
	mend(&w, ETH);
	// The one that answers all along goes first.
	expect(&w, "changed alice@a/4 10.1.0.1:4000 #10");
	cut(&w, WLAN);
	expect(&w, "changed " UP);
	cut(&w, ETH);
	expect(&w, "down " UP);
	end(&w);
}

static void
peers_gone_on_the_other_link_are_verified_and_kept_as_long_as_avahi_has_them(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hear(&w, &alice, WLAN4, "10.1.0.1");
	cut(&w, ETH);
	w.log[0] = '\0';
	lose(&w, "A", WLAN4);
	expect(&w, "probe A at 10.1.0.1:4000");
	judge(&w, "A", LIVENESS_SILENT);
	expect(&w, "down alice@a/4 10.1.0.1:4000 #10");
	mend(&w, ETH);
	expect(&w, "probe A at 10.0.0.1:4000");
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "up " UP);
	end(&w);
}

// It was thought to be there all the time, and after the cut was handed out without having
// answered.
static void peers_heard_elsewhere_without_an_address_are_down_until_it_is_known(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	see(&w, "A", WLAN4); // resolved later
	cut(&w, ETH);
	expect(&w, "down " UP);
	mend(&w, ETH);
	expect(&w, "probe A at 10.0.0.1:4000");
	judge(&w, "A", LIVENESS_SILENT);
	expect(&w, "");
	assert_null(resolve(&w, &alice, WLAN4, "10.1.0.1"));
	expect(&w, "probe A at 10.1.0.1:4000");
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "up alice@a/4 10.1.0.1:4000 #10");
	end(&w);
}

// With an Avahi that looks at carriers, and when an interface goes, both say so.
static void peers_are_down_at_once_when_avahi_was_first_to_notice(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	lose(&w, "A", ETH4);
	expect(&w, "probe A at 10.0.0.1:4000");
	cut(&w, ETH);
	expect(&w, "down " UP);
	assert_int_equal(peers_count(w.peers), 0);
	judge(&w, "A", LIVENESS_ACCEPTED); // too late
	expect(&w, "");
	mend(&w, ETH);
	hear(&w, &alice, ETH4, "10.0.0.1");
	expect(&w, "up " UP);
	cut(&w, ETH);
	lose(&w, "A", ETH4);
	expect(&w, "down " UP);
	assert_int_equal(peers_instances(w.peers), 0);
	end(&w);
}

static void peers_pay_no_heed_to_an_answer_from_before_the_cut(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	hint(&w, "alice@a", 0);
	cut(&w, ETH);
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "probe A at 10.0.0.1:4000, down " UP);
	end(&w);
}

static void peers_seen_but_not_resolved_before_the_cut_are_resolved_after_it(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	w.is_resolving = true;
	see(&w, "A", ETH4);
	cut(&w, ETH);
	resolve(&w, &alice, ETH4, "10.0.0.1"); // was under way
	expect(&w, "");
	mend(&w, ETH);
	expect(&w, "resolve A at 2/4");
	wait_ms(&w, LIVENESS_AGAIN_MS);
	resolve(&w, &alice, ETH4, "10.0.0.1");
	expect(&w, "probe A at 10.0.0.1:4000"); // from a cache: it may have left
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "up " UP);
	see(&w, "B", WLAN4);
	cut(&w, WLAN);
	lose(&w, "B", WLAN4);
	assert_int_equal(peers_instances(w.peers), 1);
	end(&w);
}

static void peers_unconfirmed_through_an_outage_are_down_when_their_link_is_cut(void **state)
{
	struct world w;

	(void)state;
	begin_with_alice(&w);
	peers_outage(w.peers, w.now_ms);
	w.log[0] = '\0';
	cut(&w, ETH);
	expect(&w, "down " UP " unconfirmed");
	assert_int_equal(peers_count(w.peers), 0);
	end(&w);
}

static void peers_that_are_told_of_again_are_resolved_and_if_down_asked(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	w.is_resolving = true;
	peers_again(w.peers, "A", ETH4, w.now_ms); // nobody has heard of it
	hear(&w, &alice, ETH4, "10.0.0.1");
	w.log[0] = '\0';
	peers_again(w.peers, "A", WLAN4, w.now_ms); // not there
	expect(&w, "");
	peers_again(w.peers, "A", ETH4, w.now_ms);
	expect(&w, "resolve A at 2/4");
	hint(&w, "alice@a", 0);
	judge(&w, "A", LIVENESS_SILENT);
	w.log[0] = '\0';
	peers_again(w.peers, "A", ETH4, w.now_ms);
	expect(&w, "resolve A at 2/4, probe A at 10.0.0.1:4000");
	judge(&w, "A", LIVENESS_ACCEPTED);
	expect(&w, "up " UP);
	end(&w);
}

static void peers_bound_to_an_address_of_a_cut_link_are_down(void **state)
{
	const struct ad bound = {.instance = "A", .bound = "10.0.0.1"};
	struct world w;

	(void)state;
	begin(&w);
	hear(&w, &bound, ETH4, "10.0.0.1");
	hear(&w, &bound, WLAN4, "10.1.0.1");
	expect(&w, "up " UP);
	cut(&w, ETH);
	expect(&w, "down alice@a/4 none:4000 #10");
	mend(&w, ETH);
	expect(&w, "up " UP);
	end(&w);
}

// With more addresses than there is room for, and the one that is asked not heard any more.
static void peers_are_counted_no_more_when_gone_however_many_addresses_they_had(void **state)
{
	struct peers_where where;
	struct world w;

	(void)state;
	begin_with_alice(&w);
	for (int32_t i = 1; i <= 4; i++) {
		char text[128] = "";

		for (int k = i < 4 ? 8 : 7; k > 0; k--) {
			size_t n = strlen(text);

			snprintf(text + n, sizeof(text) - n, "%s10.%d.0.%d", n > 0 ? " " : "", i,
				 k);
		}
		hear(&w, &alice, (struct peers_where){ETH + i, EP_FAMILY_INET}, text);
	}
	assert_null(resolve(&w, &alice, ETH4, "fe80::1"));
	assert_int_equal(peers_fullest(w.peers, &where), 1);
	for (int32_t i = 0; i <= 4; i++) {
		lose(&w, "A", (struct peers_where){ETH + i, EP_FAMILY_INET});
	}
	w.log[0] = '\0';
	judge(&w, "A", LIVENESS_REFUSED);
	assert_int_equal(peers_instances(w.peers), 0);
	assert_int_equal(peers_fullest(w.peers, &where), 0);
	hear(&w, &alice, ETH4, "10.0.0.1"); // one, and not a second
	assert_int_equal(peers_fullest(w.peers, &where), 1);
	w.log[0] = '\0';
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			peers_are_down_at_once_when_their_link_is_cut_and_up_when_they_answer),
		cmocka_unit_test(peers_that_left_meanwhile_stay_down),
		cmocka_unit_test(peers_are_counted_where_avahi_has_them),
		cmocka_unit_test(peers_heard_on_another_link_stay_up),
		cmocka_unit_test(
			peers_gone_on_the_other_link_are_verified_and_kept_as_long_as_avahi_has_them),
		cmocka_unit_test(
			peers_heard_elsewhere_without_an_address_are_down_until_it_is_known),
		cmocka_unit_test(peers_are_down_at_once_when_avahi_was_first_to_notice),
		cmocka_unit_test(peers_pay_no_heed_to_an_answer_from_before_the_cut),
		cmocka_unit_test(peers_seen_but_not_resolved_before_the_cut_are_resolved_after_it),
		cmocka_unit_test(
			peers_unconfirmed_through_an_outage_are_down_when_their_link_is_cut),
		cmocka_unit_test(peers_that_are_told_of_again_are_resolved_and_if_down_asked),
		cmocka_unit_test(peers_bound_to_an_address_of_a_cut_link_are_down),
		cmocka_unit_test(
			peers_are_counted_no_more_when_gone_however_many_addresses_they_had),
	};

	return cmocka_run_group_tests_name("peers_links", tests, NULL, NULL);
}
