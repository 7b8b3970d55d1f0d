// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/liveness.h"

static void enter(struct liveness *liveness, enum liveness_state state, uint64_t deadline_ms)
{
	liveness->state = (uint8_t)state;
	liveness->deadline_ms = deadline_ms;
}

static void die(struct liveness *liveness, enum liveness_cause cause)
{
	liveness->cause = (uint8_t)cause;
	enter(liveness, LIVENESS_DEAD, LIVENESS_NEVER);
}

static unsigned probe(struct liveness *liveness, unsigned how)
{
	bool must_connect = (how & LIVENESS_CONNECT) != 0;

	if (liveness->is_probing) {
		liveness->is_connect_wanted |= must_connect && !liveness->is_connecting;
		return 0;
	}
	liveness->is_probing = true;
	liveness->is_connecting = must_connect;
	liveness->is_connect_wanted = false;
	return LIVENESS_PROBE | how;
}

static void lengthen_pause(struct liveness *liveness)
{
	liveness->again_ms = liveness->again_ms * 2 < LIVENESS_AGAIN_MAX_MS ? liveness->again_ms * 2
									    : LIVENESS_AGAIN_MAX_MS;
}

void liveness_init(struct liveness *liveness)
{
	*liveness = (struct liveness){
		.state = LIVENESS_ALIVE,
		.again_ms = LIVENESS_AGAIN_MS,
		.deadline_ms = LIVENESS_NEVER,
	};
}

static void revive(struct liveness *liveness)
{
	liveness->is_unconfirmed = false;
	liveness->again_ms = LIVENESS_AGAIN_MS;
	enter(liveness, LIVENESS_ALIVE, LIVENESS_NEVER);
}

unsigned liveness_seen(struct liveness *liveness)
{
	if (liveness->state != LIVENESS_DEAD) {
		liveness->is_advertised = true;
		revive(liveness);
	}
	return 0;
}

unsigned liveness_gone(struct liveness *liveness)
{
	liveness->is_advertised = false;
	switch ((enum liveness_state)liveness->state) {
	case LIVENESS_DOWN:
		enter(liveness, LIVENESS_DEAD, LIVENESS_NEVER);
		return 0;
	case LIVENESS_ALIVE:
	case LIVENESS_VERIFYING:
		liveness->again_ms = LIVENESS_AGAIN_MS;
		enter(liveness, LIVENESS_VERIFYING, LIVENESS_NEVER);
		return probe(liveness, 0);
	case LIVENESS_VERIFIED:
	case LIVENESS_UNCONFIRMED:
	case LIVENESS_OUTAGE:
	case LIVENESS_DEAD:
		break;
	}
	return 0;
}

unsigned liveness_doubted(struct liveness *liveness, bool must_connect)
{
	unsigned how = must_connect ? LIVENESS_CONNECT : 0;

	switch ((enum liveness_state)liveness->state) {
	case LIVENESS_ALIVE:
		enter(liveness, LIVENESS_VERIFYING, LIVENESS_NEVER);
		return probe(liveness, how);
	case LIVENESS_VERIFYING:
	case LIVENESS_VERIFIED:
	case LIVENESS_UNCONFIRMED:
	case LIVENESS_OUTAGE:
	case LIVENESS_DOWN:
		return probe(liveness, how);
	case LIVENESS_DEAD:
		break;
	}
	return 0;
}

// Its own responder advertises it, or (not is_vouched) at least its port accepts.
static unsigned accept(struct liveness *liveness, bool is_vouched, uint64_t now_ms)
{
	if (liveness->is_advertised) {
		revive(liveness);
		return 0;
	}
	if (liveness->state == LIVENESS_OUTAGE) {
		return 0; // what is browsed afterwards decides
	}
	if (is_vouched) {
		if (liveness->state == LIVENESS_UNCONFIRMED) {
			liveness->again_ms = LIVENESS_AGAIN_MS;
		}
		liveness->is_unconfirmed = false;
		enter(liveness, LIVENESS_VERIFIED, now_ms + liveness->again_ms);
		return LIVENESS_ASK;
	}
	if (liveness->state == LIVENESS_VERIFYING) {
		liveness->is_unconfirmed = true;
		liveness->again_ms = LIVENESS_UNCONFIRMED_MS - LIVENESS_UNCONFIRMED_AGAIN_MS;
		enter(liveness, LIVENESS_UNCONFIRMED, now_ms + LIVENESS_UNCONFIRMED_AGAIN_MS);
		return LIVENESS_ASK;
	}
	return 0; // unconfirmed or verified: their own deadlines decide
}

/*
 * Its port accepts, and its host's responder is mute: that hangs, or a firewall is before it. So
 * nobody has withdrawn it, and it is waited for longer than what was: until the pauses between two
 * verifications are at their longest.
 */
static unsigned bear_with(struct liveness *liveness, uint64_t now_ms)
{
	if (liveness->is_advertised || liveness->state != LIVENESS_VERIFYING ||
	    liveness->again_ms >= LIVENESS_AGAIN_MAX_MS) {
		return accept(liveness, false, now_ms);
	}
	liveness->is_unconfirmed = true;
	enter(liveness, LIVENESS_VERIFIED, now_ms + liveness->again_ms);
	return LIVENESS_ASK;
}

static void fail(struct liveness *liveness, enum liveness_cause cause, uint64_t now_ms)
{
	if (liveness->is_advertised) {
		liveness->cause = (uint8_t)cause;
		enter(liveness, LIVENESS_DOWN, now_ms + liveness->again_ms);
	} else {
		die(liveness, cause);
	}
}

unsigned liveness_judged(struct liveness *liveness, enum liveness_verdict verdict, uint64_t now_ms)
{
	liveness->is_probing = false;
	if (liveness->state == LIVENESS_DEAD) {
		return 0;
	}
	switch (verdict) {
	case LIVENESS_ADVERTISED:
		if (liveness->is_connect_wanted) {
			return probe(liveness, LIVENESS_CONNECT); // a connect has failed meanwhile
		}
		return accept(liveness, true, now_ms);
	case LIVENESS_ACCEPTED:
		return accept(liveness, false, now_ms);
	case LIVENESS_MUTE:
		return bear_with(liveness, now_ms);
	case LIVENESS_REFUSED:
		fail(liveness, LIVENESS_REFUSING, now_ms);
		break;
	case LIVENESS_SILENT:
		if (liveness->state != LIVENESS_ALIVE) { // else heard again while it was asked
			fail(liveness, LIVENESS_SILENCE, now_ms);
		}
		break;
	}
	return 0;
}

static unsigned wait_on(struct liveness *liveness, uint64_t now_ms)
{
	if (liveness->again_ms < LIVENESS_UNCONFIRMED_AGAIN_MS) {
		die(liveness, LIVENESS_LEFT);
		return 0;
	}
	liveness->again_ms -= LIVENESS_UNCONFIRMED_AGAIN_MS;
	enter(liveness, LIVENESS_UNCONFIRMED, now_ms + LIVENESS_UNCONFIRMED_AGAIN_MS);
	return probe(liveness, 0) | LIVENESS_ASK;
}

unsigned liveness_tick(struct liveness *liveness, uint64_t now_ms)
{
	if (now_ms < liveness->deadline_ms) {
		return 0;
	}
	switch ((enum liveness_state)liveness->state) {
	case LIVENESS_UNCONFIRMED:
		return wait_on(liveness, now_ms);
	case LIVENESS_OUTAGE:
		liveness->again_ms = LIVENESS_AGAIN_MS;
		enter(liveness, LIVENESS_VERIFYING, LIVENESS_NEVER);
		return probe(liveness, 0);
	case LIVENESS_VERIFIED:
		lengthen_pause(liveness);
		enter(liveness, LIVENESS_VERIFYING, LIVENESS_NEVER);
		return probe(liveness, 0);
	case LIVENESS_DOWN:
		lengthen_pause(liveness);
		enter(liveness, LIVENESS_DOWN, now_ms + liveness->again_ms);
		return probe(liveness, LIVENESS_CONNECT);
	case LIVENESS_ALIVE: // reminded
		enter(liveness, LIVENESS_VERIFYING, LIVENESS_NEVER);
		return probe(liveness, LIVENESS_CONNECT);
	case LIVENESS_VERIFYING:
	case LIVENESS_DEAD:
		break;
	}
	return 0;
}

void liveness_remind(struct liveness *liveness, uint64_t at_ms)
{
	if (liveness->state == LIVENESS_ALIVE && liveness->deadline_ms == LIVENESS_NEVER) {
		liveness->deadline_ms = at_ms;
	}
}

void liveness_unaskable(struct liveness *liveness)
{
	liveness->is_probing = false;
	if (liveness->state != LIVENESS_VERIFYING) {
		return;
	}
	if (liveness->is_advertised) {
		enter(liveness, LIVENESS_ALIVE, LIVENESS_NEVER);
	} else {
		die(liveness, LIVENESS_LEFT);
	}
}

void liveness_superseded(struct liveness *liveness)
{
	liveness->is_advertised = false;
	die(liveness, LIVENESS_REPLACED);
}

void liveness_cut(struct liveness *liveness, uint64_t now_ms)
{
	liveness->is_probing = false;
	if (liveness->state != LIVENESS_DEAD) {
		fail(liveness, LIVENESS_CUT, now_ms);
	}
}

void liveness_moved(struct liveness *liveness)
{
	liveness->is_probing = false;
	if (liveness->is_advertised) {
		revive(liveness);
	}
}

void liveness_outage(struct liveness *liveness)
{
	liveness->is_advertised = false;
	if (liveness->state == LIVENESS_DOWN || liveness->state == LIVENESS_DEAD) {
		enter(liveness, LIVENESS_DEAD, LIVENESS_NEVER);
		return;
	}
	liveness->is_unconfirmed = true;
	enter(liveness, LIVENESS_OUTAGE, LIVENESS_NEVER);
}

void liveness_resumed(struct liveness *liveness, uint64_t now_ms)
{
	if (liveness->state == LIVENESS_OUTAGE) {
		liveness->deadline_ms = now_ms + LIVENESS_RESUME_MS;
	}
}

bool liveness_is_shown(const struct liveness *liveness)
{
	return liveness->state != LIVENESS_DOWN && liveness->state != LIVENESS_DEAD;
}

enum ep_state liveness_shown_as(const struct liveness *liveness)
{
	return liveness->is_unconfirmed ? EP_STATE_UNCONFIRMED : EP_STATE_UP;
}
