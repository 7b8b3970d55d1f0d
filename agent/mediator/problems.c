// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What is wrong and lasts: a line in the log when it begins and when it is over, a key of the
// status meanwhile.

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "mediator/internal.h"

#define LINE_EVERY_MS 60000 // for each of them; one may come and go quickly

static const char *const names[PROBLEMS] = {
	[PROBLEM_ADVERTS] = "adverts", [PROBLEM_TABLE] = "table", [PROBLEM_CACHE] = "cache",
	[PROBLEM_FLOOD] = "flood",     [PROBLEM_CLOCK] = "clock",
};

void problems_init(struct agent *agent)
{
	for (unsigned i = 0; i < PROBLEMS; i++) {
		agent->problems[i].lines.interval_ms = LINE_EVERY_MS;
	}
}

void problems_begin(struct agent *agent, enum problem problem, const char *format, ...)
{
	struct problem_state *state = &agent->problems[problem];
	uint64_t suppressed;
	va_list args;

	va_start(args, format);
	vsnprintf(state->text, sizeof(state->text), format, args);
	va_end(args);
	standing_change(agent);
	if (!state->is_logged && log_limit_pass(&state->lines, clock_now_ms(), &suppressed)) {
		state->is_logged = true;
		log_warn("%s problem=%s suppressed=%llu", state->text, names[problem],
			 (unsigned long long)suppressed);
	}
}

void problems_end(struct agent *agent, enum problem problem)
{
	struct problem_state *state = &agent->problems[problem];

	if (state->text[0] == '\0') {
		return;
	}
	state->text[0] = '\0';
	standing_change(agent);
	if (state->is_logged) {
		state->is_logged = false;
		log_info("That is over. problem=%s", names[problem]);
	}
}

const char *problems_text(const struct agent *agent, enum problem problem)
{
	return agent->problems[problem].text;
}
