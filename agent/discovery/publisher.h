// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Gets what the front wants published into Avahi: one entry group of raw records for each instance,
 * paced, on a D-Bus client of its own, rebuilt after every reconnect.
 */
#pragma once

#include <stdbool.h>

#include "discovery/front.h"
#include "discovery/records.h"

struct interfaces;
struct publisher;
struct session;

// on_state: the session's state, or what publisher_host() and publisher_problem() return, has
// changed.
struct publisher_handler {
	void (*on_state)(void *owner);
	void *owner;
};

struct publisher *publisher_new(struct event_base *base, struct front *front,
				const struct interfaces *interfaces,
				struct publisher_handler handler);
void publisher_free(struct publisher *publisher);

void publisher_reset(struct publisher *publisher);
void publisher_publish(struct publisher *publisher, const struct link_msg *msg);
void publisher_withdraw(struct publisher *publisher, const char *instance);
void publisher_end(struct publisher *publisher);
// publisher_replace(): publish everything anew, without a goodbye between; when
// interfaces_publish_on() has changed.
void publisher_replace(struct publisher *publisher);
// publisher_repeat(): announce everything once more on one interface.
void publisher_repeat(struct publisher *publisher, int32_t ifindex, enum records_what what);

bool publisher_has(const struct publisher *publisher, const char *instance);
const struct session *publisher_session(const struct publisher *publisher);
// publisher_host(): the name that our records point to, or NULL as long as it is not known.
const char *publisher_host(const struct publisher *publisher);
// publisher_problem(): why nothing is published though Avahi runs; NULL when all is well.
const char *publisher_problem(const struct publisher *publisher);
