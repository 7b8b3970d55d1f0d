// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/links.h"

#include <string.h>

#define NEVER UINT64_MAX

static struct watched_link *find(struct links *links, int32_t ifindex)
{
	for (size_t i = 0; i < links->n; i++) {
		if (links->all[i].status.ifindex == ifindex) {
			return &links->all[i];
		}
	}
	return NULL;
}

static void cut(struct watched_link *link)
{
	if (!link->is_cut) {
		link->is_cut = link->is_cut_due = true;
	}
	link->mended_due_ms = link->again_due_ms = NEVER;
}

static void mend(struct watched_link *link, bool is_moved, uint64_t now_ms)
{
	uint64_t due_ms = now_ms;

	link->is_moved |= is_moved;
	if (link->was_mended && link->mended_ms + LINKS_HOLD_MS > now_ms) {
		due_ms = link->mended_ms + LINKS_HOLD_MS;
	}
	if (due_ms < link->mended_due_ms) {
		link->mended_due_ms = due_ms;
	}
}

static void add(struct links *links, const struct link_status *status, uint64_t now_ms)
{
	struct watched_link *link;

	if (links->n == LINKS_MAX) {
		return;
	}
	link = &links->all[links->n++];
	*link = (struct watched_link){
		.status = *status,
		.is_there = true,
		.is_cut = !status->has_carrier,
		.mended_due_ms = NEVER,
		.again_due_ms = NEVER,
	};
	if (links->has_begun && status->has_carrier) {
		mend(link, true, now_ms);
	}
}

static void update(struct watched_link *link, const struct link_status *status, uint64_t now_ms)
{
	bool is_moved = link->status.addresses != status->addresses ||
			link->status.n_addresses != status->n_addresses;

	link->status = *status;
	link->is_there = true;
	if (!status->has_carrier) {
		link->is_moved |= is_moved;
		cut(link);
	} else if (link->is_cut || is_moved) {
		mend(link, is_moved, now_ms);
	}
}

static void remove_at(struct links *links, size_t i)
{
	links->n--;
	memmove(&links->all[i], &links->all[i + 1], (links->n - i) * sizeof(links->all[0]));
}

void links_take(struct links *links, const struct link_status *there, size_t n, uint64_t now_ms)
{
	for (size_t i = 0; i < links->n; i++) {
		links->all[i].is_there = false;
	}
	for (size_t i = 0; i < n; i++) {
		struct watched_link *link = find(links, there[i].ifindex);

		if (link != NULL) {
			update(link, &there[i], now_ms);
		} else {
			add(links, &there[i], now_ms);
		}
	}
	for (size_t i = links->n; i-- > 0;) {
		struct watched_link *link = &links->all[i];

		if (!link->is_there) {
			cut(link);
			link->status.has_carrier = false;
			if (!link->is_cut_due) {
				remove_at(links, i);
			}
		}
	}
	links->has_begun = true;
}

bool links_next(struct links *links, uint64_t now_ms, struct links_event *event)
{
	for (size_t i = 0; i < links->n; i++) {
		struct watched_link *link = &links->all[i];

		*event = (struct links_event){.ifindex = link->status.ifindex};
		if (link->is_cut_due) {
			event->what = LINKS_CUT;
			link->is_cut_due = false;
			if (!link->is_there) {
				remove_at(links, i);
			}
			return true;
		}
		if (link->mended_due_ms <= now_ms) {
			event->what = LINKS_MENDED;
			event->is_moved = link->is_moved;
			link->is_cut = link->is_moved = false;
			link->was_mended = true;
			link->mended_ms = now_ms;
			link->mended_due_ms = NEVER;
			link->again_due_ms = event->is_moved ? now_ms + LINKS_AGAIN_MS : NEVER;
			return true;
		}
		if (link->again_due_ms <= now_ms) {
			event->what = LINKS_AGAIN;
			link->again_due_ms = NEVER;
			return true;
		}
	}
	return false;
}

int64_t links_wait_ms(const struct links *links, uint64_t now_ms)
{
	uint64_t due_ms = NEVER;

	for (size_t i = 0; i < links->n; i++) {
		const struct watched_link *link = &links->all[i];

		if (link->is_cut_due) {
			return 0;
		}
		due_ms = link->mended_due_ms < due_ms ? link->mended_due_ms : due_ms;
		due_ms = link->again_due_ms < due_ms ? link->again_due_ms : due_ms;
	}
	if (due_ms == NEVER) {
		return -1;
	}
	return due_ms > now_ms ? (int64_t)(due_ms - now_ms) : 0;
}

bool links_is_dead(const struct links *links, int32_t ifindex)
{
	for (size_t i = 0; i < links->n; i++) {
		if (links->all[i].status.ifindex == ifindex) {
			return !links->all[i].status.has_carrier;
		}
	}
	return false;
}
