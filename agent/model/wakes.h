// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Has this machine slept, or were we stopped, so that what was known may have changed unseen? Told
 * by CLOCK_BOOTTIME, which goes on in sleep, running away from CLOCK_MONOTONIC, which does not; and
 * by a regular look at the clock that comes much too late. Pure: both clocks are passed in, in ms.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define WAKES_LOOK_MS 5000  // how often to look while there is something to be verified
#define WAKES_LATE_MS 15000 // a look that comes this late: we were stopped
#define WAKES_SLEPT_MS 2000 // shorter sleeps change nothing

struct wakes {
	int64_t asleep_ms; // how far BOOTTIME was ahead of MONOTONIC
	uint64_t due_ms;   // next look, MONOTONIC; 0: nobody looks
};

void wakes_init(struct wakes *wakes, uint64_t monotonic_ms, uint64_t boottime_ms);
// wakes_look(): Return: whether there was a gap since the last look. The next is in WAKES_LOOK_MS.
bool wakes_look(struct wakes *wakes, uint64_t monotonic_ms, uint64_t boottime_ms);
// wakes_rest(): there will be no look for a while, which then is not late.
void wakes_rest(struct wakes *wakes);
