// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * The backend that works through avahi-daemon: a publisher and a browser, each with a D-Bus
 * connection of its own, so that a limit or an error of the one does not take the other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "discovery/backend.h"
#include "discovery/browser.h"
#include "discovery/front.h"
#include "discovery/interfaces.h"
#include "discovery/links.h"
#include "discovery/publisher.h"
#include "discovery/records.h"
#include "discovery/session.h"

#define RENAMED_LOG_MS 10000 // somebody who claims each name that Avahi takes makes it go on

struct backend {
	struct front *front;
	struct publisher *publisher;
	struct browser *browser;
	enum link_state said_state;
	char said_text[LINK_TEXT_MAX];
	enum link_state logged_state;
	char logged_text[LINK_TEXT_MAX];
	struct log_limit renamed_log;
};

// One line for each change, but none for going back to what the last one said.
static void log_state(struct backend *backend, enum link_state state, const char *text)
{
	bool is_renamed = state == LINK_STATE_RUNNING && state == backend->logged_state;
	char escaped[LINK_TEXT_MAX];
	uint64_t suppressed;

	if (state == backend->logged_state && strcmp(text, backend->logged_text) == 0) {
		return;
	}
	if (is_renamed && !log_limit_pass(&backend->renamed_log, clock_now_ms(), &suppressed)) {
		return;
	}
	backend->logged_state = state;
	snprintf(backend->logged_text, sizeof(backend->logged_text), "%s", text);
	log_escape(escaped, sizeof(escaped), text, strlen(text));
	switch (state) {
	case LINK_STATE_RUNNING:
		log_info("Avahi is running. host=%s", escaped);
		break;
	case LINK_STATE_CONNECTING:
		log_warn("Discovery stands still: %s.", escaped);
		break;
	case LINK_STATE_FAILED:
		log_warn("Nodes of this host are not published: %s.", escaped);
		break;
	}
}

static void say(struct backend *backend, enum link_state state, const char *text)
{
	if (state == backend->said_state && strcmp(text, backend->said_text) == 0) {
		return;
	}
	backend->said_state = state;
	snprintf(backend->said_text, sizeof(backend->said_text), "%s", text);
	front_say_state(backend->front, state, text);
}

/*
 * One state for both connections: the worse of them. A connection that has only just broken is
 * silent until the next try says why.
 */
static void on_state(void *owner)
{
	struct backend *backend = owner;
	enum link_state state = LINK_STATE_CONNECTING;
	const struct session *session;
	const char *text;

	if (backend->browser == NULL) {
		return; // within our constructor
	}
	session = publisher_session(backend->publisher);
	if (session_state(session) == SESSION_RUNNING) {
		session = browser_session(backend->browser);
	}
	text = session_text(session);
	if (session_state(session) == SESSION_RUNNING) {
		text = publisher_problem(backend->publisher);
		state = text != NULL ? LINK_STATE_FAILED : LINK_STATE_RUNNING;
		text = text != NULL ? text : publisher_host(backend->publisher);
	}
	if (text == NULL || (state == LINK_STATE_CONNECTING && text[0] == '\0')) {
		return;
	}
	// Avahi claims its name anew whenever an address comes; nothing stops working meanwhile.
	if (session_state(session) == SESSION_CLAIMING &&
	    backend->said_state != LINK_STATE_CONNECTING) {
		return;
	}
	say(backend, state, text);
	if (session_state(session) != SESSION_CLAIMING) {
		log_state(backend, state, text);
	}
}

static void on_set(void *owner)
{
	struct backend *backend = owner;

	publisher_replace(backend->publisher);
	on_state(backend);
}

/*
 * With a static address and its defaults Avahi takes no notice of a carrier: it keeps what it
 * heard, asks nobody and tells nobody. So the front drops what was heard there and verifies it
 * later, and when the link is back, all is asked for and announced again. A new address is
 * announced by Avahi, but who has our names in the cache is told nothing of it.
 */
static void on_link(void *owner, const struct links_event *event)
{
	struct backend *backend = owner;
	struct link_ref ref = {.ifindex = event->ifindex};

	switch (event->what) {
	case LINKS_CUT:
		log_info("A link has no carrier any more. ifindex=%d", event->ifindex);
		front_say_ref(backend->front, LINK_CUT, &ref);
		break;
	case LINKS_MENDED:
		log_info("A link has come up or changed. ifindex=%d", event->ifindex);
		front_say_ref(backend->front, LINK_MENDED, &ref);
		browser_ask(backend->browser);
		publisher_repeat(backend->publisher, event->ifindex, RECORDS_SERVICE);
		if (!event->is_moved) {
			publisher_repeat(backend->publisher, event->ifindex, RECORDS_AGAIN);
		}
		break;
	case LINKS_AGAIN:
		publisher_repeat(backend->publisher, event->ifindex, RECORDS_AGAIN);
		break;
	}
}

static struct backend *backend_new(struct event_base *base, struct front *front,
				   struct interfaces *interfaces)
{
	struct backend *backend = xcalloc(1, sizeof(*backend));
	struct publisher_handler on_publisher = {on_state, backend};
	struct browser_handler on_browser = {on_state, backend};
	struct interfaces_handler on_interfaces = {on_set, on_link, backend};
	int error;

	backend->front = front;
	backend->renamed_log.interval_ms = RENAMED_LOG_MS;
	backend->publisher = publisher_new(base, front, interfaces, on_publisher);
	backend->browser = browser_new(base, front, interfaces, backend->publisher, on_browser);
	error = interfaces_watch(interfaces, base, on_interfaces);
	if (error < 0) {
		log_warn("Cannot watch interfaces come and go: %s.", strerror(-error));
	}
	return backend;
}

static void backend_free(struct backend *backend)
{
	if (backend != NULL) {
		publisher_free(backend->publisher);
		browser_free(backend->browser);
		free(backend);
	}
}

static void backend_reset(struct backend *backend)
{
	publisher_reset(backend->publisher);
}

static void backend_publish(struct backend *backend, const struct link_msg *msg)
{
	publisher_publish(backend->publisher, msg);
}

static void backend_withdraw(struct backend *backend, const char *instance)
{
	publisher_withdraw(backend->publisher, instance);
}

static void backend_end(struct backend *backend)
{
	publisher_end(backend->publisher);
}

static void backend_ask(struct backend *backend)
{
	browser_ask(backend->browser);
}

static void backend_browse(struct backend *backend)
{
	browser_repeat(backend->browser);
}

static void backend_resolve(struct backend *backend, const struct link_ref *ref)
{
	browser_resolve(backend->browser, ref);
}

static void backend_check(struct backend *backend)
{
	browser_check(backend->browser);
}

const struct backend_ops avahi_backend = {
	.name = "avahi",
	.new = backend_new,
	.free = backend_free,
	.reset = backend_reset,
	.publish = backend_publish,
	.withdraw = backend_withdraw,
	.end = backend_end,
	.ask = backend_ask,
	.browse = backend_browse,
	.resolve = backend_resolve,
	.check = backend_check,
};
