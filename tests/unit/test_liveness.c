// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/liveness.h"

#include <stdio.h>

#include "test.h"

#define NOW 1000

static const char *const states[] = {"alive",  "verifying", "verified", "unconfirmed",
				     "outage", "down",      "dead"};
// Of what ended; LIVENESS_LEFT is also how it begins.
static const char *const causes[] = {"", " refusing", " silence", " replaced", " cut", " nowhere"};

enum input {
	SEEN,
	GONE,
	DOUBTED,
	DISTRUSTED,
	ADVERTISED,
	ACCEPTED,
	REFUSED,
	SILENT,
	TICK,
	UNASKABLE,
	SUPERSEDED,
	MOVED,
	OUTAGE,
	RESUMED,
	MUTE,
	INPUTS,
};

static unsigned feed(struct liveness *liveness, enum input input, uint64_t now_ms)
{
	switch (input) {
	case SEEN:
		return liveness_seen(liveness);
	case GONE:
		return liveness_gone(liveness);
	case DOUBTED:
		return liveness_doubted(liveness, true);
	case DISTRUSTED:
		return liveness_doubted(liveness, false);
	case ADVERTISED:
		return liveness_judged(liveness, LIVENESS_ADVERTISED, now_ms);
	case ACCEPTED:
		return liveness_judged(liveness, LIVENESS_ACCEPTED, now_ms);
	case REFUSED:
		return liveness_judged(liveness, LIVENESS_REFUSED, now_ms);
	case SILENT:
		return liveness_judged(liveness, LIVENESS_SILENT, now_ms);
	case TICK:
		return liveness_tick(liveness, now_ms);
	case UNASKABLE:
		liveness_unaskable(liveness);
		return 0;
	case SUPERSEDED:
		liveness_superseded(liveness);
		return 0;
	case MOVED:
		liveness_moved(liveness);
		return 0;
	case OUTAGE:
		liveness_outage(liveness);
		return 0;
	case RESUMED:
		liveness_resumed(liveness, now_ms);
		return 0;
	case MUTE:
		return liveness_judged(liveness, LIVENESS_MUTE, now_ms);
	case INPUTS:
		break;
	}
	return 0;
}

/*
 * A state as the tables have it: its name, then a(dvertised) p(robing) u(nconfirmed), the cause,
 * the deadline and the actions.
 */
static void say(char text[64], const struct liveness *liveness, unsigned actions)
{
	int n = snprintf(text, 64, "%s %s%s%s%s", states[liveness->state],
			 liveness->is_advertised ? "a" : "", liveness->is_probing ? "p" : "",
			 liveness->is_unconfirmed ? "u" : "", causes[liveness->cause]);

	if (liveness->deadline_ms != LIVENESS_NEVER) {
		n += snprintf(text + n, 64 - (size_t)n, " @%d", (int)liveness->deadline_ms);
	}
	snprintf(text + n, 64 - (size_t)n, "%s%s%s",
		 (actions & LIVENESS_PROBE) != 0 ? " probe" : "",
		 (actions & LIVENESS_CONNECT) != 0 ? " connect" : "",
		 (actions & LIVENESS_ASK) != 0 ? " ask" : "");
}

static void liveness_goes_where_the_table_says_whatever_happens_in_any_state(void **state)
{
	static const struct {
		struct liveness from;
		const char *expected[INPUTS];
	} table[] = {
		{{LIVENESS_ALIVE, 0, true, false, false, false, false, 12000, LIVENESS_NEVER},
		 {"alive a", "verifying p probe", "verifying ap probe connect",
		  "verifying ap probe", "alive a", "alive a", "down a refusing @13000", "alive a",
		  "alive a", "alive a", "dead  replaced", "alive a", "outage u", "alive a",
		  "alive a"}},
		// seen again while it is probed
		{{LIVENESS_ALIVE, 0, true, true, false, false, false, 12000, LIVENESS_NEVER},
		 {"alive ap", "verifying p", "verifying ap", "verifying ap", "alive a", "alive a",
		  "down a refusing @13000", "alive a", "alive ap", "alive a", "dead p replaced",
		  "alive a", "outage pu", "alive ap", "alive a"}},
		{{LIVENESS_VERIFYING, 0, true, true, false, false, false, 12000, LIVENESS_NEVER},
		 {"alive ap", "verifying p", "verifying ap", "verifying ap", "alive a", "alive a",
		  "down a refusing @13000", "down a silence @13000", "verifying ap", "alive a",
		  "dead p replaced", "alive a", "outage pu", "verifying ap", "alive a"}},
		// withdrawn
		{{LIVENESS_VERIFYING, 0, false, true, false, false, false, 12000, LIVENESS_NEVER},
		 {"alive ap", "verifying p", "verifying p", "verifying p", "verified  @13000 ask",
		  "unconfirmed u @8500 ask", "dead  refusing", "dead  silence", "verifying p",
		  "dead ", "dead p replaced", "verifying ", "outage pu", "verifying p",
		  "verified u @13000 ask"}},
		// its responder has been mute for long
		{{LIVENESS_VERIFYING, 0, false, true, false, false, true, 60000, LIVENESS_NEVER},
		 {"alive ap", "verifying pu", "verifying pu", "verifying pu",
		  "verified  @61000 ask", "unconfirmed u @8500 ask", "dead u refusing",
		  "dead u silence", "verifying pu", "dead u", "dead pu replaced", "verifying u",
		  "outage pu", "verifying pu", "unconfirmed u @8500 ask"}},
		{{LIVENESS_VERIFIED, 0, false, false, false, false, false, 12000, 900},
		 {"alive a", "verified  @900", "verified p @900 probe connect",
		  "verified p @900 probe", "verified  @13000 ask", "verified  @900",
		  "dead  refusing", "dead  silence", "verifying p probe", "verified  @900",
		  "dead  replaced", "verified  @900", "outage u", "verified  @900",
		  "verified  @900"}},
		{{LIVENESS_UNCONFIRMED, 0, false, false, false, false, true, 22500, 900},
		 {"alive a", "unconfirmed u @900", "unconfirmed pu @900 probe connect",
		  "unconfirmed pu @900 probe", "verified  @13000 ask", "unconfirmed u @900",
		  "dead u refusing", "dead u silence", "unconfirmed pu @8500 probe ask",
		  "unconfirmed u @900", "dead u replaced", "unconfirmed u @900", "outage u",
		  "unconfirmed u @900", "unconfirmed u @900"}},
		// and its time is over
		{{LIVENESS_UNCONFIRMED, 0, false, false, false, false, true, 0, 900},
		 {"alive a", "unconfirmed u @900", "unconfirmed pu @900 probe connect",
		  "unconfirmed pu @900 probe", "verified  @13000 ask", "unconfirmed u @900",
		  "dead u refusing", "dead u silence", "dead u", "unconfirmed u @900",
		  "dead u replaced", "unconfirmed u @900", "outage u", "unconfirmed u @900",
		  "unconfirmed u @900"}},
		{{LIVENESS_OUTAGE, 0, false, false, false, false, true, 12000, LIVENESS_NEVER},
		 {"alive a", "outage u", "outage pu probe connect", "outage pu probe", "outage u",
		  "outage u", "dead u refusing", "dead u silence", "outage u", "outage u",
		  "dead u replaced", "outage u", "outage u", "outage u @11000", "outage u"}},
		// browsing again
		{{LIVENESS_OUTAGE, 0, false, false, false, false, true, 12000, 900},
		 {"alive a", "outage u @900", "outage pu @900 probe connect",
		  "outage pu @900 probe", "outage u @900", "outage u @900", "dead u refusing",
		  "dead u silence", "verifying pu probe", "outage u @900", "dead u replaced",
		  "outage u @900", "outage u", "outage u @11000", "outage u @900"}},
		{{LIVENESS_DOWN, 0, true, false, false, false, false, 12000, 900},
		 {"alive a", "dead ", "down ap @900 probe connect", "down ap @900 probe", "alive a",
		  "alive a", "down a refusing @13000", "down a silence @13000",
		  "down ap @25000 probe connect", "down a @900", "dead  replaced", "alive a",
		  "dead ", "down a @900", "alive a"}},
		// asked already, since it was looked up
		{{LIVENESS_DOWN, 0, true, true, false, false, false, 48000, 900},
		 {"alive ap", "dead p", "down ap @900", "down ap @900", "alive a", "alive a",
		  "down a refusing @49000", "down a silence @49000", "down ap @61000",
		  "down a @900", "dead p replaced", "alive a", "dead p", "down ap @900",
		  "alive a"}},
		{{LIVENESS_DEAD, 0, false, false, false, false, false, 12000, LIVENESS_NEVER},
		 {"dead ", "dead ", "dead ", "dead ", "dead ", "dead ", "dead ", "dead ", "dead ",
		  "dead ", "dead  replaced", "dead ", "dead ", "dead ", "dead "}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		for (unsigned input = 0; input < INPUTS; input++) {
			struct liveness liveness = table[i].from;
			unsigned actions = feed(&liveness, (enum input)input, NOW);
			char text[64];

			say(text, &liveness, actions);
			if (strcmp(text, table[i].expected[input]) != 0) {
				fail_msg("row %zu, input %u: \"%s\" instead of \"%s\"", i, input,
					 text, table[i].expected[input]);
			}
		}
	}
}

static void liveness_keeps_its_deadline_when_ticked_too_early(void **state)
{
	static const struct liveness waiting[] = {
		{LIVENESS_VERIFIED, 0, false, false, false, false, false, 12000, NOW + 1},
		{LIVENESS_UNCONFIRMED, 0, false, false, false, false, true, 12000, NOW + 1},
		{LIVENESS_OUTAGE, 0, false, false, false, false, true, 12000, NOW + 1},
		{LIVENESS_DOWN, 0, true, false, false, false, false, 12000, NOW + 1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(waiting); i++) {
		struct liveness liveness = waiting[i];

		assert_int_equal(liveness_tick(&liveness, NOW), 0);
		assert_memory_equal(&liveness, &waiting[i], sizeof(liveness));
		liveness_tick(&liveness, NOW + 1);
		assert_int_not_equal(liveness.deadline_ms, NOW + 1);
	}
}

static void liveness_starts_alive_and_is_shown_until_it_is_known_to_be_down(void **state)
{
	static const bool is_shown[] = {true, true, true, true, true, false, false};
	struct liveness liveness;

	(void)state;
	liveness_init(&liveness);
	assert_int_equal(liveness.state, LIVENESS_ALIVE);
	assert_true(liveness.deadline_ms == LIVENESS_NEVER);
	for (uint8_t i = 0; i < COUNT(is_shown); i++) {
		liveness.state = i;
		assert_int_equal(liveness_is_shown(&liveness), is_shown[i]);
		assert_int_equal(liveness_shown_as(&liveness), EP_STATE_UP);
	}
	liveness.is_unconfirmed = true;
	assert_int_equal(liveness_shown_as(&liveness), EP_STATE_UNCONFIRMED);
}

static void liveness_asks_ever_more_rarely_while_it_stays_down(void **state)
{
	static const uint64_t pauses_ms[] = {12000, 24000, 48000, 60000, 60000};
	struct liveness liveness;
	uint64_t now_ms = NOW;

	(void)state;
	liveness_init(&liveness);
	liveness_seen(&liveness);
	for (int life = 0; life < 2; life++) {
		assert_int_equal(liveness_doubted(&liveness, true),
				 LIVENESS_PROBE | LIVENESS_CONNECT);
		liveness_judged(&liveness, LIVENESS_SILENT, now_ms);
		for (size_t i = 0; i < COUNT(pauses_ms); i++) {
			assert_int_equal(liveness.state, LIVENESS_DOWN);
			assert_int_equal(liveness.deadline_ms, now_ms + pauses_ms[i]);
			assert_int_equal(liveness_tick(&liveness, liveness.deadline_ms - 1), 0);
			now_ms = liveness.deadline_ms;
			assert_int_equal(liveness_tick(&liveness, now_ms),
					 LIVENESS_PROBE | LIVENESS_CONNECT);
			now_ms += 4000;
			liveness_judged(&liveness, LIVENESS_SILENT, now_ms);
		}
		liveness_doubted(&liveness, true);
		liveness_judged(&liveness, LIVENESS_ACCEPTED, now_ms); // and from the start again
	}
}

// What has left is asked again and again while it is waited for: an answer may have been lost.
static void liveness_waits_30_s_for_what_was_withdrawn_and_asks_in_between(void **state)
{
	struct liveness liveness;
	uint64_t now_ms = NOW;
	unsigned n_asked = 0;

	(void)state;
	liveness_init(&liveness);
	liveness_seen(&liveness);
	liveness_gone(&liveness);
	liveness_judged(&liveness, LIVENESS_ACCEPTED, now_ms);
	while (liveness.state == LIVENESS_UNCONFIRMED) {
		now_ms = liveness.deadline_ms;
		if (liveness_tick(&liveness, now_ms) == (LIVENESS_PROBE | LIVENESS_ASK)) {
			n_asked++;
			liveness_judged(&liveness, LIVENESS_ACCEPTED, now_ms + 1);
		}
	}
	assert_int_equal(liveness.state, LIVENESS_DEAD);
	assert_int_equal(liveness.cause, LIVENESS_LEFT);
	assert_int_equal(now_ms, NOW + LIVENESS_UNCONFIRMED_MS);
	assert_int_equal(n_asked, 3);
}

// As while Avahi hangs there: nobody has withdrawn it. A firewall may look the same, so not for
// ever.
static void liveness_waits_for_a_mute_responder_longer_than_for_what_was_withdrawn(void **state)
{
	struct liveness liveness;
	uint64_t now_ms = NOW;

	(void)state;
	liveness_init(&liveness);
	liveness_seen(&liveness);
	liveness_gone(&liveness);
	while (liveness.state != LIVENESS_DEAD) {
		liveness_judged(&liveness, LIVENESS_MUTE, now_ms);
		assert_int_equal(liveness_shown_as(&liveness), EP_STATE_UNCONFIRMED);
		assert_true(now_ms < NOW + 300000);
		now_ms = liveness.deadline_ms;
		liveness_tick(&liveness, now_ms);
	}
	assert_int_equal(now_ms, NOW + 12000 + 24000 + 48000 + LIVENESS_UNCONFIRMED_MS);
	assert_int_equal(liveness.cause, LIVENESS_LEFT);
}

// A client's connect has failed while the responder alone was asked, whose word is not enough then.
static void liveness_connects_when_that_is_wanted_during_a_weaker_probe(void **state)
{
	struct liveness liveness;

	(void)state;
	liveness_init(&liveness);
	liveness_seen(&liveness);
	assert_int_equal(liveness_doubted(&liveness, false), LIVENESS_PROBE);
	assert_int_equal(liveness_doubted(&liveness, true), 0);
	assert_int_equal(liveness_judged(&liveness, LIVENESS_ADVERTISED, NOW),
			 LIVENESS_PROBE | LIVENESS_CONNECT);
	assert_int_equal(liveness_doubted(&liveness, true), 0); // that is being done
	assert_int_equal(liveness_judged(&liveness, LIVENESS_ADVERTISED, NOW), 0);
	assert_int_equal(liveness.state, LIVENESS_ALIVE);
	// A connect that was made all the same is as good.
	liveness_doubted(&liveness, false);
	liveness_doubted(&liveness, true);
	assert_int_equal(liveness_judged(&liveness, LIVENESS_ACCEPTED, NOW), 0);
	assert_int_equal(liveness_doubted(&liveness, false), LIVENESS_PROBE);
	assert_int_equal(liveness_judged(&liveness, LIVENESS_ADVERTISED, NOW), 0);
}

static void liveness_is_down_at_once_when_our_link_is_cut(void **state)
{
	struct liveness liveness;

	(void)state;
	liveness_init(&liveness);
	liveness_seen(&liveness);
	liveness_doubted(&liveness, true);
	liveness_cut(&liveness, NOW); // whatever the probe will say
	assert_int_equal(liveness.state, LIVENESS_DOWN);
	assert_int_equal(liveness.cause, LIVENESS_CUT);
	assert_false(liveness.is_probing);
	liveness_seen(&liveness);
	assert_int_equal(liveness.state, LIVENESS_ALIVE);
	// What nobody advertises is not waited for.
	liveness_gone(&liveness);
	liveness_cut(&liveness, NOW);
	assert_int_equal(liveness.state, LIVENESS_DEAD);
	assert_int_equal(liveness.cause, LIVENESS_CUT);
	liveness_superseded(&liveness);
	liveness_cut(&liveness, NOW);
	assert_int_equal(liveness.cause, LIVENESS_REPLACED);
}

static void liveness_verifies_ever_more_rarely_what_only_its_responder_vouches_for(void **state)
{
	static const uint64_t pauses_ms[] = {12000, 24000, 48000, 60000, 60000};
	struct liveness liveness;
	uint64_t now_ms = NOW;

	(void)state;
	liveness_init(&liveness);
	for (int life = 0; life < 2; life++) {
		liveness_seen(&liveness);
		assert_int_equal(liveness_gone(&liveness), LIVENESS_PROBE);
		for (size_t i = 0; i < COUNT(pauses_ms); i++) {
			assert_int_equal(liveness_judged(&liveness, LIVENESS_ADVERTISED, now_ms),
					 LIVENESS_ASK);
			assert_int_equal(liveness.state, LIVENESS_VERIFIED);
			assert_int_equal(liveness.deadline_ms, now_ms + pauses_ms[i]);
			now_ms = liveness.deadline_ms;
			assert_int_equal(liveness_tick(&liveness, now_ms), LIVENESS_PROBE);
			assert_true(liveness_is_shown(&liveness));
			assert_int_equal(liveness_shown_as(&liveness), EP_STATE_UP);
		}
		liveness_judged(&liveness, LIVENESS_ADVERTISED, now_ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(liveness_goes_where_the_table_says_whatever_happens_in_any_state),
		cmocka_unit_test(liveness_keeps_its_deadline_when_ticked_too_early),
		cmocka_unit_test(liveness_starts_alive_and_is_shown_until_it_is_known_to_be_down),
		cmocka_unit_test(liveness_asks_ever_more_rarely_while_it_stays_down),
		cmocka_unit_test(liveness_waits_30_s_for_what_was_withdrawn_and_asks_in_between),
		cmocka_unit_test(
			liveness_waits_for_a_mute_responder_longer_than_for_what_was_withdrawn),
		cmocka_unit_test(liveness_connects_when_that_is_wanted_during_a_weaker_probe),
		cmocka_unit_test(liveness_is_down_at_once_when_our_link_is_cut),
		cmocka_unit_test(
			liveness_verifies_ever_more_rarely_what_only_its_responder_vouches_for),
	};

	return cmocka_run_group_tests_name("liveness", tests, NULL, NULL);
}
