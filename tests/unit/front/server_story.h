// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * A server and what stands behind it in these tests: status is answered at once, lookup and watch
 * are never answered but by cancel, list sends timeout_ms items with texts of `port` bytes as the
 * client reads, names takes a millisecond, unregister drops its own session, and hint that of the
 * first client.
 */
#pragma once

#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "edge/server.h"
#include "talker.h"
#include "turn.h"

#define STORY_SESSIONS 512
#define STORY_PIECE (SERVER_OUTPUT_MAX / 4)

struct story {
	struct event_base *base;
	struct server *server;
	struct session *sessions[STORY_SESSIONS]; // in the order of their hello; NULL when closed
	unsigned n_opened, n_closed, n_requests, n_drained;
	struct session *lister;
	uint32_t list_id, list_left, list_len;
};

static inline void story_item(struct session *session, uint32_t id, uint32_t number, uint32_t len)
{
	static char text[1024];
	struct ep_msg item;

	memset(text, 'x', sizeof(text));
	ep_begin(&item, EP_OP_ITEM, id);
	ep_set_u32(&item, EP_F_AGE_S, &item.age_s, number);
	ep_set_str(&item, EP_F_TEXT, &item.text, text, len);
	session_send(session, &item);
}

static inline void story_list(struct story *story)
{
	while (story->lister != NULL && session_owes(story->lister) < STORY_PIECE) {
		if (story->list_left == 0) {
			session_done(story->lister, story->list_id);
			story->lister = NULL;
			return;
		}
		story_item(story->lister, story->list_id, --story->list_left, story->list_len);
	}
}

static inline void story_on_opened(void *user, struct session *session, struct ep_msg *welcome)
{
	struct story *story = user;

	assert_int_equal(welcome->op, EP_OP_WELCOME);
	session->user = &story->sessions[story->n_opened];
	story->sessions[story->n_opened++] = session;
}

static inline void story_on_request(void *user, struct session *session, const struct ep_msg *msg)
{
	struct story *story = user;
	struct ep_msg report;

	story->n_requests++;
	switch (msg->op) {
	case EP_OP_STATUS:
		ep_begin(&report, EP_OP_REPORT, msg->id);
		session_send(session, &report);
		break;
	case EP_OP_NAMES:
		put_clock_forward(1);
		session_done(session, msg->id);
		break;
	case EP_OP_LOOKUP:
	case EP_OP_WATCH:
		session_defer(session, msg->id);
		break;
	case EP_OP_CANCEL:
		if (session_is_deferred(session, msg->id)) {
			session_done(session, msg->id);
		} else {
			session_fail(session, msg->id, EP_CODE_NOT_FOUND, "nothing");
		}
		break;
	case EP_OP_LIST:
		assert_true(session_defer(session, msg->id));
		story->lister = session;
		story->list_id = msg->id;
		story->list_left = msg->timeout_ms;
		story->list_len = msg->port;
		story_list(story);
		break;
	case EP_OP_UNREGISTER:
		session_drop(session, "it asked for it");
		break;
	case EP_OP_HINT:
		session_drop(story->sessions[0], "another one asked for it");
		session_done(session, msg->id);
		break;
	default:
		session_fail(session, msg->id, EP_CODE_UNAVAILABLE, "not here");
	}
}

static inline void story_on_drained(void *user, struct session *session)
{
	struct story *story = user;

	story->n_drained++;
	if (session == story->lister) {
		story_list(story);
	}
}

static inline void story_on_closed(void *user, struct session *session)
{
	struct story *story = user;
	struct session **slot = session->user;

	assert_ptr_equal(*slot, session); // opened, and not closed yet
	*slot = NULL;
	story->n_closed++;
	if (session == story->lister) {
		story->lister = NULL;
	}
}

static inline struct story *story_new_with(uint32_t sessions, uint32_t sessions_per_uid)
{
	static const struct server_ops ops = {
		.on_opened = story_on_opened,
		.on_request = story_on_request,
		.on_drained = story_on_drained,
		.on_closed = story_on_closed,
	};
	struct server_limits limits = {sessions, sessions_per_uid};
	struct story *story = calloc(1, sizeof(*story));

	story->base = event_base_new();
	story->server = server_new(story->base, &limits, &ops, story);
	return story;
}

static inline struct story *story_new(void)
{
	return story_new_with(STORY_SESSIONS, STORY_SESSIONS);
}

static inline void story_free(struct story *story)
{
	server_free(story->server);
	event_base_free(story->base);
	assert_int_equal(story->n_opened, story->n_closed);
	free(story);
}

// A client that has said nothing yet.
static inline struct talker *story_stranger(struct story *story)
{
	int served;
	struct talker *talker = talker_pair(story->base, &served);

	server_adopt(story->server, served);
	return talker;
}

static inline struct talker *story_client(struct story *story)
{
	return talker_welcome(story_stranger(story));
}

static inline void story_ask_list(struct talker *talker, uint32_t id, uint32_t count, uint32_t len)
{
	struct ep_msg msg;

	ep_begin(&msg, EP_OP_LIST, id);
	ep_set_u32(&msg, EP_F_TIMEOUT_MS, &msg.timeout_ms, count);
	ep_set_u32(&msg, EP_F_PORT, &msg.port, len);
	talker_send(talker, &msg);
}

static inline void story_ask_node(struct talker *talker, enum ep_op op, uint32_t id)
{
	struct ep_msg msg;

	ep_begin(&msg, op, id);
	ep_set_str(&msg, EP_F_NODE, &msg.node, "a@b", 3);
	ep_set_u32(&msg, EP_F_FAMILY, &msg.family, EP_FAMILY_INET);
	talker_send(talker, &msg);
}
