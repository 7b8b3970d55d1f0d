// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/lookups.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/xalloc.h"

static const uint64_t backoff_ms[LOOKUPS_BACKOFFS] = {1500, 5000, 30000, 300000};

bool lookups_ref(struct link_ref *ref, const char *instance, int32_t ifindex, uint8_t family)
{
	size_t n = strnlen(instance, LINK_INSTANCE_MAX + 1);

	if (n == 0 || n > LINK_INSTANCE_MAX) {
		return false;
	}
	memset(ref, 0, sizeof(*ref));
	memcpy(ref->instance, instance, n);
	ref->ifindex = ifindex;
	ref->family = family;
	return true;
}

static struct lookup **list_of(struct lookups *all, const struct lookup *one)
{
	switch (one->state) {
	case LOOKUP_QUEUED:
		return one->ref.family == EP_FAMILY_INET6 ? &all->spare : &all->queue;
	case LOOKUP_IN_FLIGHT:
		return &all->flying;
	case LOOKUP_WAITING:
		break;
	}
	return &all->waiting[one->n_failed - 1];
}

static void leave(struct lookups *all, struct lookup *one)
{
	struct lookup **list = list_of(all, one);

	DL_DELETE(*list, one);
	if (one->state == LOOKUP_IN_FLIGHT) {
		all->n_flying--;
		all->n_flying_again -= one->is_again ? 1 : 0;
	}
}

static void move(struct lookups *all, struct lookup *one, enum lookup_state state)
{
	struct lookup **list;

	leave(all, one);
	if (state == LOOKUP_IN_FLIGHT) {
		one->is_again = one->state == LOOKUP_WAITING;
		all->n_flying++;
		all->n_flying_again += one->is_again ? 1 : 0;
	}
	one->state = state;
	list = list_of(all, one);
	DL_APPEND(*list, one);
}

bool lookups_add(struct lookups *all, const struct link_ref *ref, bool is_seen)
{
	struct lookup *one = lookups_find(all, ref);
	struct lookup **list;

	if (one != NULL) {
		one->is_seen = one->is_seen || is_seen;
		if (one->state == LOOKUP_WAITING) {
			move(all, one, LOOKUP_QUEUED);
		}
		return true;
	}
	if (all->n >= LOOKUPS_MAX) {
		return false;
	}
	one = xcalloc(1, sizeof(*one));
	one->ref = *ref;
	one->is_seen = is_seen;
	HASH_ADD(hh, all->by_ref, ref, sizeof(one->ref), one);
	list = list_of(all, one);
	DL_APPEND(*list, one);
	all->n++;
	return true;
}

struct lookup *lookups_find(const struct lookups *all, const struct link_ref *ref)
{
	struct lookup *one;

	HASH_FIND(hh, all->by_ref, ref, sizeof(*ref), one);
	return one;
}

static struct lookup *first_due(const struct lookups *all, uint64_t now_ms)
{
	for (size_t i = 0; i < LOOKUPS_BACKOFFS; i++) {
		if (all->waiting[i] != NULL && all->waiting[i]->at_ms <= now_ms) {
			return all->waiting[i];
		}
	}
	return NULL;
}

static struct lookup *first_queued(const struct lookups *all)
{
	return all->queue != NULL ? all->queue : all->spare;
}

static bool is_full(const struct lookups *all)
{
	return all->n_flying >= LOOKUPS_IN_FLIGHT_MAX;
}

static bool is_full_again(const struct lookups *all)
{
	return is_full(all) || all->n_flying_again >= LOOKUPS_AGAIN_MAX;
}

static struct lookup *first_ready(const struct lookups *all, uint64_t now_ms)
{
	struct lookup *one = first_queued(all);

	if (now_ms < all->pause_until_ms) {
		return NULL;
	}
	if (one != NULL) {
		return is_full(all) ? NULL : one;
	}
	return is_full_again(all) ? NULL : first_due(all, now_ms);
}

struct lookup *lookups_start(struct lookups *all, uint64_t now_ms)
{
	struct lookup *one = first_ready(all, now_ms);

	if (one != NULL) {
		move(all, one, LOOKUP_IN_FLIGHT);
		one->at_ms = now_ms;
	}
	return one;
}

void lookups_called(struct lookups *all, uint64_t took_ms, uint64_t now_ms)
{
	uint64_t pause_ms = took_ms < LOOKUPS_SLOW_MS ? 0 : took_ms * LOOKUPS_PAUSE;

	all->pause_until_ms =
		now_ms + (pause_ms < LOOKUPS_PAUSE_MAX_MS ? pause_ms : LOOKUPS_PAUSE_MAX_MS);
}

void lookups_suffices(struct lookups *all, const struct lookup *one)
{
	struct link_ref ref = one->ref;
	struct lookup *other;

	ref.family = ref.family == EP_FAMILY_INET6 ? EP_FAMILY_INET : EP_FAMILY_INET6;
	other = lookups_find(all, &ref);
	if (other != NULL && other->state == LOOKUP_QUEUED) {
		lookups_remove(all, other);
	}
}

void lookups_put_off(struct lookups *all, struct lookup *one, uint64_t now_ms)
{
	// While it is in flight n_failed is free to change: it chooses the list only when waiting.
	if (one->n_failed < LOOKUPS_BACKOFFS) {
		one->n_failed++;
	}
	one->at_ms = now_ms + backoff_ms[one->n_failed - 1];
	move(all, one, LOOKUP_WAITING);
}

void lookups_failed(struct lookups *all, struct lookup *one, uint64_t now_ms)
{
	if (one->is_seen) {
		lookups_put_off(all, one, now_ms);
	} else {
		lookups_remove(all, one);
	}
}

void lookups_remove(struct lookups *all, struct lookup *one)
{
	leave(all, one);
	all->n--;
	HASH_DEL(all->by_ref, one);
	free(one);
}

// When the oldest in flight is overdue.
static uint64_t overdue_ms(const struct lookups *all)
{
	bool is_in_a_hurry = is_full(all) && first_queued(all) != NULL;

	if (all->flying == NULL) {
		return UINT64_MAX;
	}
	return all->flying->at_ms + (is_in_a_hurry ? LOOKUPS_HURRY_MS : LOOKUPS_FLIGHT_MS);
}

struct lookup *lookups_overdue(const struct lookups *all, uint64_t now_ms)
{
	return overdue_ms(all) <= now_ms ? all->flying : NULL;
}

// When the next one may be started, if none of those in flight ends before.
static uint64_t start_ms(const struct lookups *all)
{
	uint64_t at_ms = UINT64_MAX;

	if (first_queued(all) != NULL) {
		return is_full(all) ? UINT64_MAX : all->pause_until_ms;
	}
	for (size_t i = 0; i < LOOKUPS_BACKOFFS && !is_full_again(all); i++) {
		if (all->waiting[i] != NULL && all->waiting[i]->at_ms < at_ms) {
			at_ms = all->waiting[i]->at_ms;
		}
	}
	return at_ms > all->pause_until_ms ? at_ms : all->pause_until_ms;
}

int64_t lookups_wait_ms(const struct lookups *all, uint64_t now_ms)
{
	uint64_t at_ms = start_ms(all);

	if (overdue_ms(all) < at_ms) {
		at_ms = overdue_ms(all);
	}
	if (at_ms == UINT64_MAX) {
		return -1;
	}
	return at_ms > now_ms ? (int64_t)(at_ms - now_ms) : 0;
}

void lookups_fini(struct lookups *all)
{
	struct lookup *one, *next;

	HASH_ITER (hh, all->by_ref, one, next) {
		lookups_remove(all, one);
	}
}
