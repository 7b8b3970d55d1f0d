// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * The mediator: all policy, and the only one that knows registry, peers, server, prober and link.
 * What it does is told in the direction of the data: requests.c answers clients, adverts.c says
 * what is to be published, lan.c takes in what was heard, waits.c keeps lookups until something is
 * heard, feed.c sends lists and changes, report.c the state of it all, standing.c the same in one
 * line.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct agent;
struct event_base;
struct sd;

struct agent_config {
	const struct sd *sd;           // borrowed; NULL: there is no service manager
	const char *discovery_program; // NULL: no discovery at all (backend none)
	const char *alone_text;        // why, for people; NULL: that was asked for
	char *const *discovery_argv;   // borrowed, NULL at the end
	uint16_t ttl_s;                // 0: computed from the number of instances
	uint32_t peers_max;            // 0: AGENT_PEERS_MAX, which is the most
	uint32_t cache_entries; // that Avahi keeps of an interface and protocol; 0: its default
	bool allow_off_link;
};

// agent_new(): an agent that serves nobody yet; its discovery process starts from the loop.
struct agent *agent_new(struct event_base *base, const struct agent_config *config);
void agent_free(struct agent *agent);
// agent_listen(): serve one more listening socket (borrowed; non-blocking), of server.h's few.
void agent_listen(struct agent *agent, int fd);
// agent_begin(): it listens wherever it is to: the service manager may know.
void agent_begin(struct agent *agent);
// agent_adopt(): serve a client that is connected already. Consumes fd.
void agent_adopt(struct agent *agent, int fd);
/*
 * agent_stop(): say goodbye on the network, then end the loop. Closes nothing by itself; clients
 * see the end with agent_free().
 */
void agent_stop(struct agent *agent);
// agent_must_restart(): the loop ended because this program was replaced on disk.
bool agent_must_restart(const struct agent *agent);
