// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * What callgrind is to count (with --collect-atstart=no); without callgrind none of it does
 * anything. callgrind.py reads what comes of it.
 */
#pragma once

#include <stdio.h>
#include <valgrind/callgrind.h>

// Begin or end to count.
static inline void counting_toggle(void)
{
	CALLGRIND_TOGGLE_COLLECT;
}

// counting_done(): what was counted since the last time was so many operations of that name.
static inline void counting_done(const char *name, unsigned operations)
{
	char text[96];

	snprintf(text, sizeof(text), "%.64s %u", name, operations);
	CALLGRIND_DUMP_STATS_AT(text);
}
