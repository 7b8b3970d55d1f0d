// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/claim.h"

#include "addresses.h"
#include "test.h"

static struct service a_service(void)
{
	return (struct service){
		.node = LIT("alice@a.home"),
		.creation = 77,
		.revision = 3,
		.carrier = EP_CARRIER_INET_TCP,
		.dist_high = 6,
		.dist_low = 5,
		.agent = LIT("0123456789abcdef"),
	};
}

// A claim that is seen at ETH4 with these addresses.
static struct claim *claim_at(const struct service *service, uint16_t port, const char *text)
{
	struct claim *claim = claim_new("x~1", 1);
	struct peers_address addresses[EP_ADDRESSES_MAX];

	claim_set_service(claim, port, service);
	sightings_seen(&claim->sightings, ETH4);
	sightings_resolved(&claim->sightings, ETH4, addresses, addresses_of_text(addresses, text),
			   claim_address_len(claim), NULL);
	return claim;
}

static bool is_on_link_192_168(void *user, const uint8_t *address, uint8_t len)
{
	(void)user;
	return len == 4 ? address[0] == 192 && address[1] == 168 : address[0] == 0xfe;
}

static void claim_keeps_what_the_records_say(void **state)
{
	struct claim *claim = claim_new("alice~xyz", 9);
	struct service service = a_service();
	struct ep_str tags[EP_TAGS_MAX];

	(void)state;
	assert_string_equal(claim->instance, "alice~xyz");
	assert_int_equal(claim->id, 9);
	claim_set_service(claim, 4000, &service);
	assert_null(claim->facts);
	assert_str_is(claim_cluster(claim), LIT(""));
	assert_int_equal(claim_tags(claim, tags), 0);

	service.cluster = LIT("prod");
	service.n_tags = 2;
	service.tags[0] = LIT("role=db");
	service.tags[1] = LIT("x=");
	claim_set_service(claim, 4001, &service);
	assert_str_is(claim_cluster(claim), LIT("prod"));
	assert_int_equal(claim_tags(claim, tags), 2);
	assert_str_is(tags[0], LIT("role=db"));
	assert_str_is(tags[1], LIT("x="));
	assert_int_equal(claim->port, 4001);
	assert_int_equal(claim->creation, 77);
	assert_int_equal(claim->revision, 3);
	assert_int_equal(claim->dist_high, 6);
	assert_int_equal(claim->dist_low, 5);
	assert_int_equal(claim_family(claim), EP_FAMILY_INET);
	claim_free(claim);
	claim_free(NULL);
}

static void claim_keeps_the_longest_facts_that_there_are(void **state)
{
	struct claim *claim = claim_new("x", 1);
	struct service service = a_service();
	struct ep_str tags[EP_TAGS_MAX];
	uint8_t bytes[EP_TAGS_BYTES_MAX];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	service.carrier = EP_CARRIER_INET6_TLS;
	service.bound = (struct ep_str){bytes, 16};
	service.cluster = (struct ep_str){bytes, EP_CLUSTER_MAX};
	service.n_tags = EP_TAGS_MAX;
	for (size_t i = 0; i < EP_TAGS_MAX; i++) {
		service.tags[i] = (struct ep_str){bytes, EP_TAGS_BYTES_MAX / EP_TAGS_MAX};
	}
	claim_set_service(claim, 1, &service);
	assert_int_equal(claim_family(claim), EP_FAMILY_INET6);
	assert_int_equal(claim_tags(claim, tags), EP_TAGS_MAX);
	assert_str_is(tags[EP_TAGS_MAX - 1], service.tags[0]);
	assert_str_is(claim_cluster(claim), service.cluster);
	claim_free(claim);
}

static void claim_differs_when_anything_is_said_otherwise(void **state)
{
	const struct service first = a_service();
	struct claim *claim = claim_at(&first, 4000, "10.0.0.1");

	(void)state;
	assert_false(claim_differs(claim, 4000, &first));
	assert_true(claim_differs(claim, 4001, &first));
	for (int i = 0; i < 9; i++) {
		struct service service = first;

		switch (i) {
		case 0:
			service.creation++;
			break;
		case 1:
			service.revision++;
			break;
		case 2:
			service.carrier = EP_CARRIER_INET_TLS;
			break;
		case 3:
			service.agent = LIT("0123456789abcdee");
			break;
		case 4:
			service.dist_high++;
			break;
		case 5:
			service.dist_low++;
			break;
		case 6:
			service.is_hidden = true;
			break;
		case 7:
			service.cluster = LIT("c");
			break;
		default:
			service.tags[service.n_tags++] = LIT("k=v");
			break;
		}
		assert_true(claim_differs(claim, 4000, &service));
		claim_set_service(claim, 4000, &service);
		assert_false(claim_differs(claim, 4000, &service));
		assert_true(claim_differs(claim, 4000, &first));
		claim_set_service(claim, 4000, &first);
	}
	claim_free(claim);
}

static void claim_is_kin_when_it_has_creation_or_agent_and_an_address_in_common(void **state)
{
	static const struct {
		uint32_t creation;
		const char *agent, *addresses;
		bool is_kin;
	} table[] = {
		{77, "0123456789abcdef", "10.0.0.1", true},
		{77, "other", "10.0.0.9 10.0.0.1", true},   // its agent was restarted
		{78, "0123456789abcdef", "10.0.0.1", true}, // it was restarted
		{77, "0123456789abcdef", "10.0.0.2", false},
		{77, "0123456789abcdef", "", false},
		{78, "other", "10.0.0.1", false},
	};
	struct service service = a_service();
	struct claim *claim = claim_at(&service, 4000, "10.0.0.1");

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct service other_service = service;
		struct claim *other;

		other_service.creation = table[i].creation;
		other_service.agent = str_of(table[i].agent);
		other = claim_at(&other_service, 5000, table[i].addresses);
		assert_int_equal(claim_is_kin(claim, other), table[i].is_kin);
		assert_int_equal(claim_is_kin(other, claim), table[i].is_kin);
		claim_free(other);
	}
	claim_free(claim);
}

static void claim_is_continued_when_nothing_but_its_agent_is_another(void **state)
{
	static const struct {
		uint32_t creation, revision;
		const char *agent, *addresses;
		uint16_t port;
		bool is_hidden, is_continued;
	} table[] = {
		{77, 1, "0123456789abcdef", "10.0.0.1", 4000, false, true},
		{77, 1, "other", "10.0.0.9 10.0.0.1", 4000, false, true},
		{77, 1, "other", "10.0.0.9", 4000, false, false},
		{78, 1, "0123456789abcdef", "10.0.0.1", 4000, false, false},
		{77, 2, "0123456789abcdef", "10.0.0.1", 4000, false, false},
		{77, 1, "0123456789abcdef", "10.0.0.1", 4001, false, false},
		{77, 1, "0123456789abcdef", "10.0.0.1", 4000, true, false},
	};
	struct service service = a_service();
	struct claim *claim;

	(void)state;
	service.revision = 1;
	claim = claim_at(&service, 4000, "10.0.0.1");
	for (size_t i = 0; i < COUNT(table); i++) {
		struct peers_address addresses[EP_ADDRESSES_MAX];
		uint8_t n = addresses_of_text(addresses, table[i].addresses);
		struct service next = service;

		next.creation = table[i].creation;
		next.revision = table[i].revision;
		next.agent = str_of(table[i].agent);
		next.is_hidden = table[i].is_hidden;
		assert_int_equal(claim_is_continued(claim, table[i].port, &next, addresses, n),
				 table[i].is_continued);
	}
	claim_free(claim);
}

static void claim_shares_its_endpoint_only_within_a_family(void **state)
{
	struct service inet = a_service(), inet6 = a_service();
	struct claim *claim = claim_at(&inet, 4000, "10.0.0.1 fd00::1");
	struct claim *same = claim_at(&inet, 4000, "10.0.0.1");
	struct claim *other_port = claim_at(&inet, 4001, "10.0.0.1");
	struct claim *other_host = claim_at(&inet, 4000, "10.0.0.2 fd00::1");
	struct claim *other_family;

	(void)state;
	inet6.carrier = EP_CARRIER_INET6_TCP;
	other_family = claim_at(&inet6, 4000, "10.0.0.1 fd00::1");
	assert_true(claim_shares_endpoint(claim, same));
	assert_false(claim_shares_endpoint(claim, other_port));
	assert_false(claim_shares_endpoint(claim, other_host));
	assert_false(claim_shares_endpoint(claim, other_family));
	claim_free(claim);
	claim_free(same);
	claim_free(other_port);
	claim_free(other_host);
	claim_free(other_family);
}

static void claim_offers_the_addresses_that_erlang_can_reach_the_best_first(void **state)
{
	static const struct {
		uint32_t carrier;
		const char *literal, *bound;
		bool allow_off_link;
		const char *heard;
		const char *expected; // for Erlang
		const char *target;   // to be asked
		bool has_link_local;
	} table[] = {
		{EP_CARRIER_INET_TCP, "", "", false, "10.0.0.1", "10.0.0.1", "10.0.0.1", false},
		{EP_CARRIER_INET_TLS, "", "", false, "fd00::1 10.0.0.2 10.0.0.1",
		 "10.0.0.2 10.0.0.1", "10.0.0.2", false},
		{EP_CARRIER_INET6_TCP, "", "", false, "10.0.0.1 fd00::1", "fd00::1", "fd00::1",
		 false},
		{EP_CARRIER_INET_TCP, "", "", false, "fd00::1", "", "", false},
		{EP_CARRIER_INET_TCP, "", "", false, "169.254.1.1", "169.254.1.1", "169.254.1.1",
		 false},
		// link-local is for Erlang of no use, but can be asked
		{EP_CARRIER_INET6_TCP, "", "", false, "fe80::1", "", "fe80::1", true},
		{EP_CARRIER_INET6_TLS, "", "", false, "fe80::1 fd00::1", "fd00::1", "fd00::1",
		 true},
		// off link: last, not by default, and never asked
		{EP_CARRIER_INET_TCP, "", "", false, "!8.8.8.8 10.0.0.1", "10.0.0.1", "10.0.0.1",
		 false},
		{EP_CARRIER_INET_TCP, "", "", true, "!8.8.8.8 10.0.0.1", "10.0.0.1 8.8.8.8",
		 "10.0.0.1", false},
		{EP_CARRIER_INET_TCP, "", "", false, "!8.8.8.8", "", "", false},
		{EP_CARRIER_INET_TCP, "", "", true, "!8.8.8.8", "8.8.8.8", "", false},
		// bound to one address
		{EP_CARRIER_INET_TCP, "", "10.0.0.2", false, "10.0.0.1 10.0.0.2", "10.0.0.2",
		 "10.0.0.2", false},
		{EP_CARRIER_INET_TCP, "", "192.168.0.9", false, "10.0.0.1", "192.168.0.9",
		 "192.168.0.9", false},
		{EP_CARRIER_INET_TCP, "", "10.0.0.2", false, "10.0.0.1", "", "", false},
		{EP_CARRIER_INET_TCP, "", "8.8.8.8", false, "!8.8.8.8", "", "", false},
		{EP_CARRIER_INET_TCP, "", "8.8.8.8", true, "!8.8.8.8", "8.8.8.8", "", false},
		{EP_CARRIER_INET_TCP, "", "127.0.0.1", true, "10.0.0.1", "", "", false},
		{EP_CARRIER_INET6_TCP, "", "fe80::7", false, "fe80::7", "", "fe80::7", true},
		// the host part is a literal: that one, and off link too, if the host has it
		{EP_CARRIER_INET_TCP, "10.0.0.2", "", false, "10.0.0.1 10.0.0.2", "10.0.0.2",
		 "10.0.0.2", false},
		{EP_CARRIER_INET_TCP, "192.168.0.9", "", false, "10.0.0.1", "192.168.0.9",
		 "192.168.0.9", false},
		{EP_CARRIER_INET_TCP, "8.8.8.8", "", false, "!8.8.8.8", "8.8.8.8", "", false},
		{EP_CARRIER_INET_TCP, "8.8.8.8", "", true, "10.0.0.1", "", "", false},
		{EP_CARRIER_INET_TCP, "10.0.0.2", "10.0.0.1", false, "10.0.0.1 10.0.0.2",
		 "10.0.0.2", "10.0.0.2", false},
		{EP_CARRIER_INET6_TCP, "10.0.0.1", "", false, "10.0.0.1 fd00::1", "fd00::1",
		 "fd00::1", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct claim_policy policy = {
			.literal = str_of(table[i].literal),
			.is_on_link = is_on_link_192_168,
			.allow_off_link = table[i].allow_off_link,
		};
		struct service service = a_service();
		struct peers_address bound = {.len = 0};
		struct claim_addresses found;
		const struct claim_address *target;
		char text[256] = "", target_text[64] = "";
		struct claim *claim;

		addresses_of_text(&bound, table[i].bound);
		service.carrier = table[i].carrier;
		service.bound = (struct ep_str){bound.bytes, bound.len};
		claim = claim_at(&service, 4000, table[i].heard);
		claim_addresses(claim, &policy, &found);
		for (uint8_t k = 0; k < found.n; k++) {
			char one[64];

			address_text(one, found.best[k].bytes, found.len);
			strcat(strcat(text, k > 0 ? " " : ""), one);
			assert_int_equal(found.best[k].ifindex, ETH4.ifindex);
		}
		target = claim_target(&found);
		if (target != NULL) {
			address_text(target_text, target->bytes, found.len);
		}
		if (strcmp(text, table[i].expected) != 0 ||
		    strcmp(target_text, table[i].target) != 0 ||
		    (found.link_local.bytes != NULL) != table[i].has_link_local) {
			fail_msg("row %zu: \"%s\", to be asked at \"%s\"", i, text, target_text);
		}
		claim_free(claim);
	}
}

static void claim_offers_each_address_once_and_the_failed_ones_later(void **state)
{
	struct claim_policy policy = {.is_on_link = is_on_link_192_168};
	struct service service = a_service();
	struct claim *claim = claim_at(&service, 4000, "10.0.0.1 10.0.0.2");
	struct peers_address addresses[EP_ADDRESSES_MAX];
	struct claim_addresses found;

	(void)state;
	sightings_seen(&claim->sightings, WLAN4);
	addresses_of_text(addresses, "10.0.0.1 10.0.0.3");
	sightings_resolved(&claim->sightings, WLAN4, addresses, 2, 4, NULL);
	claim_addresses(claim, &policy, &found);
	assert_int_equal(found.n, 3);
	sightings_mark(&claim->sightings, &addresses[0], true);
	claim_addresses(claim, &policy, &found);
	assert_int_equal(found.n, 3);
	assert_int_equal(found.best[0].bytes[3], 2);
	assert_int_equal(found.best[1].bytes[3], 3);
	assert_int_equal(found.best[2].bytes[3], 1);
	assert_true(found.best[2].is_failed);
	assert_int_equal(claim_target(&found)->bytes[3], 2);
	claim_free(claim);

	// Bound to one that failed: there is nothing else to be asked.
	service.bound = LIT("\x0a\x00\x00\x02");
	claim = claim_at(&service, 4000, "10.0.0.1 10.0.0.2");
	addresses_of_text(addresses, "10.0.0.2");
	sightings_mark(&claim->sightings, &addresses[0], true);
	claim_addresses(claim, &policy, &found);
	assert_int_equal(found.n, 1);
	assert_null(claim_target(&found));
	claim_free(claim);
}

static void claim_offers_no_more_addresses_than_fit(void **state)
{
	struct claim_policy policy = {.is_on_link = is_on_link_192_168};
	struct service service = a_service();
	struct claim *claim = claim_at(&service, 4000, "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4");
	struct peers_address addresses[EP_ADDRESSES_MAX];
	struct claim_addresses found;

	(void)state;
	sightings_seen(&claim->sightings, WLAN4);
	addresses_of_text(addresses, "10.1.0.1 10.1.0.2 10.1.0.3 10.1.0.4 10.1.0.5 10.1.0.6");
	sightings_resolved(&claim->sightings, WLAN4, addresses, 6, 4, NULL);
	claim_addresses(claim, &policy, &found);
	assert_int_equal(found.n, EP_ADDRESSES_MAX);
	assert_int_equal(found.best[EP_ADDRESSES_MAX - 1].bytes[3], 4);
	claim_free(claim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claim_keeps_what_the_records_say),
		cmocka_unit_test(claim_keeps_the_longest_facts_that_there_are),
		cmocka_unit_test(claim_differs_when_anything_is_said_otherwise),
		cmocka_unit_test(
			claim_is_kin_when_it_has_creation_or_agent_and_an_address_in_common),
		cmocka_unit_test(claim_is_continued_when_nothing_but_its_agent_is_another),
		cmocka_unit_test(claim_shares_its_endpoint_only_within_a_family),
		cmocka_unit_test(claim_offers_the_addresses_that_erlang_can_reach_the_best_first),
		cmocka_unit_test(claim_offers_each_address_once_and_the_failed_ones_later),
		cmocka_unit_test(claim_offers_no_more_addresses_than_fit),
	};

	return cmocka_run_group_tests_name("claim", tests, NULL, NULL);
}
