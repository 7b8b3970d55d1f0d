// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * uthash as we use it: include this, never <uthash.h>. Names come from the network, so tables hash
 * with a secret of this process (nobody outside can aim at one bucket), and out of memory aborts.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/log.h"

#define HASH_KEY_LEN 16

// hash_siphash(): SipHash-1-3. Source: Aumasson & Bernstein, "SipHash", 2012.
uint64_t hash_siphash(const uint8_t key[HASH_KEY_LEN], const void *p, size_t n);
// hash_bytes(): the same under this process's secret: differs from run to run.
uint64_t hash_bytes(const void *p, size_t n);

#define HASH_FUNCTION(keyptr, keylen, hashv) ((hashv) = (unsigned)hash_bytes(keyptr, keylen))
#define uthash_fatal(message)                                                                      \
	do {                                                                                       \
		log_error("Out of memory in a hash table.");                                       \
		abort();                                                                           \
	} while (0)

#include <uthash.h> // IWYU pragma: export

/*
 * A table doubles when one of its chains gets this long. By default it is 10, which makes two names
 * a bucket: each one on the way costs two cache misses in a large table.
 */
#undef HASH_BKT_CAPACITY_THRESH
#define HASH_BKT_CAPACITY_THRESH 8U
