// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Asks a distribution port whether somebody listens: connect, then close, never a byte. A close
 * without unread data is a FIN; a reset would be logged as an error by OTP 29 on TLS ports.
 *
 * Anybody on the LAN can make us probe, so it is limited: few at once, few per target, a bounded
 * queue.
 */
#pragma once

#include <stdint.h>

#include "model/liveness.h"
#include "model/peers.h"

#define PROBER_TIMEOUT_MS 4000
#define PROBER_AT_ONCE 128       // a host of many nodes that is silent must not hold up the others
#define PROBER_QUEUE_MAX 8192    // one for each instance that can be known
#define PROBER_PER_TARGET_MS 200 // the least time between two connects to one address and port
#define PROBER_PER_SECOND 100    // connects in total

struct event_base;
struct prober;

// on_judged is never called from inside prober_ask().
struct prober *prober_new(struct event_base *base,
			  void (*on_judged)(void *user, const struct peers_ticket *ticket,
					    enum liveness_verdict verdict),
			  void *user);
void prober_free(struct prober *prober);

/*
 * prober_ask(): queue a probe. Its verdict comes exactly once, from the loop. Without an address
 * (len 0) it is LIVENESS_SILENT; when the queue overflows, the oldest ones get LIVENESS_ACCEPTED
 * unasked.
 */
void prober_ask(struct prober *prober, const struct peers_ticket *ticket,
		const struct peers_address *address, int32_t ifindex, uint16_t port);

uint32_t prober_pending(const struct prober *prober);
