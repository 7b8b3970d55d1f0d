// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * bench-hold epmd|frames WHERE N EACH: registers the names 0 to N - 1, so many on a connection
 * (one, as nodes do, unless there are too few descriptors), prints how many it was given, and holds
 * them until it is killed.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caller.h"

static unsigned hold(struct caller *caller, unsigned n, unsigned each)
{
	int fd = -1;

	for (unsigned held = 0; held < n; held++) {
		if (held % each == 0) {
			fd = caller_register(caller, held);
		}
		if (fd < 0 || (held % each > 0 && !caller_register_too(caller, fd, held))) {
			return held;
		}
	}
	return n;
}

int main(int argc, char **argv)
{
	static struct caller caller;

	if (argc != 5 || atoi(argv[4]) < 1) {
		fputs("usage: bench-hold epmd|frames WHERE N EACH\n", stderr);
		return 2;
	}
	caller_open(&caller, strcmp(argv[1], tongue_epmd.name) == 0 ? &tongue_epmd : &tongue_frames,
		    argv[2]);
	printf("held %u\n", hold(&caller, (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4])));
	fflush(stdout);
	pause();
	return 0;
}
