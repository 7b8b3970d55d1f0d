// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * The network interfaces to work on: all but loopback and those that are ignored by their names, or
 * those named by --interface. They are watched: a named one may be missing, come later or come back
 * under another number, and any may lose its carrier or get other addresses.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/wire.h"

struct event_base;
struct interfaces;
struct links_event;

struct interfaces_handler {
	// what interfaces_publish_on() returns has changed
	void (*on_set)(void *owner);
	// something has happened to a link (links.h)
	void (*on_link)(void *owner, const struct links_event *event);
	void *owner;
};

struct interfaces *interfaces_new(void);
void interfaces_free(struct interfaces *interfaces);
// interfaces_name(): restrict to those so named. Return: 0, or -EINVAL: no name or too many.
int interfaces_name(struct interfaces *interfaces, const char *name);
// interfaces_ignore(): see patterns_add(). What is named is not ignored.
int interfaces_ignore(struct interfaces *interfaces, const char *pattern);
bool interfaces_are_named(const struct interfaces *interfaces);
// interfaces_watch(): from now on. Return: 0, or -errno: they are as they are now.
int interfaces_watch(struct interfaces *interfaces, struct event_base *base,
		     struct interfaces_handler handler);

/*
 * interfaces_publish_on(): the numbers of those to publish on, or the single -1 (AVAHI_IF_UNSPEC)
 * when none has to be left out. Four records for each must fit into an entry group of Avahi, which
 * holds 32; beyond LINK_INTERFACES_MAX nothing is left out. Return: how many.
 */
size_t interfaces_publish_on(const struct interfaces *interfaces, int32_t on[LINK_INTERFACES_MAX]);
// interfaces_is_dead(): is it known to have no carrier?
bool interfaces_is_dead(const struct interfaces *interfaces, int32_t ifindex);
// interfaces_accept(): is what is heard there of interest? Its name is filled in.
bool interfaces_accept(const struct interfaces *interfaces, int32_t ifindex,
		       char name[LINK_IFNAME_MAX]);
/*
 * interfaces_mark_on_link(): does a prefix of this interface cover the address? Sets is_on_link.
 * Return: false when it is an address of this host. Two hosts may well have the same one, as the
 * bridges of containers do, but from here it leads to us.
 */
bool interfaces_mark_on_link(const char *name, struct link_address *address);
