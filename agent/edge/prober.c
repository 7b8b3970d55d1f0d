// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "edge/prober.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"

#define TARGETS (2 * PROBER_PER_SECOND) // remembered connects: none is forgotten within its time
#define AGAIN_MS 500

struct probe {
	struct probe *prev, *next; // prober::queued or prober::running
	struct prober *prober;
	struct peers_ticket ticket;
	struct peers_address address;
	int32_t ifindex;
	uint16_t port;
	uint64_t deadline_ms;
	int fd;
	struct event *event;
};

struct target {
	struct peers_address address;
	uint16_t port;
	uint64_t at_ms;
};

struct prober {
	struct event_base *base;
	struct event *pump; // starts queued probes
	void (*on_judged)(void *user, const struct peers_ticket *ticket,
			  enum liveness_verdict verdict);
	void *user;
	struct probe *queued, *running;
	uint32_t n_queued, n_running;
	struct target targets[TARGETS];
	unsigned next_target;
	uint64_t second_ms; // start of the second that is counted in
	uint32_t n_second;
};

static void free_probe(struct probe *probe)
{
	if (probe->event != NULL) {
		event_free(probe->event);
	}
	if (probe->fd >= 0) {
		close(probe->fd);
	}
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
	prober->n_running--;
	free_probe(probe);
	if (prober->n_queued > 0) {
		pump_in(prober, 0);
	}
	prober->on_judged(prober->user, &ticket, verdict);
}

static void try_connect(struct probe *probe);

// Nothing yet: try again until the deadline, for ARP is asked only once a second and packets get
// lost.
static void on_again(evutil_socket_t fd, short what, void *user)
{
	(void)fd;
	(void)what;
	try_connect(user);
}

static void again_or_silent(struct probe *probe)
{
	struct timeval delay = clock_timeval(AGAIN_MS);

	if (clock_now_ms() + AGAIN_MS >= probe->deadline_ms) {
		finish(probe, LIVENESS_SILENT);
		return;
	}
	if (probe->event != NULL) {
		event_free(probe->event);
	}
	close(probe->fd);
	probe->fd = -1;
	probe->event = event_new(probe->prober->base, -1, 0, on_again, probe);
	event_add(probe->event, &delay);
}

static void judge(struct probe *probe, int error)
{
	switch (error) {
	case 0:
		finish(probe, LIVENESS_ACCEPTED);
		break;
	case ECONNREFUSED:
	case ECONNRESET:
		finish(probe, LIVENESS_REFUSED);
		break;
	case EHOSTUNREACH: // no ARP answer: says nothing yet
	case EHOSTDOWN:
	case ETIMEDOUT:
	case ENETUNREACH: // our own link may be back in a moment
	case ENETDOWN:
	case EADDRNOTAVAIL:
	case EAGAIN:
		again_or_silent(probe);
		break;
	default: // EACCES, …: no way there from here
		finish(probe, LIVENESS_SILENT);
		break;
	}
}

static void on_connected(evutil_socket_t fd, short what, void *user)
{
	struct probe *probe = user;
	socklen_t len = sizeof(int);
	int error = 0;

	if ((what & EV_TIMEOUT) != 0) {
		finish(probe, LIVENESS_SILENT);
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) {
		error = errno;
	}
	judge(probe, error);
}

static socklen_t fill_sockaddr(const struct probe *probe, struct sockaddr_storage *storage)
{
	*storage = (struct sockaddr_storage){0};
	if (probe->address.len == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)(void *)storage;

		in->sin_family = AF_INET;
		in->sin_port = htons(probe->port);
		memcpy(&in->sin_addr, probe->address.bytes, 4);
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)storage;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(probe->port);
	in6->sin6_scope_id = (uint32_t)probe->ifindex;
	memcpy(&in6->sin6_addr, probe->address.bytes, 16);
	return sizeof(*in6);
}

static void try_connect(struct probe *probe)
{
	struct sockaddr_storage storage;
	socklen_t len = fill_sockaddr(probe, &storage);
	uint64_t now_ms = clock_now_ms();
	uint64_t left_ms = probe->deadline_ms > now_ms ? probe->deadline_ms - now_ms : 0;
	struct timeval timeout = clock_timeval(left_ms);
	int error;

	if (probe->event != NULL) {
		event_free(probe->event);
		probe->event = NULL;
	}
	probe->fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (probe->fd < 0) {
		// Out of descriptors is not the peer's fault; without its family nobody here can
		// tell.
		finish(probe, errno == EAFNOSUPPORT ? LIVENESS_SILENT : LIVENESS_ACCEPTED);
		return;
	}
	error = connect(probe->fd, (struct sockaddr *)&storage, len) < 0 ? errno : 0;
	if (error != EINPROGRESS) {
		judge(probe, error);
		return;
	}
	probe->event = event_new(probe->prober->base, probe->fd, EV_WRITE, on_connected, probe);
	event_add(probe->event, &timeout);
}

// How long until this target and the total may be asked (again)? 0: now.
static uint64_t wait_ms(struct prober *prober, const struct probe *probe, uint64_t now_ms)
{
	if (now_ms - prober->second_ms >= 1000) {
		prober->second_ms = now_ms;
		prober->n_second = 0;
	}
	if (prober->n_second >= PROBER_PER_SECOND) {
		return prober->second_ms + 1000 - now_ms;
	}
	for (unsigned i = 0; i < TARGETS; i++) {
		const struct target *target = &prober->targets[i];

		if (target->port == probe->port && target->address.len == probe->address.len &&
		    memcmp(target->address.bytes, probe->address.bytes, probe->address.len) == 0 &&
		    now_ms - target->at_ms < PROBER_PER_TARGET_MS) {
			return target->at_ms + PROBER_PER_TARGET_MS - now_ms;
		}
	}
	return 0;
}

static void take_off_queue(struct prober *prober, struct probe *probe)
{
	DL_DELETE(prober->queued, probe);
	prober->n_queued--;
	DL_APPEND(prober->running, probe);
	prober->n_running++;
}

static void start(struct prober *prober, struct probe *probe, uint64_t now_ms)
{
	take_off_queue(prober, probe);
	probe->deadline_ms = now_ms + PROBER_TIMEOUT_MS;
	if (probe->address.len == 0) {
		finish(probe, LIVENESS_SILENT);
		return;
	}
	prober->n_second++;
	prober->targets[prober->next_target] =
		(struct target){.address = probe->address, .port = probe->port, .at_ms = now_ms};
	prober->next_target = (prober->next_target + 1) % TARGETS;
	try_connect(probe);
}

static void on_pump(evutil_socket_t fd, short what, void *user)
{
	struct prober *prober = user;
	struct probe *probe, *next;
	uint64_t now_ms = clock_now_ms();
	uint64_t least_ms = UINT64_MAX;

	(void)fd;
	(void)what;
	while (prober->n_queued > PROBER_QUEUE_MAX) {
		probe = prober->queued; // nothing is known of it: it may live
		take_off_queue(prober, probe);
		finish(probe, LIVENESS_ACCEPTED);
	}
	DL_FOREACH_SAFE (prober->queued, probe, next) {
		uint64_t ms;

		if (prober->n_running >= PROBER_AT_ONCE) {
			return; // finish() pumps again
		}
		ms = wait_ms(prober, probe, now_ms);
		if (ms == 0) {
			start(prober, probe, now_ms);
		} else if (ms < least_ms) {
			least_ms = ms;
		}
	}
	if (least_ms != UINT64_MAX && !event_pending(prober->pump, EV_TIMEOUT, NULL)) {
		pump_in(prober, least_ms);
	}
}

struct prober *prober_new(struct event_base *base,
			  void (*on_judged)(void *user, const struct peers_ticket *ticket,
					    enum liveness_verdict verdict),
			  void *user)
{
	struct prober *prober = xcalloc(1, sizeof(*prober));

	prober->base = base;
	prober->on_judged = on_judged;
	prober->user = user;
	prober->pump = event_new(base, -1, 0, on_pump, prober);
	return prober;
}

void prober_free(struct prober *prober)
{
	struct probe *probe, *next;

	if (prober == NULL) {
		return;
	}
	DL_FOREACH_SAFE (prober->queued, probe, next) {
		free_probe(probe);
	}
	DL_FOREACH_SAFE (prober->running, probe, next) {
		free_probe(probe);
	}
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
				.port = port,
				.fd = -1};
	DL_APPEND(prober->queued, probe);
	prober->n_queued++;
	pump_in(prober, 0);
}

uint32_t prober_pending(const struct prober *prober)
{
	return prober->n_queued + prober->n_running;
}
