// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Do things come faster, and for longer, than they should? A bucket that each fills and time
 * drains. Pure: the time (CLOCK_MONOTONIC, ms) is passed in, and nothing needs a timer while
 * nothing comes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct surge {
	uint32_t per_s;   // that many are fine for ever
	uint32_t full;    // and this many at once on top
	uint32_t calm_ms; // it is over when the bucket has been empty for so long
	uint32_t level;   // of the bucket, in thousandths
	uint64_t at_ms;   // when that was
	uint64_t ignored_until_ms;
	bool is_on;
};

// surge_ignore(): what comes until then is none, as when all is told from the beginning.
void surge_ignore(struct surge *surge, uint64_t until_ms);
// surge_note(): one more. Return: whether it has come to a surge by this one.
bool surge_note(struct surge *surge, uint64_t now_ms);
/*
 * surge_wait_ms(): to be called while it is on. Return: 0 when it is over, else how long it lasts
 * even if nothing more comes.
 */
uint64_t surge_wait_ms(struct surge *surge, uint64_t now_ms);
