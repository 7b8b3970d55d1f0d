// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/sightings.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

bool sighting_is_link_local(const uint8_t *bytes, uint8_t len)
{
	return len == 16 && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

bool sighting_is_absurd(const uint8_t *bytes, uint8_t len)
{
	static const uint8_t zeros[10];

	if (len == 4) {
		return bytes[0] == 0 || bytes[0] == 127 || bytes[0] >= 224;
	}
	return len != 16 || memcmp(bytes, zeros, sizeof(zeros)) == 0 || bytes[0] == 0xff;
}

static bool is_at(const struct sighting *sighting, struct peers_where where)
{
	return sighting->ifindex == where.ifindex && sighting->family == where.family;
}

static bool has_address(const struct sighting *sighting, const uint8_t *bytes, uint8_t len)
{
	return sighting->len == len && memcmp(sighting->bytes, bytes, len) == 0;
}

static bool is_told(const struct sighting *sighting)
{
	return !sighting->is_stale;
}

static bool is_heard(const struct sighting *sighting)
{
	return !sighting->is_stale && !sighting->is_cut;
}

unsigned sighting_rank(const struct sighting *sighting)
{
	if (sighting->is_cut) {
		return SIGHTING_CUT;
	}
	if (!sighting->is_on_link && !sighting_is_link_local(sighting->bytes, sighting->len)) {
		return SIGHTING_OFF_LINK;
	}
	if (sighting->is_failed) {
		return 2;
	}
	return (sighting->is_stale && !sighting->is_held) || sighting->is_unproven ? 1 : 0;
}

void sightings_fini(struct sightings *sightings)
{
	free(sightings->all);
	*sightings = (struct sightings){NULL, 0};
}

static void remove_at(struct sightings *sightings, uint8_t i)
{
	sightings->n--;
	memmove(&sightings->all[i], &sightings->all[i + 1],
		(size_t)(sightings->n - i) * sizeof(sightings->all[0]));
}

static void make_room(struct sightings *sightings)
{
	for (uint8_t i = 0; i < sightings->n && sightings->n == PEERS_SIGHTINGS_MAX; i++) {
		if (sightings->all[i].is_stale && !sightings->all[i].is_held) {
			remove_at(sightings, i);
		}
	}
}

static struct sighting *add(struct sightings *sightings, struct peers_where where)
{
	struct sighting *sighting;

	make_room(sightings);
	if (sightings->n == PEERS_SIGHTINGS_MAX) {
		return NULL;
	}
	sightings->all = xrealloc(sightings->all, (sightings->n + 1U) * sizeof(sightings->all[0]));
	sighting = &sightings->all[sightings->n++];
	*sighting = (struct sighting){.ifindex = where.ifindex, .family = where.family};
	return sighting;
}

bool sightings_is_seen(const struct sightings *sightings, struct peers_where where)
{
	for (uint8_t i = 0; i < sightings->n; i++) {
		if (is_at(&sightings->all[i], where) && is_heard(&sightings->all[i])) {
			return true;
		}
	}
	return false;
}

bool sightings_is_told(const struct sightings *sightings, struct peers_where where)
{
	for (uint8_t i = 0; i < sightings->n; i++) {
		if (is_at(&sightings->all[i], where) && is_told(&sightings->all[i])) {
			return true;
		}
	}
	return false;
}

static bool next_place(const struct sightings *sightings, bool (*counts)(const struct sighting *),
		       uint8_t *at, struct peers_where *where)
{
	while (*at < sightings->n) {
		const struct sighting *sighting = &sightings->all[(*at)++];
		bool is_first = counts(sighting);

		*where = (struct peers_where){sighting->ifindex, sighting->family};
		for (uint8_t i = 0; i + 1 < *at; i++) { // it may have several addresses there
			is_first &=
				!counts(&sightings->all[i]) || !is_at(&sightings->all[i], *where);
		}
		if (is_first) {
			return true;
		}
	}
	return false;
}

bool sightings_next(const struct sightings *sightings, uint8_t *at, struct peers_where *where)
{
	return next_place(sightings, is_heard, at, where);
}

bool sightings_next_told(const struct sightings *sightings, uint8_t *at, struct peers_where *where)
{
	return next_place(sightings, is_told, at, where);
}

bool sightings_is_fresh(const struct sightings *sightings, uint8_t len)
{
	for (uint8_t i = 0; i < sightings->n; i++) {
		const struct sighting *sighting = &sightings->all[i];

		if (is_heard(sighting) && sighting->len == len && sighting->is_on_link &&
		    !sighting_is_link_local(sighting->bytes, len)) {
			return true;
		}
	}
	return false;
}

static bool is_proven(const struct sighting *sighting)
{
	return sighting->len > 0 && !sighting->is_unproven &&
	       (is_heard(sighting) || sighting->is_held);
}

// When nothing else is left, what came later has to do.
static void accept_what_is_left(struct sightings *sightings)
{
	for (uint8_t i = 0; i < sightings->n; i++) {
		if (is_proven(&sightings->all[i])) {
			return;
		}
	}
	for (uint8_t i = 0; i < sightings->n; i++) {
		sightings->all[i].is_unproven = false;
	}
}

static void forget_stale_if_fresh(struct sightings *sightings, uint8_t len)
{
	accept_what_is_left(sightings);
	if (!sightings_is_fresh(sightings, len)) {
		return;
	}
	for (uint8_t i = sightings->n; i-- > 0;) {
		if (sightings->all[i].is_stale && !sightings->all[i].is_held) {
			remove_at(sightings, i);
		}
	}
}

bool sightings_seen(struct sightings *sightings, struct peers_where where)
{
	bool is_known = false;

	for (uint8_t i = 0; i < sightings->n; i++) {
		if (is_at(&sightings->all[i], where)) {
			sightings->all[i].is_stale = sightings->all[i].is_failed = false;
			sightings->all[i].is_held = false;
			sightings->all[i].is_cut = false;
			is_known = true;
		}
	}
	return is_known || add(sightings, where) != NULL;
}

// What had no address says nothing any more, and on a link without carrier there is none to keep.
static void expire(struct sightings *sightings, uint8_t i)
{
	if (sightings->all[i].len == 0 || sightings->all[i].is_cut) {
		remove_at(sightings, i);
	} else {
		sightings->all[i].is_stale = true;
	}
}

bool sightings_gone(struct sightings *sightings, struct peers_where where, uint8_t len)
{
	bool is_elsewhere = false;

	for (uint8_t i = sightings->n; i-- > 0;) {
		if (is_at(&sightings->all[i], where)) {
			expire(sightings, i);
		} else {
			is_elsewhere |= !sightings->all[i].is_stale;
		}
	}
	forget_stale_if_fresh(sightings, len);
	return !is_elsewhere;
}

void sightings_gone_everywhere(struct sightings *sightings)
{
	for (uint8_t i = sightings->n; i-- > 0;) {
		expire(sightings, i);
	}
}

bool sightings_cut(struct sightings *sightings, int32_t ifindex)
{
	bool is_changed = false;

	for (uint8_t i = sightings->n; i-- > 0;) {
		struct sighting *sighting = &sightings->all[i];

		if (sighting->ifindex != ifindex || sighting->is_cut) {
			continue;
		}
		is_changed = true;
		if (sighting->is_stale) {
			remove_at(sightings, i);
		} else {
			sighting->is_cut = true;
		}
	}
	return is_changed;
}

bool sightings_is_cut_off(const struct sightings *sightings)
{
	bool is_cut = false;

	for (uint8_t i = 0; i < sightings->n; i++) {
		if (is_heard(&sightings->all[i])) {
			return false;
		}
		is_cut |= sightings->all[i].is_cut;
	}
	return is_cut;
}

bool sightings_mend(struct sightings *sightings, int32_t ifindex)
{
	bool is_elsewhere = !sightings_is_cut_off(sightings);
	bool was_cut = false;

	for (uint8_t i = 0; i < sightings->n; i++) {
		struct sighting *sighting = &sightings->all[i];

		if (sighting->ifindex == ifindex && sighting->is_cut) {
			sighting->is_cut = false;
			sighting->is_failed = is_elsewhere;
			was_cut = true;
		}
	}
	return was_cut;
}

bool sightings_depend_on(const struct sightings *sightings, int32_t ifindex, uint8_t len)
{
	bool is_heard_there = false, is_only_there = true, was_there = false;

	for (uint8_t i = 0; i < sightings->n; i++) {
		const struct sighting *sighting = &sightings->all[i];

		if (sighting->ifindex != ifindex) {
			if (is_heard(sighting) && (len == 0 || sighting->len == len)) {
				return false;
			}
			is_only_there = false;
		} else if (!sighting->is_cut) { // else that is known already
			was_there = true;
			is_heard_there |= !sighting->is_stale;
		}
	}
	return is_heard_there || (was_there && is_only_there);
}

bool sightings_is_at(const struct sightings *sightings, int32_t ifindex)
{
	for (uint8_t i = 0; i < sightings->n; i++) {
		if (sightings->all[i].ifindex == ifindex && is_heard(&sightings->all[i])) {
			return true;
		}
	}
	return false;
}

static struct sighting *find_at(struct sightings *sightings, struct peers_where where,
				const struct peers_address *address)
{
	for (uint8_t i = 0; i < sightings->n; i++) {
		if (is_at(&sightings->all[i], where) &&
		    has_address(&sightings->all[i], address->bytes, address->len)) {
			return &sightings->all[i];
		}
	}
	return NULL;
}

const struct sighting *sightings_find(const struct sightings *sightings, const uint8_t *bytes,
				      uint8_t len)
{
	const struct sighting *best = NULL;

	for (uint8_t i = 0; i < sightings->n; i++) {
		const struct sighting *sighting = &sightings->all[i];

		if (has_address(sighting, bytes, len) &&
		    (best == NULL || sighting_rank(sighting) < sighting_rank(best))) {
			best = sighting;
		}
	}
	return best;
}

/*
 * That it is heard there must show even without an address. It was heard there before, so that
 * without room for more what is held is of there, and gives way.
 */
static void keep_reference(struct sightings *sightings, struct peers_where where)
{
	if (sightings_is_seen(sightings, where) || add(sightings, where) != NULL) {
		return;
	}
	for (uint8_t i = 0; i < sightings->n; i++) {
		struct sighting *sighting = &sightings->all[i];

		if (is_at(sighting, where)) {
			*sighting =
				(struct sighting){.ifindex = where.ifindex, .family = where.family};
			return;
		}
	}
}

// Keep the address that is known, if it is not heard anywhere any more.
static void hold_on(struct sightings *sightings, const uint8_t *bytes, uint8_t len)
{
	const struct sighting *best = sightings_find(sightings, bytes, len);
	bool is_lost = best != NULL && !is_heard(best);

	for (uint8_t i = 0; i < sightings->n; i++) {
		struct sighting *sighting = &sightings->all[i];

		sighting->is_held = is_lost && sighting->is_stale && !sighting->is_cut &&
				    has_address(sighting, bytes, len);
	}
}

// Has it an address there, of that family?
static bool is_proven_at(const struct sightings *sightings, struct peers_where where, uint8_t len)
{
	for (uint8_t i = 0; i < sightings->n; i++) {
		const struct sighting *sighting = &sightings->all[i];

		if (is_at(sighting, where) && sighting->len == len && is_proven(sighting)) {
			return true;
		}
	}
	return false;
}

bool sightings_is_held(const struct sightings *sightings, const uint8_t *bytes, uint8_t len)
{
	for (uint8_t i = 0; i < sightings->n; i++) {
		if (sightings->all[i].is_held && has_address(&sightings->all[i], bytes, len)) {
			return true;
		}
	}
	return false;
}

bool sightings_has_held(const struct sightings *sightings)
{
	for (uint8_t i = 0; i < sightings->n; i++) {
		if (sightings->all[i].is_held) {
			return true;
		}
	}
	return false;
}

void sightings_release(struct sightings *sightings, uint8_t len)
{
	for (uint8_t i = 0; i < sightings->n; i++) {
		sightings->all[i].is_held = sightings->all[i].is_unproven = false;
	}
	forget_stale_if_fresh(sightings, len);
}

bool sightings_is_first_rate(const struct sightings *sightings, const uint8_t *bytes, uint8_t len)
{
	const struct sighting *sighting = sightings_find(sightings, bytes, len);

	return sighting != NULL && sighting_rank(sighting) == 0;
}

bool sightings_vouch(const struct sightings *sightings, const uint8_t *bytes, uint8_t len)
{
	for (uint8_t i = 0; i < sightings->n; i++) {
		if (!sightings->all[i].is_unproven && has_address(&sightings->all[i], bytes, len)) {
			return true;
		}
	}
	return false;
}

bool sightings_resolved(struct sightings *sightings, struct peers_where where,
			const struct peers_address *addresses, uint8_t n, uint8_t len,
			const uint8_t *hold)
{
	bool is_proven_there = hold != NULL && is_proven_at(sightings, where, len);
	bool is_new = false;

	for (uint8_t i = sightings->n; i-- > 0;) {
		if (is_at(&sightings->all[i], where)) {
			expire(sightings, i);
		}
	}
	if (hold != NULL) {
		hold_on(sightings, hold, len);
	}
	for (uint8_t i = 0; i < n; i++) {
		const struct peers_address *address = &addresses[i];
		struct sighting *sighting;
		bool is_unproven;

		if (sighting_is_absurd(address->bytes, address->len)) {
			continue;
		}
		sighting = find_at(sightings, where, address);
		if (sighting == NULL) {
			is_new |= sightings_find(sightings, address->bytes, address->len) == NULL;
			is_unproven = is_proven_there && address->len == len;
			sighting = add(sightings, where);
			if (sighting != NULL) {
				sighting->is_unproven = is_unproven;
			}
		}
		if (sighting == NULL) {
			break;
		}
		sighting->is_stale = false;
		sighting->is_on_link = address->is_on_link;
		sighting->len = address->len;
		memcpy(sighting->bytes, address->bytes, address->len);
	}
	if (hold != NULL) {
		hold_on(sightings, hold, len); // it may have been among them
	}
	if (!sightings_is_fresh(sightings, len)) {
		sightings_release(sightings, len); // nothing would take its place
	}
	keep_reference(sightings, where);
	forget_stale_if_fresh(sightings, len);
	return is_new;
}

void sightings_mark(struct sightings *sightings, const struct peers_address *address,
		    bool is_failed)
{
	for (uint8_t i = 0; i < sightings->n; i++) {
		if (address->len > 0 &&
		    has_address(&sightings->all[i], address->bytes, address->len)) {
			sightings->all[i].is_failed = is_failed;
		}
	}
}

void sightings_forgive(struct sightings *sightings)
{
	for (uint8_t i = 0; i < sightings->n; i++) {
		sightings->all[i].is_failed = false;
	}
}

bool sightings_meet(const struct sightings *a, const struct sightings *b, uint8_t len)
{
	for (uint8_t i = 0; i < a->n; i++) {
		const struct sighting *sighting = &a->all[i];

		if (sighting->len > 0 && (len == 0 || len == sighting->len) &&
		    sightings_find(b, sighting->bytes, sighting->len) != NULL) {
			return true;
		}
	}
	return false;
}
