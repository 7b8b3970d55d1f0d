// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Was the wall clock set back, and until when is it behind where it was? Avahi's timers are of that
 * clock: what was to be done in a second is done when it shows that time again. Told by the wall
 * clock running away from CLOCK_BOOTTIME, which nobody sets. Pure: both are passed in, in ms.
 */
#pragma once

#include <stdint.h>

#define SETBACK_MIN_MS 1000 // shorter steps are not worth a word

struct setback {
	int64_t ahead_ms;  // the wall clock of CLOCK_BOOTTIME, when last looked at
	uint64_t until_ms; // BOOTTIME; 0: it is not behind
};

void setback_init(struct setback *setback, uint64_t boottime_ms, uint64_t wall_ms);
// setback_look(): Return: for how long the wall clock will be behind, 0 if it is not.
uint64_t setback_look(struct setback *setback, uint64_t boottime_ms, uint64_t wall_ms);
// setback_forget(): Avahi was started anew, with timers of the time as it is.
void setback_forget(struct setback *setback);
