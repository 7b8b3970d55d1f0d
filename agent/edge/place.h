// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// An address of a peer as the sockets of the prober, its questions and its knocks have it.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "model/peers.h"

// place_fill(): ifindex: the link of an IPv6 link-local address. Return: its length.
socklen_t place_fill(struct sockaddr_storage *storage, const struct peers_address *address,
		     int32_t ifindex, uint16_t port);
// place_read(): the other way round. Return: false for one of another family.
bool place_read(const struct sockaddr_storage *storage, struct peers_address *address,
		uint16_t *port);
bool place_is_same(const struct peers_address *a, const struct peers_address *b);
