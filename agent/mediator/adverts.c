// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * What is to be published: one service instance for each node and family. This is the desired
 * state; the discovery process pulls what is dirty, so a hang of Avahi costs one entry a node at
 * most. A change is a new instance, told before the old one is withdrawn, so that readers never see
 * a gap.
 */

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "mediator/internal.h"
#include "model/node.h"
#include "model/service.h"

struct advert {
	UT_hash_handle hh;                      // adverts::by_instance
	struct advert *prev_dirty, *next_dirty; // adverts::dirty or adverts::leaving
	struct local *local;                    // NULL: to be withdrawn
	uint8_t slot;
	bool is_dirty;
	bool is_told; // the discovery process knows it
	char instance[SERVICE_INSTANCE_MAX + 1];
};

static struct advert **queue_of(struct agent *agent, const struct advert *advert)
{
	return advert->local != NULL ? &agent->adverts.dirty : &agent->adverts.leaving;
}

static void mark(struct agent *agent, struct advert *advert)
{
	if (!advert->is_dirty) {
		advert->is_dirty = true;
		DL_APPEND2(*queue_of(agent, advert), advert, prev_dirty, next_dirty);
		link_wake(agent->link);
	}
}

static void unmark(struct agent *agent, struct advert *advert)
{
	if (advert->is_dirty) {
		advert->is_dirty = false;
		DL_DELETE2(*queue_of(agent, advert), advert, prev_dirty, next_dirty);
	}
}

static void free_advert(struct agent *agent, struct advert *advert)
{
	unmark(agent, advert);
	HASH_DEL(agent->adverts.by_instance, advert);
	free(advert);
}

// The node is done with this instance. What nobody was told of need not be withdrawn.
static void retire(struct agent *agent, struct advert *advert)
{
	if (!advert->is_told) {
		free_advert(agent, advert);
		return;
	}
	unmark(agent, advert);
	advert->local = NULL;
	mark(agent, advert);
}

static struct service service_of(const struct agent *agent, const struct local *local,
				 unsigned slot)
{
	const struct registry_node *node = local->node;
	const struct registry_port *port = &node->ports[slot];
	struct service service = {
		.node = registry_name(node),
		.creation = node->creation,
		.revision = port->revision,
		.carrier = port->carrier,
		.dist_high = port->dist_high,
		.dist_low = port->dist_low,
		.is_hidden = node->is_hidden,
		.cluster = registry_cluster(node),
		.bound = {port->bound, port->bound_len},
		.agent = str_of(agent->id),
	};

	service.n_tags = (uint8_t)registry_tags(node, service.tags);
	return service;
}

static bool is_loopback(const struct registry_port *port)
{
	static const uint8_t loopback6[16] = {[15] = 1};

	return (port->bound_len == 4 && port->bound[0] == 127) ||
	       (port->bound_len == 16 && memcmp(port->bound, loopback6, 16) == 0);
}

static bool is_for_the_lan(const struct registry_node *node, unsigned slot)
{
	struct ep_str name = registry_name(node);

	return node->ports[slot].carrier != 0 && !is_loopback(&node->ports[slot]) &&
	       !node_host_is_loopback(node_name_host(name)) && !node_name_is_transient(name);
}

static bool is_advertised(const struct local *local)
{
	return local->adverts[REGISTRY_INET] != NULL || local->adverts[REGISTRY_INET6] != NULL;
}

static struct user *user_of(const struct local *local)
{
	return local->client->user;
}

static void unpublish(struct agent *agent, struct local *local, unsigned slot)
{
	if (local->adverts[slot] != NULL) {
		retire(agent, local->adverts[slot]);
		local->adverts[slot] = NULL;
		agent->adverts.n_instances--;
		user_of(local)->n_instances--;
		cache_update(agent);
	}
}

static void publish(struct agent *agent, struct local *local, unsigned slot)
{
	struct service service = service_of(agent, local, slot);
	struct advert *old = local->adverts[slot];
	struct advert *advert;
	char instance[SERVICE_INSTANCE_MAX + 1];
	uint64_t suppressed;

	service_instance(&service, instance);
	HASH_FIND_STR(agent->adverts.by_instance, instance, advert);
	if (advert != NULL && advert == old) {
		return;
	}
	if (advert != NULL && advert->local != NULL) {
		// Its hash is public: only somebody who tries gets another node's.
		if (log_limit_pass(&agent->adverts.refusals, clock_now_ms(), &suppressed)) {
			log_warn("Not advertising a node: another one has its instance name. "
				 "suppressed=%llu",
				 (unsigned long long)suppressed);
		}
		unpublish(agent, local, slot);
		return;
	}
	if (advert == NULL) {
		advert = xcalloc(1, sizeof(*advert));
		strcpy(advert->instance, instance); // and NULs: it is sent whole
		HASH_ADD_STR(agent->adverts.by_instance, instance, advert);
	}
	unmark(agent, advert); // it may be leaving
	advert->local = local;
	advert->slot = (uint8_t)slot;
	local->adverts[slot] = advert;
	mark(agent, advert);
	if (old != NULL) {
		retire(agent, old);
	} else {
		agent->adverts.n_instances++;
		user_of(local)->n_instances++;
		cache_update(agent);
	}
}

static void count_advertised(struct agent *agent, struct local *local, bool was_advertised)
{
	struct user *user = user_of(local);

	if (is_advertised(local) && !was_advertised) {
		DL_APPEND(user->advertised, local);
		user->n_advertised++;
		agent->adverts.n_nodes++;
	} else if (was_advertised && !is_advertised(local)) {
		DL_DELETE(user->advertised, local);
		user->n_advertised--;
		agent->adverts.n_nodes--;
	}
}

static void publish_all(struct agent *agent, struct local *local)
{
	bool was_advertised = is_advertised(local);

	for (unsigned slot = 0; slot < REGISTRY_FAMILIES; slot++) {
		if (is_for_the_lan(local->node, slot)) {
			publish(agent, local, slot);
		} else {
			unpublish(agent, local, slot);
		}
	}
	count_advertised(agent, local, was_advertised);
}

static void say_who_waits(struct agent *agent)
{
	const struct adverts *adverts = &agent->adverts;

	if (adverts->n_waiting == 0) {
		problems_end(agent, PROBLEM_ADVERTS);
		return;
	}
	problems_begin(
		agent, PROBLEM_ADVERTS,
		"Of %u nodes of this host only %u are advertised, which is as many as can be; "
		"the others are known on this host only.",
		adverts->n_nodes + adverts->n_waiting, adverts->n_nodes);
}

static void stop_waiting(struct agent *agent, struct local *local)
{
	if (local->is_waiting) {
		local->is_waiting = false;
		DL_DELETE(user_of(local)->waiting, local);
		agent->adverts.n_waiting--;
		say_who_waits(agent);
	}
}

static bool is_full(const struct adverts *adverts)
{
	return adverts->n_nodes >= AGENT_ADVERTS_MAX ||
	       adverts->n_instances + REGISTRY_FAMILIES > LINK_INSTANCES_MAX;
}

// Has this user half of all there is? More than that is his while no other one needs it.
static bool is_sated(const struct user *user)
{
	return user->n_advertised >= AGENT_ADVERTS_PER_UID_MAX ||
	       user->n_instances + REGISTRY_FAMILIES > LINK_INSTANCES_MAX / 2;
}

static bool is_greedy(const struct user *user)
{
	return user->n_advertised > AGENT_ADVERTS_PER_UID_MAX ||
	       user->n_instances > LINK_INSTANCES_MAX / 2;
}

static void unpublish_all(struct agent *agent, struct local *local)
{
	bool was_advertised = is_advertised(local);

	for (unsigned slot = 0; slot < REGISTRY_FAMILIES; slot++) {
		unpublish(agent, local, slot);
	}
	count_advertised(agent, local, was_advertised);
}

static void start_waiting(struct agent *agent, struct local *local)
{
	struct adverts *adverts = &agent->adverts;

	if (local->is_waiting) {
		return;
	}
	local->is_waiting = true;
	local->turn = adverts->next_turn++;
	DL_APPEND(user_of(local)->waiting, local);
	adverts->n_waiting++;
	say_who_waits(agent);
}

// Who comes before whom: those of users who have less than half, then those who wait longer.
static bool is_before(const struct local *a, const struct local *b)
{
	bool is_sated_a = is_sated(user_of(a));

	return is_sated_a == is_sated(user_of(b)) ? a->turn < b->turn : !is_sated_a;
}

// The one for whom there is room now; NULL if there is none.
static struct local *next_in_turn(const struct agent *agent)
{
	struct local *first = NULL;
	struct user *user, *next;

	if (agent->adverts.n_waiting == 0 || is_full(&agent->adverts)) {
		return NULL;
	}
	HASH_ITER (hh, agent->users, user, next) {
		if (user->waiting != NULL && (first == NULL || is_before(user->waiting, first))) {
			first = user->waiting;
		}
	}
	return first;
}

// Who has more than half gives up what he got last, for one who has less. Return: is there room?
static bool make_room(struct agent *agent, const struct user *user)
{
	struct user *other, *next;

	if (is_sated(user)) {
		return !is_full(&agent->adverts);
	}
	HASH_ITER (hh, agent->users, other, next) {
		while (is_full(&agent->adverts) && is_greedy(other)) {
			struct local *last = other->advertised->prev; // (of a utlist's head)

			unpublish_all(agent, last);
			start_waiting(agent, last);
		}
	}
	return !is_full(&agent->adverts);
}

static void fill_up(struct agent *agent)
{
	struct local *local;

	while ((local = next_in_turn(agent)) != NULL) {
		stop_waiting(agent, local);
		publish_all(agent, local);
	}
	adverts_update_ttl(agent);
}

void adverts_update(struct agent *agent, struct local *local)
{
	bool is_wanted = is_for_the_lan(local->node, REGISTRY_INET) ||
			 is_for_the_lan(local->node, REGISTRY_INET6);

	if (agent->link == NULL) {
		return; // there is no network
	}
	if (is_wanted && !is_advertised(local) && !make_room(agent, user_of(local))) {
		start_waiting(agent, local);
		return;
	}
	stop_waiting(agent, local);
	publish_all(agent, local);
	fill_up(agent);
}

void adverts_withdraw(struct agent *agent, struct local *local)
{
	bool was_advertised = is_advertised(local);

	stop_waiting(agent, local);
	unpublish_all(agent, local);
	if (was_advertised) {
		fill_up(agent);
	}
}

// 15 s up to 50 instances on the LAN, then 0.3 s for each, up to 2 min.
static uint16_t ideal_ttl(const struct agent *agent)
{
	uint32_t n = peers_instances(agent->peers) + HASH_COUNT(agent->adverts.by_instance);
	uint32_t ttl = n * AGENT_TTL_PER_INSTANCE_MS / 1000;

	if (agent->config.ttl_s != 0) {
		return agent->config.ttl_s;
	}
	return (uint16_t)(ttl < AGENT_TTL_MIN_S   ? AGENT_TTL_MIN_S
			  : ttl > AGENT_TTL_MAX_S ? AGENT_TTL_MAX_S
						  : ttl);
}

void adverts_update_ttl(struct agent *agent)
{
	struct adverts *adverts = &agent->adverts;
	uint16_t ideal = ideal_ttl(agent);
	struct advert *advert, *next;

	// Changing it sends nothing until the next answer, but do not dither.
	if (adverts->ttl_s != 0 && ideal * 2 < adverts->ttl_s * 3 &&
	    adverts->ttl_s * 2 < ideal * 3) {
		return;
	}
	adverts->ttl_s = ideal;
	HASH_ITER (hh, adverts->by_instance, advert, next) {
		if (advert->local != NULL) {
			mark(agent, advert);
		}
	}
}

void adverts_restart(struct agent *agent)
{
	struct adverts *adverts = &agent->adverts;
	struct advert *advert, *next;

	HASH_ITER (hh, adverts->by_instance, advert, next) {
		advert->is_told = false;
		if (advert->local == NULL) {
			free_advert(agent, advert);
		} else {
			mark(agent, advert);
		}
	}
	adverts->is_reset_due = adverts->is_end_due = true;
}

static void describe(struct agent *agent, struct advert *advert, struct link_msg *msg)
{
	struct service service = service_of(agent, advert->local, advert->slot);

	msg->op = LINK_PUBLISH;
	msg->port = advert->local->node->ports[advert->slot].port;
	msg->ttl_s = agent->adverts.ttl_s;
	if (service.cluster.n > 0) {
		memcpy(msg->cluster, service.cluster.p, service.cluster.n);
	}
	msg->txt_len = (uint16_t)service_encode(&service, msg->txt);
}

bool adverts_next(struct agent *agent, struct link_msg *msg)
{
	struct adverts *adverts = &agent->adverts;
	// All that is new first: a reader sees the next instance of a node before it loses the
	// last.
	struct advert *advert = adverts->dirty != NULL ? adverts->dirty : adverts->leaving;

	if (adverts->is_reset_due) {
		adverts->is_reset_due = false;
		msg->op = LINK_RESET;
		return true;
	}
	if (advert == NULL) {
		if (!adverts->is_end_due) {
			return false;
		}
		adverts->is_end_due = false;
		msg->op = LINK_END;
		return true;
	}
	memcpy(msg->ref.instance, advert->instance, sizeof(advert->instance));
	unmark(agent, advert);
	if (advert->local == NULL) {
		msg->op = LINK_WITHDRAW;
		free_advert(agent, advert);
	} else {
		describe(agent, advert, msg);
		advert->is_told = true;
	}
	return true;
}

void adverts_refused(struct agent *agent, const struct link_msg *msg)
{
	struct advert *advert;
	char name[SERVICE_INSTANCE_MAX * 4 + 1];
	uint64_t suppressed;

	HASH_FIND_STR(agent->adverts.by_instance, msg->ref.instance, advert);
	if (advert != NULL &&
	    log_limit_pass(&agent->adverts.refusals, clock_now_ms(), &suppressed)) {
		log_warn("Avahi does not publish %s: %s. suppressed=%llu",
			 log_escape(name, sizeof(name), msg->ref.instance,
				    strlen(msg->ref.instance)),
			 msg->text, (unsigned long long)suppressed);
	}
}

void adverts_free(struct agent *agent)
{
	struct advert *advert, *next;

	HASH_ITER (hh, agent->adverts.by_instance, advert, next) {
		free_advert(agent, advert);
	}
}
