// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// epmdnsd(8), the agent: its start, signals, and end; everything else is the mediator's.

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sd.h"
#include "base/xalloc.h"
#include "daemon/options.h"
#include "daemon/sockets.h"
#include "edge/lifeline.h"
#include "edge/server.h"
#include "mediator/agent.h"
#include "mediator/limits.h"

static_assert(SD_LISTEN_MAX <= SERVER_LISTENERS_MAX, "each inherited socket is served");

#define EXIT_RESTART 75 // EX_TEMPFAIL: replaced on disk, start me again
#define DISCOVERY_ARGC_MAX (1 + 2 + 2 * LINK_INTERFACES_MAX + 2 * (LINK_PATTERNS_MAX + 1))

// One descriptor a client: see to it that we may have as many.
static void raise_limits(void)
{
	const rlim_t needed = AGENT_SESSIONS_MAX + AGENT_DESCRIPTORS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < needed &&
	    limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = needed < limit.rlim_max ? needed : limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
			log_warn("Cannot raise the number of descriptors: %s.", strerror(errno));
		}
	}
}

// From the moment that there is a socket, our end is one in good order: one who asks for it waits.
static void hold_signals(int how)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(how, &signals, NULL);
}

static void on_event_log(int severity, const char *message)
{
	if (severity >= EVENT_LOG_WARN) {
		log_warn("libevent: %s", message);
	} else {
		log_debug("libevent: %s", message);
	}
}

static void on_end(evutil_socket_t number, short what, void *user)
{
	(void)what;
	log_info("Ending. signal=%d", (int)number);
	agent_stop(user);
}

static void on_stdin_end(void *user, const char *why)
{
	log_info("Ending with standard input. why=\"%s\"", why);
	agent_stop(user);
}

static void serve(struct event_base *base, struct agent *agent, const struct sockets *sockets,
		  bool exit_on_stdin_eof)
{
	struct lifeline *lifeline =
		exit_on_stdin_eof ? lifeline_new(base, STDIN_FILENO, on_stdin_end, agent) : NULL;
	struct event *term = evsignal_new(base, SIGTERM, on_end, agent);
	struct event *interrupt = evsignal_new(base, SIGINT, on_end, agent);

	event_add(term, NULL);
	event_add(interrupt, NULL);
	hold_signals(SIG_UNBLOCK);
	for (unsigned i = 0; i < sockets->n; i++) {
		agent_listen(agent, sockets->all[i].fd);
	}
	agent_begin(agent);
	event_base_dispatch(base);
	hold_signals(SIG_BLOCK); // the end has begun
	event_free(term);
	event_free(interrupt);
	lifeline_free(lifeline);
}

static char *copy(const char *text)
{
	return xstrndup(text, strlen(text));
}

// The discovery process is told what is its own of the options. The strings are to be freed.
static void fill_discovery_argv(char **argv, const struct options *options)
{
	*argv++ = copy("epmdns-discovery");
	if (options->log_level != NULL) {
		*argv++ = copy("--log-level");
		*argv++ = copy(options->log_level);
	}
	for (unsigned i = 0; i < options->n_interfaces; i++) {
		*argv++ = copy("--interface");
		*argv++ = copy(options->interfaces[i]);
	}
	for (unsigned i = 0; i < options->n_patterns; i++) {
		*argv++ = copy("--ignore-interface");
		*argv++ = copy(options->patterns[i]);
	}
	*argv = NULL;
}

int main(int argc, char **argv)
{
	struct options options;
	char *discovery_argv[DISCOVERY_ARGC_MAX + 1] = {0};
	struct agent_config config;
	struct sockets sockets = {0};
	struct sd sd;
	struct event_base *base;
	struct agent *agent;
	enum log_level level = LOG_LEVEL_INFO;
	int status = options_parse(&options, argc, argv);
	const char *problem;

	if (status >= 0) {
		return status;
	}
	problem = options.exit_on_stdin_eof ? lifeline_problem(STDIN_FILENO) : NULL;
	if (problem != NULL) {
		return options_complain(
			"--exit-on-stdin-eof: standard input has no end to wait for: %s", problem);
	}
	if (options.log_level != NULL && log_level_from_name(options.log_level, &level) != 0) {
		return options_complain(
			"--log-level: \"%s\" is not one of error, warn, info, debug",
			options.log_level);
	}
	log_init(level, "epmdnsd");
	event_set_log_callback(on_event_log);
	raise_limits();
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	hold_signals(SIG_BLOCK);
	sd_init(&sd);
	status = sockets_open(&sockets, &options);
	if (status != 0) {
		sd_fini(&sd);
		return status;
	}
	options_choose_discovery(&options);
	fill_discovery_argv(discovery_argv, &options);
	config = (struct agent_config){
		.sd = &sd,
		.discovery_program = options.is_alone ? NULL : options.discovery_program,
		.alone_text = options.alone_text,
		.discovery_argv = discovery_argv,
		.ttl_s = options.ttl_s,
		.peers_max = options.peers_max,
		.cache_entries = options.cache_entries,
		.allow_off_link = options.allow_off_link,
	};
	base = event_base_new();
	if (base == NULL) {
		log_error("Cannot make an event loop: %s.", strerror(errno));
		sockets_close(&sockets);
		sd_fini(&sd);
		return EXIT_FAILURE;
	}
	agent = agent_new(base, &config);
	serve(base, agent, &sockets, options.exit_on_stdin_eof);
	status = agent_must_restart(agent) ? EXIT_RESTART : EXIT_SUCCESS;
	agent_free(agent);
	event_base_free(base);
	sockets_close(&sockets);
	sd_fini(&sd);
	for (unsigned i = 0; discovery_argv[i] != NULL; i++) {
		free(discovery_argv[i]);
	}
	return status;
}
