// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Instance names, subtypes, and what may be a tag or a cluster. The TXT record: test_service.c.
#include "model/service.h"

#include <stdio.h>

#include "instance.h"
#include "test.h"

static void service_instance_is_readable_and_cut_at_a_character_when_long(void **state)
{
	const struct {
		struct ep_str node;
		const char *readable;
	} rows[] = {
		{LIT("alice@a.home"), "alice@a.home~"},
		{LIT("a@m\xfcller\x7f\xc0"), "a@m\xc3\xbcller?\xc3\x80~"},
		// 54 bytes of name are shown
		{LIT("a@345678901234567890123456789012345678901234567890123"),
		 "a@345678901234567890123456789012345678901234567890123~"},
		{LIT("a@34567890123456789012345678901234567890123456789012345"),
		 "a@3456789012345678901234567890123456789012345678901234~"},
		{LIT("a@345678901234567890123456789012345678901234567890123\xfc"),
		 "a@345678901234567890123456789012345678901234567890123~"},
		{LIT("a@34567890123456789012345678901234567890123456789012\xfcz"),
		 "a@34567890123456789012345678901234567890123456789012\xc3\xbc~"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct service service = {.node = rows[i].node,
					  .carrier = EP_CARRIER_INET_TCP,
					  .creation = 4,
					  .revision = 1};
		char instance[SERVICE_INSTANCE_MAX + 1];
		size_t n = strlen(rows[i].readable);

		service_instance(&service, instance);
		assert_int_equal(strlen(instance), n + 8);
		assert_memory_equal(instance, rows[i].readable, n);
		assert_int_equal(strspn(instance + n, "abcdefghijklmnopqrstuvwxyz234567"), 8);
		assert_true(is_instance_valid(instance));
	}
}

static void service_instance_differs_without_case_when_anything_does(void **state)
{
	const struct {
		struct ep_str node;
		uint32_t carrier, creation, revision;
	} rows[] = {
		{LIT("alice@a.home"), EP_CARRIER_INET_TCP, 4, 1},
		{LIT("Alice@a.home"), EP_CARRIER_INET_TCP, 4, 1},
		{LIT("alice@A.home"), EP_CARRIER_INET_TCP, 4, 1},
		{LIT("alice@a.home"), EP_CARRIER_INET6_TCP, 4, 1},
		{LIT("alice@a.home"), EP_CARRIER_INET_TCP, 5, 1},
		{LIT("alice@a.home"), EP_CARRIER_INET_TCP, 4, 2},
		{LIT("alice@a.home"), EP_CARRIER_INET_TCP, 1, 4},
		{LIT("x@34567890123456789012345678901234567890123456789012345678901234567890"),
		 EP_CARRIER_INET_TCP, 4, 1},
		{LIT("x@34567890123456789012345678901234567890123456789012345678901234567891"),
		 EP_CARRIER_INET_TCP, 4, 1},
	};
	char instances[COUNT(rows)][SERVICE_INSTANCE_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct service service = {.node = rows[i].node,
					  .carrier = rows[i].carrier,
					  .creation = rows[i].creation,
					  .revision = rows[i].revision};

		service_instance(&service, instances[i]);
		for (size_t j = 0; j < i; j++) {
			assert_int_not_equal(strcasecmp(instances[i], instances[j]), 0);
		}
	}
}

// Other agents need not compute it alike, but a restarted one of another version had better.
static void service_instance_stays_what_it_is_when_versions_change(void **state)
{
	struct service service = {.node = LIT("alice@a.home"),
				  .carrier = EP_CARRIER_INET_TLS,
				  .creation = 4,
				  .revision = 1};
	char instance[SERVICE_INSTANCE_MAX + 1];

	(void)state;
	service_instance(&service, instance);
	assert_string_equal(instance, "alice@a.home~6xf7wyu5");
	service.carrier = EP_CARRIER_INET_TCP; // the family counts, not the carrier
	service_instance(&service, instance);
	assert_string_equal(instance, "alice@a.home~6xf7wyu5");
}

static void service_tags_are_refused_when_malformed(void **state)
{
	const struct {
		size_t n;
		struct ep_str tags[3];
	} rows[] = {
		{1, {LIT("")}},
		{1, {LIT("role")}},
		{1, {LIT("=x")}},
		{1, {LIT("r\xf6le=x")}},
		{1, {LIT("r\x01le=x")}},
		{1, {LIT("r\x7fle=x")}},
		{1, {LIT("role=x\ny")}},
		{1, {LIT("role=\x7f")}},
		{1, {LIT("role=\0")}},
		{1, {LIT("012345678901234567890123456789012=x")}},
		{1, {LIT("n=x")}},
		{1, {LIT("TxtVers=x")}},
		{1, {LIT("ID=x")}},
		{1, {LIT("ip=1")}},
		{1, {LIT("_later=1")}},
		{2, {LIT("a=1"), LIT("a=2")}},
		{3, {LIT("a=1"), LIT("b=1"), LIT("A=2")}},
	};
	const struct ep_str valid[] = {LIT("role=db"), LIT("x="), LIT("y_=="), LIT("a b=\xff \x80"),
				       LIT("01234567890123456789012345678901=x")};
	struct ep_str many[EP_TAGS_MAX + 1];
	char texts[EP_TAGS_MAX + 1][8];
	uint8_t big[256];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (service_tags_problem(rows[i].tags, rows[i].n) == NULL) {
			print_error("accepted: row %zu\n", i);
			fail();
		}
	}
	assert_null(service_tags_problem(NULL, 0));
	assert_null(service_tags_problem(valid, COUNT(valid)));
	for (size_t i = 0; i < COUNT(many); i++) {
		int n = snprintf(texts[i], sizeof(texts[i]), "%zu=", i);

		many[i] = (struct ep_str){(const uint8_t *)texts[i], (size_t)n};
	}
	assert_null(service_tags_problem(many, EP_TAGS_MAX));
	assert_non_null(service_tags_problem(many, EP_TAGS_MAX + 1));
	memset(big, 'x', sizeof(big));
	big[1] = '=';
	many[0] = (struct ep_str){big, EP_TAGS_BYTES_MAX};
	assert_null(service_tags_problem(many, 1));
	assert_non_null(service_tags_problem(many, 2));
	many[0].n++;
	assert_non_null(service_tags_problem(many, 1));
}

static void service_cluster_is_refused_when_no_label_can_hold_it(void **state)
{
	char cluster[EP_CLUSTER_MAX + 1];

	(void)state;
	memset(cluster, 'c', sizeof(cluster));
	assert_null(service_cluster_problem((struct ep_str){(const uint8_t *)cluster, 62}));
	assert_non_null(service_cluster_problem((struct ep_str){(const uint8_t *)cluster, 63}));
	assert_non_null(service_cluster_problem(LIT("")));
	assert_non_null(service_cluster_problem(LIT("a\x1f")));
	assert_non_null(service_cluster_problem(LIT("\xfc")));
	assert_null(service_cluster_problem(LIT("my cluster, the 2nd.")));
}

static void service_subtype_is_a_label_when_the_cluster_is_odd(void **state)
{
	const struct {
		struct ep_str cluster;
		const char *label; // NULL: a hash
	} rows[] = {
		{LIT("blue"), "_blue"}, {LIT("Blue-2_x"), "_Blue-2_x"},
		{LIT("b"), NULL},       {LIT("a.b"), NULL},
		{LIT("a b"), NULL},     {LIT("a\\b"), NULL},
	};
	char labels[COUNT(rows)][SERVICE_LABEL_MAX + 1];
	char cluster[EP_CLUSTER_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		service_subtype(rows[i].cluster, labels[i]);
		if (rows[i].label != NULL) {
			assert_string_equal(labels[i], rows[i].label);
		} else {
			assert_int_equal(strlen(labels[i]), 14);
			assert_int_equal(labels[i][0], '_');
			assert_int_equal(strspn(labels[i] + 1, "abcdefghijklmnopqrstuvwxyz234567"),
					 13);
		}
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(labels[i], labels[j]);
		}
	}
	memset(cluster, 'c', sizeof(cluster));
	service_subtype((struct ep_str){(const uint8_t *)cluster, sizeof(cluster)}, labels[0]);
	assert_int_equal(strlen(labels[0]), SERVICE_LABEL_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(service_instance_is_readable_and_cut_at_a_character_when_long),
		cmocka_unit_test(service_instance_differs_without_case_when_anything_does),
		cmocka_unit_test(service_instance_stays_what_it_is_when_versions_change),
		cmocka_unit_test(service_tags_are_refused_when_malformed),
		cmocka_unit_test(service_cluster_is_refused_when_no_label_can_hold_it),
		cmocka_unit_test(service_subtype_is_a_label_when_the_cluster_is_odd),
	};

	return cmocka_run_group_tests_name("service_names", tests, NULL, NULL);
}
