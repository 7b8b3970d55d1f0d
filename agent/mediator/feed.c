// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Lists, and watches, which are a list and then what changes. A list goes out in pieces, as the
 * client reads; two cursors hold the place in the registry and the peers, so nothing is copied.
 * While a watch is still listing, a change is told only of what was listed already: the rest is yet
 * to come, as it is.
 */

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/xalloc.h"
#include "mediator/internal.h"
#include "model/node.h"
#include "model/service.h"

#define PIECE (SERVER_OUTPUT_MAX / 4) // bytes that a listing may have waiting

enum phase { PHASE_LOCAL, PHASE_PEERS, PHASE_LIVE };

struct feed {
	struct feed *prev, *next; // client::feeds
	struct agent *agent;
	struct client *client;
	struct feed *prev_all, *next_all; // agent::watches
	enum feed_kind kind;
	enum phase phase;
	uint32_t id;
	bool has_all;     // hidden nodes too
	bool is_own_host; // names: of this host
	bool has_sent;    // names: at least one
	struct order_cursor cursor;
	uint64_t local_end, peers_end; // what arrives from these on is told as a change
	uint32_t cluster;              // its facts; 0: any
	size_t name_len;
	uint8_t name[EP_NODE_MAX]; // one node, or for names a host
};

/*
 * The facts that filters go by: the lowest bit says hidden, the others are a hash of the cluster, 0
 * for none. Those told last are kept, for a node that changes may enter a filter, or leave it.
 */
#define FACT_HIDDEN 1U

// The facts of a peer in one family; one without any is not in the table.
struct told {
	UT_hash_handle hh; // agent::told
	uint64_t key;
	uint32_t facts;
};

static uint32_t facts_of(bool is_hidden, struct ep_str cluster)
{
	uint32_t facts = is_hidden ? FACT_HIDDEN : 0;

	return cluster.n > 0 ? facts | 2U | (uint32_t)hash_bytes(cluster.p, cluster.n) << 2 : facts;
}

// Does a node pass the filter of this feed?
static bool is_wanted(const struct feed *feed, struct ep_str node, uint32_t facts)
{
	bool is_hidden = (facts & FACT_HIDDEN) != 0;
	struct ep_str name = {feed->name, feed->name_len};

	if (feed->kind == FEED_NAMES) {
		return feed->is_own_host ||
		       (!is_hidden && node_host_equals(node_name_host(node), name));
	}
	return (feed->has_all || !is_hidden) &&
	       (feed->cluster == 0 || feed->cluster == (facts & ~FACT_HIDDEN)) &&
	       (name.n == 0 || (name.n == node.n && memcmp(name.p, node.p, name.n) == 0));
}

static uint32_t age_s(uint64_t since_ms)
{
	return (uint32_t)((clock_now_ms() - since_ms) / 1000);
}

static void send_item(struct feed *feed, struct ep_msg *item, enum ep_event event)
{
	if (feed->kind == FEED_WATCH) {
		ep_set_u32(item, EP_F_EVENT, &item->event, event);
	}
	feed->has_sent = true;
	session_send(feed->client->session, item);
}

static void send_local(struct feed *feed, enum ep_event event, const struct registry_node *node,
		       unsigned slot)
{
	static const uint8_t loopback4[4] = {127, 0, 0, 1};
	static const uint8_t loopback6[16] = {[15] = 1};
	const struct registry_port *port = &node->ports[slot];
	const struct peer *rival = peers_find(feed->agent->peers, registry_name(node));
	struct ep_str name = registry_name(node);
	struct ep_str cluster = registry_cluster(node);
	struct ep_str tags[EP_TAGS_MAX];
	size_t n_tags = registry_tags(node, tags);
	struct ep_msg item;

	ep_begin(&item, EP_OP_ITEM, feed->id);
	ep_set_str(&item, EP_F_NODE, &item.node, name.p, name.n);
	ep_set_u32(&item, EP_F_PORT, &item.port, port->port);
	if (feed->kind == FEED_NAMES) {
		send_item(feed, &item, event);
		return;
	}
	ep_set_u32(&item, EP_F_CARRIER, &item.carrier, port->carrier);
	ep_set_u32(&item, EP_F_DIST_HIGH, &item.dist_high, port->dist_high);
	ep_set_u32(&item, EP_F_DIST_LOW, &item.dist_low, port->dist_low);
	ep_set_u32(&item, EP_F_CREATION, &item.creation, node->creation);
	ep_set_u32(&item, EP_F_FLAGS, &item.flags, node->is_hidden ? EP_FLAG_HIDDEN : 0);
	ep_set_u32(&item, EP_F_ORIGIN, &item.origin, EP_ORIGIN_LOCAL);
	ep_set_u32(&item, EP_F_STATE, &item.state,
		   rival != NULL && rival->is_conflicted ? EP_STATE_CONFLICT : EP_STATE_UP);
	ep_set_u32(&item, EP_F_AGE_S, &item.age_s, age_s(node->since_ms));
	if (port->bound_len > 0) {
		ep_add(&item, EP_F_ADDRESS, port->bound, port->bound_len);
	} else if (slot == REGISTRY_INET6) {
		ep_add(&item, EP_F_ADDRESS, loopback6, sizeof(loopback6));
	} else {
		ep_add(&item, EP_F_ADDRESS, loopback4, sizeof(loopback4));
	}
	if (cluster.n > 0) {
		ep_set_str(&item, EP_F_CLUSTER, &item.cluster, cluster.p, cluster.n);
	}
	for (size_t i = 0; i < n_tags; i++) {
		ep_add(&item, EP_F_TAG, tags[i].p, tags[i].n);
	}
	send_item(feed, &item, event);
}

static void send_peer(struct feed *feed, enum ep_event event, const struct peer_view *view)
{
	const char *interface = lan_interface(feed->agent, view->ifindex);
	struct ep_msg item;

	ep_begin(&item, EP_OP_ITEM, feed->id);
	ep_set_str(&item, EP_F_NODE, &item.node, view->node.p, view->node.n);
	ep_set_u32(&item, EP_F_PORT, &item.port, view->port);
	if (feed->kind == FEED_NAMES) {
		send_item(feed, &item, event);
		return;
	}
	ep_set_u32(&item, EP_F_CARRIER, &item.carrier, view->carrier);
	ep_set_u32(&item, EP_F_DIST_HIGH, &item.dist_high, view->dist_high);
	ep_set_u32(&item, EP_F_DIST_LOW, &item.dist_low, view->dist_low);
	ep_set_u32(&item, EP_F_CREATION, &item.creation, view->creation);
	ep_set_u32(&item, EP_F_FLAGS, &item.flags, view->is_hidden ? EP_FLAG_HIDDEN : 0);
	ep_set_u32(&item, EP_F_ORIGIN, &item.origin, EP_ORIGIN_LAN);
	ep_set_u32(&item, EP_F_STATE, &item.state, view->state);
	ep_set_u32(&item, EP_F_AGE_S, &item.age_s, age_s(view->since_ms));
	for (uint8_t i = 0; i < view->n_addresses; i++) {
		ep_add(&item, EP_F_ADDRESS, view->addresses[i].p, view->addresses[i].n);
	}
	if (interface != NULL) {
		ep_set_str(&item, EP_F_INTERFACE, &item.interface, interface, strlen(interface));
	}
	if (view->cluster.n > 0) {
		ep_set_str(&item, EP_F_CLUSTER, &item.cluster, view->cluster.p, view->cluster.n);
	}
	for (uint8_t i = 0; i < view->n_tags; i++) {
		ep_add(&item, EP_F_TAG, view->tags[i].p, view->tags[i].n);
	}
	send_item(feed, &item, event);
}

static void list_local(struct feed *feed, const struct registry_node *node)
{
	if (!is_wanted(feed, registry_name(node),
		       facts_of(node->is_hidden, registry_cluster(node)))) {
		return;
	}
	for (unsigned slot = 0; slot < REGISTRY_FAMILIES; slot++) {
		if (node->ports[slot].carrier != 0) {
			send_local(feed, EP_EVENT_UP, node, slot);
			if (feed->kind == FEED_NAMES) {
				return; // a name is a name, whatever its families
			}
		}
	}
}

static void list_peer(struct feed *feed, const struct peer *peer)
{
	for (unsigned slot = 0; slot < REGISTRY_FAMILIES; slot++) {
		struct peer_view view;
		struct service scratch;

		if (peers_view(feed->agent->peers, peer, family_of_slot(slot), &view, &scratch) &&
		    is_wanted(feed, view.node, facts_of(view.is_hidden, view.cluster))) {
			send_peer(feed, EP_EVENT_UP, &view);
			if (feed->kind == FEED_NAMES) {
				return;
			}
		}
	}
}

static void close_feed(struct feed *feed)
{
	order_cursor_close(&feed->cursor);
	DL_DELETE(feed->client->feeds, feed);
	if (feed->kind == FEED_WATCH) {
		DL_DELETE2(feed->agent->watches, feed, prev_all, next_all);
		feed->client->n_watches--;
		feed->client->user->n_watches--;
		feed->agent->n_watches--;
	}
	free(feed);
}

// The list is complete: a watch goes on, anything else is over.
static void complete(struct feed *feed)
{
	struct session *session = feed->client->session;
	struct ep_msg ready;

	order_cursor_close(&feed->cursor);
	feed->phase = PHASE_LIVE;
	if (feed->kind == FEED_WATCH) {
		ep_begin(&ready, EP_OP_ITEM, feed->id);
		ep_set_u32(&ready, EP_F_EVENT, &ready.event, EP_EVENT_READY);
		session_send(session, &ready);
		return;
	}
	if (feed->kind == FEED_NAMES && !feed->is_own_host && !feed->has_sent) {
		session_fail(session, feed->id, EP_CODE_NOT_FOUND, "no node of that host is known");
	} else {
		session_done(session, feed->id);
	}
	close_feed(feed);
}

// The next element of this phase, or NULL when the phase is over.
static struct order_link *advance(struct feed *feed, uint64_t end)
{
	struct order_link *at = feed->cursor.at;

	if (at == NULL || at->seq >= end) {
		return NULL;
	}
	return order_cursor_next(&feed->cursor);
}

// List as much as the client takes. The feed may be gone afterwards.
static void pump(struct feed *feed)
{
	struct agent *agent = feed->agent;

	while (feed->phase != PHASE_LIVE && session_owes(feed->client->session) < PIECE) {
		bool is_local = feed->phase == PHASE_LOCAL;
		struct order_link *link =
			advance(feed, is_local ? feed->local_end : feed->peers_end);

		if (link != NULL && is_local) {
			list_local(feed, (const struct registry_node *)(const void *)link);
		} else if (link != NULL) {
			list_peer(feed, (const struct peer *)(const void *)link);
		} else if (is_local && !feed->is_own_host) {
			order_cursor_close(&feed->cursor);
			order_cursor_open(&feed->cursor, peers_order(agent->peers));
			feed->phase = PHASE_PEERS;
		} else {
			complete(feed);
			return;
		}
	}
}

static void set_filter(struct feed *feed, const struct ep_msg *msg)
{
	struct ep_str name = feed->kind == FEED_NAMES && ep_has(msg, EP_F_HOST)   ? msg->host
			     : feed->kind != FEED_NAMES && ep_has(msg, EP_F_NODE) ? msg->node
										  : str_of("");

	feed->has_all = ep_has(msg, EP_F_FILTER) && (msg->filter & EP_FILTER_ALL) != 0;
	feed->is_own_host = feed->kind == FEED_NAMES && agent_is_own_host(feed->agent, name);
	feed->name_len = name.n;
	memcpy(feed->name, name.p, name.n);
	if (ep_has(msg, EP_F_CLUSTER)) {
		feed->cluster = facts_of(false, msg->cluster);
	}
}

static bool is_watch_refused(struct agent *agent, struct client *client, uint32_t id)
{
	if (client->n_watches == AGENT_WATCHES_PER_SESSION_MAX) {
		session_fail(client->session, id, EP_CODE_LIMIT, "this connection has %d watches",
			     AGENT_WATCHES_PER_SESSION_MAX);
		return true;
	}
	if (agent->n_watches >= AGENT_WATCHES_MAX) {
		session_fail(client->session, id, EP_CODE_LIMIT, "all %d watches are taken",
			     AGENT_WATCHES_MAX);
		return true;
	}
	if (client->user->n_watches >= AGENT_WATCHES_PER_UID_MAX) {
		session_fail(client->session, id, EP_CODE_LIMIT, "your user has %d watches",
			     AGENT_WATCHES_PER_UID_MAX);
		return true;
	}
	return false;
}

void feed_start(struct agent *agent, struct client *client, const struct ep_msg *msg,
		enum feed_kind kind)
{
	struct feed *feed;

	if (kind == FEED_WATCH && is_watch_refused(agent, client, msg->id)) {
		return;
	}
	if (!session_defer(client->session, msg->id)) {
		return;
	}
	feed = xcalloc(1, sizeof(*feed));
	feed->agent = agent;
	feed->client = client;
	feed->kind = kind;
	feed->id = msg->id;
	feed->local_end = registry_order(agent->registry)->next_seq;
	feed->peers_end = peers_order(agent->peers)->next_seq;
	set_filter(feed, msg);
	order_cursor_open(&feed->cursor, registry_order(agent->registry));
	DL_APPEND(client->feeds, feed);
	if (kind == FEED_WATCH) {
		DL_APPEND2(agent->watches, feed, prev_all, next_all);
		client->n_watches++;
		client->user->n_watches++;
		agent->n_watches++;
	}
	pump(feed);
}

void feed_drained(struct agent *agent, struct client *client)
{
	struct feed *feed, *next;

	(void)agent;
	DL_FOREACH_SAFE (client->feeds, feed, next) {
		pump(feed);
	}
}

bool feed_cancel(struct agent *agent, struct client *client, uint32_t id)
{
	struct feed *feed;

	(void)agent;
	DL_FOREACH (client->feeds, feed) {
		if (feed->id == id) {
			close_feed(feed);
			return true;
		}
	}
	return false;
}

void feed_close_all(struct agent *agent, struct client *client)
{
	(void)agent;
	while (client->feeds != NULL) {
		close_feed(client->feeds);
	}
}

// Is a change of this element to be told, or will the listing still come to it?
static bool is_listed(const struct feed *feed, enum phase phase, const struct order_link *link,
		      uint64_t end)
{
	if (feed->phase != phase) {
		return feed->phase > phase || link->seq >= end;
	}
	return link->seq >= end || feed->cursor.at == NULL || link->seq < feed->cursor.at->seq;
}

// What a change is to one feed. Return: false when it is nothing.
static bool translate(const struct feed *feed, struct ep_str node, uint32_t before, uint32_t now,
		      enum ep_event *event)
{
	bool was_wanted = *event != EP_EVENT_UP && is_wanted(feed, node, before);
	bool is_now_wanted = *event != EP_EVENT_DOWN && is_wanted(feed, node, now);

	*event = !was_wanted ? EP_EVENT_UP : is_now_wanted ? EP_EVENT_CHANGED : EP_EVENT_DOWN;
	return was_wanted || is_now_wanted;
}

void feed_tell_local(struct agent *agent, enum ep_event event, const struct registry_node *node,
		     unsigned slot)
{
	uint32_t *told = &local_of(node)->told[slot];
	uint32_t now = facts_of(node->is_hidden, registry_cluster(node));
	struct feed *feed;

	DL_FOREACH2(agent->watches, feed, next_all)
	{
		enum ep_event own = event;

		if (is_listed(feed, PHASE_LOCAL, &node->link, feed->local_end) &&
		    translate(feed, registry_name(node), *told, now, &own)) {
			send_local(feed, own, node, slot);
		}
	}
	*told = now;
}

// Exchange the facts of a peer. Return: the old ones.
static uint32_t replace_facts(struct agent *agent, const struct peer *peer, enum ep_family family,
			      uint32_t facts)
{
	uint64_t key = peer->link.seq << 1 | (family == EP_FAMILY_INET6);
	uint32_t before = 0;
	struct told *told;

	HASH_FIND(hh, agent->told, &key, sizeof(key), told);
	if (told == NULL && facts != 0) {
		told = xcalloc(1, sizeof(*told));
		told->key = key;
		HASH_ADD(hh, agent->told, key, sizeof(told->key), told);
	}
	if (told != NULL) {
		before = told->facts;
		told->facts = facts;
	}
	if (told != NULL && facts == 0) {
		HASH_DEL(agent->told, told);
		free(told);
	}
	return before;
}

void feed_tell_peer(struct agent *agent, enum ep_event event, const struct peer *peer,
		    enum ep_family family)
{
	struct peer_view view;
	struct service scratch;
	uint32_t before, now;
	struct feed *feed;

	if (!peers_view(agent->peers, peer, family, &view, &scratch)) {
		return;
	}
	now = facts_of(view.is_hidden, view.cluster);
	before = replace_facts(agent, peer, family, event == EP_EVENT_DOWN ? 0 : now);
	DL_FOREACH2(agent->watches, feed, next_all)
	{
		enum ep_event own = event;

		if (is_listed(feed, PHASE_PEERS, &peer->link, feed->peers_end) &&
		    translate(feed, view.node, before, now, &own)) {
			send_peer(feed, own, &view);
		}
	}
}

void feed_fini(struct agent *agent)
{
	struct told *told, *next;

	HASH_ITER (hh, agent->told, told, next) {
		HASH_DEL(agent->told, told);
		free(told);
	}
}
