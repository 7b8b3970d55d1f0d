// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Does the D-Bus system bus answer? Told by its first words to a stranger, so that nothing of D-Bus
 * is needed here, and nothing can block. Once the discovery process is silent this tells whether
 * the bus hangs, or Avahi behind it.
 */
#pragma once

#include <stdbool.h>

#define BUS_PATIENCE_MS 1000

struct bus;
struct event_base;

// bus_new(): on_known comes once, from the loop.
struct bus *bus_new(struct event_base *base, void (*on_known)(void *user, bool answers),
		    void *user);
void bus_free(struct bus *bus);
