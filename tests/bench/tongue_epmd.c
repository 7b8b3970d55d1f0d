// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// epmd's protocol. Source: "Distribution Protocol" in the ERTS user's guide.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tongue.h"

#define ALIVE2_REQ 120
#define ALIVE2_RESP 121
#define ALIVE2_X_RESP 118
#define PORT_PLEASE2_REQ 122
#define PORT2_RESP 119
#define NAMES_REQ 110
#define NODE_NORMAL 77
#define DIST_HIGH 6
#define DIST_LOW 5

static uint8_t *put16(uint8_t *p, unsigned value)
{
	*p++ = (uint8_t)(value >> 8);
	*p++ = (uint8_t)value;
	return p;
}

static int epmd_connect(const char *where, int flags)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)atoi(where)),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	if (fd < 0 || (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 &&
		       errno != EINPROGRESS)) {
		tongue_fail("connect", where);
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static size_t finish(uint8_t *buf, const uint8_t *end)
{
	put16(buf, (unsigned)(end - buf - 2));
	return (size_t)(end - buf);
}

static size_t epmd_hello(uint8_t *buf)
{
	(void)buf;
	return 0;
}

static size_t epmd_lookup(uint8_t *buf, uint32_t id, unsigned number)
{
	(void)id;
	buf[2] = PORT_PLEASE2_REQ;
	tongue_name(buf + 3, number);
	return finish(buf, buf + 3 + TONGUE_NAME_LEN);
}

static size_t epmd_register(uint8_t *buf, unsigned number)
{
	uint8_t *p = buf + 2;

	*p++ = ALIVE2_REQ;
	p = put16(p, 4000);
	*p++ = NODE_NORMAL;
	*p++ = 0; // TCP over IPv4
	p = put16(p, DIST_HIGH);
	p = put16(p, DIST_LOW);
	p = put16(p, TONGUE_NAME_LEN);
	tongue_name(p, number);
	p = put16(p + TONGUE_NAME_LEN, 0);
	return finish(buf, p);
}

static size_t epmd_names(uint8_t *buf)
{
	buf[2] = NAMES_REQ;
	return finish(buf, buf + 3);
}

// Of a registration: its connection stays open. All other answers end with theirs.
static size_t epmd_next(const uint8_t *buf, size_t n, bool *is_last)
{
	size_t len = n > 0 && buf[0] == ALIVE2_X_RESP ? 6 : 4;

	*is_last = true;
	return n >= len ? len : 0;
}

static bool epmd_is_found(const uint8_t *buf, size_t n)
{
	return n >= 2 && buf[0] == PORT2_RESP && buf[1] == 0;
}

static bool epmd_is_registered(const uint8_t *buf, size_t n)
{
	return n >= 2 && (buf[0] == ALIVE2_RESP || buf[0] == ALIVE2_X_RESP) && buf[1] == 0;
}

const struct tongue tongue_epmd = {
	.name = "epmd",
	.is_lasting = false,
	.connect = epmd_connect,
	.hello = epmd_hello,
	.lookup = epmd_lookup,
	.register_name = epmd_register,
	.names = epmd_names,
	.list = epmd_names,
	.next = epmd_next,
	.is_found = epmd_is_found,
	.is_registered = epmd_is_registered,
};
