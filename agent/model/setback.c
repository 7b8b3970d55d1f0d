// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/setback.h"

void setback_init(struct setback *setback, uint64_t boottime_ms, uint64_t wall_ms)
{
	*setback = (struct setback){.ahead_ms = (int64_t)(wall_ms - boottime_ms)};
}

uint64_t setback_look(struct setback *setback, uint64_t boottime_ms, uint64_t wall_ms)
{
	int64_t ahead_ms = (int64_t)(wall_ms - boottime_ms);
	int64_t step_ms = ahead_ms - setback->ahead_ms;
	int64_t left_ms =
		setback->until_ms > boottime_ms ? (int64_t)(setback->until_ms - boottime_ms) : 0;

	setback->ahead_ms = ahead_ms;
	if (step_ms <= -SETBACK_MIN_MS || step_ms >= SETBACK_MIN_MS) {
		left_ms -= step_ms;
	}
	left_ms = left_ms > 0 ? left_ms : 0;
	setback->until_ms = left_ms > 0 ? boottime_ms + (uint64_t)left_ms : 0;
	return (uint64_t)left_ms;
}

void setback_forget(struct setback *setback)
{
	setback->until_ms = 0;
}
