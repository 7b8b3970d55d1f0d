// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/census.h"

#include "test.h"

static struct peers_where place(int32_t ifindex, uint8_t family)
{
	return (struct peers_where){ifindex, family};
}

static void census_counts_each_place(void **state)
{
	struct census census = {0};
	struct peers_where where = {0};

	(void)state;
	assert_int_equal(census_fullest(&census, &where), 0);
	census_add(&census, place(2, EP_FAMILY_INET));
	census_add(&census, place(2, EP_FAMILY_INET6));
	census_add(&census, place(3, EP_FAMILY_INET6));
	census_add(&census, place(2, EP_FAMILY_INET6));
	assert_int_equal(census_fullest(&census, &where), 2);
	assert_int_equal(where.ifindex, 2);
	assert_int_equal(where.family, EP_FAMILY_INET6);
	census_remove(&census, place(2, EP_FAMILY_INET6));
	census_remove(&census, place(2, EP_FAMILY_INET6));
	census_remove(&census, place(2, EP_FAMILY_INET));
	assert_int_equal(census_fullest(&census, &where), 1);
	assert_int_equal(where.ifindex, 3);
	census_remove(&census, place(3, EP_FAMILY_INET6));
	assert_int_equal(census_fullest(&census, &where), 0);
}

static void census_has_room_for_so_many_places(void **state)
{
	struct census census = {0};
	struct peers_where where = {0};

	(void)state;
	for (int32_t i = 0; i < CENSUS_PLACES_MAX; i++) {
		census_add(&census, place(i + 1, EP_FAMILY_INET));
	}
	for (int i = 0; i < 2; i++) {
		census_add(&census, place(999, EP_FAMILY_INET)); // one too many
	}
	assert_int_equal(census_fullest(&census, &where), 1);
	census_remove(&census, place(999, EP_FAMILY_INET));
	census_remove(&census, place(1, EP_FAMILY_INET)); // its place is free
	census_add(&census, place(999, EP_FAMILY_INET));
	census_add(&census, place(999, EP_FAMILY_INET));
	assert_int_equal(census_fullest(&census, &where), 2);
	assert_int_equal(where.ifindex, 999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(census_counts_each_place),
		cmocka_unit_test(census_has_room_for_so_many_places),
	};

	return cmocka_run_group_tests_name("census", tests, NULL, NULL);
}
