// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// epmdns(1): asks the agent, on behalf of people and scripts.

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/record.h"

/*
 * A standard descriptor that is closed would be the next one opened: what is printed would go to
 * the agent. Opened for reading only, it fails with what is wrong.
 */
static void keep_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd) {
			abort(); // no /dev/null, or no descriptors
		}
	}
}

int main(int argc, char **argv)
{
	keep_standard_descriptors();
	log_init(LOG_LEVEL_WARN, "epmdns"); // for xalloc's last words
	record_init();
	return output_finish(commands_main(argc, argv));
}
