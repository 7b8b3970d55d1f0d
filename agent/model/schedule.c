// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/schedule.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "model/claim.h"

// claim::due is its index in the heap and 1; 0: it is not there.

static void place(struct schedule *schedule, struct claim *claim, uint32_t at)
{
	schedule->heap[at] = claim;
	claim->due = at + 1;
}

static uint64_t deadline_at(const struct schedule *schedule, uint32_t at)
{
	return schedule->heap[at]->liveness.deadline_ms;
}

// Move a claim from a free place to where it belongs, towards the root or the leaves.
static void settle(struct schedule *schedule, struct claim *claim, uint32_t at)
{
	uint64_t deadline_ms = claim->liveness.deadline_ms;

	while (at > 0 && deadline_at(schedule, (at - 1) / 2) > deadline_ms) {
		place(schedule, schedule->heap[(at - 1) / 2], at);
		at = (at - 1) / 2;
	}
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child + 1 < schedule->n &&
		    deadline_at(schedule, child + 1) < deadline_at(schedule, child)) {
			child++;
		}
		if (child >= schedule->n || deadline_at(schedule, child) >= deadline_ms) {
			break;
		}
		place(schedule, schedule->heap[child], at);
		at = child;
	}
	place(schedule, claim, at);
}

void schedule_remove(struct schedule *schedule, struct claim *claim)
{
	uint32_t at = claim->due - 1;
	struct claim *last;

	if (claim->due == 0) {
		return;
	}
	claim->due = 0;
	last = schedule->heap[--schedule->n];
	if (last != claim) {
		settle(schedule, last, at);
	}
}

void schedule_update(struct schedule *schedule, struct claim *claim)
{
	if (claim->liveness.deadline_ms == LIVENESS_NEVER) {
		schedule_remove(schedule, claim);
		return;
	}
	if (claim->due == 0) {
		if (schedule->n == schedule->room) {
			schedule->room = schedule->room > 0 ? 2 * schedule->room : 16;
			schedule->heap = xrealloc(schedule->heap,
						  schedule->room * sizeof(schedule->heap[0]));
		}
		claim->due = ++schedule->n;
	}
	settle(schedule, claim, claim->due - 1);
}

struct claim *schedule_first(const struct schedule *schedule)
{
	return schedule->n > 0 ? schedule->heap[0] : NULL;
}

void schedule_fini(struct schedule *schedule)
{
	free(schedule->heap);
	*schedule = (struct schedule){NULL, 0, 0};
}
