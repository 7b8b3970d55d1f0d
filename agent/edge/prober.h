// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Carries out verifications (model/verification.h): asks the mDNS responder of a host whether it
 * still advertises an instance (edge/inquiry.h), and its distribution port whether somebody listens
 * (edge/knock.h).
 *
 * Anybody on the LAN can make us probe, so it is limited: few at once, few per target, a bounded
 * queue in which addresses take turns (edge/lanes.h), and for questions the limits of
 * edge/inquiry.h.
 */
#pragma once

#include <stdint.h>

#include "model/liveness.h"
#include "model/peers.h"

#define PROBER_AT_ONCE 128       // a host of many nodes that is silent must not hold up the others
#define PROBER_QUEUE_MAX 8192    // one for each instance that can be known
#define PROBER_PER_TARGET_MS 200 // the least time between two probes of one address and port
#define PROBER_PER_SECOND 100    // probes begun in total, each with one connect at most

struct event_base;
struct prober;

// Called from the loop, never from inside prober_ask().
struct prober_ops {
	// once for each probe
	void (*on_judged)(void *user, const struct peers_ticket *ticket,
			  enum liveness_verdict verdict);
	// is the answer still of use? NULL: always. What is not wanted is LIVENESS_SILENT unasked
	bool (*is_wanted)(void *user, const struct peers_ticket *ticket);
	// one is not answered at once: put a fresh question on the network
	void (*on_unanswered)(void *user);
};

struct prober *prober_new(struct event_base *base, const struct prober_ops *ops, void *user);
void prober_free(struct prober *prober);

/*
 * prober_ask(): queue a probe. Its verdict comes exactly once, from the loop. Without an address
 * (len 0) it is LIVENESS_SILENT; when the queue overflows, the oldest ones get LIVENESS_ACCEPTED
 * unasked.
 */
void prober_ask(struct prober *prober, const struct peers_ticket *ticket,
		const struct peers_address *address, int32_t ifindex, uint16_t port);

uint32_t prober_pending(const struct prober *prober);
