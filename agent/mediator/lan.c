// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// The network as the discovery process reports it goes into the peers; what they want is arranged.

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "mediator/internal.h"

static void on_event(void *user, enum ep_event event, struct peer *peer, enum ep_family family)
{
	struct agent *agent = user;

	feed_tell_peer(agent, event, peer, family);
	if (event != EP_EVENT_DOWN) {
		waits_wake(agent->waits, peer_name(peer), family);
	}
}

static void on_down(void *user, struct peer *peer, enum ep_family family, enum liveness_cause cause)
{
	struct agent *agent = user;

	(void)family;
	downs_note(&agent->downs, peer_name(peer), cause);
}

static void on_local_conflict(void *user, struct peer *peer)
{
	struct agent *agent = user;
	const struct registry_node *node = registry_find(agent->registry, peer_name(peer));
	char name[EP_NODE_MAX * 4 + 1];
	uint64_t suppressed;

	if (node == NULL) {
		return;
	}
	if (peer->is_conflicted &&
	    log_limit_pass(&agent->lan.conflicts, clock_now_ms(), &suppressed)) {
		log_warn("Another host runs a node of the same name as one here. node=%s "
			 "suppressed=%llu",
			 log_escape(name, sizeof(name), peer_name(peer).p, peer_name(peer).n),
			 (unsigned long long)suppressed);
	}
	for (unsigned slot = 0; slot < REGISTRY_FAMILIES; slot++) {
		if (local_of(node)->is_announced && node->ports[slot].carrier != 0) {
			feed_tell_local(agent, EP_EVENT_CHANGED, node, slot);
		}
	}
}

static void on_probe(void *user, const struct peers_ticket *ticket,
		     const struct peers_address *address, int32_t ifindex, uint16_t port)
{
	struct agent *agent = user;

	prober_ask(agent->prober, ticket, address, ifindex, port);
}

static void on_ask(void *user)
{
	lan_ask(user);
}

static void on_resolve(void *user, const char *instance, struct peers_where where)
{
	refreshes_add(user, instance, where);
}

static uint32_t local_creation(void *user, struct ep_str name)
{
	const struct agent *agent = user;
	const struct registry_node *node = registry_find(agent->registry, name);

	return node != NULL ? node->creation : 0;
}

static bool is_on_link(void *user, const uint8_t *address, uint8_t len)
{
	struct agent *agent = user;
	uint64_t now_ms = clock_now_ms();

	// Every host with containers has one and the same bridge address; it is not that of a peer.
	return hostif_is_on_link(&agent->hostif, address, len, now_ms) &&
	       !hostif_is_own(&agent->hostif, address, len, now_ms);
}

const struct peers_ops lan_peers_ops = {
	.on_event = on_event,
	.on_down = on_down,
	.on_local_conflict = on_local_conflict,
	.probe = on_probe,
	.ask = on_ask,
	.resolve = on_resolve,
	.local_creation = local_creation,
	.is_on_link = is_on_link,
};

void lan_ask(struct agent *agent)
{
	uint32_t n = peers_instances(agent->peers) + agent->adverts.n_instances;
	uint64_t now_ms = clock_now_ms();

	if (agent->link == NULL || !agent->lan.is_browsing ||
	    (agent->lan.asked_ms != 0 && now_ms - agent->lan.asked_ms < agent_ask_every_ms(n))) {
		return;
	}
	agent->lan.asked_ms = now_ms;
	agent->lan.is_ask_due = true;
	link_wake(agent->link);
}

static unsigned count_interfaces(const struct lan *lan)
{
	return lan->n_interfaces < AGENT_INTERFACES_MAX ? lan->n_interfaces : AGENT_INTERFACES_MAX;
}

const char *lan_interface(const struct agent *agent, int32_t ifindex)
{
	for (unsigned i = 0; i < count_interfaces(&agent->lan); i++) {
		if (agent->lan.interfaces[i].ifindex == ifindex) {
			return agent->lan.interfaces[i].name;
		}
	}
	return NULL;
}

// Containers come and go with interfaces of their own: the oldest make room.
static void remember_interface(struct agent *agent, int32_t ifindex, const char *name)
{
	struct lan *lan = &agent->lan;
	struct interface_name *at = NULL;

	if (name[0] == '\0') {
		return;
	}
	for (unsigned i = 0; at == NULL && i < count_interfaces(lan); i++) {
		if (lan->interfaces[i].ifindex == ifindex) {
			at = &lan->interfaces[i];
		}
	}
	if (at == NULL) {
		at = &lan->interfaces[lan->n_interfaces++ % AGENT_INTERFACES_MAX];
	}
	at->ifindex = ifindex;
	memcpy(at->name, name, sizeof(at->name));
}

static void note_refused(struct agent *agent, const struct link_msg *msg, const char *why)
{
	char name[LINK_INSTANCE_MAX * 4 + 1];
	uint64_t suppressed;

	if (log_limit_pass(&agent->lan.refusals, clock_now_ms(), &suppressed)) {
		log_info("Ignoring a service: %s. instance=%s suppressed=%llu", why,
			 log_escape(name, sizeof(name), msg->ref.instance,
				    strlen(msg->ref.instance)),
			 (unsigned long long)suppressed);
	}
}

static void handle_resolved(struct agent *agent, const struct link_msg *msg,
			    struct peers_where where, uint64_t now_ms)
{
	struct peers_address addresses[EP_ADDRESSES_MAX];
	const char *problem;

	for (unsigned i = 0; i < msg->n_addresses; i++) {
		addresses[i] = (struct peers_address){
			.len = msg->addresses[i].len == 16 ? 16 : 4,
			.is_on_link = msg->addresses[i].is_on_link != 0,
		};
		memcpy(addresses[i].bytes, msg->addresses[i].bytes, sizeof(addresses[i].bytes));
	}
	remember_interface(agent, msg->ref.ifindex, msg->ifname);
	problem = peers_resolved(agent->peers, msg->ref.instance, where, msg->port, msg->txt,
				 msg->txt_len, addresses, msg->n_addresses, str_of(agent->id),
				 now_ms);
	if (problem != NULL) {
		note_refused(agent, msg, problem);
	}
	if (problem == peers_no_room) {
		table_dropped(agent);
	}
}

static void handle_state(struct agent *agent, const struct link_msg *msg)
{
	agent->lan.state = (enum link_state)msg->state;
	memcpy(agent->lan.text, msg->text, sizeof(agent->lan.text));
	if (msg->state == LINK_STATE_RUNNING) {
		memcpy(agent->lan.host, msg->text, sizeof(agent->lan.host));
	}
	standing_change(agent);
}

static void go_dark(struct agent *agent, uint64_t now_ms)
{
	if (agent->lan.is_browsing) {
		agent->lan.is_browsing = false;
		standing_change(agent);
		refreshes_clear(agent); // they are resolved when they are seen again
		peers_outage(agent->peers, now_ms);
	}
}

static void handle_seen(struct agent *agent, const struct link_msg *msg, struct peers_where where,
			uint64_t now_ms)
{
	uint32_t n_before = peers_instances(agent->peers);

	if (!peers_seen(agent->peers, msg->ref.instance, where, now_ms)) {
		table_dropped(agent);
		flood_note(agent, msg->ref.ifindex);
	} else if (peers_instances(agent->peers) > n_before) {
		flood_note(agent, msg->ref.ifindex);
	}
	adverts_update_ttl(agent);
}

static void on_message(void *user, const struct link_msg *msg)
{
	struct agent *agent = user;
	struct peers_where where = {msg->ref.ifindex, msg->ref.family};
	uint64_t now_ms = clock_now_ms();

	switch ((enum link_op)msg->op) {
	case LINK_STATE:
		handle_state(agent, msg);
		break;
	case LINK_BROWSING:
		agent->lan.is_browsing = true;
		standing_change(agent);
		flood_browsing(agent);
		peers_resumed(agent->peers, now_ms);
		break;
	case LINK_LOST:
		go_dark(agent, now_ms);
		setbacks_forget(agent);
		break;
	case LINK_AGAIN:
		peers_again(agent->peers, msg->ref.instance, where, now_ms);
		break;
	case LINK_CUT:
		hostif_fini(&agent->hostif); // what it remembers is of before
		peers_cut(agent->peers, msg->ref.ifindex, now_ms);
		break;
	case LINK_MENDED:
		hostif_fini(&agent->hostif);
		flood_browsing(agent); // all who are there are heard at once
		peers_mended(agent->peers, msg->ref.ifindex, now_ms);
		break;
	case LINK_SEEN:
		handle_seen(agent, msg, where, now_ms);
		break;
	case LINK_GONE:
		peers_gone(agent->peers, msg->ref.instance, where, now_ms);
		adverts_update_ttl(agent);
		break;
	case LINK_RESOLVED:
		handle_resolved(agent, msg, where, now_ms);
		break;
	case LINK_UNRESOLVED:
		log_debug("A service could not be resolved.");
		break;
	case LINK_PUBLISHED:
		log_debug("A service is announced.");
		break;
	case LINK_REFUSED:
		adverts_refused(agent, msg);
		break;
	case LINK_BUILD:
	case LINK_RESET:
	case LINK_PUBLISH:
	case LINK_WITHDRAW:
	case LINK_END:
	case LINK_ASK:
	case LINK_BROWSE:
	case LINK_RESOLVE:
	case LINK_SYNC:
		break;
	}
	agent_schedule(agent);
}

static void on_started(void *user)
{
	struct agent *agent = user;

	agent->lan.state = LINK_STATE_CONNECTING;
	strcpy(agent->lan.text, "the discovery process is starting");
	standing_change(agent);
	adverts_restart(agent);
}

static void on_lost(void *user, const char *why)
{
	struct agent *agent = user;

	log_warn("The discovery process %s; it is started again. restarts=%u", why,
		 link_restarts(agent->link) + 1);
	agent->lan.state =
		link_is_unstartable(agent->link) ? LINK_STATE_FAILED : LINK_STATE_CONNECTING;
	snprintf(agent->lan.text, sizeof(agent->lan.text), "the discovery process %.130s", why);
	standing_change(agent);
	go_dark(agent, clock_now_ms());
	silence_end(agent);
	agent_schedule(agent);
}

static void on_silent(void *user)
{
	silence_begin(user);
}

static void on_heard(void *user)
{
	silence_end(user);
}

static void on_checked(void *user)
{
	silence_checked(user);
}

static void on_mismatch(void *user, const char *version)
{
	struct agent *agent = user;
	char escaped[LINK_TEXT_MAX];

	log_warn("The discovery process is of version %s, this is %s: ending, to be restarted.",
		 log_escape(escaped, sizeof(escaped), version, strlen(version)), EPMDNS_VERSION);
	agent->must_restart = true;
	agent_stop(agent);
}

static void on_stopped(void *user)
{
	struct agent *agent = user;

	event_base_loopexit(agent->base, NULL);
}

static bool next(void *user, struct link_msg *msg)
{
	struct agent *agent = user;

	if (adverts_next(agent, msg)) {
		return true;
	}
	if (refreshes_next(agent, msg)) {
		return true;
	}
	if (agent->lan.is_ask_due) {
		agent->lan.is_ask_due = false;
		msg->op = LINK_ASK;
		return true;
	}
	if (agent->lan.is_browse_due) {
		agent->lan.is_browse_due = false;
		msg->op = LINK_BROWSE;
		return true;
	}
	return false;
}

const struct link_ops lan_link_ops = {
	.on_started = on_started,
	.on_message = on_message,
	.on_silent = on_silent,
	.on_heard = on_heard,
	.on_checked = on_checked,
	.on_lost = on_lost,
	.on_mismatch = on_mismatch,
	.on_stopped = on_stopped,
	.next = next,
};
