// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "edge/link.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"

#define MESSAGES_PER_TURN 64 // read or written before other events get their turn

struct link {
	struct event_base *base;
	const char *program;
	char *const *argv;
	const struct link_ops *ops;
	void *user;
	struct event *child_signal;
	struct event *readable, *writable; // NULL without a child
	struct event *restart;
	struct event *watchdog; // runs until it says LINK_BUILD, while something is unsent, or a
				// LINK_SYNC unanswered …
	struct event *patience; // … and this beside it, until the child is silent
	int fd;                 // -1 without a child
	pid_t pid;
	const char *why;     // what ended the child, when we know better than its status
	bool is_unstartable; // the program is not there, or is none
	bool is_greeted;     // LINK_BUILD came
	bool is_stopping;
	bool is_sync_due; // something was sent since the last LINK_SYNC
	bool has_held;    // `held` was pulled and not taken by the socket
	bool is_behind;   // there is more to send than the socket took
	bool is_silent;
	bool is_check_due; // the next LINK_SYNC is to ask Avahi
	bool is_checking;  // and that one does
	uint32_t check_sent;
	uint32_t sync_sent;
	uint64_t heard_ms; // something of it, or when that became due
	uint32_t restarts;
	uint64_t started_ms;
	uint64_t backoff_ms;
	struct link_msg held;
	struct link_msg received;
};

static void unwatch(struct link *link)
{
	event_del(link->watchdog);
	event_del(link->patience);
}

static void disconnect(struct link *link)
{
	if (link->readable != NULL) {
		event_free(link->readable);
		event_free(link->writable);
		link->readable = link->writable = NULL;
	}
	if (link->fd >= 0) {
		close(link->fd);
		link->fd = -1;
	}
	unwatch(link);
	link->is_silent = false;
}

// The child is of no more use: end it. SIGCHLD brings the rest.
static void condemn(struct link *link, const char *why)
{
	if (link->why == NULL) {
		link->why = why;
	}
	disconnect(link);
	if (link->pid > 0) {
		kill(link->pid, SIGKILL);
	}
}

// The child now has LINK_HANG_MS for its next step; and if it was silent, it has made one.
static void watch(struct link *link)
{
	struct timeval hang = clock_timeval(LINK_HANG_MS);
	struct timeval silent = clock_timeval(LINK_SILENT_MS);

	event_add(link->watchdog, &hang);
	event_add(link->patience, &silent);
	link->heard_ms = clock_now_ms();
	if (link->is_silent) {
		link->is_silent = false;
		link->ops->on_heard(link->user);
	}
}

static bool is_watched(const struct link *link)
{
	return event_pending(link->watchdog, EV_TIMEOUT, NULL) != 0;
}

static void handle_sync(struct link *link, uint32_t number)
{
	if (number == link->sync_sent && !link->is_behind) {
		unwatch(link);
	}
	if (link->is_checking && number >= link->check_sent) {
		link->is_checking = false;
		link->ops->on_checked(link->user);
	}
}

static void handle_message(struct link *link)
{
	const struct link_msg *msg = &link->received;

	if (!link->is_greeted) {
		if (msg->op != LINK_BUILD) {
			condemn(link, "did not say its version first");
		} else if (strcmp(msg->text, EPMDNS_VERSION) != 0) {
			link->ops->on_mismatch(link->user, msg->text);
		} else {
			link->is_greeted = true;
			unwatch(link);
			link_wake(link);
		}
		return;
	}
	if (msg->op == LINK_SYNC) {
		handle_sync(link, msg->number);
		return;
	}
	link->ops->on_message(link->user, msg);
}

// The layout is that of one build, but for the operation: that stands first in all of them.
static void handle_malformed(struct link *link, size_t n)
{
	if (!link->is_greeted && n >= sizeof(link->received.op) &&
	    link->received.op == LINK_BUILD) {
		link->ops->on_mismatch(link->user, "another layout");
	} else {
		condemn(link, "sent a malformed message");
	}
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
	struct link *link = user;

	(void)what;
	for (unsigned i = 0; i < MESSAGES_PER_TURN && link->fd == fd; i++) {
		ssize_t n =
			recv(fd, &link->received, sizeof(link->received), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			return;
		}
		if (n <= 0) {
			condemn(link, NULL);
			return;
		}
		if ((size_t)n > sizeof(link->received) ||
		    !link_msg_is_valid(&link->received, (size_t)n)) {
			handle_malformed(link, (size_t)n);
			return;
		}
		if (is_watched(link)) {
			watch(link); // it gets on
		}
		handle_message(link);
	}
}

// The next message to send: what the socket did not take, what the owner has, or the sync after it.
static bool pull(struct link *link)
{
	if (link->has_held) {
		return true;
	}
	link->held = (struct link_msg){0};
	if (link->ops->next(link->user, &link->held)) {
		link->is_sync_due = true;
		return link->has_held = true;
	}
	if (!link->is_sync_due) {
		return false;
	}
	link->is_sync_due = false;
	link->held.op = LINK_SYNC;
	link->held.number = ++link->sync_sent;
	if (link->is_check_due) {
		link->is_check_due = false;
		link->is_checking = true;
		link->check_sent = link->sync_sent;
		link->held.asks_avahi = 1;
	}
	if (!is_watched(link)) {
		watch(link);
	}
	return link->has_held = true;
}

static void on_writable(evutil_socket_t fd, short what, void *user)
{
	struct link *link = user;

	(void)what;
	if (!link->is_greeted) {
		return; // it may be of another build
	}
	if (link->is_behind) {
		watch(link); // there is room again: it has read something
	}
	for (unsigned i = 0; i < MESSAGES_PER_TURN; i++) {
		ssize_t n;

		link->is_behind = pull(link);
		if (!link->is_behind) {
			return;
		}
		n = send(fd, &link->held, link_msg_size(&link->held), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)) {
			break;
		}
		if (n < 0) {
			condemn(link, NULL);
			return;
		}
		link->has_held = false;
	}
	if (!is_watched(link)) {
		watch(link);
	}
	event_add(link->writable, NULL);
}

static void on_hang(evutil_socket_t fd, short what, void *user)
{
	(void)fd;
	(void)what;
	condemn(user, "hung in one step");
}

static void on_patience(evutil_socket_t fd, short what, void *user)
{
	struct link *link = user;

	(void)fd;
	(void)what;
	link->is_silent = true;
	link->ops->on_silent(link->user);
}

static void start(struct link *link);

static void on_restart(evutil_socket_t fd, short what, void *user)
{
	struct link *link = user;

	(void)fd;
	(void)what;
	start(link);
}

static void schedule_restart(struct link *link)
{
	struct timeval delay = clock_timeval(link->backoff_ms);

	if (link->is_stopping) {
		link->ops->on_stopped(link->user);
		return;
	}
	link->restarts++;
	event_add(link->restart, &delay);
	link->backoff_ms = link->backoff_ms * 2 < LINK_BACKOFF_MAX_MS ? link->backoff_ms * 2
								      : LINK_BACKOFF_MAX_MS;
}

static void on_child_signal(evutil_socket_t fd, short what, void *user)
{
	struct link *link = user;
	bool was_stopping = link->is_stopping;
	char why[LINK_TEXT_MAX];
	int status;

	(void)fd;
	(void)what;
	if (link->pid <= 0 || waitpid(link->pid, &status, WNOHANG) != link->pid) {
		return;
	}
	link->pid = 0; // from now on it may be another process's
	if (link->fd >= 0) {
		on_readable(link->fd, EV_READ, link); // its last words
	}
	disconnect(link);
	if (link->is_stopping && !was_stopping) {
		return; // they were of another build, and link_stop() found nothing to wait for
	}
	if (clock_now_ms() - link->started_ms >= LINK_HEALTHY_MS) {
		link->backoff_ms = LINK_BACKOFF_MS;
	}
	if (link->why != NULL) {
		snprintf(why, sizeof(why), "%s", link->why);
	} else if (WIFSIGNALED(status)) {
		snprintf(why, sizeof(why), "was killed by signal %d", WTERMSIG(status));
	} else {
		snprintf(why, sizeof(why), "exited with status %d", WEXITSTATUS(status));
	}
	if (!link->is_stopping) {
		link->ops->on_lost(link->user, why);
	}
	schedule_restart(link);
}

// posix_spawn(), because the front may be large and must not be slow.
static int spawn(struct link *link, int child_fd)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t signals;
	int error;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, child_fd, LINK_FD);
	posix_spawnattr_init(&attributes);
	sigemptyset(&signals);
	posix_spawnattr_setsigmask(&attributes, &signals);
	// Whoever started the front may have ignored any of them.
	sigfillset(&signals);
	posix_spawnattr_setsigdefault(&attributes, &signals);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	error = posix_spawn(&link->pid, link->program, &actions, &attributes, link->argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

static void start(struct link *link)
{
	char why[LINK_TEXT_MAX];
	int pair[2];
	int error;

	link->pid = 0;
	link->why = NULL;
	link->is_greeted = link->has_held = link->is_behind = link->is_sync_due = false;
	link->is_check_due = link->is_checking = false;
	link->sync_sent = 0;
	link->started_ms = clock_now_ms();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		log_warn("Cannot make a socket pair for the discovery process: %s.",
			 strerror(errno));
		schedule_restart(link);
		return;
	}
	// The child may block where it likes.
	fcntl(pair[1], F_SETFL, 0);
	error = spawn(link, pair[1]);
	close(pair[1]);
	if (error != 0) {
		close(pair[0]);
		link->pid = 0;
		snprintf(why, sizeof(why), "cannot be started: %s: %.80s", strerror(error),
			 link->program);
		link->is_unstartable = true;
		link->ops->on_lost(link->user, why);
		schedule_restart(link);
		return;
	}
	link->is_unstartable = false;
	link->fd = pair[0];
	link->readable = event_new(link->base, link->fd, EV_READ | EV_PERSIST, on_readable, link);
	link->writable = event_new(link->base, link->fd, EV_WRITE, on_writable, link);
	event_add(link->readable, NULL);
	watch(link);
	link->ops->on_started(link->user);
}

struct link *link_new(struct event_base *base, const char *program, char *const *argv,
		      const struct link_ops *ops, void *user)
{
	struct link *link = xcalloc(1, sizeof(*link));
	struct timeval at_once = clock_timeval(0);

	link->base = base;
	link->program = program;
	link->argv = argv;
	link->ops = ops;
	link->user = user;
	link->fd = -1;
	link->backoff_ms = LINK_BACKOFF_MS;
	link->child_signal = evsignal_new(base, SIGCHLD, on_child_signal, link);
	link->restart = event_new(base, -1, 0, on_restart, link);
	link->watchdog = event_new(base, -1, 0, on_hang, link);
	link->patience = event_new(base, -1, 0, on_patience, link);
	event_add(link->child_signal, NULL);
	event_add(link->restart, &at_once); // from the loop, when the owner is whole
	return link;
}

void link_free(struct link *link)
{
	if (link == NULL) {
		return;
	}
	disconnect(link);
	if (link->pid > 0) {
		kill(link->pid, SIGKILL);
		waitpid(link->pid, NULL, 0);
	}
	event_free(link->child_signal);
	event_free(link->restart);
	event_free(link->watchdog);
	event_free(link->patience);
	free(link);
}

void link_wake(struct link *link)
{
	if (link->writable != NULL) {
		event_add(link->writable, NULL);
	}
}

void link_stop(struct link *link)
{
	struct timeval patience = clock_timeval(LINK_STOP_MS);

	link->is_stopping = true;
	event_del(link->restart);
	if (link->pid <= 0) {
		link->ops->on_stopped(link->user);
		return;
	}
	disconnect(link);
	event_add(link->watchdog, &patience);
}

bool link_check(struct link *link)
{
	if (link->writable == NULL || !link->is_greeted || link->is_silent) {
		return false;
	}
	if (!link->is_checking) {
		link->is_check_due = link->is_sync_due = true;
		link_wake(link);
	}
	return true;
}

uint64_t link_silent_ms(const struct link *link)
{
	return link->is_silent ? clock_now_ms() - link->heard_ms : 0;
}

// Source: proc(5), /proc/PID/stat: "pid (name) state …"; whatever cannot be read counts as asleep.
bool link_is_asleep(const struct link *link)
{
	char path[32], text[128];
	const char *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)link->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return true;
	}
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	end = strrchr(text, ')');
	return end == NULL || strlen(end) < 3 || end[2] == 'S' || end[2] == 'D';
}

int link_pid(const struct link *link)
{
	return link->pid;
}

uint32_t link_restarts(const struct link *link)
{
	return link->restarts;
}

bool link_is_unstartable(const struct link *link)
{
	return link->is_unstartable;
}
