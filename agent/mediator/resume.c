// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * After a sleep of this machine, or of ours alone, all peers are verified and the network is asked
 * afresh. While there are peers the clocks are looked at now and then (model/wakes.h); the kernel
 * tells of the end of a sleep at once, and of the clock being set (setbacks.c).
 */

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "mediator/internal.h"

#define LATEST ((time_t)(sizeof(time_t) > 4 ? INT64_MAX : INT32_MAX))

static void look(struct agent *agent)
{
	setbacks_look(agent);
	if (!wakes_look(&agent->resume.wakes, clock_now_ms(), clock_read_ms(CLOCK_BOOTTIME))) {
		return;
	}
	agent->resume.n++;
	log_info("This machine or this process has slept; all nodes are verified. peers=%u",
		 peers_count(agent->peers));
	agent->lan.asked_ms = 0; // whatever was asked before
	lan_ask(agent);
	peers_verify_all(agent->peers);
	agent_schedule(agent);
}

static void on_look(evutil_socket_t fd, short what, void *user)
{
	struct agent *agent = user;

	(void)fd;
	(void)what;
	look(agent);
	resume_schedule(agent);
}

void resume_schedule(struct agent *agent)
{
	struct timeval delay = clock_timeval(WAKES_LOOK_MS);

	if (peers_count(agent->peers) == 0) {
		wakes_rest(&agent->resume.wakes);
		event_del(agent->resume.look);
	} else if (!event_pending(agent->resume.look, EV_TIMEOUT, NULL)) {
		if (agent->resume.wakes.due_ms == 0) {
			look(agent);
		}
		event_add(agent->resume.look, &delay);
	}
}

/*
 * A timer that never runs out is cancelled when the wall clock is set, and a sleep that ends sets
 * it. Source: timerfd_create(2), TFD_TIMER_CANCEL_ON_SET
 */
static bool watch_clock(int fd)
{
	const struct itimerspec never = {.it_value = {.tv_sec = LATEST}};

	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) == 0;
}

static void on_clock_set(evutil_socket_t fd, short what, void *user)
{
	struct agent *agent = user;
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof(n)) > 0) {
		// The year 2038, and a time_t of 32 bits: it would run out again at once.
		event_del(agent->resume.clock_set);
		log_debug("The end of a sleep is noticed late: the clock is beyond 2038.");
	} else if (errno == EAGAIN) {
		return;
	} else {
		watch_clock(fd);
	}
	look(agent);
	resume_schedule(agent);
}

void resume_init(struct agent *agent)
{
	struct resume *resume = &agent->resume;

	wakes_init(&resume->wakes, clock_now_ms(), clock_read_ms(CLOCK_BOOTTIME));
	resume->look = event_new(agent->base, -1, 0, on_look, agent);
	resume->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (resume->fd < 0 || !watch_clock(resume->fd)) {
		log_debug("The end of a sleep is noticed late: %s.", strerror(errno));
		return;
	}
	resume->clock_set =
		event_new(agent->base, resume->fd, EV_READ | EV_PERSIST, on_clock_set, agent);
	event_add(resume->clock_set, NULL);
}

void resume_fini(struct agent *agent)
{
	struct resume *resume = &agent->resume;

	event_free(resume->look);
	if (resume->clock_set != NULL) {
		event_free(resume->clock_set);
	}
	if (resume->fd >= 0) {
		close(resume->fd);
	}
}
