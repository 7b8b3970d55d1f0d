// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "base/hash.h"

#include "test.h"

/*
 * Instance names depend on it, so it must be the same on every machine and for ever.
 * Source: hash(bytes(range(n))) of CPython 3.11 with PYTHONHASHSEED=0, which is SipHash-1-3 under a
 * key of zeros.
 */
static void hash_siphash_is_that_of_others_when_given_the_same(void **state)
{
	static const struct {
		size_t n;
		uint64_t expected;
	} rows[] = {
		{1, UINT64_C(0x68a914128e01e473)},   {7, UINT64_C(0x2f098ab0c751325a)},
		{8, UINT64_C(0xead411e67ebe2eea)},   {9, UINT64_C(0x75927f9d95124362)},
		{15, UINT64_C(0xf30eb725bb91c9ea)},  {16, UINT64_C(0x8972188433a5c5b7)},
		{30, UINT64_C(0xd427c34ee09470c6)},  {63, UINT64_C(0x385d3e39e5f37359)},
		{255, UINT64_C(0x5dc1f93ea135eb43)},
	};
	static const uint8_t key[HASH_KEY_LEN];
	uint8_t bytes[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)i;
	}
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t misaligned[257];

		assert_true(hash_siphash(key, bytes, rows[i].n) == rows[i].expected);
		memcpy(misaligned + 1, bytes, rows[i].n);
		assert_true(hash_siphash(key, misaligned + 1, rows[i].n) == rows[i].expected);
	}
}

static void hash_siphash_differs_when_one_bit_of_key_or_bytes_does(void **state)
{
	uint8_t key[HASH_KEY_LEN] = {0};
	uint8_t bytes[12] = {0};
	uint64_t before = hash_siphash(key, bytes, sizeof(bytes));

	(void)state;
	for (size_t i = 0; i < 8 * sizeof(key); i++) {
		key[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_true(hash_siphash(key, bytes, sizeof(bytes)) != before);
		key[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t i = 0; i < 8 * sizeof(bytes); i++) {
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_true(hash_siphash(key, bytes, sizeof(bytes)) != before);
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_true(hash_siphash(key, bytes, sizeof(bytes) - 1) != before);
}

static void hash_bytes_keeps_its_secret_when_called_again(void **state)
{
	static const uint8_t no_key[HASH_KEY_LEN];

	(void)state;
	assert_true(hash_bytes("abc", 3) == hash_bytes("abc", 3));
	assert_true(hash_bytes("abc", 3) != hash_bytes("abd", 3));
	assert_true(hash_bytes("abc", 3) != hash_siphash(no_key, "abc", 3));
	assert_true(hash_bytes(NULL, 0) == hash_bytes("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_siphash_is_that_of_others_when_given_the_same),
		cmocka_unit_test(hash_siphash_differs_when_one_bit_of_key_or_bytes_does),
		cmocka_unit_test(hash_bytes_keeps_its_secret_when_called_again),
	};

	return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
