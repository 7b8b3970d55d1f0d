// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * The network interfaces of this host as they are now, with carrier and addresses, and the kernel's
 * word when any of that changes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "discovery/links.h"

struct hostlinks {
	size_t n;
	struct link_status all[LINKS_MAX];
};

/*
 * hostlinks_read(): all interfaces but loopback that is_wanted (flags: IFF_*), up to LINKS_MAX.
 * Addresses that are not usable (yet), because others may have them, do not count. Return: 0 or
 * -errno.
 */
int hostlinks_read(struct hostlinks *links,
		   bool (*is_wanted)(void *user, const char *name, unsigned flags), void *user);
// hostlinks_open(): a socket that is readable when something has changed. Return: it, or -errno.
int hostlinks_open(void);
void hostlinks_drain(int fd);
