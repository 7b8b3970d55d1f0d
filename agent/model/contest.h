// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Who has a name that several claim. The claims of its holder, the incumbent, are those that are no
 * newcomers: kin of each other (claim_is_kin()), such as both families of a node and its next
 * registration. A newcomer gets the name, with its kin, when no claim of the incumbent is live;
 * while both answer there is a conflict. Kin that says it succeeds what still lives is suspect
 * until the incumbent's own host vouches for it (claim::is_suspect). Internal to the peers model;
 * works on the list of claims of one peer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "epmdns/protocol.h"

struct claim;
struct peers_address;

/*
 * contest_make_room(): for one more claim, which is not in the list yet. Return: NULL, or why there
 * is no room; *victim: what is to be dropped for it, or NULL.
 */
const char *contest_make_room(struct claim *claims, const struct claim *more,
			      struct claim **victim);
/*
 * contest_decide(): who has the name now, after any change; marks whom to ask for that
 * (claim::is_to_be_asked). local_creation: of the local registration of that name, 0 for none.
 */
void contest_decide(struct claim *claims, uint32_t local_creation);
// contest_is_conflicted(): do two nodes that both answer claim the name?
bool contest_is_conflicted(const struct claim *claims, uint32_t local_creation);
// contest_is_rival(): of those, is this one that is not the holder's?
bool contest_is_rival(const struct claim *claims, const struct claim *claim,
		      uint32_t local_creation);
// contest_restart(): forget what rivals have answered.
void contest_restart(struct claim *claims);

/*
 * contest_is_at_holder(): is this an address of the incumbent? What its responder says there it
 * says of itself, and who listens anywhere else may say anything.
 */
bool contest_is_at_holder(const struct claim *claims, const struct claim *claim,
			  const struct peers_address *address);

// contest_winner(): what is to be shown of the incumbent in that family: of its latest creation the
// latest revision. NULL: nothing.
struct claim *contest_winner(struct claim *claims, enum ep_family family);
// contest_is_superseded(): need the end of this claim not be verified, since another is in its
// place?
bool contest_is_superseded(const struct claim *claims, const struct claim *claim);
