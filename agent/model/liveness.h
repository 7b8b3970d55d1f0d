// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Is a service instance that was heard on the network alive? A state machine for one instance: what
 * is seen and probed goes in, with the time (CLOCK_MONOTONIC, ms); what to do next comes out. mDNS
 * alone cannot tell: a goodbye can be forged, a lost refresh looks like one, and a power cut says
 * nothing. So a doubt is verified by a connect to the distribution port, and never acted on alone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "epmdns/protocol.h"

// Accepts but is withdrawn: time for its agent or Avahi to return.
#define LIVENESS_UNCONFIRMED_MS 30000
// After browsing again: time to be seen again unasked.
#define LIVENESS_RESUME_MS 10000
// Down but still in Avahi's cache: asked again after this, doubling up to that.
#define LIVENESS_AGAIN_MS 12000
#define LIVENESS_AGAIN_MAX_MS 60000

#define LIVENESS_NEVER UINT64_MAX

enum liveness_state {
	LIVENESS_ALIVE = 0,
	LIVENESS_VERIFYING,   // in doubt and being probed, still shown as it was
	LIVENESS_UNCONFIRMED, // withdrawn but accepting connections
	LIVENESS_OUTAGE,      // Avahi or the discovery process is away: nothing is known
	LIVENESS_DOWN,        // does not answer but is still advertised: not shown
	LIVENESS_DEAD,        // to be removed; final
};

// What the connect to the distribution port showed.
enum liveness_verdict {
	LIVENESS_ACCEPTED,
	LIVENESS_REFUSED,
	LIVENESS_SILENT, // nothing for 4 s
};

// What the caller is to do, or'ed together.
enum liveness_action {
	LIVENESS_PROBE = 1, // connect, and report by liveness_judged() or liveness_unaskable()
	LIVENESS_ASK = 2,   // put a fresh question on the network
};

struct liveness {
	uint8_t state; // enum liveness_state
	bool is_advertised;
	bool is_probing;
	bool is_unconfirmed; // how it is shown: nobody vouches for it now
	uint32_t again_ms;
	uint64_t deadline_ms; // call liveness_tick() then; LIVENESS_NEVER for none
};

void liveness_init(struct liveness *liveness);

/*
 * Each returns actions. An instance is advertised from seen (its first reference) to gone (its
 * last). Doubted: a failed connect was reported, or it is looked up while down; a doubt never kills
 * by itself.
 */
unsigned liveness_seen(struct liveness *liveness);
unsigned liveness_gone(struct liveness *liveness);
unsigned liveness_doubted(struct liveness *liveness);
unsigned liveness_judged(struct liveness *liveness, enum liveness_verdict verdict, uint64_t now_ms);
unsigned liveness_tick(struct liveness *liveness, uint64_t now_ms);

// liveness_unaskable(): no address of it may be asked, so that only what mDNS says counts.
void liveness_unaskable(struct liveness *liveness);
// liveness_superseded(): it is withdrawn because its successor is here; nothing to verify.
void liveness_superseded(struct liveness *liveness);
// liveness_moved(): its records name another port now, of which the probe under way says nothing.
void liveness_moved(struct liveness *liveness);
// liveness_outage(): all sightings are void until browsing resumes.
void liveness_outage(struct liveness *liveness);
void liveness_resumed(struct liveness *liveness, uint64_t now_ms);

bool liveness_is_shown(const struct liveness *liveness);
// liveness_shown_as(): EP_STATE_UP or EP_STATE_UNCONFIRMED.
enum ep_state liveness_shown_as(const struct liveness *liveness);
