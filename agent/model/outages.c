// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What concerns many peers at once: an outage of Avahi, or of a link.

#include "model/roster.h"

static void settle_changed(struct peers *peers, uint64_t now_ms)
{
	struct peer_entry *entry, *next;

	HASH_ITER (hh, peers->by_name, entry, next) {
		if (entry->is_unsettled) {
			entry->is_unsettled = false;
			roster_settle(peers, entry, now_ms);
		}
	}
}

void peers_outage(struct peers *peers, uint64_t now_ms)
{
	struct claim *claim, *next_claim;

	HASH_ITER (hh, peers->claims, claim, next_claim) {
		if (claim->peer == NULL) {
			roster_drop_claim(peers, claim);
			continue;
		}
		roster_uncount(peers, claim);
		sightings_gone_everywhere(&claim->sightings);
		liveness_outage(&claim->liveness);
		schedule_update(&peers->world.schedule, claim);
	}
	roster_settle_all(peers, now_ms);
}

static void note_change(const struct claim *claim)
{
	if (claim->peer != NULL) {
		peer_entry_of(claim->peer)->is_unsettled = true;
	}
}

void peers_cut(struct peers *peers, int32_t ifindex, uint64_t now_ms)
{
	struct claim *claim, *next;

	// First, that what is told of their end still has the addresses.
	HASH_ITER (hh, peers->claims, claim, next) {
		uint8_t len = claim->peer != NULL ? claim_address_len(claim) : 0;

		if (sightings_depend_on(&claim->sightings, ifindex, len)) {
			roster_cut_off(peers, claim, now_ms);
			note_change(claim);
		}
	}
	settle_changed(peers, now_ms);
	HASH_ITER (hh, peers->claims, claim, next) {
		if (sightings_cut(&claim->sightings, ifindex)) {
			note_change(claim);
		}
	}
	settle_changed(peers, now_ms);
}

void peers_mended(struct peers *peers, int32_t ifindex, uint64_t now_ms)
{
	struct claim *claim, *next;

	HASH_ITER (hh, peers->claims, claim, next) {
		bool was_cut = sightings_mend(&claim->sightings, ifindex);

		if (!sightings_is_at(&claim->sightings, ifindex)) {
			continue;
		}
		peer_resolve(&peers->world, claim);
		if (was_cut && claim->peer != NULL && claim->liveness.state == LIVENESS_DOWN) {
			peer_doubt(&peers->world, claim);
		}
	}
	roster_settle_all(peers, now_ms);
}

void peers_resumed(struct peers *peers, uint64_t now_ms)
{
	struct claim *claim, *next;

	HASH_ITER (hh, peers->claims, claim, next) {
		liveness_resumed(&claim->liveness, now_ms);
		if (claim->peer != NULL) { // else there is nothing to verify before it is resolved
			schedule_update(&peers->world.schedule, claim);
		}
	}
}
