// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Avahi keeps so many records of an interface and protocol and drops the rest without a word, its
 * setting cannot be asked for, and the records of others, as printers, cannot be counted. So this
 * warns a little before that.
 */

#include <stdio.h>

#include "mediator/internal.h"

// PTR, SRV, TXT; the PTR of its cluster is one more.
#define RECORDS 3

// How many records there are of so many instances of ours in the fullest cache.
static uint64_t count_records(const struct agent *agent, uint32_t heard, uint32_t own)
{
	uint64_t clustered = peers_clustered(agent->peers);

	clustered = clustered < heard ? clustered : heard;
	// Ours have clusters as often as theirs: it is one network.
	return (RECORDS * (uint64_t)heard + clustered) * (heard + own) / heard;
}

void cache_update(struct agent *agent)
{
	uint64_t entries = agent->config.cache_entries;
	uint32_t own = agent->adverts.n_instances;
	struct peers_where where;
	uint32_t heard = peers_fullest(agent->peers, &where);
	uint64_t records = heard > 0 ? count_records(agent, heard, own) : 0;
	char number[16];
	const char *name;

	if (records < entries / AGENT_CACHE_PARTS * AGENT_CACHE_END) {
		problems_end(agent, PROBLEM_CACHE);
		return;
	}
	if (records < entries / AGENT_CACHE_PARTS * AGENT_CACHE_BEGIN &&
	    problems_text(agent, PROBLEM_CACHE)[0] == '\0') {
		return;
	}
	name = lan_interface(agent, where.ifindex);
	snprintf(number, sizeof(number), "link %d", where.ifindex);
	problems_begin(agent, PROBLEM_CACHE,
		       "Avahi's cache may be full: %u nodes are known on %s, others may not be "
		       "seen. Raise cache-entries-max, [server] in /etc/avahi/avahi-daemon.conf, "
		       "on every host, restart avahi-daemon, set --avahi-cache-entries.",
		       heard + own, name != NULL ? name : number);
}
