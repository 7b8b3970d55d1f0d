// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/session.h"

#include <avahi-client/publish.h>
#include <avahi-common/error.h>
#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "discovery/avahi_poll.h"

#define BACKOFF_MIN_MS 250
#define BACKOFF_MAX_MS 2000
#define SLOW_MS 10000 // no answer comes that late; it was a time-out

struct session {
	AvahiPoll *poll;
	const char *name;
	struct session_handler handler;
	AvahiClient *client;
	struct event *reconnect;
	uint64_t backoff_ms;
	enum session_state state;
	const char *text;
	bool is_connecting; // within avahi_client_new()
};

static void set_state(struct session *session, enum session_state state, const char *text)
{
	session->state = state;
	session->text = text;
	log_debug("A session has changed: \"%s\". session=%s state=%d", text, session->name,
		  (int)state);
	if (!session->is_connecting) {
		session->handler.on_changed(session->handler.owner);
	}
}

static void go_down(struct session *session, const char *text)
{
	struct timeval wait = clock_timeval(session->backoff_ms);

	session->backoff_ms *= 2;
	if (session->backoff_ms > BACKOFF_MAX_MS) {
		session->backoff_ms = BACKOFF_MAX_MS;
	}
	event_add(session->reconnect, &wait);
	avahi_poll_mute(session->poll, true);
	set_state(session, SESSION_DOWN, text);
}

/*
 * Called by libavahi, also from within avahi_client_new(). It must not free the client. RUNNING
 * comes again after each change of the host name.
 */
static void on_client(AvahiClient *client, AvahiClientState state, void *arg)
{
	struct session *session = arg;

	session->client = client;
	switch (state) {
	case AVAHI_CLIENT_CONNECTING:
		set_state(session, SESSION_WAITING, "avahi-daemon is not running");
		break;
	case AVAHI_CLIENT_S_REGISTERING:
		set_state(session, SESSION_CLAIMING, "Avahi is claiming its host name");
		break;
	case AVAHI_CLIENT_S_COLLISION:
		set_state(session, SESSION_CLAIMING, "Avahi is looking for another host name");
		break;
	case AVAHI_CLIENT_S_RUNNING:
		session->backoff_ms = BACKOFF_MIN_MS;
		set_state(session, SESSION_RUNNING, "");
		break;
	case AVAHI_CLIENT_FAILURE:
		go_down(session, avahi_client_errno(client) == AVAHI_ERR_DISCONNECTED
					 ? ""
					 : avahi_strerror(avahi_client_errno(client)));
		break;
	}
}

// Avahi being absent or hanging is no reason for not having a client.
static const char *why_there_is_none(int error, bool is_slow)
{
	if (is_slow) {
		return "the D-Bus system bus does not answer";
	}
	return error == AVAHI_ERR_NO_DAEMON ? "no D-Bus system bus" : avahi_strerror(error);
}

static void on_reconnect(evutil_socket_t fd, short what, void *arg)
{
	struct session *session = arg;
	uint64_t began_ms = clock_now_ms();
	int error = AVAHI_OK;
	bool is_slow;

	(void)fd;
	(void)what;
	if (session->client != NULL) {
		avahi_client_free(session->client);
		session->client = NULL;
	}
	avahi_poll_mute(session->poll, false);
	session->is_connecting = true;
	session->client =
		avahi_client_new(session->poll, AVAHI_CLIENT_NO_FAIL, on_client, session, &error);
	session->is_connecting = false;
	is_slow = clock_now_ms() - began_ms > SLOW_MS;
	if (session->client == NULL) {
		go_down(session, why_there_is_none(error, is_slow));
		return;
	}
	/*
	 * libavahi takes any failure of its first call for Avahi's absence. But if Avahi merely
	 * hung, it will not appear on the bus again, and that client would wait for ever.
	 */
	if (session->state == SESSION_WAITING && is_slow) {
		go_down(session, "avahi-daemon does not answer");
		return;
	}
	if (session->state != SESSION_DOWN) {
		session->handler.on_changed(session->handler.owner);
	}
}

struct session *session_new(struct event_base *base, const char *name,
			    struct session_handler handler)
{
	struct session *session = xcalloc(1, sizeof(*session));
	const struct timeval at_once = {0, 0};

	session->poll = avahi_poll_new(base);
	session->name = name;
	session->handler = handler;
	session->backoff_ms = BACKOFF_MIN_MS;
	session->text = "";
	session->reconnect = event_new(base, -1, 0, on_reconnect, session);
	event_add(session->reconnect, &at_once);
	return session;
}

void session_free(struct session *session)
{
	if (session == NULL) {
		return;
	}
	if (session->client != NULL) {
		avahi_client_free(session->client);
	}
	avahi_poll_free(session->poll);
	event_free(session->reconnect);
	free(session);
}

enum session_state session_state(const struct session *session)
{
	return session->state;
}

const char *session_text(const struct session *session)
{
	return session->text;
}

AvahiClient *session_client(const struct session *session)
{
	return session->state == SESSION_CLAIMING || session->state == SESSION_RUNNING
		       ? session->client
		       : NULL;
}

static bool is_of_connection(int error)
{
	switch (error) {
	case AVAHI_ERR_DBUS_ERROR:
	case AVAHI_ERR_DISCONNECTED:
	case AVAHI_ERR_NO_DAEMON:
	case AVAHI_ERR_TIMEOUT:
	case AVAHI_ERR_BAD_STATE:
	case AVAHI_ERR_INVALID_OBJECT:
		return true;
	default:
		return false;
	}
}

bool session_check(struct session *session, int error)
{
	if (session_client(session) != NULL && is_of_connection(error)) {
		log_debug("A call of Avahi failed: %s. session=%s", avahi_strerror(error),
			  session->name);
		go_down(session, "avahi-daemon or the D-Bus system bus does not answer");
	}
	return session_client(session) != NULL;
}

static void on_group(AvahiEntryGroup *group, AvahiEntryGroupState state, void *arg)
{
	(void)group, (void)state, (void)arg;
}

// Of what libavahi offers, an empty group costs Avahi the least: all that is only asked for, it
// remembers.
void session_call(struct session *session)
{
	AvahiClient *client = session_client(session);
	AvahiEntryGroup *group;

	if (client == NULL) {
		return;
	}
	group = avahi_entry_group_new(client, on_group, NULL);
	session_check(session,
		      group != NULL ? avahi_entry_group_free(group) : avahi_client_errno(client));
}
