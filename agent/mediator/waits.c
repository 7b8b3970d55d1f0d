// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Lookups of nodes that are not known: each waits for the question that it put on the network, and
 * what was not found is not waited for again so soon.
 */

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/xalloc.h"
#include "mediator/internal.h"

struct wait {
	struct wait *prev, *next;           // client::waits
	struct wait *prev_same, *next_same; // wanted::waits
	struct waits *owner;
	struct wanted *wanted;
	struct client *client;
	struct event *deadline;
	uint32_t id;
	enum ep_family family;
	bool is_thorough; // waits until the network would have answered, and clients are back
};

// A name that somebody waits for (waits), or that was missed lately (miss_until_ms).
struct wanted {
	UT_hash_handle hh; // waits::by_name
	struct wait *waits;
	uint64_t miss_until_ms;
	uint8_t len;
	uint8_t name[];
};

struct waits {
	struct agent *agent;
	struct wanted *by_name; // in the order of their arrival
	uint32_t n_waits;
};

struct waits *waits_new(struct agent *agent)
{
	struct waits *waits = xcalloc(1, sizeof(*waits));

	waits->agent = agent;
	return waits;
}

static void drop_wanted(struct waits *waits, struct wanted *wanted)
{
	HASH_DEL(waits->by_name, wanted);
	free(wanted);
}

static void drop_wait(struct wait *wait)
{
	DL_DELETE(wait->client->waits, wait);
	DL_DELETE2(wait->wanted->waits, wait, prev_same, next_same);
	wait->owner->n_waits--;
	wait->client->user->n_waits--;
	event_free(wait->deadline);
	free(wait);
}

void waits_free(struct waits *waits)
{
	struct wanted *wanted, *next;

	if (waits == NULL) {
		return;
	}
	HASH_ITER (hh, waits->by_name, wanted, next) {
		while (wanted->waits != NULL) {
			drop_wait(wanted->waits);
		}
		drop_wanted(waits, wanted);
	}
	free(waits);
}

static struct wanted *find(const struct waits *waits, struct ep_str node)
{
	struct wanted *wanted;

	HASH_FIND(hh, waits->by_name, node.p, (unsigned)node.n, wanted);
	return wanted;
}

// Misses are few and short-lived: past the cap the oldest is forgotten.
static void make_room(struct waits *waits)
{
	struct wanted *wanted, *next;

	if (HASH_COUNT(waits->by_name) < AGENT_MISSES_MAX + AGENT_WAITS_MAX) {
		return;
	}
	HASH_ITER (hh, waits->by_name, wanted, next) {
		if (wanted->waits == NULL) {
			drop_wanted(waits, wanted);
			return;
		}
	}
}

static struct wanted *obtain(struct waits *waits, struct ep_str node)
{
	struct wanted *wanted = find(waits, node);

	if (wanted == NULL) {
		make_room(waits);
		wanted = xcalloc(1, sizeof(*wanted) + node.n);
		wanted->len = (uint8_t)node.n;
		memcpy(wanted->name, node.p, node.n);
		HASH_ADD_KEYPTR(hh, waits->by_name, wanted->name, wanted->len, wanted);
	}
	return wanted;
}

static void forget(struct waits *waits, struct wait *wait)
{
	struct wanted *wanted = wait->wanted;

	drop_wait(wait);
	if (wanted->waits == NULL && wanted->miss_until_ms == 0) {
		drop_wanted(waits, wanted);
	}
}

static void on_deadline(evutil_socket_t fd, short what, void *user)
{
	struct wait *wait = user;
	struct waits *waits = wait->owner;
	struct session *session = wait->client->session;
	struct wanted *wanted = wait->wanted;
	uint32_t id = wait->id;

	(void)fd;
	(void)what;
	if (wait->is_thorough) {
		wanted->miss_until_ms = clock_now_ms() + AGENT_MISS_MS;
	}
	forget(waits, wait);
	requests_fail_lookup(session, id);
}

// By then the clients of an earlier agent are back.
static uint64_t grace_end_ms(const struct agent *agent)
{
	return agent->started_ms + AGENT_GRACE_MS;
}

// How long is it worth waiting? Until clients are back after our start, else for the network's
// answer.
static uint64_t patience_ms(const struct agent *agent, uint32_t wait_ms, uint64_t now_ms)
{
	uint64_t patience = agent->link != NULL && agent->lan.is_browsing ? AGENT_WAIT_MAX_MS : 0;

	if (now_ms < grace_end_ms(agent) && grace_end_ms(agent) - now_ms > patience) {
		patience = grace_end_ms(agent) - now_ms;
	}
	return wait_ms < patience ? wait_ms : patience;
}

// One that cannot wait is not told that there is no such node: nobody has asked for it.
static bool is_refused(const struct waits *waits, struct client *client, uint32_t id)
{
	if (waits->n_waits >= AGENT_WAITS_MAX) {
		session_fail(client->session, id, EP_CODE_LIMIT,
			     "%d lookups wait for the network already", AGENT_WAITS_MAX);
		return true;
	}
	if (client->user->n_waits >= AGENT_WAITS_PER_UID_MAX) {
		session_fail(client->session, id, EP_CODE_LIMIT,
			     "your user has %d lookups that wait for the network",
			     AGENT_WAITS_PER_UID_MAX);
		return true;
	}
	return false;
}

bool waits_add(struct waits *waits, struct client *client, uint32_t id, struct ep_str node,
	       enum ep_family family, uint32_t wait_ms)
{
	struct agent *agent = waits->agent;
	uint64_t now_ms = clock_now_ms();
	uint64_t patience = patience_ms(agent, wait_ms, now_ms);
	struct wanted *wanted = find(waits, node);
	struct timeval delay = clock_timeval(patience);
	struct wait *wait;

	if (wanted != NULL && wanted->waits == NULL && now_ms < wanted->miss_until_ms) {
		return false;
	}
	lan_ask(agent);
	if (patience == 0) {
		return false;
	}
	if (is_refused(waits, client, id) || !session_defer(client->session, id)) {
		return true; // answered: too many
	}
	wait = xcalloc(1, sizeof(*wait));
	wait->owner = waits;
	wait->client = client;
	wait->id = id;
	wait->family = family;
	wait->is_thorough =
		patience >= AGENT_MISS_AFTER_MS && now_ms + patience >= grace_end_ms(agent);
	wait->wanted = obtain(waits, node);
	wait->deadline = event_new(agent->base, -1, 0, on_deadline, wait);
	DL_APPEND(client->waits, wait);
	DL_APPEND2(wait->wanted->waits, wait, prev_same, next_same);
	waits->n_waits++;
	client->user->n_waits++;
	event_add(wait->deadline, &delay);
	return true;
}

void waits_wake(struct waits *waits, struct ep_str node, enum ep_family family)
{
	struct wanted *wanted = find(waits, node);
	struct wait *wait, *next;

	if (wanted == NULL) {
		return;
	}
	wanted->miss_until_ms = 0;
	DL_FOREACH_SAFE2(wanted->waits, wait, next, next_same)
	{
		struct ep_str name = {wanted->name, wanted->len};

		if (wait->family == family &&
		    requests_answer_lookup(waits->agent, wait->client->session, wait->id, name,
					   family)) {
			drop_wait(wait);
		}
	}
	if (wanted->waits == NULL) {
		drop_wanted(waits, wanted);
	}
}

bool waits_cancel(struct waits *waits, struct client *client, uint32_t id)
{
	struct wait *wait;

	DL_FOREACH (client->waits, wait) {
		if (wait->id == id) {
			forget(waits, wait);
			return true;
		}
	}
	return false;
}

void waits_cancel_all(struct waits *waits, struct client *client)
{
	while (client->waits != NULL) {
		forget(waits, client->waits);
	}
}
