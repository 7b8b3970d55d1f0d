// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * All calls of Avahi are made from one event, one publication at a time, so that messages of the
 * front are read between two of them: each may block for 25 s.
 */
#include "discovery/publisher.h"

#include <avahi-client/publish.h>
#include <avahi-common/error.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "discovery/announcer.h"
#include "discovery/pacer.h"
#include "discovery/rdata.h"
#include "discovery/records.h"
#include "discovery/session.h"

#define BURST 50
#define PER_S 50
#define RETRY_MS 30000 // after Avahi has refused an instance
/*
 * After an SRV record was changed, others hear of it within 0.4 s, and keep the old one for 1 s
 * more (RFC 6762 §10.2). Now they have the new one only.
 */
#define RENAMED_MS 1600

struct publisher {
	struct front *front;
	const struct interfaces *interfaces;
	struct publisher_handler handler;
	struct session *session;
	struct event *pump;
	struct publications all;
	struct announcer *announcer;
	struct pacer pacer;
	bool has_announced_type;
	bool is_host_known;
	char host[RDATA_TEXT_MAX];
	uint64_t tell_ms; // when others are to be told that it is another; 0: they need not
	const char *problem;
};

static int64_t wait_for_work_ms(const struct publisher *publisher, uint64_t now_ms)
{
	int64_t work_ms = publications_wait_ms(&publisher->all, now_ms);
	int64_t tell_ms = (int64_t)(publisher->tell_ms - now_ms);

	if (publisher->tell_ms == 0) {
		return work_ms;
	}
	tell_ms = tell_ms > 0 ? tell_ms : 0;
	return work_ms < 0 || tell_ms < work_ms ? tell_ms : work_ms;
}

static void schedule(struct publisher *publisher)
{
	uint64_t now_ms = clock_now_ms();
	int64_t wait_ms = wait_for_work_ms(publisher, now_ms);
	int32_t on[LINK_INTERFACES_MAX];
	struct timeval wait;

	event_del(publisher->pump);
	if (session_state(publisher->session) != SESSION_RUNNING) {
		return;
	}
	if (!publisher->is_host_known) {
		wait_ms = 0;
	} else if (publisher->problem != NULL || wait_ms < 0 ||
		   interfaces_publish_on(publisher->interfaces, on) == 0) {
		return;
	} else if (publisher->all.leaving == NULL && publisher->all.queue != NULL) {
		wait_ms = (int64_t)pacer_wait_ms(&publisher->pacer, now_ms);
	}
	wait = clock_timeval((uint64_t)wait_ms);
	event_add(publisher->pump, &wait);
}

// Avahi refuses this one, or all; the front writes to the log which.
static void refuse(struct publisher *publisher, struct publication *one, int error)
{
	front_say_text(publisher->front, LINK_REFUSED, one->instance, avahi_strerror(error));
	publications_refused(&publisher->all, one, clock_now_ms(), RETRY_MS);
	if (error == AVAHI_ERR_NOT_PERMITTED || error == AVAHI_ERR_ACCESS_DENIED) {
		publisher->problem = "Avahi's configuration forbids publishing";
		publisher->handler.on_state(publisher->handler.owner);
	}
}

static struct publication *find_by_group(const struct publisher *publisher,
					 const AvahiEntryGroup *group)
{
	struct publication *one = publisher->all.by_instance;

	while (one != NULL && one->handle != group) {
		one = one->hh.next;
	}
	return one;
}

// The first call comes from within avahi_entry_group_new(), when no publication has the group yet.
static void on_group(AvahiEntryGroup *group, AvahiEntryGroupState state, void *arg)
{
	struct publisher *publisher = arg;
	struct publication *one = find_by_group(publisher, group);

	if (one == NULL) {
		return;
	}
	switch (state) {
	case AVAHI_ENTRY_GROUP_UNCOMMITED:
	case AVAHI_ENTRY_GROUP_REGISTERING:
		break;
	case AVAHI_ENTRY_GROUP_ESTABLISHED:
		one->is_established = true;
		front_say_text(publisher->front, LINK_PUBLISHED, one->instance, "");
		break;
	case AVAHI_ENTRY_GROUP_COLLISION:
		refuse(publisher, one, AVAHI_ERR_COLLISION);
		break;
	case AVAHI_ENTRY_GROUP_FAILURE:
		refuse(publisher, one, avahi_client_errno(avahi_entry_group_get_client(group)));
		break;
	}
	schedule(publisher);
}

// Return: false when the session is down.
static bool free_group(struct publisher *publisher, AvahiEntryGroup *group)
{
	return group == NULL || session_check(publisher->session, avahi_entry_group_free(group));
}

// Return: NULL when refused, or when the session is down.
static AvahiEntryGroup *announce(struct publisher *publisher, struct publication *one)
{
	AvahiEntryGroup *group = NULL;
	int error = records_announce(publisher->session, one, publisher->host,
				     publisher->interfaces, on_group, publisher, &group);

	if (error < 0 && session_client(publisher->session) != NULL) {
		refuse(publisher, one, error);
	}
	return error < 0 ? NULL : group;
}

static void publish(struct publisher *publisher, struct publication *one)
{
	AvahiEntryGroup *old = one->handle;
	bool is_make_before_break = one->work == PUBLICATION_REPLACE;
	AvahiEntryGroup *group;

	if (!is_make_before_break) {
		one->handle = NULL;
		if (!free_group(publisher, old)) {
			return;
		}
	}
	group = announce(publisher, one);
	if (group == NULL) {
		return;
	}
	one->handle = group;
	publications_done(&publisher->all, one, clock_now_ms());
	if (is_make_before_break) {
		free_group(publisher, old);
	}
}

static void change(struct publisher *publisher, struct publication *one)
{
	int error = records_change(one->handle, one, publisher->host, publisher->interfaces);

	if (publisher->tell_ms != 0) {
		publisher->tell_ms = clock_now_ms() + RENAMED_MS;
	}
	if (!session_check(publisher->session, error)) {
		return;
	}
	if (error < 0) {
		refuse(publisher, one, error);
		return;
	}
	publications_done(&publisher->all, one, clock_now_ms());
}

static void withdraw(struct publisher *publisher, struct publication *one)
{
	AvahiEntryGroup *group = one->handle;

	publications_done(&publisher->all, one, clock_now_ms());
	free_group(publisher, group);
}

static void work(struct publisher *publisher, struct publication *one)
{
	announcer_release(publisher->announcer, one);
	if (one->work == PUBLICATION_WITHDRAW) {
		withdraw(publisher, one);
		return;
	}
	if (!pacer_take(&publisher->pacer, clock_now_ms())) {
		return;
	}
	if (!publisher->has_announced_type) {
		publisher->has_announced_type = true;
		records_announce_type(publisher->session, publisher->interfaces);
		return;
	}
	if (one->work == PUBLICATION_CHANGE) {
		change(publisher, one);
	} else {
		publish(publisher, one);
	}
}

// SRV records name the host, so after a change of its name they are changed, in place.
static void learn_host(struct publisher *publisher)
{
	AvahiClient *client = session_client(publisher->session);
	const char *host = avahi_client_get_host_name_fqdn(client);

	if (host == NULL) {
		session_check(publisher->session, AVAHI_ERR_DBUS_ERROR); // whatever it was
		return;
	}
	publisher->is_host_known = true;
	if (strcmp(host, publisher->host) != 0) {
		publisher->tell_ms = publisher->host[0] != '\0' ? clock_now_ms() + RENAMED_MS : 0;
		snprintf(publisher->host, sizeof(publisher->host), "%s", host);
		announcer_clear(publisher->announcer);
		publications_touch(&publisher->all, PUBLICATION_CHANGE);
	}
	announcer_set_host(publisher->announcer, publisher->host);
	publisher->handler.on_state(publisher->handler.owner);
}

/*
 * The name was another host's, too, as in copies of one image that meet: who asked for ours then
 * may have got an address of that host's. That our SRV records are others now is no news to Avahi
 * there.
 */
static void tell_of_name(struct publisher *publisher)
{
	int32_t on[LINK_INTERFACES_MAX];
	size_t n = interfaces_publish_on(publisher->interfaces, on);

	publisher->tell_ms = 0;
	for (size_t i = 0; i < n; i++) {
		announcer_announce(publisher->announcer, on[i], RECORDS_AGAIN);
	}
}

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct publisher *publisher = arg;
	struct publication *one;

	(void)fd;
	(void)what;
	if (session_state(publisher->session) == SESSION_RUNNING) {
		one = publications_next(&publisher->all, clock_now_ms());
		if (!publisher->is_host_known) {
			learn_host(publisher);
		} else if (one != NULL) {
			work(publisher, one);
		} else if (publisher->tell_ms != 0 && publisher->tell_ms <= clock_now_ms()) {
			tell_of_name(publisher);
		}
	}
	schedule(publisher);
}

static void on_session_changed(void *owner)
{
	struct publisher *publisher = owner;

	if (session_state(publisher->session) == SESSION_DOWN) {
		publications_lost(&publisher->all);
		announcer_clear(publisher->announcer);
		publisher->has_announced_type = false;
		publisher->problem = NULL;
	}
	// Known anew after each RUNNING; until then nothing is published.
	publisher->is_host_known = false;
	announcer_set_host(publisher->announcer, NULL);
	schedule(publisher);
	publisher->handler.on_state(publisher->handler.owner);
}

struct publisher *publisher_new(struct event_base *base, struct front *front,
				const struct interfaces *interfaces,
				struct publisher_handler handler)
{
	struct publisher *publisher = xcalloc(1, sizeof(*publisher));
	struct session_handler on_changed = {on_session_changed, publisher};

	publisher->front = front;
	publisher->interfaces = interfaces;
	publisher->handler = handler;
	pacer_init(&publisher->pacer, BURST, PER_S, clock_now_ms());
	publisher->pump = event_new(base, -1, 0, on_pump, publisher);
	publisher->announcer = announcer_new(base, &publisher->all);
	publisher->session = session_new(base, "publish", on_changed);
	return publisher;
}

void publisher_free(struct publisher *publisher)
{
	if (publisher == NULL) {
		return;
	}
	announcer_free(publisher->announcer);
	session_free(publisher->session);
	event_free(publisher->pump);
	publications_fini(&publisher->all);
	free(publisher);
}

void publisher_reset(struct publisher *publisher)
{
	publications_reset(&publisher->all);
}

void publisher_publish(struct publisher *publisher, const struct link_msg *msg)
{
	switch (publications_put(&publisher->all, msg)) {
	case PUBLICATIONS_E_SAME:
		front_say_text(publisher->front, LINK_PUBLISHED, msg->ref.instance, "");
		break;
	case PUBLICATIONS_E_FULL:
		front_say_text(publisher->front, LINK_REFUSED, msg->ref.instance,
			       "too many nodes are published");
		break;
	default:
		schedule(publisher);
	}
}

void publisher_withdraw(struct publisher *publisher, const char *instance)
{
	publications_withdraw(&publisher->all, instance, clock_now_ms());
	schedule(publisher);
}

void publisher_end(struct publisher *publisher)
{
	publications_end(&publisher->all, clock_now_ms());
	schedule(publisher);
}

void publisher_replace(struct publisher *publisher)
{
	publications_touch(&publisher->all, PUBLICATION_REPLACE);
	schedule(publisher);
}

void publisher_repeat(struct publisher *publisher, int32_t ifindex, enum records_what what)
{
	announcer_announce(publisher->announcer, ifindex, what);
}

bool publisher_has(const struct publisher *publisher, const char *instance)
{
	return publications_has(&publisher->all, instance);
}

const struct session *publisher_session(const struct publisher *publisher)
{
	return publisher->session;
}

const char *publisher_host(const struct publisher *publisher)
{
	return publisher->is_host_known ? publisher->host : NULL;
}

const char *publisher_problem(const struct publisher *publisher)
{
	int32_t on[LINK_INTERFACES_MAX];

	if (publisher->problem != NULL) {
		return publisher->problem;
	}
	return interfaces_are_named(publisher->interfaces) &&
			       interfaces_publish_on(publisher->interfaces, on) == 0
		       ? "none of the interfaces is there"
		       : NULL;
}
