// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * A claim to a name: one service instance heard on the network, what its records say, and where it
 * was sighted. Internal to the peers model. Of the records only what is asked for is kept.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "model/liveness.h"
#include "model/peers.h"
#include "model/service.h"
#include "model/sightings.h"

struct claim {
	UT_hash_handle hh;  // peers::claims, by instance
	struct claim *next; // peer_entry::claims
	struct peer *peer;  // NULL until resolved
	uint64_t id;        // of its ticket
	struct liveness liveness;
	uint32_t due; // place in the schedule
	uint32_t creation, revision;
	uint32_t agent;   // hash of its id
	uint32_t fresh_s; // when it was last resolved, or asked to be
	struct sightings sightings;
	uint8_t *facts; // bound address, cluster and tags; NULL: none of them
	uint16_t facts_len;
	uint16_t port, dist_high, dist_low;
	uint8_t carrier;
	bool is_hidden : 1;
	bool is_shown : 1;
	// about the contest for the name
	bool is_usable : 1;     // has an address, if only a link-local one
	bool is_newcomer : 1;   // does not belong to the incumbent
	bool is_challenged : 1; // was asked as a rival, or a suspect …
	bool is_answering : 1;  // … and it answers
	bool is_to_be_asked : 1;
	bool is_suspect : 1; // says it succeeds one that lives; nobody vouches for that yet
	char instance[];
};

// An address of a claim; `bytes` are borrowed.
struct claim_address {
	const uint8_t *bytes;
	int32_t ifindex;
	bool is_on_link;
	bool is_failed;
};

struct claim_addresses {
	uint8_t n;
	uint8_t len;                                 // of each
	struct claim_address best[EP_ADDRESSES_MAX]; // for Erlang
	struct claim_address link_local;             // not for Erlang; bytes NULL: none
	uint8_t literal[16];
};

// What decides which addresses are good.
struct claim_policy {
	struct ep_str literal; // host part of the node name if it is an address, else n 0
	bool (*is_on_link)(void *user, const uint8_t *address, uint8_t len);
	void *user;
	bool allow_off_link;
};

struct claim *claim_new(const char *instance, uint64_t id);
void claim_free(struct claim *claim);

enum ep_family claim_family(const struct claim *claim);
uint8_t claim_address_len(const struct claim *claim); // of its family

void claim_set_service(struct claim *claim, uint16_t port, const struct service *service);
// claim_differs(): do the records say anything else now?
bool claim_differs(const struct claim *claim, uint16_t port, const struct service *service);
struct ep_str claim_cluster(const struct claim *claim);
uint8_t claim_tags(const struct claim *claim, struct ep_str tags[EP_TAGS_MAX]);

/*
 * claim_is_kin(): is one of them the registration of the other, or its next? Everything in TXT is
 * public and proves nothing, so the same creation or agent counts only with an address in common.
 */
bool claim_is_kin(const struct claim *a, const struct claim *b);
/*
 * claim_is_continued(): may these be the records of the same instance? Creation and revision are in
 * its name, and whatever else changes has another revision; but a new agent goes on with it.
 */
bool claim_is_continued(const struct claim *claim, uint16_t port, const struct service *service,
			const struct peers_address *addresses, uint8_t n);
// claim_shares_endpoint(): are both reached at one address and port? They cannot be two nodes then.
bool claim_shares_endpoint(const struct claim *a, const struct claim *b);

/*
 * claim_addresses(): the addresses of the carrier's family, best first. A node that is bound to one
 * address, or whose host part is a literal, has that one only, if it was heard or is on a link of
 * ours.
 */
void claim_addresses(const struct claim *claim, const struct claim_policy *policy,
		     struct claim_addresses *out);
/*
 * claim_target(): the best address that may be asked and has not failed: only one on a link of
 * ours, where a link-local one will do too. Return: NULL for none, or borrowed from `addresses`.
 */
const struct claim_address *claim_target(const struct claim_addresses *addresses);
