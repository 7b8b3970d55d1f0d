// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * A question put directly to the mDNS responder of one host, and its reply: does it still advertise
 * this instance, and on which port? Two questions in a packet: the SRV of the instance, and the
 * reverse PTR of the address that is asked, which a responder has of its own addresses. A reply
 * with the second and without the first says for certain that the instance is withdrawn, and
 * nothing of the host but its address has to be known. Sent from any other port than 5353 it is a
 * query as of old, which is answered by unicast to that port, id and questions repeated. Pure
 * functions on bytes. Source: RFC 6762 §6.7.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define MDNS_PORT 5353
// Avahi keeps such replies below 512 bytes; others may fill an Ethernet frame.
#define MDNS_REPLY_MAX 1472
// Header, both names at their longest, type and class of each.
#define MDNS_QUESTION_MAX (12 + 89 + 4 + 74 + 4)

struct mdns_question {
	uint16_t id;
	const char *instance;   // a label as it is, 1 to 63 bytes
	const uint8_t *address; // that is asked …
	uint8_t len;            // … 4 or 16 bytes
};

enum mdns_reply {
	MDNS_NO_REPLY = 0, // not to this question, malformed, or without any answer to it
	MDNS_WITHDRAWN,    // the host is there and knows no such instance
	MDNS_ADVERTISED,
};

// mdns_write(): Return: how long it is.
size_t mdns_write(const struct mdns_question *question, uint8_t out[MDNS_QUESTION_MAX]);

/*
 * mdns_read(): what a packet says to a question. All of it must be well-formed; names are compared
 * as DNS does, without regard to the case of ASCII letters. *port is set for MDNS_ADVERTISED only,
 * and is not 0.
 */
enum mdns_reply mdns_read(const struct mdns_question *question, const uint8_t *packet, size_t n,
			  uint16_t *port);
