// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "base/hash.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

static inline uint64_t get_le64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value)); // one load, which a loop over bytes is not
	return le64toh(value);
}

static inline uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

uint64_t hash_siphash(const uint8_t key[HASH_KEY_LEN], const void *p, size_t n)
{
	const uint8_t *bytes = p;
	uint64_t k0 = get_le64(key);
	uint64_t k1 = get_le64(key + 8);
	uint64_t v[4] = {
		k0 ^ UINT64_C(0x736f6d6570736575),
		k1 ^ UINT64_C(0x646f72616e646f6d),
		k0 ^ UINT64_C(0x6c7967656e657261),
		k1 ^ UINT64_C(0x7465646279746573),
	};
	uint8_t tail[8] = {0};
	uint64_t word;
	size_t whole = n & ~(size_t)7;

	for (size_t i = 0; i < whole; i += 8) {
		word = get_le64(bytes + i);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	if (n > whole) {
		memcpy(tail, bytes + whole, n - whole);
	}
	tail[7] = (uint8_t)n;
	word = get_le64(tail);
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_bytes(const void *p, size_t n)
{
	// The one global beside the log's: a process has one secret, and tables must not have to
	// carry it.
	static uint8_t key[HASH_KEY_LEN];
	static bool is_seeded;

	while (!is_seeded) {
		ssize_t got = getrandom(key, sizeof(key), 0);

		if (got < 0 && errno != EINTR) {
			log_error("The kernel gives no random numbers. error=%s", strerror(errno));
			abort();
		}
		is_seeded = got == (ssize_t)sizeof(key);
	}
	return hash_siphash(key, p, n);
}
