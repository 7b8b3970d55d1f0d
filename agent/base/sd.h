// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * What a service owes systemd: messages to the service manager, signs of life, inherited sockets.
 * Datagrams and some variables, which do not justify a library. All variables are unset once they
 * are read, so that no child can take them for its own or speak for us.
 */
#pragma once

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SD_LISTEN_MAX 8 // sockets that are served

// The service manager, as it has made itself known to this process.
struct sd {
	int fd; // -1: there is none, or none that we can speak to
	socklen_t address_len;
	struct sockaddr_un address;
	uint64_t watchdog_us; // a sign of life is due at least so often; 0: none is
};

/*
 * sd_init(): read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. What is wrong with them is logged
 * and ignored. The socket is made now: whoever uses up our descriptors later keeps no sign of life
 * back. Source: sd_notify(3), sd_watchdog_enabled(3).
 */
void sd_init(struct sd *sd);
void sd_fini(struct sd *sd);

/*
 * sd_notify(): tell the service manager, e.g. "READY=1" or "STATUS=…"; does nothing without one,
 * and never waits. Return: 0 or -errno; -EAGAIN when it has too much to read.
 * Source: sd_notify(3).
 */
int sd_notify(const struct sd *sd, const char *message);

/*
 * sd_listen_fds(): the inherited sockets that can serve us: listening Unix stream sockets. All
 * inherited descriptors are made close-on-exec; those that do not fit are logged. Return: how many
 * are in fds; -ENOENT when none was handed over to this process, -EINVAL when none of them fits.
 * Source: sd_listen_fds(3).
 */
int sd_listen_fds(int fds[SD_LISTEN_MAX]);
