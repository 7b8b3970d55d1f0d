// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/patterns.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#define HEX "[0-9a-f]"

// epmdnsd(8) lists them.
static const char *const defaults[] = {
	"docker*",
	"br-" HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX, // Docker; "br-lan" is a LAN
	"podman*",
	"veth*",
	"virbr*",
	"vnet*",
	"lxc*",
	"lxdbr*",
	"incusbr*",
	"cni*",
	"flannel*",
	"cali*",
	"cilium*",
};

int patterns_add(struct patterns *patterns, const char *pattern)
{
	size_t n = strlen(pattern);

	if (n == 0) {
		patterns->n = 0;
		patterns->has_no_defaults = true;
		return 0;
	}
	if (n > LINK_PATTERN_MAX || patterns->n == LINK_PATTERNS_MAX) {
		return -EINVAL;
	}
	memcpy(patterns->all[patterns->n++], pattern, n + 1);
	return 0;
}

bool patterns_match(const struct patterns *patterns, const char *name)
{
	const size_t n = patterns->has_no_defaults ? 0 : sizeof(defaults) / sizeof(defaults[0]);

	for (size_t i = 0; i < n; i++) {
		if (fnmatch(defaults[i], name, 0) == 0) {
			return true;
		}
	}
	for (size_t i = 0; i < patterns->n; i++) {
		if (fnmatch(patterns->all[i], name, 0) == 0) {
			return true;
		}
	}
	return false;
}
