// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * What the front and its discovery process say to each other: flat structs over a SOCK_SEQPACKET
 * socketpair, one message a packet. Both ends are of one build (LINK_BUILD is checked first), so
 * the structs go as they are. The front says what it wants published, the child what it observes;
 * neither asks the other to remember anything that it could not say again after a restart.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "epmdns/protocol.h"

#define LINK_INSTANCE_MAX 63 // bytes of a DNS label, RFC 6763 §4.1.1
#define LINK_TXT_MAX 1024    // bytes of TXT rdata; ours stays under 800
#define LINK_TEXT_MAX 160
#define LINK_IFNAME_MAX 16    // IFNAMSIZ
#define LINK_FD 3             // the child's end of the socketpair
#define LINK_INTERFACES_MAX 8 // that can be named by option
#define LINK_PATTERNS_MAX 32  // of interfaces to ignore, likewise
#define LINK_PATTERN_MAX 63   // bytes of each
/*
 * Nodes are let in to be published up to so many instances. Avahi has 1024 objects for a client:
 * the rest is for what is replaced and not yet withdrawn.
 */
#define LINK_INSTANCES_MAX 768

enum link_op {
	// child to front
	LINK_BUILD = 1, // text: version of this build; the first message
	LINK_STATE,    // state, text: what is wrong or the host name Avahi uses (FQDN) when running
	LINK_BROWSING, // the browser runs (again): what is not seen from now on is gone
	LINK_SEEN,     // ref: an instance was heard on an interface and protocol
	LINK_GONE,     // ref: its PTR went (goodbye or TTL), or the interface did
	LINK_RESOLVED, // ref, port, ifname, addresses, txt
	LINK_UNRESOLVED, // ref: resolving failed
	LINK_PUBLISHED,  // ref.instance: its records are announced
	LINK_REFUSED,    // ref.instance, text: Avahi refuses to publish it
	LINK_LOST,   // all refs: Avahi, the bus or the browser went away; nothing is known until
		     // BROWSING
	LINK_AGAIN,  // ref: its host says that it is there, though nothing is new for Avahi
	LINK_CUT,    // ref.ifindex: it has no carrier (any more), or is gone; may be repeated
	LINK_MENDED, // ref.ifindex: it has its carrier back, or other addresses
	// front to child
	LINK_RESET = 32, // forget what was to be published; all entries follow, then LINK_END
	LINK_PUBLISH,    // ref.instance, cluster, port, ttl_s, txt: publish, or change the TTL in
			 // place
	LINK_WITHDRAW,   // ref.instance
	LINK_END,        // all is told: withdraw what was not named since LINK_RESET
	LINK_ASK,        // put a fresh PTR question on every link (class 0x8001: asker.h)
	LINK_RESOLVE,    // ref: resolve again
	LINK_BROWSE,     // say LINK_SEEN again for all that is
	// both
	// number: front asks, child echoes the last once what was before it is done, and, if it
	// asks_avahi, after Avahi has answered a call
	LINK_SYNC = 64,
};

enum link_state {
	LINK_STATE_CONNECTING = 1, // no bus, no Avahi, or not running yet; text says which
	LINK_STATE_RUNNING,
	LINK_STATE_FAILED, // will not heal by waiting (publishing forbidden); text says why
};

// One sighting: an instance on one interface over one protocol.
struct link_ref {
	char instance[LINK_INSTANCE_MAX + 1];
	int32_t ifindex;
	uint8_t family; // enum ep_family of the mDNS packets
};

struct link_address {
	uint8_t len; // 4 or 16
	uint8_t bytes[16];
	uint8_t is_on_link; // matches a prefix of the interface it was heard on
};

struct link_msg {
	uint32_t op;     // enum link_op
	uint32_t number; // LINK_SYNC
	struct link_ref ref;
	uint16_t port;
	uint16_t ttl_s;
	uint8_t state;      // enum link_state
	uint8_t asks_avahi; // LINK_SYNC
	uint8_t n_addresses;
	char ifname[LINK_IFNAME_MAX];
	char cluster[EP_CLUSTER_MAX + 1]; // "" for none
	char text[LINK_TEXT_MAX];
	struct link_address addresses[EP_ADDRESSES_MAX];
	uint16_t txt_len;
	uint8_t txt[LINK_TXT_MAX]; // DNS TXT rdata (length-prefixed strings); last, sent as far as
				   // used
};

// Bytes of a message as sent: everything before the TXT data and as much of that as is used.
static inline size_t link_msg_size(const struct link_msg *msg)
{
	return offsetof(struct link_msg, txt) + msg->txt_len;
}

// Is what was received a whole message, its strings terminated and its counts in range?
static inline bool link_msg_is_valid(const struct link_msg *msg, size_t received)
{
	return received >= offsetof(struct link_msg, txt) && msg->txt_len <= LINK_TXT_MAX &&
	       received == link_msg_size(msg) && msg->n_addresses <= EP_ADDRESSES_MAX &&
	       msg->ref.instance[LINK_INSTANCE_MAX] == '\0' &&
	       msg->ifname[LINK_IFNAME_MAX - 1] == '\0' && msg->cluster[EP_CLUSTER_MAX] == '\0' &&
	       msg->text[LINK_TEXT_MAX - 1] == '\0';
}
