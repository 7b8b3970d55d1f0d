// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * The peers by name and their claims by instance, and how they leave. Internal to the peers model:
 * peers.c answers, resolution.c takes in what was resolved, outages.c what concerns many at once.
 */
#pragma once

#include "base/hash.h"
#include "model/census.h"
#include "model/claim.h"
#include "model/peer.h"
#include "model/peers.h"

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

struct claim *roster_find_claim(const struct peers *peers, const char *instance);
struct peer_entry *roster_find_entry(const struct peers *peers, struct ep_str node);
// roster_obtain_entry(): a new one if need be; NULL when there is no room.
struct peer_entry *roster_obtain_entry(struct peers *peers, struct ep_str node);
void roster_drop_claim(struct peers *peers, struct claim *claim);
void roster_drop_entry(struct peers *peers, struct peer_entry *entry);

// roster_enter(): it is heard there, unless it is in too many places already.
void roster_enter(struct peers *peers, struct claim *claim, struct peers_where where);
// roster_leave(): it is not heard there any more. Return: whether it is heard nowhere now.
bool roster_leave(struct peers *peers, struct claim *claim, struct peers_where where);
// roster_uncount(): it is about to be heard nowhere.
void roster_uncount(struct peers *peers, const struct claim *claim);
// roster_cut_off(): it is heard on a link without carrier and nowhere else.
void roster_cut_off(struct peers *peers, struct claim *claim, uint64_t now_ms);

/*
 * roster_settle(): after any change of the claims of a peer. It and any claim of it may be gone
 * afterwards.
 */
void roster_settle(struct peers *peers, struct peer_entry *entry, uint64_t now_ms);
void roster_settle_all(struct peers *peers, uint64_t now_ms);
