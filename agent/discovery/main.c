// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * epmdns-discovery: the process between epmdnsd and mDNS. It may block where epmdnsd must not, and
 * it may die: whatever it knows is told it again.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "discovery/backend.h"
#include "discovery/front.h"
#include "discovery/interfaces.h"

#define EXIT_USAGE 2
#define QUIT_S 1  // a call of Avahi may block; the end must not
#define SYNC_MS 1 // answered behind the calls of Avahi that the messages before it have set off

struct program {
	struct event_base *base;
	const struct backend_ops *ops;
	struct backend *backend;
	struct front *front;
	struct interfaces *interfaces;
	struct event *sync;
	uint32_t sync_number;
	bool is_avahi_asked; // by the front, before it is to be told that number
};

static int quit_pipe[2];

/*
 * The loop may be in a call that blocks for 25 s. Ending in the middle of it does no harm:
 * avahi-daemon says goodbye for everything that belongs to a D-Bus connection that closes.
 */
static void on_sigterm(int number)
{
	int saved_errno = errno;
	ssize_t written;

	(void)number;
	alarm(QUIT_S);
	written = write(quit_pipe[1], "", 1);
	(void)written;
	errno = saved_errno;
}

static void on_sigalrm(int number)
{
	(void)number;
	_exit(EXIT_SUCCESS);
}

static void on_quit(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

static void on_sync(evutil_socket_t fd, short what, void *arg)
{
	struct program *program = arg;

	(void)fd;
	(void)what;
	if (program->is_avahi_asked) {
		program->is_avahi_asked = false;
		program->ops->check(program->backend);
	}
	front_send(program->front,
		   &(struct link_msg){.op = LINK_SYNC, .number = program->sync_number});
}

static void on_message(void *owner, const struct link_msg *msg)
{
	struct program *program = owner;
	const struct backend_ops *ops = program->ops;
	struct backend *backend = program->backend;
	const struct timeval behind = clock_timeval(SYNC_MS);

	switch (msg->op) {
	case LINK_RESET:
		ops->reset(backend);
		break;
	case LINK_PUBLISH:
		ops->publish(backend, msg);
		break;
	case LINK_WITHDRAW:
		ops->withdraw(backend, msg->ref.instance);
		break;
	case LINK_END:
		ops->end(backend);
		break;
	case LINK_ASK:
		ops->ask(backend);
		break;
	case LINK_BROWSE:
		ops->browse(backend);
		break;
	case LINK_RESOLVE:
		ops->resolve(backend, &msg->ref);
		break;
	case LINK_SYNC:
		program->sync_number = msg->number;
		program->is_avahi_asked |= msg->asks_avahi != 0;
		event_add(program->sync, &behind);
		break;
	default:
		log_warn("epmdnsd sent a message of unknown kind. op=%u", msg->op);
	}
}

static void set_signal(int number, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

	sigaction(number, &action, NULL);
}

static int set_signals(void)
{
	if (pipe2(quit_pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
		return -errno;
	}
	set_signal(SIGTERM, on_sigterm);
	set_signal(SIGALRM, on_sigalrm);
	// A terminal's ^C goes to epmdnsd too, which then ends us in good order.
	set_signal(SIGINT, SIG_IGN);
	set_signal(SIGHUP, SIG_IGN);
	set_signal(SIGPIPE, SIG_IGN);
	return 0;
}

/*
 * Callbacks run one at a time, and the front's messages before each: any of them may block. Times
 * are not cached, as a cached one would be that old after a call that has blocked.
 */
static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config != NULL) {
		event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
		event_config_set_max_dispatch_interval(config, NULL, 1, 1);
		base = event_base_new_with_config(config);
		event_config_free(config);
	}
	if (base != NULL) {
		event_base_priority_init(base, 2);
	}
	return base;
}

static const struct backend_ops *find_backend(const char *name)
{
	static const struct backend_ops *const all[] = {&avahi_backend};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i]->name, name) == 0) {
			return all[i];
		}
	}
	return NULL;
}

static int parse_options(struct program *program, int argc, char **argv)
{
	static const struct option options[] = {
		{"backend", required_argument, NULL, 'b'},
		{"ignore-interface", required_argument, NULL, 'g'},
		{"interface", required_argument, NULL, 'i'},
		{"log-level", required_argument, NULL, 'l'},
		{NULL, 0, NULL, 0},
	};
	enum log_level level = LOG_LEVEL_INFO;
	int option;

	log_init(level, "epmdns-discovery");
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'b':
			program->ops = find_backend(optarg);
			if (program->ops == NULL) {
				log_error("There is no such backend: %s.", optarg);
				return -EINVAL;
			}
			break;
		case 'g':
			if (interfaces_ignore(program->interfaces, optarg) < 0) {
				log_error("Too long a pattern, or more than %d of them: %s.",
					  LINK_PATTERNS_MAX, optarg);
				return -EINVAL;
			}
			break;
		case 'i':
			if (interfaces_name(program->interfaces, optarg) < 0) {
				log_error("Not an interface's name, or more than %d of them: %s.",
					  LINK_INTERFACES_MAX, optarg);
				return -EINVAL;
			}
			break;
		case 'l':
			if (log_level_from_name(optarg, &level) != 0) {
				log_error("There is no such log level: %s.", optarg);
				return -EINVAL;
			}
			break;
		default:
			return -EINVAL;
		}
	}
	if (optind < argc) {
		log_error("Unexpected argument: %s.", argv[optind]);
		return -EINVAL;
	}
	log_init(level, "epmdns-discovery");
	return 0;
}

static int run(struct program *program)
{
	struct front_handler handler = {on_message, program};
	struct link_msg build = {.op = LINK_BUILD};
	struct event *quit;
	int error = set_signals();

	program->base = base_new();
	if (error < 0 || program->base == NULL) {
		log_error("Cannot set up the event loop: %s.", strerror(-error));
		return EXIT_FAILURE;
	}
	quit = event_new(program->base, quit_pipe[0], EV_READ, on_quit, program->base);
	event_priority_set(quit, 0);
	event_add(quit, NULL);
	program->sync = event_new(program->base, -1, 0, on_sync, program);
	program->front = front_new(program->base, LINK_FD, handler);
	snprintf(build.text, sizeof(build.text), "%s", EPMDNS_VERSION);
	front_send(program->front, &build);
	program->backend = program->ops->new (program->base, program->front, program->interfaces);

	event_base_dispatch(program->base);

	program->ops->free(program->backend);
	front_free(program->front);
	event_free(quit);
	event_free(program->sync);
	interfaces_free(program->interfaces); // its events are of this base
	program->interfaces = NULL;
	event_base_free(program->base);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct program program = {.ops = &avahi_backend, .interfaces = interfaces_new()};
	const pid_t parent = getppid();
	const char *problem = front_fd_problem(LINK_FD);
	int status = EXIT_USAGE;

	if (parse_options(&program, argc, argv) < 0) {
		goto out;
	}
	if (problem != NULL) {
		log_error(
			"This is started by epmdnsd, not by hand: descriptor %d is to be a socket "
			"from it, but %s.",
			LINK_FD, problem);
		goto out;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	// Had it died before, there would be no signal.
	if (getppid() != parent) {
		status = EXIT_SUCCESS;
		goto out;
	}
	status = run(&program);
out:
	interfaces_free(program.interfaces);
	return status;
}
