// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What a service manager is told, and when; by a clock that is put forward.

#include "edge/manager.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sd.h"
#include "turn.h"

struct story {
	struct event_base *base;
	struct sd sd;
	int socket; // of the service manager
	char text[600];
	unsigned n_described;
	struct manager *manager;
};

static void describe(void *user, char *text, size_t cap)
{
	struct story *story = user;

	story->n_described++;
	snprintf(text, cap, "%s", story->text);
}

static struct story *story_new(uint64_t watchdog_us)
{
	struct story *story = calloc(1, sizeof(*story));
	socklen_t len = sizeof(story->sd.address);

	story->base = event_base_new();
	story->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	story->sd.address.sun_family = AF_UNIX; // a name of the kernel's choice
	assert_int_equal(
		bind(story->socket, (struct sockaddr *)&story->sd.address, sizeof(sa_family_t)), 0);
	assert_int_equal(getsockname(story->socket, (struct sockaddr *)&story->sd.address, &len),
			 0);
	story->sd.address_len = len;
	story->sd.fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	story->sd.watchdog_us = watchdog_us;
	strcpy(story->text, "well");
	story->manager = manager_new(story->base, &story->sd, describe, story);
	assert_non_null(story->manager);
	return story;
}

static void story_free(struct story *story)
{
	manager_free(story->manager);
	sd_fini(&story->sd);
	if (story->socket >= 0) {
		close(story->socket);
	}
	event_base_free(story->base);
	free(story);
}

// So much time passes; what is due then is done.
static void pass(struct story *story, uint64_t ms)
{
	put_clock_forward(ms);
	turn(story->base, 0);
}

static void expect(struct story *story, const char *message)
{
	char buf[1024];
	ssize_t n = recv(story->socket, buf, sizeof(buf) - 1, 0);

	assert_true(n > 0);
	buf[n] = '\0';
	assert_string_equal(buf, message);
}

static void expect_nothing(struct story *story)
{
	char buf[1024];

	assert_int_equal(recv(story->socket, buf, sizeof(buf), 0), -1);
}

static bool has_timer(const struct story *story)
{
	return event_base_get_num_events(story->base, EVENT_BASE_COUNT_ADDED) > 0;
}

static void change(struct story *story, const char *text)
{
	strcpy(story->text, text);
	manager_touch(story->manager);
}

static void manager_is_no_one_when_there_is_no_service_manager(void **state)
{
	struct event_base *base = event_base_new();
	struct sd none = {.fd = -1};

	(void)state;
	assert_null(manager_new(base, NULL, describe, NULL));
	assert_null(manager_new(base, &none, describe, NULL));
	manager_ready(NULL);
	manager_touch(NULL);
	manager_stopping(NULL, "gone");
	manager_free(NULL);
	assert_int_equal(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
	event_base_free(base);
}

static void manager_tells_how_we_are_when_we_are_ready_and_not_before(void **state)
{
	struct story *story = story_new(0);

	(void)state;
	change(story, "starting");
	assert_false(has_timer(story));
	expect_nothing(story);
	change(story, "well");
	manager_ready(story->manager);
	expect(story, "READY=1\nSTATUS=well");
	manager_ready(story->manager);
	expect_nothing(story);
	assert_false(has_timer(story));
	story_free(story);
}

static void manager_gathers_changes_for_a_second(void **state)
{
	struct story *story = story_new(0);

	(void)state;
	manager_ready(story->manager);
	expect(story, "READY=1\nSTATUS=well");
	for (unsigned i = 0; i < 1000; i++) {
		change(story, "worse");
	}
	change(story, "ill");
	pass(story, MANAGER_EVERY_MS / 2);
	expect_nothing(story);
	assert_int_equal(story->n_described, 1);
	pass(story, MANAGER_EVERY_MS / 2);
	expect(story, "STATUS=ill");
	expect_nothing(story);
	assert_int_equal(story->n_described, 2);
	assert_false(has_timer(story));
	change(story, "well");
	pass(story, MANAGER_EVERY_MS);
	expect(story, "STATUS=well");
	story_free(story);
}

static void manager_says_nothing_twice(void **state)
{
	struct story *story = story_new(0);

	(void)state;
	manager_ready(story->manager);
	expect(story, "READY=1\nSTATUS=well");
	change(story, "ill");
	change(story, "well");
	pass(story, MANAGER_EVERY_MS);
	expect_nothing(story);
	assert_false(has_timer(story));
	story_free(story);
}

static void manager_keeps_to_one_line_of_text(void **state)
{
	struct story *story = story_new(0);
	char expected[600] = "STATUS=";

	(void)state;
	manager_ready(story->manager);
	expect(story, "READY=1\nSTATUS=well");
	change(story, "a\nREADY=1\r\t\x7f\xc3\xa9 z");
	pass(story, MANAGER_EVERY_MS);
	expect(story, "STATUS=a?READY=1????? z");
	memset(story->text, 'x', sizeof(story->text) - 1);
	manager_touch(story->manager);
	pass(story, MANAGER_EVERY_MS);
	memset(expected + strlen("STATUS="), 'x', MANAGER_STATUS_MAX - 1);
	expect(story, expected);
	story_free(story);
}

static void fill(struct story *story)
{
	while (sd_notify(&story->sd, "x") == 0) {
	}
}

static void drain(struct story *story)
{
	char buf[16];

	while (recv(story->socket, buf, sizeof(buf), 0) > 0) {
	}
}

static void manager_tries_again_when_the_other_end_is_busy(void **state)
{
	struct story *story = story_new(0);

	(void)state;
	fill(story);
	manager_ready(story->manager);
	drain(story);
	assert_true(has_timer(story));
	strcpy(story->text, "ill");
	pass(story, MANAGER_EVERY_MS);
	expect(story, "READY=1\nSTATUS=ill");
	assert_false(has_timer(story));
	fill(story);
	change(story, "well");
	pass(story, MANAGER_EVERY_MS);
	drain(story);
	pass(story, MANAGER_EVERY_MS);
	expect(story, "STATUS=well");
	assert_false(has_timer(story));
	story_free(story);
}

static void manager_gives_up_until_the_next_change_when_nobody_is_there(void **state)
{
	struct story *story = story_new(0);

	(void)state;
	close(story->socket);
	story->socket = -1;
	manager_ready(story->manager);
	assert_false(has_timer(story));
	change(story, "ill");
	pass(story, MANAGER_EVERY_MS);
	assert_int_equal(story->n_described, 2);
	assert_false(has_timer(story));
	manager_stopping(story->manager, "gone");
	story_free(story);
}

static void manager_gives_signs_of_life_three_times_in_a_watchdogs_time(void **state)
{
	struct story *story = story_new(180000000);

	(void)state;
	put_clock_forward(600000);
	assert_false(has_timer(story));
	manager_ready(story->manager);
	expect(story, "READY=1\nSTATUS=well");
	for (unsigned i = 0; i < 4; i++) {
		pass(story, 50000);
		expect_nothing(story);
		pass(story, 10000);
		expect(story, "WATCHDOG=1");
		expect_nothing(story);
	}
	story_free(story);
}

static void manager_goes_on_with_signs_of_life_after_one_is_lost(void **state)
{
	struct story *story = story_new(3000000);

	(void)state;
	manager_ready(story->manager);
	fill(story);
	pass(story, 1000);
	drain(story);
	pass(story, 1000);
	expect(story, "WATCHDOG=1");
	story_free(story);
}

static void manager_survives_the_shortest_and_the_longest_watchdog(void **state)
{
	static const uint64_t watchdogs_us[] = {1, UINT64_MAX - 1};

	(void)state;
	for (size_t i = 0; i < COUNT(watchdogs_us); i++) {
		struct story *story = story_new(watchdogs_us[i]);
		uint64_t wait_ms = i == 0 ? MANAGER_SIGN_MIN_MS : MANAGER_SIGN_MAX_MS;

		manager_ready(story->manager);
		expect(story, "READY=1\nSTATUS=well");
		expect_nothing(story);
		pass(story, wait_ms);
		expect(story, "WATCHDOG=1");
		expect_nothing(story);
		story_free(story);
	}
}

static void manager_tells_of_the_end_once_and_of_nothing_after_it(void **state)
{
	struct story *story = story_new(0);

	(void)state;
	manager_ready(story->manager);
	expect(story, "READY=1\nSTATUS=well");
	change(story, "ill");
	manager_stopping(story->manager, "over");
	expect(story, "STOPPING=1\nSTATUS=over");
	assert_false(has_timer(story));
	change(story, "well");
	manager_stopping(story->manager, "over again");
	pass(story, MANAGER_EVERY_MS);
	expect_nothing(story);
	story_free(story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(manager_is_no_one_when_there_is_no_service_manager),
		cmocka_unit_test(manager_tells_how_we_are_when_we_are_ready_and_not_before),
		cmocka_unit_test(manager_gathers_changes_for_a_second),
		cmocka_unit_test(manager_says_nothing_twice),
		cmocka_unit_test(manager_keeps_to_one_line_of_text),
		cmocka_unit_test(manager_tries_again_when_the_other_end_is_busy),
		cmocka_unit_test(manager_gives_up_until_the_next_change_when_nobody_is_there),
		cmocka_unit_test(manager_gives_signs_of_life_three_times_in_a_watchdogs_time),
		cmocka_unit_test(manager_goes_on_with_signs_of_life_after_one_is_lost),
		cmocka_unit_test(manager_survives_the_shortest_and_the_longest_watchdog),
		cmocka_unit_test(manager_tells_of_the_end_once_and_of_nothing_after_it),
	};

	return cmocka_run_group_tests_name("manager", tests, NULL, NULL);
}
