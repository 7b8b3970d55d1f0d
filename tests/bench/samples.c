// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "samples.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"

#define CAP_FIRST 65536

void samples_clear(struct samples *samples)
{
	samples->n = 0;
}

void samples_fini(struct samples *samples)
{
	free(samples->ns);
	*samples = (struct samples){0};
}

void samples_add(struct samples *samples, uint64_t ns)
{
	if (samples->n == samples->cap) {
		samples->cap = samples->cap == 0 ? CAP_FIRST : samples->cap * 2;
		samples->ns = xrealloc(samples->ns, samples->cap * sizeof(samples->ns[0]));
	}
	samples->ns[samples->n++] = ns;
}

static int compare(const void *left, const void *right)
{
	const uint64_t *a = left;
	const uint64_t *b = right;

	return (*a > *b) - (*a < *b);
}

static uint64_t percentile(const struct samples *samples, unsigned percent)
{
	return samples->n > 0 ? samples->ns[(samples->n - 1) * percent / 100] : 0;
}

void samples_print(struct samples *samples, unsigned round, const char *who, const char *what,
		   uint64_t answers, uint64_t took_ns)
{
	if (samples->n > 1) {
		qsort(samples->ns, samples->n, sizeof(samples->ns[0]), compare);
	}
	printf("{\"round\":%u,\"who\":\"%s\",\"what\":\"%s\",\"n\":%zu,\"p50_ns\":%" PRIu64
	       ",\"p99_ns\":%" PRIu64 ",\"per_s\":%.1f}\n",
	       round, who, what, samples->n, percentile(samples, 50), percentile(samples, 99),
	       took_ns > 0 ? (double)answers * 1e9 / (double)took_ns : 0.0);
}
