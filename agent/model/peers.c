// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/peers.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/xalloc.h"
#include "model/contest.h"
#include "model/roster.h"

struct peers *peers_new(const struct peers_config *config, const struct peers_ops *ops, void *user)
{
	struct peers *peers = xcalloc(1, sizeof(*peers));

	peers->config = *config;
	peers->world.ops = ops;
	peers->world.user = user;
	peers->world.allow_off_link = config->allow_off_link;
	return peers;
}

void peers_free(struct peers *peers)
{
	struct claim *claim, *next_claim;
	struct peer_entry *entry, *next_entry;

	if (peers == NULL) {
		return;
	}
	HASH_ITER (hh, peers->claims, claim, next_claim) {
		claim->is_shown = false;
		roster_drop_claim(peers, claim);
	}
	HASH_ITER (hh, peers->by_name, entry, next_entry) {
		roster_drop_entry(peers, entry);
	}
	schedule_fini(&peers->world.schedule);
	free(peers);
}

bool peers_seen(struct peers *peers, const char *instance, struct peers_where where,
		uint64_t now_ms)
{
	struct claim *claim = roster_find_claim(peers, instance);

	if (claim == NULL) {
		if (HASH_COUNT(peers->claims) >= peers->config.claims_max ||
		    strlen(instance) > SERVICE_INSTANCE_MAX) {
			return false;
		}
		claim = claim_new(instance, ++peers->next_id);
		HASH_ADD_STR(peers->claims, instance, claim);
	}
	roster_enter(peers, claim, where);
	peer_act(&peers->world, claim, liveness_seen(&claim->liveness));
	if (claim->peer != NULL) {
		roster_settle(peers, peer_entry_of(claim->peer), now_ms);
	}
	return true;
}

// It is not heard there any more. Its end is verified, unless another is in its place.
void peers_gone(struct peers *peers, const char *instance, struct peers_where where,
		uint64_t now_ms)
{
	struct claim *claim = roster_find_claim(peers, instance);
	bool was_heard, is_last;

	if (claim == NULL) {
		return;
	}
	was_heard = sightings_is_seen(&claim->sightings, where);
	is_last = roster_leave(peers, claim, where);
	if (claim->peer == NULL) {
		if (is_last) {
			roster_drop_claim(peers, claim);
		}
		return;
	}
	// A goodbye from where our link is well may be forged, or a refresh that was lost.
	if (!was_heard && sightings_is_cut_off(&claim->sightings)) {
		roster_cut_off(peers, claim, now_ms);
	} else if (contest_is_superseded(peer_entry_of(claim->peer)->claims, claim)) {
		if (is_last) {
			liveness_superseded(&claim->liveness);
		}
	} else if (is_last) {
		peer_act(&peers->world, claim, liveness_gone(&claim->liveness));
	} else if (!sightings_is_fresh(&claim->sightings, claim_address_len(claim))) {
		// No address vouched for is left; its responder can vouch for the one asked.
		peer_act(&peers->world, claim, liveness_doubted(&claim->liveness, false));
	}
	roster_settle(peers, peer_entry_of(claim->peer), now_ms);
}

void peers_again(struct peers *peers, const char *instance, struct peers_where where,
		 uint64_t now_ms)
{
	struct claim *claim = roster_find_claim(peers, instance);

	if (claim == NULL || claim->peer == NULL || !sightings_is_seen(&claim->sightings, where)) {
		return;
	}
	peer_resolve(&peers->world, claim);
	if (claim->liveness.state == LIVENESS_DOWN) {
		peer_doubt(&peers->world, claim);
	}
	roster_settle(peers, peer_entry_of(claim->peer), now_ms);
}

bool peers_is_wanted(const struct peers *peers, const struct peers_ticket *ticket)
{
	const struct claim *claim = roster_find_claim(peers, ticket->instance);

	return claim != NULL && claim->id == ticket->id;
}

// A host may have lost one of its addresses. Where there is no other, a brief silence is none.
static bool probe_on(struct peers *peers, struct claim *claim, const struct peers_ticket *ticket,
		     enum liveness_verdict verdict)
{
	if (peer_probe_next(&peers->world, claim, &ticket->address, ticket->must_connect)) {
		return true;
	}
	if (!ticket->is_brief || verdict != LIVENESS_SILENT) {
		return false;
	}
	sightings_forgive(&claim->sightings);
	return peer_probe_next(&peers->world, claim, NULL, ticket->must_connect);
}

void peers_judge(struct peers *peers, const struct peers_ticket *ticket,
		 enum liveness_verdict verdict, uint64_t now_ms)
{
	struct claim *claim = roster_find_claim(peers, ticket->instance);
	bool is_elsewhere = verdict == LIVENESS_SILENT;

	if (claim == NULL || claim->id != ticket->id) {
		return;
	}
	claim->is_answering = verdict == LIVENESS_ADVERTISED || verdict == LIVENESS_ACCEPTED ||
			      verdict == LIVENESS_MUTE;
	claim->is_challenged &= claim->is_answering;
	if (verdict == LIVENESS_ADVERTISED &&
	    contest_is_at_holder(peer_entry_of(claim->peer)->claims, claim, &ticket->address)) {
		claim->is_suspect = false;
	}
	sightings_mark(&claim->sightings, &ticket->address, !claim->is_answering);
	if (!claim->is_answering &&
	    sightings_is_held(&claim->sightings, ticket->address.bytes, ticket->address.len)) {
		sightings_release(&claim->sightings, claim_address_len(claim));
		is_elsewhere = true; // who refuses there may be another host
	}
	// A host may have lost one of its addresses; one that is withdrawn too is gone.
	if (!is_elsewhere || !claim->liveness.is_advertised ||
	    !probe_on(peers, claim, ticket, verdict)) {
		peer_act(&peers->world, claim, liveness_judged(&claim->liveness, verdict, now_ms));
	}
	roster_settle(peers, peer_entry_of(claim->peer), now_ms);
}

uint32_t peers_doubt(struct peers *peers, struct ep_str node, uint32_t family)
{
	struct peer_entry *entry = roster_find_entry(peers, node);
	uint32_t n_probes = 0;
	struct claim *claim;

	if (entry == NULL) {
		return 0;
	}
	LL_FOREACH (entry->claims, claim) {
		if (!claim->is_newcomer && (family == 0 || claim_family(claim) == family)) {
			unsigned actions = liveness_doubted(&claim->liveness, true);

			n_probes += (actions & LIVENESS_PROBE) != 0;
			peer_act_anew(&peers->world, claim, actions);
		}
	}
	return n_probes;
}

void peers_verify_all(struct peers *peers)
{
	struct claim *claim, *next;

	HASH_ITER (hh, peers->claims, claim, next) {
		if (claim->peer != NULL) {
			peer_act_anew(&peers->world, claim,
				      liveness_doubted(&claim->liveness, false));
		}
	}
}

void peers_local_changed(struct peers *peers, struct ep_str node, uint64_t now_ms)
{
	struct peer_entry *entry = roster_find_entry(peers, node);
	struct claim *claim;

	if (entry == NULL) {
		return;
	}
	contest_restart(entry->claims);
	entry->peer.is_conflicted = false;
	if (peers->world.ops->local_creation(peers->world.user, node) == 0) {
		LL_FOREACH (entry->claims, claim) {
			peer_doubt(&peers->world,
				   claim); // nobody has asked while the name was ours
		}
	}
	roster_settle(peers, entry, now_ms);
}

uint64_t peers_deadline_ms(const struct peers *peers)
{
	const struct claim *first = schedule_first(&peers->world.schedule);

	return first != NULL ? first->liveness.deadline_ms : LIVENESS_NEVER;
}

void peers_tick(struct peers *peers, uint64_t now_ms)
{
	struct claim *claim;

	while ((claim = schedule_first(&peers->world.schedule)) != NULL &&
	       claim->liveness.deadline_ms <= now_ms) {
		peer_act_anew(&peers->world, claim, liveness_tick(&claim->liveness, now_ms));
		roster_settle(peers, peer_entry_of(claim->peer), now_ms);
	}
}

struct peer *peers_find(const struct peers *peers, struct ep_str node)
{
	struct peer_entry *entry = roster_find_entry(peers, node);

	return entry == NULL ? NULL : &entry->peer;
}

enum peers_found peers_lookup(struct peers *peers, struct ep_str node, enum ep_family family,
			      uint64_t now_ms, struct peer_answer *answer)
{
	struct peer_entry *entry = roster_find_entry(peers, node);
	struct claim *claim;
	enum peers_found found;

	if (entry == NULL) {
		return PEERS_NOT_FOUND;
	}
	found = peer_lookup(&peers->world, entry, family, now_ms, answer);
	if (found != PEERS_NOT_FOUND) {
		return found;
	}
	LL_FOREACH (entry->claims, claim) {
		if (claim->liveness.state == LIVENESS_DOWN && claim_family(claim) == family) {
			peer_act_anew(&peers->world, claim,
				      liveness_doubted(&claim->liveness, true)); // it may be back
		}
	}
	return PEERS_NOT_FOUND;
}

bool peers_view(const struct peers *peers, const struct peer *peer, enum ep_family family,
		struct peer_view *view, struct service *scratch)
{
	return peer_view(&peers->world, (const struct peer_entry *)(const void *)peer, family, view,
			 scratch);
}

struct order *peers_order(struct peers *peers)
{
	return &peers->order;
}

uint32_t peers_count(const struct peers *peers)
{
	return HASH_COUNT(peers->by_name);
}

uint32_t peers_instances(const struct peers *peers)
{
	return HASH_COUNT(peers->claims);
}

uint32_t peers_unheard(const struct peers *peers)
{
	const struct claim *claim;
	uint32_t n = 0;

	for (claim = peers->claims; claim != NULL; claim = claim->hh.next) {
		n += claim->liveness.is_advertised ? 0 : 1;
	}
	return n;
}

uint32_t peers_fullest(const struct peers *peers, struct peers_where *where)
{
	uint32_t n = census_fullest(&peers->census, where);

	return n > 0 ? n + HASH_COUNT(peers->claims) - peers->n_told : 0;
}

uint32_t peers_clustered(const struct peers *peers)
{
	return peers->n_clustered;
}
