// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Avahi's event loop interface (avahi-common/watch.h) on libevent. Both libavahi-client and
 * libavahi-core run on it. Its callbacks may update or free the very object that fires.
 */
#pragma once

#include <avahi-common/watch.h>
#include <stdbool.h>

struct event_base;

/*
 * avahi_poll_new(): an adapter for base, which must outlive it. Give base
 * EVENT_BASE_FLAG_NO_CACHE_TIME: calls of libavahi block for up to 25 s, and timers armed after one
 * would otherwise be early by that much. Return: never NULL.
 */
AvahiPoll *avahi_poll_new(struct event_base *base);
// All watches and timeouts must be gone. Accepts NULL.
void avahi_poll_free(AvahiPoll *poll);
/*
 * avahi_poll_mute(): as long as it is mute nothing made with this adapter calls back. So a client
 * that has been given up is quiet until it can be freed, which it cannot be from its own callbacks.
 */
void avahi_poll_mute(AvahiPoll *poll, bool is_mute);
