// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * One peer: its claims, and what watchers know of it. Internal to the peers model.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "model/claim.h"
#include "model/peers.h"
#include "model/schedule.h"

#define PEER_FAMILIES 2

// What watchers were last told of it in one family.
struct peer_shown {
	struct claim *claim; // NULL: it is not there
	uint32_t digest;
};

// The same, ready to be said.
struct peer_ready {
	struct peer_answer answer; // carrier 0: not there; address_len 0: only link-local ones
	uint32_t fresh_s;          // claim::fresh_s
};

/*
 * What a lookup reads stands together at the end: from the chain of the hash table to a name of
 * usual length it is one pair of cache lines. In a table that outgrows the caches each line is a
 * miss, and processors fetch the second line of a pair with the first.
 */
#define PEER_ALIGNMENT 128

struct peer_entry {
	struct peer peer; // first, so that a peer is its entry
	struct claim *claims;
	struct peer_shown shown[PEER_FAMILIES]; // inet, inet6
	uint64_t since_ms;
	uint32_t since_creation;
	bool has_literal;  // the host part of its name is an address
	bool is_unsettled; // a claim of it has changed (peers_cut())
	uint8_t name_len;
	uint8_t unused[16]; // brings hh.hh_prev to where a pair begins
	UT_hash_handle hh;  // peers::by_name
	struct peer_ready ready[PEER_FAMILIES];
	uint8_t name[];
};

// What all peers share.
struct peer_world {
	const struct peers_ops *ops;
	void *user;
	bool allow_off_link;
	bool is_settling;
	struct schedule schedule;
};

struct peer_entry *peer_new(struct ep_str name);
struct peer_entry *peer_entry_of(struct peer *peer);

void peer_addresses(const struct peer_world *world, const struct peer_entry *entry,
		    const struct claim *claim, struct claim_addresses *out);
bool peer_view(const struct peer_world *world, const struct peer_entry *entry,
	       enum ep_family family, struct peer_view *view, struct service *scratch);

// peer_resolve(): have a claim resolved again wherever it is heard.
void peer_resolve(struct peer_world *world, const struct claim *claim);
// peer_shown_claim(): what it is shown by in one family; NULL: it is not.
struct claim *peer_shown_claim(const struct peer_entry *entry, enum ep_family family);
/*
 * peer_lookup(): touches nothing but the entry, unless what is shown was resolved too long ago:
 * then it is resolved again.
 */
enum peers_found peer_lookup(struct peer_world *world, struct peer_entry *entry,
			     enum ep_family family, uint64_t now_ms, struct peer_answer *answer);

// peer_act(): what liveness said of a claim (enum liveness_action); its deadline may be another.
void peer_act(struct peer_world *world, struct claim *claim, unsigned actions);
void peer_doubt(struct peer_world *world, struct claim *claim);
// peer_act_anew(): the same, and have it resolved again if it is probed: it may have moved.
void peer_act_anew(struct peer_world *world, struct claim *claim, unsigned actions);
/*
 * peer_probe_next(): ask at the best address that has not failed, but not at `asked` again.
 * must_connect: see peers_ticket. Return: false when there is none.
 */
bool peer_probe_next(struct peer_world *world, const struct claim *claim,
		     const struct peers_address *asked, bool must_connect);

// peer_hide(): tell that it is not shown any more, while its data still stands.
void peer_hide(struct peer_world *world, struct claim *claim);
/*
 * peer_settle(): after any change of the claims: decide who has the name, and tell watchers the
 * difference. No dead claim is shown then.
 */
void peer_settle(struct peer_world *world, struct peer_entry *entry, uint64_t now_ms);
