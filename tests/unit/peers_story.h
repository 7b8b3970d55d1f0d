// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * What the tests of peers begin with: a world around them that writes down what they say and ask.
 * In a story each line is an observation, and expect() has what came of it.
 */
#pragma once

#include "model/peers.h"

#include "addresses.h"
#include "test.h"

#define OWN_AGENT "00000000000000ff"

struct probe_asked {
	struct peers_ticket ticket;
	struct peers_address address;
	int32_t ifindex;
	uint16_t port;
};

struct world {
	struct peers *peers;
	uint64_t now_ms;
	char log[4096]; // since the last expect()
	struct probe_asked probes[64];
	unsigned n_probes;
	bool is_resolving;         // write that down too
	enum liveness_cause cause; // why the last went down
	// the only name that is registered locally
	const char *local_node;
	uint32_t local_creation; // 0: none
};

// One service instance. What is 0 or NULL is as usual.
struct ad {
	const char *instance;
	const char *node;
	uint32_t creation, revision;
	uint32_t carrier;
	uint16_t port;
	const char *agent, *cluster, *tag, *bound;
	bool is_hidden;
};

// Whom most stories are about.
static const struct ad alice = {.instance = "A"};

static inline void note(struct world *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static inline void note(struct world *world, const char *format, ...)
{
	size_t n = strlen(world->log);
	va_list args;

	n += (size_t)snprintf(world->log + n, sizeof(world->log) - n, "%s", n > 0 ? ", " : "");
	va_start(args, format);
	vsnprintf(world->log + n, sizeof(world->log) - n, format, args);
	va_end(args);
}

// "up alice@a/4 10.0.0.1:4000 #1", where #1 is the creation.
static inline void story_on_event(void *user, enum ep_event event, struct peer *peer,
				  enum ep_family family)
{
	static const char *const events[] = {"?", "up", "?", "down", "changed"};
	static const char *const states[] = {"?", "", " unconfirmed", " in conflict"};
	struct world *world = user;
	struct ep_str name = peer_name(peer);
	struct service scratch;
	struct peer_view view;
	char address[64] = "none";

	assert_true(peers_view(world->peers, peer, family, &view, &scratch));
	if (view.n_addresses > 0) {
		address_text(address, view.addresses[0].p, view.addresses[0].n);
	}
	note(world, "%s %.*s/%d %s:%d #%u%s", events[event], (int)name.n, (const char *)name.p,
	     (int)family, address, view.port, view.creation, states[view.state]);
}

static inline void story_on_down(void *user, struct peer *peer, enum ep_family family,
				 enum liveness_cause cause)
{
	struct world *world = user;

	(void)peer;
	(void)family;
	world->cause = cause;
}

static inline void story_on_local_conflict(void *user, struct peer *peer)
{
	struct ep_str name = peer_name(peer);

	note(user, "%s about %.*s", peer->is_conflicted ? "conflict" : "peace", (int)name.n,
	     (const char *)name.p);
}

static inline void story_probe(void *user, const struct peers_ticket *ticket,
			       const struct peers_address *address, int32_t ifindex, uint16_t port)
{
	struct world *world = user;
	char text[64];

	assert_true(world->n_probes < COUNT(world->probes));
	assert_true(address->is_on_link);
	assert_memory_equal(address, &ticket->address, sizeof(*address));
	address_text(text, address->bytes, address->len);
	world->probes[world->n_probes++] = (struct probe_asked){*ticket, *address, ifindex, port};
	note(world, "probe %s at %s:%d", ticket->instance, text, port);
}

static inline void story_ask(void *user)
{
	note(user, "ask");
}

static inline void story_resolve(void *user, const char *instance, struct peers_where where)
{
	struct world *world = user;

	if (world->is_resolving) {
		note(world, "resolve %s at %d/%d", instance, where.ifindex, where.family);
	}
}

static inline uint32_t story_local_creation(void *user, struct ep_str node)
{
	const struct world *world = user;

	return world->local_creation != 0 && node.n == strlen(world->local_node) &&
			       memcmp(node.p, world->local_node, node.n) == 0
		       ? world->local_creation
		       : 0;
}

// 192.168/16 and nothing else.
static inline bool story_is_on_link(void *user, const uint8_t *address, uint8_t len)
{
	(void)user;
	return len == 4 && address[0] == 192 && address[1] == 168;
}

static const struct peers_ops story_ops = {
	.on_event = story_on_event,
	.on_down = story_on_down,
	.on_local_conflict = story_on_local_conflict,
	.probe = story_probe,
	.ask = story_ask,
	.resolve = story_resolve,
	.local_creation = story_local_creation,
	.is_on_link = story_is_on_link,
};

static inline void begin_with(struct world *world, const struct peers_config *config)
{
	*world = (struct world){.now_ms = 1000};
	world->peers = peers_new(config, &story_ops, world);
}

static inline void begin(struct world *world)
{
	static const struct peers_config roomy = {100, 200, false};

	begin_with(world, &roomy);
}

static inline void end(struct world *world)
{
	assert_string_equal(world->log, "");
	peers_free(world->peers);
}

#define expect(world, text)                                                                        \
	do {                                                                                       \
		assert_string_equal((world)->log, text);                                           \
		(world)->log[0] = '\0';                                                            \
	} while (0)

static inline void see(struct world *world, const char *instance, struct peers_where where)
{
	assert_true(peers_seen(world->peers, instance, where, world->now_ms));
}

static inline void lose(struct world *world, const char *instance, struct peers_where where)
{
	peers_gone(world->peers, instance, where, world->now_ms);
}

static inline size_t txt_of(const struct ad *ad, uint8_t txt[SERVICE_TXT_MAX])
{
	struct peers_address bound = {.len = 0};
	struct service service = {
		.node = str_of(ad->node != NULL ? ad->node : "alice@a"),
		.creation = ad->creation != 0 ? ad->creation : 10,
		.revision = ad->revision != 0 ? ad->revision : 1,
		.carrier = ad->carrier != 0 ? ad->carrier : EP_CARRIER_INET_TCP,
		.dist_high = 6,
		.dist_low = 5,
		.is_hidden = ad->is_hidden,
		.cluster = str_of(ad->cluster != NULL ? ad->cluster : ""),
		.agent = str_of(ad->agent != NULL ? ad->agent : "agent1"),
		.n_tags = ad->tag != NULL ? 1 : 0,
	};

	if (ad->tag != NULL) {
		service.tags[0] = str_of(ad->tag);
	}
	if (ad->bound != NULL) {
		addresses_of_text(&bound, ad->bound);
		service.bound = (struct ep_str){bound.bytes, bound.len};
	}
	return service_encode(&service, txt);
}

static inline const char *resolve(struct world *world, const struct ad *ad,
				  struct peers_where where, const char *text)
{
	struct peers_address addresses[EP_ADDRESSES_MAX];
	uint8_t n = addresses_of_text(addresses, text);
	uint8_t txt[SERVICE_TXT_MAX];
	size_t txt_len = txt_of(ad, txt);

	return peers_resolved(world->peers, ad->instance, where, ad->port != 0 ? ad->port : 4000,
			      txt, txt_len, addresses, n, LIT(OWN_AGENT), world->now_ms);
}

// Seen and resolved.
static inline void hear(struct world *world, const struct ad *ad, struct peers_where where,
			const char *text)
{
	const char *problem;

	see(world, ad->instance, where);
	problem = resolve(world, ad, where, text);
	if (problem != NULL) {
		fail_msg("%s: %s", ad->instance, problem);
	}
}

// alice is up: heard over Ethernet, where she has one address.
static inline void begin_with_alice(struct world *world)
{
	begin(world);
	hear(world, &alice, ETH4, "10.0.0.1");
	expect(world, "up alice@a/4 10.0.0.1:4000 #10");
}

// The answer to the oldest probe of this instance.
static inline void judge(struct world *world, const char *instance, enum liveness_verdict verdict)
{
	for (unsigned i = 0; i < world->n_probes; i++) {
		struct peers_ticket ticket = world->probes[i].ticket;

		if (strcmp(ticket.instance, instance) == 0) {
			world->n_probes--;
			memmove(&world->probes[i], &world->probes[i + 1],
				(world->n_probes - i) * sizeof(world->probes[0]));
			peers_judge(world->peers, &ticket, verdict, world->now_ms);
			return;
		}
	}
	fail_msg("%s is not being asked", instance);
}

static inline void hint(struct world *world, const char *node, uint32_t family)
{
	peers_doubt(world->peers, str_of(node), family);
}

// Let time pass, with a tick at each deadline.
static inline void wait_ms(struct world *world, uint64_t ms)
{
	uint64_t end_ms = world->now_ms + ms;

	while (peers_deadline_ms(world->peers) <= end_ms) {
		world->now_ms = peers_deadline_ms(world->peers);
		peers_tick(world->peers, world->now_ms);
	}
	world->now_ms = end_ms;
}

static inline void set_local(struct world *world, const char *node, uint32_t creation)
{
	world->local_node = node;
	world->local_creation = creation;
	peers_local_changed(world->peers, str_of(node), world->now_ms);
}

// What a lookup finds: "10.0.0.1:4000 #1", or why not.
static inline const char *look_up(struct world *world, const char *node, enum ep_family family)
{
	static char text[128];
	struct peer_answer answer;
	char address[64];

	switch (peers_lookup(world->peers, str_of(node), family, world->now_ms, &answer)) {
	case PEERS_FOUND:
		address_text(address, answer.address, answer.address_len);
		snprintf(text, sizeof(text), "%s:%d #%u", address, answer.port, answer.creation);
		return text;
	case PEERS_NOT_FOUND:
		return "not found";
	case PEERS_ONLY_LINK_LOCAL:
		return "only link-local";
	}
	return NULL;
}

static inline bool view_of(struct world *world, const char *node, enum ep_family family,
			   struct peer_view *view, struct service *scratch)
{
	struct peer *peer = peers_find(world->peers, str_of(node));

	return peer != NULL && peers_view(world->peers, peer, family, view, scratch);
}
