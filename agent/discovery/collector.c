// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/collector.h"

#include <avahi-client/lookup.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "discovery/addresses.h"
#include "discovery/interfaces.h"
#include "discovery/session.h"

#define CLASS_IN 1
#define TYPE_A 1
#define TYPE_AAAA 28
#define PATIENCE_MS 1000

struct collector {
	struct session *session;
	AvahiRecordBrowser *browser;
	struct event *done;
	struct collector_handler handler;
	struct link_msg msg;
};

// From the loop: the owner frees us, and that is a call of Avahi.
static void on_done(evutil_socket_t fd, short what, void *arg)
{
	struct collector *collector = arg;

	(void)fd;
	(void)what;
	collector->handler.on_done(collector->handler.owner, collector);
}

static void finish_in(struct collector *collector, uint64_t ms)
{
	struct timeval wait = clock_timeval(ms);

	event_add(collector->done, &wait);
}

static void on_record(AvahiRecordBrowser *browser, AvahiIfIndex ifindex, AvahiProtocol protocol,
		      AvahiBrowserEvent event, const char *name, uint16_t class, uint16_t type,
		      const void *rdata, size_t size, AvahiLookupResultFlags flags, void *arg)
{
	struct collector *collector = arg;
	struct link_address address = {0};

	(void)browser, (void)ifindex, (void)protocol, (void)name, (void)class, (void)type;
	switch (event) {
	case AVAHI_BROWSER_NEW:
		if (size == 4 || size == 16) {
			address.len = (uint8_t)size;
			memcpy(address.bytes, rdata, size);
			if (interfaces_mark_on_link(collector->msg.ifname, &address) ||
			    (flags & AVAHI_LOOKUP_RESULT_LOCAL) != 0) {
				addresses_add(&collector->msg, &address);
			}
		}
		break;
	case AVAHI_BROWSER_CACHE_EXHAUSTED:
		if (addresses_are_usable(&collector->msg)) {
			finish_in(collector, 0);
		}
		break;
	case AVAHI_BROWSER_ALL_FOR_NOW:
	case AVAHI_BROWSER_FAILURE:
		finish_in(collector, 0);
		break;
	case AVAHI_BROWSER_REMOVE:
		break;
	}
}

struct collector *collector_new(struct event_base *base, struct session *session,
				const struct link_msg *msg, const char *host,
				struct collector_handler handler)
{
	struct collector *collector = xcalloc(1, sizeof(*collector));
	bool is_inet6 = msg->ref.family == EP_FAMILY_INET6;

	collector->session = session;
	collector->handler = handler;
	collector->msg = *msg;
	collector->done = event_new(base, -1, 0, on_done, collector);
	collector->browser = avahi_record_browser_new(
		session_client(session), msg->ref.ifindex,
		is_inet6 ? AVAHI_PROTO_INET6 : AVAHI_PROTO_INET, host, CLASS_IN,
		is_inet6 ? TYPE_AAAA : TYPE_A, AVAHI_LOOKUP_USE_MULTICAST, on_record, collector);
	if (collector->browser == NULL) {
		event_free(collector->done);
		free(collector);
		return NULL;
	}
	finish_in(collector, PATIENCE_MS);
	return collector;
}

void collector_abandon(struct collector *collector)
{
	if (collector != NULL) {
		event_free(collector->done);
		free(collector);
	}
}

void collector_free(struct collector *collector)
{
	AvahiRecordBrowser *browser = collector != NULL ? collector->browser : NULL;
	struct session *session = collector != NULL ? collector->session : NULL;

	collector_abandon(collector);
	if (browser != NULL && session_client(session) != NULL) {
		session_check(session, avahi_record_browser_free(browser));
	}
}

const struct link_msg *collector_msg(const struct collector *collector)
{
	return &collector->msg;
}
