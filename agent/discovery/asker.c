// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/asker.h"

#include <avahi-client/lookup.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "discovery/rdata.h"
#include "discovery/session.h"

#define CLASS_ASK 0x8001
#define TYPE_PTR 12
#define OPEN_MS 4000 // it asks at 0, 1 and 3 s
#define LAST_ASKED_MS 3000
#define PAUSE_MS 1000 // sooner, avahi-daemon would not ask anew

struct asker {
	struct session *session;
	AvahiRecordBrowser *browser;
	struct event *step;
	uint64_t opened_ms;
	bool is_wanted;  // to be opened, or opened again
	bool is_pausing; // closed less than PAUSE_MS ago
};

// Answers are of class IN and so none of its own; the ordinary browser hears them.
static void on_record(AvahiRecordBrowser *browser, AvahiIfIndex ifindex, AvahiProtocol protocol,
		      AvahiBrowserEvent event, const char *name, uint16_t class, uint16_t type,
		      const void *rdata, size_t size, AvahiLookupResultFlags flags, void *arg)
{
	(void)browser, (void)ifindex, (void)protocol, (void)event, (void)name, (void)class;
	(void)type, (void)rdata, (void)size, (void)flags, (void)arg;
}

static void wake_in(struct asker *asker, uint64_t ms)
{
	struct timeval wait = clock_timeval(ms);

	event_add(asker->step, &wait);
}

static void open_browser(struct asker *asker)
{
	AvahiClient *client = session_client(asker->session);

	asker->is_wanted = false;
	asker->browser = avahi_record_browser_new(client, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC,
						  SERVICE_BASE, CLASS_ASK, TYPE_PTR,
						  AVAHI_LOOKUP_USE_MULTICAST, on_record, asker);
	if (asker->browser == NULL) {
		session_check(asker->session, avahi_client_errno(client));
		return;
	}
	asker->opened_ms = clock_now_ms();
	wake_in(asker, OPEN_MS);
}

static void close_browser(struct asker *asker)
{
	AvahiRecordBrowser *browser = asker->browser;

	asker->browser = NULL;
	asker->is_pausing = true;
	wake_in(asker, PAUSE_MS);
	session_check(asker->session, avahi_record_browser_free(browser));
}

static void on_step(evutil_socket_t fd, short what, void *arg)
{
	struct asker *asker = arg;

	(void)fd;
	(void)what;
	if (session_client(asker->session) == NULL) {
		return;
	}
	if (asker->browser != NULL) {
		close_browser(asker);
		return;
	}
	asker->is_pausing = false;
	if (asker->is_wanted) {
		open_browser(asker);
	}
}

struct asker *asker_new(struct event_base *base, struct session *session)
{
	struct asker *asker = xcalloc(1, sizeof(*asker));

	asker->session = session;
	asker->step = event_new(base, -1, 0, on_step, asker);
	return asker;
}

void asker_free(struct asker *asker)
{
	if (asker != NULL) {
		event_free(asker->step);
		free(asker);
	}
}

void asker_ask(struct asker *asker)
{
	// Without Avahi there is nobody to ask; the browser asks when it comes.
	if (session_client(asker->session) == NULL) {
		return;
	}
	if (asker->browser != NULL && clock_now_ms() - asker->opened_ms < LAST_ASKED_MS) {
		return;
	}
	asker->is_wanted = true;
	if (asker->browser == NULL && !asker->is_pausing) {
		wake_in(asker, 0);
	}
}

void asker_session_changed(struct asker *asker)
{
	if (session_state(asker->session) == SESSION_DOWN) {
		event_del(asker->step);
		asker->browser = NULL;
		asker->is_wanted = false;
		asker->is_pausing = false;
	}
}
