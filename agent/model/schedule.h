// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * The claims whose liveness has a deadline, the next one first: a binary heap. Internal to the
 * peers model.
 */
#pragma once

#include <stdint.h>

struct claim;

struct schedule {
	struct claim **heap; // a parent is never due after its children
	uint32_t n, room;
};

// schedule_update(): to be called when the deadline of a claim may have changed.
void schedule_update(struct schedule *schedule, struct claim *claim);
// schedule_remove(): to be called before a claim is freed.
void schedule_remove(struct schedule *schedule, struct claim *claim);
// schedule_first(): the claim that is due next, or NULL.
struct claim *schedule_first(const struct schedule *schedule);
void schedule_fini(struct schedule *schedule);
