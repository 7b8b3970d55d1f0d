// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "edge/prober.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mdns.h"
#include "base/xalloc.h"
#include "edge/inquiry.h"
#include "edge/knock.h"
#include "edge/lanes.h"
#include "edge/place.h"
#include "model/verification.h"

#define TARGETS (2 * PROBER_PER_SECOND) // remembered probes: none is forgotten within its time
#define LOOKS 16 // at those of one address, for one whose port has not been asked just now

struct probe {
	struct lane_item item;     // first, so that what waits is a probe
	struct probe *prev, *next; // prober::running
	struct prober *prober;
	struct peers_ticket ticket;
	struct peers_address address;
	int32_t ifindex;
	uint16_t port;
	uint16_t id; // of its questions
	struct verification verification;
	struct event *timer; // at its deadline
	struct knock *knock;
};

struct target {
	struct peers_address address;
	uint16_t port;
	uint64_t at_ms;
};

struct prober {
	struct event_base *base;
	struct event *pump; // starts queued probes
	const struct prober_ops *ops;
	void *user;
	struct inquiry *inquiry;
	struct lanes lanes;
	struct probe *running;
	struct target targets[TARGETS];
	unsigned next_target;
	uint64_t second_ms; // start of the second that is counted in
	uint32_t n_second;
};

static void free_probe(struct probe *probe)
{
	if (probe->timer != NULL) {
		event_free(probe->timer);
	}
	knock_free(probe->knock);
	free(probe);
}

static void pump_in(struct prober *prober, uint64_t ms)
{
	struct timeval delay = clock_timeval(ms);

	event_add(prober->pump, &delay);
}

static void finish(struct probe *probe, enum liveness_verdict verdict)
{
	struct prober *prober = probe->prober;
	struct peers_ticket ticket = probe->ticket;

	DL_DELETE(prober->running, probe);
	lanes_end(&prober->lanes, &probe->item);
	free_probe(probe);
	pump_in(prober, 0);
	prober->ops->on_judged(prober->user, &ticket, verdict);
}

static struct probe *probe_of(struct lane_item *item)
{
	return (struct probe *)(void *)item;
}

static void drop(struct prober *prober, struct probe *probe, enum liveness_verdict verdict)
{
	struct peers_ticket ticket = probe->ticket;

	lanes_remove(&prober->lanes, &probe->item);
	free_probe(probe);
	prober->ops->on_judged(prober->user, &ticket, verdict);
}

static struct mdns_question question_of(const struct probe *probe)
{
	return (struct mdns_question){
		.id = probe->id,
		.instance = probe->ticket.instance,
		.address = probe->address.bytes,
		.len = probe->address.len,
	};
}

static void put_question(const struct probe *probe)
{
	struct mdns_question question = question_of(probe);
	uint8_t packet[MDNS_QUESTION_MAX];
	size_t n = mdns_write(&question, packet);

	inquiry_send(probe->prober->inquiry, &probe->address, probe->ifindex,
		     probe->verification.n_questions, packet, n);
}

static void on_knocked(void *user, enum liveness_verdict verdict);

// The probe may be gone afterwards.
static void act(struct probe *probe, unsigned actions)
{
	struct prober *prober = probe->prober;
	uint64_t now_ms = clock_now_ms();
	struct timeval delay;

	if ((actions & VERIFICATION_DONE) != 0) {
		finish(probe, (enum liveness_verdict)probe->verification.verdict);
		return;
	}
	if ((actions & VERIFICATION_QUESTION) != 0) {
		put_question(probe);
	}
	if ((actions & VERIFICATION_CONNECT) != 0) {
		probe->knock = knock_new(prober->base, &probe->address, probe->ifindex, probe->port,
					 on_knocked, probe);
	}
	delay = clock_timeval(probe->verification.deadline_ms > now_ms
				      ? probe->verification.deadline_ms - now_ms
				      : 0);
	event_add(probe->timer, &delay);
	if ((actions & VERIFICATION_ASK) != 0) {
		prober->ops->on_unanswered(prober->user);
	}
}

// The host of this probe has answered: it is there for all of its nodes.
static void note_heard(struct probe *probe)
{
	struct probe *other;

	DL_FOREACH (probe->prober->running, other) {
		if (other != probe && place_is_same(&other->address, &probe->address)) {
			verification_heard(&other->verification);
		}
	}
}

static void on_knocked(void *user, enum liveness_verdict verdict)
{
	struct probe *probe = user;

	if (verdict != LIVENESS_SILENT) {
		note_heard(probe);
	}
	act(probe, verification_connected(&probe->verification, verdict));
}

static void on_timer(evutil_socket_t fd, short what, void *user)
{
	struct probe *probe = user;

	(void)fd;
	(void)what;
	act(probe, verification_tick(&probe->verification, clock_now_ms()));
}

/*
 * A host answers from its first address, whichever is asked: so one of another address is taken if
 * it comes from the link. Its id and questions tell whose it is; only one can be meant.
 */
static void on_packet(void *user, const struct peers_address *from, bool is_from_link,
		      const uint8_t *packet, size_t n)
{
	struct prober *prober = user;
	struct probe *probe;

	DL_FOREACH (prober->running, probe) {
		struct mdns_question question = question_of(probe);
		enum mdns_reply reply;
		uint16_t port;

		if (probe->address.len != from->len ||
		    (!is_from_link && !place_is_same(&probe->address, from))) {
			continue;
		}
		reply = mdns_read(&question, packet, n, &port);
		if (reply != MDNS_NO_REPLY) {
			note_heard(probe);
			act(probe,
			    verification_answered(&probe->verification,
						  reply == MDNS_ADVERTISED && port == probe->port));
			return;
		}
	}
}

// Nobody can tell what is advertised at this address.
static void on_refused(void *user, const struct peers_address *target)
{
	struct prober *prober = user;
	struct probe *probe, *next;

	DL_FOREACH_SAFE (prober->running, probe, next) {
		if (place_is_same(&probe->address, target)) {
			act(probe, verification_unheard(&probe->verification));
		}
	}
}

static const struct inquiry_ops inquiry_ops = {.on_packet = on_packet, .on_refused = on_refused};

// How long until anybody may be asked? 0: now.
static uint64_t total_wait_ms(struct prober *prober, uint64_t now_ms)
{
	if (now_ms - prober->second_ms >= 1000) {
		prober->second_ms = now_ms;
		prober->n_second = 0;
	}
	return prober->n_second >= PROBER_PER_SECOND ? prober->second_ms + 1000 - now_ms : 0;
}

// How long until this target may be asked (again)?
static uint64_t target_wait_ms(const struct prober *prober, const struct probe *probe,
			       uint64_t now_ms)
{
	for (unsigned i = 0; i < TARGETS; i++) {
		const struct target *target = &prober->targets[i];

		if (target->port == probe->port &&
		    place_is_same(&target->address, &probe->address) &&
		    now_ms - target->at_ms < PROBER_PER_TARGET_MS) {
			return target->at_ms + PROBER_PER_TARGET_MS - now_ms;
		}
	}
	return 0;
}

static void start(struct prober *prober, struct probe *probe, uint64_t now_ms)
{
	uint16_t random[2] = {0};
	unsigned actions;

	lanes_start(&prober->lanes, &probe->item);
	DL_APPEND(prober->running, probe);
	prober->n_second++;
	prober->targets[prober->next_target] =
		(struct target){.address = probe->address, .port = probe->port, .at_ms = now_ms};
	prober->next_target = (prober->next_target + 1) % TARGETS;
	if (getrandom(random, sizeof(random), GRND_NONBLOCK) != sizeof(random)) {
		random[0] = (uint16_t)now_ms; // at boot; a guess at it gains little
	}
	probe->id = random[0];
	probe->timer = event_new(prober->base, -1, 0, on_timer, probe);
	actions = verification_begin(&probe->verification, probe->ticket.must_connect, random[1],
				     now_ms);
	if (probe->ticket.is_brief) {
		verification_shorten(&probe->verification);
	}
	act(probe, actions);
}

// What nobody waits for any more, or cannot be asked, costs nothing.
static bool is_to_be_asked(const struct prober *prober, const struct probe *probe)
{
	return probe->address.len > 0 && (prober->ops->is_wanted == NULL ||
					  prober->ops->is_wanted(prober->user, &probe->ticket));
}

// The first of these that may be asked now. *least_ms: else, when one may be.
static struct probe *pick_of(struct prober *prober, struct lane *lane, uint64_t now_ms,
			     uint64_t *least_ms)
{
	uint32_t n = lane->n_waiting < LOOKS ? lane->n_waiting : LOOKS;

	while (n-- > 0) {
		struct probe *probe = probe_of(lane->waiting);
		uint64_t ms = target_wait_ms(prober, probe, now_ms);

		if (ms == 0) {
			return probe;
		}
		*least_ms = ms < *least_ms ? ms : *least_ms;
		lanes_postpone(&probe->item);
	}
	return NULL;
}

static struct probe *pick(struct prober *prober, uint64_t now_ms, uint64_t *least_ms)
{
	uint64_t ms = total_wait_ms(prober, now_ms);
	struct probe *probe = NULL;
	struct lane *lane;

	if (ms > 0) {
		*least_ms = ms;
		return NULL;
	}
	DL_FOREACH (prober->lanes.turns, lane) {
		if (lanes_has_room(&prober->lanes, lane)) { // else finish() pumps again
			probe = pick_of(prober, lane, now_ms, least_ms);
		}
		if (probe != NULL) {
			break;
		}
	}
	return probe;
}

static void on_pump(evutil_socket_t fd, short what, void *user)
{
	struct prober *prober = user;
	uint64_t now_ms = clock_now_ms();
	uint64_t least_ms = UINT64_MAX;
	struct probe *probe;

	(void)fd;
	(void)what;
	while (prober->lanes.n_waiting > PROBER_QUEUE_MAX) {
		// Nothing is known of it: it may live.
		drop(prober, probe_of(prober->lanes.oldest), LIVENESS_ACCEPTED);
	}
	while ((probe = pick(prober, now_ms, &least_ms)) != NULL) {
		if (is_to_be_asked(prober, probe)) {
			start(prober, probe, now_ms);
		} else {
			drop(prober, probe, LIVENESS_SILENT);
		}
	}
	if (prober_pending(prober) == 0) {
		inquiry_rest(prober->inquiry); // no port is open for longer than needed
	}
	if (least_ms != UINT64_MAX && !event_pending(prober->pump, EV_TIMEOUT, NULL)) {
		pump_in(prober, least_ms);
	}
}

struct prober *prober_new(struct event_base *base, const struct prober_ops *ops, void *user)
{
	struct prober *prober = xcalloc(1, sizeof(*prober));

	prober->base = base;
	prober->ops = ops;
	prober->user = user;
	prober->lanes.n_places = PROBER_AT_ONCE;
	prober->inquiry = inquiry_new(base, &inquiry_ops, prober);
	prober->pump = event_new(base, -1, 0, on_pump, prober);
	return prober;
}

void prober_free(struct prober *prober)
{
	struct probe *probe, *next;

	if (prober == NULL) {
		return;
	}
	while (prober->lanes.oldest != NULL) {
		probe = probe_of(prober->lanes.oldest);
		lanes_remove(&prober->lanes, &probe->item);
		free_probe(probe);
	}
	DL_FOREACH_SAFE (prober->running, probe, next) {
		lanes_end(&prober->lanes, &probe->item);
		free_probe(probe);
	}
	inquiry_free(prober->inquiry);
	event_free(prober->pump);
	free(prober);
}

void prober_ask(struct prober *prober, const struct peers_ticket *ticket,
		const struct peers_address *address, int32_t ifindex, uint16_t port)
{
	struct probe *probe = xcalloc(1, sizeof(*probe));

	*probe = (struct probe){.prober = prober,
				.ticket = *ticket,
				.address = *address,
				.ifindex = ifindex,
				.port = port};
	lanes_add(&prober->lanes, &probe->item, address);
	pump_in(prober, 0);
}

uint32_t prober_pending(const struct prober *prober)
{
	return prober->lanes.n_waiting + prober->lanes.n_running;
}
