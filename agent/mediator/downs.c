// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Why peers went down: a line in the log, and counts for the status.

#include "base/clock.h"
#include "base/log.h"
#include "mediator/internal.h"

// A host that fails takes all of its nodes along, and anybody can have thousands come and go.
#define LINE_EVERY_MS 10000
#define LINES_AT_ONCE 5

static const struct {
	const char *reason, *sentence;
} causes[LIVENESS_CAUSES] = {
	[LIVENESS_LEFT] = {"withdrawn", "was withdrawn and not advertised again"},
	[LIVENESS_REFUSING] = {"refused", "refuses connections"},
	[LIVENESS_SILENCE] = {"silent", "does not answer any more"},
	[LIVENESS_REPLACED] = {"replaced", "gave way to another registration of its name"},
	[LIVENESS_NOWHERE] = {"nowhere", "has no address left that can be used"},
	[LIVENESS_CUT] = {"cut", "is behind a link that has no carrier"},
};

void downs_init(struct downs *downs)
{
	downs->lines = (struct log_limit){.interval_ms = LINE_EVERY_MS, .burst = LINES_AT_ONCE};
}

void downs_note(struct downs *downs, struct ep_str node, enum liveness_cause cause)
{
	char name[EP_NODE_MAX * 4 + 1];
	uint64_t suppressed;

	downs->n[cause]++;
	if (log_limit_pass(&downs->lines, clock_now_ms(), &suppressed)) {
		log_info("A node of the network %s. node=%s reason=%s suppressed=%llu",
			 causes[cause].sentence, log_escape(name, sizeof(name), node.p, node.n),
			 causes[cause].reason, (unsigned long long)suppressed);
	}
}
