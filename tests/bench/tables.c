// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * bench-tables ROUNDS LOOKUPS N...: the tables alone, filled with so many names each: that of the
 * registry, that of the peers, and a bare one (chains, FNV-1a, a name and a port) as a measure.
 * Looks names up in no order; prints for each table and round a line of JSON with the time of a
 * lookup. LOOKUPS of each are counted by callgrind.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "counting.h"
#include "model/peers.h"
#include "model/registry.h"
#include "samples.h"

#define NAME_LEN 30 // "n0000000@a-host-of-some.domain"
#define PLACES 2    // where each peer is heard

struct names {
	char (*all)[NAME_LEN + 1];
	char (*asked)[NAME_LEN + 1]; // in no order; side by side, as requests come
	unsigned n;
};

struct bare_entry {
	struct bare_entry *next;
	uint32_t hash;
	uint16_t port;
	char name[NAME_LEN + 1];
};

struct bare {
	struct bare_entry **slots;
	uint32_t mask;
};

struct tables {
	struct names names;
	struct bare bare;
	struct registry *registry;
	struct peers *peers;
};

enum table { TABLE_BARE, TABLE_REGISTRY, TABLE_PEERS, TABLES };
static const char *const table_names[TABLES] = {"bare", "registry", "peers"};

static struct ep_str str_of(const char name[NAME_LEN + 1])
{
	return (struct ep_str){(const uint8_t *)name, NAME_LEN};
}

static void make_names(struct names *names, unsigned n)
{
	uint64_t state = 1;

	names->n = n;
	names->all = xcalloc(n, sizeof(names->all[0]));
	names->asked = xcalloc(n, sizeof(names->asked[0]));
	for (unsigned i = 0; i < n; i++) {
		unsigned other;

		snprintf(names->all[i], NAME_LEN + 1, "n%07u@a-host-of-some.domain", i % 10000000);
		state = state * 6364136223846793005U + 1442695040888963407U;
		other = (unsigned)(state >> 33) % (i + 1);
		memcpy(names->asked[i], names->asked[other], NAME_LEN);
		memcpy(names->asked[other], names->all[i], NAME_LEN);
	}
}

static uint32_t fnv(const char *name)
{
	uint32_t hash = 2166136261U;

	for (unsigned i = 0; i < NAME_LEN; i++) {
		hash = (hash ^ (uint8_t)name[i]) * 16777619U;
	}
	return hash;
}

static void fill_bare(struct bare *bare, const struct names *names)
{
	bare->mask = 31;
	while (bare->mask < names->n) {
		bare->mask = bare->mask * 2 + 1;
	}
	bare->slots = xcalloc(bare->mask + 1, sizeof(struct bare_entry *));
	for (unsigned i = 0; i < names->n; i++) {
		struct bare_entry *entry = xcalloc(1, sizeof(*entry));
		struct bare_entry **slot;

		memcpy(entry->name, names->all[i], NAME_LEN);
		entry->hash = fnv(entry->name);
		entry->port = 4000;
		slot = &bare->slots[entry->hash & bare->mask];
		entry->next = *slot;
		*slot = entry;
	}
}

static unsigned find_bare(const struct bare *bare, const char *name)
{
	uint32_t hash = fnv(name);
	const struct bare_entry *entry = bare->slots[hash & bare->mask];

	while (entry != NULL && (entry->hash != hash || memcmp(entry->name, name, NAME_LEN) != 0)) {
		entry = entry->next;
	}
	return entry != NULL ? entry->port : 0;
}

static void fill_registry(struct registry *registry, const struct names *names)
{
	for (unsigned i = 0; i < names->n; i++) {
		struct registry_request request = {
			.owner = {.session = i + 1},
			.node = str_of(names->all[i]),
			.carrier = EP_CARRIER_INET_TCP,
			.port = 4000,
			.dist_high = 6,
			.dist_low = 5,
			.fresh_creation = 4,
		};
		struct registry_outcome outcome;

		if (registry_register(registry, &request, &outcome) != REGISTRY_OK) {
			abort();
		}
	}
}

static void fill_peers(struct peers *peers, const struct names *names)
{
	const struct peers_where places[PLACES] = {{2, EP_FAMILY_INET}, {2, EP_FAMILY_INET6}};

	for (unsigned i = 0; i < names->n; i++) {
		struct peers_address address = {
			.len = 4,
			.is_on_link = true,
			.bytes = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
		const struct service service = {
			.node = str_of(names->all[i]),
			.creation = i + 4,
			.revision = 1,
			.carrier = EP_CARRIER_INET_TCP,
			.dist_high = 6,
			.dist_low = 5,
			.agent = {(const uint8_t *)"0123456789abcdef", 16},
		};
		char instance[SERVICE_INSTANCE_MAX + 1];
		uint8_t txt[SERVICE_TXT_MAX];
		size_t txt_len = service_encode(&service, txt);

		service_instance(&service, instance);
		for (unsigned j = 0; j < PLACES; j++) {
			if (!peers_seen(peers, instance, places[j], 0) ||
			    peers_resolved(peers, instance, places[j], 4000, txt, txt_len, &address,
					   1, (struct ep_str){NULL, 0}, 0) != NULL) {
				abort();
			}
		}
	}
}

static void on_event(void *user, enum ep_event event, struct peer *peer, enum ep_family family)
{
	(void)user;
	(void)event;
	(void)peer;
	(void)family;
}

static void on_down(void *user, struct peer *peer, enum ep_family family, enum liveness_cause cause)
{
	(void)user;
	(void)peer;
	(void)family;
	(void)cause;
}

static void on_local_conflict(void *user, struct peer *peer)
{
	(void)user;
	(void)peer;
}

static void probe(void *user, const struct peers_ticket *ticket,
		  const struct peers_address *address, int32_t ifindex, uint16_t port)
{
	(void)user;
	(void)ticket;
	(void)address;
	(void)ifindex;
	(void)port;
}

static uint32_t local_creation(void *user, struct ep_str node)
{
	(void)user;
	(void)node;
	return 0;
}

static bool is_on_link(void *user, const uint8_t *address, uint8_t len)
{
	(void)user;
	(void)address;
	return len == 4;
}

static void ask(void *user)
{
	(void)user;
}

static const struct peers_ops ops = {
	.on_event = on_event,
	.on_down = on_down,
	.on_local_conflict = on_local_conflict,
	.probe = probe,
	.ask = ask,
	.local_creation = local_creation,
	.is_on_link = is_on_link,
};

static void fill(struct tables *tables, unsigned n)
{
	const struct registry_limits limits = {n, n, n};
	const struct peers_config config = {n, n, false};

	make_names(&tables->names, n);
	fill_bare(&tables->bare, &tables->names);
	tables->registry = registry_new(&limits);
	fill_registry(tables->registry, &tables->names);
	tables->peers = peers_new(&config, &ops, NULL);
	fill_peers(tables->peers, &tables->names);
}

// Return: the sum of what was found, so that nothing of it can be left out.
static uint64_t look_up(const struct tables *tables, enum table table, unsigned lookups)
{
	const struct names *names = &tables->names;
	uint64_t sum = 0;

	for (unsigned i = 0; i < lookups; i++) {
		const char *name = names->asked[i % names->n];
		struct peer_answer answer = {0};

		switch (table) {
		case TABLE_BARE:
			sum += find_bare(&tables->bare, name);
			break;
		case TABLE_REGISTRY:
			sum += registry_find(tables->registry, str_of(name))
				       ->ports[REGISTRY_INET]
				       .port;
			break;
		case TABLE_PEERS:
			peers_lookup(tables->peers, str_of(name), EP_FAMILY_INET, 0, &answer);
			sum += answer.port;
			break;
		case TABLES:
			break;
		}
	}
	return sum;
}

static void one_round(const struct tables *tables, enum table table, unsigned round,
		      unsigned lookups)
{
	uint64_t began = now_ns();
	uint64_t sum;
	char name[64];

	counting_toggle();
	sum = look_up(tables, table, lookups);
	counting_toggle();
	if (sum != 4000U * (uint64_t)lookups) {
		fputs("bench-tables: a name was not found\n", stderr);
		exit(EXIT_FAILURE);
	}
	printf("{\"round\":%u,\"table\":\"%s\",\"names\":%u,\"lookup_ns\":%.1f}\n", round,
	       table_names[table], tables->names.n, (double)(now_ns() - began) / (double)lookups);
	snprintf(name, sizeof(name), "%s@%u", table_names[table], tables->names.n);
	counting_done(name, lookups);
}

int main(int argc, char **argv)
{
	struct tables *all;
	unsigned rounds, lookups, n;

	if (argc < 4) {
		fputs("usage: bench-tables ROUNDS LOOKUPS N...\n", stderr);
		return 2;
	}
	rounds = (unsigned)atoi(argv[1]);
	lookups = (unsigned)atoi(argv[2]);
	n = (unsigned)argc - 3;
	all = xcalloc(n, sizeof(*all));
	for (unsigned i = 0; i < n; i++) {
		fill(&all[i], (unsigned)atoi(argv[3 + i]));
	}
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < n; i++) {
			for (enum table table = 0; table < TABLES; table++) {
				one_round(&all[i], table, round, lookups);
			}
		}
	}
	return 0;
}
