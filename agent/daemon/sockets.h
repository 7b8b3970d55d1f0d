// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What epmdnsd serves: a socket of its own, or those that a service manager has made.
#pragma once

#include "base/sd.h"
#include "edge/listener.h"

struct options;

struct sockets {
	struct listener all[SD_LISTEN_MAX];
	unsigned n;
};

/*
 * sockets_open(): those that were inherited, else one where options or the environment say. What is
 * wrong is logged. Return: 0, or the exit status.
 */
int sockets_open(struct sockets *sockets, const struct options *options);
// sockets_close(): inherited ones stay where they are.
void sockets_close(struct sockets *sockets);
