// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * When the discovery process does not answer: who is it that hangs? And nobody knows of it while
 * nothing is asked of Avahi, so each status has it asked, and waits for that.
 */

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "mediator/internal.h"

#define LINE_EVERY_MS 10000 // a slow Avahi may be silent again and again

static const char *const names[] = {
	[CULPRIT_DISCOVERY] = "the discovery process",
	[CULPRIT_BUS] = "the D-Bus system bus",
	[CULPRIT_AVAHI] = "avahi-daemon",
};

const char *silence_culprit(const struct agent *agent)
{
	bool is_known =
		agent->link != NULL && link_silent_ms(agent->link) > 0 && agent->silence.is_settled;

	return is_known ? names[agent->silence.culprit] : NULL;
}

const char *silence_text(const struct agent *agent, char text[LINK_TEXT_MAX])
{
	uint64_t ms = agent->link != NULL ? link_silent_ms(agent->link) : 0;

	if (ms == 0) {
		return NULL;
	}
	snprintf(text, LINK_TEXT_MAX, "%s has not answered for %llu s",
		 names[agent->silence.culprit], (unsigned long long)(ms + 500) / 1000);
	return text;
}

static void send_reports(struct agent *agent)
{
	struct silence *silence = &agent->silence;
	unsigned n = silence->n_reports;

	silence->n_reports = 0;
	for (unsigned i = 0; i < n; i++) {
		report_send(agent, silence->reports[i].client->session, silence->reports[i].id);
	}
}

static void settle(struct agent *agent, enum culprit culprit)
{
	struct silence *silence = &agent->silence;
	char text[LINK_TEXT_MAX];
	uint64_t suppressed;

	silence->is_settled = true;
	silence->culprit = culprit;
	standing_change(agent);
	// That nothing works may be known already, and logged.
	if (!silence->is_logged && agent->lan.state == LINK_STATE_RUNNING &&
	    silence_text(agent, text) != NULL &&
	    log_limit_pass(&silence->lines, clock_now_ms(), &suppressed)) {
		silence->is_logged = true;
		log_warn("Discovery stands still: %s. suppressed=%llu", text,
			 (unsigned long long)suppressed);
	}
	send_reports(agent);
}

static void on_bus_known(void *user, bool answers)
{
	struct agent *agent = user;

	bus_free(agent->silence.bus);
	agent->silence.bus = NULL;
	settle(agent, answers ? CULPRIT_AVAHI : CULPRIT_BUS);
}

static void find_culprit(struct agent *agent)
{
	struct silence *silence = &agent->silence;

	if (!link_is_asleep(agent->link)) {
		bus_free(silence->bus);
		silence->bus = NULL;
		settle(agent, CULPRIT_DISCOVERY);
	} else if (silence->bus == NULL) {
		silence->bus = bus_new(agent->base, on_bus_known, agent);
	}
}

void silence_init(struct agent *agent)
{
	agent->silence.lines.interval_ms = LINE_EVERY_MS;
}

void silence_begin(struct agent *agent)
{
	agent->silence.is_settled = false;
	find_culprit(agent);
}

void silence_end(struct agent *agent)
{
	struct silence *silence = &agent->silence;

	bus_free(silence->bus);
	silence->bus = NULL;
	if (silence->is_logged) {
		silence->is_logged = false;
		log_info("The discovery process goes on.");
	}
	standing_change(agent);
	send_reports(agent);
}

void silence_checked(struct agent *agent)
{
	send_reports(agent);
}

void silence_report(struct agent *agent, struct client *client, uint32_t id)
{
	struct silence *silence = &agent->silence;
	bool is_silent = agent->link != NULL && link_silent_ms(agent->link) > 0;
	bool is_to_wait =
		is_silent ? !silence->is_settled : agent->link != NULL && link_check(agent->link);

	if (is_silent && silence->is_settled) {
		find_culprit(agent); // it may be another one by now
	}
	if (!is_to_wait || silence->n_reports == AGENT_REPORTS_MAX) {
		report_send(agent, client->session, id);
	} else if (session_defer(client->session, id)) {
		silence->reports[silence->n_reports].client = client;
		silence->reports[silence->n_reports].id = id;
		silence->n_reports++;
	}
}

static bool forget(struct silence *silence, const struct client *client, const uint32_t *id)
{
	unsigned n = silence->n_reports;

	silence->n_reports = 0;
	for (unsigned i = 0; i < n; i++) {
		if (silence->reports[i].client != client ||
		    (id != NULL && silence->reports[i].id != *id)) {
			silence->reports[silence->n_reports++] = silence->reports[i];
		}
	}
	return silence->n_reports < n;
}

bool silence_forget(struct agent *agent, const struct client *client, uint32_t id)
{
	return forget(&agent->silence, client, &id);
}

void silence_forget_all(struct agent *agent, const struct client *client)
{
	forget(&agent->silence, client, NULL);
}

void silence_fini(struct agent *agent)
{
	bus_free(agent->silence.bus);
}
