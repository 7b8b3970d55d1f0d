// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Many clients of one server in one process, each with so many requests on the way.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "samples.h"
#include "tongue.h"

// Requests of one length, one behind the other, to be sent in runs.
struct requests {
	uint8_t *bytes;
	size_t len; // of each
	unsigned n;
};

struct member;

struct crowd {
	const struct tongue *tongue;
	const char *where;
	const struct requests *requests;
	unsigned clients, depth;
	unsigned next; // request
	int epoll;
	struct member *members;
	struct samples *samples;
	uint64_t answers;
	uint64_t began_ns, end_ns;
};

void crowd_open(struct crowd *crowd, const struct tongue *tongue, const char *where,
		const struct requests *requests, unsigned clients, unsigned depth);
/*
 * crowd_run(): for so long, and at least to the first answer. A sample is the time from the
 * requests of one run to their last answer. Return: answers; *took_ns.
 */
uint64_t crowd_run(struct crowd *crowd, uint64_t ns, struct samples *samples, uint64_t *took_ns);
void crowd_close(struct crowd *crowd);
