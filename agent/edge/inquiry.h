// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * The sockets through which mDNS responders are asked (base/mdns.h), and what comes back: packets
 * from port 5353, from the address asked or at least from the link, and that nobody listens there.
 * Whose answer it is, its id and its questions tell. Part of the prober.
 *
 * Anybody on the LAN can make us ask, so it is limited, and nothing is kept for an answer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INQUIRY_PER_TARGET 128 // questions to one address in a second: a host may have many nodes
#define INQUIRY_PER_SECOND 512 // in total
#define INQUIRY_SOCKETS                                                                            \
	4 // of each family. Where several programs share port 5353, which of
	  // them has a packet depends on where it comes from

struct event_base;
struct inquiry;
struct peers_address;

struct inquiry_ops {
	// A packet from this address. is_from_link: it has passed no router.
	void (*on_packet)(void *user, const struct peers_address *from, bool is_from_link,
			  const uint8_t *packet, size_t n);
	// Nobody listens at port 5353 of this address.
	void (*on_refused)(void *user, const struct peers_address *target);
};

struct inquiry *inquiry_new(struct event_base *base, const struct inquiry_ops *ops, void *user);
void inquiry_free(struct inquiry *inquiry);
/*
 * inquiry_send(): once, if at all: past the limits, and when there is no way there, it is as if the
 * packet was lost. `turn`: each of one number after the other goes through another socket.
 */
void inquiry_send(struct inquiry *inquiry, const struct peers_address *target, int32_t ifindex,
		  unsigned turn, const uint8_t *packet, size_t n);
// inquiry_rest(): close all sockets until the next question; not from inside an op.
void inquiry_rest(struct inquiry *inquiry);
