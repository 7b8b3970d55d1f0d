// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What every test includes: cmocka with the headers that it wants before it, and a few helpers.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "epmdns/protocol.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

// A string literal, which may have NULs in it. Not for static tables: it is no constant to C.
#define LIT(text) ((struct ep_str){(const uint8_t *)(text), sizeof(text) - 1})

static inline struct ep_str str_of(const char *text)
{
	return (struct ep_str){(const uint8_t *)text, strlen(text)};
}

// A new directory of a test's own, which it removes.
#define TEST_DIRECTORY_STEM "/tmp/epmdns-test-"
#define TEST_DIRECTORY_LEN (sizeof(TEST_DIRECTORY_STEM) + 6) // as mkdtemp(3) demands
static inline void make_test_directory(char name[TEST_DIRECTORY_LEN])
{
	memset(name, 'X', TEST_DIRECTORY_LEN - 1);
	memcpy(name, TEST_DIRECTORY_STEM, sizeof(TEST_DIRECTORY_STEM) - 1);
	name[TEST_DIRECTORY_LEN - 1] = '\0';
	assert_non_null(mkdtemp(name));
}

#define assert_str_is(actual, expected)                                                            \
	do {                                                                                       \
		struct ep_str actual_ = (actual);                                                  \
		struct ep_str expected_ = (expected);                                              \
		assert_int_equal(actual_.n, expected_.n);                                          \
		if (expected_.n > 0) {                                                             \
			assert_memory_equal(actual_.p, expected_.p, expected_.n);                  \
		}                                                                                  \
	} while (0)

/*
 * Random numbers that are the same in every run: a failure can be repeated.
 * Source: Vigna, "xorshift64*", 2014.
 */
static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static inline uint32_t random_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)((random_next(state) >> 32) % n);
}
