// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Once the wall clock has been set back, Avahi does nothing of what it had planned before until the
 * clock has caught up: it does not ask again, nor repeat, nor forget. Nobody but who can restart it
 * can help, so it is said. Looked at when the kernel says that the clock was set, and whenever we
 * look anyway.
 */

#include <event2/event.h>
#include <time.h>

#include "base/clock.h"
#include "mediator/internal.h"

static void tell(struct agent *agent, uint64_t left_ms, uint64_t wall_ms)
{
	time_t end = (time_t)((wall_ms + left_ms) / 1000);
	struct tm local;
	char text[32] = "";

	if (localtime_r(&end, &local) != NULL) {
		strftime(text, sizeof(text), "%F %T", &local);
	}
	problems_begin(agent, PROBLEM_CLOCK,
		       "The clock of this machine was set back by %llu s: until it shows %s again "
		       "Avahi stands still with all that it had planned, and nodes may be missed. "
		       "Restart avahi-daemon to end that.",
		       (unsigned long long)(left_ms + 500) / 1000, text);
}

void setbacks_look(struct agent *agent)
{
	struct setbacks *setbacks = &agent->setbacks;
	uint64_t until_ms = setbacks->setback.until_ms;
	uint64_t wall_ms = clock_read_ms(CLOCK_REALTIME);
	uint64_t left_ms = setback_look(&setbacks->setback, clock_read_ms(CLOCK_BOOTTIME), wall_ms);
	struct timeval left;

	if (setbacks->setback.until_ms == until_ms) {
		return;
	}
	// One that is not there has no timers.
	if (left_ms == 0 || !agent->lan.is_browsing) {
		setbacks_forget(agent);
		return;
	}
	tell(agent, left_ms, wall_ms);
	left = clock_timeval(left_ms);
	event_add(setbacks->over, &left);
}

static void on_over(evutil_socket_t fd, short what, void *user)
{
	struct agent *agent = user;
	struct timeval again = clock_timeval(SETBACK_MIN_MS);

	(void)fd;
	(void)what;
	setbacks_look(agent);
	if (agent->setbacks.setback.until_ms != 0) {
		event_add(agent->setbacks.over, &again);
	}
}

void setbacks_forget(struct agent *agent)
{
	setback_forget(&agent->setbacks.setback);
	event_del(agent->setbacks.over);
	problems_end(agent, PROBLEM_CLOCK);
}

void setbacks_init(struct agent *agent)
{
	setback_init(&agent->setbacks.setback, clock_read_ms(CLOCK_BOOTTIME),
		     clock_read_ms(CLOCK_REALTIME));
	agent->setbacks.over = event_new(agent->base, -1, 0, on_over, agent);
}

void setbacks_fini(struct agent *agent)
{
	event_free(agent->setbacks.over);
}
