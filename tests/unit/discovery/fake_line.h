// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Lines of words between single spaces. In a word, "\xNN" is that byte; that is how bytes that are
 * not printable, spaces and backslashes are written.
 */
#pragma once

#include <stddef.h>

#define LINE_MAX_BYTES 8192
#define WORDS_MAX 64

// A line that was read.
struct words {
	size_t n;
	char *word[WORDS_MAX]; // decoded in place, with a NUL behind
	size_t len[WORDS_MAX];
};

// A line to write.
struct line {
	size_t n;
	char text[LINE_MAX_BYTES];
};

void words_split(struct words *words, char *text);

// Each adds a word; text goes as it is, of bytes at most 256.
void line_put_text(struct line *line, const char *text);
void line_put_number(struct line *line, long long number);
void line_put_bytes(struct line *line, const void *p, size_t n);
