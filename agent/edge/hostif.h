// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// This host's own interfaces and addresses, from getifaddrs(3), remembered for a short while.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOSTIF_FRESH_MS 2000

struct ifaddrs;

struct hostif {
	struct ifaddrs *list;
	uint64_t read_ms;
};

void hostif_fini(struct hostif *hostif);
// Is it one of our addresses (loopback ones too)? len is 4 or 16.
bool hostif_is_own(struct hostif *hostif, const uint8_t *address, size_t len, uint64_t now_ms);
// Is it on the link of an interface that is up, and no loopback?
bool hostif_is_on_link(struct hostif *hostif, const uint8_t *address, size_t len, uint64_t now_ms);
