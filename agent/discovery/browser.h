// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Hears which instances come and go, on every interface and protocol, on a D-Bus client of its own.
 * The client is shared with what resolves them and what asks for them.
 */
#pragma once

#include "discovery/front.h"

struct browser;
struct interfaces;
struct publisher;
struct session;

struct browser_handler {
	void (*on_state)(void *owner); // of browser_session()
	void *owner;
};

// publisher: whose own instances are of no interest.
struct browser *browser_new(struct event_base *base, struct front *front,
			    const struct interfaces *interfaces, const struct publisher *publisher,
			    struct browser_handler handler);
void browser_free(struct browser *browser);
void browser_ask(struct browser *browser);
// Say again what is seen. Avahi tells a new browser of all that is in its cache.
void browser_repeat(struct browser *browser);
void browser_resolve(struct browser *browser, const struct link_ref *ref);
// A call of Avahi that shows whether it answers.
void browser_check(struct browser *browser);
const struct session *browser_session(const struct browser *browser);
