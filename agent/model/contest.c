// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/contest.h"

#include <stddef.h>
#include <utlist.h>

#include "model/claim.h"

static bool is_live(const struct claim *claim)
{
	return claim->is_usable && liveness_is_shown(&claim->liveness);
}

static bool has_incumbent(const struct claim *claims)
{
	const struct claim *claim;

	LL_FOREACH (claims, claim) {
		if (!claim->is_newcomer && is_live(claim)) {
			return true;
		}
	}
	return false;
}

static bool is_kin_of_incumbent(const struct claim *claims, const struct claim *claim)
{
	const struct claim *other;

	LL_FOREACH (claims, other) {
		if (other != claim && !other->is_newcomer && !other->is_suspect &&
		    claim_is_kin(other, claim)) {
			return true;
		}
	}
	return false;
}

static bool is_at_incumbent(const struct claim *claims, const struct claim *claim)
{
	const struct claim *other;

	LL_FOREACH (claims, other) {
		if (!other->is_newcomer && !other->is_suspect &&
		    claim_shares_endpoint(other, claim)) {
			return true;
		}
	}
	return false;
}

// Nothing says that it has left.
static bool is_holding(const struct claim *claim)
{
	return !claim->is_newcomer && !claim->is_suspect && is_live(claim) &&
	       !claim->liveness.is_unconfirmed;
}

/*
 * Would this kin be shown in place of what lives? Whatever it says can be read by anybody and said
 * again, with another port, or with a flag that hides it. The other family of a node takes nothing
 * from it.
 */
static bool is_in_the_way(const struct claim *claims, const struct claim *claim)
{
	const struct claim *other;

	LL_FOREACH (claims, other) {
		if (other != claim && is_holding(other) &&
		    (claim_family(other) == claim_family(claim) ||
		     other->creation != claim->creation)) {
			return true;
		}
	}
	return false;
}

bool contest_is_at_holder(const struct claim *claims, const struct claim *claim,
			  const struct peers_address *address)
{
	const struct claim *other;

	LL_FOREACH (claims, other) {
		if (other != claim && is_holding(other) &&
		    sightings_vouch(&other->sightings, address->bytes, address->len)) {
			return true;
		}
	}
	return false;
}

// A newcomer may turn out to be kin as more addresses are known, or through one that did.
static void adopt_kin(struct claim *claims)
{
	struct claim *claim;
	bool is_changed;

	do {
		is_changed = false;
		LL_FOREACH (claims, claim) {
			if (claim->is_newcomer && is_kin_of_incumbent(claims, claim)) {
				claim->is_suspect = is_in_the_way(claims, claim);
				claim->is_challenged &=
					!claim->is_suspect; // that was another question
				claim->is_newcomer = false;
				is_changed = true;
			}
		}
	} while (is_changed);
}

// When what they succeed has left, nothing speaks against them any more.
static void trust_who_is_left(struct claim *claims)
{
	struct claim *claim;

	LL_FOREACH (claims, claim) {
		claim->is_suspect = claim->is_suspect && is_in_the_way(claims, claim);
	}
}

static void ask_suspects(struct claim *claims)
{
	struct claim *claim;

	LL_FOREACH (claims, claim) {
		if (claim->is_suspect && !claim->is_challenged && is_live(claim)) {
			claim->is_challenged = claim->is_to_be_asked = true;
		}
	}
}

// The first newcomer that is live takes the name from an incumbent that is not.
static void promote(struct claim *claims)
{
	struct claim *heir = NULL;
	struct claim *claim;

	LL_FOREACH (claims, claim) {
		if (claim->is_newcomer && is_live(claim)) {
			heir = claim;
			break;
		}
	}
	if (heir == NULL) {
		return;
	}
	LL_FOREACH (claims, claim) {
		claim->is_newcomer = claim != heir;
	}
	adopt_kin(claims);
	contest_restart(claims);
}

void contest_restart(struct claim *claims)
{
	struct claim *claim;

	LL_FOREACH (claims, claim) {
		claim->is_challenged = claim->is_answering = false;
	}
}

/*
 * The other family of a node, heard first where no address is known yet that both have, is no
 * rival: it merely waits for one.
 */
static bool may_be_sibling(const struct claim *claims, const struct claim *claim)
{
	bool has_sibling = false;
	const struct claim *other;

	LL_FOREACH (claims, other) {
		if (other->is_newcomer || !is_live(other)) {
			continue;
		}
		if (claim_family(other) == claim_family(claim)) {
			return false;
		}
		has_sibling |= other->creation == claim->creation;
	}
	return has_sibling;
}

bool contest_is_rival(const struct claim *claims, const struct claim *claim,
		      uint32_t local_creation)
{
	if (!is_live(claim)) {
		return false;
	}
	if (local_creation != 0) {
		return claim->creation != local_creation;
	}
	return claim->is_newcomer && !is_at_incumbent(claims, claim) &&
	       !may_be_sibling(claims, claim);
}

bool contest_is_conflicted(const struct claim *claims, uint32_t local_creation)
{
	bool is_incumbent_answering = local_creation != 0;
	bool is_rival_answering = false;
	const struct claim *claim;

	LL_FOREACH (claims, claim) {
		if (!claim->is_answering || !is_live(claim)) {
			continue;
		}
		is_incumbent_answering |= !claim->is_newcomer;
		is_rival_answering |= contest_is_rival(claims, claim, local_creation);
	}
	return is_incumbent_answering && is_rival_answering;
}

// Each rival is asked, and the incumbent with it: what it answered in an earlier contest is too
// old.
static void challenge(struct claim *claims, uint32_t local_creation)
{
	bool has_rival = false, is_contested = false;
	struct claim *claim;

	LL_FOREACH (claims, claim) {
		if (!contest_is_rival(claims, claim, local_creation)) {
			continue;
		}
		if (claim->is_challenged) {
			is_contested |= claim->is_answering;
			continue;
		}
		claim->is_challenged = has_rival = true;
		claim->is_to_be_asked = !claim->is_answering;
	}
	if (!has_rival || local_creation != 0) {
		return;
	}
	LL_FOREACH (claims, claim) {
		if (!claim->is_newcomer && is_live(claim)) {
			claim->is_to_be_asked = true;
			claim->is_answering &= is_contested;
		}
	}
}

void contest_decide(struct claim *claims, uint32_t local_creation)
{
	trust_who_is_left(claims);
	adopt_kin(claims);
	if (!has_incumbent(claims)) {
		promote(claims);
	}
	ask_suspects(claims);
	challenge(claims, local_creation);
}

// The newcomer that is least worth keeping: if there are too many one must go, else only a dead
// one.
static struct claim *find_idle_newcomer(struct claim *claims, bool is_any_fine)
{
	struct claim *idle = NULL;
	struct claim *claim;

	LL_FOREACH (claims, claim) {
		if (claim->is_newcomer && !is_live(claim)) {
			return claim;
		}
		if (claim->is_newcomer && is_any_fine) {
			idle = claim; // the latest
		}
	}
	return idle;
}

// A suspect for which nobody has vouched, then what is of the past, then the oldest suspect.
static struct claim *find_old_incumbent(struct claim *claims)
{
	struct claim *oldest = NULL, *suspect = NULL;
	struct claim *claim;

	LL_FOREACH (claims, claim) {
		if (claim->is_newcomer || claim->is_shown) {
			continue;
		}
		if (claim->is_suspect && !claim->liveness.is_probing) {
			return claim;
		}
		if (claim->is_suspect) {
			suspect = suspect == NULL ? claim : suspect;
		} else if (oldest == NULL || claim->revision < oldest->revision) {
			oldest = claim;
		}
	}
	return oldest != NULL ? oldest : suspect;
}

const char *contest_make_room(struct claim *claims, const struct claim *more, struct claim **victim)
{
	bool is_kin = is_kin_of_incumbent(claims, more);
	unsigned n = 0, n_newcomers = 0;
	const struct claim *claim;

	LL_FOREACH (claims, claim) {
		n++;
		n_newcomers += claim->is_newcomer ? 1 : 0;
	}
	*victim = NULL;
	if (!is_kin && n_newcomers >= PEERS_NEWCOMERS_MAX) {
		*victim = find_idle_newcomer(claims, false);
	} else if (n < PEERS_CLAIMS_MAX) {
		return NULL;
	} else if (n_newcomers > PEERS_NEWCOMERS_MAX) {
		*victim = find_idle_newcomer(claims, true);
	} else {
		*victim = find_old_incumbent(claims);
	}
	return *victim != NULL ? NULL : "too many claims to this name";
}

static struct claim *find_latest(struct claim *claims, const struct claim *of_same_creation,
				 enum ep_family family)
{
	struct claim *latest = NULL;
	struct claim *claim;

	LL_FOREACH (claims, claim) {
		if (claim->is_newcomer || claim->is_suspect || !is_live(claim) ||
		    (of_same_creation != NULL && (claim->creation != of_same_creation->creation ||
						  claim_family(claim) != family))) {
			continue;
		}
		if (latest == NULL || claim->revision > latest->revision) {
			latest = claim;
		}
	}
	return latest;
}

struct claim *contest_winner(struct claim *claims, enum ep_family family)
{
	const struct claim *latest = find_latest(claims, NULL, family);

	return latest != NULL ? find_latest(claims, latest, family) : NULL;
}

static bool is_in_place_of(const struct claim *other, const struct claim *claim)
{
	if (!other->liveness.is_advertised || !is_live(other)) {
		return false;
	}
	if (other->is_suspect) {
		return false;
	}
	if (other->is_newcomer) {
		return claim_shares_endpoint(other, claim);
	}
	return other->revision > claim->revision &&
	       (other->creation != claim->creation || claim_family(other) == claim_family(claim));
}

bool contest_is_superseded(const struct claim *claims, const struct claim *claim)
{
	const struct claim *other;

	if (claim->is_newcomer || claim->is_suspect) {
		return true; // nobody relies on it
	}
	LL_FOREACH (claims, other) {
		if (other != claim && is_in_place_of(other, claim)) {
			return true;
		}
	}
	return false;
}
