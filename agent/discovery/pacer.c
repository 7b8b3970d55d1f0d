// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/pacer.h"

#define TOKEN 1000

void pacer_init(struct pacer *pacer, uint32_t burst, uint32_t per_s, uint64_t now_ms)
{
	pacer->burst = burst;
	pacer->per_s = per_s;
	pacer->filled_ms = now_ms;
	pacer->tokens_milli = (uint64_t)burst * TOKEN;
}

static void pacer_fill(struct pacer *pacer, uint64_t now_ms)
{
	uint64_t full = (uint64_t)pacer->burst * TOKEN;
	uint64_t elapsed_ms = now_ms > pacer->filled_ms ? now_ms - pacer->filled_ms : 0;

	// Checked before the multiplication: a machine may sleep for years.
	if (elapsed_ms > full / pacer->per_s) {
		pacer->tokens_milli = full;
	} else {
		pacer->tokens_milli += elapsed_ms * pacer->per_s;
		pacer->tokens_milli = pacer->tokens_milli < full ? pacer->tokens_milli : full;
	}
	pacer->filled_ms = now_ms > pacer->filled_ms ? now_ms : pacer->filled_ms;
}

bool pacer_take(struct pacer *pacer, uint64_t now_ms)
{
	pacer_fill(pacer, now_ms);
	if (pacer->tokens_milli < TOKEN) {
		return false;
	}
	pacer->tokens_milli -= TOKEN;
	return true;
}

uint64_t pacer_wait_ms(struct pacer *pacer, uint64_t now_ms)
{
	pacer_fill(pacer, now_ms);
	if (pacer->tokens_milli >= TOKEN) {
		return 0;
	}
	return (TOKEN - pacer->tokens_milli + pacer->per_s - 1) / pacer->per_s;
}
