// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/sightings.h"

#include "addresses.h"
#include "test.h"

// "A" etc. where it is seen, in brackets where it is stale; "-" for no address.
static void assert_sightings(const struct sightings *sightings, const char *expected)
{
	char text[256] = "";

	for (uint8_t i = 0; i < sightings->n; i++) {
		const struct sighting *sighting = &sightings->all[i];
		char one[64] = "-";
		char *end = text + strlen(text);

		if (sighting->len > 0) {
			address_text(one, sighting->bytes, sighting->len);
		}
		snprintf(end, sizeof(text) - strlen(text), "%s%s%s%s%s", i > 0 ? " " : "",
			 sighting->is_stale ? "(" : "", one, sighting->is_failed ? "!" : "",
			 sighting->is_stale ? ")" : "");
	}
	assert_string_equal(text, expected);
}

static void resolve(struct sightings *sightings, struct peers_where where, const char *text)
{
	struct peers_address addresses[EP_ADDRESSES_MAX];

	sightings_resolved(sightings, where, addresses, addresses_of_text(addresses, text), 4,
			   NULL);
}

static void sightings_keep_each_place_and_the_order_in_which_they_were_heard(void **state)
{
	struct sightings sightings = {NULL, 0};

	(void)state;
	assert_true(sightings_seen(&sightings, ETH4));
	assert_true(sightings_seen(&sightings, ETH4));
	assert_true(sightings_seen(&sightings, WLAN4));
	assert_sightings(&sightings, "- -");
	assert_true(sightings_is_seen(&sightings, WLAN4));
	assert_false(sightings_is_seen(&sightings, ETH6));
	resolve(&sightings, WLAN4, "10.1.0.1 10.1.0.2");
	resolve(&sightings, ETH4, "10.0.0.1");
	assert_sightings(&sightings, "10.1.0.1 10.1.0.2 10.0.0.1");
	resolve(&sightings, WLAN4, "10.1.0.2 10.1.0.3 10.1.0.3");
	assert_sightings(&sightings, "10.1.0.2 10.0.0.1 10.1.0.3");
	assert_false(sightings_gone(&sightings, WLAN4, 4));
	assert_sightings(&sightings, "10.0.0.1");
	assert_true(sightings_gone(&sightings, ETH4, 4));
	assert_sightings(&sightings, "(10.0.0.1)");
	sightings_fini(&sightings);
	sightings_fini(&sightings);
}

static void sightings_keep_a_stale_address_until_there_is_a_good_one(void **state)
{
	struct sightings sightings = {NULL, 0};

	(void)state;
	sightings_seen(&sightings, ETH4);
	sightings_seen(&sightings, ETH6);
	resolve(&sightings, ETH4, "10.0.0.1");
	resolve(&sightings, ETH6, "fd00::1");
	assert_true(sightings_is_fresh(&sightings, 4));
	// A lost refresh of IPv4 alone: the only IPv4 address stays.
	assert_false(sightings_gone(&sightings, ETH4, 4));
	assert_sightings(&sightings, "(10.0.0.1) fd00::1");
	assert_false(sightings_is_fresh(&sightings, 4));
	assert_true(sightings_is_fresh(&sightings, 16));
	// Neither of these will do in its place.
	sightings_seen(&sightings, WLAN4);
	resolve(&sightings, WLAN4, "!8.8.8.8");
	assert_sightings(&sightings, "(10.0.0.1) fd00::1 8.8.8.8");
	resolve(&sightings, WLAN4, "");
	assert_sightings(&sightings, "(10.0.0.1) fd00::1 (8.8.8.8) -");
	assert_true(sightings_is_seen(&sightings, WLAN4));
	resolve(&sightings, WLAN4, "10.1.0.1");
	assert_sightings(&sightings, "fd00::1 10.1.0.1");
	// Heard again as it was.
	sightings_gone_everywhere(&sightings);
	assert_sightings(&sightings, "(fd00::1) (10.1.0.1)");
	sightings_seen(&sightings, WLAN4);
	assert_sightings(&sightings, "(fd00::1) 10.1.0.1");
	sightings_fini(&sightings);
}

static void sightings_are_last_when_gone_anywhere_once_all_are_stale(void **state)
{
	struct sightings sightings = {NULL, 0};

	(void)state;
	assert_true(sightings_gone(&sightings, ETH4, 4));
	sightings_seen(&sightings, ETH4);
	assert_false(sightings_gone(&sightings, ETH6, 4)); // never was there
	assert_true(sightings_gone(&sightings, ETH4, 4));
	assert_int_equal(sightings.n, 0);
	sightings_fini(&sightings);
}

static void sightings_skip_addresses_that_can_never_be_right(void **state)
{
	struct sightings sightings = {NULL, 0};

	(void)state;
	sightings_seen(&sightings, ETH4);
	resolve(&sightings, ETH4, "127.0.0.1 0.1.2.3 224.0.0.251 255.255.255.255 240.0.0.1");
	assert_sightings(&sightings, "-");
	resolve(&sightings, ETH4, "::1 :: ff02::fb ::ffff:10.0.0.1 ::10.0.0.1 ::ffff:127.0.0.1");
	assert_sightings(&sightings, "-");
	sightings_resolved(&sightings, ETH4, &(struct peers_address){.len = 5}, 1, 4, NULL);
	assert_sightings(&sightings, "-");
	resolve(&sightings, ETH4, "126.255.255.255 169.254.3.4 fe80::1 2001:db8::1 223.1.1.1");
	assert_sightings(&sightings, "126.255.255.255 169.254.3.4 fe80::1 2001:db8::1 223.1.1.1");
	sightings_fini(&sightings);
}

static void sightings_stay_within_their_number_whatever_is_heard(void **state)
{
	struct sightings sightings = {NULL, 0};
	char text[256];

	(void)state;
	for (int32_t i = 1; i <= PEERS_SIGHTINGS_MAX / EP_ADDRESSES_MAX; i++) {
		struct peers_where where = {i, EP_FAMILY_INET};

		snprintf(text, sizeof(text),
			 "10.%d.0.1 10.%d.0.2 10.%d.0.3 10.%d.0.4 10.%d.0.5 10.%d.0.6 10.%d.0.7 "
			 "10.%d.0.8",
			 i, i, i, i, i, i, i, i);
		assert_true(sightings_seen(&sightings, where));
		resolve(&sightings, where, text);
	}
	assert_int_equal(sightings.n, PEERS_SIGHTINGS_MAX);
	assert_false(sightings_seen(&sightings, (struct peers_where){9, EP_FAMILY_INET}));
	// Resolved anew at a place that counts, even with as many again, it still counts there.
	resolve(&sightings, (struct peers_where){1, EP_FAMILY_INET}, "10.9.0.1 10.9.0.2");
	assert_true(sightings_is_seen(&sightings, (struct peers_where){1, EP_FAMILY_INET}));
	resolve(&sightings, (struct peers_where){1, EP_FAMILY_INET}, "");
	assert_true(sightings_is_seen(&sightings, (struct peers_where){1, EP_FAMILY_INET}));
	// Of more addresses than there is room for, the first are kept.
	resolve(&sightings, (struct peers_where){1, EP_FAMILY_INET},
		"10.1.0.1 10.1.0.2 10.1.0.3 10.1.0.4 10.1.0.5 10.1.0.6 10.1.0.7");
	assert_true(sightings_seen(&sightings, (struct peers_where){9, EP_FAMILY_INET}));
	assert_false(sightings_seen(&sightings, (struct peers_where){10, EP_FAMILY_INET}));
	resolve(&sightings, (struct peers_where){9, EP_FAMILY_INET}, "10.9.0.1 10.9.0.2");
	assert_int_equal(sightings.n, PEERS_SIGHTINGS_MAX);
	assert_non_null(sightings_find(&sightings, (const uint8_t *)"\x0a\x09\x00\x01", 4));
	assert_null(sightings_find(&sightings, (const uint8_t *)"\x0a\x09\x00\x02", 4));
	// Stale ones give way.
	sightings_gone_everywhere(&sightings);
	for (int32_t i = 9; i < 9 + PEERS_SIGHTINGS_MAX; i++) {
		assert_true(sightings_seen(&sightings, (struct peers_where){i, EP_FAMILY_INET}));
	}
	assert_int_equal(sightings.n, PEERS_SIGHTINGS_MAX);
	assert_false(sightings_is_seen(&sightings, (struct peers_where){1, EP_FAMILY_INET}));
	sightings_fini(&sightings);
}

static void sightings_rank_on_link_first_then_what_answered_then_what_is_heard(void **state)
{
	struct sighting sighting = {.len = 4, .bytes = {10, 0, 0, 1}, .is_on_link = true};
	struct sighting link_local = {.len = 16, .bytes = {0xfe, 0x80}};

	(void)state;
	assert_int_equal(sighting_rank(&sighting), 0);
	sighting.is_stale = true;
	assert_int_equal(sighting_rank(&sighting), 1);
	sighting.is_failed = true;
	assert_int_equal(sighting_rank(&sighting), 2);
	sighting.is_on_link = false;
	assert_int_equal(sighting_rank(&sighting), SIGHTING_OFF_LINK);
	assert_int_equal(sighting_rank(&link_local), 0); // is on a link by its nature
}

static void sightings_remember_failures_by_address_until_heard_anew(void **state)
{
	struct sightings sightings = {NULL, 0};
	struct peers_address address;

	(void)state;
	sightings_seen(&sightings, ETH4);
	sightings_seen(&sightings, WLAN4);
	resolve(&sightings, ETH4, "10.0.0.1 10.0.0.2");
	resolve(&sightings, WLAN4, "10.0.0.1");
	addresses_of_text(&address, "10.0.0.1");
	sightings_mark(&sightings, &address, true);
	assert_sightings(&sightings, "10.0.0.1! 10.0.0.2 10.0.0.1!");
	resolve(&sightings, WLAN4, "10.0.0.1");
	assert_sightings(&sightings, "10.0.0.1! 10.0.0.2 10.0.0.1!");
	sightings_seen(&sightings, WLAN4);
	assert_sightings(&sightings, "10.0.0.1! 10.0.0.2 10.0.0.1");
	assert_ptr_equal(sightings_find(&sightings, address.bytes, 4), &sightings.all[2]);
	sightings_mark(&sightings, &address, true);
	sightings_mark(&sightings, &address, false);
	assert_sightings(&sightings, "10.0.0.1 10.0.0.2 10.0.0.1");
	sightings_mark(&sightings, &address, true);
	sightings_forgive(&sightings);
	assert_sightings(&sightings, "10.0.0.1 10.0.0.2 10.0.0.1");
	sightings_mark(&sightings, &(struct peers_address){.len = 0}, true); // of nothing
	assert_sightings(&sightings, "10.0.0.1 10.0.0.2 10.0.0.1");
	sightings_fini(&sightings);
}

static void sightings_meet_where_they_have_an_address_in_common(void **state)
{
	struct sightings a = {NULL, 0}, b = {NULL, 0};

	(void)state;
	assert_false(sightings_meet(&a, &b, 0));
	sightings_seen(&a, ETH4);
	sightings_seen(&b, WLAN4);
	assert_false(sightings_meet(&a, &b, 0)); // no address is none in common
	resolve(&a, ETH4, "10.0.0.1 fd00::1");
	resolve(&b, WLAN4, "10.0.0.2 fd00::1");
	assert_true(sightings_meet(&a, &b, 0));
	assert_true(sightings_meet(&a, &b, 16));
	assert_false(sightings_meet(&a, &b, 4));
	sightings_fini(&a);
	sightings_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sightings_keep_each_place_and_the_order_in_which_they_were_heard),
		cmocka_unit_test(sightings_keep_a_stale_address_until_there_is_a_good_one),
		cmocka_unit_test(sightings_are_last_when_gone_anywhere_once_all_are_stale),
		cmocka_unit_test(sightings_skip_addresses_that_can_never_be_right),
		cmocka_unit_test(sightings_stay_within_their_number_whatever_is_heard),
		cmocka_unit_test(
			sightings_rank_on_link_first_then_what_answered_then_what_is_heard),
		cmocka_unit_test(sightings_remember_failures_by_address_until_heard_anew),
		cmocka_unit_test(sightings_meet_where_they_have_an_address_in_common),
	};

	return cmocka_run_group_tests_name("sightings", tests, NULL, NULL);
}
