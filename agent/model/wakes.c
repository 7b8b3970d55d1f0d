// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/wakes.h"

void wakes_init(struct wakes *wakes, uint64_t monotonic_ms, uint64_t boottime_ms)
{
	*wakes = (struct wakes){.asleep_ms = (int64_t)(boottime_ms - monotonic_ms)};
}

bool wakes_look(struct wakes *wakes, uint64_t monotonic_ms, uint64_t boottime_ms)
{
	int64_t asleep_ms = (int64_t)(boottime_ms - monotonic_ms);
	bool has_slept = asleep_ms - wakes->asleep_ms >= WAKES_SLEPT_MS;
	bool was_stopped = wakes->due_ms != 0 && monotonic_ms > wakes->due_ms + WAKES_LATE_MS;

	wakes->asleep_ms = asleep_ms;
	wakes->due_ms = monotonic_ms + WAKES_LOOK_MS;
	return has_slept || was_stopped;
}

void wakes_rest(struct wakes *wakes)
{
	wakes->due_ms = 0;
}
