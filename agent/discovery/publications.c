// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/publications.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/xalloc.h"

#define RETIRE_POLL_MS 250 // the successor is still in the queue

static bool is_wanted(const struct publication *one)
{
	return one->work != PUBLICATION_WITHDRAW;
}

static struct publication **list_of(struct publications *all, const struct publication *one)
{
	if (one->is_late) {
		return &all->late;
	}
	if (!is_wanted(one)) {
		return &all->leaving;
	}
	return one->work == PUBLICATION_PUBLISH ? &all->queue : &all->changes;
}

static void enlist(struct publications *all, struct publication *one, enum publication_work work,
		   bool is_late)
{
	struct publication **list = list_of(all, one);

	if (one->work != PUBLICATION_IDLE) {
		DL_DELETE(*list, one);
	}
	one->work = work;
	one->is_late = is_late;
	list = list_of(all, one);
	if (work != PUBLICATION_IDLE) {
		DL_APPEND(*list, one);
	}
}

static void set_work(struct publications *all, struct publication *one, enum publication_work work)
{
	enlist(all, one, work, false);
}

static void set_late(struct publications *all, struct publication *one, enum publication_work work,
		     uint64_t due_ms)
{
	one->due_ms = due_ms;
	enlist(all, one, work, true);
}

static void set_named(struct publications *all, struct publication *one, bool is_named)
{
	all->n_named -= one->is_named ? 1 : 0;
	one->is_named = is_named;
	all->n_named += one->is_named ? 1 : 0;
}

static struct publication *find(const struct publications *all, const char *instance)
{
	struct publication *one;

	HASH_FIND_STR(all->by_instance, instance, one);
	return one;
}

static void drop(struct publications *all, struct publication *one)
{
	set_named(all, one, false);
	set_work(all, one, PUBLICATION_IDLE);
	HASH_DEL(all->by_instance, one);
	free(one->txt);
	free(one);
}

static void fill(struct publication *one, const struct link_msg *msg)
{
	memcpy(one->cluster, msg->cluster, sizeof(one->cluster));
	one->port = msg->port;
	one->ttl_s = msg->ttl_s;
	one->txt = xrealloc(one->txt, msg->txt_len > 0 ? msg->txt_len : 1);
	one->txt_len = msg->txt_len;
	memcpy(one->txt, msg->txt, msg->txt_len);
}

static bool has_same_records(const struct publication *one, const struct link_msg *msg)
{
	return one->port == msg->port && strcmp(one->cluster, msg->cluster) == 0 &&
	       one->txt_len == msg->txt_len && memcmp(one->txt, msg->txt, msg->txt_len) == 0;
}

static int put_known(struct publications *all, struct publication *one, const struct link_msg *msg)
{
	bool is_same = has_same_records(one, msg);
	bool is_same_ttl = one->ttl_s == msg->ttl_s;

	set_named(all, one, true);
	if (!is_wanted(one)) {
		set_work(all, one, PUBLICATION_IDLE);
	}
	if (!is_same || !is_same_ttl) {
		fill(one, msg);
	}
	if (one->handle == NULL || !is_same) {
		// If it is queued or waiting for another try already: in its place.
		if (one->work != PUBLICATION_PUBLISH) {
			set_work(all, one, PUBLICATION_PUBLISH);
		}
		return 0;
	}
	if (one->work == PUBLICATION_IDLE && !is_same_ttl) {
		set_work(all, one, PUBLICATION_CHANGE);
		return 0;
	}
	return one->is_established ? PUBLICATIONS_E_SAME : 0;
}

int publications_put(struct publications *all, const struct link_msg *msg)
{
	struct publication *one = find(all, msg->ref.instance);

	if (all->n_named >= PUBLICATIONS_MAX && (one == NULL || !one->is_named)) {
		return PUBLICATIONS_E_FULL;
	}
	if (one != NULL) {
		return put_known(all, one, msg);
	}
	one = xcalloc(1, sizeof(*one));
	memcpy(one->instance, msg->ref.instance, sizeof(one->instance));
	fill(one, msg);
	HASH_ADD_STR(all->by_instance, instance, one);
	set_named(all, one, true);
	set_work(all, one, PUBLICATION_PUBLISH);
	return 0;
}

/*
 * When may this instance go? Instances of one node share the part up to their last '~': as long as
 * another one of it is about to be announced, or has just been, this one stays.
 */
static uint64_t retire_due_ms(const struct publications *all, const struct publication *one,
			      uint64_t now_ms)
{
	const char *tilde = strrchr(one->instance, '~');
	size_t n = tilde != NULL ? (size_t)(tilde - one->instance) + 1 : 0;
	uint64_t due_ms = now_ms;

	for (const struct publication *p = all->by_instance; n > 0 && p != NULL; p = p->hh.next) {
		uint64_t p_ms = p->announced_ms + PUBLICATIONS_RETIRE_MS;

		if (p == one || !is_wanted(p) || p->is_refused ||
		    strncmp(p->instance, one->instance, n) != 0 ||
		    strchr(p->instance + n, '~') != NULL) {
			continue;
		}
		p_ms = p->announced_ms == 0 ? now_ms + RETIRE_POLL_MS : p_ms;
		due_ms = p_ms > due_ms ? p_ms : due_ms;
	}
	return due_ms;
}

static void withdraw(struct publications *all, struct publication *one, uint64_t now_ms)
{
	uint64_t due_ms;

	if (one->handle == NULL) {
		drop(all, one);
		return;
	}
	if (!is_wanted(one)) {
		return;
	}
	set_named(all, one, false);
	due_ms = retire_due_ms(all, one, now_ms);
	if (due_ms > now_ms) {
		set_late(all, one, PUBLICATION_WITHDRAW, due_ms);
	} else {
		set_work(all, one, PUBLICATION_WITHDRAW);
	}
}

void publications_withdraw(struct publications *all, const char *instance, uint64_t now_ms)
{
	struct publication *one = find(all, instance);

	if (one != NULL) {
		withdraw(all, one, now_ms);
	}
}

void publications_reset(struct publications *all)
{
	for (struct publication *p = all->by_instance; p != NULL; p = p->hh.next) {
		set_named(all, p, false);
	}
}

void publications_end(struct publications *all, uint64_t now_ms)
{
	struct publication *one, *next;

	HASH_ITER (hh, all->by_instance, one, next) {
		if (!one->is_named) {
			withdraw(all, one, now_ms);
		}
	}
}

bool publications_has(const struct publications *all, const char *instance)
{
	return find(all, instance) != NULL;
}

struct publication *publications_next(struct publications *all, uint64_t now_ms)
{
	struct publication *one, *next;

	DL_FOREACH_SAFE (all->late, one, next) {
		if (one->due_ms > now_ms) {
			continue;
		}
		if (one->work == PUBLICATION_WITHDRAW) {
			one->due_ms = retire_due_ms(all, one, now_ms);
		}
		if (one->due_ms <= now_ms) {
			set_work(all, one, one->work);
		}
	}
	// A new node does not wait for a change of all others.
	return all->leaving != NULL ? all->leaving : all->queue != NULL ? all->queue : all->changes;
}

int64_t publications_wait_ms(const struct publications *all, uint64_t now_ms)
{
	int64_t wait_ms = -1;

	if (all->leaving != NULL || all->queue != NULL || all->changes != NULL) {
		return 0;
	}
	for (const struct publication *p = all->late; p != NULL; p = p->next) {
		int64_t p_ms = p->due_ms > now_ms ? (int64_t)(p->due_ms - now_ms) : 0;

		wait_ms = wait_ms < 0 || p_ms < wait_ms ? p_ms : wait_ms;
	}
	return wait_ms;
}

void publications_done(struct publications *all, struct publication *one, uint64_t now_ms)
{
	if (!is_wanted(one)) {
		drop(all, one);
		return;
	}
	if (one->work != PUBLICATION_CHANGE) {
		one->announced_ms = now_ms;
	}
	one->is_refused = false;
	set_work(all, one, PUBLICATION_IDLE);
}

void publications_refused(struct publications *all, struct publication *one, uint64_t now_ms,
			  uint64_t wait_ms)
{
	one->is_established = false;
	if (!is_wanted(one)) {
		return; // it is being withdrawn anyway
	}
	one->is_refused = true;
	set_late(all, one, PUBLICATION_PUBLISH, now_ms + wait_ms);
}

void publications_touch(struct publications *all, enum publication_work work)
{
	for (struct publication *p = all->by_instance; p != NULL; p = p->hh.next) {
		if (p->handle != NULL && !p->is_late && p->work < work) {
			set_work(all, p, work);
		}
	}
}

void publications_lost(struct publications *all)
{
	struct publication *one, *next;

	HASH_ITER (hh, all->by_instance, one, next) {
		one->handle = NULL;
		one->is_established = false;
		one->is_refused = false;
		one->announced_ms = 0;
		if (is_wanted(one)) {
			set_work(all, one, PUBLICATION_PUBLISH);
		} else {
			drop(all, one);
		}
	}
}

void publications_fini(struct publications *all)
{
	struct publication *one, *next;

	HASH_ITER (hh, all->by_instance, one, next) {
		drop(all, one);
	}
}
