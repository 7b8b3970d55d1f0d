// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "daemon/options.h"

#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "mediator/limits.h"

#define TTL_MIN_S 5
#define TTL_MAX_S 4500
#define CACHE_ENTRIES_MIN 100
#define CACHE_ENTRIES_MAX 1000000

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

int options_complain(const char *format, ...)
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

static int parse_number(const char *value, int base, long min, long max, long *number)
{
	char *end;

	errno = 0;
	*number = strtol(value, &end, base);
	return errno != 0 || end == value || *end != '\0' || *number < min || *number > max;
}

// What parses an option returns 0, or the exit status.

static int parse_backend(struct options *options, const char *value)
{
	static const char *const names[] = {"auto", "avahi", "none"};
	bool is_known = false;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		is_known |= strcmp(value, names[i]) == 0;
	}
	if (!is_known) {
		return options_complain("--backend: \"%s\" is not one of auto, avahi, none", value);
	}
	if (strcmp(value, "auto") != 0 && !is_built_in(value)) {
		return options_complain("--backend: %s is not built in, this epmdnsd has: %s",
					value, EPMDNS_BACKENDS);
	}
	options->is_alone = strcmp(value, "none") == 0;
	return 0;
}

static int parse_count(const char *option, const char *value, long min, long max, long *number)
{
	if (parse_number(value, 10, min, max, number) != 0) {
		return options_complain("--%s: \"%s\" is no number from %ld to %ld", option, value,
					min, max);
	}
	return 0;
}

static int parse_mode(struct options *options, const char *value)
{
	long mode;

	if (parse_number(value, 8, 1, 0777, &mode) != 0) {
		return options_complain("--socket-mode: \"%s\" is no octal mode", value);
	}
	options->socket_mode = (mode_t)mode;
	return 0;
}

static int parse_interface(struct options *options, const char *value)
{
	if (value[0] == '\0' || strlen(value) >= IFNAMSIZ) {
		return options_complain("--interface: \"%s\" is no interface's name", value);
	}
	if (options->n_interfaces == LINK_INTERFACES_MAX) {
		return options_complain("--interface %s: too many interfaces", value);
	}
	options->interfaces[options->n_interfaces++] = value;
	return 0;
}

/*
 * The discovery process matches names; what is empty takes back all before it, so that they need
 * not be told.
 */
static int parse_pattern(struct options *options, const char *value)
{
	unsigned n = options->n_patterns;

	n -= n > 0 && options->patterns[0][0] == '\0' ? 1 : 0;
	if (strlen(value) > LINK_PATTERN_MAX) {
		return options_complain("--ignore-interface: \"%s\" is too long", value);
	}
	if (value[0] == '\0') {
		options->n_patterns = 0;
	} else if (n == LINK_PATTERNS_MAX) {
		return options_complain("--ignore-interface %s: too many patterns", value);
	}
	options->patterns[options->n_patterns++] = value;
	return 0;
}

const char *options_variable(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

int options_parse(struct options *options, int argc, char **argv)
{
	int id;
	int status = 0;
	long number;

	*options =
		(struct options){.discovery_program = options_variable("EPMDNS_DISCOVERY_PROGRAM")};
	while ((id = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (id) {
		case OPTION_SOCKET:
			status = optarg[0] != '\0'
					 ? 0
					 : options_complain("--socket: the path is empty");
			options->socket = optarg;
			break;
		case OPTION_SOCKET_MODE:
			status = parse_mode(options, optarg);
			break;
		case OPTION_BACKEND:
			status = parse_backend(options, optarg);
			break;
		case OPTION_INTERFACE:
			status = parse_interface(options, optarg);
			break;
		case OPTION_IGNORE_INTERFACE:
			status = parse_pattern(options, optarg);
			break;
		case OPTION_TTL:
			status = parse_count("ttl", optarg, TTL_MIN_S, TTL_MAX_S, &number);
			options->ttl_s = (uint16_t)number;
			break;
		case OPTION_MAX_PEERS:
			status = parse_count("max-peers", optarg, 1, AGENT_PEERS_MAX, &number);
			options->peers_max = (uint32_t)number;
			break;
		case OPTION_AVAHI_CACHE_ENTRIES:
			status = parse_count("avahi-cache-entries", optarg, CACHE_ENTRIES_MIN,
					     CACHE_ENTRIES_MAX, &number);
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
		if (status != 0) {
			return status;
		}
	}
	if (optind < argc) {
		return options_complain("\"%s\" is no option", argv[optind]);
	}
	return -1;
}

void options_choose_discovery(struct options *options)
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
