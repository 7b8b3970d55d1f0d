// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Drives an event loop from a test, turn by turn until something is so, and a monotonic clock that
 * can be put forward: what takes 90 s in earnest takes none here. Everything in this process sees
 * that clock, libevent too.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "test.h"

#define TURN_DEADLINE_MS 20000

struct event_base;

// turn(): one turn of the loop; waits for at most that long.
void turn(struct event_base *base, uint64_t ms);
// turn_for(): turns until nothing happens any more, at least for that long.
void turn_for(struct event_base *base, uint64_t ms);
void put_clock_forward(uint64_t ms);
// The machine was asleep: CLOCK_BOOTTIME has gone on alone.
void sleep_as_machine(uint64_t ms);
// By whole seconds.
void set_wall_clock_back(uint64_t ms);
// Time as it really passes.
uint64_t real_now_ms(void);

#define turn_until(base, condition)                                                                \
	do {                                                                                       \
		uint64_t deadline_ms_ = real_now_ms() + TURN_DEADLINE_MS;                          \
		while (!(condition)) {                                                             \
			if (real_now_ms() > deadline_ms_) {                                        \
				fail_msg("waited in vain for %s", #condition);                     \
			}                                                                          \
			turn(base, 10);                                                            \
		}                                                                                  \
	} while (0)
