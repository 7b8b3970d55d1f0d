// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Everything that a client or the LAN can make the agent hold, in one place. (Wire limits stand in
 * epmdns/protocol.h, those of one edge in its header: edge/server.h, edge/prober.h, edge/wire.h.)
 *
 * What clients share, no user can fill: …_PER_UID_MAX is half of it. Whoever asks for more is
 * answered `limit` and told whose limit it is.
 */
#pragma once

#include <stdint.h>

#define AGENT_SESSIONS_MAX 20480 // of which one user may have half
#define AGENT_DESCRIPTORS 192    // kept for all but sessions
#define AGENT_NODES_MAX 20480
#define AGENT_NODES_PER_UID_MAX (AGENT_NODES_MAX / 2)
#define AGENT_NODES_PER_SESSION_MAX 64
#define AGENT_WATCHES_MAX 2048 // each is told of each change, which takes half a microsecond
#define AGENT_WATCHES_PER_UID_MAX (AGENT_WATCHES_MAX / 2)
#define AGENT_WATCHES_PER_SESSION_MAX 8
#define AGENT_WAITS_MAX 4096 // lookups that wait for the network
#define AGENT_WAITS_PER_UID_MAX (AGENT_WAITS_MAX / 2)
#define AGENT_ADVERTS_MAX 512 // nodes advertised; the rest is known on this host only
#define AGENT_ADVERTS_PER_UID_MAX (AGENT_ADVERTS_MAX / 2) // more while no other user needs it
#define AGENT_HINTS_PER_UID_MAX 50 // probes a second that are begun for it: half of the prober's

/*
 * Of lists and names a session has no more than requests in flight (EP_IN_FLIGHT_MAX). One that
 * waits for its client to read has output that waits, and that is limited for each user
 * (SERVER_BYTES_PER_UID_MAX).
 *
 * These two are shared and yet not divided, for one who fills them takes nothing from others. A
 * miss that is forgotten early costs the next lookup of that name a wait, not the answer. What is
 * not resolved again now is by the next lookup; both are answered from what is known.
 */
#define AGENT_MISSES_MAX 1024    // names remembered as not found; past that the oldest is forgotten
#define AGENT_REFRESHES_MAX 1024 // services to be resolved again; past that they are not

#define AGENT_REPORTS_MAX 64 // status that waits for Avahi; past that it is told what is known

// What the LAN alone makes us hold, which has no users.
#define AGENT_PEERS_MAX 4096    // or fewer, if the administrator says so
#define AGENT_CLAIMS_PER_PEER 2 // service instances heard, resolved or not
#define AGENT_INTERFACES_MAX 64 // interface names remembered

/*
 * A flood: new services at more than AGENT_FLOOD_PER_S a second, until there are AGENT_FLOOD_MORE
 * too many. An agent that has many nodes to announce does so at 50 a second.
 */
#define AGENT_FLOOD_PER_S 100
#define AGENT_FLOOD_MORE 500
#define AGENT_FLOOD_CALM_MS 60000
#define AGENT_FLOOD_AFTER_MS 3000 // of browsing: before, Avahi tells all that it has

// Avahi's cache, for each interface and protocol, of which so many parts may be ours: the rest is
// for printers and the like.
#define AGENT_CACHE_ENTRIES 4096 // Avahi's own default
#define AGENT_CACHE_PARTS 8
#define AGENT_CACHE_BEGIN 7 // of these parts are ours: it may be full …
#define AGENT_CACHE_END 6   // … and fewer than these: it is not

#define AGENT_WAIT_MAX_MS 500    // for the answer to a question on the network
#define AGENT_GRACE_MS 2000      // after start: registered nodes come back in this time
#define AGENT_MISS_MS 2000       // a name that was not found is not waited for again
#define AGENT_MISS_AFTER_MS 200  // by then the network has answered, or will not
#define AGENT_ASK_EVERY_MS 10000 // between two questions to all of the network, of few instances

#define AGENT_TTL_MIN_S 15 // up to 50 instances on the LAN …
#define AGENT_TTL_MAX_S 120
#define AGENT_TTL_PER_INSTANCE_MS 300 // … then this much for each

/*
 * How long after a question to all of the network the next one may be asked. All instances answer
 * to all, and Avahi compares each answer with each instance, on every host: of 300 that takes it
 * half a second, of 1 000 several. A longer wait than until they are renewed anyway gains nothing.
 */
static inline uint64_t agent_ask_every_ms(uint32_t instances)
{
	uint64_t ms = AGENT_ASK_EVERY_MS + (uint64_t)instances * instances / 10;

	return ms < AGENT_TTL_MAX_S * 1000U ? ms : AGENT_TTL_MAX_S * 1000U;
}
