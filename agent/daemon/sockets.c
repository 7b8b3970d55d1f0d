// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "daemon/sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "daemon/options.h"

static char *join(const char *directory, const char *rest)
{
	char *path = xcalloc(1, strlen(directory) + strlen(rest) + 1);

	strcat(strcpy(path, directory), rest);
	return path;
}

// Where to serve, in the order of the manual page; NULL when nothing says where.
static char *choose_path(const struct options *options)
{
	const char *value =
		options->socket != NULL ? options->socket : options_variable("EPMDNS_SOCKET");

	if (value != NULL) {
		return join(value, "");
	}
	value = options_variable("RUNTIME_DIRECTORY");
	if (value != NULL) {
		return join(value, "/socket");
	}
	if (geteuid() == 0) {
		return join("/run/epmdns/socket", "");
	}
	value = options_variable("XDG_RUNTIME_DIR");
	return value != NULL ? join(value, "/epmdns/socket") : NULL;
}

// As open as epmd where the whole machine shares it, private where one user does.
static mode_t choose_mode(const struct options *options, const char *path)
{
	const char *own = options_variable("XDG_RUNTIME_DIR");

	if (options->socket_mode != 0) {
		return options->socket_mode;
	}
	if (own != NULL && strncmp(path, own, strlen(own)) == 0) {
		return 0600;
	}
	return strncmp(path, "/run/", 5) == 0 && strncmp(path, "/run/user/", 10) != 0 ? 0666 : 0600;
}

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

int sockets_open(struct sockets *sockets, const struct options *options)
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
		return options_complain("nothing says where to serve: give --socket or set %s",
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

void sockets_close(struct sockets *sockets)
{
	while (sockets->n > 0) {
		listener_close(&sockets->all[--sockets->n]);
	}
}
