// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/browser.h"

#include <avahi-client/lookup.h>
#include <avahi-common/error.h>
#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "discovery/asker.h"
#include "discovery/interfaces.h"
#include "discovery/lookups.h"
#include "discovery/publisher.h"
#include "discovery/rdata.h"
#include "discovery/records.h"
#include "discovery/resolver.h"
#include "discovery/session.h"

#define FULL_LOG_MS 60000
#define RETRY_MS 30000 // after Avahi has refused a browser

struct browser {
	struct front *front;
	const struct interfaces *interfaces;
	const struct publisher *publisher;
	struct browser_handler handler;
	struct session *session;
	struct resolver *resolver;
	struct asker *asker;
	struct event *start;
	AvahiServiceBrowser *browser;
	AvahiServiceBrowser *previous; // until the new one has told all; see browser_repeat()
	bool is_repeat_due;            // once more after that
	AvahiServiceBrowser *again; // of RECORDS_AGAIN_TYPE; without it we are told a little later
	struct log_limit full_log;
};

static void on_new(struct browser *browser, const struct link_ref *ref)
{
	uint64_t suppressed = 0;
	char name[LINK_IFNAME_MAX];

	if (publisher_has(browser->publisher, ref->instance) ||
	    !interfaces_accept(browser->interfaces, ref->ifindex, name)) {
		return;
	}
	front_say_ref(browser->front, LINK_SEEN, ref);
	// What Avahi has in its cache of a link without carrier says nothing.
	if (interfaces_is_dead(browser->interfaces, ref->ifindex)) {
		front_say_ref(browser->front, LINK_CUT, ref);
	}
	if (!resolver_add(browser->resolver, ref, true) &&
	    log_limit_pass(&browser->full_log, clock_now_ms(), &suppressed)) {
		log_warn("Too many services to resolve: some wait until they are asked for. "
			 "suppressed=%ju",
			 (uintmax_t)suppressed);
	}
}

// The interface may be gone already, so it is not looked at: the front knows what it was told of.
static void on_remove(struct browser *browser, const struct link_ref *ref)
{
	resolver_remove(browser->resolver, ref);
	if (!publisher_has(browser->publisher, ref->instance)) {
		front_say_ref(browser->front, LINK_GONE, ref);
	}
}

static void end_previous(struct browser *browser)
{
	AvahiServiceBrowser *previous = browser->previous;

	if (previous == NULL) {
		return;
	}
	browser->previous = NULL;
	if (session_check(browser->session, avahi_service_browser_free(previous)) &&
	    browser->is_repeat_due) {
		browser->is_repeat_due = false;
		browser_repeat(browser);
	}
}

static void on_service(AvahiServiceBrowser *handle, AvahiIfIndex ifindex, AvahiProtocol protocol,
		       AvahiBrowserEvent event, const char *name, const char *type,
		       const char *domain, AvahiLookupResultFlags flags, void *arg)
{
	struct browser *browser = arg;
	struct link_ref ref;
	uint8_t family = protocol == AVAHI_PROTO_INET6 ? EP_FAMILY_INET6 : EP_FAMILY_INET;

	(void)type, (void)domain, (void)flags;
	switch (event) {
	case AVAHI_BROWSER_NEW:
		if (lookups_ref(&ref, name, ifindex, family)) {
			on_new(browser, &ref);
		}
		break;
	case AVAHI_BROWSER_REMOVE:
		if (lookups_ref(&ref, name, ifindex, family)) {
			on_remove(browser, &ref);
		}
		break;
	case AVAHI_BROWSER_FAILURE:
		log_warn("Avahi's service browser failed: %s.",
			 avahi_strerror(avahi_client_errno(session_client(browser->session))));
		session_check(browser->session, AVAHI_ERR_DISCONNECTED);
		break;
	case AVAHI_BROWSER_CACHE_EXHAUSTED:
		if (handle == browser->browser) {
			end_previous(browser);
		}
		break;
	case AVAHI_BROWSER_ALL_FOR_NOW:
		break;
	}
}

// Its host has a link or an address back, or another: no news for Avahi, which has its name.
static void on_again(AvahiServiceBrowser *handle, AvahiIfIndex ifindex, AvahiProtocol protocol,
		     AvahiBrowserEvent event, const char *name, const char *type,
		     const char *domain, AvahiLookupResultFlags flags, void *arg)
{
	struct browser *browser = arg;
	struct link_ref ref;
	uint8_t family = protocol == AVAHI_PROTO_INET6 ? EP_FAMILY_INET6 : EP_FAMILY_INET;

	(void)handle, (void)type, (void)domain, (void)flags;
	if (event == AVAHI_BROWSER_NEW && lookups_ref(&ref, name, ifindex, family) &&
	    !publisher_has(browser->publisher, name)) {
		front_say_ref(browser->front, LINK_AGAIN, &ref);
	}
}

static AvahiServiceBrowser *browse(struct browser *browser, AvahiClient *client)
{
	return avahi_service_browser_new(client, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC, SERVICE_TYPE,
					 SERVICE_DOMAIN, AVAHI_LOOKUP_USE_MULTICAST, on_service,
					 browser);
}

static void on_start(evutil_socket_t fd, short what, void *arg)
{
	struct browser *browser = arg;
	AvahiClient *client = session_client(browser->session);
	const struct timeval retry = clock_timeval(RETRY_MS);

	(void)fd;
	(void)what;
	if (client == NULL || browser->browser != NULL) {
		return;
	}
	browser->browser = browse(browser, client);
	if (browser->browser != NULL) {
		front_say(browser->front, LINK_BROWSING);
		browser->again = avahi_service_browser_new(
			client, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC, RECORDS_AGAIN_TYPE,
			SERVICE_DOMAIN, AVAHI_LOOKUP_USE_MULTICAST, on_again, browser);
		if (browser->again == NULL) {
			session_check(browser->session, avahi_client_errno(client));
		}
	} else if (session_check(browser->session, avahi_client_errno(client))) {
		log_warn("Avahi refuses to browse: %s.",
			 avahi_strerror(avahi_client_errno(client)));
		event_add(browser->start, &retry);
	}
}

static void on_session_changed(void *owner)
{
	struct browser *browser = owner;
	const struct timeval at_once = {0, 0};

	resolver_session_changed(browser->resolver);
	asker_session_changed(browser->asker);
	if (session_state(browser->session) == SESSION_DOWN && browser->browser != NULL) {
		browser->browser = browser->again = browser->previous = NULL;
		browser->is_repeat_due = false;
		front_say(browser->front, LINK_LOST);
	}
	// It is RUNNING again after each change of the host's name, but one browser is enough.
	if (session_client(browser->session) != NULL && browser->browser == NULL) {
		event_add(browser->start, &at_once);
	}
	browser->handler.on_state(browser->handler.owner);
}

struct browser *browser_new(struct event_base *base, struct front *front,
			    const struct interfaces *interfaces, const struct publisher *publisher,
			    struct browser_handler handler)
{
	struct browser *browser = xcalloc(1, sizeof(*browser));
	struct session_handler on_changed = {on_session_changed, browser};

	browser->front = front;
	browser->interfaces = interfaces;
	browser->publisher = publisher;
	browser->handler = handler;
	browser->full_log.interval_ms = FULL_LOG_MS;
	browser->start = event_new(base, -1, 0, on_start, browser);
	browser->session = session_new(base, "browse", on_changed);
	browser->resolver = resolver_new(base, front, browser->session);
	browser->asker = asker_new(base, browser->session);
	return browser;
}

void browser_free(struct browser *browser)
{
	if (browser == NULL) {
		return;
	}
	asker_free(browser->asker);
	resolver_free(browser->resolver);
	session_free(browser->session);
	event_free(browser->start);
	free(browser);
}

void browser_ask(struct browser *browser)
{
	asker_ask(browser->asker);
}

void browser_repeat(struct browser *browser)
{
	AvahiClient *client = session_client(browser->session);
	AvahiServiceBrowser *next;

	if (client == NULL || browser->browser == NULL) {
		return; // all is said when it is back
	}
	if (browser->previous != NULL) {
		browser->is_repeat_due = true;
		return;
	}
	next = browse(browser, client);
	if (next == NULL) {
		session_check(browser->session, avahi_client_errno(client));
		return;
	}
	// What goes before Avahi has looked into its cache for the new one, only the old one is
	// told.
	browser->previous = browser->browser;
	browser->browser = next;
}

void browser_resolve(struct browser *browser, const struct link_ref *ref)
{
	struct link_ref clean;

	if (lookups_ref(&clean, ref->instance, ref->ifindex, ref->family)) {
		resolver_add(browser->resolver, &clean, false);
	}
}

void browser_check(struct browser *browser)
{
	session_call(browser->session);
}

const struct session *browser_session(const struct browser *browser)
{
	return browser->session;
}
