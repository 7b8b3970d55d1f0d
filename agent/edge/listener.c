// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "edge/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"

#define LOCK_TRIES 20
#define LOCK_PAUSE_MS 25

static int fail(const char *what, const char *path, int error)
{
	log_error("%s: %s. path=%s", what, strerror(error), path);
	return -error;
}

static int make_directory(const char *path, mode_t mode)
{
	char *copy = xstrndup(path, strlen(path));
	int error = mkdir(dirname(copy), (mode & 0077) != 0 ? 0755 : 0700) < 0 ? errno : 0;

	free(copy);
	return error == 0 || error == EEXIST
		       ? 0
		       : fail("Cannot make the socket's directory", path, error);
}

// One that was killed just now may still be about to go: it is given a moment. Return: 0 or errno.
static int lock_soon(int fd)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};

	for (unsigned i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK) {
			return errno;
		}
		if (i == LOCK_TRIES) {
			return EADDRINUSE;
		}
		nanosleep(&pause, NULL);
	}
	return 0;
}

// The lock stays when we end: removing it would let two agents hold two files of one name.
static int take_lock(const char *path)
{
	size_t size = strlen(path) + sizeof(".lock");
	char *lock_path = xcalloc(1, size);
	int fd, error;

	snprintf(lock_path, size, "%s.lock", path);
	fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		error = fail("Cannot open the socket's lock", lock_path, errno);
	} else if ((error = lock_soon(fd)) != 0) {
		error = fail("Another agent holds the socket's lock", lock_path, error);
		close(fd);
	} else {
		error = fd;
	}
	free(lock_path);
	return error;
}

// A socket that nobody serves, left by an agent that was killed. Anything else is not ours to
// remove.
static int remove_socket(const char *path)
{
	struct stat status;

	if (lstat(path, &status) == 0 && !S_ISSOCK(status.st_mode)) {
		return fail("There is something else at the socket's path", path, EEXIST);
	}
	if (unlink(path) < 0 && errno != ENOENT) {
		return fail("Cannot remove a stale socket", path, errno);
	}
	return 0;
}

// Does anybody accept connections there? Then it is theirs, lock or no lock.
static int remove_stale(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	if (fd < 0) {
		return fail("Cannot make a socket", address->sun_path, errno);
	}
	error = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? errno : 0;
	close(fd);
	switch (error) {
	case ENOENT:
		return 0;
	case ECONNREFUSED: // what Linux says of plain files, too
		return remove_socket(address->sun_path);
	case 0:
	case EAGAIN: // its backlog is full: it lives
		return fail("Another program serves the socket", address->sun_path, EADDRINUSE);
	default:
		return fail("Cannot use the socket's path", address->sun_path, error);
	}
}

static int bind_socket(const struct sockaddr_un *address, mode_t mode)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int error = 0;

	if (fd < 0) {
		return fail("Cannot make a socket", address->sun_path, errno);
	}
	mask = umask(0777 & ~mode); // bind() makes it with this mode: no moment with another one
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
		error = errno;
	}
	umask(mask);
	if (error == 0 && listen(fd, SOMAXCONN) < 0) {
		error = errno;
		unlink(address->sun_path);
	}
	if (error != 0) {
		close(fd);
		return fail("Cannot bind the socket", address->sun_path, error);
	}
	return fd;
}

int listener_open(struct listener *listener, const char *path, mode_t mode)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int result;

	*listener = (struct listener){.fd = -1, .lock_fd = -1};
	if (path[0] == '\0') {
		return fail("The socket needs a path", path, EINVAL);
	}
	if (strlen(path) >= sizeof(address.sun_path)) {
		return fail("The socket's path is too long", path, ENAMETOOLONG);
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	result = make_directory(path, mode);
	if (result < 0) {
		return result;
	}
	result = take_lock(path);
	if (result < 0) {
		return result;
	}
	listener->lock_fd = result;
	result = remove_stale(&address);
	if (result == 0) {
		result = bind_socket(&address, mode);
	}
	if (result < 0) {
		close(listener->lock_fd);
		listener->lock_fd = -1;
		return result;
	}
	listener->fd = result;
	listener->path = xstrndup(path, strlen(path));
	return 0;
}

void listener_inherit(struct listener *listener, int fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(address);
	size_t name_len = 0;
	char name[sizeof(address.sun_path) * 4 + 1];

	if (getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
	    len > offsetof(struct sockaddr_un, sun_path)) {
		name_len = len - offsetof(struct sockaddr_un, sun_path);
	}
	if (name_len > 0 && address.sun_path[0] == '\0') {
		address.sun_path[0] = '@'; // as abstract names are written
	} else {
		name_len = strnlen(address.sun_path, name_len);
	}
	log_info("Serving an inherited socket. path=%s",
		 log_escape(name, sizeof(name), address.sun_path, name_len));
	// We accept until there is nothing left, and systemd hands sockets over that would block
	// then.
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	*listener = (struct listener){.fd = fd, .lock_fd = -1};
}

void listener_close(struct listener *listener)
{
	if (listener->path != NULL) {
		unlink(listener->path);
		free(listener->path);
		listener->path = NULL;
	}
	if (listener->fd >= 0) {
		close(listener->fd);
		listener->fd = -1;
	}
	if (listener->lock_fd >= 0) {
		close(listener->lock_fd);
		listener->lock_fd = -1;
	}
}
