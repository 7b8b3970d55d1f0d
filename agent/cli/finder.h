// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Where the agent listens, and a connection to it. The order is the same for all clients, the
 * Erlang module included: EPMDNS_SOCKET alone if it is set, else the user's own agent, else the
 * system's.
 */
#pragma once

#include <stddef.h>

#define FINDER_SOCKETS_MAX 2

struct finder_sockets {
	size_t n;
	char *paths[FINDER_SOCKETS_MAX];
};

// finder_sockets_init(): from the values of EPMDNS_SOCKET and XDG_RUNTIME_DIR. NULL or empty: not
// set.
void finder_sockets_init(struct finder_sockets *sockets, const char *socket,
			 const char *runtime_dir);
void finder_sockets_fini(struct finder_sockets *sockets);

/*
 * finder_connect(): connect to the first socket that accepts; a busy agent gets patience_ms.
 * Return: the connected socket, its path in *path (to be freed); or -1 with one line in why that
 * names the sockets tried and what to do.
 */
int finder_connect(unsigned patience_ms, char **path, char *why, size_t cap);
