// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/registry.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/hash.h"
#include "base/xalloc.h"

/*
 * A client can bring back a revision only up to here, or one request could use up all that there
 * are and the counter would begin anew, below what readers have seen.
 */
#define REVISION_BROUGHT_MAX (UINT32_MAX / 2)

// Cluster and tags as they are kept: u8 length and bytes, u8 count, and for each u8 length and
// bytes.
#define FACTS_MAX (1 + EP_CLUSTER_MAX + 1 + EP_TAGS_MAX + EP_TAGS_BYTES_MAX)

struct session {
	uint64_t id;
	uint32_t count;
	struct entry *first; // entry::prev, next
	UT_hash_handle hh;   // registry::sessions
};

struct user {
	uid_t uid;
	uint32_t count;
	UT_hash_handle hh; // registry::users
};

/*
 * Begins at a cache line: then what of the handle finds it and the name's beginning are in one, and
 * the port over IPv4 is in another. In a table that outgrows the caches each line is a miss.
 */
#define ENTRY_ALIGNMENT 64

struct entry {
	struct registry_node node; // first, so that a node is its entry
	struct entry *prev, *next; // session::first
	struct session *session;
	struct user *user;
	UT_hash_handle hh; // registry::names
	uint8_t *facts;    // in tail, or of its own once it has grown
	uint16_t facts_len;
	uint16_t tail_len;
	uint8_t name_len;
	uint8_t tail[]; // the name, then room for the first facts
};

struct registry {
	struct registry_limits limits;
	uint32_t last_revision;
	struct entry *names;
	struct session *sessions;
	struct user *users;
	struct order order;
};

static struct entry *entry_of(struct registry_node *node)
{
	return (struct entry *)(void *)node;
}

static const struct entry *const_entry_of(const struct registry_node *node)
{
	return (const struct entry *)(const void *)node;
}

static struct entry *find_entry(const struct registry *registry, struct ep_str name)
{
	struct entry *entry;

	HASH_FIND(hh, registry->names, name.p, name.n, entry);
	return entry;
}

static struct session *find_session(const struct registry *registry, uint64_t id)
{
	struct session *session;

	HASH_FIND(hh, registry->sessions, &id, sizeof(id), session);
	return session;
}

static struct user *find_user(const struct registry *registry, uid_t uid)
{
	struct user *user;

	HASH_FIND(hh, registry->users, &uid, sizeof(uid), user);
	return user;
}

struct registry *registry_new(const struct registry_limits *limits)
{
	struct registry *registry = xcalloc(1, sizeof(*registry));

	registry->limits = *limits;
	return registry;
}

static void join_session(struct registry *registry, struct entry *entry, uint64_t id)
{
	struct session *session = find_session(registry, id);

	if (session == NULL) {
		session = xcalloc(1, sizeof(*session));
		session->id = id;
		HASH_ADD(hh, registry->sessions, id, sizeof(session->id), session);
	}
	session->count++;
	DL_PREPEND(session->first, entry);
	entry->session = session;
}

static void leave_session(struct registry *registry, struct entry *entry)
{
	struct session *session = entry->session;

	DL_DELETE(session->first, entry);
	if (--session->count == 0) {
		HASH_DEL(registry->sessions, session);
		free(session);
	}
	entry->session = NULL;
}

static void join_user(struct registry *registry, struct entry *entry, uid_t uid)
{
	struct user *user = find_user(registry, uid);

	if (user == NULL) {
		user = xcalloc(1, sizeof(*user));
		user->uid = uid;
		HASH_ADD(hh, registry->users, uid, sizeof(user->uid), user);
	}
	user->count++;
	entry->user = user;
}

static void leave_user(struct registry *registry, struct entry *entry)
{
	if (--entry->user->count == 0) {
		HASH_DEL(registry->users, entry->user);
		free(entry->user);
	}
	entry->user = NULL;
}

static uint8_t *put_fact(uint8_t *p, struct ep_str value)
{
	*p++ = (uint8_t)value.n;
	if (value.n > 0) {
		memcpy(p, value.p, value.n);
	}
	return p + value.n;
}

static size_t put_facts(const struct registry_request *request, uint8_t facts[FACTS_MAX])
{
	uint8_t *p = put_fact(facts, request->cluster);

	*p++ = (uint8_t)request->n_tags;
	for (size_t i = 0; i < request->n_tags; i++) {
		assert((size_t)(facts + FACTS_MAX - p) >= 1 + request->tags[i].n);
		p = put_fact(p, request->tags[i]);
	}
	return (size_t)(p - facts);
}

static void set_facts(struct entry *entry, const uint8_t *facts, size_t len)
{
	uint8_t *room = entry->tail + entry->name_len;

	if (len > (size_t)(entry->tail_len - entry->name_len)) {
		room = xrealloc(entry->facts != room ? entry->facts : NULL, len);
	} else if (entry->facts != room) {
		free(entry->facts);
	}
	memcpy(room, facts, len);
	entry->facts = room;
	entry->facts_len = (uint16_t)len;
}

static struct entry *add_entry(struct registry *registry, const struct registry_request *request,
			       const uint8_t *facts, size_t facts_len)
{
	size_t tail_len = request->node.n + facts_len;
	static_assert(sizeof(void *) != 8 ||
			      offsetof(struct entry, hh.hh_prev) % ENTRY_ALIGNMENT == 0,
		      "a lookup reads as few cache lines as it can");
	struct entry *entry =
		xcalloc_aligned(ENTRY_ALIGNMENT, offsetof(struct entry, tail) + tail_len);

	entry->name_len = (uint8_t)request->node.n;
	entry->tail_len = (uint16_t)tail_len;
	memcpy(entry->tail, request->node.p, request->node.n);
	entry->facts = entry->tail + entry->name_len;
	set_facts(entry, facts, facts_len);
	entry->node.owner = request->owner;
	entry->node.creation = request->creation != 0 ? request->creation : request->fresh_creation;
	entry->node.is_hidden = request->is_hidden;
	entry->node.since_ms = request->now_ms;

	join_user(registry, entry, request->owner.uid);
	join_session(registry, entry, request->owner.session);
	order_append(&registry->order, &entry->node.link);
	HASH_ADD_KEYPTR(hh, registry->names, entry->tail, entry->name_len, entry);
	return entry;
}

bool registry_is_same_vm(const struct registry_node *node, const struct registry_owner *owner)
{
	return node->owner.uid == owner->uid && node->owner.has_token && owner->has_token &&
	       memcmp(node->owner.token, owner->token, EP_OWNER_LEN) == 0;
}

static enum registry_result check_limits(const struct registry *registry,
					 const struct registry_request *request, bool is_new)
{
	const struct user *user = find_user(registry, request->owner.uid);
	const struct session *session = find_session(registry, request->owner.session);

	if (is_new && HASH_COUNT(registry->names) >= registry->limits.nodes) {
		return REGISTRY_E_FULL;
	}
	if (is_new && (user != NULL ? user->count : 0) >= registry->limits.nodes_per_uid) {
		return REGISTRY_E_QUOTA_UID;
	}
	if ((session != NULL ? session->count : 0) >= registry->limits.nodes_per_session) {
		return REGISTRY_E_QUOTA_SESSION;
	}
	return REGISTRY_OK;
}

static void take_over(struct registry *registry, struct entry *entry,
		      const struct registry_owner *owner)
{
	leave_session(registry, entry);
	join_session(registry, entry, owner->session);
	entry->node.owner = *owner;
}

static bool is_port_equal(const struct registry_port *a, const struct registry_port *b)
{
	return a->carrier == b->carrier && a->port == b->port && a->dist_high == b->dist_high &&
	       a->dist_low == b->dist_low && a->bound_len == b->bound_len &&
	       memcmp(a->bound, b->bound, sizeof(a->bound)) == 0;
}

static uint32_t next_revision(struct registry *registry)
{
	if (++registry->last_revision == 0) {
		registry->last_revision = 1;
	}
	return registry->last_revision;
}

// What is published of each family tells of the node too: a change of that is one of both.
static bool update_node(struct registry *registry, struct entry *entry,
			const struct registry_request *request, const uint8_t *facts,
			size_t facts_len)
{
	struct registry_node *node = &entry->node;

	if (node->is_hidden == request->is_hidden && entry->facts_len == facts_len &&
	    memcmp(entry->facts, facts, facts_len) == 0) {
		return false;
	}
	node->is_hidden = request->is_hidden;
	set_facts(entry, facts, facts_len);
	for (int i = 0; i < REGISTRY_FAMILIES; i++) {
		if (node->ports[i].carrier != 0) {
			node->ports[i].revision = next_revision(registry);
		}
	}
	return true;
}

static bool update_port(struct registry *registry, struct registry_port *port,
			const struct registry_request *request)
{
	struct registry_port wanted = {
		.carrier = request->carrier,
		.port = request->port,
		.dist_high = request->dist_high,
		.dist_low = request->dist_low,
		.bound_len = (uint8_t)request->bound.n,
	};

	if (request->bound.n > 0) {
		memcpy(wanted.bound, request->bound.p, request->bound.n);
	}
	if (is_port_equal(port, &wanted)) {
		return false;
	}
	*port = wanted;
	port->revision = next_revision(registry);
	return true;
}

enum registry_result registry_register(struct registry *registry,
				       const struct registry_request *request,
				       struct registry_outcome *outcome)
{
	struct entry *entry = find_entry(registry, request->node);
	bool is_new = entry == NULL;
	uint8_t facts[FACTS_MAX];
	size_t facts_len;
	bool is_changed;
	enum registry_result result;

	assert(request->node.n <= EP_NODE_MAX && request->bound.n <= 16);
	assert(request->cluster.n <= EP_CLUSTER_MAX && request->n_tags <= EP_TAGS_MAX);
	*outcome = (struct registry_outcome){
		.family = ep_carrier_family(request->carrier) == EP_FAMILY_INET6 ? REGISTRY_INET6
										 : REGISTRY_INET,
	};
	facts_len = put_facts(request, facts);
	if (is_new || entry->node.owner.session != request->owner.session) {
		if (!is_new && !registry_is_same_vm(&entry->node, &request->owner)) {
			outcome->holder = entry->node.owner.session;
			return REGISTRY_E_TAKEN;
		}
		result = check_limits(registry, request, is_new);
		if (result != REGISTRY_OK) {
			return result;
		}
		if (is_new) {
			entry = add_entry(registry, request, facts, facts_len);
			outcome->change = REGISTRY_ADDED;
		} else {
			outcome->holder = entry->node.owner.session;
			take_over(registry, entry, &request->owner);
		}
	}
	outcome->node = &entry->node;
	if (request->revision <= REVISION_BROUGHT_MAX &&
	    request->revision > registry->last_revision) {
		registry->last_revision = request->revision;
	}
	is_changed = update_node(registry, entry, request, facts, facts_len);
	is_changed |= update_port(registry, &entry->node.ports[outcome->family], request);
	if (is_changed && !is_new) {
		outcome->change = REGISTRY_CHANGED;
	}
	return REGISTRY_OK;
}

struct registry_node *registry_find(const struct registry *registry, struct ep_str node)
{
	struct entry *entry = find_entry(registry, node);

	return entry != NULL ? &entry->node : NULL;
}

bool registry_is_owner(const struct registry_node *node, uint64_t session)
{
	return node->owner.session == session;
}

struct registry_node *registry_first_of(const struct registry *registry, uint64_t session)
{
	struct session *found = find_session(registry, session);

	return found != NULL ? &found->first->node : NULL;
}

void registry_remove(struct registry *registry, struct registry_node *node)
{
	struct entry *entry = entry_of(node);

	HASH_DEL(registry->names, entry);
	order_remove(&registry->order, &node->link);
	leave_session(registry, entry);
	leave_user(registry, entry);
	if (entry->facts != entry->tail + entry->name_len) {
		free(entry->facts);
	}
	free(entry);
}

void registry_free(struct registry *registry)
{
	if (registry == NULL) {
		return;
	}
	while (registry->order.first != NULL) {
		registry_remove(registry, (struct registry_node *)(void *)registry->order.first);
	}
	free(registry);
}

struct ep_str registry_name(const struct registry_node *node)
{
	const struct entry *entry = const_entry_of(node);

	return (struct ep_str){entry->tail, entry->name_len};
}

struct ep_str registry_cluster(const struct registry_node *node)
{
	const uint8_t *facts = const_entry_of(node)->facts;

	return (struct ep_str){facts + 1, facts[0]};
}

size_t registry_tags(const struct registry_node *node, struct ep_str tags[EP_TAGS_MAX])
{
	const uint8_t *p = const_entry_of(node)->facts;
	size_t n;

	p += 1 + *p;
	n = *p++;
	for (size_t i = 0; i < n; i++) {
		tags[i] = (struct ep_str){p + 1, *p};
		p += 1 + *p;
	}
	return n;
}

uint32_t registry_count(const struct registry *registry)
{
	return HASH_COUNT(registry->names);
}

struct order *registry_order(struct registry *registry)
{
	return &registry->order;
}
