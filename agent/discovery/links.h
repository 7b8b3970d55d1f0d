// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * What happens to this host's own links, and what is to be done about it when. A link that loses
 * its carrier is cut at once. One that comes up, or gets other addresses, is mended: at once too,
 * but not more often than every LINKS_HOLD_MS, however often the cable is pulled. Pure: snapshots
 * and the time (CLOCK_MONOTONIC, ms) are passed in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/wire.h"

#define LINKS_MAX 64 // of further ones the carrier is not watched
#define LINKS_HOLD_MS 1000
/*
 * After an address has changed, Avahi probes for the new one (RFC 6762 §8.1) before it says it,
 * which takes up to 1 s. Now it has.
 */
#define LINKS_AGAIN_MS 1200

struct link_status {
	int32_t ifindex;
	char name[LINK_IFNAME_MAX];
	bool is_up;
	bool has_carrier;
	bool is_multicast;
	uint16_t n_addresses;
	uint64_t addresses; // sum of a hash of each, with its prefix
};

enum links_what {
	LINKS_CUT = 1, // no carrier any more, or the interface is gone
	LINKS_MENDED,  // carrier again, a new interface, or other addresses (is_moved)
	LINKS_AGAIN,   // LINKS_AGAIN_MS after it was mended with other addresses
};

struct links_event {
	enum links_what what;
	int32_t ifindex;
	bool is_moved;
};

struct watched_link {
	struct link_status status;
	bool is_there; // in the last snapshot
	bool is_cut, is_cut_due;
	bool is_moved;
	bool was_mended;
	uint64_t mended_ms;                   // the last time
	uint64_t mended_due_ms, again_due_ms; // UINT64_MAX: never
};

struct links {
	size_t n;
	bool has_begun;
	struct watched_link all[LINKS_MAX];
};

// links_take(): what is there now. The first time, nothing has happened.
void links_take(struct links *links, const struct link_status *there, size_t n, uint64_t now_ms);
// links_next(): what has happened. Return: false when there is nothing (more) now.
bool links_next(struct links *links, uint64_t now_ms, struct links_event *event);
// links_wait_ms(): until links_next() has something; 0: now, -1: never.
int64_t links_wait_ms(const struct links *links, uint64_t now_ms);
// links_is_dead(): is it known to have no carrier?
bool links_is_dead(const struct links *links, int32_t ifindex);
