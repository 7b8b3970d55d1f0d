// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What people and programs read: table, lines of watch, JSON.

#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/record.h"
#include "cli/table.h"
#include "epmdns/codec.h"
#include "test.h"

static struct ep_msg some_item(void)
{
	static const uint8_t lan[] = {192, 168, 1, 17};
	static const uint8_t six[] = {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9};
	struct ep_msg item;

	ep_begin(&item, EP_OP_ITEM, 7);
	ep_set_str(&item, EP_F_NODE, &item.node, "bob@b.home", 10);
	ep_set_u32(&item, EP_F_PORT, &item.port, 38251);
	ep_set_u32(&item, EP_F_CARRIER, &item.carrier, EP_CARRIER_INET_TCP);
	ep_set_u32(&item, EP_F_CREATION, &item.creation, 4000000000);
	ep_set_u32(&item, EP_F_ORIGIN, &item.origin, EP_ORIGIN_LAN);
	ep_set_str(&item, EP_F_INTERFACE, &item.interface, "eth0", 4);
	ep_set_u32(&item, EP_F_STATE, &item.state, EP_STATE_UP);
	ep_set_u32(&item, EP_F_AGE_S, &item.age_s, 130);
	ep_add(&item, EP_F_ADDRESS, lan, sizeof(lan));
	ep_add(&item, EP_F_ADDRESS, six, sizeof(six));
	return item;
}

// What a function writes; to be freed.
#define WRITTEN(buf, call)                                                                         \
	do {                                                                                       \
		size_t n_;                                                                         \
		FILE *out = open_memstream(&(buf), &n_);                                           \
		assert_non_null(out);                                                              \
		call;                                                                              \
		fclose(out);                                                                       \
	} while (0)

static void assert_cells(const struct ep_msg *item, const char *const *expected)
{
	char *cells[OUTPUT_COLUMNS];

	output_cells(item, cells);
	for (size_t i = 0; i < OUTPUT_COLUMNS; i++) {
		assert_string_equal(cells[i], expected[i]);
	}
	output_cells_free(cells);
}

static void output_cells_show_a_lan_node(void **state)
{
	static const char *const cells[] = {"bob@b.home", "192.168.1.17", "38251",
					    "-",          "eth0",         "2 min"};
	struct ep_msg item = some_item();

	(void)state;
	assert_cells(&item, cells);
}

static void output_cells_show_what_is_unusual(void **state)
{
	static const char *const cells[] = {"bob@b.home", "192.168.1.17",
					    "38251",      "red",
					    "local",      "2 min (hidden, tls, conflict)"};
	struct ep_msg item = some_item();

	(void)state;
	ep_set_u32(&item, EP_F_FLAGS, &item.flags, EP_FLAG_HIDDEN);
	ep_set_u32(&item, EP_F_CARRIER, &item.carrier, EP_CARRIER_INET6_TLS);
	ep_set_u32(&item, EP_F_STATE, &item.state, EP_STATE_CONFLICT);
	ep_set_u32(&item, EP_F_ORIGIN, &item.origin, EP_ORIGIN_LOCAL);
	ep_set_str(&item, EP_F_CLUSTER, &item.cluster, "red", 3);
	assert_cells(&item, cells);
}

static void output_cells_show_unknowns_as_dashes(void **state)
{
	static const char *const cells[] = {"-", "-", "-", "-", "-", "-"};
	struct ep_msg item;

	(void)state;
	ep_begin(&item, EP_OP_ITEM, 7);
	assert_cells(&item, cells);
}

static void output_cells_escape_what_the_network_says(void **state)
{
	static const char *const cells[] = {"\\x1b]0;é@h", "192.168.1.17", "38251",
					    "\\u{202e}",   "\\x0a",        "2 min (unconfirmed)"};
	struct ep_msg item = some_item();

	(void)state;
	ep_set_str(&item, EP_F_NODE, &item.node, "\x1b]0;\xe9@h", 7);
	ep_set_str(&item, EP_F_CLUSTER, &item.cluster, "\xe2\x80\xae", 3);
	ep_set_str(&item, EP_F_INTERFACE, &item.interface, "\n", 1);
	ep_set_u32(&item, EP_F_STATE, &item.state, EP_STATE_UNCONFIRMED);
	assert_cells(&item, cells);
}

static void output_event_is_one_line(void **state)
{
	struct ep_msg item = some_item();
	char *line = NULL;

	(void)state;
	WRITTEN(line, output_event(out, &item, "up"));
	assert_string_equal(line, "up       bob@b.home  192.168.1.17  38251  -  eth0\n");
	free(line);
	ep_set_u32(&item, EP_F_STATE, &item.state, EP_STATE_CONFLICT);
	WRITTEN(line, output_event(out, &item, "changed"));
	assert_string_equal(line,
			    "changed  bob@b.home  192.168.1.17  38251  -  eth0  (conflict)\n");
	free(line);
	WRITTEN(line, output_event(out, NULL, "ready"));
	assert_string_equal(line, "ready\n");
	free(line);
}

static void table_aligns_by_characters_and_sorts_by_name(void **state)
{
	static const char *const headings[] = {"NODE", "PORT", "SEEN"};
	static const char *const rows[][3] = {
		{"zoé@h", "1", "2 min"}, {"bob@b.home", "38251", "-"}, {"bob@b.home", "7", "x"}};
	struct table *table = table_new(headings, 3);
	char *text = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		table_add(table, rows[i]);
	}
	table_sort(table);
	assert_int_equal(table_rows(table), 3);
	WRITTEN(text, table_print(table, out));
	assert_string_equal(text, "NODE        PORT   SEEN\n"
				  "bob@b.home  38251  -\n"
				  "bob@b.home  7      x\n"
				  "zoé@h       1      2 min\n");
	free(text);
	table_free(table);
	table_free(NULL);
}

static void table_has_no_limit(void **state)
{
	struct table *table = table_new(NULL, 1);

	(void)state;
	for (int i = 0; i < 10000; i++) {
		static const char *const cells[] = {"x"};

		table_add(table, cells);
	}
	table_sort(table);
	assert_int_equal(table_rows(table), 10000);
	table_free(table);
}

static void assert_record(const struct ep_msg *item, enum record_detail detail, const char *event,
			  const char *expected)
{
	char *line = NULL;

	WRITTEN(line, record_print(out, item, detail, event));
	assert_string_equal(line, expected);
	free(line);
}

static void record_has_every_key_in_order(void **state)
{
	struct ep_msg item = some_item();

	(void)state;
	assert_record(&item, RECORD_FULL, NULL,
		      "{\"node\":\"bob@b.home\",\"name\":\"bob\",\"host\":\"b.home\","
		      "\"family\":\"inet\",\"carrier\":\"inet_tcp\","
		      "\"addresses\":[\"192.168.1.17\",\"fd00::9\"],\"port\":38251,"
		      "\"creation\":4000000000,\"cluster\":null,\"hidden\":false,"
		      "\"origin\":\"lan\",\"interface\":\"eth0\",\"state\":\"up\",\"age_s\":130,"
		      "\"tags\":{}}\n");
}

static void record_has_every_key_when_nothing_is_known(void **state)
{
#define NULLS                                                                                      \
	"\"node\":null,\"name\":null,\"host\":null,\"family\":null,\"carrier\":null,"              \
	"\"addresses\":null,\"port\":null,\"creation\":null,\"cluster\":null,\"hidden\":null,"     \
	"\"origin\":null,\"interface\":null,\"state\":null,\"age_s\":null,\"tags\":null}\n"
	struct ep_msg item;

	(void)state;
	ep_begin(&item, EP_OP_ITEM, 1);
	assert_record(&item, RECORD_PARTIAL, NULL, "{" NULLS);
	assert_record(NULL, RECORD_FULL, "lost", "{\"event\":\"lost\"," NULLS);
}

static void assert_contains(const struct ep_msg *item, const char *part)
{
	char *line = NULL;

	WRITTEN(line, record_print(out, item, RECORD_FULL, NULL));
	if (strstr(line, part) == NULL) {
		print_error("%s is not in %s", part, line);
		fail();
	}
	free(line);
}

static void record_is_utf8_and_harmless(void **state)
{
	struct ep_msg item = some_item();

	(void)state;
	ep_set_str(&item, EP_F_NODE, &item.node, "z\xe9@h\x9b\x00", 6);
	ep_set_str(&item, EP_F_CLUSTER, &item.cluster, "\"\xe2\x80\xae\\", 5);
	ep_set_str(&item, EP_F_INTERFACE, &item.interface, "\xf3\xa0\x80\x81", 4);
	assert_contains(&item, "\"node\":\"zé@h\\u009b\\u0000\"");
	assert_contains(&item, "\"name\":\"zé\",\"host\":\"h\\u009b\\u0000\"");
	assert_contains(&item, "\"cluster\":\"\\\"\\u202e\\\\\"");
	assert_contains(&item, "\"interface\":\"\\udb40\\udc01\"");
}

static void record_has_tags_and_flags(void **state)
{
	struct ep_msg item = some_item();

	(void)state;
	ep_add(&item, EP_F_TAG, "role=db=1", 9);
	ep_add(&item, EP_F_TAG, "empty=", 6);
	ep_add(&item, EP_F_TAG, "v=\xff", 3);
	ep_add(&item, EP_F_TAG, "odd", 3);
	ep_set_u32(&item, EP_F_FLAGS, &item.flags, EP_FLAG_HIDDEN);
	ep_set_u32(&item, EP_F_STATE, &item.state, 99); // of a later version
	assert_contains(&item,
			"\"tags\":{\"role\":\"db=1\",\"empty\":\"\",\"v\":\"ÿ\",\"odd\":null}}");
	assert_contains(&item, "\"hidden\":true");
	assert_contains(&item, "\"state\":null");
}

static void record_without_at_has_no_host(void **state)
{
	struct ep_msg item = some_item();

	(void)state;
	ep_set_str(&item, EP_F_NODE, &item.node, "bob", 3);
	assert_contains(&item, "\"node\":\"bob\",\"name\":\"bob\",\"host\":null");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_cells_show_a_lan_node),
		cmocka_unit_test(output_cells_show_what_is_unusual),
		cmocka_unit_test(output_cells_show_unknowns_as_dashes),
		cmocka_unit_test(output_cells_escape_what_the_network_says),
		cmocka_unit_test(output_event_is_one_line),
		cmocka_unit_test(table_aligns_by_characters_and_sorts_by_name),
		cmocka_unit_test(table_has_no_limit),
		cmocka_unit_test(record_has_every_key_in_order),
		cmocka_unit_test(record_has_every_key_when_nothing_is_known),
		cmocka_unit_test(record_is_utf8_and_harmless),
		cmocka_unit_test(record_has_tags_and_flags),
		cmocka_unit_test(record_without_at_has_no_host),
	};

	record_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
