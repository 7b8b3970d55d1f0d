// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What clients ask: one handler an operation, found by a table.

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "mediator/internal.h"
#include "model/node.h"
#include "model/service.h"

static struct client *client_of(const struct session *session)
{
	return session->user;
}

static uint32_t fresh_creation(void)
{
	uint32_t creation = 0;

	while (creation < 4) { // 0 is the wildcard, 1 to 3 are those of old releases
		if (getrandom(&creation, sizeof(creation), 0) != sizeof(creation)) {
			creation = (uint32_t)clock_now_ms() | 4;
		}
	}
	return creation;
}

// What is wrong with a registration, beyond what the codec has checked; what: NULL if nothing.
static struct ep_problem registration_problem(const struct ep_msg *msg)
{
	size_t bound_len = ep_carrier_family(msg->carrier) == EP_FAMILY_INET6 ? 16 : 4;
	struct ep_problem problem = {"node", node_name_problem(msg->node), EP_F_NODE};

	if (problem.what == NULL && ep_has(msg, EP_F_FLAGS) &&
	    (msg->flags & ~(uint32_t)EP_FLAG_HIDDEN) != 0) {
		problem = (struct ep_problem){"flags", "only 1 (hidden) is known", EP_F_FLAGS};
	}
	if (problem.what == NULL && ep_has(msg, EP_F_BOUND) && msg->bound.n != bound_len) {
		problem = (struct ep_problem){"bound", "not of the carrier's family", EP_F_BOUND};
	}
	if (problem.what == NULL && ep_has(msg, EP_F_CLUSTER)) {
		problem = (struct ep_problem){"cluster", service_cluster_problem(msg->cluster),
					      EP_F_CLUSTER};
	}
	if (problem.what == NULL) {
		problem = (struct ep_problem){"tag", service_tags_problem(msg->tags, msg->n_tags),
					      EP_F_TAG};
	}
	return problem;
}

static struct registry_request registration_of(const struct session *session,
					       const struct ep_msg *msg)
{
	struct registry_request request = {
		.owner = {.session = session->id,
			  .uid = session->uid,
			  .has_token = session->has_owner},
		.node = msg->node,
		.carrier = (uint8_t)msg->carrier, // the codec has seen to their ranges
		.port = (uint16_t)msg->port,
		.dist_high = (uint16_t)msg->dist_high,
		.dist_low = (uint16_t)msg->dist_low,
		.is_hidden = ep_has(msg, EP_F_FLAGS) && (msg->flags & EP_FLAG_HIDDEN) != 0,
		.tags = msg->tags,
		.n_tags = msg->n_tags,
		.creation = ep_has(msg, EP_F_CREATION) ? msg->creation : 0,
		.revision = ep_has(msg, EP_F_REVISION) ? msg->revision : 0,
		.fresh_creation = fresh_creation(),
		.now_ms = clock_now_ms(),
	};

	memcpy(request.owner.token, session->owner, EP_OWNER_LEN);
	if (ep_has(msg, EP_F_BOUND)) {
		request.bound = msg->bound;
	}
	if (ep_has(msg, EP_F_CLUSTER)) {
		request.cluster = msg->cluster;
	}
	return request;
}

static void refuse_registration(struct session *session, const struct ep_msg *msg,
				enum registry_result result)
{
	char name[EP_NODE_MAX * 4 + 1];

	log_escape(name, sizeof(name), msg->node.p, msg->node.n);
	switch (result) {
	case REGISTRY_OK:
		break;
	case REGISTRY_E_TAKEN:
		session_fail(session, msg->id, EP_CODE_DUPLICATE_NAME,
			     "%s is registered here by another program that still runs", name);
		break;
	case REGISTRY_E_FULL:
		session_fail(session, msg->id, EP_CODE_LIMIT, "all %d places for nodes are taken",
			     AGENT_NODES_MAX);
		break;
	case REGISTRY_E_QUOTA_UID:
		session_fail(session, msg->id, EP_CODE_LIMIT, "your user has %d nodes registered",
			     AGENT_NODES_PER_UID_MAX);
		break;
	case REGISTRY_E_QUOTA_SESSION:
		session_fail(session, msg->id, EP_CODE_LIMIT,
			     "this connection has %d nodes registered",
			     AGENT_NODES_PER_SESSION_MAX);
		break;
	}
}

// The registry said what has changed; tell everybody whom it concerns.
static void announce_registration(struct agent *agent, struct client *client,
				  const struct registry_outcome *outcome,
				  const uint32_t revisions[REGISTRY_FAMILIES])
{
	struct registry_node *node = outcome->node;
	struct local *local = local_of(node);

	if (local == NULL) {
		local = xcalloc(1, sizeof(*local));
		local->node = node;
		node->user = local;
	}
	local->client = client;
	if (outcome->change == REGISTRY_UNCHANGED) {
		return;
	}
	adverts_update(agent, local);
	if (outcome->change == REGISTRY_ADDED) {
		// A peer of that name is not shown any more: the local one always wins.
		peers_local_changed(agent->peers, registry_name(node), clock_now_ms());
		agent_schedule(agent);
	}
	local->is_announced = true;
	for (unsigned slot = 0; slot < REGISTRY_FAMILIES; slot++) {
		bool is_new = revisions[slot] == 0;

		if (node->ports[slot].revision != revisions[slot]) {
			feed_tell_local(agent, is_new ? EP_EVENT_UP : EP_EVENT_CHANGED, node, slot);
		}
	}
	waits_wake(agent->waits, registry_name(node), family_of_slot(outcome->family));
}

/*
 * Another session holds the name: may the newcomer have it? Return: the node as it is now; NULL
 * when it is no more.
 */
static struct registry_node *contend(struct agent *agent, struct registry_node *node,
				     const struct registry_request *request)
{
	struct client *holder = local_of(node)->client;

	if (registry_is_same_vm(node, &request->owner)) {
		if (request->creation == node->creation) {
			return node; // reconnected, ahead of the end of the old connection
		}
		agent_remove_node(agent, node); // it has started distribution anew
		return NULL;
	}
	// Its end may not have been read yet: a name is refused only for a live holder.
	if (session_is_hung_up(holder->session)) {
		session_drop(holder->session, "its client is gone");
		agent_release(agent, holder);
		return NULL;
	}
	return node;
}

static void handle_register(struct agent *agent, struct session *session, const struct ep_msg *msg)
{
	struct ep_problem problem = registration_problem(msg);
	uint32_t revisions[REGISTRY_FAMILIES] = {0};
	struct registry_request request;
	struct registry_outcome outcome;
	struct registry_node *node;
	enum registry_result result;
	struct ep_msg answer;

	if (problem.what != NULL) {
		session_fail(session, msg->id, EP_CODE_BAD_FIELD, "%s: %s", problem.field,
			     problem.what);
		return;
	}
	request = registration_of(session, msg);
	node = registry_find(agent->registry, msg->node);
	if (node != NULL && !registry_is_owner(node, session->id)) {
		node = contend(agent, node, &request);
	}
	for (unsigned slot = 0; node != NULL && slot < REGISTRY_FAMILIES; slot++) {
		revisions[slot] = node->ports[slot].revision; // 0: it has no such family
	}
	result = registry_register(agent->registry, &request, &outcome);
	if (result != REGISTRY_OK) {
		refuse_registration(session, msg, result);
		return;
	}
	announce_registration(agent, client_of(session), &outcome, revisions);
	ep_begin(&answer, EP_OP_REGISTERED, msg->id);
	ep_set_u32(&answer, EP_F_CREATION, &answer.creation, outcome.node->creation);
	ep_set_u32(&answer, EP_F_REVISION, &answer.revision,
		   outcome.node->ports[outcome.family].revision);
	session_send(session, &answer);
}

static void handle_unregister(struct agent *agent, struct session *session,
			      const struct ep_msg *msg)
{
	struct registry_node *node = registry_find(agent->registry, msg->node);

	if (node == NULL || !registry_is_owner(node, session->id)) {
		session_fail(session, msg->id, EP_CODE_NOT_OWNER,
			     "this connection does not hold that name");
		return;
	}
	agent_remove_node(agent, node);
	session_done(session, msg->id);
}

static void send_found(struct session *session, uint32_t id, const struct peer_answer *found,
		       enum ep_origin origin)
{
	struct ep_msg answer;

	ep_begin(&answer, EP_OP_FOUND, id);
	ep_add(&answer, EP_F_ADDRESS, found->address, found->address_len);
	ep_set_u32(&answer, EP_F_PORT, &answer.port, found->port);
	ep_set_u32(&answer, EP_F_DIST_HIGH, &answer.dist_high, found->dist_high);
	ep_set_u32(&answer, EP_F_DIST_LOW, &answer.dist_low, found->dist_low);
	ep_set_u32(&answer, EP_F_CARRIER, &answer.carrier, found->carrier);
	ep_set_u32(&answer, EP_F_CREATION, &answer.creation, found->creation);
	ep_set_u32(&answer, EP_F_ORIGIN, &answer.origin, origin);
	session_send(session, &answer);
}

static bool answer_from_registry(struct session *session, uint32_t id,
				 const struct registry_node *node, enum ep_family family)
{
	const struct registry_port *port =
		&node->ports[family == EP_FAMILY_INET6 ? REGISTRY_INET6 : REGISTRY_INET];
	struct peer_answer found = {
		.address_len = family == EP_FAMILY_INET6 ? 16 : 4,
		.port = port->port,
		.carrier = port->carrier,
		.dist_high = port->dist_high,
		.dist_low = port->dist_low,
		.creation = node->creation,
	};

	if (port->carrier == 0) {
		requests_fail_lookup(session, id); // so that OTP tries its next carrier
		return true;
	}
	if (port->bound_len > 0) {
		memcpy(found.address, port->bound, port->bound_len);
	} else if (family == EP_FAMILY_INET6) {
		found.address[15] = 1; // ::1
	} else {
		found.address[0] = 127; // 127.0.0.1
		found.address[3] = 1;
	}
	send_found(session, id, &found, EP_ORIGIN_LOCAL);
	return true;
}

static bool is_shown_in(const struct agent *agent, struct ep_str node, enum ep_family family)
{
	const struct peer *peer = peers_find(agent->peers, node);
	struct peer_view view;
	struct service scratch;

	return peer != NULL && peers_view(agent->peers, peer, family, &view, &scratch);
}

bool requests_answer_lookup(struct agent *agent, struct session *session, uint32_t id,
			    struct ep_str name, enum ep_family family)
{
	const struct registry_node *node = registry_find(agent->registry, name);
	struct peer_answer found;

	if (node != NULL) {
		return answer_from_registry(session, id, node, family);
	}
	switch (peers_lookup(agent->peers, name, family, clock_now_ms(), &found)) {
	case PEERS_FOUND:
		send_found(session, id, &found, EP_ORIGIN_LAN);
		return true;
	case PEERS_ONLY_LINK_LOCAL:
		session_fail(session, id, EP_CODE_ONLY_LINK_LOCAL,
			     "only IPv6 link-local addresses are known, which Erlang cannot use");
		return true;
	case PEERS_NOT_FOUND:
		break;
	}
	// Known, but not in this family: there is nothing to wait for.
	if (is_shown_in(agent, name,
			family == EP_FAMILY_INET6 ? EP_FAMILY_INET : EP_FAMILY_INET6)) {
		requests_fail_lookup(session, id);
		return true;
	}
	return false;
}

void requests_fail_lookup(struct session *session, uint32_t id)
{
	session_fail(session, id, EP_CODE_NOT_FOUND, "no such node is known in that family");
}

static void handle_lookup(struct agent *agent, struct session *session, const struct ep_msg *msg)
{
	uint32_t wait_ms = ep_has(msg, EP_F_TIMEOUT_MS) ? msg->timeout_ms : 0;

	if (!requests_answer_lookup(agent, session, msg->id, msg->node,
				    (enum ep_family)msg->family) &&
	    !waits_add(agent->waits, client_of(session), msg->id, msg->node,
		       (enum ep_family)msg->family, wait_ms)) {
		requests_fail_lookup(session, msg->id);
	}
}

static void handle_names(struct agent *agent, struct session *session, const struct ep_msg *msg)
{
	feed_start(agent, client_of(session), msg, FEED_NAMES);
}

// What a later version may ask for is not answered with something else.
static void start_filtered(struct agent *agent, struct session *session, const struct ep_msg *msg,
			   enum feed_kind kind)
{
	if (ep_has(msg, EP_F_FILTER) && (msg->filter & ~(uint32_t)EP_FILTER_ALL) != 0) {
		session_fail(session, msg->id, EP_CODE_BAD_FIELD,
			     "filter: only 1 (hidden nodes too) is known");
		return;
	}
	feed_start(agent, client_of(session), msg, kind);
}

static void handle_list(struct agent *agent, struct session *session, const struct ep_msg *msg)
{
	start_filtered(agent, session, msg, FEED_LIST);
}

static void handle_watch(struct agent *agent, struct session *session, const struct ep_msg *msg)
{
	start_filtered(agent, session, msg, FEED_WATCH);
}

static void handle_cancel(struct agent *agent, struct session *session, const struct ep_msg *msg)
{
	if (feed_cancel(agent, client_of(session), msg->id)) {
		session_done(session, msg->id);
	} else if (waits_cancel(agent->waits, client_of(session), msg->id)) {
		requests_fail_lookup(session, msg->id);
	} else if (silence_forget(agent, client_of(session), msg->id)) {
		report_send(agent, session, msg->id);
	} else {
		session_fail(session, msg->id, EP_CODE_NOT_FOUND,
			     "no unanswered request has that id");
	}
}

static void handle_status(struct agent *agent, struct session *session, const struct ep_msg *msg)
{
	silence_report(agent, client_of(session), msg->id);
}

static void handle_hint(struct agent *agent, struct session *session, const struct ep_msg *msg)
{
	struct user *user = client_of(session)->user;

	if (registry_find(agent->registry, msg->node) == NULL &&
	    peers_find(agent->peers, msg->node) != NULL) {
		if (!users_may_hint(user)) {
			session_fail(session, msg->id, EP_CODE_LIMIT,
				     "your user has %d nodes verified this second",
				     AGENT_HINTS_PER_UID_MAX);
			return;
		}
		user->n_hints += peers_doubt(agent->peers, msg->node,
					     ep_has(msg, EP_F_FAMILY) ? msg->family : 0);
		agent_schedule(agent);
	}
	session_done(session, msg->id);
}

void requests_handle(struct agent *agent, struct session *session, const struct ep_msg *msg)
{
	static void (*const handlers[])(struct agent *, struct session *, const struct ep_msg *) = {
		[EP_OP_REGISTER] = handle_register, [EP_OP_UNREGISTER] = handle_unregister,
		[EP_OP_LOOKUP] = handle_lookup,     [EP_OP_NAMES] = handle_names,
		[EP_OP_LIST] = handle_list,         [EP_OP_WATCH] = handle_watch,
		[EP_OP_CANCEL] = handle_cancel,     [EP_OP_STATUS] = handle_status,
		[EP_OP_HINT] = handle_hint,
	};

	handlers[msg->op](agent, session, msg);
}
