// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/addresses.h"

#include <string.h>

bool address_matches(const uint8_t *a, const uint8_t *b, const uint8_t *mask, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((a[i] ^ b[i]) & mask[i]) {
			return false;
		}
	}
	return true;
}

bool address_is_link_local(const struct link_address *address)
{
	return address->len == 16 && address->bytes[0] == 0xfe &&
	       (address->bytes[1] & 0xc0) == 0x80;
}

static int rank(const struct link_address *address)
{
	if (address_is_link_local(address)) {
		return 2;
	}
	return address->is_on_link ? 0 : 1;
}

void addresses_add(struct link_msg *msg, const struct link_address *address)
{
	size_t at;

	for (size_t i = 0; i < msg->n_addresses; i++) {
		if (msg->addresses[i].len == address->len &&
		    memcmp(msg->addresses[i].bytes, address->bytes, address->len) == 0) {
			return;
		}
	}
	for (at = msg->n_addresses; at > 0; at--) {
		if (rank(&msg->addresses[at - 1]) <= rank(address)) {
			break;
		}
	}
	if (at == EP_ADDRESSES_MAX) {
		return;
	}
	if (msg->n_addresses < EP_ADDRESSES_MAX) {
		msg->n_addresses++;
	}
	memmove(&msg->addresses[at + 1], &msg->addresses[at],
		((size_t)msg->n_addresses - 1 - at) * sizeof(msg->addresses[0]));
	msg->addresses[at] = *address;
}

bool addresses_are_usable(const struct link_msg *msg)
{
	return msg->n_addresses > 0 && rank(&msg->addresses[0]) == 0;
}

bool addresses_are_on_link(const struct link_msg *msg)
{
	for (size_t i = 0; i < msg->n_addresses; i++) {
		if (msg->addresses[i].is_on_link) {
			return true;
		}
	}
	return false;
}
