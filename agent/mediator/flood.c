// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Services that come faster than anybody starts nodes. What we keep is bounded, and whom we know
 * stays; but what Avahi keeps is bounded, too, and who is new when it is full is told to nobody.
 * Nothing can be done about that from here, so people are told.
 */

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "mediator/internal.h"

static void look_again(struct agent *agent)
{
	uint64_t wait_ms = surge_wait_ms(&agent->lan.surge, clock_now_ms());
	struct timeval wait = clock_timeval(wait_ms);

	if (wait_ms > 0) {
		event_add(agent->lan.calm, &wait);
	} else {
		problems_end(agent, PROBLEM_FLOOD);
	}
}

static void on_calm(evutil_socket_t fd, short what, void *user)
{
	(void)fd;
	(void)what;
	look_again(user);
}

void flood_init(struct agent *agent)
{
	agent->lan.surge = (struct surge){
		.per_s = AGENT_FLOOD_PER_S,
		.full = AGENT_FLOOD_MORE,
		.calm_ms = AGENT_FLOOD_CALM_MS,
	};
	agent->lan.calm = event_new(agent->base, -1, 0, on_calm, agent);
}

void flood_fini(struct agent *agent)
{
	event_free(agent->lan.calm);
}

void flood_browsing(struct agent *agent)
{
	surge_ignore(&agent->lan.surge, clock_now_ms() + AGENT_FLOOD_AFTER_MS);
}

void flood_note(struct agent *agent, int32_t ifindex)
{
	const char *interface = lan_interface(agent, ifindex);
	char name[LINK_IFNAME_MAX * 4];

	if (!surge_note(&agent->lan.surge, clock_now_ms())) {
		return;
	}
	interface = interface != NULL ? interface : "a network";
	problems_begin(
		agent, PROBLEM_FLOOD,
		"More than %d new services a second are heard, lately on %s. Nodes that are known "
		"stay, but newcomers may not be seen: Avahi keeps only so many services. Look at "
		"UDP port 5353 for their sender.",
		AGENT_FLOOD_PER_S,
		log_escape(name, sizeof(name), interface, __builtin_strlen(interface)));
	look_again(agent);
}
