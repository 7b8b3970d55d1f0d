// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "tongue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tongue_name(uint8_t name[TONGUE_NAME_LEN], unsigned number)
{
	name[0] = 'n';
	for (unsigned i = TONGUE_NAME_LEN - 1; i > 0; i--) {
		name[i] = (uint8_t)('0' + number % 10);
		number /= 10;
	}
}

void tongue_fail(const char *what, const char *where)
{
	fprintf(stderr, "bench: %s: %s: %s\n", where, what, strerror(errno));
	exit(EXIT_FAILURE);
}
