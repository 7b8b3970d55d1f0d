// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * `watch`: follows the agent through its restarts. A reader gets, for each agent that is there,
 * what it knows (up …, ready), then changes, then "lost". Ends when nobody reads any more.
 */

#include <stdbool.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/record.h"
#include "cli/values.h"
#include "epmdns/codec.h"

#define LOST (-1) // beside enum exit_code: try again

struct watch {
	bool is_json;
	bool was_ready;    // once: what is refused from now on may be granted later
	bool has_printed;  // since the last "lost"
	bool has_said;     // why it tries again, since it was ready
	unsigned pause_ms; // before the next attempt
	struct ep_msg request;
};

// Return: does anybody still read?
static bool print(struct watch *watch, const struct ep_msg *item, const char *event)
{
	if (item != NULL && !ep_has(item, EP_F_NODE)) {
		item = NULL; // "ready" is about no node
	}
	if (watch->is_json) {
		record_print(stdout, item, RECORD_FULL, event);
	} else {
		output_event(stdout, item, event);
	}
	watch->has_printed = true;
	return ferror(stdout) == 0;
}

// Print the events of one session. Return: LOST, or enum exit_code to end with.
static int follow(struct watch *watch, struct client *client)
{
	int patience_ms = CLIENT_ANSWER_MS;
	struct ep_msg msg;
	enum client_result result;

	client_watch_output(client, STDOUT_FILENO);
	watch->request.id = client_id(client);
	result = client_ask(client, &watch->request, &msg);
	while (result == CLIENT_OK && msg.op == EP_OP_ITEM) {
		const char *event = ep_has(&msg, EP_F_EVENT) ? ep_event_name(msg.event) : NULL;

		if (event != NULL && !print(watch, &msg, event)) {
			return EXIT_DONE;
		}
		if (event != NULL && msg.event == EP_EVENT_READY) {
			watch->was_ready = true;
			watch->has_said = false;
			watch->pause_ms = 0;
			patience_ms = CLIENT_FOREVER;
		}
		result = client_next(client, patience_ms, &msg);
	}
	if (result == CLIENT_E_HANGUP) {
		return EXIT_DONE;
	}
	if (result == CLIENT_OK && msg.op == EP_OP_ERROR && !watch->was_ready) {
		return output_refusal(NULL, &msg);
	}
	if (watch->has_said) {
		return LOST;
	}
	watch->has_said = true;
	if (result != CLIENT_OK) {
		output_complain("%s; trying again", client_why(client));
	} else if (msg.op == EP_OP_ERROR) {
		output_refusal("trying again", &msg);
	} else {
		output_complain("the agent at %s ended the watch; trying again",
				client_path(client));
	}
	return LOST;
}

int watch_run(const struct arguments *args)
{
	struct watch watch = {.is_json = args->json};
	bool is_first = true;
	char why[CLIENT_WHY_MAX];
	int code = LOST;

	ep_begin(&watch.request, EP_OP_WATCH, 0);
	if (values_filter(args, &watch.request) != 0) {
		return EXIT_USAGE;
	}
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	do {
		struct client *client = client_open(NULL, why);

		if (client == NULL && is_first) {
			output_complain("%s", why);
			return EXIT_UNREACHABLE;
		}
		is_first = false;
		if (client != NULL) {
			code = follow(&watch, client);
			client_close(client);
		}
		if (code == LOST && watch.has_printed) {
			if (!print(&watch, NULL, "lost")) {
				return EXIT_DONE;
			}
			watch.has_printed = false;
		}
	} while (code == LOST && client_pause(&watch.pause_ms, STDOUT_FILENO) == CLIENT_OK);
	return code == LOST ? EXIT_DONE : code;
}
