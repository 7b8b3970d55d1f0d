// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * The agent's socket in the file system: one agent per path, held by a lock beside it, and a socket
 * that somebody still serves is never taken away from them.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct listener {
	int fd;
	int lock_fd;
	char *path; // NULL for an inherited socket, which is not ours to remove
};

/*
 * listener_open(): make, lock and bind `path` with that mode; its directory is made if it is
 * missing (mode 0755, or 0700 for a socket that only its owner may use). Return: 0; or -errno,
 * having logged why. -EADDRINUSE: another agent serves this path.
 */
int listener_open(struct listener *listener, const char *path, mode_t mode);
// listener_inherit(): use a listening socket that was handed to us. Consumes fd.
void listener_inherit(struct listener *listener, int fd);
// listener_close(): close, and remove the socket if it is ours.
void listener_close(struct listener *listener);
