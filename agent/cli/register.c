// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * `register`: holds a registration for a program that is no Erlang node, for as long as this
 * process lives; the connection is the registration. An agent that restarts is told again, with the
 * creation and revision of before, so that others see the same node.
 */

#include <stdbool.h>
#include <sys/random.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/values.h"
#include "epmdns/codec.h"

#define REFUSED_PAUSE_MS 30000 // what is refused at a re-registration is tried again so often

struct registration {
	const char *node; // as typed
	struct ep_msg request;
	bool is_made;    // once: from now on nothing but a signal ends it
	bool is_lost;    // and it was said; likewise:
	bool is_refused; // again
	unsigned pause_ms;
};

static void made(struct registration *registration, const struct ep_msg *answer)
{
	struct ep_msg *request = &registration->request;

	ep_set_u32(request, EP_F_CREATION, &request->creation, answer->creation);
	ep_set_u32(request, EP_F_REVISION, &request->revision, answer->revision);
	registration->pause_ms = 0;
	registration->is_lost = registration->is_refused = false;
	if (registration->is_made) {
		output_complain("%s is registered again", registration->node);
		return;
	}
	registration->is_made = true;
	printf("%s is registered at port %u with creation %u\n", registration->node, request->port,
	       answer->creation);
	fflush(stdout);
}

static int refused(const struct registration *registration, const struct ep_msg *answer)
{
	if (answer->op != EP_OP_ERROR) {
		output_complain("%s: the agent gave an answer to something else",
				registration->node);
		return EXIT_NOT_FOUND;
	}
	if (answer->code == EP_CODE_DUPLICATE_NAME) {
		output_complain("%s is already registered by another live program on this machine; "
				"stop that one or take another name (duplicate_name)",
				registration->node);
		return EXIT_NOT_FOUND;
	}
	return output_refusal(registration->node, answer);
}

/*
 * Register in a new session, and stay until it is lost.
 * Return: EXIT_DONE when it was lost, or what to end with.
 */
static int hold(struct registration *registration, struct client *client)
{
	enum client_result result;

	do {
		struct ep_msg answer;

		registration->request.id = client_id(client);
		result = client_ask(client, &registration->request, &answer);
		if (result != CLIENT_OK) {
			break;
		}
		if (answer.op == EP_OP_REGISTERED) {
			made(registration, &answer);
			do {
				result = client_next(client, CLIENT_FOREVER, &answer);
			} while (result == CLIENT_OK);
			break;
		}
		if (!registration->is_refused) {
			int code = refused(registration, &answer);

			if (!registration->is_made) {
				return code;
			}
			registration->is_refused = true;
		}
		result = client_next(client, REFUSED_PAUSE_MS, &answer);
	} while (result == CLIENT_OK || result == CLIENT_E_SILENT);
	return EXIT_DONE;
}

int register_run(const struct arguments *args)
{
	struct registration registration = {.node = args->operands[0]};
	uint8_t node_buf[EP_NODE_MAX];
	uint8_t owner[EP_OWNER_LEN];
	uint8_t address[16];
	char why[CLIENT_WHY_MAX];

	ep_begin(&registration.request, EP_OP_REGISTER, 0);
	if (values_node(args->operands[0], node_buf, &registration.request) != 0 ||
	    values_registration(args, address, &registration.request) != 0) {
		return EXIT_USAGE;
	}
	if (getrandom(owner, sizeof(owner), 0) != (ssize_t)sizeof(owner)) {
		output_complain("no random numbers");
		return EXIT_NOT_FOUND;
	}
	for (;;) {
		struct client *client = client_open(owner, why);
		int code = EXIT_DONE;

		if (client != NULL) {
			code = hold(&registration, client);
			if (code == EXIT_DONE) {
				snprintf(why, sizeof(why), "%s", client_why(client));
			}
			client_close(client);
		}
		if (code != EXIT_DONE) {
			return code;
		}
		if (!registration.is_made) {
			output_complain("%s", why);
			return EXIT_UNREACHABLE;
		}
		if (!registration.is_lost) {
			registration.is_lost = true;
			output_complain("%s; registering again when it is back", why);
		}
		client_pause(&registration.pause_ms, -1);
	}
}
