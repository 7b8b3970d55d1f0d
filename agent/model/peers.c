// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/peers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "model/census.h"
#include "model/claim.h"
#include "model/contest.h"
#include "model/peer.h"

struct peers {
	struct peers_config config;
	struct peer_world world;
	struct peer_entry *by_name;
	struct claim *claims; // by instance
	struct order order;
	struct census census;
	uint32_t n_told; // claims that Avahi has somewhere
	uint32_t n_clustered;
	uint64_t next_id;
};

static struct claim *find_claim(const struct peers *peers, const char *instance)
{
	struct claim *claim;

	HASH_FIND_STR(peers->claims, instance, claim);
	return claim;
}

const char *const peers_no_room = "there are too many peers";

static struct peer_entry *find_entry(const struct peers *peers, struct ep_str node)
{
	struct peer_entry *entry;

	HASH_FIND(hh, peers->by_name, node.p, (unsigned)node.n, entry);
	return entry;
}

// It is about to be heard nowhere.
static void uncount(struct peers *peers, const struct claim *claim)
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

// It is not heard there any more. Return: whether it is heard nowhere now.
static bool leave(struct peers *peers, struct claim *claim, struct peers_where where)
{
	bool was_told = sightings_is_told(&claim->sightings, where);
	bool is_last = sightings_gone(&claim->sightings, where, claim_address_len(claim));

	if (was_told) {
		census_remove(&peers->census, where);
		peers->n_told -= is_last ? 1 : 0;
	}
	return is_last;
}

static void drop_claim(struct peers *peers, struct claim *claim)
{
	assert(!claim->is_shown);
	schedule_remove(&peers->world.schedule, claim);
	uncount(peers, claim);
	peers->n_clustered -= claim_cluster(claim).n > 0 ? 1 : 0;
	if (claim->peer != NULL) {
		LL_DELETE(peer_entry_of(claim->peer)->claims, claim);
	}
	HASH_DEL(peers->claims, claim);
	claim_free(claim);
}

static void drop_entry(struct peers *peers, struct peer_entry *entry)
{
	order_remove(&peers->order, &entry->peer.link);
	HASH_DEL(peers->by_name, entry);
	free(entry);
}

// After any change of the claims of a peer. It and any claim of it may be gone afterwards.
static void settle(struct peers *peers, struct peer_entry *entry, uint64_t now_ms)
{
	struct claim *claim, *next;

	peer_settle(&peers->world, entry, now_ms);
	LL_FOREACH_SAFE(entry->claims, claim, next)
	{
		if (claim->liveness.state == LIVENESS_DEAD) {
			drop_claim(peers, claim);
		}
	}
	if (entry->claims == NULL) {
		drop_entry(peers, entry);
	}
}

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
		drop_claim(peers, claim);
	}
	HASH_ITER (hh, peers->by_name, entry, next_entry) {
		drop_entry(peers, entry);
	}
	schedule_fini(&peers->world.schedule);
	free(peers);
}

bool peers_seen(struct peers *peers, const char *instance, struct peers_where where,
		uint64_t now_ms)
{
	struct claim *claim = find_claim(peers, instance);
	bool is_kept, was_told, was_anywhere;
	struct peers_where other;
	uint8_t at = 0;

	if (claim == NULL) {
		if (HASH_COUNT(peers->claims) >= peers->config.claims_max ||
		    strlen(instance) > SERVICE_INSTANCE_MAX) {
			return false;
		}
		claim = claim_new(instance, ++peers->next_id);
		HASH_ADD_STR(peers->claims, instance, claim);
	}
	was_told = sightings_is_told(&claim->sightings, where);
	was_anywhere = sightings_next_told(&claim->sightings, &at, &other);
	is_kept = sightings_seen(&claim->sightings, where);
	if (is_kept && !was_told) {
		census_add(&peers->census, where);
		peers->n_told += was_anywhere ? 0 : 1;
	}
	peer_act(&peers->world, claim, liveness_seen(&claim->liveness));
	if (claim->peer != NULL) {
		settle(peers, peer_entry_of(claim->peer), now_ms);
	}
	return is_kept;
}

// It is heard on a link without carrier and nowhere else.
static void cut_off(struct peers *peers, struct claim *claim, uint64_t now_ms)
{
	claim->id = ++peers->next_id; // what a probe says that is under way is of before
	liveness_cut(&claim->liveness, now_ms);
	if (claim->peer != NULL) {
		schedule_update(&peers->world.schedule, claim);
	}
}

// It is not heard there any more. Its end is verified, unless another is in its place.
void peers_gone(struct peers *peers, const char *instance, struct peers_where where,
		uint64_t now_ms)
{
	struct claim *claim = find_claim(peers, instance);
	bool was_heard, is_last;

	if (claim == NULL) {
		return;
	}
	was_heard = sightings_is_seen(&claim->sightings, where);
	is_last = leave(peers, claim, where);
	if (claim->peer == NULL) {
		if (is_last) {
			drop_claim(peers, claim);
		}
		return;
	}
	// A goodbye from where our link is well may be forged, or a refresh that was lost.
	if (!was_heard && sightings_is_cut_off(&claim->sightings)) {
		cut_off(peers, claim, now_ms);
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
	settle(peers, peer_entry_of(claim->peer), now_ms);
}

void peers_again(struct peers *peers, const char *instance, struct peers_where where,
		 uint64_t now_ms)
{
	struct claim *claim = find_claim(peers, instance);

	if (claim == NULL || claim->peer == NULL || !sightings_is_seen(&claim->sightings, where)) {
		return;
	}
	peer_resolve(&peers->world, claim);
	if (claim->liveness.state == LIVENESS_DOWN) {
		peer_doubt(&peers->world, claim);
	}
	settle(peers, peer_entry_of(claim->peer), now_ms);
}

static struct peer_entry *obtain_entry(struct peers *peers, struct ep_str node)
{
	struct peer_entry *entry = find_entry(peers, node);

	if (entry == NULL && HASH_COUNT(peers->by_name) < peers->config.peers_max) {
		entry = peer_new(node);
		HASH_ADD_KEYPTR(hh, peers->by_name, entry->name, entry->name_len, entry);
		order_append(&peers->order, &entry->peer.link);
	}
	return entry;
}

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
	struct peer_entry *entry = obtain_entry(peers, found->service.node);
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
		drop_claim(peers, victim);
	}
	claim->is_newcomer = true;
	claim->peer = &entry->peer;
	LL_APPEND(entry->claims, claim);
	if (claim->liveness.state == LIVENESS_DOWN) {
		peer_doubt(&peers->world, claim); // seen before our link was cut
	}
	settle(peers, entry, now_ms);
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
		settle(peers, entry, now_ms);
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
	take(peers, claim, found, NULL, now_ms);
	claim->is_newcomer |= !is_continued;
	if (is_moved) {
		claim->id = ++peers->next_id;
		claim->is_challenged = claim->is_answering = false;
		liveness_moved(&claim->liveness);
	}
	if (is_moved || claim->liveness.state == LIVENESS_DOWN) {
		peer_doubt(&peers->world, claim);
	}
	settle(peers, entry, now_ms);
	return NULL;
}

const char *peers_resolved(struct peers *peers, const char *instance, struct peers_where where,
			   uint16_t port, const uint8_t *txt, size_t txt_len,
			   const struct peers_address *addresses, uint8_t n_addresses,
			   struct ep_str own_agent, uint64_t now_ms)
{
	struct resolution found = {
		.where = where, .port = port, .addresses = addresses, .n_addresses = n_addresses};
	struct claim *claim = find_claim(peers, instance);
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
	if (problem != NULL && leave(peers, claim, where)) {
		drop_claim(peers, claim);
	}
	return problem;
}

static void settle_all(struct peers *peers, uint64_t now_ms)
{
	struct peer_entry *entry, *next;

	HASH_ITER (hh, peers->by_name, entry, next) {
		settle(peers, entry, now_ms);
	}
}

static void settle_changed(struct peers *peers, uint64_t now_ms)
{
	struct peer_entry *entry, *next;

	HASH_ITER (hh, peers->by_name, entry, next) {
		if (entry->is_unsettled) {
			entry->is_unsettled = false;
			settle(peers, entry, now_ms);
		}
	}
}

void peers_outage(struct peers *peers, uint64_t now_ms)
{
	struct claim *claim, *next_claim;

	HASH_ITER (hh, peers->claims, claim, next_claim) {
		if (claim->peer == NULL) {
			drop_claim(peers, claim);
			continue;
		}
		uncount(peers, claim);
		sightings_gone_everywhere(&claim->sightings);
		liveness_outage(&claim->liveness);
		schedule_update(&peers->world.schedule, claim);
	}
	settle_all(peers, now_ms);
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
			cut_off(peers, claim, now_ms);
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
	settle_all(peers, now_ms);
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

bool peers_is_wanted(const struct peers *peers, const struct peers_ticket *ticket)
{
	const struct claim *claim = find_claim(peers, ticket->instance);

	return claim != NULL && claim->id == ticket->id;
}

void peers_judge(struct peers *peers, const struct peers_ticket *ticket,
		 enum liveness_verdict verdict, uint64_t now_ms)
{
	struct claim *claim = find_claim(peers, ticket->instance);
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
	    !peer_probe_next(&peers->world, claim, &ticket->address, ticket->must_connect)) {
		peer_act(&peers->world, claim, liveness_judged(&claim->liveness, verdict, now_ms));
	}
	settle(peers, peer_entry_of(claim->peer), now_ms);
}

uint32_t peers_doubt(struct peers *peers, struct ep_str node, uint32_t family)
{
	struct peer_entry *entry = find_entry(peers, node);
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
	struct peer_entry *entry = find_entry(peers, node);
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
	settle(peers, entry, now_ms);
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
		settle(peers, peer_entry_of(claim->peer), now_ms);
	}
}

struct peer *peers_find(const struct peers *peers, struct ep_str node)
{
	struct peer_entry *entry = find_entry(peers, node);

	return entry == NULL ? NULL : &entry->peer;
}

// The answer does not wait for it: a host that has another address is found at the next lookup.
static void refresh(struct peers *peers, struct claim *claim, uint64_t now_ms)
{
	uint32_t now_s = (uint32_t)(now_ms / 1000);

	if (now_s - claim->fresh_s >= PEERS_FRESH_MS / 1000) {
		claim->fresh_s = now_s;
		peer_resolve(&peers->world, claim);
	}
}

enum peers_found peers_lookup(struct peers *peers, struct ep_str node, enum ep_family family,
			      uint64_t now_ms, struct peer_answer *answer)
{
	struct peer_entry *entry = find_entry(peers, node);
	struct claim *claim;

	if (entry == NULL) {
		return PEERS_NOT_FOUND;
	}
	claim = peer_shown_claim(entry, family);
	if (claim != NULL) {
		refresh(peers, claim, now_ms);
		return peer_lookup(entry, family, answer);
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
