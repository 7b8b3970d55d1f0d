// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "edge/place.h"

#include <netinet/in.h>
#include <string.h>

socklen_t place_fill(struct sockaddr_storage *storage, const struct peers_address *address,
		     int32_t ifindex, uint16_t port)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)storage;
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)storage;

	if (address->len == 4) {
		*in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
		memcpy(&in->sin_addr, address->bytes, 4);
		return sizeof(*in);
	}
	*in6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
				     .sin6_port = htons(port),
				     .sin6_scope_id = (uint32_t)ifindex};
	memcpy(&in6->sin6_addr, address->bytes, 16);
	return sizeof(*in6);
}

bool place_read(const struct sockaddr_storage *storage, struct peers_address *address,
		uint16_t *port)
{
	*address = (struct peers_address){.is_on_link = true};
	if (storage->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)storage;

		address->len = 4;
		memcpy(address->bytes, &in->sin_addr, 4);
		*port = ntohs(in->sin_port);
		return true;
	}
	if (storage->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)storage;

		address->len = 16;
		memcpy(address->bytes, &in6->sin6_addr, 16);
		*port = ntohs(in6->sin6_port);
		return true;
	}
	return false;
}

bool place_is_same(const struct peers_address *a, const struct peers_address *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}
