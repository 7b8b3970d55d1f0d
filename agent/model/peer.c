// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/peer.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>
#include <utlist.h>

#include "base/xalloc.h"
#include "model/contest.h"
#include "model/node.h"

// Numbers, cluster, tags and addresses of a view, each with its length.
#define DIGEST_MAX                                                                                 \
	(5 * 4 + 1 + EP_CLUSTER_MAX + EP_TAGS_MAX + EP_TAGS_BYTES_MAX + 17 * EP_ADDRESSES_MAX)

struct peer_entry *peer_new(struct ep_str name)
{
	static_assert(sizeof(void *) != 8 ||
			      offsetof(struct peer_entry, hh.hh_prev) % PEER_ALIGNMENT == 0,
		      "a lookup reads as few cache lines as it can");
	struct peer_entry *entry = xcalloc_aligned(PEER_ALIGNMENT, sizeof(*entry) + name.n);
	uint8_t literal[16];

	memcpy(entry->name, name.p, name.n);
	entry->name_len = (uint8_t)name.n;
	entry->has_literal = node_host_literal(node_name_host(name), literal) > 0;
	return entry;
}

struct peer_entry *peer_entry_of(struct peer *peer)
{
	return (struct peer_entry *)(void *)peer;
}

static struct ep_str name_of(const struct peer_entry *entry)
{
	return (struct ep_str){entry->name, entry->name_len};
}

struct ep_str peer_name(const struct peer *peer)
{
	return name_of((const struct peer_entry *)(const void *)peer);
}

void peer_addresses(const struct peer_world *world, const struct peer_entry *entry,
		    const struct claim *claim, struct claim_addresses *out)
{
	struct claim_policy policy = {
		.is_on_link = world->ops->is_on_link,
		.user = world->user,
		.allow_off_link = world->allow_off_link,
	};

	if (entry->has_literal) {
		policy.literal = node_name_host(name_of(entry));
	}
	claim_addresses(claim, &policy, out);
}

static unsigned slot_of(enum ep_family family)
{
	return family == EP_FAMILY_INET6 ? 1 : 0;
}

bool peer_view(const struct peer_world *world, const struct peer_entry *entry,
	       enum ep_family family, struct peer_view *view, struct service *scratch)
{
	const struct claim *claim = entry->shown[slot_of(family)].claim;
	struct claim_addresses addresses;

	if (claim == NULL) {
		return false;
	}
	*view = (struct peer_view){
		.node = name_of(entry),
		.creation = claim->creation,
		.carrier = claim->carrier,
		.port = claim->port,
		.dist_high = claim->dist_high,
		.dist_low = claim->dist_low,
		.is_hidden = claim->is_hidden,
		.cluster = claim_cluster(claim),
		.state = entry->peer.is_conflicted ? EP_STATE_CONFLICT
						   : liveness_shown_as(&claim->liveness),
		.since_ms = entry->since_ms,
	};
	view->n_tags = claim_tags(claim, view->tags);
	peer_addresses(world, entry, claim, &addresses);
	view->n_addresses = addresses.n;
	view->ifindex = addresses.n > 0 ? addresses.best[0].ifindex : addresses.link_local.ifindex;
	for (uint8_t i = 0; i < addresses.n; i++) {
		const uint8_t *bytes = addresses.best[i].bytes;

		if (bytes == addresses.literal) {
			memcpy(scratch->bound_buf, bytes, addresses.len);
			bytes = scratch->bound_buf;
		}
		view->addresses[i] = (struct ep_str){bytes, addresses.len};
	}
	return true;
}

struct claim *peer_shown_claim(const struct peer_entry *entry, enum ep_family family)
{
	return entry->shown[slot_of(family)].claim;
}

enum peers_found peer_lookup(struct peer_world *world, struct peer_entry *entry,
			     enum ep_family family, uint64_t now_ms, struct peer_answer *answer)
{
	struct peer_ready *ready = &entry->ready[slot_of(family)];
	uint32_t now_s = (uint32_t)(now_ms / 1000);

	if (ready->answer.carrier == 0) {
		return PEERS_NOT_FOUND;
	}
	if (now_s - ready->fresh_s >= PEERS_FRESH_MS / 1000) {
		// The answer does not wait for it: another address is found at the next lookup.
		struct claim *claim = peer_shown_claim(entry, family);

		ready->fresh_s = claim->fresh_s = now_s;
		peer_resolve(world, claim);
	}
	if (ready->answer.address_len == 0) {
		return PEERS_ONLY_LINK_LOCAL;
	}
	*answer = ready->answer;
	return PEERS_FOUND;
}

static struct peer_answer answer_of(const struct peer_view *view)
{
	struct peer_answer answer = {
		.port = view->port,
		.carrier = view->carrier,
		.dist_high = view->dist_high,
		.dist_low = view->dist_low,
		.creation = view->creation,
	};

	if (view->n_addresses > 0) {
		answer.address_len = (uint8_t)view->addresses[0].n;
		memcpy(answer.address, view->addresses[0].p, view->addresses[0].n);
	}
	return answer;
}

static size_t put_number(uint8_t *out, size_t at, uint32_t number)
{
	memcpy(out + at, &number, sizeof(number));
	return at + sizeof(number);
}

static size_t put_str(uint8_t *out, size_t at, struct ep_str str)
{
	out[at] = (uint8_t)str.n;
	if (str.n > 0) {
		memcpy(out + at + 1, str.p, str.n);
	}
	return at + 1 + str.n;
}

// Of all that watchers are told beside the creation, so that nothing is told twice.
static uint32_t digest_of(const struct peer_view *view)
{
	uint8_t bytes[DIGEST_MAX];
	size_t at = 0;

	at = put_number(bytes, at, view->carrier);
	at = put_number(bytes, at, view->port);
	at = put_number(bytes, at, view->is_hidden);
	at = put_number(bytes, at, (uint32_t)view->ifindex);
	at = put_number(bytes, at, view->state);
	at = put_str(bytes, at, view->cluster);
	for (uint8_t i = 0; i < view->n_tags; i++) {
		at = put_str(bytes, at, view->tags[i]);
	}
	for (uint8_t i = 0; i < view->n_addresses; i++) {
		at = put_str(bytes, at, view->addresses[i]);
	}
	return (uint32_t)hash_bytes(bytes, at);
}

// Why it is not to be shown any more.
static enum liveness_cause cause_of(const struct claim *claim)
{
	if (!liveness_is_shown(&claim->liveness)) {
		return (enum liveness_cause)claim->liveness.cause;
	}
	return claim->is_usable ? LIVENESS_REPLACED : LIVENESS_NOWHERE;
}

void peer_hide(struct peer_world *world, struct claim *claim)
{
	struct peer_entry *entry = peer_entry_of(claim->peer);
	struct peer_shown *shown = &entry->shown[slot_of(claim_family(claim))];

	assert(claim->is_shown && shown->claim == claim);
	world->ops->on_down(world->user, &entry->peer, claim_family(claim), cause_of(claim));
	world->ops->on_event(world->user, EP_EVENT_DOWN, &entry->peer, claim_family(claim));
	claim->is_shown = false;
	shown->claim = NULL;
	entry->ready[slot_of(claim_family(claim))].answer.carrier = 0;
}

// Bring one family to `claim` (NULL: it is not there), telling what that means.
static void show(struct peer_world *world, struct peer_entry *entry, enum ep_family family,
		 struct claim *claim, uint64_t now_ms)
{
	struct peer_shown *shown = &entry->shown[slot_of(family)];
	struct peer_ready *ready = &entry->ready[slot_of(family)];
	const uint32_t old_digest = shown->digest;
	enum ep_event event = EP_EVENT_CHANGED;
	struct service scratch;
	struct peer_view view;

	if (shown->claim != NULL && (claim == NULL || claim->creation != ready->answer.creation)) {
		peer_hide(world, shown->claim);
	}
	if (claim == NULL) {
		return;
	}
	if (shown->claim == NULL) {
		event = EP_EVENT_UP;
	} else {
		shown->claim->is_shown = false;
	}
	claim->is_shown = true;
	shown->claim = claim;
	if (entry->since_creation != claim->creation) {
		entry->since_creation = claim->creation;
		entry->since_ms = now_ms;
	}
	peer_view(world, entry, family, &view, &scratch);
	*ready = (struct peer_ready){answer_of(&view), claim->fresh_s};
	shown->digest = digest_of(&view);
	if (event == EP_EVENT_UP || shown->digest != old_digest) {
		world->ops->on_event(world->user, event, &entry->peer, family);
	}
}

bool peer_probe_next(struct peer_world *world, const struct claim *claim,
		     const struct peers_address *asked, bool must_connect)
{
	struct peers_ticket ticket = {
		.id = claim->id, .address = {.is_on_link = true}, .must_connect = must_connect};
	struct claim_addresses addresses;
	const struct claim_address *target;

	peer_addresses(world, peer_entry_of(claim->peer), claim, &addresses);
	target = claim_target(&addresses);
	if (target == NULL || (asked != NULL && asked->len == addresses.len &&
			       memcmp(asked->bytes, target->bytes, addresses.len) == 0)) {
		return false;
	}
	memcpy(ticket.instance, claim->instance, strlen(claim->instance) + 1);
	ticket.address.len = addresses.len;
	memcpy(ticket.address.bytes, target->bytes, addresses.len);
	ticket.is_brief = sightings_is_held(&claim->sightings, target->bytes, addresses.len);
	world->ops->probe(world->user, &ticket, &ticket.address, target->ifindex, claim->port);
	return true;
}

// When all have failed, the best is asked again.
static bool probe(struct peer_world *world, struct claim *claim, bool must_connect)
{
	if (peer_probe_next(world, claim, NULL, must_connect)) {
		return true;
	}
	sightings_forgive(&claim->sightings);
	return peer_probe_next(world, claim, NULL, must_connect);
}

void peer_act(struct peer_world *world, struct claim *claim, unsigned actions)
{
	bool must_connect = (actions & LIVENESS_CONNECT) != 0;

	if ((actions & LIVENESS_PROBE) != 0 && !probe(world, claim, must_connect)) {
		liveness_unaskable(&claim->liveness);
	}
	if ((actions & LIVENESS_ASK) != 0) {
		world->ops->ask(world->user);
	}
	schedule_update(&world->schedule, claim);
}

void peer_doubt(struct peer_world *world, struct claim *claim)
{
	peer_act(world, claim, liveness_doubted(&claim->liveness, true));
}

void peer_resolve(struct peer_world *world, const struct claim *claim)
{
	struct peers_where where;
	uint8_t at = 0;

	while (world->ops->resolve != NULL && sightings_next(&claim->sightings, &at, &where)) {
		world->ops->resolve(world->user, claim->instance, where);
	}
}

void peer_act_anew(struct peer_world *world, struct claim *claim, unsigned actions)
{
	if ((actions & LIVENESS_PROBE) != 0) {
		peer_resolve(world, claim);
	}
	peer_act(world, claim, actions);
}

// A conflict lasts while both answer, and nobody says when a rival has ended but is still heard.
static void remind_of_rivals(struct peer_world *world, struct peer_entry *entry,
			     uint32_t local_creation, uint64_t now_ms)
{
	struct claim *claim;

	LL_FOREACH (entry->claims, claim) {
		if (claim->is_answering && contest_is_rival(entry->claims, claim, local_creation)) {
			liveness_remind(&claim->liveness, now_ms + PEERS_CONFLICT_MS);
			schedule_update(&world->schedule, claim);
		}
	}
}

void peer_settle(struct peer_world *world, struct peer_entry *entry, uint64_t now_ms)
{
	static const enum ep_family families[PEER_FAMILIES] = {EP_FAMILY_INET, EP_FAMILY_INET6};
	uint32_t local_creation = world->ops->local_creation(world->user, name_of(entry));
	bool was_conflicted = entry->peer.is_conflicted;
	struct claim *claim;

	assert(!world->is_settling); // called back from inside an op
	world->is_settling = true;
	LL_FOREACH (entry->claims, claim) {
		struct claim_addresses addresses;

		peer_addresses(world, entry, claim, &addresses);
		claim->is_usable = addresses.n > 0 || addresses.link_local.bytes != NULL;
	}
	contest_decide(entry->claims, local_creation);
	LL_FOREACH (entry->claims, claim) {
		if (claim->is_to_be_asked) {
			claim->is_to_be_asked = false;
			// Its port may be that of anything.
			peer_act(world, claim,
				 liveness_doubted(&claim->liveness, !claim->is_suspect));
		}
	}
	entry->peer.is_conflicted = contest_is_conflicted(entry->claims, local_creation);
	if (entry->peer.is_conflicted) {
		remind_of_rivals(world, entry, local_creation, now_ms);
	}
	for (unsigned i = 0; i < PEER_FAMILIES; i++) {
		struct claim *winner = contest_winner(entry->claims, families[i]);

		show(world, entry, families[i], local_creation != 0 ? NULL : winner, now_ms);
	}
	if (local_creation != 0 && entry->peer.is_conflicted != was_conflicted) {
		world->ops->on_local_conflict(world->user, &entry->peer);
	}
	world->is_settling = false;
}
