// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Reads tests/vectors/frames.txt; its README says what stands there.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "epmdns/protocol.h"

#define VECTOR_TEXT_MAX 32768

struct vector {
	char name[80];
	uint8_t frame[EP_HEADER_LEN + EP_FRAME_MAX + 64]; // some are too long on purpose
	size_t n;
	char result[16];
	char op[16]; // "" when it is not said
	uint32_t id;
	char problem[32]; // "" for none
	bool is_canonical;
	char fields[VECTOR_TEXT_MAX]; // "FIELD VALUE\n" each
};

struct vectors;

// vectors_open(): ends the program with a message when there is no such file.
struct vectors *vectors_open(const char *path);
// vectors_next(): the next one, borrowed until the next call; NULL at the end. Faults in the file
// end the program with a message.
const struct vector *vectors_next(struct vectors *vectors);
void vectors_close(struct vectors *vectors);
