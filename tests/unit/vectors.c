// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "vectors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vectors {
	FILE *file;
	const char *path;
	int line_number;
	char *line;
	size_t line_cap;
	struct vector vector;
};

__attribute__((format(printf, 2, 3), noreturn)) static void die(const struct vectors *vectors,
								const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s:%d: ", vectors->path, vectors->line_number);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

struct vectors *vectors_open(const char *path)
{
	struct vectors *vectors = calloc(1, sizeof(*vectors));

	if (vectors == NULL) {
		abort();
	}
	vectors->path = path;
	vectors->file = fopen(path, "re");
	if (vectors->file == NULL) {
		die(vectors, "cannot be read");
	}
	return vectors;
}

void vectors_close(struct vectors *vectors)
{
	fclose(vectors->file);
	free(vectors->line);
	free(vectors);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static void take_hex(struct vectors *vectors, const char *text)
{
	struct vector *vector = &vectors->vector;

	for (; *text != '\0'; text += *text == ' ' ? 1 : 2) {
		int high, low;

		if (*text == ' ') {
			continue;
		}
		high = hex_digit(text[0]);
		low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0) {
			die(vectors, "not hex: %s", text);
		}
		if (vector->n == sizeof(vector->frame)) {
			die(vectors, "the frame is too long for this reader");
		}
		vector->frame[vector->n++] = (uint8_t)(high << 4 | low);
	}
}

static void take_text(const struct vectors *vectors, char *slot, size_t cap, const char *value)
{
	if (strlen(value) >= cap) {
		die(vectors, "too long: %s", value);
	}
	memcpy(slot, value, strlen(value) + 1);
}

static void take_line(struct vectors *vectors, const char *key, const char *value)
{
	struct vector *v = &vectors->vector;

	if (strcmp(key, "vector") == 0) {
		take_text(vectors, v->name, sizeof(v->name), value);
	} else if (strcmp(key, "hex") == 0) {
		take_hex(vectors, value);
	} else if (strcmp(key, "result") == 0) {
		take_text(vectors, v->result, sizeof(v->result), value);
	} else if (strcmp(key, "op") == 0) {
		take_text(vectors, v->op, sizeof(v->op), value);
	} else if (strcmp(key, "id") == 0) {
		v->id = (uint32_t)strtoul(value, NULL, 10);
	} else if (strcmp(key, "canonical") == 0) {
		v->is_canonical = strcmp(value, "yes") == 0;
	} else if (strcmp(key, "problem") == 0) {
		take_text(vectors, v->problem, sizeof(v->problem), value);
	} else {
		size_t len = strlen(v->fields);

		if (len + strlen(key) + strlen(value) + 3 > sizeof(v->fields)) {
			die(vectors, "too many fields for this reader");
		}
		sprintf(v->fields + len, "%s %s\n", key, value);
	}
}

const struct vector *vectors_next(struct vectors *vectors)
{
	struct vector *vector = &vectors->vector;
	bool is_begun = false;
	ssize_t len;

	memset(vector, 0, sizeof(*vector));
	vector->is_canonical = true;
	while ((len = getline(&vectors->line, &vectors->line_cap, vectors->file)) >= 0) {
		char *value;

		vectors->line_number++;
		while (len > 0 && strchr("\r\n ", vectors->line[len - 1]) != NULL) {
			vectors->line[--len] = '\0';
		}
		if (vectors->line[0] == '#') {
			continue;
		}
		if (len == 0) {
			if (is_begun) {
				break;
			}
			continue;
		}
		is_begun = true;
		value = strchr(vectors->line, ' ');
		if (value != NULL) {
			*value++ = '\0';
			value += strspn(value, " ");
		}
		take_line(vectors, vectors->line, value != NULL ? value : "");
	}
	if (is_begun && (vector->name[0] == '\0' || vector->result[0] == '\0')) {
		die(vectors, "a vector without name or result ends here");
	}
	return is_begun ? vector : NULL;
}
