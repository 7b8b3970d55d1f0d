// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "edge/hostif.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static void refresh(struct hostif *hostif, uint64_t now_ms)
{
	if (hostif->list != NULL && now_ms - hostif->read_ms < HOSTIF_FRESH_MS) {
		return;
	}
	hostif_fini(hostif);
	if (getifaddrs(&hostif->list) < 0) {
		hostif->list = NULL;
	}
	hostif->read_ms = now_ms;
}

void hostif_fini(struct hostif *hostif)
{
	if (hostif->list != NULL) {
		freeifaddrs(hostif->list);
		hostif->list = NULL;
	}
}

// The bytes of a socket address of that length, or NULL for another family.
static const uint8_t *bytes_of(const struct sockaddr *address, size_t len)
{
	if (address == NULL) {
		return NULL;
	}
	if (len == 4 && address->sa_family == AF_INET) {
		return (const uint8_t *)&((const struct sockaddr_in *)(const void *)address)
			->sin_addr;
	}
	if (len == 16 && address->sa_family == AF_INET6) {
		return (const uint8_t *)&((const struct sockaddr_in6 *)(const void *)address)
			->sin6_addr;
	}
	return NULL;
}

bool hostif_is_own(struct hostif *hostif, const uint8_t *address, size_t len, uint64_t now_ms)
{
	refresh(hostif, now_ms);
	for (const struct ifaddrs *at = hostif->list; at != NULL; at = at->ifa_next) {
		const uint8_t *own = bytes_of(at->ifa_addr, len);

		if (own != NULL && memcmp(own, address, len) == 0) {
			return true;
		}
	}
	return false;
}

bool hostif_is_on_link(struct hostif *hostif, const uint8_t *address, size_t len, uint64_t now_ms)
{
	refresh(hostif, now_ms);
	for (const struct ifaddrs *at = hostif->list; at != NULL; at = at->ifa_next) {
		const uint8_t *own = bytes_of(at->ifa_addr, len);
		const uint8_t *mask = bytes_of(at->ifa_netmask, len);
		uint8_t difference = 0;

		if (own == NULL || mask == NULL || (at->ifa_flags & IFF_UP) == 0 ||
		    (at->ifa_flags & IFF_LOOPBACK) != 0) {
			continue;
		}
		for (size_t i = 0; i < len; i++) {
			difference |= (uint8_t)((own[i] ^ address[i]) & mask[i]);
		}
		if (difference == 0) {
			return true;
		}
	}
	return false;
}
