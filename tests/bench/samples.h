// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// The times that one contender took in one round.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct samples {
	uint64_t *ns;
	size_t n, cap;
};

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

void samples_clear(struct samples *samples);
void samples_fini(struct samples *samples);
void samples_add(struct samples *samples, uint64_t ns);
/*
 * samples_print(): one line of JSON: who, what, how many, their median and 99th percentile, and how
 * many answers a second in the time that all of it took. Sorts the samples.
 */
void samples_print(struct samples *samples, unsigned round, const char *who, const char *what,
		   uint64_t answers, uint64_t took_ns);
