// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Is a service instance that was heard on the network alive? A state machine for one instance: what
 * is seen and probed goes in, with the time (CLOCK_MONOTONIC, ms); what to do next comes out. mDNS
 * alone cannot tell: a goodbye can be forged, a lost refresh looks like one, and a power cut says
 * nothing. So a doubt is verified (model/verification.h), and never acted on alone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "epmdns/protocol.h"

// Accepts but is withdrawn: time for its agent or Avahi to return. It is verified in between, for
// the answer of a responder that had not left may have been lost.
#define LIVENESS_UNCONFIRMED_MS 30000
#define LIVENESS_UNCONFIRMED_AGAIN_MS 7500
// After browsing again: time to be seen again unasked.
#define LIVENESS_RESUME_MS 10000
// Down but still in Avahi's cache, or alive and not in it: asked again after this, doubling up to
// that.
#define LIVENESS_AGAIN_MS 12000
#define LIVENESS_AGAIN_MAX_MS 60000

#define LIVENESS_NEVER UINT64_MAX

enum liveness_state {
	LIVENESS_ALIVE = 0,
	LIVENESS_VERIFYING, // in doubt and being probed, still shown as it was
	LIVENESS_VERIFIED,  // Avahi here does not know it, but its own responder advertises it, or
			    // is mute: then it is unconfirmed as well, and not for ever
	LIVENESS_UNCONFIRMED, // withdrawn but accepting connections
	LIVENESS_OUTAGE,      // Avahi or the discovery process is away: nothing is known
	LIVENESS_DOWN,        // does not answer but is still advertised: not shown
	LIVENESS_DEAD,        // to be removed; final
};

// What a verification showed.
enum liveness_verdict {
	LIVENESS_ADVERTISED, // says its host's own responder
	LIVENESS_ACCEPTED,   // its port accepts a connection; nobody says that it is advertised …
	LIVENESS_MUTE,       // … but its host's responder said nothing at all, as if it hung
	LIVENESS_REFUSED,
	LIVENESS_SILENT, // nothing for 4 s
};

// Why it is down or dead.
enum liveness_cause {
	LIVENESS_LEFT = 0, // withdrawn: not advertised again in time, or it could not be asked
	LIVENESS_REFUSING, // nobody listens on its port
	LIVENESS_SILENCE,  // neither its port nor its host's responder answered
	LIVENESS_REPLACED, // another registration has its place or its name
	LIVENESS_CUT,      // our link to it has no carrier
	LIVENESS_NOWHERE,  // it lives, but none of its addresses can be used
	LIVENESS_CAUSES,
};

// What the caller is to do, or'ed together.
enum liveness_action {
	LIVENESS_PROBE = 1,   // verify, and report by liveness_judged() or liveness_unaskable()
	LIVENESS_CONNECT = 2, // with that: only a connect tells
	LIVENESS_ASK = 4,     // put a fresh question on the network
};

struct liveness {
	uint8_t state; // enum liveness_state
	uint8_t cause; // enum liveness_cause
	bool is_advertised : 1;
	bool is_probing : 1;
	bool is_connecting : 1;     // with that: only a connect tells …
	bool is_connect_wanted : 1; // … or, of a probe that is satisfied with less, will have to
	bool is_unconfirmed : 1;    // how it is shown: nobody vouches for it now
	uint32_t again_ms;          // next pause; while unconfirmed, what is left of that time
	uint64_t deadline_ms;       // call liveness_tick() then; LIVENESS_NEVER for none
};

void liveness_init(struct liveness *liveness);

/*
 * Each returns actions. An instance is advertised from seen (its first reference) to gone (its
 * last). Doubted: a failed connect was reported or it is looked up while down (must_connect), or
 * this machine has slept; a doubt never kills by itself.
 */
unsigned liveness_seen(struct liveness *liveness);
unsigned liveness_gone(struct liveness *liveness);
unsigned liveness_doubted(struct liveness *liveness, bool must_connect);
unsigned liveness_judged(struct liveness *liveness, enum liveness_verdict verdict, uint64_t now_ms);
unsigned liveness_tick(struct liveness *liveness, uint64_t now_ms);

// liveness_remind(): to be verified again then, if it is alive by that time. A reminder that is set
// stays.
void liveness_remind(struct liveness *liveness, uint64_t at_ms);
// liveness_unaskable(): no address of it may be asked, so that only what mDNS says counts.
void liveness_unaskable(struct liveness *liveness);
// liveness_superseded(): it is withdrawn because its successor is here; nothing to verify.
void liveness_superseded(struct liveness *liveness);
// liveness_cut(): heard on a link without carrier only: not there, but Avahi may still have it.
void liveness_cut(struct liveness *liveness, uint64_t now_ms);
// liveness_moved(): its records name another port now, of which the probe under way says nothing.
void liveness_moved(struct liveness *liveness);
// liveness_outage(): all sightings are void until browsing resumes.
void liveness_outage(struct liveness *liveness);
void liveness_resumed(struct liveness *liveness, uint64_t now_ms);

bool liveness_is_shown(const struct liveness *liveness);
// liveness_shown_as(): EP_STATE_UP or EP_STATE_UNCONFIRMED.
enum ep_state liveness_shown_as(const struct liveness *liveness);
