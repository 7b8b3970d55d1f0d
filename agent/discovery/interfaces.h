// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * The network interfaces to work on: all but loopback, or those named by --interface. A named one
 * may be missing, come later, or come back under another number; that is noticed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/wire.h"

// Four records for each must fit into an entry group of Avahi, which holds 32.

struct event_base;
struct interfaces;

typedef void (*interfaces_on_changed)(void *owner);

struct interfaces *interfaces_new(void);
void interfaces_free(struct interfaces *interfaces);
// interfaces_name(): restrict to those so named. Return: 0, or -EINVAL: no name or too many.
int interfaces_name(struct interfaces *interfaces, const char *name);
/*
 * interfaces_watch(): call on_changed when the numbers of named interfaces have changed. Without
 * names nothing is watched. Return: 0 or -errno.
 */
int interfaces_watch(struct interfaces *interfaces, struct event_base *base,
		     interfaces_on_changed on_changed, void *owner);

/*
 * interfaces_publish_on(): the numbers of the named interfaces that exist; the single -1
 * (AVAHI_IF_UNSPEC) when all are meant. Return: how many.
 */
size_t interfaces_publish_on(const struct interfaces *interfaces, int32_t on[LINK_INTERFACES_MAX]);
// interfaces_accept(): is what is heard there of interest? Its name is filled in.
bool interfaces_accept(const struct interfaces *interfaces, int32_t ifindex,
		       char name[LINK_IFNAME_MAX]);
// interfaces_mark_on_link(): does a prefix of this interface cover the address? Sets is_on_link.
void interfaces_mark_on_link(const char *name, struct link_address *address);
