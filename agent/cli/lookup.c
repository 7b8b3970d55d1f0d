// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// `lookup`: both families are asked for at once; what is found is printed IPv4 first.

#include <stdlib.h>

#include "base/xalloc.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/record.h"
#include "cli/text.h"
#include "cli/values.h"
#include "epmdns/codec.h"

#define FAMILIES 2

struct lookup {
	const struct arguments *args;
	struct ep_str node;
	struct answer {
		uint32_t family;
		uint32_t id; // of the request; 0 once it is answered
		char *line;  // what to print; NULL: not found
	} answers[FAMILIES];
	struct ep_msg error; // why there is none; its text is error_text
	char *error_text;
};

static void keep_found(struct lookup *lookup, struct answer *answer, const struct ep_msg *found)
{
	char buf[TEXT_ADDRESS_MAX];
	size_t len;
	FILE *out = open_memstream(&answer->line, &len);

	if (out == NULL) {
		abort(); // out of memory
	}
	if (lookup->args->json) {
		struct ep_msg item = *found;

		ep_set_str(&item, EP_F_NODE, &item.node, lookup->node.p, lookup->node.n);
		ep_set_u32(&item, EP_F_FAMILY, &item.family, answer->family);
		record_print(out, &item, RECORD_PARTIAL, NULL);
	} else {
		fprintf(out, "%s %u %s\n", text_address(found->addresses[0], buf), found->port,
			ep_family_name(answer->family));
	}
	fclose(out);
}

// Of two errors the one that tells more than "not found".
static void keep_error(struct lookup *lookup, const struct ep_msg *error)
{
	if (lookup->error.op == EP_OP_ERROR && error->code == EP_CODE_NOT_FOUND) {
		return;
	}
	free(lookup->error_text);
	lookup->error_text = NULL;
	lookup->error = *error;
	lookup->error.present &= ~(UINT64_C(1) << EP_F_TEXT);
	// What the agent says of one family that was not found is not true of both.
	if (ep_has(error, EP_F_TEXT) && error->code != EP_CODE_NOT_FOUND) {
		lookup->error_text = xstrndup(error->text.p, error->text.n);
		ep_set_str(&lookup->error, EP_F_TEXT, &lookup->error.text, lookup->error_text,
			   error->text.n);
	}
}

static struct answer *awaited(struct lookup *lookup, uint32_t id)
{
	for (size_t i = 0; i < FAMILIES; i++) {
		if (lookup->answers[i].id != 0 && lookup->answers[i].id == id) {
			return &lookup->answers[i];
		}
	}
	return NULL;
}

static enum client_result exchange(struct client *client, struct lookup *lookup,
				   uint32_t timeout_ms)
{
	struct ep_msg request;
	struct ep_msg msg;
	int left = FAMILIES;

	for (size_t i = 0; i < FAMILIES; i++) {
		struct answer *answer = &lookup->answers[i];

		answer->id = client_id(client);
		ep_begin(&request, EP_OP_LOOKUP, answer->id);
		ep_set_str(&request, EP_F_NODE, &request.node, lookup->node.p, lookup->node.n);
		ep_set_u32(&request, EP_F_FAMILY, &request.family, answer->family);
		ep_set_u32(&request, EP_F_TIMEOUT_MS, &request.timeout_ms, timeout_ms);
		if (client_send(client, &request) != CLIENT_OK) {
			return CLIENT_E_FAILED;
		}
	}
	while (left > 0) {
		enum client_result result =
			client_next(client, (int)timeout_ms + CLIENT_ANSWER_MS, &msg);
		struct answer *answer;

		if (result != CLIENT_OK) {
			return result;
		}
		answer = awaited(lookup, msg.id);
		if (answer == NULL) {
			continue;
		}
		answer->id = 0;
		left--;
		if (msg.op == EP_OP_FOUND) {
			keep_found(lookup, answer, &msg);
		} else if (msg.op == EP_OP_ERROR) {
			keep_error(lookup, &msg);
		}
	}
	return CLIENT_OK;
}

// Return: enum exit_code.
static int print_found(const struct lookup *lookup)
{
	bool is_found = false;

	for (size_t i = 0; i < FAMILIES; i++) {
		if (lookup->answers[i].line != NULL) {
			fputs(lookup->answers[i].line, stdout);
			is_found = true;
		}
	}
	if (is_found) {
		return EXIT_DONE;
	}
	return output_refusal(lookup->args->operands[0], &lookup->error);
}

int lookup_run(const struct arguments *args)
{
	uint8_t node_buf[EP_NODE_MAX];
	char why[CLIENT_WHY_MAX];
	struct lookup lookup = {
		.args = args, .answers = {{.family = EP_FAMILY_INET}, {.family = EP_FAMILY_INET6}}};
	struct ep_msg node;
	struct client *client;
	uint32_t timeout_ms;
	int code;

	ep_begin(&node, EP_OP_LOOKUP, 0);
	if (values_node(args->operands[0], node_buf, &node) != 0 ||
	    values_timeout(args, &timeout_ms) != 0) {
		return EXIT_USAGE;
	}
	lookup.node = node.node;
	client = client_open(NULL, why);
	if (client == NULL) {
		output_complain("%s", why);
		return EXIT_UNREACHABLE;
	}
	if (exchange(client, &lookup, timeout_ms) == CLIENT_OK) {
		code = print_found(&lookup);
	} else {
		output_complain("%s", client_why(client));
		code = EXIT_UNREACHABLE;
	}
	client_close(client);
	for (size_t i = 0; i < FAMILIES; i++) {
		free(lookup.answers[i].line);
	}
	free(lookup.error_text);
	return code;
}
