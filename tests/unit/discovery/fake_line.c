// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "fake_line.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void line_put_text(struct line *line, const char *text)
{
	int n = snprintf(line->text + line->n, sizeof(line->text) - line->n, "%s%s",
			 line->n > 0 ? " " : "", text);

	line->n += n > 0 ? (size_t)n : 0;
}

void line_put_number(struct line *line, long long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", number);
	line_put_text(line, text);
}

void line_put_bytes(struct line *line, const void *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = p;
	char text[4 * 256 + 1];
	size_t used = 0;

	for (size_t i = 0; i < n && i < 256; i++) {
		if (bytes[i] > ' ' && bytes[i] < 0x7f && bytes[i] != '\\') {
			text[used++] = (char)bytes[i];
			continue;
		}
		text[used++] = '\\';
		text[used++] = 'x';
		text[used++] = digits[bytes[i] >> 4];
		text[used++] = digits[bytes[i] & 15];
	}
	text[used] = '\0';
	line_put_text(line, text);
}

// Decode "\xNN" in place. Return: the length.
static size_t decode(char *word)
{
	char *out = word;

	for (const char *in = word; *in != '\0'; out++) {
		unsigned byte;

		if (sscanf(in, "\\x%2x", &byte) == 1) {
			*out = (char)byte;
			in += 4;
		} else {
			*out = *in++;
		}
	}
	*out = '\0';
	return (size_t)(out - word);
}

void words_split(struct words *words, char *line)
{
	char *rest = line;
	char *word;

	words->n = 0;
	while (words->n < WORDS_MAX && (word = strsep(&rest, " ")) != NULL) {
		words->word[words->n] = word;
		words->len[words->n++] = decode(word);
	}
}
