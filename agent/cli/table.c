// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "cli/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cli/text.h"

struct row {
	size_t number; // as they came
	char **cells;
};

struct table {
	const char *const *headings;
	size_t columns;
	size_t n_rows, cap_rows;
	struct row *rows;
};

struct table *table_new(const char *const *headings, size_t columns)
{
	struct table *table = xcalloc(1, sizeof(*table));

	table->headings = headings;
	table->columns = columns;
	return table;
}

void table_free(struct table *table)
{
	if (table == NULL) {
		return;
	}
	for (size_t i = 0; i < table->n_rows; i++) {
		for (size_t j = 0; j < table->columns; j++) {
			free(table->rows[i].cells[j]);
		}
		free(table->rows[i].cells);
	}
	free(table->rows);
	free(table);
}

void table_add(struct table *table, const char *const *cells)
{
	struct row *row;

	if (table->n_rows == table->cap_rows) {
		table->cap_rows = table->cap_rows > 0 ? 2 * table->cap_rows : 64;
		table->rows = xrealloc(table->rows, table->cap_rows * sizeof(*table->rows));
	}
	row = &table->rows[table->n_rows];
	row->number = table->n_rows++;
	row->cells = xcalloc(table->columns, sizeof(*row->cells));
	for (size_t i = 0; i < table->columns; i++) {
		row->cells[i] = xstrndup(cells[i], strlen(cells[i]));
	}
}

size_t table_rows(const struct table *table)
{
	return table->n_rows;
}

static int compare_rows(const void *left, const void *right)
{
	const struct row *a = left;
	const struct row *b = right;
	int order = strcmp(a->cells[0], b->cells[0]);

	return order != 0 ? order : (a->number > b->number) - (a->number < b->number);
}

void table_sort(struct table *table)
{
	if (table->n_rows > 1) {
		qsort(table->rows, table->n_rows, sizeof(*table->rows), compare_rows);
	}
}

static void print_row(const struct table *table, const char *const *cells, const size_t *widths,
		      FILE *out)
{
	for (size_t i = 0; i < table->columns; i++) {
		size_t width = text_width(cells[i]);

		fputs(cells[i], out);
		if (i + 1 < table->columns) {
			fprintf(out, "%*s", (int)(widths[i] - width + 2), "");
		}
	}
	fputc('\n', out);
}

void table_print(const struct table *table, FILE *out)
{
	size_t *widths = xcalloc(table->columns, sizeof(*widths));

	for (size_t j = 0; j < table->columns; j++) {
		widths[j] = table->headings != NULL ? text_width(table->headings[j]) : 0;
		for (size_t i = 0; i < table->n_rows; i++) {
			size_t width = text_width(table->rows[i].cells[j]);

			widths[j] = width > widths[j] ? width : widths[j];
		}
	}
	if (table->headings != NULL) {
		print_row(table, table->headings, widths, out);
	}
	for (size_t i = 0; i < table->n_rows; i++) {
		print_row(table, (const char *const *)table->rows[i].cells, widths, out);
	}
	free(widths);
}
