// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Allocation that aborts with a log line when there is no memory. Everything that input can make us
 * hold has a cap, so running out is a fault of the machine, and the service manager restarts us.
 */
#pragma once

#include <stddef.h>

void *xcalloc(size_t n, size_t size);
// xcalloc_aligned(): the same for one object, whose address is a multiple of `alignment`, a power
// of two.
void *xcalloc_aligned(size_t alignment, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrndup(const void *p, size_t n); // n bytes and a NUL
