// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/announcer.h"

#include <avahi-common/error.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "discovery/pacer.h"
#include "discovery/publications.h"
#include "discovery/records.h"
#include "discovery/session.h"

#define ERRANDS_MAX 32 // two for each of that many links; others have to do with what Avahi does
#define KEPT_MS 8000   // Avahi repeats an announcement after 1, 3 and 7 s
/*
 * RECORDS_AGAIN is news only to who has it not: it is taken back soon, and is not said once more
 * before others have forgotten it (RFC 6762 §10.1: 1 s after the goodbye).
 */
#define AGAIN_KEPT_MS 2500
#define FORGOTTEN_MS 1300
#define BUNDLE_MAX RECORDS_IN_GROUP
#define BURST 16 // bundles of about 35 calls each
#define PER_S 8

// A link to announce on.
struct errand {
	int32_t ifindex;
	enum records_what what;
};

struct bundle {
	AvahiEntryGroup *group; // NULL: freed, and perhaps not yet forgotten elsewhere
	struct errand errand;
	uint64_t due_ms; // to be freed, and then to be forgotten
	size_t n;
	const struct publication *members[BUNDLE_MAX]; // only compared: they may be freed
	struct bundle *prev, *next;                    // announcer::bundles
};

struct announcer {
	struct event_base *base;
	struct publications *all;
	const char *host;
	struct session *session; // NULL: nothing is doubled or to be
	struct event *pump;
	struct bundle *bundles;
	struct pacer pacer;
	uint32_t round; // of the first errand
	bool is_begun;  // the first errand
	size_t n_errands;
	struct errand errands[ERRANDS_MAX];
};

// An ifindex of -1 (AVAHI_IF_UNSPEC) is all of them.
static bool overlap(int32_t a, int32_t b)
{
	return a == b || a < 0 || b < 0;
}

// When this may be said.
static uint64_t ready_ms(const struct announcer *announcer, const struct errand *errand)
{
	uint64_t at_ms = 0;

	for (const struct bundle *p = announcer->bundles; p != NULL; p = p->next) {
		uint64_t p_ms = p->group != NULL ? p->due_ms + FORGOTTEN_MS : p->due_ms;

		if (errand->what == RECORDS_AGAIN && p->errand.what == RECORDS_AGAIN &&
		    overlap(p->errand.ifindex, errand->ifindex) && p_ms > at_ms) {
			at_ms = p_ms;
		}
	}
	return at_ms;
}

static bool can_announce(const struct announcer *announcer)
{
	return announcer->n_errands > 0 && announcer->host != NULL &&
	       session_state(announcer->session) == SESSION_RUNNING;
}

// Bring the first errand that may be run to the front. Return: when one may be.
static uint64_t choose_errand(struct announcer *announcer, uint64_t now_ms)
{
	uint64_t first_ms = UINT64_MAX;

	for (size_t i = 0; !announcer->is_begun && i < announcer->n_errands; i++) {
		const struct errand errand = announcer->errands[i];
		uint64_t at_ms = ready_ms(announcer, &errand);

		first_ms = at_ms < first_ms ? at_ms : first_ms;
		if (at_ms <= now_ms) {
			memmove(&announcer->errands[1], &announcer->errands[0], i * sizeof(errand));
			announcer->errands[0] = errand;
			announcer->is_begun = true;
		}
	}
	return announcer->is_begun ? now_ms : first_ms;
}

static void schedule(struct announcer *announcer)
{
	uint64_t now_ms = clock_now_ms();
	uint64_t due_ms = UINT64_MAX;
	struct timeval wait;

	event_del(announcer->pump);
	if (announcer->session == NULL) {
		return;
	}
	for (const struct bundle *p = announcer->bundles; p != NULL; p = p->next) {
		due_ms = p->due_ms < due_ms ? p->due_ms : due_ms;
	}
	if (announcer->bundles == NULL && announcer->n_errands == 0) {
		due_ms = now_ms; // to end the session
	}
	if (can_announce(announcer)) {
		uint64_t at_ms = choose_errand(announcer, now_ms);
		uint64_t paced_ms = now_ms + pacer_wait_ms(&announcer->pacer, now_ms);

		at_ms = at_ms > paced_ms ? at_ms : paced_ms;
		due_ms = at_ms < due_ms ? at_ms : due_ms;
	}
	if (due_ms != UINT64_MAX) {
		wait = clock_timeval(due_ms > now_ms ? due_ms - now_ms : 0);
		event_add(announcer->pump, &wait);
	}
}

// The service's bundles are then forgotten, the others when everybody has.
static void drop_bundle(struct announcer *announcer, struct bundle *bundle)
{
	AvahiEntryGroup *group = bundle->group;

	if (group != NULL && bundle->errand.what == RECORDS_AGAIN) {
		bundle->group = NULL;
		bundle->n = 0;
		bundle->due_ms = clock_now_ms() + FORGOTTEN_MS;
	} else {
		DL_DELETE(announcer->bundles, bundle);
		free(bundle);
	}
	if (group != NULL && session_client(announcer->session) != NULL) {
		session_check(announcer->session, avahi_entry_group_free(group));
	}
}

// Avahi has dropped all groups of the connection, so there is nothing to be freed there.
static void forget_bundles(struct announcer *announcer)
{
	struct bundle *bundle, *next;

	DL_FOREACH_SAFE (announcer->bundles, bundle, next) {
		DL_DELETE(announcer->bundles, bundle);
		free(bundle);
	}
}

static void end_session(struct announcer *announcer)
{
	forget_bundles(announcer);
	session_free(announcer->session);
	announcer->session = NULL;
}

static void on_session_changed(void *owner)
{
	struct announcer *announcer = owner;

	if (session_state(announcer->session) == SESSION_DOWN) {
		// Avahi comes back and announces all, or our connection does and begins anew.
		forget_bundles(announcer);
		announcer->round++;
	}
	schedule(announcer);
}

// What is about to be changed is announced by that.
static bool is_repeatable(const struct publication *one)
{
	return one->handle != NULL && one->is_established && one->work == PUBLICATION_IDLE;
}

// The next of the round that are not done yet.
static size_t choose(struct announcer *announcer, size_t max,
		     const struct publication *chosen[BUNDLE_MAX])
{
	size_t n = 0;

	for (struct publication *p = announcer->all->by_instance; p != NULL && n < max;
	     p = p->hh.next) {
		if (p->round != announcer->round && is_repeatable(p)) {
			p->round = announcer->round;
			chosen[n++] = p;
		}
	}
	return n;
}

static void next_errand(struct announcer *announcer)
{
	announcer->n_errands--;
	announcer->is_begun = false;
	memmove(&announcer->errands[0], &announcer->errands[1],
		announcer->n_errands * sizeof(announcer->errands[0]));
	announcer->round++;
}

static void announce_some(struct announcer *announcer)
{
	const struct errand errand = announcer->errands[0];
	const struct publication *chosen[BUNDLE_MAX];
	size_t n = choose(announcer, records_repeat_max(errand.what), chosen);
	AvahiEntryGroup *group = NULL;
	struct bundle *bundle;
	int error;

	if (n == 0) {
		next_errand(announcer);
		return;
	}
	error = records_repeat(announcer->session, chosen, n, announcer->host, errand.ifindex,
			       errand.what, &group);
	if (error < 0) {
		log_debug("Avahi does not let us announce again: %s. ifindex=%d",
			  avahi_strerror(error), errand.ifindex);
		return;
	}
	bundle = xcalloc(1, sizeof(*bundle));
	bundle->group = group;
	bundle->errand = errand;
	bundle->due_ms = clock_now_ms() + (errand.what == RECORDS_AGAIN ? AGAIN_KEPT_MS : KEPT_MS);
	bundle->n = n;
	memcpy(bundle->members, chosen, n * sizeof(chosen[0]));
	DL_APPEND(announcer->bundles, bundle);
}

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct announcer *announcer = arg;
	struct bundle *due = announcer->bundles;
	uint64_t now_ms = clock_now_ms();

	(void)fd;
	(void)what;
	while (due != NULL && due->due_ms > now_ms) {
		due = due->next;
	}
	if (due != NULL) {
		drop_bundle(announcer, due);
	} else if (announcer->bundles == NULL && announcer->n_errands == 0) {
		end_session(announcer);
	} else if (can_announce(announcer) && choose_errand(announcer, now_ms) <= now_ms &&
		   pacer_take(&announcer->pacer, now_ms)) {
		announce_some(announcer);
	}
	schedule(announcer);
}

struct announcer *announcer_new(struct event_base *base, struct publications *all)
{
	struct announcer *announcer = xcalloc(1, sizeof(*announcer));

	announcer->base = base;
	announcer->all = all;
	announcer->round = 1; // that of a new publication is 0
	announcer->pump = event_new(base, -1, 0, on_pump, announcer);
	pacer_init(&announcer->pacer, BURST, PER_S, clock_now_ms());
	return announcer;
}

void announcer_free(struct announcer *announcer)
{
	if (announcer == NULL) {
		return;
	}
	end_session(announcer);
	event_free(announcer->pump);
	free(announcer);
}

void announcer_set_host(struct announcer *announcer, const char *host)
{
	announcer->host = host;
	schedule(announcer);
}

// One that waits does for this, too; one that has begun knows nothing of the link as it is now.
static bool is_waiting(const struct announcer *announcer, int32_t ifindex, enum records_what what)
{
	for (size_t i = announcer->is_begun ? 1 : 0; i < announcer->n_errands; i++) {
		if (announcer->errands[i].ifindex == ifindex &&
		    announcer->errands[i].what == what) {
			return true;
		}
	}
	return false;
}

void announcer_announce(struct announcer *announcer, int32_t ifindex, enum records_what what)
{
	struct session_handler on_changed = {on_session_changed, announcer};

	if (announcer->all->by_instance == NULL || announcer->n_errands == ERRANDS_MAX ||
	    is_waiting(announcer, ifindex, what)) {
		return;
	}
	announcer->errands[announcer->n_errands++] = (struct errand){ifindex, what};
	if (announcer->session == NULL) {
		announcer->session = session_new(announcer->base, "announce", on_changed);
	}
	schedule(announcer);
}

void announcer_release(struct announcer *announcer, const struct publication *one)
{
	struct bundle *bundle, *next;

	DL_FOREACH_SAFE (announcer->bundles, bundle, next) {
		for (size_t i = 0; i < bundle->n; i++) {
			if (bundle->members[i] == one) {
				drop_bundle(announcer, bundle);
				// The call may have cost us the connection, and with it all.
				next = announcer->bundles;
				break;
			}
		}
	}
	schedule(announcer);
}

void announcer_clear(struct announcer *announcer)
{
	announcer->n_errands = 0;
	announcer->is_begun = false;
	if (announcer->session != NULL) {
		end_session(announcer);
	}
	schedule(announcer);
}
