// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * What a service owes systemd: readiness and an inherited socket. Two datagrams and three
 * variables, which do not justify a library.
 */
#pragma once

/*
 * sd_notify(): tell the service manager, e.g. "READY=1" or "STATUS=…"; does nothing without one.
 * Return: 0 or -errno.
 * Source: sd_notify(3).
 */
int sd_notify(const char *message);

/*
 * sd_listen_fd(): the first inherited socket that can serve us: a listening Unix stream socket. All
 * inherited ones are made close-on-exec, and the variables are unset, so that no child takes them
 * for its own. Return: the fd; -ENOENT when none was handed over to this process; -EINVAL when none
 * of them fits. Source: sd_listen_fds(3).
 */
int sd_listen_fd(void);
