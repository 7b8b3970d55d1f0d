// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// `list` and `names`: one request, any number of items, done.

#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/record.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/values.h"
#include "epmdns/codec.h"

/*
 * Send a request and hand every item to on_item. `about` is what an error is about, or NULL.
 * Return: enum exit_code.
 */
static int stream(struct client *client, struct ep_msg *request, const char *about,
		  void (*on_item)(const struct ep_msg *item, void *user), void *user)
{
	struct ep_msg msg;
	enum client_result result;

	request->id = client_id(client);
	result = client_ask(client, request, &msg);
	while (result == CLIENT_OK && msg.op == EP_OP_ITEM) {
		on_item(&msg, user);
		result = client_next(client, CLIENT_ANSWER_MS, &msg);
	}
	if (result != CLIENT_OK) {
		output_complain("%s", client_why(client));
		return EXIT_UNREACHABLE;
	}
	return msg.op == EP_OP_ERROR ? output_refusal(about, &msg) : EXIT_DONE;
}

static struct client *open_or_complain(void)
{
	char why[CLIENT_WHY_MAX];
	struct client *client = client_open(NULL, why);

	if (client == NULL) {
		output_complain("%s", why);
	}
	return client;
}

static void print_full(const struct ep_msg *item, void *user)
{
	record_print(user, item, RECORD_FULL, NULL);
}

static void print_partial(const struct ep_msg *item, void *user)
{
	record_print(user, item, RECORD_PARTIAL, NULL);
}

static void add_row(const struct ep_msg *item, void *user)
{
	char *cells[OUTPUT_COLUMNS];

	output_cells(item, cells);
	table_add(user, (const char *const *)cells);
	output_cells_free(cells);
}

static int list_table(struct client *client, struct ep_msg *request, const struct arguments *args)
{
	struct table *table = table_new(output_headings, OUTPUT_COLUMNS);
	int code = stream(client, request, NULL, add_row, table);

	if (code == EXIT_DONE && table_rows(table) > 0) {
		table_sort(table);
		table_print(table, stdout);
	} else if (code == EXIT_DONE) {
		output_complain("no nodes%s%s", args->cluster != NULL ? " in cluster " : "",
				args->cluster != NULL ? args->cluster : "");
	}
	table_free(table);
	return code;
}

int list_run(const struct arguments *args)
{
	struct ep_msg request;
	struct client *client;
	int code;

	ep_begin(&request, EP_OP_LIST, 0);
	if (values_filter(args, &request) != 0) {
		return EXIT_USAGE;
	}
	client = open_or_complain();
	if (client == NULL) {
		return EXIT_UNREACHABLE;
	}
	code = args->json ? stream(client, &request, NULL, print_full, stdout)
			  : list_table(client, &request, args);
	client_close(client);
	return code;
}

// The heading, too, is epmd's: scripts skip one line.
static void print_heading(const struct client *client)
{
	printf("epmdns: up and running on %s with data:\n", client_path(client));
}

struct names {
	const struct client *client;
	bool has_heading;
};

// As epmd prints it: the name without its host.
static void print_name(const struct ep_msg *item, void *user)
{
	const uint8_t *at =
		ep_has(item, EP_F_NODE) ? memchr(item->node.p, '@', item->node.n) : NULL;
	struct names *names = user;
	char *name;

	if (!names->has_heading) {
		print_heading(names->client);
		names->has_heading = true;
	}
	if (at == NULL) {
		return;
	}
	name = text_printable_name((struct ep_str){item->node.p, (size_t)(at - item->node.p)});
	printf("name %s at port %u\n", name, ep_has(item, EP_F_PORT) ? item->port : 0);
	free(name);
}

int names_run(const struct arguments *args)
{
	const char *host = args->operands[0];
	uint8_t host_buf[EP_HOST_MAX];
	struct ep_msg request;
	struct client *client;
	int code;

	ep_begin(&request, EP_OP_NAMES, 0);
	if (host != NULL && values_host(host, host_buf, &request) != 0) {
		return EXIT_USAGE;
	}
	client = open_or_complain();
	if (client == NULL) {
		return EXIT_UNREACHABLE;
	}
	if (args->json) {
		code = stream(client, &request, host, print_partial, stdout);
	} else {
		struct names names = {client, false};

		code = stream(client, &request, host, print_name, &names);
		if (code == EXIT_DONE && !names.has_heading) {
			print_heading(client);
		}
	}
	client_close(client);
	return code;
}
