// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "base/sd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define LISTEN_FDS_START 3
#define TEXT_MAX 128 // of a variable or a name that is logged

// Return: 0, or -EINVAL when that is not a number in decimal digits up to max.
static int parse_number(const char *text, uint64_t max, uint64_t *number)
{
	unsigned long long value;
	char *end;

	if (text[0] < '0' || text[0] > '9') {
		return -EINVAL;
	}
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || value > max) {
		return -EINVAL;
	}
	*number = value;
	return 0;
}

static void ignore_variable(const char *name, const char *text, const char *why)
{
	char escaped[TEXT_MAX];

	log_warn("Ignoring %s: %s. value=%s", name, why,
		 log_escape(escaped, sizeof(escaped), text, strlen(text)));
}

// Return: 0, or -errno when there is no such address.
static int set_address(struct sd *sd, const char *path)
{
	if (path[0] != '/' && path[0] != '@') {
		return -EAFNOSUPPORT;
	}
	if (strlen(path) >= sizeof(sd->address.sun_path)) {
		return -ENAMETOOLONG;
	}
	sd->address.sun_family = AF_UNIX;
	memcpy(sd->address.sun_path, path, strlen(path));
	// The length says where an abstract name ends; it has no terminator.
	sd->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (path[0] == '@') {
		sd->address.sun_path[0] = '\0';
	}
	return 0;
}

static void open_socket(struct sd *sd)
{
	const char *path = getenv("NOTIFY_SOCKET");
	int error;

	if (path == NULL || path[0] == '\0') {
		return;
	}
	error = set_address(sd, path);
	if (error == 0) {
		sd->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		error = sd->fd < 0 ? -errno : 0;
	}
	if (error < 0) {
		ignore_variable("NOTIFY_SOCKET", path, strerror(-error));
	}
}

static uint64_t read_watchdog(void)
{
	const char *interval = getenv("WATCHDOG_USEC");
	const char *for_pid = getenv("WATCHDOG_PID"); // unset: for whoever reads it
	uint64_t pid = (uint64_t)getpid();
	uint64_t us = 0;

	if (interval == NULL) {
		return 0;
	}
	if (parse_number(interval, UINT64_MAX - 1, &us) < 0 || us == 0) {
		ignore_variable("WATCHDOG_USEC", interval, "not a number of microseconds");
		return 0;
	}
	if (for_pid != NULL && (parse_number(for_pid, INT_MAX, &pid) < 0 || pid == 0)) {
		ignore_variable("WATCHDOG_PID", for_pid, "not a process id");
		return 0;
	}
	return pid == (uint64_t)getpid() ? us : 0;
}

void sd_init(struct sd *sd)
{
	*sd = (struct sd){.fd = -1};
	open_socket(sd);
	if (sd->fd >= 0) {
		sd->watchdog_us = read_watchdog();
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void sd_fini(struct sd *sd)
{
	if (sd->fd >= 0) {
		close(sd->fd);
		sd->fd = -1;
	}
}

int sd_notify(const struct sd *sd, const char *message)
{
	if (sd->fd < 0) {
		return 0;
	}
	if (sendto(sd->fd, message, strlen(message), MSG_DONTWAIT | MSG_NOSIGNAL,
		   (const struct sockaddr *)&sd->address, sd->address_len) < 0) {
		return -errno;
	}
	return 0;
}

static bool has_option(int fd, int option, int expected)
{
	int value;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 && value == expected;
}

static bool is_listener(int fd)
{
	return has_option(fd, SO_DOMAIN, AF_UNIX) && has_option(fd, SO_TYPE, SOCK_STREAM) &&
	       has_option(fd, SO_ACCEPTCONN, 1);
}

// How many descriptors were handed over to this process.
static int count_inherited(void)
{
	const char *for_pid = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");
	uint64_t pid, n;

	if (for_pid == NULL || count == NULL || parse_number(for_pid, INT_MAX, &pid) < 0 ||
	    pid != (uint64_t)getpid() || parse_number(count, INT_MAX - LISTEN_FDS_START, &n) < 0) {
		return 0;
	}
	return (int)n;
}

// The nth of the names between colons, escaped; "" when there is none. Return: text.
static const char *name_of(int n, char text[TEXT_MAX])
{
	const char *name = getenv("LISTEN_FDNAMES");

	for (; name != NULL && n > 0; n--) {
		name = strchr(name, ':');
		name = name != NULL ? name + 1 : NULL;
	}
	name = name != NULL ? name : "";
	return log_escape(text, TEXT_MAX, name, strcspn(name, ":"));
}

int sd_listen_fds(int fds[SD_LISTEN_MAX])
{
	int n = count_inherited();
	int found = 0;

	for (int i = 0; i < n; i++) {
		int fd = LISTEN_FDS_START + i;
		char name[TEXT_MAX];

		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
			break; // fewer than announced
		}
		if (!is_listener(fd)) {
			log_warn("Not serving what was inherited: it is no listening Unix stream "
				 "socket. fd=%d name=%s",
				 fd, name_of(i, name));
		} else if (found == SD_LISTEN_MAX) {
			log_warn("Not serving an inherited socket: it is one more than %d. fd=%d "
				 "name=%s",
				 SD_LISTEN_MAX, fd, name_of(i, name));
		} else {
			fds[found++] = fd;
		}
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (found > 0) {
		return found;
	}
	return n > 0 ? -EINVAL : -ENOENT;
}
