// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * The wire contract between the agent and its clients: numbers, limits and the message struct.
 * The normative text is epmdns-protocol(7); tests/vectors/frames.txt binds both, and the Erlang
 * side.
 *
 * A frame is a 2-byte big-endian length and a body of at most EP_FRAME_MAX bytes. The body is
 * op:8, request id:32, then fields of tag:8, length:16, value; all integers are big-endian.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define EP_PROTOCOL_VERSION 1

// Wire limits. Policy limits (tables, quotas, timers) stand in agent/mediator/limits.h.
#define EP_HEADER_LEN 2
#define EP_FRAME_MAX 8192   // body bytes
#define EP_BODY_MIN 5       // op and request id
#define EP_IN_FLIGHT_MAX 64 // unanswered requests of one session
#define EP_NODE_MAX 255     // bytes of NAME@HOST: an Erlang atom has at most 255 characters
#define EP_HOST_MAX 253
#define EP_CLUSTER_MAX 62 // fits a DNS label behind its underscore
#define EP_TAGS_MAX 16
#define EP_TAGS_BYTES_MAX 200 // all "key=value" strings of a node together
#define EP_ADDRESSES_MAX 8
#define EP_CAPABILITIES_MAX 16
#define EP_STATS_MAX 64
#define EP_OWNER_LEN 16

enum ep_op {
	// requests
	EP_OP_HELLO = 1,
	EP_OP_REGISTER = 2,
	EP_OP_UNREGISTER = 3,
	EP_OP_LOOKUP = 4,
	EP_OP_NAMES = 5,
	EP_OP_LIST = 6,
	EP_OP_WATCH = 7,
	EP_OP_CANCEL = 8,
	EP_OP_STATUS = 9,
	EP_OP_HINT = 10,
	// answers; ITEM is the only one that is not final
	EP_OP_WELCOME = 129,
	EP_OP_REGISTERED = 130,
	EP_OP_DONE = 131,
	EP_OP_FOUND = 132,
	EP_OP_ITEM = 133,
	EP_OP_REPORT = 134,
	EP_OP_ERROR = 255,
};

/*
 * Field tags. A receiver skips a tag below EP_F_CRITICAL that it does not know and refuses one from
 * there on with bad_field. Version 1 defines no critical field. A tag must stay below 64: it is
 * also the bit in ep_msg.present.
 */
#define EP_F_CRITICAL 128

enum ep_field {
	EP_F_VERSION = 1,     // u16: highest version spoken (hello), version chosen (welcome)
	EP_F_VERSION_MIN = 2, // u16: lowest version spoken (hello; absent: 1)
	EP_F_SOFTWARE = 3,    // text: "epmdns/0.1.0"
	EP_F_CAPABILITY = 4,  // text, repeated
	EP_F_OWNER = 5,       // 16 random bytes, made once per VM
	EP_F_AGENT = 6,       // text: the agent's id, 16 hex digits, random per start
	EP_F_NODE = 8,        // latin-1 bytes of NAME@HOST, exactly as the VM has it
	EP_F_HOST = 9,        // latin-1 bytes
	EP_F_PORT = 10,       // u16, 1..65535
	EP_F_CARRIER = 11,    // u8: enum ep_carrier
	EP_F_FAMILY = 12,     // u8: enum ep_family
	EP_F_DIST_HIGH = 13,  // u16: distribution protocol versions as in epmd's ALIVE2
	EP_F_DIST_LOW = 14,   // u16
	EP_F_FLAGS = 15,      // u8: EP_FLAG_*
	EP_F_BOUND = 16,      // 4 or 16 bytes: the one address that the node listens on
	EP_F_CREATION = 17,   // u32, >= 4
	EP_F_REVISION = 18,   // u32, >= 1
	EP_F_CLUSTER = 19,    // text
	EP_F_TAG = 20,        // text "key=value", repeated
	EP_F_TIMEOUT_MS = 21, // u32: how long a lookup may wait for the network
	EP_F_FILTER = 22,     // u8: EP_FILTER_*
	EP_F_ADDRESS = 23,    // 4 or 16 bytes, repeated, best first
	EP_F_ORIGIN = 24,     // u8: enum ep_origin
	EP_F_INTERFACE = 25,  // text: where a LAN node was heard
	EP_F_STATE = 26,      // u8: enum ep_state
	EP_F_AGE_S = 27,      // u32: seconds since this agent first saw this creation
	EP_F_EVENT = 28,      // u8: enum ep_event (watch)
	EP_F_STAT = 29,       // text "key=value", repeated
	EP_F_CODE = 30,       // u8: enum ep_code
	EP_F_TEXT = 31,       // text: what was wrong, for people
};

enum ep_carrier {
	EP_CARRIER_INET_TCP = 1,
	EP_CARRIER_INET6_TCP = 2,
	EP_CARRIER_INET_TLS = 3,
	EP_CARRIER_INET6_TLS = 4,
};

enum ep_family {
	EP_FAMILY_INET = 4,
	EP_FAMILY_INET6 = 6,
};

enum ep_origin {
	EP_ORIGIN_LOCAL = 1,
	EP_ORIGIN_LAN = 2,
};

enum ep_state {
	EP_STATE_UP = 1,
	EP_STATE_UNCONFIRMED = 2,
	EP_STATE_CONFLICT = 3,
};

enum ep_event {
	EP_EVENT_UP = 1,
	EP_EVENT_READY = 2,
	EP_EVENT_DOWN = 3,
	EP_EVENT_CHANGED = 4,
};

enum ep_code {
	// these three end the session, after the answer
	EP_CODE_BAD_FRAME = 1,
	EP_CODE_BAD_VERSION = 2,
	EP_CODE_HELLO_FIRST = 3,
	EP_CODE_UNKNOWN_OP = 4,
	EP_CODE_BAD_FIELD = 5,
	EP_CODE_DUPLICATE_ID = 6,
	EP_CODE_DUPLICATE_NAME = 7,
	EP_CODE_NOT_OWNER = 8,
	EP_CODE_NOT_FOUND = 9,
	EP_CODE_ONLY_LINK_LOCAL = 10,
	EP_CODE_LIMIT = 11,
	EP_CODE_TIMEOUT = 12,
	EP_CODE_UNAVAILABLE = 13,
};

#define EP_FLAG_HIDDEN 0x01 // a hidden node: listed on request only, never auto-connected
#define EP_FILTER_ALL 0x01  // hidden nodes too

// A borrowed run of bytes; not NUL-terminated.
struct ep_str {
	const uint8_t *p;
	size_t n;
};

/*
 * One decoded message. A member is meaningful only when its bit is set in `present` (ep_has), a
 * list when its count is not 0 (its bit is set then too). Strings point into the decoded buffer, or
 * to whatever the encoder's caller keeps alive.
 */
struct ep_msg {
	uint8_t op;
	uint32_t id;
	uint64_t present;

	uint32_t version, version_min;
	uint32_t port, carrier, family, dist_high, dist_low, flags;
	uint32_t creation, revision;
	uint32_t timeout_ms, filter;
	uint32_t origin, state, age_s, event, code;
	struct ep_str software, owner, agent, node, host, bound, cluster, interface, text;

	uint8_t n_capabilities, n_tags, n_addresses, n_stats;
	struct ep_str capabilities[EP_CAPABILITIES_MAX];
	struct ep_str tags[EP_TAGS_MAX];
	struct ep_str addresses[EP_ADDRESSES_MAX];
	struct ep_str stats[EP_STATS_MAX];
};

static inline int ep_has(const struct ep_msg *msg, enum ep_field field)
{
	return (msg->present >> field & 1) != 0;
}

static inline enum ep_family ep_carrier_family(uint32_t carrier)
{
	return carrier == EP_CARRIER_INET6_TCP || carrier == EP_CARRIER_INET6_TLS ? EP_FAMILY_INET6
										  : EP_FAMILY_INET;
}
