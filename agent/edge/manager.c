// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "edge/manager.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sd.h"
#include "base/xalloc.h"

enum phase { PHASE_STARTING, PHASE_SERVING, PHASE_STOPPING };

struct manager {
	const struct sd *sd;
	void (*describe)(void *user, char *text, size_t cap);
	void *user;
	struct event *status; // pending from the first change on
	struct event *watchdog;
	enum phase phase;
	bool is_pending;
	bool is_ready; // and it knows
	bool is_failed;
	char told[MANAGER_STATUS_MAX];
};

static void arm(struct manager *manager)
{
	struct timeval delay = clock_timeval(MANAGER_EVERY_MS);

	manager->is_pending = true;
	event_add(manager->status, &delay);
}

// It may refuse us for long; that is said once.
static void complain(struct manager *manager, int error)
{
	if (!manager->is_failed) {
		manager->is_failed = true;
		log_warn("Cannot tell the service manager how we are: %s.", strerror(-error));
	}
}

// Each line of a message is a thing of its own, and what is no text is not shown at all.
static void make_printable(char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~') {
			*text = '?';
		}
	}
}

static int send_status(const struct manager *manager, const char *first, char *status)
{
	char message[MANAGER_STATUS_MAX + sizeof("STOPPING=1\nSTATUS=")];

	make_printable(status);
	snprintf(message, sizeof(message), "%sSTATUS=%s", first, status);
	return sd_notify(manager->sd, message);
}

static void tell(struct manager *manager)
{
	char status[MANAGER_STATUS_MAX] = "";
	int error;

	manager->describe(manager->user, status, sizeof(status));
	if (manager->is_ready && strcmp(status, manager->told) == 0) {
		return;
	}
	error = send_status(manager, manager->is_ready ? "" : "READY=1\n", status);
	if (error == -EAGAIN || error == -ENOBUFS) {
		arm(manager); // it is busy
	} else if (error < 0) {
		complain(manager, error);
	} else {
		manager->is_ready = true;
		memcpy(manager->told, status, sizeof(manager->told));
	}
}

static void on_status(evutil_socket_t fd, short what, void *user)
{
	struct manager *manager = user;

	(void)fd;
	(void)what;
	manager->is_pending = false;
	tell(manager);
}

static void on_watchdog(evutil_socket_t fd, short what, void *user)
{
	struct manager *manager = user;
	int error = sd_notify(manager->sd, "WATCHDOG=1");

	(void)fd;
	(void)what;
	if (error < 0) {
		complain(manager, error);
	}
}

static void start_watchdog(struct manager *manager)
{
	uint64_t ms = manager->sd->watchdog_us / 1000 / MANAGER_SIGNS;
	struct timeval interval;

	if (manager->sd->watchdog_us == 0) {
		return;
	}
	ms = ms > MANAGER_SIGN_MIN_MS ? ms : MANAGER_SIGN_MIN_MS;
	interval = clock_timeval(ms < MANAGER_SIGN_MAX_MS ? ms : MANAGER_SIGN_MAX_MS);
	event_add(manager->watchdog, &interval);
}

struct manager *manager_new(struct event_base *base, const struct sd *sd,
			    void (*describe)(void *user, char *text, size_t cap), void *user)
{
	struct manager *manager;

	if (sd == NULL || sd->fd < 0) {
		return NULL;
	}
	manager = xcalloc(1, sizeof(*manager));
	manager->sd = sd;
	manager->describe = describe;
	manager->user = user;
	manager->status = event_new(base, -1, 0, on_status, manager);
	manager->watchdog = event_new(base, -1, EV_PERSIST, on_watchdog, manager);
	return manager;
}

void manager_free(struct manager *manager)
{
	if (manager == NULL) {
		return;
	}
	event_free(manager->status);
	event_free(manager->watchdog);
	free(manager);
}

void manager_ready(struct manager *manager)
{
	if (manager == NULL || manager->phase != PHASE_STARTING) {
		return;
	}
	manager->phase = PHASE_SERVING;
	start_watchdog(manager);
	tell(manager);
}

void manager_touch(struct manager *manager)
{
	if (manager != NULL && !manager->is_pending && manager->phase == PHASE_SERVING) {
		arm(manager);
	}
}

void manager_stopping(struct manager *manager, const char *status)
{
	char text[MANAGER_STATUS_MAX];
	int error;

	if (manager == NULL || manager->phase == PHASE_STOPPING) {
		return;
	}
	manager->phase = PHASE_STOPPING;
	event_del(manager->status);
	snprintf(text, sizeof(text), "%s", status);
	error = send_status(manager, "STOPPING=1\n", text);
	if (error < 0) {
		complain(manager, error);
	}
}
