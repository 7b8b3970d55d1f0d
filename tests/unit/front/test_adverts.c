// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * What the agent has published: its discovery process is this program, started again, which passes
 * on all that it is told as lines "OP INSTANCE PORT TTL CLUSTER".
 */

#include <sys/mman.h>

#include "agent_story.h"
#include "edge/link.h"
#include "link_child.h"
#include "model/service.h"

#define LINE_MAX_LEN 160
#define TURNS_MAX 50 // that may end at the wrong moment

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

_Noreturn static void record(const char *name)
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

static struct scene *scene_new(void)
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

static void scene_free(struct scene *scene)
{
	story_free(scene->story);
	close(scene->records);
	child_argv_free(scene->argv);
	free(scene);
}

static bool take_record(struct scene *scene, struct recorded *recorded)
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

static struct recorded expect(struct scene *scene, enum link_op op)
{
	struct recorded recorded;

	turn_until(scene->story->base, take_record(scene, &recorded));
	assert_int_equal(recorded.op, op);
	return recorded;
}

// The child has been told all, and this was nothing.
static void expect_silence(struct scene *scene)
{
	struct recorded recorded;

	turn_for(scene->story->base, 10);
	if (take_record(scene, &recorded)) {
		fail_msg("operation %u, %s instead of nothing", recorded.op, recorded.instance);
	}
}

static void expect_start(struct scene *scene)
{
	expect(scene, LINK_RESET);
	expect(scene, LINK_END);
}

static bool is_of(const struct recorded *recorded, const char *name)
{
	size_t len = strlen(name);

	return strncmp(recorded->instance, name, len) == 0 && recorded->instance[len] == '~';
}

static void adverts_are_of_each_family_and_of_what_the_lan_can_use(void **state)
{
	static const struct {
		struct node node;
		bool is_published;
	} cases[] = {
		{{.name = "a@h", .port = 1, .cluster = "blue"}, true},
		{{.name = "a@h", .port = 2, .carrier = EP_CARRIER_INET6_TCP, .cluster = "blue"},
		 true},
		{{.name = "hidden@h", .port = 3, .flags = EP_FLAG_HIDDEN}, true},
		{{.name = "bound@h", .port = 4, .bound = "\x0a\0\0\1"}, true},
		{{.name = "loop@h", .port = 5, .bound = "\x7f\0\0\2"}, false},
		{{.name = "loop6@h",
		  .port = 5,
		  .carrier = EP_CARRIER_INET6_TCP,
		  .bound = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"},
		 false},
		{{.name = "a@localhost"}, false},
		{{.name = "a@localhost.localdomain"}, false},
		{{.name = "a@127.0.0.1"}, false},
		{{.name = "rem-1f3a-x@h"}, false},
		{{.name = "rpc-00ff-x@h"}, false},
		{{.name = "remsh12ab-x@h"}, false},
		{{.name = "maint12ab-x@h"}, false},
	};
	struct scene *scene = scene_new();
	struct talker *talker = story_client(scene->story);

	(void)state;
	expect_start(scene);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct node *node = &cases[i].node;

		register_node(talker, *node);
		if (cases[i].is_published) {
			struct recorded recorded = expect(scene, LINK_PUBLISH);

			assert_true(is_of(&recorded, node->name));
			assert_int_equal(recorded.port, node->port);
			assert_int_equal(recorded.ttl_s, AGENT_TTL_MIN_S);
			assert_string_equal(recorded.cluster,
					    node->cluster != NULL ? node->cluster : "-");
		}
		expect_silence(scene);
	}
	assert_string_equal(stat_of(talker, "advertised"), "3");
	talker_free(talker);
	for (unsigned i = 0; i < 4; i++) {
		expect(scene, LINK_WITHDRAW);
	}
	expect_silence(scene);
	scene_free(scene);
}

/*
 * Two changes before the child has been told of the first: only the last is published. A turn may
 * have ended between the two (a session has a millisecond); not each time.
 */
static void replace_within_a_turn(struct scene *scene, struct talker *talker,
				  struct recorded before)
{
	for (uint16_t port = 2; port < 2 + 2 * TURNS_MAX; port = (uint16_t)(port + 2)) {
		const uint16_t last = (uint16_t)(port + 1);
		struct recorded told;

		ask_register(talker, port, &(struct node){.name = "a@h", .port = port});
		ask_register(talker, last, &(struct node){.name = "a@h", .port = last});
		talker_expect(talker, EP_OP_REGISTERED, port);
		talker_expect(talker, EP_OP_REGISTERED, last);
		told = expect(scene, LINK_PUBLISH);
		assert_string_equal(expect(scene, LINK_WITHDRAW).instance, before.instance);
		if (told.port == last) {
			return;
		}
		before = expect(scene, LINK_PUBLISH);
		assert_int_equal(before.port, last);
		assert_string_equal(expect(scene, LINK_WITHDRAW).instance, told.instance);
	}
	fail_msg("each of two changes is published");
}

// What comes and goes in one turn is never told at all.
static void come_and_go_within_a_turn(struct scene *scene, struct talker *talker)
{
	struct recorded told;

	for (uint32_t id = 1000; id < 1000 + 2 * TURNS_MAX; id += 2) {
		ask_register(talker, id, &(struct node){.name = "b@h"});
		ask_of_node(talker, EP_OP_UNREGISTER, id + 1, "b@h");
		talker_expect(talker, EP_OP_REGISTERED, id);
		talker_expect(talker, EP_OP_DONE, id + 1);
		turn_for(scene->story->base, 10);
		if (!take_record(scene, &told)) {
			return;
		}
		assert_int_equal(told.op, LINK_PUBLISH);
		expect(scene, LINK_WITHDRAW);
	}
	fail_msg("each node that comes and goes is published");
}

static void adverts_replace_an_instance_by_publishing_the_next_one_first(void **state)
{
	struct scene *scene = scene_new();
	struct talker *talker = story_client(scene->story);
	struct recorded first, second, withdrawn;

	(void)state;
	expect_start(scene);
	register_node(talker, (struct node){.name = "a@h", .port = 1});
	first = expect(scene, LINK_PUBLISH);
	register_node(talker, (struct node){.name = "a@h", .port = 1});
	expect_silence(scene);
	register_node(talker, (struct node){.name = "a@h", .port = 1, .tag = "k=v"});
	second = expect(scene, LINK_PUBLISH);
	withdrawn = expect(scene, LINK_WITHDRAW);
	assert_string_not_equal(first.instance, second.instance);
	assert_string_equal(first.instance, withdrawn.instance);
	replace_within_a_turn(scene, talker, second);
	come_and_go_within_a_turn(scene, talker);
	expect_silence(scene);
	talker_free(talker);
	scene_free(scene);
}

static void adverts_are_all_told_to_a_new_child(void **state)
{
	struct scene *scene = scene_new();
	struct talker *talker = story_client(scene->story);
	char name[16];
	int child;

	(void)state;
	expect_start(scene);
	for (unsigned i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "n%u@h", i);
		register_node(talker, (struct node){.name = name, .port = 100 + i});
		expect(scene, LINK_PUBLISH);
	}
	child = atoi(stat_of(talker, "discovery_pid"));
	assert_true(child > 0); // 0 would be all that runs beside this test
	kill(child, SIGKILL);
	turn_until(scene->story->base, strcmp(stat_of(talker, "discovery_restarts"), "1") == 0);
	// What changes while there is none.
	unregister_node(talker, "n7@h");
	register_node(talker, (struct node){.name = "more@h", .port = 107});
	expect_silence(scene);
	put_clock_forward(LINK_BACKOFF_MS);
	expect(scene, LINK_RESET);
	for (unsigned i = 0, ports = 0; i < 40; i++) {
		ports += expect(scene, LINK_PUBLISH).port;
		assert_true(i < 39 || ports == 40 * 100 + 39 * 40 / 2);
	}
	expect(scene, LINK_END);
	expect_silence(scene);
	talker_free(talker);
	scene_free(scene);
}

// n nodes of as many clients as that takes, and of three users.
static void register_many(struct scene *scene, struct talker **talkers, unsigned n)
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

// All but the last ones are published, each at least once with the present time to live.
static void expect_many(struct scene *scene, struct talker *talker, unsigned n)
{
	unsigned ttl_s = (unsigned)atoi(stat_of(talker, "ttl_s"));
	bool *is_told = calloc(n, sizeof(*is_told));
	unsigned n_told = 0;

	while (n_told < n) {
		struct recorded recorded = expect(scene, LINK_PUBLISH);

		assert_in_range(recorded.port, 1000, 1000 + n - 1);
		if (recorded.ttl_s == ttl_s && !is_told[recorded.port - 1000]) {
			is_told[recorded.port - 1000] = true;
			n_told++;
		}
	}
	free(is_told);
}

static void adverts_of_both_families_have_room_for_fewer_nodes(void **state)
{
	struct scene *scene = scene_new();
	struct talker *talkers[LINK_INSTANCES_MAX / 100 + 1];
	struct talker *talker = NULL;
	unsigned n_talkers = 0;

	(void)state;
	expect_start(scene);
	for (unsigned i = 0; i < LINK_INSTANCES_MAX / 2 + 6; i++) {
		char name[16];

		if (i % 50 == 0) {
			talker_be_user(1000 + i / 50 % 3);
			talker = talkers[n_talkers++] = story_client(scene->story);
		}
		snprintf(name, sizeof(name), "n%u@h", i);
		register_node(talker, (struct node){.name = name});
		register_node(talker, (struct node){.name = name, .carrier = EP_CARRIER_INET6_TCP});
	}
	assert_string_equal(stat_of(talker, "advertised"), "384");
	assert_string_equal(stat_of(talker, "not_advertised"), "6");
	while (n_talkers > 0) {
		talker_free(talkers[--n_talkers]);
	}
	scene_free(scene);
}

static void adverts_of_more_nodes_than_there_is_room_for_wait_their_turn(void **state)
{
	struct scene *scene = scene_new();
	struct talker *talkers[11];
	struct recorded recorded;

	(void)state;
	expect_start(scene);
	register_many(scene, talkers, AGENT_ADVERTS_MAX + 4);
	expect_many(scene, talkers[0], AGENT_ADVERTS_MAX);
	expect_silence(scene);
	assert_string_equal(stat_of(talkers[0], "advertised"), "512");
	assert_string_equal(stat_of(talkers[0], "not_advertised"), "4");
	assert_non_null(strstr(stat_of(talkers[0], "problem_adverts"), "Of 516 nodes"));

	unregister_node(talkers[0], "n3@h");
	recorded = expect(scene, LINK_PUBLISH);
	assert_true(is_of(&recorded, "n512@h"));
	recorded = expect(scene, LINK_WITHDRAW);
	assert_true(is_of(&recorded, "n3@h"));
	// One that is no longer for the LAN makes room, too.
	register_node(talkers[0], (struct node){.name = "n5@h", .bound = "\x7f\0\0\1"});
	recorded = expect(scene, LINK_PUBLISH);
	assert_true(is_of(&recorded, "n513@h"));
	recorded = expect(scene, LINK_WITHDRAW);
	assert_true(is_of(&recorded, "n5@h"));
	// One that waits and goes, or is no more for the LAN, waits no longer.
	unregister_node(talkers[10], "n514@h");
	register_node(talkers[10], (struct node){.name = "n515@h", .bound = "\x7f\0\0\1"});
	assert_string_equal(stat_of(talkers[0], "not_advertised"), "0");
	assert_string_equal(stat_of(talkers[0], "problem_adverts"), "");
	unregister_node(talkers[0], "n6@h");
	expect(scene, LINK_WITHDRAW);
	expect_silence(scene);
	assert_string_equal(stat_of(talkers[0], "advertised"), "511");
	for (size_t i = 0; i < COUNT(talkers); i++) {
		talker_free(talkers[i]);
	}
	scene_free(scene);
}

// Nodes PREFIX0@h to PREFIX(n-1)@h, of one user.
static void register_of_user(struct scene *scene, struct talker **talkers, uid_t uid, char prefix,
			     unsigned n)
{
	talker_be_user(uid);
	for (unsigned i = 0; i < n; i++) {
		char name[16];

		if (i % 50 == 0 && talkers[i / 50] == NULL) {
			talkers[i / 50] = story_client(scene->story);
		}
		snprintf(name, sizeof(name), "%c%u@h", prefix, i);
		register_node(talkers[i / 50], (struct node){.name = name});
	}
}

static bool has_come(struct scene *scene, enum link_op op, const char *name)
{
	struct recorded recorded;

	while (take_record(scene, &recorded)) {
		if (recorded.op == op && is_of(&recorded, name)) {
			return true;
		}
	}
	return false;
}

// Sooner or later: there are many of them, and told again when their time to live changes.
static void await(struct scene *scene, enum link_op op, const char *name)
{
	turn_until(scene->story->base, has_come(scene, op, name));
}

static void expect_counts(struct talker *talker, const char *advertised, const char *waiting)
{
	assert_string_equal(stat_of(talker, "advertised"), advertised);
	assert_string_equal(stat_of(talker, "not_advertised"), waiting);
}

static void free_talkers(struct talker **talkers, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (talkers[i] != NULL) {
			talker_free(talkers[i]);
		}
	}
}

// One user could take all the places, and no other user's node was found by anybody.
static void adverts_of_one_user_make_room_for_those_of_others_beyond_half(void **state)
{
	enum { ALL = AGENT_ADVERTS_MAX, TALKERS = ALL / 50 + 1 };
	struct scene *scene = scene_new();
	struct talker *ones[TALKERS] = {NULL}, *others[TALKERS] = {NULL};

	(void)state;
	expect_start(scene);
	register_of_user(scene, ones, 1000, 'a', ALL + 2);
	expect_counts(ones[0], "512", "2");
	await(scene, LINK_PUBLISH, "a511@h");
	register_of_user(scene, others, 1001, 'b', 1); // comes later, and at once
	await(scene, LINK_PUBLISH, "b0@h");
	await(scene, LINK_WITHDRAW, "a511@h"); // what came last
	expect_counts(ones[0], "512", "3");
	// What one leaves the other may have, in the order in which they wait.
	unregister_node(others[0], "b0@h");
	await(scene, LINK_PUBLISH, "a512@h");
	expect_counts(ones[0], "512", "2");
	// Half is everybody's, and no more when others want it.
	register_of_user(scene, others, 1001, 'b', ALL / 2 + 1);
	await(scene, LINK_PUBLISH, "b255@h");
	expect_counts(ones[0], "512", "259");
	// Room goes first to him who has less than half, whoever waits longer.
	unregister_node(others[0], "b3@h");
	await(scene, LINK_PUBLISH, "b256@h");
	unregister_node(ones[0], "a3@h");
	await(scene, LINK_PUBLISH, "a513@h");
	expect_counts(ones[0], "512", "257");
	free_talkers(others, TALKERS);
	turn_until(scene->story->base, strcmp(stat_of(ones[0], "not_advertised"), "1") == 0);
	expect_counts(ones[0], "512", "1");
	free_talkers(ones, TALKERS);
	scene_free(scene);
}

static void adverts_of_one_user_in_both_families_make_room_for_others(void **state)
{
	enum { ALL = LINK_INSTANCES_MAX / 2, TALKERS = ALL / 50 + 1 };
	struct scene *scene = scene_new();
	struct talker *ones[TALKERS] = {NULL}, *others[1] = {NULL};

	(void)state;
	expect_start(scene);
	talker_be_user(1000);
	for (unsigned i = 0; i < ALL + 3; i++) {
		char name[16];

		if (i % 50 == 0) {
			ones[i / 50] = story_client(scene->story);
		}
		snprintf(name, sizeof(name), "a%u@h", i);
		register_node(ones[i / 50], (struct node){.name = name});
		register_node(ones[i / 50],
			      (struct node){.name = name, .carrier = EP_CARRIER_INET6_TCP});
	}
	expect_counts(ones[0], "384", "3");
	register_of_user(scene, others, 1001, 'b', 40); // one family: two have the room of one
	await(scene, LINK_PUBLISH, "b39@h");
	expect_counts(ones[0], "404", "23");
	free_talkers(ones, TALKERS);
	free_talkers(others, 1);
	scene_free(scene);
}

static void adverts_live_longer_when_there_are_more(void **state)
{
	struct scene *scene = scene_new();
	struct talker *talkers[2];
	struct recorded recorded;

	(void)state;
	expect_start(scene);
	register_many(scene, talkers, 76); // 22.8 s: not far enough from 15
	assert_string_equal(stat_of(talkers[0], "ttl_s"), "15");
	for (unsigned i = 0; i < 76; i++) {
		assert_int_equal(expect(scene, LINK_PUBLISH).ttl_s, 15);
	}
	register_node(talkers[0], (struct node){.name = "one-more@h"});
	for (unsigned i = 0; i < 77; i++) {
		recorded = expect(scene, LINK_PUBLISH);
		assert_int_equal(recorded.ttl_s, 23);
	}
	expect_silence(scene);
	assert_string_equal(stat_of(talkers[0], "ttl_s"), "23");
	talker_free(talkers[0]);
	talker_free(talkers[1]);
	scene_free(scene);
}

/*
 * The hash in an instance name is public and has 40 bits, so whoever tries finds two nodes that
 * would have the same: it takes a second. They shared one entry then, freed with the first of them.
 */
static void adverts_are_of_one_node_each_even_if_instance_names_collide(void **state)
{
	static const char stem[] = "a@a-host-name-that-is-so-long-that-the-end-of-it-is-cu";
	struct node one = {
		.name = "a@a-host-name-that-is-so-long-that-the-end-of-it-is-cut-off.one",
		.creation = 1916845};
	struct node two = {
		.name = "a@a-host-name-that-is-so-long-that-the-end-of-it-is-cut-off.two",
		.creation = 35789};
	struct service services[] = {
		{.node = str_of(one.name), .creation = one.creation, .revision = 1, .carrier = 1},
		{.node = str_of(two.name), .creation = two.creation, .revision = 2, .carrier = 1},
	};
	char instances[2][SERVICE_INSTANCE_MAX + 1];
	struct scene *scene = scene_new();
	struct talker *talker = story_client(scene->story);
	struct recorded recorded;

	(void)state;
	service_instance(&services[0], instances[0]);
	service_instance(&services[1], instances[1]);
	assert_string_equal(instances[0], instances[1]); // else look for others that collide
	expect_start(scene);
	assert_int_equal(register_node(talker, one).revision, 1);
	recorded = expect(scene, LINK_PUBLISH);
	assert_true(is_of(&recorded, stem));
	assert_int_equal(register_node(talker, two).revision, 2);
	expect_silence(scene);
	assert_string_equal(stat_of(talker, "advertised"), "1");
	unregister_node(talker, one.name);
	expect(scene, LINK_WITHDRAW);
	two.tag = "k=v"; // with the next revision it has a name of its own
	register_node(talker, two);
	recorded = expect(scene, LINK_PUBLISH);
	assert_true(is_of(&recorded, stem));
	unregister_node(talker, two.name);
	expect(scene, LINK_WITHDRAW);
	assert_string_equal(stat_of(talker, "advertised"), "0");
	talker_free(talker);
	scene_free(scene);
}

static void adverts_are_followed_by_a_question_when_a_node_is_missed(void **state)
{
	struct scene *scene = scene_new();
	struct talker *talker = story_client(scene->story);

	(void)state;
	expect_start(scene);
	put_clock_forward(AGENT_GRACE_MS);
	turn_until(scene->story->base, strcmp(stat_of(talker, "backend_state"), "running") == 0);
	for (unsigned i = 0; i < 2; i++) {
		ask_lookup(talker, 2, "a@h", EP_FAMILY_INET, 10000);
		ask_lookup(talker, 3, "b@h", EP_FAMILY_INET, 0);
		talker_expect_error(talker, 3, EP_CODE_NOT_FOUND);
		expect(scene, LINK_ASK); // once, for all
		expect_silence(scene);
		put_clock_forward(AGENT_WAIT_MAX_MS);
		talker_expect_error(talker, 2, EP_CODE_NOT_FOUND);
		ask_lookup(talker, 5, "a@h", EP_FAMILY_INET, 10000); // the miss is remembered
		talker_expect_error(talker, 5, EP_CODE_NOT_FOUND);
		put_clock_forward(AGENT_ASK_EVERY_MS - 2 * AGENT_WAIT_MAX_MS);
		ask_lookup(talker, 4, "c@h", EP_FAMILY_INET, 0);
		talker_expect_error(talker, 4, EP_CODE_NOT_FOUND);
		expect_silence(scene);
		put_clock_forward(AGENT_WAIT_MAX_MS);
	}
	talker_free(talker);
	scene_free(scene);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adverts_are_of_each_family_and_of_what_the_lan_can_use),
		cmocka_unit_test(adverts_replace_an_instance_by_publishing_the_next_one_first),
		cmocka_unit_test(adverts_are_all_told_to_a_new_child),
		cmocka_unit_test(adverts_of_both_families_have_room_for_fewer_nodes),
		cmocka_unit_test(adverts_of_more_nodes_than_there_is_room_for_wait_their_turn),
		cmocka_unit_test(adverts_of_one_user_make_room_for_those_of_others_beyond_half),
		cmocka_unit_test(adverts_of_one_user_in_both_families_make_room_for_others),
		cmocka_unit_test(adverts_live_longer_when_there_are_more),
		cmocka_unit_test(adverts_are_of_one_node_each_even_if_instance_names_collide),
		cmocka_unit_test(adverts_are_followed_by_a_question_when_a_node_is_missed),
	};

	if (argc == 3 && strcmp(argv[1], "--record") == 0) {
		record(argv[2]);
	}
	program = argv[0];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
