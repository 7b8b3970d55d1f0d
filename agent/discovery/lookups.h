// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Which sightings are still to be resolved. One that is settled is forgotten here; the front has
 * the table. Pure: the time is passed in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "edge/wire.h"

#define LOOKUPS_MAX 8192
#define LOOKUPS_IN_FLIGHT_MAX 64
#define LOOKUPS_AGAIN_MAX 48 // of these, that have failed before: the rest is for first tries
#define LOOKUPS_BACKOFFS 4   // 1.5, 5, 30 and then every 300 s
/*
 * Avahi gives up after 5 s. But a host that announces a service tells all of it at once, and from
 * Avahi's cache it takes a millisecond: anybody can name thousands of services that are not there,
 * and whoever is heard next would wait for minutes. So while others wait for their first try, what
 * takes longer is put off.
 */
#define LOOKUPS_FLIGHT_MS 10000
#define LOOKUPS_HURRY_MS 250
/*
 * On a large network Avahi has much to do, the more so while it is asked. After a call that took
 * long it is left alone for so many times as long.
 */
#define LOOKUPS_SLOW_MS 10
#define LOOKUPS_PAUSE 4
#define LOOKUPS_PAUSE_MAX_MS 1000

enum lookup_state {
	LOOKUP_QUEUED,
	LOOKUP_IN_FLIGHT,
	LOOKUP_WAITING, // failed, to be tried again
};

struct lookup {
	struct link_ref ref; // every byte defined: it is the key
	enum lookup_state state;
	bool is_again; // in flight: has failed before, and nobody has asked anew
	bool is_seen;  // its PTR is there, so it is tried until it goes; else only once
	uint8_t n_failed;
	uint64_t at_ms;             // in flight: since when; waiting: until when
	void *resolver, *collector; // the resolver's handles
	struct lookup *prev, *next; // lookups::queue, ::spare, ::flying or ::waiting[]
	UT_hash_handle hh;          // lookups::by_ref
};

struct lookups {
	struct lookup *by_ref;
	struct lookup *queue;                     // in order of arrival …
	struct lookup *spare;                     // … and then these, see lookups_suffices()
	struct lookup *flying;                    // the oldest first
	struct lookup *waiting[LOOKUPS_BACKOFFS]; // by n_failed, and so each in order of time
	size_t n, n_flying, n_flying_again;       // the last is part of the second
	uint64_t pause_until_ms;
};

// lookups_ref(): a ref whose every byte is defined. Return: false when the instance is no label.
bool lookups_ref(struct link_ref *ref, const char *instance, int32_t ifindex, uint8_t family);

// lookups_add(): resolve ref as soon as possible. Return: false when there are too many.
bool lookups_add(struct lookups *all, const struct link_ref *ref, bool is_seen);
struct lookup *lookups_find(const struct lookups *all, const struct link_ref *ref);
// lookups_start(): the next one to resolve, now in flight; NULL when none may be started.
struct lookup *lookups_start(struct lookups *all, uint64_t now_ms);
// lookups_called(): the call that starts it took so long.
void lookups_called(struct lookups *all, uint64_t took_ms, uint64_t now_ms);
/*
 * lookups_suffices(): this one has shown all there is to know of its instance on that interface: it
 * need not be resolved in the other family as well. Nearly all nodes are of IPv4, so IPv6 is last.
 */
void lookups_suffices(struct lookups *all, const struct lookup *one);
// lookups_failed(): try again later, or forget it when it was asked for only once.
void lookups_failed(struct lookups *all, struct lookup *one, uint64_t now_ms);
// lookups_put_off(): it has made room for others; try again later in any case.
void lookups_put_off(struct lookups *all, struct lookup *one, uint64_t now_ms);
void lookups_remove(struct lookups *all, struct lookup *one);
// lookups_overdue(): the one in flight that has been there for too long, or NULL.
struct lookup *lookups_overdue(const struct lookups *all, uint64_t now_ms);
// lookups_wait_ms(): until one may be started or is overdue; -1: never.
int64_t lookups_wait_ms(const struct lookups *all, uint64_t now_ms);
// lookups_fini(): forget all.
void lookups_fini(struct lookups *all);
