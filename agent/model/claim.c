// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/claim.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "model/node.h"

// Facts as they are kept: bound address, cluster and each tag, all with a length byte before them.
#define FACTS_MAX (1 + 16 + 1 + EP_CLUSTER_MAX + EP_TAGS_MAX + EP_TAGS_BYTES_MAX)

struct claim *claim_new(const char *instance, uint64_t id)
{
	size_t n = strlen(instance);
	struct claim *claim = xcalloc(1, sizeof(*claim) + n + 1);

	claim->id = id;
	memcpy(claim->instance, instance, n + 1);
	liveness_init(&claim->liveness);
	return claim;
}

void claim_free(struct claim *claim)
{
	if (claim != NULL) {
		sightings_fini(&claim->sightings);
		free(claim->facts);
		free(claim);
	}
}

enum ep_family claim_family(const struct claim *claim)
{
	return ep_carrier_family(claim->carrier);
}

uint8_t claim_address_len(const struct claim *claim)
{
	return claim_family(claim) == EP_FAMILY_INET6 ? 16 : 4;
}

static size_t put(uint8_t *facts, size_t at, struct ep_str fact)
{
	facts[at] = (uint8_t)fact.n;
	if (fact.n > 0) {
		memcpy(facts + at + 1, fact.p, fact.n);
	}
	return at + 1 + fact.n;
}

// Return: length of the facts, 0 when there are none.
static size_t pack(const struct service *service, uint8_t facts[FACTS_MAX])
{
	size_t at = 0;

	if (service->bound.n == 0 && service->cluster.n == 0 && service->n_tags == 0) {
		return 0;
	}
	at = put(facts, at, service->bound);
	at = put(facts, at, service->cluster);
	for (uint8_t i = 0; i < service->n_tags; i++) {
		at = put(facts, at, service->tags[i]);
	}
	return at;
}

static struct ep_str next_fact(const struct claim *claim, size_t *at)
{
	struct ep_str fact = {NULL, 0};

	if (*at < claim->facts_len) {
		fact = (struct ep_str){claim->facts + *at + 1, claim->facts[*at]};
		*at += 1 + fact.n;
	}
	return fact;
}

static struct ep_str bound_of(const struct claim *claim)
{
	size_t at = 0;

	return next_fact(claim, &at);
}

struct ep_str claim_cluster(const struct claim *claim)
{
	size_t at = 0;

	next_fact(claim, &at);
	return next_fact(claim, &at);
}

uint8_t claim_tags(const struct claim *claim, struct ep_str tags[EP_TAGS_MAX])
{
	uint8_t n = 0;
	size_t at = 0;

	next_fact(claim, &at);
	next_fact(claim, &at);
	while (at < claim->facts_len) {
		tags[n++] = next_fact(claim, &at);
	}
	return n;
}

static uint32_t hash_agent(struct ep_str agent)
{
	return (uint32_t)hash_bytes(agent.p, agent.n);
}

void claim_set_service(struct claim *claim, uint16_t port, const struct service *service)
{
	uint8_t facts[FACTS_MAX];
	size_t n = pack(service, facts);

	free(claim->facts);
	claim->facts = NULL;
	if (n > 0) {
		claim->facts = xrealloc(NULL, n);
		memcpy(claim->facts, facts, n);
	}
	claim->facts_len = (uint16_t)n;
	claim->port = port;
	claim->creation = service->creation;
	claim->revision = service->revision;
	claim->agent = hash_agent(service->agent);
	claim->carrier = (uint8_t)service->carrier;
	claim->dist_high = (uint16_t)service->dist_high;
	claim->dist_low = (uint16_t)service->dist_low;
	claim->is_hidden = service->is_hidden;
}

static bool differs_but_for_agent(const struct claim *claim, uint16_t port,
				  const struct service *service)
{
	uint8_t facts[FACTS_MAX];
	size_t n = pack(service, facts);

	return claim->port != port || claim->creation != service->creation ||
	       claim->revision != service->revision || claim->carrier != service->carrier ||
	       claim->dist_high != service->dist_high || claim->dist_low != service->dist_low ||
	       claim->is_hidden != service->is_hidden || claim->facts_len != n ||
	       (n > 0 && memcmp(claim->facts, facts, n) != 0);
}

bool claim_differs(const struct claim *claim, uint16_t port, const struct service *service)
{
	return claim->agent != hash_agent(service->agent) ||
	       differs_but_for_agent(claim, port, service);
}

bool claim_is_kin(const struct claim *a, const struct claim *b)
{
	return (a->creation == b->creation || a->agent == b->agent) &&
	       sightings_meet(&a->sightings, &b->sightings, 0);
}

bool claim_is_continued(const struct claim *claim, uint16_t port, const struct service *service,
			const struct peers_address *addresses, uint8_t n)
{
	if (differs_but_for_agent(claim, port, service)) {
		return false;
	}
	for (uint8_t i = 0; i < n; i++) {
		if (sightings_find(&claim->sightings, addresses[i].bytes, addresses[i].len) !=
		    NULL) {
			return true;
		}
	}
	return false;
}

bool claim_shares_endpoint(const struct claim *a, const struct claim *b)
{
	return a->port == b->port && claim_family(a) == claim_family(b) &&
	       sightings_meet(&a->sightings, &b->sightings, claim_address_len(a));
}

static void add_address(struct claim_addresses *out, const struct claim_address *address)
{
	if (sighting_is_link_local(address->bytes, out->len)) {
		if (out->link_local.bytes == NULL) {
			out->link_local = *address;
		}
		return;
	}
	for (uint8_t i = 0; i < out->n; i++) {
		if (memcmp(out->best[i].bytes, address->bytes, out->len) == 0) {
			return; // heard on several protocols or interfaces
		}
	}
	if (out->n < EP_ADDRESSES_MAX) {
		out->best[out->n++] = *address;
	}
}

/*
 * The only address of a node. One that is the host part of its name is right even off link, if the
 * host is known by it: the user wrote it.
 */
static void add_only(const struct claim *claim, const struct claim_policy *policy,
		     const uint8_t *bytes, bool is_off_link_fine, struct claim_addresses *out)
{
	const struct sightings *sightings = &claim->sightings;
	const struct sighting *sighting = sightings_find(sightings, bytes, out->len);
	struct claim_address address = {.bytes = bytes};

	if (sighting_is_absurd(bytes, out->len) || (sighting != NULL && sighting->is_cut)) {
		return;
	}
	address.is_on_link = (sighting != NULL && sighting_rank(sighting) < SIGHTING_OFF_LINK) ||
			     policy->is_on_link(policy->user, bytes, out->len);
	if (!address.is_on_link && (sighting == NULL || !is_off_link_fine)) {
		return;
	}
	if (sighting != NULL) {
		address.ifindex = sighting->ifindex;
		address.is_failed = sighting->is_failed;
	} else if (sightings->n > 0) {
		address.ifindex = sightings->all[0].ifindex;
	}
	add_address(out, &address);
}

// What would replace an address that is being asked is not given to anybody before.
static void add_sighted(const struct claim *claim, unsigned rank, struct claim_addresses *out)
{
	bool has_held = sightings_has_held(&claim->sightings);

	for (uint8_t i = 0; i < claim->sightings.n; i++) {
		const struct sighting *sighting = &claim->sightings.all[i];
		struct claim_address address = {
			.bytes = sighting->bytes,
			.ifindex = sighting->ifindex,
			.is_on_link = rank != SIGHTING_OFF_LINK,
			.is_failed = sighting->is_failed,
		};

		if (sighting->len == out->len && sighting_rank(sighting) == rank &&
		    !(has_held && sighting->is_unproven)) {
			add_address(out, &address);
		}
	}
}

void claim_addresses(const struct claim *claim, const struct claim_policy *policy,
		     struct claim_addresses *out)
{
	struct ep_str bound = bound_of(claim);

	out->n = 0;
	out->len = claim_address_len(claim);
	out->link_local = (struct claim_address){.bytes = NULL};
	if (policy->literal.n > 0 && node_host_literal(policy->literal, out->literal) == out->len) {
		add_only(claim, policy, out->literal, true, out);
		return;
	}
	if (bound.n == out->len) {
		add_only(claim, policy, bound.p, policy->allow_off_link, out);
		return;
	}
	for (unsigned rank = 0; rank < SIGHTING_OFF_LINK; rank++) {
		add_sighted(claim, rank, out);
	}
	if (policy->allow_off_link) {
		add_sighted(claim, SIGHTING_OFF_LINK, out);
	}
}

const struct claim_address *claim_target(const struct claim_addresses *addresses)
{
	const struct claim_address *link_local = &addresses->link_local;

	for (uint8_t i = 0; i < addresses->n; i++) {
		if (addresses->best[i].is_on_link && !addresses->best[i].is_failed) {
			return &addresses->best[i];
		}
	}
	return link_local->bytes != NULL && !link_local->is_failed ? link_local : NULL;
}
