// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/avahi_poll.h"

#include <avahi-common/timeval.h>
#include <event2/event.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "test.h"

#define DBUS_WATCH_WRITABLE 2 // what libavahi's glue may pass to watch_update()

// What a callback is to do, and what it saw.
struct seen {
	struct fixture *fixture;
	int calls;
	unsigned events;     // of the last call
	unsigned got_events; // what watch_get_events() said within it
	bool frees_itself;
	bool updates_itself;
	unsigned update_to;
	AvahiWatch *frees; // another one
	int rearms;        // how often a timeout is armed again for at once
	uint64_t at_ms;
};

struct fixture {
	struct event_base *base;
	AvahiPoll *poll;
	int ours, theirs; // a pair of sockets
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	int pair[2];

	if (fixture == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		free(fixture);
		return -1;
	}
	fixture->base = event_base_new();
	fixture->poll = avahi_poll_new(fixture->base);
	fixture->ours = pair[0];
	fixture->theirs = pair[1];
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	avahi_poll_free(fixture->poll);
	event_base_free(fixture->base);
	close(fixture->ours);
	if (fixture->theirs >= 0) {
		close(fixture->theirs);
	}
	free(fixture);
	return 0;
}

static void turn(struct fixture *fixture)
{
	event_base_loop(fixture->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void on_watch(AvahiWatch *watch, int fd, AvahiWatchEvent events, void *arg)
{
	struct seen *seen = arg;
	const AvahiPoll *poll = seen->fixture->poll;

	assert_int_equal(fd, seen->fixture->ours);
	seen->calls++;
	seen->events = (unsigned)events;
	seen->got_events = (unsigned)poll->watch_get_events(watch);
	if (seen->frees != NULL) {
		poll->watch_free(seen->frees);
		seen->frees = NULL;
	}
	if (seen->updates_itself) {
		poll->watch_update(watch, (AvahiWatchEvent)seen->update_to);
	}
	if (seen->frees_itself) {
		poll->watch_free(watch);
	}
}

static AvahiWatch *watch(struct fixture *fixture, unsigned events, struct seen *seen)
{
	seen->fixture = fixture;
	return fixture->poll->watch_new(fixture->poll, fixture->ours, (AvahiWatchEvent)events,
					on_watch, seen);
}

static void on_timeout(AvahiTimeout *timeout, void *arg)
{
	const struct timeval at_once = {0, 0};
	struct seen *seen = arg;
	const AvahiPoll *poll = seen->fixture->poll;

	seen->calls++;
	seen->at_ms = clock_now_ms();
	if (seen->rearms > 0) {
		seen->rearms--;
		poll->timeout_update(timeout, &at_once);
	}
	if (seen->frees_itself) {
		poll->timeout_free(timeout);
	}
}

static AvahiTimeout *timeout(struct fixture *fixture, const struct timeval *at, struct seen *seen)
{
	seen->fixture = fixture;
	return fixture->poll->timeout_new(fixture->poll, at, on_timeout, seen);
}

static void send_byte(const struct fixture *fixture)
{
	assert_int_equal(write(fixture->theirs, "x", 1), 1);
}

static void avahi_poll_reports_what_happened_when_more_is_watched(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0};
	AvahiWatch *one = watch(fixture, AVAHI_WATCH_IN | AVAHI_WATCH_OUT, &seen);

	turn(fixture);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.events, AVAHI_WATCH_OUT);
	assert_int_equal(seen.got_events, AVAHI_WATCH_OUT);
	assert_int_equal(fixture->poll->watch_get_events(one), 0);
	send_byte(fixture);
	turn(fixture);
	assert_int_equal(seen.events, AVAHI_WATCH_IN | AVAHI_WATCH_OUT);
	fixture->poll->watch_free(one);
}

static void avahi_poll_reports_input_when_the_other_end_is_closed(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0};
	AvahiWatch *one = watch(fixture, AVAHI_WATCH_IN | AVAHI_WATCH_HUP | AVAHI_WATCH_ERR, &seen);

	turn(fixture);
	assert_int_equal(seen.calls, 0);
	close(fixture->theirs);
	fixture->theirs = -1;
	turn(fixture);
	assert_int_equal(seen.events, AVAHI_WATCH_IN);
	fixture->poll->watch_free(one);
}

static void avahi_poll_survives_when_a_watch_is_freed_in_its_callback(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {.frees_itself = true};

	assert_non_null(watch(fixture, AVAHI_WATCH_IN, &seen));
	send_byte(fixture);
	turn(fixture);
	turn(fixture);
	assert_int_equal(seen.calls, 1);
}

static void avahi_poll_obeys_when_a_watch_is_updated_in_its_callback(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {.updates_itself = true, .update_to = 0};
	AvahiWatch *one = watch(fixture, AVAHI_WATCH_IN, &seen);

	send_byte(fixture);
	turn(fixture);
	turn(fixture);
	assert_int_equal(seen.calls, 1); // though there is something to read
	seen.update_to = AVAHI_WATCH_OUT;
	fixture->poll->watch_update(one, AVAHI_WATCH_IN);
	turn(fixture);
	assert_int_equal(seen.events, AVAHI_WATCH_IN);
	turn(fixture);
	assert_int_equal(seen.events, AVAHI_WATCH_OUT);
	fixture->poll->watch_free(one);
}

static void avahi_poll_is_quiet_when_nothing_is_watched(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0};
	AvahiWatch *one = watch(fixture, 0, &seen);

	send_byte(fixture);
	turn(fixture);
	assert_int_equal(seen.calls, 0);
	assert_int_equal(fixture->poll->watch_get_events(one), 0);
	fixture->poll->watch_update(one, AVAHI_WATCH_IN);
	turn(fixture);
	assert_int_equal(seen.calls, 1);
	fixture->poll->watch_free(one);
}

static void avahi_poll_keeps_watches_apart_when_they_share_a_descriptor(void **state)
{
	struct fixture *fixture = *state;
	struct seen in = {0}, out = {0};
	AvahiWatch *reader = watch(fixture, AVAHI_WATCH_IN, &in);
	AvahiWatch *writer = watch(fixture, AVAHI_WATCH_OUT, &out);

	turn(fixture);
	assert_int_equal(in.calls, 0);
	assert_int_equal(out.calls, 1);
	fixture->poll->watch_update(writer, (AvahiWatchEvent)0);
	send_byte(fixture);
	turn(fixture);
	assert_int_equal(in.calls, 1);
	assert_int_equal(out.calls, 1);
	fixture->poll->watch_free(reader);
	fixture->poll->watch_update(writer, AVAHI_WATCH_OUT);
	turn(fixture);
	assert_int_equal(out.calls, 2);
	fixture->poll->watch_free(writer);
}

static void avahi_poll_skips_a_ready_watch_when_another_has_freed_it(void **state)
{
	struct fixture *fixture = *state;
	struct seen first = {0}, second = {0};
	AvahiWatch *a = watch(fixture, AVAHI_WATCH_OUT, &first);
	AvahiWatch *b = watch(fixture, AVAHI_WATCH_OUT, &second);

	// Whichever comes first frees the other.
	first.frees = b;
	second.frees = a;
	turn(fixture);
	assert_int_equal(first.calls + second.calls, 1);
	fixture->poll->watch_free(first.calls == 1 ? a : b);
}

static void avahi_poll_takes_output_when_the_mask_is_one_of_libdbus(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0};
	AvahiWatch *one = watch(fixture, 0, &seen);

	fixture->poll->watch_update(one, (AvahiWatchEvent)DBUS_WATCH_WRITABLE);
	turn(fixture);
	assert_int_equal(seen.events, AVAHI_WATCH_OUT);
	fixture->poll->watch_update(one, (AvahiWatchEvent)(POLLPRI | POLLERR | POLLHUP | 0x4000));
	fixture->poll->watch_free(one);
}

static void avahi_poll_fires_once_when_the_time_is_past(void **state)
{
	struct fixture *fixture = *state;
	struct seen zero = {0}, past = {0};
	struct timeval hour_ago;
	AvahiTimeout *a, *b;

	avahi_elapse_time(&hour_ago, 0, 0);
	hour_ago.tv_sec -= 3600;
	a = timeout(fixture, &(struct timeval){0, 0}, &zero);
	b = timeout(fixture, &hour_ago, &past);
	assert_int_equal(zero.calls, 0); // never from within timeout_new()
	for (int i = 0; i < 3; i++) {
		turn(fixture);
	}
	assert_int_equal(zero.calls, 1);
	assert_int_equal(past.calls, 1);
	fixture->poll->timeout_free(a);
	fixture->poll->timeout_free(b);
}

static void avahi_poll_never_fires_when_there_is_no_time(void **state)
{
	struct fixture *fixture = *state;
	struct seen none = {0}, disarmed = {0};
	AvahiTimeout *a = timeout(fixture, NULL, &none);
	AvahiTimeout *b = timeout(fixture, &(struct timeval){0, 0}, &disarmed);

	fixture->poll->timeout_update(b, NULL);
	turn(fixture);
	// Nothing is left to wait for, so the loop would end by itself.
	assert_int_equal(event_base_loop(fixture->base, 0), 1);
	assert_int_equal(none.calls, 0);
	assert_int_equal(disarmed.calls, 0);
	fixture->poll->timeout_free(a);
	fixture->poll->timeout_free(b);
}

static void avahi_poll_waits_when_the_time_is_to_come(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0};
	struct timeval at;
	uint64_t began_ms = clock_now_ms();
	AvahiTimeout *one;

	avahi_elapse_time(&at, 50, 0);
	one = timeout(fixture, &at, &seen);
	turn(fixture);
	assert_int_equal(seen.calls, 0);
	event_base_loop(fixture->base, EVLOOP_ONCE);
	assert_int_equal(seen.calls, 1);
	assert_in_range(seen.at_ms - began_ms, 48, 5000);
	fixture->poll->timeout_free(one);
}

static void avahi_poll_survives_when_a_timeout_is_freed_in_its_callback(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {.frees_itself = true};

	assert_non_null(timeout(fixture, &(struct timeval){0, 0}, &seen));
	turn(fixture);
	turn(fixture);
	assert_int_equal(seen.calls, 1);
}

// libavahi passes on one D-Bus message for each timeout of zero: this is its throughput.
static void avahi_poll_is_fast_when_a_timeout_is_armed_again_in_its_callback(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {.rearms = 1999};
	AvahiTimeout *one = timeout(fixture, &(struct timeval){0, 0}, &seen);
	uint64_t began_ms = clock_now_ms();

	for (int i = 0; i < 2000; i++) {
		event_base_loop(fixture->base, EVLOOP_ONCE);
	}
	assert_int_equal(seen.calls, 2000);
	assert_in_range(clock_now_ms() - began_ms, 0, 1000);
	fixture->poll->timeout_free(one);
}

static void avahi_poll_calls_nothing_when_it_is_mute(void **state)
{
	struct fixture *fixture = *state;
	struct seen watched = {0}, timed = {0};
	AvahiWatch *one = watch(fixture, AVAHI_WATCH_IN, &watched);
	AvahiTimeout *two = timeout(fixture, &(struct timeval){0, 0}, &timed);

	send_byte(fixture);
	avahi_poll_mute(fixture->poll, true);
	turn(fixture);
	// Not even busy with what is ready: nothing is left to wait for.
	assert_int_equal(event_base_loop(fixture->base, 0), 1);
	assert_int_equal(watched.calls + timed.calls, 0);
	fixture->poll->watch_free(one);
	fixture->poll->timeout_free(two);

	avahi_poll_mute(fixture->poll, false);
	one = watch(fixture, AVAHI_WATCH_IN, &watched);
	turn(fixture);
	assert_int_equal(watched.calls, 1);
	fixture->poll->watch_free(one);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(avahi_poll_reports_what_happened_when_more_is_watched),
		TEST(avahi_poll_reports_input_when_the_other_end_is_closed),
		TEST(avahi_poll_survives_when_a_watch_is_freed_in_its_callback),
		TEST(avahi_poll_obeys_when_a_watch_is_updated_in_its_callback),
		TEST(avahi_poll_is_quiet_when_nothing_is_watched),
		TEST(avahi_poll_keeps_watches_apart_when_they_share_a_descriptor),
		TEST(avahi_poll_skips_a_ready_watch_when_another_has_freed_it),
		TEST(avahi_poll_takes_output_when_the_mask_is_one_of_libdbus),
		TEST(avahi_poll_fires_once_when_the_time_is_past),
		TEST(avahi_poll_never_fires_when_there_is_no_time),
		TEST(avahi_poll_waits_when_the_time_is_to_come),
		TEST(avahi_poll_survives_when_a_timeout_is_freed_in_its_callback),
		TEST(avahi_poll_is_fast_when_a_timeout_is_armed_again_in_its_callback),
		TEST(avahi_poll_calls_nothing_when_it_is_mute),
	};

	return cmocka_run_group_tests_name("avahi_poll", tests, NULL, NULL);
}
