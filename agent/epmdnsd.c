// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// epmdnsd(8), the agent: options, the socket, signals; everything else is the mediator's.

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sd.h"
#include "base/xalloc.h"
#include "edge/lifeline.h"
#include "edge/listener.h"
#include "edge/server.h"
#include "edge/wire.h"
#include "mediator/agent.h"
#include "mediator/limits.h"

static_assert(SD_LISTEN_MAX <= SERVER_LISTENERS_MAX, "each inherited socket is served");

#define EXIT_USAGE 2
#define EXIT_RESTART 75 // EX_TEMPFAIL: replaced on disk, start me again
#define TTL_MIN_S 5
#define TTL_MAX_S 4500
#define CACHE_ENTRIES_MIN 100
#define CACHE_ENTRIES_MAX 1000000

struct options {
	const char *socket;
	const char *discovery_program;
	const char *log_level;
	const char *interfaces[LINK_INTERFACES_MAX];
	unsigned n_interfaces;
	const char *patterns[LINK_PATTERNS_MAX + 1]; // of interfaces to ignore; "" is one, too
	unsigned n_patterns;
	mode_t socket_mode; // 0: by the path
	uint16_t ttl_s;
	uint32_t peers_max;
	uint32_t cache_entries; // of Avahi
	const char *alone_text; // why, unless that was asked for
	bool is_alone;          // backend none
	bool allow_off_link;
	bool exit_on_stdin_eof;
};

enum option_id {
	OPTION_SOCKET = 256,
	OPTION_SOCKET_MODE,
	OPTION_BACKEND,
	OPTION_INTERFACE,
	OPTION_IGNORE_INTERFACE,
	OPTION_TTL,
	OPTION_MAX_PEERS,
	OPTION_AVAHI_CACHE_ENTRIES,
	OPTION_ALLOW_OFF_LINK,
	OPTION_EXIT_ON_STDIN_EOF,
	OPTION_DISCOVERY_PROGRAM,
	OPTION_LOG_LEVEL,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct option long_options[] = {
	{"socket", required_argument, NULL, OPTION_SOCKET},
	{"socket-mode", required_argument, NULL, OPTION_SOCKET_MODE},
	{"backend", required_argument, NULL, OPTION_BACKEND},
	{"interface", required_argument, NULL, OPTION_INTERFACE},
	{"ignore-interface", required_argument, NULL, OPTION_IGNORE_INTERFACE},
	{"ttl", required_argument, NULL, OPTION_TTL},
	{"max-peers", required_argument, NULL, OPTION_MAX_PEERS},
	{"avahi-cache-entries", required_argument, NULL, OPTION_AVAHI_CACHE_ENTRIES},
	{"allow-off-link", no_argument, NULL, OPTION_ALLOW_OFF_LINK},
	{"exit-on-stdin-eof", no_argument, NULL, OPTION_EXIT_ON_STDIN_EOF},
	{"discovery-program", required_argument, NULL, OPTION_DISCOVERY_PROGRAM},
	{"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
	{"help", no_argument, NULL, OPTION_HELP},
	{"version", no_argument, NULL, OPTION_VERSION},
	{NULL, 0, NULL, 0},
};

// meson's option "backends" may have left out all that needs such a program.
static bool has_discovery(void)
{
	return EPMDNS_DISCOVERY_PROGRAM[0] != '\0';
}

static void print_help(void)
{
	printf("Usage: epmdnsd [OPTION]...\n"
	       "Advertise the Erlang nodes of this host on the local network, and find all "
	       "others.\n"
	       "\n"
	       "  --socket PATH             serve clients there (default: EPMDNS_SOCKET, else\n"
	       "                            $RUNTIME_DIRECTORY/socket, else /run/epmdns/socket as\n"
	       "                            root, else $XDG_RUNTIME_DIR/epmdns/socket)\n"
	       "  --socket-mode MODE        its mode, octal (default: 0666 in /run, else 0600)\n"
	       "  --backend auto|avahi|none how to reach the network (default: auto);\n"
	       "                            this epmdnsd has: %s\n"
	       "  --interface NAME          use this interface only; may be repeated (default: "
	       "all)\n"
	       "  --ignore-interface PATTERN\n"
	       "                            leave interfaces of such names alone; may be "
	       "repeated,\n"
	       "                            \"\" takes back all before it (default: those of\n"
	       "                            containers and virtual machines)\n"
	       "  --ttl SECONDS             time to live of what is advertised, %d to %d (default: "
	       "by\n"
	       "                            the number of nodes, %d to %d)\n"
	       "  --max-peers N             keep so many nodes of the network at most, 1 to %d "
	       "(default:\n"
	       "                            %d)\n"
	       "  --avahi-cache-entries N   warn when Avahi's cache may be full; cache-entries-max "
	       "in\n"
	       "                            avahi-daemon.conf says how much it takes (default: "
	       "%d)\n"
	       "  --allow-off-link          also hand out addresses that are on no link of this "
	       "host\n"
	       "  --exit-on-stdin-eof       end, as by SIGTERM, when standard input does: with "
	       "whoever "
	       "has\n"
	       "                            started it and holds the other end\n"
	       "  --discovery-program PATH  (default: %s)\n"
	       "  --log-level error|warn|info|debug\n"
	       "                            (default: info)\n"
	       "  --help                    print this and exit\n"
	       "  --version                 print the version and exit\n",
	       EPMDNS_BACKENDS, TTL_MIN_S, TTL_MAX_S, AGENT_TTL_MIN_S, AGENT_TTL_MAX_S,
	       AGENT_PEERS_MAX, AGENT_PEERS_MAX, AGENT_CACHE_ENTRIES,
	       has_discovery() ? EPMDNS_DISCOVERY_PROGRAM : "none is built in");
}

__attribute__((format(printf, 1, 2))) static int usage(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "epmdnsd: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "; see epmdnsd --help\n");
	return EXIT_USAGE;
}

// Is it one of the words in EPMDNS_BACKENDS?
static bool is_built_in(const char *backend)
{
	char word[16];

	snprintf(word, sizeof(word), ", %s,", backend);
	return strstr(", " EPMDNS_BACKENDS ",", word) != NULL;
}

// Return: 0, or the exit status.
static int parse_backend(struct options *options, const char *value)
{
	static const char *const names[] = {"auto", "avahi", "none"};
	bool is_known = false;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		is_known |= strcmp(value, names[i]) == 0;
	}
	if (!is_known) {
		return usage("--backend: \"%s\" is not one of auto, avahi, none", value);
	}
	if (strcmp(value, "auto") != 0 && !is_built_in(value)) {
		return usage("--backend: %s is not built in, this epmdnsd has: %s", value,
			     EPMDNS_BACKENDS);
	}
	options->is_alone = strcmp(value, "none") == 0;
	return 0;
}

static int parse_number(const char *value, int base, long min, long max, long *number)
{
	char *end;

	errno = 0;
	*number = strtol(value, &end, base);
	return errno != 0 || end == value || *end != '\0' || *number < min || *number > max;
}

/*
 * The discovery process matches names; what is empty takes back all before it, so that they need
 * not be told. Return: 0, or the exit status.
 */
static int parse_pattern(struct options *options, const char *value)
{
	unsigned n = options->n_patterns;

	n -= n > 0 && options->patterns[0][0] == '\0' ? 1 : 0;
	if (strlen(value) > LINK_PATTERN_MAX) {
		return usage("--ignore-interface: \"%s\" is too long", value);
	}
	if (value[0] == '\0') {
		options->n_patterns = 0;
	} else if (n == LINK_PATTERNS_MAX) {
		return usage("--ignore-interface %s: too many patterns", value);
	}
	options->patterns[options->n_patterns++] = value;
	return 0;
}

// Return: -1 to go on, else the exit status.
static int parse_options(int argc, char **argv, struct options *options)
{
	int id;
	int status;
	long number;

	while ((id = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (id) {
		case OPTION_SOCKET:
			if (optarg[0] == '\0') {
				return usage("--socket: the path is empty");
			}
			options->socket = optarg;
			break;
		case OPTION_SOCKET_MODE:
			if (parse_number(optarg, 8, 1, 0777, &number) != 0) {
				return usage("--socket-mode: \"%s\" is no octal mode", optarg);
			}
			options->socket_mode = (mode_t)number;
			break;
		case OPTION_BACKEND:
			status = parse_backend(options, optarg);
			if (status != 0) {
				return status;
			}
			break;
		case OPTION_INTERFACE:
			if (optarg[0] == '\0' || strlen(optarg) >= IFNAMSIZ) {
				return usage("--interface: \"%s\" is no interface's name", optarg);
			}
			if (options->n_interfaces == LINK_INTERFACES_MAX) {
				return usage("--interface %s: too many interfaces", optarg);
			}
			options->interfaces[options->n_interfaces++] = optarg;
			break;
		case OPTION_IGNORE_INTERFACE:
			status = parse_pattern(options, optarg);
			if (status != 0) {
				return status;
			}
			break;
		case OPTION_TTL:
			if (parse_number(optarg, 10, TTL_MIN_S, TTL_MAX_S, &number) != 0) {
				return usage("--ttl: \"%s\" is no number of seconds from %d to %d",
					     optarg, TTL_MIN_S, TTL_MAX_S);
			}
			options->ttl_s = (uint16_t)number;
			break;
		case OPTION_MAX_PEERS:
			if (parse_number(optarg, 10, 1, AGENT_PEERS_MAX, &number) != 0) {
				return usage("--max-peers: \"%s\" is no number from 1 to %d",
					     optarg, AGENT_PEERS_MAX);
			}
			options->peers_max = (uint32_t)number;
			break;
		case OPTION_AVAHI_CACHE_ENTRIES:
			if (parse_number(optarg, 10, CACHE_ENTRIES_MIN, CACHE_ENTRIES_MAX,
					 &number) != 0) {
				return usage("--avahi-cache-entries: \"%s\" is no number from %d "
					     "to %d",
					     optarg, CACHE_ENTRIES_MIN, CACHE_ENTRIES_MAX);
			}
			options->cache_entries = (uint32_t)number;
			break;
		case OPTION_ALLOW_OFF_LINK:
			options->allow_off_link = true;
			break;
		case OPTION_EXIT_ON_STDIN_EOF:
			options->exit_on_stdin_eof = true;
			break;
		case OPTION_DISCOVERY_PROGRAM:
			options->discovery_program = optarg;
			break;
		case OPTION_LOG_LEVEL:
			options->log_level = optarg;
			break;
		case OPTION_HELP:
		case 'h':
			print_help();
			return 0;
		case OPTION_VERSION:
			printf("epmdnsd %s\nbackends: %s\n", EPMDNS_VERSION, EPMDNS_BACKENDS);
			return 0;
		default: // getopt_long() has said what was wrong
			fputs("epmdnsd: see epmdnsd --help\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		return usage("\"%s\" is no option", argv[optind]);
	}
	return -1;
}

static char *join(const char *directory, const char *rest)
{
	char *path = xcalloc(1, strlen(directory) + strlen(rest) + 1);

	strcat(strcpy(path, directory), rest);
	return path;
}

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

// Where to serve, in the order of the manual page; NULL when nothing says where.
static char *choose_path(const struct options *options)
{
	const char *value =
		options->socket != NULL ? options->socket : environment("EPMDNS_SOCKET");

	if (value != NULL) {
		return join(value, "");
	}
	value = environment("RUNTIME_DIRECTORY");
	if (value != NULL) {
		return join(value, "/socket");
	}
	if (geteuid() == 0) {
		return join("/run/epmdns/socket", "");
	}
	value = environment("XDG_RUNTIME_DIR");
	return value != NULL ? join(value, "/epmdns/socket") : NULL;
}

// As open as epmd where the whole machine shares it, private where one user does.
static mode_t choose_mode(const struct options *options, const char *path)
{
	const char *own = environment("XDG_RUNTIME_DIR");

	if (options->socket_mode != 0) {
		return options->socket_mode;
	}
	if (own != NULL && strncmp(path, own, strlen(own)) == 0) {
		return 0600;
	}
	return strncmp(path, "/run/", 5) == 0 && strncmp(path, "/run/user/", 10) != 0 ? 0666 : 0600;
}

// What we serve: a socket of our own, or those that a service manager has made.
struct sockets {
	struct listener all[SD_LISTEN_MAX];
	unsigned n;
};

static void inherit(struct sockets *sockets, const int *fds, unsigned n,
		    const struct options *options)
{
	if (options->socket != NULL || options->socket_mode != 0) {
		log_warn("Ignoring --socket and --socket-mode: the socket is inherited.");
	}
	for (unsigned i = 0; i < n; i++) {
		listener_inherit(&sockets->all[sockets->n++], fds[i]);
	}
}

// Return: 0, or the exit status.
static int open_sockets(struct sockets *sockets, const struct options *options)
{
	int fds[SD_LISTEN_MAX];
	int n = sd_listen_fds(fds);
	char *path;
	int error;

	if (n > 0) {
		inherit(sockets, fds, (unsigned)n, options);
		return 0;
	}
	if (n != -ENOENT) {
		log_error("None of the inherited sockets is a listening Unix stream socket.");
		return EXIT_FAILURE;
	}
	path = choose_path(options);
	if (path == NULL) {
		return usage("nothing says where to serve: give --socket or set %s",
			     "EPMDNS_SOCKET, RUNTIME_DIRECTORY or XDG_RUNTIME_DIR");
	}
	error = listener_open(&sockets->all[0], path, choose_mode(options, path));
	if (error == 0) {
		sockets->n = 1;
		log_info("Serving %s.", path);
	}
	free(path);
	return error == 0 ? 0 : EXIT_FAILURE;
}

static void close_sockets(struct sockets *sockets)
{
	while (sockets->n > 0) {
		listener_close(&sockets->all[--sockets->n]);
	}
}

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

// One that is named is used whatever is built in.
static void choose_discovery(struct options *options)
{
	if (options->is_alone || options->discovery_program != NULL) {
		return;
	}
	if (has_discovery()) {
		options->discovery_program = EPMDNS_DISCOVERY_PROGRAM;
		return;
	}
	options->is_alone = true;
	options->alone_text = "no backend is built in";
	log_info("No backend is built in: nodes of this machine find each other and no others.");
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

int main(int argc, char **argv)
{
	struct options options = {.discovery_program = environment("EPMDNS_DISCOVERY_PROGRAM")};
	char *discovery_argv[2 + 2 + 2 * LINK_INTERFACES_MAX + 2 * (LINK_PATTERNS_MAX + 1) + 1] = {
		0};
	struct agent_config config;
	struct sockets sockets = {0};
	struct sd sd;
	struct event_base *base;
	struct agent *agent;
	enum log_level level = LOG_LEVEL_INFO;
	unsigned n = 0;
	int status = parse_options(argc, argv, &options);
	const char *problem;

	if (status >= 0) {
		return status;
	}
	problem = options.exit_on_stdin_eof ? lifeline_problem(STDIN_FILENO) : NULL;
	if (problem != NULL) {
		return usage("--exit-on-stdin-eof: standard input has no end to wait for: %s",
			     problem);
	}
	if (options.log_level != NULL && log_level_from_name(options.log_level, &level) != 0) {
		return usage("--log-level: \"%s\" is not one of error, warn, info, debug",
			     options.log_level);
	}
	log_init(level, "epmdnsd");
	event_set_log_callback(on_event_log);
	raise_limits();
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	hold_signals(SIG_BLOCK);
	sd_init(&sd);
	status = open_sockets(&sockets, &options);
	if (status != 0) {
		sd_fini(&sd);
		return status;
	}
	choose_discovery(&options);
	discovery_argv[n++] = join("epmdns-discovery", "");
	if (options.log_level != NULL) {
		discovery_argv[n++] = join("--log-level", "");
		discovery_argv[n++] = join(options.log_level, "");
	}
	for (unsigned i = 0; i < options.n_interfaces; i++) {
		discovery_argv[n++] = join("--interface", "");
		discovery_argv[n++] = join(options.interfaces[i], "");
	}
	for (unsigned i = 0; i < options.n_patterns; i++) {
		discovery_argv[n++] = join("--ignore-interface", "");
		discovery_argv[n++] = join(options.patterns[i], "");
	}
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
		close_sockets(&sockets);
		return EXIT_FAILURE;
	}
	agent = agent_new(base, &config);
	serve(base, agent, &sockets, options.exit_on_stdin_eof);
	status = agent_must_restart(agent) ? EXIT_RESTART : EXIT_SUCCESS;
	agent_free(agent);
	event_base_free(base);
	close_sockets(&sockets);
	sd_fini(&sd);
	while (n > 0) {
		free(discovery_argv[--n]);
	}
	return status;
}
