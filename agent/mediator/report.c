// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// The state of the agent as "key=value" strings; the keys are listed in epmdns(1).

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "mediator/internal.h"

#define LINE_MAX_LEN 256

struct report {
	struct ep_msg msg;
	char lines[EP_STATS_MAX][LINE_MAX_LEN];
};

__attribute__((format(printf, 2, 3))) static void add(struct report *report, const char *format,
						      ...)
{
	char *line = report->lines[report->msg.n_stats];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, LINE_MAX_LEN, format, args);
	va_end(args);
	if (n > 0) {
		ep_add(&report->msg, EP_F_STAT, line,
		       n < LINE_MAX_LEN ? (size_t)n : (size_t)LINE_MAX_LEN - 1);
	}
}

const char *report_backend(const struct agent *agent)
{
	return agent->link != NULL ? "avahi" : "none";
}

const char *report_backend_state(const struct agent *agent)
{
	if (agent->link == NULL) {
		return "none";
	}
	if (link_silent_ms(agent->link) > 0) {
		return "connecting";
	}
	switch (agent->lan.state) {
	case LINK_STATE_RUNNING:
		return agent->lan.is_browsing ? "running" : "connecting";
	case LINK_STATE_FAILED:
		return "failed";
	case LINK_STATE_CONNECTING:
		break;
	}
	return "connecting";
}

void report_send(struct agent *agent, struct session *session, uint32_t id)
{
	struct report report;
	char text[LINK_TEXT_MAX], silence[LINK_TEXT_MAX];
	const char *silent = silence_text(agent, silence);
	const char *backend_text = silent != NULL ? silent : agent->lan.text;

	setbacks_look(agent);
	ep_begin(&report.msg, EP_OP_REPORT, id);
	add(&report, "version=%s", EPMDNS_VERSION);
	add(&report, "pid=%d", (int)getpid());
	add(&report, "agent=%s", agent->id);
	add(&report, "uptime_s=%" PRIu64, (clock_now_ms() - agent->started_ms) / 1000);
	add(&report, "backend=%s", report_backend(agent));
	add(&report, "backend_state=%s", report_backend_state(agent));
	add(&report, "backend_text=%s",
	    log_escape(text, sizeof(text), backend_text, __builtin_strlen(backend_text)));
	if (agent->link != NULL && link_pid(agent->link) > 0) {
		add(&report, "discovery_pid=%d", link_pid(agent->link));
	} else {
		add(&report, "discovery_pid=");
	}
	add(&report, "discovery_restarts=%u", agent->link != NULL ? link_restarts(agent->link) : 0);
	add(&report, "sessions=%u", server_sessions(agent->server));
	add(&report, "sessions_max=%u", agent->sessions_max);
	if (agent->sessions_max < AGENT_SESSIONS_MAX) {
		add(&report, "fd_limit=%" PRIu64, agent->descriptors);
	}
	add(&report, "nodes=%u", registry_count(agent->registry));
	add(&report, "nodes_max=%d", AGENT_NODES_MAX);
	add(&report, "advertised=%u", agent->adverts.n_nodes);
	add(&report, "advertised_max=%d", AGENT_ADVERTS_MAX);
	add(&report, "not_advertised=%u", agent->adverts.n_waiting);
	add(&report, "ttl_s=%u", agent->adverts.ttl_s);
	add(&report, "peers=%u", peers_count(agent->peers));
	add(&report, "peers_max=%u", agent->config.peers_max);
	add(&report, "instances=%u", peers_instances(agent->peers));
	add(&report, "instances_unheard=%u", peers_unheard(agent->peers));
	add(&report, "instances_dropped=%u", agent->lan.dropped);
	add(&report, "downs_refused=%u", agent->downs.n[LIVENESS_REFUSING]);
	add(&report, "downs_silent=%u", agent->downs.n[LIVENESS_SILENCE]);
	add(&report, "downs_withdrawn=%u", agent->downs.n[LIVENESS_LEFT]);
	add(&report, "downs_replaced=%u", agent->downs.n[LIVENESS_REPLACED]);
	add(&report, "downs_nowhere=%u", agent->downs.n[LIVENESS_NOWHERE]);
	add(&report, "downs_cut=%u", agent->downs.n[LIVENESS_CUT]);
	add(&report, "resumes=%u", agent->resume.n);
	add(&report, "probes_pending=%u", prober_pending(agent->prober));
	add(&report, "problem_adverts=%s", problems_text(agent, PROBLEM_ADVERTS));
	add(&report, "problem_table=%s", problems_text(agent, PROBLEM_TABLE));
	add(&report, "problem_cache=%s", problems_text(agent, PROBLEM_CACHE));
	add(&report, "problem_flood=%s", problems_text(agent, PROBLEM_FLOOD));
	add(&report, "problem_clock=%s", problems_text(agent, PROBLEM_CLOCK));
	session_send(session, &report.msg);
}
