// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * What is known of a node, for programs: one JSON object a line, always with the same keys in the
 * same order, so that a reader never has to ask whether one is there.
 */
#pragma once

#include <stdio.h>

#include "epmdns/protocol.h"

// What an absent field means: in a full item that there is none (no tags, not hidden), in a partial
// answer that it is not known (null).
enum record_detail {
	RECORD_FULL,
	RECORD_PARTIAL,
};

struct json_t;

// record_init(): call once before anything else here (jansson then aborts when out of memory).
void record_init(void);
/*
 * record_print(): event is the value of a leading key "event", NULL for no such key; item NULL
 * makes all other keys null.
 */
void record_print(FILE *out, const struct ep_msg *item, enum record_detail detail,
		  const char *event);
// record_print_object(): any object compactly on one line, harmless to a terminal.
void record_print_object(FILE *out, const struct json_t *object);
