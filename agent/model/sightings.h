// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Where one service instance was heard, and which addresses its host has there. Internal to the
 * peers model.
 *
 * A sighting is kept, stale, after it is gone, until a fresh one has a good address of the family
 * that matters: IPv4 addresses are mostly heard over IPv4 only, so that a lost refresh there must
 * not take the address of a node that is still heard over IPv6. That family is always given by the
 * length of its addresses.
 *
 * What was heard on a link of ours that has lost its carrier is cut: it is as if it were not heard,
 * and yet remembered, because Avahi has it in its cache and says nothing when the carrier returns.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/peers.h"

struct sighting {
	int32_t ifindex;
	uint8_t family; // enum ep_family of the mDNS packets
	uint8_t len;    // of the address; 0: none known
	bool is_stale : 1;
	bool is_on_link : 1;
	bool is_failed : 1;   // a connect to this address failed
	bool is_held : 1;     // not heard any more, but not yet asked whether it is there
	bool is_unproven : 1; // became known while another was the address
	// our own link there has no carrier: Avahi still has it, which says nothing
	bool is_cut : 1;
	uint8_t bytes[16];
};

struct sightings {
	struct sighting *all; // the first heard is the first choice
	uint8_t n;
};

void sightings_fini(struct sightings *sightings);

// sightings_seen(): it is heard there. Return: false when there are too many.
bool sightings_seen(struct sightings *sightings, struct peers_where where);
// sightings_gone(): not any more. Return: whether it is heard nowhere now.
bool sightings_gone(struct sightings *sightings, struct peers_where where, uint8_t len);
void sightings_gone_everywhere(struct sightings *sightings);
bool sightings_is_seen(const struct sightings *sightings, struct peers_where where);

// sightings_is_told(): Avahi has said so, be our link there cut or not. The next such place.
bool sightings_is_told(const struct sightings *sightings, struct peers_where where);
bool sightings_next_told(const struct sightings *sightings, uint8_t *at, struct peers_where *where);

/*
 * Our link lost its carrier, or has it back. Heard elsewhere, too, the addresses there are the last
 * choice from then on, until one has answered or is heard anew. Return: has that changed anything?
 */
bool sightings_cut(struct sightings *sightings, int32_t ifindex);
bool sightings_mend(struct sightings *sightings, int32_t ifindex);
// sightings_depend_on(): would it be heard nowhere without that interface, where it is or was?
// Heard with no address of that length (0: of any, or none) is not heard.
bool sightings_depend_on(const struct sightings *sightings, int32_t ifindex, uint8_t len);
// sightings_is_cut_off(): is it heard nowhere, because of that?
bool sightings_is_cut_off(const struct sightings *sightings);
// sightings_is_at(): is it heard on that interface?
bool sightings_is_at(const struct sightings *sightings, int32_t ifindex);
// sightings_is_fresh(): is there a good address from where it is still heard?
bool sightings_is_fresh(const struct sightings *sightings, uint8_t len);

// sightings_next(): the next place from *at on where it is heard. Return: false for none.
bool sightings_next(const struct sightings *sightings, uint8_t *at, struct peers_where *where);

/*
 * sightings_resolved(): the addresses that its host has there, in place of those known so far.
 * Those that can never be right are skipped. Return: whether one is new.
 *
 * The addresses of a host can be forged as all else. `hold`, of `len` bytes, is the one that it is
 * known by, or NULL: if it is not among them, it is held, and stays the first choice until it has
 * been asked (sightings_release()). What is new has no say meanwhile.
 */
bool sightings_resolved(struct sightings *sightings, struct peers_where where,
			const struct peers_address *addresses, uint8_t n, uint8_t len,
			const uint8_t *hold);
bool sightings_is_held(const struct sightings *sightings, const uint8_t *bytes, uint8_t len);
// sightings_has_held(): is there any that is to be asked?
bool sightings_has_held(const struct sightings *sightings);
// sightings_release(): the one that was held is not there any more.
void sightings_release(struct sightings *sightings, uint8_t len);
// sightings_is_first_rate(): is it heard there, or held, and has not failed?
bool sightings_is_first_rate(const struct sightings *sightings, const uint8_t *bytes, uint8_t len);
// sightings_vouch(): is this an address that it has been known by from the first?
bool sightings_vouch(const struct sightings *sightings, const uint8_t *bytes, uint8_t len);
// sightings_mark(): connecting to this address failed, or did not.
void sightings_mark(struct sightings *sightings, const struct peers_address *address,
		    bool is_failed);
void sightings_forgive(struct sightings *sightings); // as if no address had failed

// sightings_find(): the best one with this address, or NULL.
const struct sighting *sightings_find(const struct sightings *sightings, const uint8_t *bytes,
				      uint8_t len);
// sightings_meet(): have they an address in common, of that length (0: of any)?
bool sightings_meet(const struct sightings *a, const struct sightings *b, uint8_t len);
// sighting_rank(): 0 is best, SIGHTING_OFF_LINK is worst of those that may be right.
#define SIGHTING_OFF_LINK 3U
#define SIGHTING_CUT 4U
unsigned sighting_rank(const struct sighting *sighting);

bool sighting_is_link_local(const uint8_t *bytes, uint8_t len); // fe80::/10
// No address of another host: unspecified, loopback, multicast, 0/8, 240/4, IPv4 inside IPv6.
bool sighting_is_absurd(const uint8_t *bytes, uint8_t len);
