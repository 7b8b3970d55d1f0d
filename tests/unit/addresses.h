// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Places and addresses as the tests of the peers model write them.
#pragma once

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "model/peers.h"

#define ETH4 ((struct peers_where){2, EP_FAMILY_INET})
#define ETH6 ((struct peers_where){2, EP_FAMILY_INET6})
#define WLAN4 ((struct peers_where){3, EP_FAMILY_INET})

/*
 * addresses_of_text(): "10.0.0.1 !8.8.8.8 fd00::1", where '!' is for off link. Return: how many;
 * all are in the text's order.
 */
static inline uint8_t addresses_of_text(struct peers_address *out, const char *text)
{
	uint8_t n = 0;
	char word[64];
	int width;

	while (sscanf(text, " %63s%n", word, &width) == 1) {
		bool is_off_link = word[0] == '!';
		const char *address = word + (is_off_link ? 1 : 0);

		out[n] = (struct peers_address){.is_on_link = !is_off_link};
		if (inet_pton(AF_INET, address, out[n].bytes) == 1) {
			out[n].len = 4;
		} else if (inet_pton(AF_INET6, address, out[n].bytes) == 1) {
			out[n].len = 16;
		}
		n++;
		text += width;
	}
	return n;
}

static inline void address_text(char text[64], const uint8_t *bytes, size_t len)
{
	inet_ntop(len == 4 ? AF_INET : AF_INET6, bytes, text, 64);
}
