// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * What speaks mDNS for us. The front's messages come in as calls, what is observed goes out to the
 * front directly (front.h, in the words of edge/wire.h).
 */
#pragma once

#include <stdbool.h>

#include "edge/wire.h"

struct backend; // each backend has its own
struct event_base;
struct front;
struct interfaces;

struct backend_ops {
	const char *name;
	// base, front and interfaces are borrowed for the life of the backend.
	struct backend *(*new)(struct event_base *base, struct front *front,
			       struct interfaces *interfaces);
	// Says goodbye for all that is published; must not block.
	void (*free)(struct backend *backend);
	void (*reset)(struct backend *backend);
	void (*publish)(struct backend *backend, const struct link_msg *msg);
	void (*withdraw)(struct backend *backend, const char *instance);
	void (*end)(struct backend *backend);
	void (*ask)(struct backend *backend);
	void (*browse)(struct backend *backend);
	void (*resolve)(struct backend *backend, const struct link_ref *ref);
	// A call that shows whether it still works; may block, as all of them.
	void (*check)(struct backend *backend);
};

extern const struct backend_ops avahi_backend;
