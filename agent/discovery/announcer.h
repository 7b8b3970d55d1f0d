// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Says what is published once more on a link that has come up or has other addresses. Avahi does
 * that only when it takes notice, and with a static address and its defaults it does not.
 * Publishing anew would say goodbye first, so the records are doubled for some seconds in entry
 * groups of many nodes each, on a D-Bus client of their own (one client may hold 1024 objects) that
 * is there only as long.
 */
#pragma once

#include <stdint.h>

#include "discovery/records.h"

struct announcer;
struct event_base;
struct publication;
struct publications;

// announcer_new(): `all` is borrowed, and written to only in what is the announcer's.
struct announcer *announcer_new(struct event_base *base, struct publications *all);
void announcer_free(struct announcer *announcer);
// announcer_set_host(): where records point to, borrowed; NULL: not known, so nothing is done.
void announcer_set_host(struct announcer *announcer, const char *host);
void announcer_announce(struct announcer *announcer, int32_t ifindex, enum records_what what);
// announcer_release(): this one is about to change or go: no longer is it doubled.
void announcer_release(struct announcer *announcer, const struct publication *one);
// announcer_clear(): nothing is doubled any more, or to be.
void announcer_clear(struct announcer *announcer);
