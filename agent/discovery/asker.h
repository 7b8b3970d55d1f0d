// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Puts a fresh question for our services on every link. A browser once made asks ever more seldom,
 * and making it anew does not change that, because avahi-daemon finds the old query. A record
 * browser of class 0x8001 (IN and the bit of RFC 6762 §5.4 that wants a unicast answer) has a query
 * of its own with no known answers, so that all who have the service answer; what is new the
 * ordinary browser says.
 */
#pragma once

struct asker;
struct event_base;
struct session;

struct asker *asker_new(struct event_base *base, struct session *session);
void asker_free(struct asker *asker);
// asker_ask(): at once, or 1.1 s after the last question; and twice again, 1.1 and 2.2 s later.
void asker_ask(struct asker *asker);
// asker_session_changed(): to be called when session has changed.
void asker_session_changed(struct asker *asker);
