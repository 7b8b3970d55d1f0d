// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * The nodes heard on the network. One peer per full node name, holding claims: one per service
 * instance, each with its sightings (interface, protocol, address). A pure model: no I/O, time
 * passed in; what has changed and what is to be verified goes out through struct peers_ops.
 *
 * Everything in TXT is public, so it proves nothing. Who has the name keeps it (the incumbent). A
 * claim of the same creation or the same agent succeeds it only when it comes with an address that
 * the incumbent has; any other is a newcomer, and gets the name when the incumbent no longer
 * answers.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "epmdns/protocol.h"
#include "model/liveness.h"
#include "model/order.h"
#include "model/service.h"

#define PEERS_FRESH_MS 30000    // an answer this old is resolved again when it is given
#define PEERS_CONFLICT_MS 30000 // so often a rival is asked whether it is still there
#define PEERS_CLAIMS_MAX 8      // per peer
#define PEERS_NEWCOMERS_MAX 4   // of these; the rest is kept for the incumbent
#define PEERS_SIGHTINGS_MAX 32  // per claim: interfaces × protocols × addresses

struct peers;

// The rest of it is in the implementation.
struct peer {
	struct order_link link; // peers::order; first, so that a link is the peer
	bool is_conflicted;     // another live node claims the name of this peer or local node
};

// Where a sighting was made.
struct peers_where {
	int32_t ifindex;
	uint8_t family; // enum ep_family of the mDNS packets
};

struct peers_address {
	uint8_t len; // 4 or 16
	bool is_on_link;
	uint8_t bytes[16];
};

// What was asked, for the answer: that of a claim which is gone or has moved is not taken.
struct peers_ticket {
	uint64_t id;
	struct peers_address address;
	bool must_connect; // only a connect tells; else its host's mDNS responder may vouch for it
	bool is_brief;     // it may have another address by now: there is no time to lose
	char instance[SERVICE_INSTANCE_MAX + 1];
};

/*
 * From inside these, peers may be read and peers_lookup() and peers_doubt() called, nothing else:
 * what was observed, judged or registered meanwhile has to wait for the loop.
 */
struct peers_ops {
	// (peer, family) is now up, changed or about to be down: peers_view() shows what is meant
	void (*on_event)(void *user, enum ep_event event, struct peer *peer, enum ep_family family);
	// why it is about to be down; before that event
	void (*on_down)(void *user, struct peer *peer, enum ep_family family,
			enum liveness_cause cause);
	// peer->is_conflicted has changed, or is set as a registration begins: the name is ours
	void (*on_local_conflict)(void *user, struct peer *peer);
	// verify it at this address and port, and report by peers_judge(), always and exactly once
	void (*probe)(void *user, const struct peers_ticket *ticket,
		      const struct peers_address *address, int32_t ifindex, uint16_t port);
	// put a fresh question on the network
	void (*ask)(void *user);
	// have an instance resolved again, for peers_resolved(): it may have moved. NULL: never
	void (*resolve)(void *user, const char *instance, struct peers_where where);
	// creation of the local registration of that name, 0 for none: a local one always wins
	uint32_t (*local_creation)(void *user, struct ep_str node);
	// is this address of a family on a link of ours? For bound addresses and literals
	bool (*is_on_link)(void *user, const uint8_t *address, uint8_t len);
};

struct peers_config {
	uint32_t peers_max;
	uint32_t claims_max;
	bool allow_off_link;
};

// A peer in one family, as shown. Strings are borrowed until the next call.
struct peer_view {
	struct ep_str node;
	uint32_t creation;
	uint8_t carrier;
	bool is_hidden;
	uint16_t port, dist_high, dist_low;
	struct ep_str cluster;
	uint8_t n_tags;
	struct ep_str tags[EP_TAGS_MAX];
	uint8_t n_addresses; // usable by Erlang, best first
	struct ep_str addresses[EP_ADDRESSES_MAX];
	int32_t ifindex; // where the best address was heard
	enum ep_state state;
	uint64_t since_ms;
};

// What a lookup needs; without decoding anything.
struct peer_answer {
	uint8_t address[16];
	uint8_t address_len;
	uint8_t carrier;
	uint16_t port, dist_high, dist_low;
	uint32_t creation;
};

enum peers_found {
	PEERS_FOUND = 0,
	PEERS_NOT_FOUND,
	PEERS_ONLY_LINK_LOCAL,
};

struct peers *peers_new(const struct peers_config *config, const struct peers_ops *ops, void *user);
void peers_free(struct peers *peers);

// What the discovery process observed. An unknown instance that is gone is ignored.
// peers_seen(): Return: false when the table is full and it was dropped.
bool peers_seen(struct peers *peers, const char *instance, struct peers_where where,
		uint64_t now_ms);
void peers_gone(struct peers *peers, const char *instance, struct peers_where where,
		uint64_t now_ms);
// peers_again(): its host has told of it once more, as after a change of its address.
void peers_again(struct peers *peers, const char *instance, struct peers_where where,
		 uint64_t now_ms);
// Of the answers of peers_resolved() the one that means: for want of room, and not of its own.
extern const char *const peers_no_room;
/*
 * peers_resolved(): what was resolved where an instance is seen. Return: NULL, or why it is ignored
 * (a constant string); what was known stays, and a sighting that was unknown is forgotten.
 * `own_agent` is our own id: our own services are not peers.
 */
const char *peers_resolved(struct peers *peers, const char *instance, struct peers_where where,
			   uint16_t port, const uint8_t *txt, size_t txt_len,
			   const struct peers_address *addresses, uint8_t n_addresses,
			   struct ep_str own_agent, uint64_t now_ms);
// The browser is gone: every sighting is void. Claims stay, unconfirmed.
void peers_outage(struct peers *peers, uint64_t now_ms);
// The browser runs again: what is not seen again soon is verified.
void peers_resumed(struct peers *peers, uint64_t now_ms);
/*
 * peers_cut(): a link of ours has lost its carrier. Who was heard there alone is down at once,
 * without asking: it cannot be reached, and no answer would come. Who is heard elsewhere, too,
 * stays.
 */
void peers_cut(struct peers *peers, int32_t ifindex, uint64_t now_ms);
/*
 * peers_mended(): it has its carrier back, or our addresses there are others. All that is heard
 * there is resolved anew, and who was cut off is up when it answers: Avahi says nothing of what it
 * still has in its cache, be it there or not.
 */
void peers_mended(struct peers *peers, int32_t ifindex, uint64_t now_ms);

// The answer to peers_ops.probe.
void peers_judge(struct peers *peers, const struct peers_ticket *ticket,
		 enum liveness_verdict verdict, uint64_t now_ms);
// peers_is_wanted(): is an answer still of use? That of a claim which is gone or has moved is not.
bool peers_is_wanted(const struct peers *peers, const struct peers_ticket *ticket);
// A connect to the node failed, says a client; family 0: either. Return: probes begun for it.
uint32_t peers_doubt(struct peers *peers, struct ep_str node, uint32_t family);
// This machine has slept: anything may have happened.
void peers_verify_all(struct peers *peers);
// The local registration of this name came or went.
void peers_local_changed(struct peers *peers, struct ep_str node, uint64_t now_ms);

// Deadlines: call peers_tick() at peers_deadline_ms() (LIVENESS_NEVER for none), which any call
// may change.
uint64_t peers_deadline_ms(const struct peers *peers);
void peers_tick(struct peers *peers, uint64_t now_ms);

struct peer *peers_find(const struct peers *peers, struct ep_str node);
/*
 * peers_lookup(): the best address of a shown peer. What was resolved PEERS_FRESH_MS ago is
 * resolved again behind the answer; one that is down but still advertised is probed again.
 */
enum peers_found peers_lookup(struct peers *peers, struct ep_str node, enum ep_family family,
			      uint64_t now_ms, struct peer_answer *answer);
// peers_view(): strings point into the peer and scratch. Return: false when it is not shown in that
// family.
bool peers_view(const struct peers *peers, const struct peer *peer, enum ep_family family,
		struct peer_view *view, struct service *scratch);
struct ep_str peer_name(const struct peer *peer);

struct order *peers_order(struct peers *peers);
uint32_t peers_count(const struct peers *peers);
// Instances seen now, on any interface: what the TTL is computed from.
uint32_t peers_instances(const struct peers *peers);
// Of these, the ones that are not in Avahi's cache, and known to live otherwise. Walks over all.
uint32_t peers_unheard(const struct peers *peers);
/*
 * peers_fullest(): the place where most instances are heard, cut off or not; none if the number is
 * 0. Return: how many, with those that Avahi has nowhere and that live: it may have no room for
 * them. peers_clustered(): how many of all instances are of a cluster.
 */
uint32_t peers_fullest(const struct peers *peers, struct peers_where *where);
uint32_t peers_clustered(const struct peers *peers);
