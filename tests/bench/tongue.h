// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * How a name service is spoken to: epmd's protocol, or our frames. All that differs between the
 * contenders is here; what is measured is the same code for all.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TONGUE_REQUEST_MAX 256

struct tongue {
	const char *name;
	// Many requests on one connection; else one, and the end of the connection ends its answer.
	bool is_lasting;
	// tongue.connect(): a socket; flags 0 or SOCK_NONBLOCK, and then it may connect later.
	int (*connect)(const char *where, int flags);
	/*
	 * Requests: Return: their length. The names are those of tongue_name(), and all requests of
	 * a kind have one length.
	 */
	size_t (*hello)(uint8_t *buf); // 0: none is needed
	size_t (*lookup)(uint8_t *buf, uint32_t id, unsigned number);
	size_t (*register_name)(uint8_t *buf, unsigned number);
	size_t (*names)(uint8_t *buf);
	size_t (*list)(uint8_t *buf);
	// tongue.next(): Return: bytes of the first frame of buf[0..n), 0 when it is not whole;
	// *is_last: does an answer end with it?
	size_t (*next)(const uint8_t *buf, size_t n, bool *is_last);
	// What an answer says, or its last frame.
	bool (*is_found)(const uint8_t *buf, size_t n);
	bool (*is_registered)(const uint8_t *buf, size_t n);
};

extern const struct tongue tongue_epmd;   // where: a port of this host
extern const struct tongue tongue_frames; // where: the path of a Unix socket

#define TONGUE_NAME_LEN 6
#define TONGUE_HOST "bench.home"

// tongue_name(): "n00042", not terminated.
void tongue_name(uint8_t name[TONGUE_NAME_LEN], unsigned number);
// Say why, and exit.
void tongue_fail(const char *what, const char *where) __attribute__((noreturn));
