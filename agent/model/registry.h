// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * The nodes registered with this agent: who holds which name, in which families. A pure model: no
 * I/O, random numbers and time are passed in, and every call says what has changed; the caller
 * tells whom it concerns.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "epmdns/protocol.h"
#include "model/order.h"

struct registry;

// Who asks: a session (an opaque number, not 0, never reused), its user and its VM.
struct registry_owner {
	uint64_t session;
	uid_t uid;
	bool has_token;
	uint8_t token[EP_OWNER_LEN];
};

// One family of a registered node.
struct registry_port {
	uint8_t carrier;   // enum ep_carrier; 0: this family is not registered
	uint8_t bound_len; // 0, 4 or 16
	uint16_t port, dist_high, dist_low;
	uint8_t bound[16];
	uint32_t revision;
};

enum registry_family { REGISTRY_INET = 0, REGISTRY_INET6 = 1, REGISTRY_FAMILIES = 2 };

/*
 * A registered node: borrowed, and in one place until registry_remove(). Only `user` is the
 * caller's to write.
 */
struct registry_node {
	struct order_link link; // registry::order; first, so that a link is the node
	struct registry_owner owner;
	void *user; // the agent's
	uint64_t since_ms;
	bool is_hidden;
	uint32_t creation;
	struct registry_port ports[REGISTRY_FAMILIES];
};

struct registry_limits {
	uint32_t nodes;
	uint32_t nodes_per_uid;
	uint32_t nodes_per_session;
};

struct registry_request {
	struct registry_owner owner;
	struct ep_str node; // valid: node_name_problem() is NULL
	uint8_t carrier;
	uint16_t port, dist_high, dist_low;
	bool is_hidden;
	struct ep_str bound;       // n 0, 4 or 16
	struct ep_str cluster;     // n 0: none
	const struct ep_str *tags; // valid: service_tags_problem() is NULL
	size_t n_tags;
	uint32_t creation;       // what an earlier agent gave; 0: none
	uint32_t revision;       // likewise
	uint32_t fresh_creation; // random, >= 4: used if the node has none
	uint64_t now_ms;
};

enum registry_result {
	REGISTRY_OK = 0,
	REGISTRY_E_TAKEN, // held by another live owner: *outcome.holder
	REGISTRY_E_FULL,
	REGISTRY_E_QUOTA_UID,
	REGISTRY_E_QUOTA_SESSION,
};

enum registry_change {
	REGISTRY_UNCHANGED = 0, // an idempotent repetition
	REGISTRY_ADDED,         // a new node
	REGISTRY_CHANGED,       // same creation, new revision: a family was added, or data changed
};

struct registry_outcome {
	enum registry_change change;
	struct registry_node *node;
	enum registry_family family;
	uint64_t holder; // REGISTRY_E_TAKEN: the holder's session; REGISTRY_OK: who was displaced,
			 // or 0
};

struct registry *registry_new(const struct registry_limits *limits);
void registry_free(struct registry *registry);

/*
 * registry_register(): claim a name, or another family or new data for one that is held. The same
 * user with the same owner token takes over from another session of that VM, keeping creation and
 * families: that VM has merely reconnected. One that does not bring the creation back has started
 * distribution anew: take the old node out first.
 * Revisions come from one counter, raised above any that a client brings back. Hidden or not,
 * cluster and tags belong to the node: when they change, both families have a new revision.
 */
enum registry_result registry_register(struct registry *registry,
				       const struct registry_request *request,
				       struct registry_outcome *outcome);

// registry_find(): the node of that exact name, or NULL.
struct registry_node *registry_find(const struct registry *registry, struct ep_str node);
// registry_is_owner(): does this session hold it?
bool registry_is_owner(const struct registry_node *node, uint64_t session);
// registry_is_same_vm(): is this the same user with the same owner token as who holds it?
bool registry_is_same_vm(const struct registry_node *node, const struct registry_owner *owner);
// registry_first_of(): any node that this session holds, or NULL: for the walk when a session ends.
struct registry_node *registry_first_of(const struct registry *registry, uint64_t session);
// registry_remove(): take a node out and free it; announce it first.
void registry_remove(struct registry *registry, struct registry_node *node);

struct ep_str registry_name(const struct registry_node *node);
struct ep_str registry_cluster(const struct registry_node *node); // n 0: none
// registry_tags(): fill tags[] with borrowed strings. Return: how many.
size_t registry_tags(const struct registry_node *node, struct ep_str tags[EP_TAGS_MAX]);

uint32_t registry_count(const struct registry *registry);
// In order of registration, for cursors; a link is a struct registry_node.
struct order *registry_order(struct registry *registry);
