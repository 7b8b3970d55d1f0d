// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "base/xalloc.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static void *checked(void *p, size_t size)
{
	if (p == NULL) {
		log_error("Out of memory. bytes=%zu", size);
		abort();
	}
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	if (n == 0 || size == 0) {
		n = size = 1; // NULL means failure and nothing else
	}
	return checked(calloc(n, size), size);
}

void *xcalloc_aligned(size_t alignment, size_t size)
{
	void *p = NULL;

	if (posix_memalign(&p, alignment, size) != 0) {
		p = NULL;
	}
	return memset(checked(p, size), 0, size);
}

void *xrealloc(void *p, size_t size)
{
	return checked(realloc(p, size > 0 ? size : 1), size);
}

char *xstrndup(const void *p, size_t n)
{
	char *copy = checked(malloc(n + 1), n + 1);

	if (n > 0) {
		memcpy(copy, p, n);
	}
	copy[n] = '\0';
	return copy;
}
