// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Our frames: what the agent serves, and the floors pretend to.

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "epmdns/codec.h"
#include "tongue.h"

#define NODE_LEN (TONGUE_NAME_LEN + sizeof("@" TONGUE_HOST) - 1)

static int frames_connect(const char *where, int flags)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	strncpy(address.sun_path, where, sizeof(address.sun_path) - 1);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		tongue_fail("connect", where);
	}
	return fd;
}

static void set_node(struct ep_msg *msg, uint8_t node[NODE_LEN], unsigned number)
{
	memcpy(node + TONGUE_NAME_LEN, "@" TONGUE_HOST, NODE_LEN - TONGUE_NAME_LEN);
	tongue_name(node, number);
	ep_set_str(msg, EP_F_NODE, &msg->node, node, NODE_LEN);
}

static size_t frames_hello(uint8_t *buf)
{
	struct ep_msg msg;

	ep_begin(&msg, EP_OP_HELLO, 0);
	ep_set_u32(&msg, EP_F_VERSION, &msg.version, EP_PROTOCOL_VERSION);
	return ep_encode(&msg, buf, TONGUE_REQUEST_MAX);
}

static size_t frames_lookup(uint8_t *buf, uint32_t id, unsigned number)
{
	uint8_t node[NODE_LEN];
	struct ep_msg msg;

	ep_begin(&msg, EP_OP_LOOKUP, id);
	set_node(&msg, node, number);
	ep_set_u32(&msg, EP_F_FAMILY, &msg.family, EP_FAMILY_INET);
	return ep_encode(&msg, buf, TONGUE_REQUEST_MAX);
}

static size_t frames_register(uint8_t *buf, unsigned number)
{
	uint8_t node[NODE_LEN];
	struct ep_msg msg;

	ep_begin(&msg, EP_OP_REGISTER, 1);
	set_node(&msg, node, number);
	ep_set_u32(&msg, EP_F_PORT, &msg.port, 4000);
	ep_set_u32(&msg, EP_F_CARRIER, &msg.carrier, EP_CARRIER_INET_TCP);
	ep_set_u32(&msg, EP_F_DIST_HIGH, &msg.dist_high, 6);
	ep_set_u32(&msg, EP_F_DIST_LOW, &msg.dist_low, 5);
	return ep_encode(&msg, buf, TONGUE_REQUEST_MAX);
}

static size_t bare(uint8_t *buf, enum ep_op op)
{
	struct ep_msg msg;

	ep_begin(&msg, op, 1);
	return ep_encode(&msg, buf, TONGUE_REQUEST_MAX);
}

static size_t frames_names(uint8_t *buf)
{
	return bare(buf, EP_OP_NAMES);
}

static size_t frames_list(uint8_t *buf)
{
	return bare(buf, EP_OP_LIST);
}

static size_t frames_next(const uint8_t *buf, size_t n, bool *is_last)
{
	struct ep_str body;

	if (ep_frame(buf, n, &body) != EP_OK) {
		return 0;
	}
	*is_last = body.p[0] != EP_OP_ITEM;
	return EP_HEADER_LEN + body.n;
}

static bool is_op(const uint8_t *buf, size_t n, enum ep_op op)
{
	return n > EP_HEADER_LEN && buf[EP_HEADER_LEN] == op;
}

static bool frames_is_found(const uint8_t *buf, size_t n)
{
	return is_op(buf, n, EP_OP_FOUND);
}

static bool frames_is_registered(const uint8_t *buf, size_t n)
{
	return is_op(buf, n, EP_OP_REGISTERED);
}

const struct tongue tongue_frames = {
	.name = "frames",
	.is_lasting = true,
	.connect = frames_connect,
	.hello = frames_hello,
	.lookup = frames_lookup,
	.register_name = frames_register,
	.names = frames_names,
	.list = frames_list,
	.next = frames_next,
	.is_found = frames_is_found,
	.is_registered = frames_is_registered,
};
