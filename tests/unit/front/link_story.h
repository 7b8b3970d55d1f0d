// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// A link, and all that it tells its owner. Its children are this program (link_child.h).
#pragma once

#include <event2/event.h>
#include <sys/wait.h>

#include "edge/link.h"
#include "link_child.h"
#include "test.h"
#include "turn.h"

static const char *program;

struct story {
	struct event_base *base;
	struct link *link;
	char *argv[CHILD_ARGV];
	unsigned n_silent, n_heard, n_checked;
	unsigned n_started, n_lost, n_mismatch, n_stopped, n_messages;
	unsigned to_send, sent; // LINK_ASK
	char text[LINK_TEXT_MAX];
	char why[LINK_TEXT_MAX];
	bool stops_on_mismatch;
};

static inline void on_started(void *user)
{
	struct story *story = user;

	story->n_started++;
}

static inline void on_message(void *user, const struct link_msg *msg)
{
	struct story *story = user;

	story->n_messages++;
	memcpy(story->text, msg->text, sizeof(story->text));
}

static inline void on_lost(void *user, const char *why)
{
	struct story *story = user;

	story->n_lost++;
	snprintf(story->why, sizeof(story->why), "%s", why);
}

static inline void on_mismatch(void *user, const char *version)
{
	struct story *story = user;

	story->n_mismatch++;
	snprintf(story->text, sizeof(story->text), "%s", version);
	if (story->stops_on_mismatch) {
		link_stop(story->link);
	}
}

static inline void on_stopped(void *user)
{
	struct story *story = user;

	story->n_stopped++;
}

static inline void on_silent(void *user)
{
	struct story *story = user;

	story->n_silent++;
}

static inline void on_heard(void *user)
{
	struct story *story = user;

	story->n_heard++;
}

static inline void on_checked(void *user)
{
	struct story *story = user;

	story->n_checked++;
}

static inline bool next(void *user, struct link_msg *msg)
{
	struct story *story = user;

	if (story->sent >= story->to_send) {
		return false;
	}
	story->sent++;
	msg->op = LINK_ASK;
	return true;
}

// path: NULL for this program
static inline struct story *story_new_of(const char *path, const char *how)
{
	static const struct link_ops ops = {
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
	struct story *story = calloc(1, sizeof(*story));

	story->base = event_base_new();
	child_argv(story->argv, program, "--child", how);
	story->link = link_new(story->base, path != NULL ? path : story->argv[0], story->argv, &ops,
			       story);
	assert_int_equal(story->n_started, 0); // not before the loop runs
	return story;
}

static inline struct story *story_new(const char *how)
{
	return story_new_of(NULL, how);
}

// Never to process 0, which would be all that runs beside this test.
static inline void signal_child(const struct story *story, int number)
{
	assert_true(link_pid(story->link) > 0);
	assert_int_equal(kill(link_pid(story->link), number), 0);
}

static inline void story_free(struct story *story)
{
	pid_t pid = link_pid(story->link);

	link_free(story->link);
	if (pid > 0) {
		assert_int_equal(waitpid(pid, NULL, WNOHANG), -1); // no zombie is left
	}
	event_base_free(story->base);
	child_argv_free(story->argv);
	free(story);
}
