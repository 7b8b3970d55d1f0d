// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/resolver.h"

#include <avahi-client/lookup.h>
#include <avahi-common/domain.h>
#include <avahi-common/error.h>
#include <event2/event.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "discovery/addresses.h"
#include "discovery/collector.h"
#include "discovery/front.h"
#include "discovery/interfaces.h"
#include "discovery/lookups.h"
#include "discovery/rdata.h"
#include "discovery/session.h"
#include "model/service.h"

#define ODD_LOG_MS 60000

struct resolver {
	struct event_base *base;
	struct front *front;
	struct session *session;
	struct event *pump;
	struct lookups all;
	struct log_limit odd_log;
};

static void schedule(struct resolver *resolver)
{
	int64_t wait_ms = lookups_wait_ms(&resolver->all, clock_now_ms());
	struct timeval wait;

	event_del(resolver->pump);
	if (wait_ms >= 0 && session_client(resolver->session) != NULL) {
		wait = clock_timeval((uint64_t)wait_ms);
		event_add(resolver->pump, &wait);
	}
}

// Free what Avahi has for a lookup that has ended. Last of all, as the session may go down by it.
static void free_handles(struct resolver *resolver, AvahiServiceResolver *handle,
			 struct collector *collector)
{
	collector_free(collector);
	if (handle != NULL && session_client(resolver->session) != NULL) {
		session_check(resolver->session, avahi_service_resolver_free(handle));
	}
	schedule(resolver);
}

// Only addresses of the family that its carrier uses matter.
static bool is_of_carrier(const struct link_msg *msg)
{
	struct service service;

	return service_decode(msg->txt, msg->txt_len, &service) == NULL &&
	       ep_carrier_family(service.carrier) == (enum ep_family)msg->ref.family;
}

static void end_with(struct resolver *resolver, struct lookup *lookup,
		     void (*end)(struct lookups *, struct lookup *, uint64_t))
{
	AvahiServiceResolver *handle = lookup->resolver;
	struct collector *collector = lookup->collector;

	lookup->resolver = NULL;
	lookup->collector = NULL;
	end(&resolver->all, lookup, clock_now_ms());
	free_handles(resolver, handle, collector);
}

static void try_later(struct resolver *resolver, struct lookup *lookup)
{
	end_with(resolver, lookup, lookups_failed);
}

/*
 * A host whose address is new has none to tell until it has probed for it, and for a second the old
 * one may still be in Avahi's cache.
 */
static void settle(struct resolver *resolver, struct lookup *lookup, const struct link_msg *msg)
{
	AvahiServiceResolver *handle = lookup->resolver;
	struct collector *collector = lookup->collector;

	front_send(resolver->front, msg);
	if (is_of_carrier(msg)) {
		if (!addresses_are_on_link(msg)) {
			try_later(resolver, lookup);
			return;
		}
		lookups_suffices(&resolver->all, lookup);
	}
	lookups_remove(&resolver->all, lookup);
	free_handles(resolver, handle, collector);
}

static void fail(struct resolver *resolver, struct lookup *lookup)
{
	front_say_ref(resolver->front, LINK_UNRESOLVED, &lookup->ref);
	try_later(resolver, lookup);
}

static void on_collected(void *owner, struct collector *collector)
{
	struct resolver *resolver = owner;
	const struct link_msg *msg = collector_msg(collector);
	struct lookup *lookup = lookups_find(&resolver->all, &msg->ref);

	settle(resolver, lookup, msg);
}

// What is wrong with an answer, or NULL. Anybody on the LAN can send one.
static const char *answer_problem(const char *host, uint16_t port, int txt_len)
{
	const size_t n = strlen("." SERVICE_DOMAIN);
	size_t len = strlen(host);

	if (port == 0) {
		return "port 0";
	}
	if (len <= n || strcasecmp(host + len - n, "." SERVICE_DOMAIN) != 0) {
		return "a host outside of " SERVICE_DOMAIN;
	}
	if (txt_len < 0) {
		return "too large a TXT record";
	}
	return NULL;
}

static void log_odd(struct resolver *resolver, const struct lookup *lookup, const char *problem)
{
	char name[4 * LINK_INSTANCE_MAX + 1];
	uint64_t suppressed = 0;

	if (log_limit_pass(&resolver->odd_log, clock_now_ms(), &suppressed)) {
		log_warn("Ignoring a service: it has %s. instance=%s suppressed=%ju", problem,
			 log_escape(name, sizeof(name), lookup->ref.instance,
				    strlen(lookup->ref.instance)),
			 (uintmax_t)suppressed);
	}
}

// Our own address is that of another only if this host published it: for another agent here.
static void fill_address(struct link_msg *msg, const AvahiAddress *from, bool is_local)
{
	struct link_address address = {0};

	if (from == NULL) {
		return;
	}
	address.len = from->proto == AVAHI_PROTO_INET6 ? 16 : 4;
	memcpy(address.bytes, from->data.data, address.len);
	if (interfaces_mark_on_link(msg->ifname, &address) || is_local) {
		addresses_add(msg, &address);
	}
}

static void on_found(struct resolver *resolver, struct lookup *lookup, const char *host,
		     const AvahiAddress *address, uint16_t port, AvahiStringList *txt,
		     bool is_local)
{
	struct link_msg msg = {.op = LINK_RESOLVED, .ref = lookup->ref, .port = port};
	struct collector_handler handler = {on_collected, resolver};
	int txt_len = rdata_txt(txt, msg.txt, sizeof(msg.txt));
	const char *problem = answer_problem(host, port, txt_len);
	char ifname[IF_NAMESIZE];

	if (problem != NULL) {
		log_odd(resolver, lookup, problem);
		fail(resolver, lookup);
		return;
	}
	if (if_indextoname((unsigned)lookup->ref.ifindex, ifname) == NULL) {
		fail(resolver, lookup); // it is just going
		return;
	}
	memcpy(msg.ifname, ifname, sizeof(msg.ifname));
	msg.txt_len = (uint16_t)txt_len;
	fill_address(&msg, address, is_local);
	if (!addresses_are_usable(&msg) && is_of_carrier(&msg)) {
		lookup->collector =
			collector_new(resolver->base, resolver->session, &msg, host, handler);
		// Without one, if Avahi is still there, what we have must do.
		if (lookup->collector != NULL ||
		    !session_check(resolver->session,
				   avahi_client_errno(session_client(resolver->session)))) {
			return;
		}
	}
	settle(resolver, lookup, &msg);
}

static void on_resolver(AvahiServiceResolver *handle, AvahiIfIndex ifindex, AvahiProtocol protocol,
			AvahiResolverEvent event, const char *name, const char *type,
			const char *domain, const char *host, const AvahiAddress *address,
			uint16_t port, AvahiStringList *txt, AvahiLookupResultFlags flags,
			void *arg)
{
	struct resolver *resolver = arg;
	struct lookup *lookup = resolver->all.flying;

	(void)ifindex, (void)protocol, (void)name, (void)type, (void)domain;
	while (lookup != NULL && lookup->resolver != handle) {
		lookup = lookup->next;
	}
	// It may speak again while the collector works.
	if (lookup == NULL || lookup->collector != NULL) {
		return;
	}
	switch (event) {
	case AVAHI_RESOLVER_FOUND:
		on_found(resolver, lookup, host, address, port, txt,
			 (flags & AVAHI_LOOKUP_RESULT_LOCAL) != 0);
		break;
	case AVAHI_RESOLVER_FAILURE:
		fail(resolver, lookup);
		break;
	}
}

static void start(struct resolver *resolver, struct lookup *lookup)
{
	AvahiClient *client = session_client(resolver->session);
	AvahiProtocol protocol =
		lookup->ref.family == EP_FAMILY_INET6 ? AVAHI_PROTO_INET6 : AVAHI_PROTO_INET;
	uint64_t began_ms = clock_now_ms();
	uint64_t ended_ms;

	// By multicast, or a host of another domain in an SRV record would make Avahi ask unicast
	// DNS.
	lookup->resolver = avahi_service_resolver_new(
		client, lookup->ref.ifindex, protocol, lookup->ref.instance, SERVICE_TYPE,
		SERVICE_DOMAIN, protocol, AVAHI_LOOKUP_USE_MULTICAST, on_resolver, resolver);
	ended_ms = clock_now_ms();
	lookups_called(&resolver->all, ended_ms - began_ms, ended_ms);
	if (lookup->resolver == NULL &&
	    session_check(resolver->session, avahi_client_errno(client))) {
		fail(resolver, lookup);
	}
}

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct resolver *resolver = arg;
	uint64_t now_ms = clock_now_ms();
	struct lookup *lookup;

	(void)fd;
	(void)what;
	if (session_client(resolver->session) == NULL) {
		return;
	}
	if ((lookup = lookups_overdue(&resolver->all, now_ms)) != NULL) {
		// If Avahi hangs, freeing it brings that to light.
		end_with(resolver, lookup, lookups_put_off);
	} else if ((lookup = lookups_start(&resolver->all, now_ms)) != NULL) {
		start(resolver, lookup);
	}
	schedule(resolver);
}

struct resolver *resolver_new(struct event_base *base, struct front *front, struct session *session)
{
	struct resolver *resolver = xcalloc(1, sizeof(*resolver));

	resolver->base = base;
	resolver->front = front;
	resolver->session = session;
	resolver->odd_log.interval_ms = ODD_LOG_MS;
	resolver->pump = event_new(base, -1, 0, on_pump, resolver);
	return resolver;
}

// Forget all, and what Avahi has for them goes with its client.
static void forget(struct resolver *resolver)
{
	for (struct lookup *p = resolver->all.flying; p != NULL; p = p->next) {
		collector_abandon(p->collector);
	}
	lookups_fini(&resolver->all);
}

void resolver_free(struct resolver *resolver)
{
	if (resolver != NULL) {
		forget(resolver);
		event_free(resolver->pump);
		free(resolver);
	}
}

bool resolver_add(struct resolver *resolver, const struct link_ref *ref, bool is_seen)
{
	bool has_room;

	// Whatever is there when Avahi comes back will be seen again.
	if (session_client(resolver->session) == NULL) {
		return true;
	}
	has_room = lookups_add(&resolver->all, ref, is_seen);
	schedule(resolver);
	return has_room;
}

void resolver_remove(struct resolver *resolver, const struct link_ref *ref)
{
	struct lookup *lookup = lookups_find(&resolver->all, ref);
	AvahiServiceResolver *handle;
	struct collector *collector;

	if (lookup == NULL) {
		return;
	}
	handle = lookup->resolver;
	collector = lookup->collector;
	lookups_remove(&resolver->all, lookup);
	free_handles(resolver, handle, collector);
}

void resolver_session_changed(struct resolver *resolver)
{
	if (session_state(resolver->session) == SESSION_DOWN) {
		forget(resolver);
		event_del(resolver->pump);
	}
}
