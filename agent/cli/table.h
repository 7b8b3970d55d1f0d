// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * A table with aligned columns. Rows are collected first, since widths depend on all of them. Cells
 * are valid UTF-8 that is safe to print.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

struct table;

// table_new(): headings are borrowed for the table's life; NULL for a table without.
struct table *table_new(const char *const *headings, size_t columns);
void table_free(struct table *table);
// table_add(): copies one row of cells.
void table_add(struct table *table, const char *const *cells);
size_t table_rows(const struct table *table);
// table_sort(): by the first column, in byte order; equal ones stay in the order they came.
void table_sort(struct table *table);
void table_print(const struct table *table, FILE *out);
