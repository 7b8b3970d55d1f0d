// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Which network interfaces to leave alone: names by shell patterns (fnmatch(3)). The defaults are
 * those of the bridges and cables that container and virtual machine programs make: they exist on
 * every such host, mostly with the same addresses, and lead to no other host. VPNs are not among
 * them: Avahi leaves point-to-point interfaces alone unless told otherwise, and whoever tells it
 * so, or bridges one, wants it. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "edge/wire.h"

struct patterns {
	size_t n;
	char all[LINK_PATTERNS_MAX][LINK_PATTERN_MAX + 1];
	bool has_no_defaults;
};

/*
 * patterns_add(): ignore these, too. The empty pattern takes back all before it, the defaults
 * included. Return: 0, or -EINVAL: too long, or too many.
 */
int patterns_add(struct patterns *patterns, const char *pattern);
bool patterns_match(const struct patterns *patterns, const char *name);
