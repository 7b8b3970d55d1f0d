// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "cli/finder.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"

#define SYSTEM_SOCKET "/run/epmdns/socket"

void finder_sockets_init(struct finder_sockets *sockets, const char *socket,
			 const char *runtime_dir)
{
	static const char name[] = "/epmdns/socket";

	*sockets = (struct finder_sockets){0};
	if (socket != NULL && *socket != '\0') {
		sockets->paths[sockets->n++] = xstrndup(socket, strlen(socket));
		return;
	}
	if (runtime_dir != NULL && *runtime_dir != '\0') {
		size_t n = strlen(runtime_dir);
		char *path = xcalloc(n + sizeof(name), 1);

		memcpy(path, runtime_dir, n);
		memcpy(path + n, name, sizeof(name));
		sockets->paths[sockets->n++] = path;
	}
	sockets->paths[sockets->n++] = xstrndup(SYSTEM_SOCKET, strlen(SYSTEM_SOCKET));
}

void finder_sockets_fini(struct finder_sockets *sockets)
{
	for (size_t i = 0; i < sockets->n; i++) {
		free(sockets->paths[i]);
	}
	*sockets = (struct finder_sockets){0};
}

// Return: a connected socket, or -errno.
static int connect_to(const char *path, unsigned patience_ms)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	// Only a full backlog makes connect wait; this is for how long.
	struct timeval patience = clock_timeval(patience_ms);
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	while (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int error = errno;

		if (error != EINTR) {
			close(fd);
			return -error;
		}
	}
	return fd;
}

int finder_connect(unsigned patience_ms, char **path, char *why, size_t cap)
{
	struct finder_sockets sockets;
	const char *told = getenv("EPMDNS_SOCKET");
	bool is_told = told != NULL && *told != '\0';
	bool is_forbidden = false;
	size_t at;
	int fd = -1;

	finder_sockets_init(&sockets, told, getenv("XDG_RUNTIME_DIR"));
	at = (size_t)snprintf(why, cap, "no agent answers at ");
	for (size_t i = 0; i < sockets.n && fd < 0; i++) {
		fd = connect_to(sockets.paths[i], patience_ms);
		if (fd >= 0) {
			*path = xstrndup(sockets.paths[i], strlen(sockets.paths[i]));
			break;
		}
		is_forbidden = is_forbidden || fd == -EACCES || fd == -EPERM;
		// A path is the user's input and of any length: leave room for the rest of the
		// line.
		snprintf(why + at, cap - at, "%s%.200s (%s)", i > 0 ? " or " : "", sockets.paths[i],
			 fd == -EAGAIN ? "too busy" : strerror(-fd));
		at += strlen(why + at);
	}
	finder_sockets_fini(&sockets);
	if (fd < 0) {
		snprintf(why + at, cap - at, "; %s",
			 is_forbidden ? "see epmdnsd(8) on who may use the socket"
			 : is_told    ? "start epmdnsd there, or correct EPMDNS_SOCKET"
				      : "start epmdnsd, or set EPMDNS_SOCKET to its socket");
	}
	return fd < 0 ? -1 : fd;
}
