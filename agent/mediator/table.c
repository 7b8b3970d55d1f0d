// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * A network with more nodes than are kept. Who finds no room is not seen, and Avahi tells of it
 * only once: so when there is room again, all that Avahi has is asked for again.
 */

#include "mediator/internal.h"

#define FREE_PARTS 8 // there is room again when one of so many parts of the table is free

static bool has_room(uint32_t n, uint32_t max)
{
	return n < max - max / FREE_PARTS;
}

void table_dropped(struct agent *agent)
{
	agent->lan.dropped++;
	problems_begin(
		agent, PROBLEM_TABLE,
		"The network has more Erlang nodes than are kept here, which is %u, or %u service "
		"instances; others are not seen.",
		agent->config.peers_max, agent->config.peers_max * AGENT_CLAIMS_PER_PEER);
}

void table_update(struct agent *agent)
{
	uint32_t max = agent->config.peers_max;

	if (problems_text(agent, PROBLEM_TABLE)[0] == '\0' ||
	    !has_room(peers_count(agent->peers), max) ||
	    !has_room(peers_instances(agent->peers), max * AGENT_CLAIMS_PER_PEER)) {
		return;
	}
	problems_end(agent, PROBLEM_TABLE);
	if (agent->link != NULL && agent->lan.is_browsing) {
		agent->lan.is_browse_due = true;
		link_wake(agent->link);
	}
}
