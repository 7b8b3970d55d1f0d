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
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_FDS_START 3

int sd_notify(const char *message)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t len;
	int fd;
	int result = 0;

	if (path == NULL || path[0] == '\0') {
		return 0;
	}
	if (path[0] != '/' && path[0] != '@') {
		return -EAFNOSUPPORT;
	}
	if (strlen(path) >= sizeof(address.sun_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, path, strlen(path));
	// The length says where an abstract name ends; it has no terminator.
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (path[0] == '@') {
		address.sun_path[0] = '\0';
	}

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	if (sendto(fd, message, strlen(message), MSG_NOSIGNAL, (const struct sockaddr *)&address,
		   len) < 0) {
		result = -errno;
	}
	close(fd);
	return result;
}

static bool has_option(int fd, int option, int expected)
{
	int value;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 && value == expected;
}

// Return: the number in a variable, or 0 when it is unset, no number or out of range.
static long get_number(const char *name)
{
	const char *text = getenv(name);
	char *end;
	long number;

	if (text == NULL || text[0] < '0' || text[0] > '9') {
		return 0;
	}
	errno = 0;
	number = strtol(text, &end, 10);
	return errno == 0 && *end == '\0' && number <= INT_MAX - LISTEN_FDS_START ? number : 0;
}

int sd_listen_fd(void)
{
	bool is_ours = get_number("LISTEN_PID") == (long)getpid();
	int n = is_ours ? (int)get_number("LISTEN_FDS") : 0;
	int found = n > 0 ? -EINVAL : -ENOENT;

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	for (int fd = LISTEN_FDS_START; fd < LISTEN_FDS_START + n; fd++) {
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
			break; // fewer than announced
		}
		if (found < 0 && has_option(fd, SO_DOMAIN, AF_UNIX) &&
		    has_option(fd, SO_TYPE, SOCK_STREAM) && has_option(fd, SO_ACCEPTCONN, 1)) {
			found = fd;
		}
	}
	return found;
}
