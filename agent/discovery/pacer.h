// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * A token bucket: so much at once, then so much a second. Avahi's cost for a burst of publications
 * grows with its square (500 at once block it for seconds, paced they do not).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct pacer {
	uint32_t burst;
	uint32_t per_s;
	uint64_t filled_ms; // up to when what has come in since is counted
	uint64_t tokens_milli;
};

void pacer_init(struct pacer *pacer, uint32_t burst, uint32_t per_s, uint64_t now_ms);
// pacer_take(): may one more be done now? Then it is counted.
bool pacer_take(struct pacer *pacer, uint64_t now_ms);
// pacer_wait_ms(): until pacer_take() says yes; 0 when it does now.
uint64_t pacer_wait_ms(struct pacer *pacer, uint64_t now_ms);
