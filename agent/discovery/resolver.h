// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Finds out port, addresses and TXT of what was seen, with short-lived resolvers of Avahi's of
 * which few are in flight at a time. One kept for each peer would refresh its records for ever, and
 * Avahi lets a client have only 1024.
 */
#pragma once

#include <stdbool.h>

#include "edge/wire.h"

struct event_base;
struct front;
struct resolver;
struct session;

struct resolver *resolver_new(struct event_base *base, struct front *front,
			      struct session *session);
// session must still be there.
void resolver_free(struct resolver *resolver);
/*
 * resolver_add(): resolve it as soon as possible. ref comes from lookups_ref(). is_seen: try again
 * until it is removed. Return: false when there are too many.
 */
bool resolver_add(struct resolver *resolver, const struct link_ref *ref, bool is_seen);
void resolver_remove(struct resolver *resolver, const struct link_ref *ref);
// resolver_session_changed(): to be called when session has changed.
void resolver_session_changed(struct resolver *resolver);
