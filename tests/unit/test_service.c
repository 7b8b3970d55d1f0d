// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// The TXT record. The names made from a service: test_service_names.c.
#include "model/service.h"

#include <stdio.h>
#include <stdlib.h>

#include "instance.h"
#include "model/node.h"
#include "test.h"

/*
 * TXT rdata from text: strings are separated by '|'; the shortest way to read a table of records.
 * Return: the length.
 */
static size_t txt_of(struct ep_str text, uint8_t txt[SERVICE_TXT_MAX])
{
	size_t len = 0;
	size_t start = 0;

	for (size_t i = 0; i <= text.n; i++) {
		if (i == text.n || text.p[i] == '|') {
			assert_true(i - start <= 255 && len + 1 + (i - start) <= SERVICE_TXT_MAX);
			txt[len++] = (uint8_t)(i - start);
			memcpy(txt + len, text.p + start, i - start);
			len += i - start;
			start = i + 1;
		}
	}
	return len;
}

#define VALID "txtvers=1|n=alice|h=a.home|cr=4|rv=1|v=6/5|p=inet_tcp|id=0123456789abcdef"
#define VALID_BUT_H "txtvers=1|n=alice|cr=4|rv=1|v=6/5|p=inet_tcp|id=0123456789abcdef"
#define VALID_BUT_CR "txtvers=1|n=alice|h=a.home|rv=1|v=6/5|p=inet_tcp|id=0123456789abcdef"
#define VALID_BUT_V "txtvers=1|n=alice|h=a.home|cr=4|rv=1|p=inet_tcp|id=0123456789abcdef"
#define VALID_BUT_P "txtvers=1|n=alice|h=a.home|cr=4|rv=1|v=6/5|id=0123456789abcdef"
#define VALID_BUT_ID "txtvers=1|n=alice|h=a.home|cr=4|rv=1|v=6/5|p=inet_tcp"

static void service_is_refused_when_what_matters_is_missing_or_malformed(void **state)
{
	const struct ep_str rows[] = {
		LIT(""),
		LIT("|"),
		LIT("n=alice|h=a.home|cr=4|rv=1|v=6/5|p=inet_tcp|id=0"),
		LIT("txtvers=2|n=alice|h=a.home|cr=4|rv=1|v=6/5|p=inet_tcp|id=0"),
		LIT("txtvers=10|n=alice|h=a.home|cr=4|rv=1|v=6/5|p=inet_tcp|id=0"),
		LIT("txtvers=|n=alice|h=a.home|cr=4|rv=1|v=6/5|p=inet_tcp|id=0"),
		LIT("txtvers|n=alice|h=a.home|cr=4|rv=1|v=6/5|p=inet_tcp|id=0"),
		LIT("txtvers=1|h=a.home|cr=4|rv=1|v=6/5|p=inet_tcp|id=0"),
		LIT("txtvers=1|n=|h=a.home|cr=4|rv=1|v=6/5|p=inet_tcp|id=0"),
		LIT("txtvers=1|n=a.b|h=a.home|cr=4|rv=1|v=6/5|p=inet_tcp|id=0"),
		LIT("txtvers=1|n=a@b|h=a.home|cr=4|rv=1|v=6/5|p=inet_tcp|id=0"),
		LIT("txtvers=1|n=alice|h=a@home|cr=4|rv=1|v=6/5|p=inet_tcp|id=0"),
		LIT("txtvers=1|n|n=alice|h=a.home|cr=4|rv=1|v=6/5|p=inet_tcp|id=0"), // first counts
		LIT(VALID_BUT_H),
		LIT(VALID_BUT_H "|h"),
		LIT(VALID_BUT_H "|h="),
		LIT(VALID_BUT_H "|h=a home"),
		LIT(VALID_BUT_H "|h=a\0home"),
		LIT(VALID_BUT_CR),
		LIT(VALID_BUT_CR "|cr=3"),
		LIT(VALID_BUT_CR "|cr=4294967296"),
		LIT(VALID_BUT_CR "|cr=99999999999"),
		LIT(VALID_BUT_CR "|cr=+7"),
		LIT(VALID_BUT_CR "|cr= 7"),
		LIT(VALID_BUT_CR "|cr=7 "),
		LIT(VALID_BUT_CR "|cr=07"),
		LIT(VALID_BUT_CR "|cr=0x7"),
		LIT(VALID_BUT_CR "|cr=7\0"),
		LIT(VALID_BUT_CR "|cr="),
		LIT("txtvers=1|n=alice|h=a.home|cr=4|v=6/5|p=inet_tcp|id=0"),
		LIT("txtvers=1|n=alice|h=a.home|cr=4|rv=0|v=6/5|p=inet_tcp|id=0"),
		LIT(VALID_BUT_V),
		LIT(VALID_BUT_V "|v=6"),
		LIT(VALID_BUT_V "|v=6/"),
		LIT(VALID_BUT_V "|v=/5"),
		LIT(VALID_BUT_V "|v=6/5/4"),
		LIT(VALID_BUT_V "|v=65536/5"),
		LIT(VALID_BUT_V "|v=6/65536"),
		LIT(VALID_BUT_P),
		LIT(VALID_BUT_P "|p="),
		LIT(VALID_BUT_P "|p=inet"),
		LIT(VALID_BUT_P "|p=INET_TCP"),
		LIT(VALID_BUT_P "|p=inet_tcp "),
		LIT(VALID_BUT_ID),
		LIT(VALID_BUT_ID "|id="),
		LIT(VALID_BUT_ID "|id=0123456789abcdef0123456789abcdef0"),
		LIT(VALID_BUT_ID "|id=\x01"),
		LIT(VALID "|ip="),
		LIT(VALID "|ip"),
		LIT(VALID "|ip=localhost"),
		LIT(VALID "|ip=10.0.0"),
		LIT(VALID "|ip=10.0.0.1 "),
		LIT(VALID "|ip=10.0.0.1\0"),
		LIT(VALID "|ip=fd00::1"), // of the other family
		LIT(VALID_BUT_P "|p=inet6_tcp|ip=10.0.0.1"),
		LIT(VALID "|c=\x01"),
		LIT(VALID "|c=m\xfcller"),
		LIT(VALID "|c=01234567890123456789012345678901234567890123456789012345678901x"),
	};
	uint8_t txt[SERVICE_TXT_MAX];
	struct service service;

	(void)state;
	assert_null(service_decode(txt, txt_of(LIT(VALID), txt), &service));
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (service_decode(txt, txt_of(rows[i], txt), &service) == NULL) {
			print_error("accepted: row %zu\n", i);
			fail();
		}
	}
}

static void service_is_refused_when_a_string_is_cut_off(void **state)
{
	uint8_t txt[SERVICE_TXT_MAX + 1] = {0};
	struct service service;
	size_t len;

	(void)state;
	len = txt_of(LIT(VALID "|role=db"), txt);
	for (size_t n = 0; n < len; n++) {
		uint8_t *exact = malloc(n + 1);

		memcpy(exact, txt, n);
		if (n != len - sizeof("role=db")) { // the one cut that leaves a whole record
			assert_non_null(service_decode(exact, n, &service));
		}
		free(exact);
	}
	memset(txt + len, 0, sizeof(txt) - len); // empty strings are allowed, but not endlessly
	assert_null(service_decode(txt, SERVICE_TXT_MAX, &service));
	assert_non_null(service_decode(txt, SERVICE_TXT_MAX + 1, &service));
}

static void service_is_read_when_keys_are_odd_but_harmless(void **state)
{
	const struct {
		struct ep_str text;
		size_t n_tags;
		struct ep_str first_tag;
	} rows[] = {
		{LIT(VALID), 0, {NULL, 0}},
		{LIT("|" VALID "|"), 0, {NULL, 0}}, // RFC 6763 §6.1: an empty string
		{LIT("id=0|P=inet_tcp|V=6/5|RV=1|Cr=4|H=a.home|N=alice|TXTVERS=1"), 0, {NULL, 0}},
		{LIT(VALID "|n=bob|h=b|cr=x|txtvers=2|p=|rv=0"), 0, {NULL, 0}}, // first counts
		{LIT(VALID "|c="), 0, {NULL, 0}},
		{LIT(VALID "|f=|f=h"), 0, {NULL, 0}},
		{LIT(VALID "|f=xyz"), 0, {NULL, 0}},
		{LIT(VALID "|role=db"), 1, LIT("role=db")},
		{LIT(VALID "|role=|x=y"), 2, LIT("role=")},
		{LIT(VALID "|Role=db|role=web|ROLE=x"), 1, LIT("Role=db")},
		{LIT(VALID "|role|role=web"), 0, {NULL, 0}}, // the first, without a value
		{LIT(VALID "|role=\x01|role=web"), 0, {NULL, 0}},
		{LIT(VALID "|=web|role"), 0, {NULL, 0}},
		{LIT(VALID "|m\xfcll=x|a=\xff|b=="), 2, LIT("a=\xff")},
		{LIT(VALID "|012345678901234567890123456789012=33|k=1"), 1, LIT("k=1")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t txt[SERVICE_TXT_MAX];
		struct service service;
		const char *problem = service_decode(txt, txt_of(rows[i].text, txt), &service);

		if (problem != NULL) {
			print_error("row %zu: %s\n", i, problem);
			fail();
		}
		assert_str_is(service.node, LIT("alice@a.home"));
		assert_int_equal(service.creation, 4);
		assert_int_equal(service.revision, 1);
		assert_int_equal(service.carrier, EP_CARRIER_INET_TCP);
		assert_false(service.is_hidden);
		assert_int_equal(service.cluster.n, 0);
		assert_int_equal(service.bound.n, 0);
		assert_int_equal(service.n_tags, rows[i].n_tags);
		if (rows[i].n_tags > 0) {
			assert_str_is(service.tags[0], rows[i].first_tag);
		}
	}
}

static void service_drops_tags_when_they_are_too_many_or_too_long(void **state)
{
	uint8_t txt[SERVICE_TXT_MAX];
	struct service service;
	size_t len = txt_of(LIT(VALID), txt);
	size_t base = len;

	(void)state;
	for (int i = 0; i < 40; i++) {
		txt[len++] = 4;
		len += (size_t)snprintf((char *)txt + len, 5, "%02d=x", i);
	}
	assert_null(service_decode(txt, len, &service));
	assert_int_equal(service.n_tags, EP_TAGS_MAX);
	assert_str_is(service.tags[EP_TAGS_MAX - 1], LIT("15=x"));

	len = base;
	for (int i = 0; i < 3; i++) { // 120 bytes, then 90: too long, then 80: fits
		size_t n = i == 0 ? 120 : i == 1 ? 90 : 80;

		txt[len++] = (uint8_t)n;
		memset(txt + len, '-', n);
		txt[len] = (uint8_t)('x' + i);
		txt[len + 1] = '=';
		len += n;
	}
	assert_null(service_decode(txt, len, &service));
	assert_int_equal(service.n_tags, 2);
	assert_int_equal(service.tags[1].p[0], 'z');
}

static void assert_service_equal(const struct service *a, const struct service *b)
{
	assert_str_is(a->node, b->node);
	assert_int_equal(a->creation, b->creation);
	assert_int_equal(a->revision, b->revision);
	assert_int_equal(a->carrier, b->carrier);
	assert_int_equal(a->dist_high, b->dist_high);
	assert_int_equal(a->dist_low, b->dist_low);
	assert_int_equal(a->is_hidden, b->is_hidden);
	assert_str_is(a->cluster, b->cluster);
	assert_str_is(a->bound, b->bound);
	assert_str_is(a->agent, b->agent);
	assert_int_equal(a->n_tags, b->n_tags);
	for (size_t i = 0; i < a->n_tags; i++) {
		assert_str_is(a->tags[i], b->tags[i]);
	}
}

static void service_encodes_keys_in_order_when_all_are_there(void **state)
{
	static const uint8_t address[] = {192, 168, 1, 17};
	const struct service service = {
		.node = LIT("alice@m\xfcller"),
		.creation = 4294967295,
		.revision = 7,
		.carrier = EP_CARRIER_INET_TLS,
		.dist_high = 6,
		.dist_low = 5,
		.is_hidden = true,
		.cluster = LIT("blue"),
		.bound = {address, 4},
		.agent = LIT("0123456789abcdef"),
		.n_tags = 2,
		.tags = {LIT("role=db"), LIT("x=")},
	};
	uint8_t txt[SERVICE_TXT_MAX], expected[SERVICE_TXT_MAX];
	size_t len = service_encode(&service, txt);
	struct service decoded;

	(void)state;
	assert_int_equal(len, txt_of(LIT("txtvers=1|n=alice|h=m\xfcller|cr=4294967295|rv=7|v=6/5|"
					 "p=inet_tls|c=blue|f=h|ip=192.168.1.17|"
					 "id=0123456789abcdef|role=db|x="),
				     expected));
	assert_memory_equal(txt, expected, len);
	assert_null(service_decode(txt, len, &decoded));
	assert_service_equal(&decoded, &service);
}

static void service_survives_the_wire_when_everything_is_as_large_as_it_may_be(void **state)
{
	static const uint8_t address[16] =
		"\x11\x11\x22\x22\x33\x33\x44\x44\x55\x55\x66\x66\x77\x77\x88";
	char cluster[EP_CLUSTER_MAX];
	char tags[EP_TAGS_MAX][16];
	char name[EP_NODE_MAX];
	struct service service = {
		.node = {(const uint8_t *)name, sizeof(name)},
		.creation = UINT32_MAX,
		.revision = UINT32_MAX,
		.carrier = EP_CARRIER_INET6_TLS,
		.dist_high = UINT16_MAX,
		.dist_low = UINT16_MAX,
		.is_hidden = true,
		.cluster = {(const uint8_t *)cluster, sizeof(cluster)},
		.bound = {address, 16},
		.agent = LIT("0123456789abcdef0123456789abcdef"),
		.n_tags = EP_TAGS_MAX,
	};
	size_t tags_bytes = 0;

	(void)state;
	memset(cluster, 'c', sizeof(cluster));
	for (size_t i = 0; i < EP_TAGS_MAX; i++) { // 8 of 12 and 8 of 13 bytes are 200
		int n = snprintf(tags[i], sizeof(tags[i]), "%02zu=%0*zu", i, i % 2 == 0 ? 9 : 10,
				 i);

		service.tags[i] = (struct ep_str){(const uint8_t *)tags[i], (size_t)n};
		tags_bytes += (size_t)n;
	}
	assert_int_equal(tags_bytes, EP_TAGS_BYTES_MAX);
	assert_null(service_tags_problem(service.tags, service.n_tags));
	for (size_t at = 1; at <= 253; at++) { // wherever the '@' is
		uint8_t txt[SERVICE_TXT_MAX];
		char instance[SERVICE_INSTANCE_MAX + 1];
		struct service decoded;

		memset(name, 'n', at);
		name[at] = '@';
		memset(name + at + 1, '\xff', sizeof(name) - at - 1);
		assert_null(service_decode(txt, service_encode(&service, txt), &decoded));
		assert_service_equal(&decoded, &service);
		service_instance(&service, instance);
		assert_true(is_instance_valid(instance));
	}
}

// Whatever is accepted can be published again and is then the same.
static void assert_property(const uint8_t *bytes, size_t len)
{
	uint8_t *exact = malloc(len + 1);
	struct service first, second;
	uint8_t txt[SERVICE_TXT_MAX];
	char instance[SERVICE_INSTANCE_MAX + 1];

	memcpy(exact, bytes, len);
	if (service_decode(exact, len, &first) == NULL) {
		assert_null(node_name_problem(first.node));
		assert_null(service_tags_problem(first.tags, first.n_tags));
		assert_null(service_decode(txt, service_encode(&first, txt), &second));
		assert_service_equal(&first, &second);
		service_instance(&first, instance);
		assert_true(is_instance_valid(instance));
	}
	free(exact);
}

static void service_decode_is_safe_when_bytes_are_random_or_damaged(void **state)
{
	static const char alphabet[] = "|||===nhcrvpcfid/0156inet_tcp.:@\x01\xff";
	uint64_t random = 3;
	uint8_t base[SERVICE_TXT_MAX], txt[SERVICE_TXT_MAX] = {0};
	size_t base_len = txt_of(LIT(VALID "|c=blue|f=h|ip=10.0.0.1|role=db|x="), base);

	(void)state;
	for (int round = 0; round < 100000; round++) {
		size_t len = random_below(&random, 100);

		for (size_t i = 0; i < len; i++) {
			txt[i] = (uint8_t)random_next(&random);
		}
		assert_property(txt, len);

		memcpy(txt, base, base_len); // a few bytes of a good one changed
		for (uint32_t i = 1 + random_below(&random, 3); i > 0; i--) {
			txt[random_below(&random, (uint32_t)base_len)] =
				(uint8_t)alphabet[random_below(&random, sizeof(alphabet) - 1)];
		}
		assert_property(txt, base_len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(service_is_refused_when_what_matters_is_missing_or_malformed),
		cmocka_unit_test(service_is_refused_when_a_string_is_cut_off),
		cmocka_unit_test(service_is_read_when_keys_are_odd_but_harmless),
		cmocka_unit_test(service_drops_tags_when_they_are_too_many_or_too_long),
		cmocka_unit_test(service_encodes_keys_in_order_when_all_are_there),
		cmocka_unit_test(
			service_survives_the_wire_when_everything_is_as_large_as_it_may_be),
		cmocka_unit_test(service_decode_is_safe_when_bytes_are_random_or_damaged),
	};

	return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
