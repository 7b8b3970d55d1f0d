// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/asker.h"

#include <avahi-client/lookup.h>
#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "discovery/rdata.h"
#include "discovery/session.h"

#define CLASS_ASK 0x8001
#define TYPE_PTR 12
#define QUESTIONS 3
/*
 * avahi-daemon sends the question after 0.1 s; freed before, it would take it back. And for 1 s
 * after it was asked for, it takes another one for the same. So each has a browser of its own: one
 * that is held open asks again by itself, but a question that is wanted in between would have to
 * wait for that, up to 4 s.
 */
#define OPEN_MS 400
#define PAUSE_MS 1100
#define LAST_PAUSE_MS 2200

struct asker {
	struct session *session;
	AvahiRecordBrowser *browser;
	struct event *step;
	uint64_t asked_ms;
	unsigned n_left; // questions to be asked
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

	asker->n_left--;
	asker->browser = avahi_record_browser_new(client, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC,
						  SERVICE_BASE, CLASS_ASK, TYPE_PTR,
						  AVAHI_LOOKUP_USE_MULTICAST, on_record, asker);
	if (asker->browser == NULL) {
		session_check(asker->session, avahi_client_errno(client));
		return;
	}
	asker->asked_ms = clock_now_ms();
	wake_in(asker, OPEN_MS);
}

// The next question, when its time comes.
static void go_on(struct asker *asker, uint64_t pause_ms)
{
	uint64_t since_ms = clock_now_ms() - asker->asked_ms;

	if (asker->n_left > 0) {
		wake_in(asker, since_ms < pause_ms ? pause_ms - since_ms : 0);
	}
}

static void close_browser(struct asker *asker)
{
	AvahiRecordBrowser *browser = asker->browser;

	asker->browser = NULL;
	go_on(asker, asker->n_left == 1 ? LAST_PAUSE_MS : PAUSE_MS);
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
	} else if (asker->n_left > 0) {
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
	asker->n_left = QUESTIONS;
	if (asker->browser == NULL) {
		go_on(asker, PAUSE_MS);
	}
}

void asker_session_changed(struct asker *asker)
{
	if (session_state(asker->session) == SESSION_DOWN) {
		event_del(asker->step);
		asker->browser = NULL;
		asker->n_left = 0;
	}
}
