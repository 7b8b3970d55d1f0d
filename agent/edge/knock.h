// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Knocks at a distribution port: connect, then close, never a byte. A close without unread data is
 * a FIN; a reset would be logged as an error by OTP 29 on TLS ports. Part of the prober.
 */
#pragma once

#include <stdint.h>

#include "model/liveness.h"

#define KNOCK_AGAIN_MS 500 // while there is no way there

struct event_base;
struct knock;
struct peers_address;

/*
 * knock_new(): goes on until it is answered or freed. on_knocked comes once at most, from the loop,
 * with LIVENESS_ACCEPTED (also for want of a descriptor, which is not the peer's fault),
 * LIVENESS_REFUSED or, when there is no way there from here, LIVENESS_SILENT.
 */
struct knock *knock_new(struct event_base *base, const struct peers_address *address,
			int32_t ifindex, uint16_t port,
			void (*on_knocked)(void *user, enum liveness_verdict verdict), void *user);
void knock_free(struct knock *knock);
