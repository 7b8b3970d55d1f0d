// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "turn.h"

#include <event2/event.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t ahead_ms, asleep_ms, behind_ms;

// Where a long has 32 bits, time_t may have 64, and the system call for those has another number.
static int read_clock(clockid_t id, struct timespec *now)
{
#ifdef SYS_clock_gettime64
	if (sizeof(now->tv_sec) > sizeof(long)) {
		return (int)syscall(SYS_clock_gettime64, id, now);
	}
#endif
	return (int)syscall(SYS_clock_gettime, id, now);
}

// Stands in for that of the C library.
int clock_gettime(clockid_t id, struct timespec *now)
{
	int result = read_clock(id, now);

	if (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE || id == CLOCK_BOOTTIME ||
	    id == CLOCK_REALTIME) {
		bool stands_in_sleep = id != CLOCK_BOOTTIME && id != CLOCK_REALTIME;
		uint64_t ms = ahead_ms + (stands_in_sleep ? 0 : asleep_ms);

		now->tv_sec += (time_t)(ms / 1000);
		now->tv_nsec += (long)(ms % 1000) * 1000000;
		if (now->tv_nsec >= 1000000000) {
			now->tv_nsec -= 1000000000;
			now->tv_sec++;
		}
	}
	if (id == CLOCK_REALTIME) {
		now->tv_sec -= (time_t)(behind_ms / 1000);
	}
	return result;
}

void put_clock_forward(uint64_t ms)
{
	ahead_ms += ms;
}

void set_wall_clock_back(uint64_t ms)
{
	behind_ms += ms;
}

void sleep_as_machine(uint64_t ms)
{
	asleep_ms += ms;
}

uint64_t real_now_ms(void)
{
	struct timespec now;

	read_clock(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void on_timer(evutil_socket_t fd, short what, void *user)
{
	(void)fd;
	(void)what;
	(void)user;
}

void turn(struct event_base *base, uint64_t ms)
{
	struct timeval patience = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
	struct event *timer = event_new(base, -1, 0, on_timer, NULL);

	event_add(timer, &patience);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(timer);
}

void turn_for(struct event_base *base, uint64_t ms)
{
	uint64_t end_ms = real_now_ms() + ms;

	do {
		turn(base, ms);
	} while (real_now_ms() < end_ms);
}
