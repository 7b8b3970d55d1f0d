// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// The command line: tables, values, and where the agent is looked for.

#include "cli/commands.h"

#include <stdlib.h>

#include "cli/finder.h"
#include "cli/output.h"
#include "cli/values.h"
#include "epmdns/codec.h"
#include "test.h"

#define WORDS 24

// Parse "register a@b 1 --hidden" as the command that its first word names.
static enum commands_result parse(const char *line, struct arguments *args)
{
	static char words[512];
	char *argv[WORDS + 1] = {NULL};
	int argc = 0;

	strcpy(words, line);
	for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
		assert_true(argc < WORDS);
		argv[argc++] = word;
	}
	return commands_parse(commands_find(argv[0]), argc, argv, args);
}

static void commands_find_knows_all(void **state)
{
	static const char *const names[] = {"list",  "lookup",   "names",
					    "watch", "register", "status"};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_non_null(commands_find(names[i]));
	}
	assert_null(commands_find("lis"));
	assert_null(commands_find(""));
}

static void commands_parse_takes_options_anywhere(void **state)
{
	struct arguments args;

	(void)state;
	assert_int_equal(parse("register --hidden a@b --tag k=v 70 --cluster=red --tag x=y", &args),
			 COMMANDS_RUN);
	assert_string_equal(args.operands[0], "a@b");
	assert_string_equal(args.operands[1], "70");
	assert_true(args.hidden);
	assert_string_equal(args.cluster, "red");
	assert_int_equal(args.n_tags, 2);
	assert_string_equal(args.tags[0], "k=v");
	assert_string_equal(args.tags[1], "x=y");
	assert_false(args.json || args.all);
	assert_null(args.carrier);

	// what the last one said is forgotten, and the last of two counts
	assert_int_equal(parse("list --cluster a --cluster b --json", &args), COMMANDS_RUN);
	assert_string_equal(args.cluster, "b");
	assert_true(args.json && !args.hidden);
	assert_int_equal(args.n_tags, 0);
	assert_null(args.operands[0]);

	assert_int_equal(parse("names", &args), COMMANDS_RUN);
	assert_null(args.operands[0]);
	assert_int_equal(parse("names -- --odd", &args), COMMANDS_RUN);
	assert_string_equal(args.operands[0], "--odd");
}

static void commands_parse_refuses_what_the_table_does_not_have(void **state)
{
	static const char *const lines[] = {
		"list x",          "list --hidden",    "list --cluster", "list --json=x",
		"list -j",         "lookup",           "lookup a@b c@d", "lookup a@b --timeout",
		"register a@b",    "register a@b 1 2", "status --all",   "watch a@b",
		"register --json", "names host other", "lookup a@b --c", "lookup --",
	};
	struct arguments args;

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		assert_int_equal(parse(lines[i], &args), COMMANDS_E_USAGE);
	}
	assert_int_equal(parse("list --help --no-such", &args), COMMANDS_HELP);
	assert_int_equal(parse("register -h", &args), COMMANDS_HELP);
}

static void commands_parse_refuses_a_17th_tag(void **state)
{
	char line[256] = "register a@b 1";
	struct arguments args;

	(void)state;
	for (int i = 0; i < EP_TAGS_MAX; i++) {
		strcat(line, " --tag=a=b");
	}
	assert_int_equal(parse(line, &args), COMMANDS_RUN);
	assert_int_equal(args.n_tags, EP_TAGS_MAX);
	strcat(line, " --tag=a=b");
	assert_int_equal(parse(line, &args), COMMANDS_E_USAGE);
}

static void commands_help_fits_a_terminal_and_names_all(void **state)
{
	static const char *const names[] = {NULL,    "list",     "lookup", "names",
					    "watch", "register", "status"};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		char *text = NULL;
		size_t n;
		FILE *out = open_memstream(&text, &n);
		char *rest;

		commands_help(names[i] != NULL ? commands_find(names[i]) : NULL, out);
		fclose(out);
		for (size_t j = 1; names[i] == NULL && j < COUNT(names); j++) {
			assert_non_null(strstr(text, names[j]));
		}
		for (char *line = strtok_r(text, "\n", &rest); line != NULL;
		     line = strtok_r(NULL, "\n", &rest)) {
			assert_in_range(strlen(line), 1, 100);
		}
		free(text);
	}
}

static int node_of(const char *word, struct ep_msg *msg)
{
	static uint8_t buf[EP_NODE_MAX];

	ep_begin(msg, EP_OP_LOOKUP, 1);
	return values_node(word, buf, msg);
}

static void values_node_wants_name_at_host(void **state)
{
	static const char *const bad[] = {"a", "@b", "a@", "", "€@b", "\xe9@b"};
	char longest[EP_NODE_MAX + 2] = "a@";
	struct ep_msg msg;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(node_of(bad[i], &msg), EXIT_USAGE);
	}
	assert_int_equal(node_of("zé@h", &msg), 0);
	assert_str_is(msg.node, LIT("z\xe9@h"));
	memset(longest + 2, 'h', EP_NODE_MAX - 2);
	assert_int_equal(node_of(longest, &msg), 0);
	assert_int_equal(msg.node.n, EP_NODE_MAX);
	longest[EP_NODE_MAX] = 'h';
	assert_int_equal(node_of(longest, &msg), EXIT_USAGE);
}

static int registration_of(const char *line, struct ep_msg *msg)
{
	static uint8_t address[16];
	struct arguments args;

	assert_int_equal(parse(line, &args), COMMANDS_RUN);
	ep_begin(msg, EP_OP_REGISTER, 1);
	return values_registration(&args, address, msg);
}

static void values_registration_fills_the_request(void **state)
{
	struct ep_msg msg;

	(void)state;
	assert_int_equal(registration_of("register a@b 4711", &msg), 0);
	assert_int_equal(msg.port, 4711);
	assert_int_equal(msg.carrier, EP_CARRIER_INET_TCP);
	assert_true(ep_has(&msg, EP_F_DIST_HIGH) && ep_has(&msg, EP_F_DIST_LOW));
	assert_false(ep_has(&msg, EP_F_FLAGS) || ep_has(&msg, EP_F_BOUND) ||
		     ep_has(&msg, EP_F_CLUSTER) || ep_has(&msg, EP_F_TAG));

	assert_int_equal(registration_of("register a@b 1 --address ::1 --hidden", &msg), 0);
	assert_int_equal(msg.carrier, EP_CARRIER_INET6_TCP);
	assert_int_equal(msg.bound.n, 16);
	assert_int_equal(msg.flags, EP_FLAG_HIDDEN);

	assert_int_equal(registration_of("register a@b 1 --carrier inet_tls --address 10.0.0.1 "
					 "--cluster red --tag k=v --tag e=",
					 &msg),
			 0);
	assert_int_equal(msg.carrier, EP_CARRIER_INET_TLS);
	assert_str_is(msg.bound, LIT("\x0a\0\0\x01"));
	assert_str_is(msg.cluster, LIT("red"));
	assert_int_equal(msg.n_tags, 2);
	assert_str_is(msg.tags[1], LIT("e="));
}

static void values_registration_refuses_what_the_wire_cannot_carry(void **state)
{
	static const char *const lines[] = {
		"register a@b 0",
		"register a@b 65536",
		"register a@b x",
		"register a@b 1 --carrier tcp",
		"register a@b 1 --address 10.0.0",
		"register a@b 1 --address ::1 --carrier inet_tcp",
		"register a@b 1 --address 10.0.0.1 --carrier inet6_tls",
		"register a@b 1 --tag x",
		"register a@b 1 --tag =x",
		"register a@b 1 --cluster=",
		"register a@b 1 --cluster "
		"ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", // 63
		"register a@b 1 --tag "
		"k=vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"
		"vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"
		"vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv", // 201 bytes
	};
	struct ep_msg msg;

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		assert_int_equal(registration_of(lines[i], &msg), EXIT_USAGE);
	}
}

static void values_filter_asks_for_no_more_than_typed(void **state)
{
	struct arguments args;
	struct ep_msg msg;

	(void)state;
	ep_begin(&msg, EP_OP_LIST, 1);
	parse("list", &args);
	assert_int_equal(values_filter(&args, &msg), 0);
	assert_int_equal(msg.present, 0);
	parse("list --all --cluster red", &args);
	assert_int_equal(values_filter(&args, &msg), 0);
	assert_int_equal(msg.filter, EP_FILTER_ALL);
	assert_str_is(msg.cluster, LIT("red"));
}

static void values_timeout_has_a_default(void **state)
{
	struct arguments args;
	uint32_t timeout_ms;

	(void)state;
	parse("lookup a@b", &args);
	assert_int_equal(values_timeout(&args, &timeout_ms), 0);
	assert_int_equal(timeout_ms, 500);
	parse("lookup a@b --timeout 0", &args);
	assert_int_equal(values_timeout(&args, &timeout_ms), 0);
	assert_int_equal(timeout_ms, 0);
	parse("lookup a@b --timeout 3600001", &args);
	assert_int_equal(values_timeout(&args, &timeout_ms), EXIT_USAGE);
}

static void finder_sockets_follow_the_common_order(void **state)
{
	static const struct {
		const char *socket, *runtime_dir;
		size_t n;
		const char *paths[2];
	} cases[] = {
		{NULL, NULL, 1, {"/run/epmdns/socket", NULL}},
		{"", "", 1, {"/run/epmdns/socket", NULL}},
		{NULL, "/run/user/7", 2, {"/run/user/7/epmdns/socket", "/run/epmdns/socket"}},
		{"/x", "/run/user/7", 1, {"/x", NULL}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct finder_sockets sockets;

		finder_sockets_init(&sockets, cases[i].socket, cases[i].runtime_dir);
		assert_int_equal(sockets.n, cases[i].n);
		for (size_t j = 0; j < sockets.n; j++) {
			assert_string_equal(sockets.paths[j], cases[i].paths[j]);
		}
		finder_sockets_fini(&sockets);
		finder_sockets_fini(&sockets);
	}
}

static void finder_names_all_that_it_tried_however_long(void **state)
{
	char path[2000];
	char why[1024];
	char *found;

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	unsetenv("EPMDNS_SOCKET");
	setenv("XDG_RUNTIME_DIR", path, 1);
	if (finder_connect(1000, &found, why, sizeof(why)) >= 0) {
		free(found);
		skip(); // this machine runs an agent
	}
	assert_non_null(strstr(why, "/xxx"));
	assert_non_null(strstr(why, "/run/epmdns/socket"));
	setenv("EPMDNS_SOCKET", "/nonexistent/socket", 1);
	assert_int_equal(finder_connect(1000, &found, why, sizeof(why)), -1);
	assert_non_null(strstr(why, "/nonexistent/socket (No such file or directory)"));
	assert_null(strstr(why, "/run/epmdns"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_find_knows_all),
		cmocka_unit_test(commands_parse_takes_options_anywhere),
		cmocka_unit_test(commands_parse_refuses_what_the_table_does_not_have),
		cmocka_unit_test(commands_parse_refuses_a_17th_tag),
		cmocka_unit_test(commands_help_fits_a_terminal_and_names_all),
		cmocka_unit_test(values_node_wants_name_at_host),
		cmocka_unit_test(values_registration_fills_the_request),
		cmocka_unit_test(values_registration_refuses_what_the_wire_cannot_carry),
		cmocka_unit_test(values_filter_asks_for_no_more_than_typed),
		cmocka_unit_test(values_timeout_has_a_default),
		cmocka_unit_test(finder_sockets_follow_the_common_order),
		cmocka_unit_test(finder_names_all_that_it_tried_however_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
