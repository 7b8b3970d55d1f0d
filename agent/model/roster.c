// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/roster.h"

#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

struct claim *roster_find_claim(const struct peers *peers, const char *instance)
{
	struct claim *claim;

	HASH_FIND_STR(peers->claims, instance, claim);
	return claim;
}

struct peer_entry *roster_find_entry(const struct peers *peers, struct ep_str node)
{
	struct peer_entry *entry;

	HASH_FIND(hh, peers->by_name, node.p, (unsigned)node.n, entry);
	return entry;
}

void roster_uncount(struct peers *peers, const struct claim *claim)
{
	struct peers_where where;
	bool was_told = false;
	uint8_t at = 0;

	while (sightings_next_told(&claim->sightings, &at, &where)) {
		census_remove(&peers->census, where);
		was_told = true;
	}
	peers->n_told -= was_told ? 1 : 0;
}

void roster_enter(struct peers *peers, struct claim *claim, struct peers_where where)
{
	bool was_told = sightings_is_told(&claim->sightings, where);
	struct peers_where other;
	uint8_t at = 0;
	bool was_anywhere = sightings_next_told(&claim->sightings, &at, &other);

	if (sightings_seen(&claim->sightings, where) && !was_told) {
		census_add(&peers->census, where);
		peers->n_told += was_anywhere ? 0 : 1;
	}
}

bool roster_leave(struct peers *peers, struct claim *claim, struct peers_where where)
{
	bool was_told = sightings_is_told(&claim->sightings, where);
	bool is_last = sightings_gone(&claim->sightings, where, claim_address_len(claim));

	if (was_told) {
		census_remove(&peers->census, where);
		peers->n_told -= is_last ? 1 : 0;
	}
	return is_last;
}

void roster_drop_claim(struct peers *peers, struct claim *claim)
{
	assert(!claim->is_shown);
	schedule_remove(&peers->world.schedule, claim);
	roster_uncount(peers, claim);
	peers->n_clustered -= claim_cluster(claim).n > 0 ? 1 : 0;
	if (claim->peer != NULL) {
		LL_DELETE(peer_entry_of(claim->peer)->claims, claim);
	}
	HASH_DEL(peers->claims, claim);
	claim_free(claim);
}

void roster_drop_entry(struct peers *peers, struct peer_entry *entry)
{
	order_remove(&peers->order, &entry->peer.link);
	HASH_DEL(peers->by_name, entry);
	free(entry);
}

void roster_settle(struct peers *peers, struct peer_entry *entry, uint64_t now_ms)
{
	struct claim *claim, *next;

	peer_settle(&peers->world, entry, now_ms);
	LL_FOREACH_SAFE(entry->claims, claim, next)
	{
		if (claim->liveness.state == LIVENESS_DEAD) {
			roster_drop_claim(peers, claim);
		}
	}
	if (entry->claims == NULL) {
		roster_drop_entry(peers, entry);
	}
}

struct peer_entry *roster_obtain_entry(struct peers *peers, struct ep_str node)
{
	struct peer_entry *entry = roster_find_entry(peers, node);

	if (entry == NULL && HASH_COUNT(peers->by_name) < peers->config.peers_max) {
		entry = peer_new(node);
		HASH_ADD_KEYPTR(hh, peers->by_name, entry->name, entry->name_len, entry);
		order_append(&peers->order, &entry->peer.link);
	}
	return entry;
}

void roster_settle_all(struct peers *peers, uint64_t now_ms)
{
	struct peer_entry *entry, *next;

	HASH_ITER (hh, peers->by_name, entry, next) {
		roster_settle(peers, entry, now_ms);
	}
}

void roster_cut_off(struct peers *peers, struct claim *claim, uint64_t now_ms)
{
	claim->id = ++peers->next_id; // what a probe says that is under way is of before
	liveness_cut(&claim->liveness, now_ms);
	if (claim->peer != NULL) {
		schedule_update(&peers->world.schedule, claim);
	}
}
