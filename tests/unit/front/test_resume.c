// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What the agent does about the network after a sleep, and what it says of those who went down.

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "agent_story.h"
#include "edge/link.h"
#include "edge/wire.h"
#include "model/service.h"
#include "model/wakes.h"

extern const struct link_ops lan_link_ops; // mediator/internal.h

static bool is_beyond_2038;
static unsigned times_armed;

// The agent's timer of the wall clock, which runs out at once where the clock is beyond what time_t
// has room for.
int timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *old)
{
	(void)flags, (void)when, (void)old;
	times_armed++;
	return is_beyond_2038 ? eventfd_write(fd, 1) : 0;
}

int timerfd_create(clockid_t clock, int flags)
{
	(void)clock, (void)flags;
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

// Nobody out there answers, and nothing is sent there.
int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t len)
{
	const struct sockaddr *given = *(const struct sockaddr *const *)(const void *)&address;

	if (given->sa_family == AF_INET) {
		errno = EHOSTUNREACH;
		return -1;
	}
	return (int)syscall(SYS_connect, fd, given, len);
}

ssize_t sendto(int fd, const void *p, size_t n, int flags, __CONST_SOCKADDR_ARG address,
	       socklen_t len)
{
	(void)fd, (void)p, (void)flags, (void)address, (void)len;
	return (ssize_t)n;
}

static void say(struct story *story, enum link_op op, const char *instance)
{
	static struct link_msg msg;
	struct service service = {
		.node = str_of("bob@b.home"),
		.creation = 77,
		.revision = 1,
		.carrier = EP_CARRIER_INET_TCP,
		.dist_high = 6,
		.dist_low = 5,
		.agent = str_of("0000000000000000"),
	};

	memset(&msg, 0, sizeof(msg));
	msg.op = op;
	msg.ref.ifindex = 1;
	msg.ref.family = EP_FAMILY_INET;
	if (instance != NULL) {
		strcpy(msg.ref.instance, instance);
	}
	if (op == LINK_RESOLVED) {
		msg.port = 9; // where nobody listens
		msg.n_addresses = 1;
		msg.addresses[0] = (struct link_address){4, {192, 0, 2, 1}, 1};
		msg.txt_len = (uint16_t)service_encode(&service, msg.txt);
	}
	lan_link_ops.on_message(story->agent, &msg);
}

static struct story *story_with_bob(void)
{
	struct story *story = story_new();

	say(story, LINK_BROWSING, NULL);
	say(story, LINK_SEEN, "bob");
	say(story, LINK_RESOLVED, "bob");
	turn_for(story->base, 3);
	return story;
}

static void expect_stat(struct story *story, const char *key, const char *value)
{
	struct talker *talker = story_client(story);

	assert_string_equal(stat_of(talker, key), value);
	talker_free(talker);
}

static void agent_verifies_all_nodes_after_a_sleep_of_the_machine(void **state)
{
	struct story *story = story_with_bob();

	(void)state;
	put_clock_forward(WAKES_LOOK_MS);
	turn_for(story->base, 3);
	expect_stat(story, "resumes", "0");
	expect_stat(story, "probes_pending", "0");
	sleep_as_machine(60000);
	put_clock_forward(WAKES_LOOK_MS);
	turn_for(story->base, 3);
	expect_stat(story, "resumes", "1");
	expect_stat(story, "probes_pending", "1");
	put_clock_forward(WAKES_LOOK_MS);
	turn_for(story->base, 3);
	expect_stat(story, "resumes", "1");
	story_free(story);
}

static void agent_verifies_all_nodes_after_it_was_stopped(void **state)
{
	struct story *story = story_with_bob();

	(void)state;
	put_clock_forward(WAKES_LOOK_MS + WAKES_LATE_MS + 100);
	turn_for(story->base, 3);
	expect_stat(story, "resumes", "1");
	expect_stat(story, "probes_pending", "1");
	story_free(story);
}

// Without peers nobody looks at the clocks, for that would wake the machine.
static void agent_sleeps_on_when_there_is_nobody_to_verify(void **state)
{
	struct story *story = story_new();

	(void)state;
	say(story, LINK_BROWSING, NULL);
	say(story, LINK_SEEN, "bob");
	say(story, LINK_GONE, "bob"); // never resolved
	put_clock_forward(3600000);
	sleep_as_machine(3600000);
	turn_for(story->base, 3);
	expect_stat(story, "resumes", "0");
	story_free(story);
}

static void agent_watches_no_clock_that_is_beyond_2038(void **state)
{
	struct story *story;

	(void)state;
	times_armed = 0;
	is_beyond_2038 = true;
	story = story_new();
	for (unsigned i = 0; i < 20; i++) {
		turn(story->base, 1);
	}
	is_beyond_2038 = false;
	assert_int_equal(times_armed, 1);
	story_free(story);
}

// What a client is told of the clock.
static void expect_clock(struct story *story, const char *text)
{
	struct talker *talker = story_client(story);
	const char *problem = stat_of(talker, "problem_clock");

	if (text[0] == '\0') {
		assert_string_equal(problem, "");
	} else {
		assert_non_null(strstr(problem, text));
	}
	talker_free(talker);
}

// What is said of itself when so much time has passed, for a status looks at the clock anyway.
static void expect_log(struct story *story, uint64_t ms, const char *text)
{
	int terminal = dup(STDERR_FILENO);
	int log = memfd_create("log", MFD_CLOEXEC);
	char said[1024] = "";

	assert_int_equal(dup2(log, STDERR_FILENO), STDERR_FILENO);
	put_clock_forward(ms);
	turn_for(story->base, 3);
	assert_int_equal(dup2(terminal, STDERR_FILENO), STDERR_FILENO);
	close(terminal);
	assert_true(pread(log, said, sizeof(said) - 1, 0) >= 0);
	close(log);
	assert_non_null(strstr(said, text));
}

static void agent_says_that_the_clock_was_set_back_until_it_has_caught_up(void **state)
{
	struct story *story = story_new();

	(void)state;
	say(story, LINK_BROWSING, NULL);
	put_clock_forward(3600000);
	sleep_as_machine(3600000);
	expect_clock(story, "");
	set_wall_clock_back(600000);
	expect_clock(story, "was set back by 600 s: until it shows ");
	put_clock_forward(590000);
	turn_for(story->base, 3);
	expect_clock(story, "was set back by 600 s");
	expect_log(story, 10000, "That is over. problem=clock");
	expect_clock(story, "");
	story_free(story);
}

static void agent_says_nothing_of_the_clock_once_avahi_is_another_one(void **state)
{
	struct story *story = story_with_bob();

	(void)state;
	set_wall_clock_back(600000);
	put_clock_forward(WAKES_LOOK_MS); // while there are nodes it looks by itself
	turn_for(story->base, 3);
	say(story, LINK_LOST, NULL);
	expect_clock(story, "");
	set_wall_clock_back(600000); // one that is not there has no timers
	expect_clock(story, "");
	say(story, LINK_BROWSING, NULL);
	expect_clock(story, "");
	set_wall_clock_back(60000);
	expect_clock(story, "was set back by 60 s");
	story_free(story);
}

static void agent_counts_why_nodes_went_down(void **state)
{
	struct story *story = story_with_bob();
	struct talker *talker = story_client(story);

	(void)state;
	say(story, LINK_GONE, "bob");
	for (unsigned i = 0; i < 9; i++) {
		turn_for(story->base, 3);
		put_clock_forward(500);
	}
	expect_stat(story, "peers", "0");
	assert_int_equal(
		atoi(stat_of(talker, "downs_refused")) + atoi(stat_of(talker, "downs_silent")), 1);
	say(story, LINK_SEEN, "bob");
	say(story, LINK_RESOLVED, "bob");
	register_node(talker, (struct node){.name = "bob@b.home"});
	expect_stat(story, "downs_replaced", "1");
	expect_stat(story, "downs_withdrawn", "0");
	talker_free(talker);
	story_free(story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agent_verifies_all_nodes_after_a_sleep_of_the_machine),
		cmocka_unit_test(agent_verifies_all_nodes_after_it_was_stopped),
		cmocka_unit_test(agent_sleeps_on_when_there_is_nobody_to_verify),
		cmocka_unit_test(agent_watches_no_clock_that_is_beyond_2038),
		cmocka_unit_test(agent_says_that_the_clock_was_set_back_until_it_has_caught_up),
		cmocka_unit_test(agent_says_nothing_of_the_clock_once_avahi_is_another_one),
		cmocka_unit_test(agent_counts_why_nodes_went_down),
	};

	return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
