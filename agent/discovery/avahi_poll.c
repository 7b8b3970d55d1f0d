// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * libdbus makes two watches for one descriptor, one to read and one to write, so nothing here is
 * keyed by descriptor: each watch has an event of its own.
 */
#include "discovery/avahi_poll.h"

#include <avahi-common/timeval.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/xalloc.h"

/*
 * libavahi's D-Bus glue passes libdbus's flags to watch_update() untranslated. "Readable" happens
 * to be AVAHI_WATCH_IN; "writable" is this, which no AvahiWatchEvent is.
 */
#define LEAKED_DBUS_WRITABLE 2

struct adapter {
	AvahiPoll poll; // userdata is this
	struct event_base *base;
	bool is_mute;
};

struct AvahiWatch {
	struct adapter *adapter;
	struct event *event;
	int fd;
	AvahiWatchEvent happened; // 0 unless the callback runs
	bool *died;               // on the stack of the running callback's caller
	AvahiWatchCallback callback;
	void *userdata;
};

struct AvahiTimeout {
	struct adapter *adapter;
	struct event *event;
	AvahiTimeoutCallback callback;
	void *userdata;
};

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	AvahiWatch *watch = arg;
	unsigned happened = 0;
	bool died = false;

	if (watch->adapter->is_mute) {
		event_del(watch->event); // or it would be ready for ever
		return;
	}
	// On hang-up libevent reports what was asked for; libdbus and libavahi-core find out by
	// reading.
	if (what & EV_READ) {
		happened |= AVAHI_WATCH_IN;
	}
	if (what & EV_WRITE) {
		happened |= AVAHI_WATCH_OUT;
	}
	watch->happened = (AvahiWatchEvent)happened;
	watch->died = &died;
	watch->callback(watch, fd, watch->happened, watch->userdata);
	if (!died) {
		watch->happened = (AvahiWatchEvent)0;
		watch->died = NULL;
	}
}

static void watch_update(AvahiWatch *watch, AvahiWatchEvent wanted)
{
	unsigned bits = (unsigned)wanted;
	int what = EV_PERSIST;

	what |= bits & AVAHI_WATCH_IN ? EV_READ : 0;
	what |= bits & (AVAHI_WATCH_OUT | LEAKED_DBUS_WRITABLE) ? EV_WRITE : 0;
	event_del(watch->event);
	// A watch for nothing is kept, but an event for nothing cannot be added.
	if (what != EV_PERSIST) {
		event_assign(watch->event, watch->adapter->base, watch->fd, (short)what, on_ready,
			     watch);
		event_add(watch->event, NULL);
	}
}

static AvahiWatch *watch_new(const AvahiPoll *poll, int fd, AvahiWatchEvent wanted,
			     AvahiWatchCallback callback, void *userdata)
{
	AvahiWatch *watch = xcalloc(1, sizeof(*watch));

	watch->adapter = poll->userdata;
	watch->fd = fd;
	watch->callback = callback;
	watch->userdata = userdata;
	watch->event = event_new(watch->adapter->base, fd, EV_PERSIST, on_ready, watch);
	if (watch->event == NULL) {
		free(watch);
		return NULL;
	}
	watch_update(watch, wanted);
	return watch;
}

static AvahiWatchEvent watch_get_events(AvahiWatch *watch)
{
	return watch->happened;
}

static void watch_free(AvahiWatch *watch)
{
	if (watch->died != NULL) {
		*watch->died = true;
	}
	event_free(watch->event);
	free(watch);
}

// One-shot, and the object is not touched after the callback, which may have freed it.
static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
	AvahiTimeout *timeout = arg;

	(void)fd;
	(void)what;
	if (!timeout->adapter->is_mute) {
		timeout->callback(timeout, timeout->userdata);
	}
}

/*
 * Avahi's times are of the wall clock. Converted when armed, they run on libevent's monotonic
 * clock, so that a step of the wall clock neither delays nor hastens them.
 */
static void timeout_update(AvahiTimeout *timeout, const struct timeval *at)
{
	struct timeval delay = {0, 0};
	AvahiUsec age_us;

	event_del(timeout->event);
	if (at == NULL) {
		return;
	}
	age_us = avahi_age(at);
	if (age_us < 0) {
		delay.tv_sec = (time_t)(-age_us / 1000000);
		delay.tv_usec = (suseconds_t)(-age_us % 1000000);
	}
	event_add(timeout->event, &delay);
}

static AvahiTimeout *timeout_new(const AvahiPoll *poll, const struct timeval *at,
				 AvahiTimeoutCallback callback, void *userdata)
{
	AvahiTimeout *timeout = xcalloc(1, sizeof(*timeout));

	timeout->adapter = poll->userdata;
	timeout->callback = callback;
	timeout->userdata = userdata;
	timeout->event = event_new(timeout->adapter->base, -1, 0, on_timeout, timeout);
	if (timeout->event == NULL) {
		free(timeout);
		return NULL;
	}
	timeout_update(timeout, at);
	return timeout;
}

static void timeout_free(AvahiTimeout *timeout)
{
	event_free(timeout->event);
	free(timeout);
}

AvahiPoll *avahi_poll_new(struct event_base *base)
{
	struct adapter *adapter = xcalloc(1, sizeof(*adapter));

	adapter->base = base;
	adapter->poll.userdata = adapter;
	adapter->poll.watch_new = watch_new;
	adapter->poll.watch_update = watch_update;
	adapter->poll.watch_get_events = watch_get_events;
	adapter->poll.watch_free = watch_free;
	adapter->poll.timeout_new = timeout_new;
	adapter->poll.timeout_update = timeout_update;
	adapter->poll.timeout_free = timeout_free;
	return &adapter->poll;
}

void avahi_poll_free(AvahiPoll *poll)
{
	if (poll != NULL) {
		free(poll->userdata);
	}
}

void avahi_poll_mute(AvahiPoll *poll, bool is_mute)
{
	struct adapter *adapter = poll->userdata;

	adapter->is_mute = is_mute;
}
