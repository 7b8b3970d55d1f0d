// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// A whole agent in this process, and what its clients say to it.
#pragma once

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "mediator/agent.h"
#include "mediator/limits.h"
#include "talker.h"
#include "turn.h"

struct story {
	struct event_base *base;
	struct agent *agent;
};

// What a client says of a node; what is 0 or NULL is left out, and has a default if it must not be.
struct node {
	const char *name;
	uint32_t port;    // 4000
	uint32_t carrier; // inet_tcp
	uint32_t flags;
	const char *bound; // 4 bytes, or with carrier inet6_* 16
	const char *cluster;
	const char *tag;
	uint32_t creation, revision;
};

static inline struct story *story_new_with(const struct agent_config *config)
{
	struct story *story = calloc(1, sizeof(*story));

	story->base = event_base_new();
	story->agent = agent_new(story->base, config);
	return story;
}

// Without discovery, and old enough not to wait for clients that come back.
static inline struct story *story_new(void)
{
	struct story *story = story_new_with(&(struct agent_config){0});

	put_clock_forward(AGENT_GRACE_MS);
	return story;
}

static inline void story_free(struct story *story)
{
	agent_free(story->agent);
	event_base_free(story->base);
	free(story);
}

static inline struct talker *story_stranger(struct story *story)
{
	int served;
	struct talker *talker = talker_pair(story->base, &served);

	agent_adopt(story->agent, served);
	return talker;
}

static inline struct talker *story_client(struct story *story)
{
	return talker_welcome(story_stranger(story));
}

// A client of the VM that is known by these 16 characters.
static inline struct talker *story_vm(struct story *story, const char *owner)
{
	struct talker *talker = story_stranger(story);

	talker_say_hello(talker, owner);
	talker_expect(talker, EP_OP_WELCOME, 1);
	return talker;
}

static inline void set_text(struct ep_msg *msg, enum ep_field field, struct ep_str *slot,
			    const char *text)
{
	if (text != NULL) {
		ep_set_str(msg, field, slot, text, strlen(text));
	}
}

static inline void ask_register(struct talker *talker, uint32_t id, const struct node *node)
{
	struct ep_msg msg;

	ep_begin(&msg, EP_OP_REGISTER, id);
	set_text(&msg, EP_F_NODE, &msg.node, node->name);
	ep_set_u32(&msg, EP_F_PORT, &msg.port, node->port != 0 ? node->port : 4000);
	ep_set_u32(&msg, EP_F_CARRIER, &msg.carrier,
		   node->carrier != 0 ? node->carrier : EP_CARRIER_INET_TCP);
	ep_set_u32(&msg, EP_F_DIST_HIGH, &msg.dist_high, 6);
	ep_set_u32(&msg, EP_F_DIST_LOW, &msg.dist_low, 5);
	if (node->flags != 0) {
		ep_set_u32(&msg, EP_F_FLAGS, &msg.flags, node->flags);
	}
	if (node->bound != NULL) {
		ep_set_str(&msg, EP_F_BOUND, &msg.bound, node->bound,
			   node->carrier == EP_CARRIER_INET6_TCP ? 16 : 4);
	}
	set_text(&msg, EP_F_CLUSTER, &msg.cluster, node->cluster);
	if (node->tag != NULL) {
		ep_add(&msg, EP_F_TAG, node->tag, strlen(node->tag));
	}
	if (node->creation != 0) {
		ep_set_u32(&msg, EP_F_CREATION, &msg.creation, node->creation);
	}
	if (node->revision != 0) {
		ep_set_u32(&msg, EP_F_REVISION, &msg.revision, node->revision);
	}
	talker_send(talker, &msg);
}

static inline struct ep_msg register_node(struct talker *talker, struct node node)
{
	struct ep_msg msg;

	ask_register(talker, 1000, &node);
	msg = talker_expect(talker, EP_OP_REGISTERED, 1000);
	assert_true(msg.creation >= 4);
	assert_true(msg.revision >= 1);
	return msg;
}

static inline struct ep_msg fail_to_register(struct talker *talker, struct node node,
					     enum ep_code code)
{
	ask_register(talker, 1001, &node);
	return talker_expect_error(talker, 1001, code);
}

static inline void ask_of_node(struct talker *talker, enum ep_op op, uint32_t id, const char *name)
{
	struct ep_msg msg;

	ep_begin(&msg, op, id);
	set_text(&msg, EP_F_NODE, &msg.node, name);
	talker_send(talker, &msg);
}

static inline void unregister_node(struct talker *talker, const char *name)
{
	ask_of_node(talker, EP_OP_UNREGISTER, 1002, name);
	talker_expect(talker, EP_OP_DONE, 1002);
}

// timeout_ms 0: the field is left out
static inline void ask_lookup(struct talker *talker, uint32_t id, const char *name,
			      enum ep_family family, uint32_t timeout_ms)
{
	struct ep_msg msg;

	ep_begin(&msg, EP_OP_LOOKUP, id);
	set_text(&msg, EP_F_NODE, &msg.node, name);
	ep_set_u32(&msg, EP_F_FAMILY, &msg.family, family);
	if (timeout_ms != 0) {
		ep_set_u32(&msg, EP_F_TIMEOUT_MS, &msg.timeout_ms, timeout_ms);
	}
	talker_send(talker, &msg);
}

static inline struct ep_msg lookup(struct talker *talker, const char *name, enum ep_family family)
{
	ask_lookup(talker, 1003, name, family, 0);
	return talker_next(talker);
}

static inline bool is_found(struct talker *talker, const char *name, enum ep_family family)
{
	struct ep_msg msg = lookup(talker, name, family);

	assert_true(msg.op == EP_OP_FOUND ||
		    (msg.op == EP_OP_ERROR && msg.code == EP_CODE_NOT_FOUND));
	return msg.op == EP_OP_FOUND;
}

// list or watch
static inline void ask_feed(struct talker *talker, enum ep_op op, uint32_t id, uint32_t filter,
			    const char *cluster, const char *name)
{
	struct ep_msg msg;

	ep_begin(&msg, op, id);
	if (filter != 0) {
		ep_set_u32(&msg, EP_F_FILTER, &msg.filter, filter);
	}
	set_text(&msg, EP_F_CLUSTER, &msg.cluster, cluster);
	set_text(&msg, EP_F_NODE, &msg.node, name);
	talker_send(talker, &msg);
}

// The next item is about this node; event 0: of a list.
static inline struct ep_msg expect_item(struct talker *talker, uint32_t id, enum ep_event event,
					const char *name)
{
	struct ep_msg msg = talker_expect(talker, EP_OP_ITEM, id);

	assert_str_is(msg.node, str_of(name));
	assert_int_equal(ep_has(&msg, EP_F_EVENT) ? msg.event : 0, event);
	return msg;
}

static inline void expect_ready(struct talker *talker, uint32_t id)
{
	struct ep_msg msg = talker_expect(talker, EP_OP_ITEM, id);

	assert_int_equal(msg.event, EP_EVENT_READY);
	assert_false(ep_has(&msg, EP_F_NODE));
}

// The value of a stat, in a static buffer; NULL when there is none.
static inline const char *stat_of(struct talker *talker, const char *key)
{
	static char value[257];
	size_t len = strlen(key);
	struct ep_msg report;

	talker_ask(talker, EP_OP_STATUS, 1004);
	report = talker_expect(talker, EP_OP_REPORT, 1004);
	for (uint8_t i = 0; i < report.n_stats; i++) {
		const struct ep_str *stat = &report.stats[i];

		if (stat->n > len && memcmp(stat->p, key, len) == 0 && stat->p[len] == '=') {
			memcpy(value, stat->p + len + 1, stat->n - len - 1);
			value[stat->n - len - 1] = '\0';
			return value;
		}
	}
	return NULL;
}
