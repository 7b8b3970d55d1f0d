// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What was resolved of an instance becomes a claim, or changes one.

#include <string.h>
#include <utlist.h>

#include "model/contest.h"
#include "model/roster.h"

const char *const peers_no_room = "there are too many peers";

// What was resolved of an instance, and where.
struct resolution {
	struct peers_where where;
	uint16_t port;
	uint8_t n_addresses;
	const struct peers_address *addresses;
	struct service service;
};

// Return: whether there is a new address.
static bool take(struct peers *peers, struct claim *claim, const struct resolution *found,
		 const uint8_t *hold, uint64_t now_ms)
{
	claim->fresh_s = (uint32_t)(now_ms / 1000);
	peers->n_clustered -= claim_cluster(claim).n > 0 ? 1 : 0;
	claim_set_service(claim, found->port, &found->service);
	peers->n_clustered += claim_cluster(claim).n > 0 ? 1 : 0;
	return sightings_resolved(&claim->sightings, found->where, found->addresses,
				  found->n_addresses, claim_address_len(claim), hold);
}

/*
 * The same, of what was known as it is. When a host has another address, the former is asked before
 * it is given up: that it has another may be forged.
 */
static bool renew(struct peers *peers, struct claim *claim, const struct resolution *found,
		  uint64_t now_ms)
{
	struct claim_addresses addresses;
	uint8_t hold[16];
	bool is_new;

	peer_addresses(&peers->world, peer_entry_of(claim->peer), claim, &addresses);
	if (!claim->is_shown || addresses.n == 0 ||
	    !sightings_is_first_rate(&claim->sightings, addresses.best[0].bytes, addresses.len)) {
		return take(peers, claim, found, NULL, now_ms);
	}
	memcpy(hold, addresses.best[0].bytes, addresses.len);
	is_new = take(peers, claim, found, hold, now_ms);
	if (sightings_has_held(&claim->sightings)) {
		peer_act(&peers->world, claim, liveness_doubted(&claim->liveness, false));
	}
	return is_new;
}

// A claim to a name begins.
static const char *join(struct peers *peers, struct claim *claim, const struct resolution *found,
			uint64_t now_ms)
{
	struct peer_entry *entry = roster_obtain_entry(peers, found->service.node);
	struct claim *victim;
	const char *problem;

	if (entry == NULL) {
		return peers_no_room;
	}
	take(peers, claim, found, NULL, now_ms);
	problem = contest_make_room(entry->claims, claim, &victim);
	if (problem != NULL) {
		return problem; // so the peer has others
	}
	if (victim != NULL) {
		roster_drop_claim(peers, victim);
	}
	claim->is_newcomer = true;
	claim->peer = &entry->peer;
	LL_APPEND(entry->claims, claim);
	if (claim->liveness.state == LIVENESS_DOWN) {
		peer_doubt(&peers->world, claim); // seen before our link was cut
	}
	roster_settle(peers, entry, now_ms);
	return NULL;
}

/*
 * The records of an instance are of one registration and do not change, if epmdns published them.
 * What does not prove to be its next is taken only when the former does not answer.
 */
static const char *update(struct peers *peers, struct claim *claim, const struct resolution *found,
			  uint64_t now_ms)
{
	struct peer_entry *entry = peer_entry_of(claim->peer);
	struct ep_str name = peer_name(claim->peer);
	bool is_continued, is_moved;

	if (name.n != found->service.node.n || memcmp(name.p, found->service.node.p, name.n) != 0) {
		return "the same instance had another node name";
	}
	if (!claim_differs(claim, found->port, &found->service)) {
		if (renew(peers, claim, found, now_ms) && claim->liveness.state == LIVENESS_DOWN) {
			peer_doubt(&peers->world, claim); // it may be there
		}
		roster_settle(peers, entry, now_ms);
		return NULL;
	}
	is_continued = claim_is_continued(claim, found->port, &found->service, found->addresses,
					  found->n_addresses);
	if (!is_continued && liveness_is_shown(&claim->liveness)) {
		peer_doubt(&peers->world, claim);
		return "the same instance was of another node, which is being asked";
	}
	is_moved = claim->port != found->port ||
		   claim_family(claim) != ep_carrier_family(found->service.carrier);
	if (claim->is_shown && (claim->creation != found->service.creation ||
				claim_family(claim) != ep_carrier_family(found->service.carrier))) {
		peer_hide(&peers->world, claim);
	}
	if (is_continued) {
		renew(peers, claim, found, now_ms);
	} else {
		take(peers, claim, found, NULL, now_ms);
	}
	claim->is_newcomer |= !is_continued;
	if (is_moved) {
		claim->id = ++peers->next_id;
		claim->is_challenged = claim->is_answering = false;
		liveness_moved(&claim->liveness);
	}
	if (is_moved || claim->liveness.state == LIVENESS_DOWN) {
		peer_doubt(&peers->world, claim);
	}
	roster_settle(peers, entry, now_ms);
	return NULL;
}

const char *peers_resolved(struct peers *peers, const char *instance, struct peers_where where,
			   uint16_t port, const uint8_t *txt, size_t txt_len,
			   const struct peers_address *addresses, uint8_t n_addresses,
			   struct ep_str own_agent, uint64_t now_ms)
{
	struct resolution found = {
		.where = where, .port = port, .addresses = addresses, .n_addresses = n_addresses};
	struct claim *claim = roster_find_claim(peers, instance);
	const char *problem;

	if (claim == NULL || !sightings_is_seen(&claim->sightings, where)) {
		return NULL; // gone meanwhile
	}
	problem = port == 0 ? "port 0" : service_decode(txt, txt_len, &found.service);
	if (problem == NULL && found.service.agent.n == own_agent.n &&
	    memcmp(found.service.agent.p, own_agent.p, own_agent.n) == 0) {
		problem = "our own";
	}
	if (claim->peer != NULL) {
		return problem != NULL ? problem : update(peers, claim, &found, now_ms);
	}
	if (problem == NULL) {
		problem = join(peers, claim, &found, now_ms);
	}
	if (problem != NULL && roster_leave(peers, claim, where)) {
		roster_drop_claim(peers, claim);
	}
	return problem;
}
