// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// How we are, in one line for people, as a service manager shows it: the counts, the backend, and
// the first of the problems that last. The words are those of the report.

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "mediator/internal.h"

struct line {
	char *text;
	size_t cap, len;
};

// What does not fit is cut.
__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line->text + line->len, line->cap - line->len, format, args);
	va_end(args);
	line->len += n > 0 ? (size_t)n : 0;
	if (line->len >= line->cap) {
		line->len = line->cap - 1;
	}
}

static void add_backend(struct line *line, const struct agent *agent)
{
	bool is_silent = agent->link != NULL && link_silent_ms(agent->link) > 0;
	const char *culprit = silence_culprit(agent);
	char text[LINK_TEXT_MAX];

	add(line, "backend %s", report_backend(agent));
	if (agent->link != NULL) {
		add(line, " %s", report_backend_state(agent));
	}
	if (culprit != NULL) {
		add(line, ": %s does not answer", culprit);
	} else if (!is_silent && agent->lan.text[0] != '\0') {
		add(line, ": %s",
		    log_escape(text, sizeof(text), agent->lan.text,
			       __builtin_strlen(agent->lan.text)));
	}
}

static void describe(void *user, char *text, size_t cap)
{
	struct agent *agent = user;
	struct standing *standing = &agent->standing;
	struct line line = {text, cap, 0};

	standing->n_nodes = registry_count(agent->registry);
	standing->n_peers = peers_count(agent->peers);
	add(&line, "%" PRIu32 " %s here", standing->n_nodes,
	    standing->n_nodes == 1 ? "node" : "nodes");
	if (agent->link != NULL) {
		add(&line, ", %" PRIu32 " on the network", standing->n_peers);
	}
	add(&line, "; ");
	add_backend(&line, agent);
	for (unsigned problem = 0; problem < PROBLEMS; problem++) {
		const char *sentence = problems_text(agent, problem);

		if (sentence[0] != '\0') {
			add(&line, ". %s", sentence);
			break;
		}
	}
}

void standing_init(struct agent *agent)
{
	agent->standing.manager = manager_new(agent->base, agent->config.sd, describe, agent);
}

void standing_fini(struct agent *agent)
{
	manager_free(agent->standing.manager);
}

void standing_begin(struct agent *agent)
{
	manager_ready(agent->standing.manager);
}

void standing_end(struct agent *agent)
{
	const char *status = "ending";

	if (agent->must_restart) {
		status = "ending, to be started again: the programs on disk are of another version";
	} else if (agent->link != NULL) {
		status = "ending: nodes are being withdrawn from the network";
	}
	manager_stopping(agent->standing.manager, status);
}

void standing_count(struct agent *agent)
{
	const struct standing *standing = &agent->standing;

	if (standing->manager != NULL && (standing->n_nodes != registry_count(agent->registry) ||
					  standing->n_peers != peers_count(agent->peers))) {
		manager_touch(standing->manager);
	}
}

void standing_change(struct agent *agent)
{
	manager_touch(agent->standing.manager);
}
