// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// `status`: the agent's own report, and an exit code for scripts and health checks.

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/record.h"
#include "cli/table.h"
#include "cli/text.h"
#include "epmdns/codec.h"

#define PROBLEM "problem_" // what keys begin with whose values are sentences for people

// A stat is "key=value"; without '=' its value is empty.
static void split(struct ep_str stat, struct ep_str *key, struct ep_str *value)
{
	const uint8_t *equals = memchr(stat.p, '=', stat.n);

	*key = (struct ep_str){stat.p, equals != NULL ? (size_t)(equals - stat.p) : stat.n};
	*value = equals != NULL ? (struct ep_str){equals + 1, stat.n - key->n - 1}
				: (struct ep_str){stat.p + stat.n, 0};
}

static bool is_word(struct ep_str s, const char *word)
{
	return s.n == strlen(word) && memcmp(s.p, word, s.n) == 0;
}

static struct ep_str find(const struct ep_msg *report, const char *name)
{
	struct ep_str key, value;

	for (size_t i = 0; i < report->n_stats; i++) {
		split(report->stats[i], &key, &value);
		if (is_word(key, name)) {
			return value;
		}
	}
	return (struct ep_str){NULL, 0};
}

static void add_row(struct table *table, const char *key, const char *value)
{
	const char *const cells[] = {key, *value != '\0' ? value : "-"};

	table_add(table, cells);
}

static void print_text(const struct client *client, const struct ep_msg *report)
{
	struct table *table = table_new(NULL, 2);

	add_row(table, "socket", client_path(client));
	for (size_t i = 0; i < report->n_stats; i++) {
		struct ep_str key, value;
		char *key_text, *value_text;

		split(report->stats[i], &key, &value);
		key_text = text_printable_bytes(key);
		value_text = text_printable_bytes(value);
		add_row(table, key_text, value_text);
		free(key_text);
		free(value_text);
	}
	table_print(table, stdout);
	table_free(table);
}

/*
 * Numbers are numbers, but not for the keys whose values are text, whatever such a text may look
 * like: an agent's id can have sixteen decimal digits.
 */
static json_t *json_value(const char *key, const char *text, size_t len)
{
	static const char *const text_keys[] = {"agent",        "backend", "backend_state",
						"backend_text", "socket",  "version"};

	if (len == 0) {
		return json_null();
	}
	for (size_t i = 0; i < sizeof(text_keys) / sizeof(text_keys[0]); i++) {
		if (strcmp(key, text_keys[i]) == 0) {
			return json_stringn(text, len);
		}
	}
	if (len <= 18 && strspn(text, "0123456789") == len && (*text != '0' || len == 1)) {
		return json_integer(strtoll(text, NULL, 10));
	}
	return json_stringn(text, len);
}

static void add_value(json_t *object, struct ep_str key, struct ep_str value)
{
	size_t key_len, value_len;
	char *key_text = text_from_bytes(key, &key_len);
	char *value_text = text_from_bytes(value, &value_len);

	json_object_setn_new(object, key_text, key_len,
			     json_value(key_text, value_text, value_len));
	free(key_text);
	free(value_text);
}

static struct ep_str string(const char *s)
{
	return (struct ep_str){(const uint8_t *)s, strlen(s)};
}

static void print_json(const struct client *client, const struct ep_msg *report)
{
	json_t *object = json_object();

	add_value(object, string("socket"), string(client_path(client)));
	for (size_t i = 0; i < report->n_stats; i++) {
		struct ep_str key, value;

		split(report->stats[i], &key, &value);
		add_value(object, key, value);
	}
	record_print_object(stdout, object);
	json_decref(object);
}

// Is the agent without the backend that it was told to have?
static bool is_deaf(const struct ep_msg *report)
{
	struct ep_str backend = find(report, "backend");

	return backend.n > 0 && !is_word(backend, "none") &&
	       !is_word(find(report, "backend_state"), "running");
}

static void complain_of_backend(const struct ep_msg *report)
{
	char *backend = text_printable_bytes(find(report, "backend"));
	char *state = text_printable_bytes(find(report, "backend_state"));
	char *text = text_printable_bytes(find(report, "backend_text"));

	output_complain("the backend %s is not running: %s%s%s", backend,
			*state != '\0' ? state : "state unknown", *text != '\0' ? ": " : "", text);
	free(backend);
	free(state);
	free(text);
}

// What the agent says is wrong, though it works.
static void complain_of_problems(const struct ep_msg *report)
{
	for (size_t i = 0; i < report->n_stats; i++) {
		struct ep_str key, value;

		split(report->stats[i], &key, &value);
		if (value.n > 0 && key.n > sizeof(PROBLEM) - 1 &&
		    memcmp(key.p, PROBLEM, sizeof(PROBLEM) - 1) == 0) {
			char *text = text_printable_bytes(value);

			output_complain("%s", text);
			free(text);
		}
	}
}

int status_run(const struct arguments *args)
{
	char why[CLIENT_WHY_MAX];
	struct client *client = client_open(NULL, why);
	struct ep_msg request;
	struct ep_msg report;
	int code = EXIT_DONE;

	if (client == NULL) {
		output_complain("%s", why);
		return EXIT_UNREACHABLE;
	}
	ep_begin(&request, EP_OP_STATUS, client_id(client));
	if (client_ask(client, &request, &report) != CLIENT_OK) {
		output_complain("%s", client_why(client));
		code = EXIT_UNREACHABLE;
	} else if (report.op != EP_OP_REPORT) {
		code = output_refusal("status", &report);
	} else {
		if (args->json) {
			print_json(client, &report);
		} else {
			print_text(client, &report);
		}
		complain_of_problems(&report);
		if (is_deaf(&report)) {
			complain_of_backend(&report);
			code = EXIT_NOT_FOUND;
		}
	}
	client_close(client);
	return code;
}
