// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * What the agent has published: its discovery process is this program, started again, which passes
 * on all that it is told as lines "OP INSTANCE PORT TTL CLUSTER".
 */
#pragma once

#include <sys/mman.h>

#include "agent_story.h"
#include "edge/link.h"
#include "link_child.h"
#include "model/service.h"

#define LINE_MAX_LEN 160

static const char *program;

struct recorded {
	uint32_t op;
	char instance[SERVICE_INSTANCE_MAX + 1];
	unsigned port, ttl_s;
	char cluster[EP_CLUSTER_MAX + 1];
};

struct scene {
	struct story *story;
	char *argv[CHILD_ARGV];
	int records; // lines of LINE_MAX_LEN, in memory; a child waits for nobody to read them
	off_t n_taken;
};

_Noreturn static inline void record(const char *name)
{
	int fd = open(name, O_WRONLY | O_APPEND);

	child_say(LINK_BUILD, EPMDNS_VERSION);
	child_send(&(struct link_msg){.op = LINK_STATE, .state = LINK_STATE_RUNNING, .text = "x"});
	child_say(LINK_BROWSING, "");
	for (;;) {
		struct link_msg msg = child_receive();
		char line[LINE_MAX_LEN] = "";

		if (msg.op == LINK_SYNC) {
			child_send(&msg);
			continue;
		}
		snprintf(line, sizeof(line), "%u %s %u %u %s", msg.op,
			 msg.ref.instance[0] != '\0' ? msg.ref.instance : "-", msg.port, msg.ttl_s,
			 msg.cluster[0] != '\0' ? msg.cluster : "-");
		if (write(fd, line, sizeof(line)) != sizeof(line)) {
			_exit(92);
		}
	}
}

static inline struct scene *scene_new(void)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct agent_config config;
	char name[64];

	scene->records = memfd_create("records", MFD_CLOEXEC);
	assert_true(scene->records >= 0);
	snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int)getpid(), scene->records);
	child_argv(scene->argv, program, "--record", name);
	config = (struct agent_config){.discovery_program = scene->argv[0],
				       .discovery_argv = scene->argv};
	scene->story = story_new_with(&config);
	return scene;
}

static inline void scene_free(struct scene *scene)
{
	story_free(scene->story);
	close(scene->records);
	child_argv_free(scene->argv);
	free(scene);
}

static inline bool take_record(struct scene *scene, struct recorded *recorded)
{
	char line[LINE_MAX_LEN];
	ssize_t n = pread(scene->records, line, sizeof(line), scene->n_taken * LINE_MAX_LEN);

	if (n != sizeof(line)) {
		return false;
	}
	scene->n_taken++;
	assert_int_equal(sscanf(line, "%u %63s %u %u %62s", &recorded->op, recorded->instance,
				&recorded->port, &recorded->ttl_s, recorded->cluster),
			 5);
	return true;
}

static inline struct recorded expect(struct scene *scene, enum link_op op)
{
	struct recorded recorded;

	turn_until(scene->story->base, take_record(scene, &recorded));
	assert_int_equal(recorded.op, op);
	return recorded;
}

// The child has been told all, and this was nothing.
static inline void expect_silence(struct scene *scene)
{
	struct recorded recorded;

	turn_for(scene->story->base, 10);
	if (take_record(scene, &recorded)) {
		fail_msg("operation %u, %s instead of nothing", recorded.op, recorded.instance);
	}
}

static inline void expect_start(struct scene *scene)
{
	expect(scene, LINK_RESET);
	expect(scene, LINK_END);
}

static inline bool is_of(const struct recorded *recorded, const char *name)
{
	size_t len = strlen(name);

	return strncmp(recorded->instance, name, len) == 0 && recorded->instance[len] == '~';
}

// n nodes of as many clients as that takes, and of three users.
static inline void register_many(struct scene *scene, struct talker **talkers, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char name[16];

		if (i % 50 == 0) {
			talker_be_user(1000 + i / 50 % 3);
			talkers[i / 50] = story_client(scene->story);
		}
		snprintf(name, sizeof(name), "n%u@h", i);
		register_node(talkers[i / 50], (struct node){.name = name, .port = 1000 + i});
	}
}

// For main(): this program as the discovery process does not return.
static inline void begin(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--record") == 0) {
		record(argv[2]);
	}
	program = argv[0];
}
