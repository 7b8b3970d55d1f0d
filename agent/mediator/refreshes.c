// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Services that are to be resolved again, because they do not answer or were resolved a while ago.
 * Each is asked for once until the discovery process takes it; past the cap, what is asked for is
 * dropped, for a doubt or a lookup will ask again.
 */

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "mediator/internal.h"

struct refresh {
	UT_hash_handle hh;   // lan::refreshes, in the order of arrival
	struct link_ref ref; // the key, padding included
};

static struct link_ref ref_of(const char *instance, struct peers_where where)
{
	struct link_ref ref;

	memset(&ref, 0, sizeof(ref));
	strncpy(ref.instance, instance, sizeof(ref.instance) - 1);
	ref.ifindex = where.ifindex;
	ref.family = where.family;
	return ref;
}

void refreshes_add(struct agent *agent, const char *instance, struct peers_where where)
{
	struct link_ref ref = ref_of(instance, where);
	struct refresh *refresh;

	HASH_FIND(hh, agent->lan.refreshes, &ref, sizeof(ref), refresh);
	if (refresh != NULL || agent->link == NULL || !agent->lan.is_browsing ||
	    HASH_COUNT(agent->lan.refreshes) >= AGENT_REFRESHES_MAX) {
		return;
	}
	refresh = xcalloc(1, sizeof(*refresh));
	memcpy(&refresh->ref, &ref, sizeof(ref));
	HASH_ADD(hh, agent->lan.refreshes, ref, sizeof(refresh->ref), refresh);
	link_wake(agent->link);
}

static void drop(struct agent *agent, struct refresh *refresh)
{
	HASH_DEL(agent->lan.refreshes, refresh);
	free(refresh);
}

bool refreshes_next(struct agent *agent, struct link_msg *msg)
{
	struct refresh *refresh = agent->lan.refreshes;

	if (refresh == NULL) {
		return false;
	}
	msg->op = LINK_RESOLVE;
	msg->ref = refresh->ref;
	drop(agent, refresh);
	return true;
}

void refreshes_clear(struct agent *agent)
{
	while (agent->lan.refreshes != NULL) {
		drop(agent, agent->lan.refreshes);
	}
}
