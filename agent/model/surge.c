// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/surge.h"

#define ONE 1000U

static void drain(struct surge *surge, uint64_t now_ms)
{
	uint64_t elapsed_ms = now_ms > surge->at_ms ? now_ms - surge->at_ms : 0;

	// What a second takes is per_s things, each of a thousand.
	if (elapsed_ms >= surge->level / surge->per_s) {
		surge->level = 0;
	} else {
		surge->level -= (uint32_t)elapsed_ms * surge->per_s;
	}
	surge->at_ms = now_ms > surge->at_ms ? now_ms : surge->at_ms;
}

void surge_ignore(struct surge *surge, uint64_t until_ms)
{
	surge->ignored_until_ms = until_ms;
}

bool surge_note(struct surge *surge, uint64_t now_ms)
{
	bool was_on = surge->is_on;

	if (now_ms < surge->ignored_until_ms) {
		return false;
	}
	if (surge->level > 0) {
		drain(surge, now_ms);
	} else {
		surge->at_ms = now_ms;
	}
	surge->level += surge->level < surge->full * ONE ? ONE : 0;
	surge->is_on |= surge->level >= surge->full * ONE;
	return surge->is_on && !was_on;
}

uint64_t surge_wait_ms(struct surge *surge, uint64_t now_ms)
{
	uint64_t over_ms = surge->at_ms + surge->level / surge->per_s + surge->calm_ms;

	surge->is_on = now_ms < over_ms;
	return surge->is_on ? over_ms - now_ms : 0;
}
