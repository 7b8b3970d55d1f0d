// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Who is let in, and what happens when there is no room.

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "server_story.h"

static void check_limit(struct story *story, unsigned limit)
{
	struct talker *talkers[3];
	struct talker *more;

	for (unsigned i = 0; i < limit; i++) {
		talkers[i] = story_client(story);
	}
	for (unsigned i = 0; i < 3; i++) {
		more = story_stranger(story); // closed before it can say anything
		talker_expect_error(more, 0, EP_CODE_LIMIT);
		talker_expect_end(more);
		talker_free(more);
	}
	talker_hang_up(talkers[0]);
	turn_until(story->base, server_sessions(story->server) == limit - 1);
	more = story_client(story);
	talker_free(more);
	for (unsigned i = 0; i < limit; i++) {
		talker_free(talkers[i]);
	}
	story_free(story);
}

static void server_refuses_more_sessions_than_it_may_have(void **state)
{
	(void)state;
	check_limit(story_new_with(3, 100), 3);
}

static void server_refuses_more_sessions_than_a_user_may_have(void **state)
{
	(void)state;
	check_limit(story_new_with(100, 2), 2);
}

static void server_lets_others_in_when_one_user_has_all_that_it_may_have(void **state)
{
	struct story *story = story_new_with(4, 2);
	struct talker *talkers[4];
	struct talker *more;
	struct ep_msg error;

	(void)state;
	for (uid_t uid = 0; uid < 2; uid++) {
		talker_be_user(1000 + uid);
		talkers[2 * uid] = story_client(story);
		talkers[2 * uid + 1] = story_client(story);
		more = story_stranger(story);
		error = talker_expect_error(more, 0, EP_CODE_LIMIT);
		// The second of them hears that nobody else is let in either.
		assert_int_equal(memcmp(error.text.p, "your user", 9) == 0, uid == 0);
		talker_expect_end(more);
		talker_free(more);
	}
	for (size_t i = 0; i < COUNT(talkers); i++) {
		talker_expect_nothing(talkers[i]);
		talker_free(talkers[i]);
	}
	story_free(story);
}

// How often does the loop turn in that time when nobody does anything?
static unsigned count_turns(struct story *story, uint64_t ms)
{
	uint64_t end_ms = real_now_ms() + ms;
	unsigned n = 0;

	while (real_now_ms() < end_ms) {
		turn(story->base, ms);
		n++;
	}
	return n;
}

static unsigned count_closed(struct talker **talkers, size_t n)
{
	unsigned n_closed = 0;

	for (size_t i = 0; i < n; i++) {
		talker_read(talkers[i]);
		n_closed += talkers[i]->is_closed;
	}
	return n_closed;
}

// Serve an address of the kernel's choice, in the abstract name space. Return: the listener.
static int listen_anywhere(struct story *story, struct sockaddr_un *address, socklen_t *len)
{
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	*len = sizeof(*address);
	assert_int_equal(bind(listener, (struct sockaddr *)address, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(listener, 16), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)address, len), 0);
	server_listen(story->server, listener);
	return listener;
}

static struct talker *connect_to(struct story *story, const struct sockaddr_un *address,
				 socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)address, len), 0);
	return talker_new(story->base, fd);
}

static void server_hears_who_connects_in_the_same_round(void **state)
{
	struct story *story = story_new();
	struct sockaddr_un address;
	socklen_t len;
	int listener = listen_anywhere(story, &address, &len);
	struct talker *talker = connect_to(story, &address, len);

	(void)state;
	talker_say_hello(talker, NULL);
	turn(story->base, 0);
	assert_int_equal(story->n_opened, 1);
	talker_expect(talker, EP_OP_WELCOME, 1);
	talker_free(talker);
	turn_until(story->base, server_sessions(story->server) == 0);
	story_free(story);
	close(listener);
}

static void server_pauses_accepting_when_there_are_no_descriptors_left(void **state)
{
	struct story *story = story_new();
	struct sockaddr_un addresses[2]; // of two sockets, neither of which may keep the loop busy
	socklen_t lens[2];
	int listeners[2];
	struct talker *talkers[10];
	struct rlimit before, limit;

	(void)state;
	for (size_t i = 0; i < COUNT(listeners); i++) {
		listeners[i] = listen_anywhere(story, &addresses[i], &lens[i]);
	}
	for (size_t i = 0; i < COUNT(talkers); i++) {
		talkers[i] = connect_to(story, &addresses[i % 2], lens[i % 2]);
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = (struct rlimit){(rlim_t)talkers[COUNT(talkers) - 1]->fd + 4, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	turn_until(story->base, server_sessions(story->server) == 3);
	assert_in_range(count_turns(story, 50), 1, 5);
	assert_int_equal(server_sessions(story->server), 3);
	talker_say_hello(talkers[0], NULL); // who is in, is served
	talker_expect(talkers[0], EP_OP_WELCOME, 1);
	put_clock_forward(SERVER_ACCEPT_AGAIN_MS); // to no avail
	assert_in_range(count_turns(story, 50), 1, 5);
	assert_int_equal(server_sessions(story->server), 3);

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	put_clock_forward(SERVER_ACCEPT_AGAIN_MS);
	// (valgrind accepts, closes, and says then that there was no descriptor)
	turn_until(story->base,
		   server_sessions(story->server) + count_closed(talkers, COUNT(talkers)) ==
			   COUNT(talkers));
	assert_in_range(server_sessions(story->server), COUNT(talkers) - 2, COUNT(talkers));
	for (size_t i = 0; i < COUNT(talkers); i++) {
		talker_free(talkers[i]);
	}
	turn_until(story->base, server_sessions(story->server) == 0);
	story_free(story);
	close(listeners[0]);
	close(listeners[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_refuses_more_sessions_than_it_may_have),
		cmocka_unit_test(server_refuses_more_sessions_than_a_user_may_have),
		cmocka_unit_test(server_lets_others_in_when_one_user_has_all_that_it_may_have),
		cmocka_unit_test(server_hears_who_connects_in_the_same_round),
		cmocka_unit_test(server_pauses_accepting_when_there_are_no_descriptors_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
