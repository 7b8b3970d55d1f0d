// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * What people read: nodes as cells of a table and as lines of `watch`, and diagnostics on stderr,
 * one line each. Nothing that came from the network reaches the terminal unescaped.
 */
#pragma once

#include <stdio.h>

#include "epmdns/protocol.h"

// What the program ends with.
enum exit_code {
	EXIT_DONE = 0,
	EXIT_NOT_FOUND = 1, // or refused
	EXIT_USAGE = 2,
	EXIT_UNREACHABLE = 3,
};

// The columns of `list`.
enum output_column {
	OUTPUT_NODE,
	OUTPUT_ADDRESS,
	OUTPUT_PORT,
	OUTPUT_CLUSTER,
	OUTPUT_VIA,
	OUTPUT_SEEN,
	OUTPUT_COLUMNS,
};

extern const char *const output_headings[OUTPUT_COLUMNS];

// output_cells(): the cells of an item, new strings; "-" for what is unknown.
void output_cells(const struct ep_msg *item, char *cells[OUTPUT_COLUMNS]);
void output_cells_free(char *cells[OUTPUT_COLUMNS]);

// output_event(): an item as a line of text: "up       bob@b.home  192.168.1.17  38251  -  eth0".
// item NULL: the event alone.
void output_event(FILE *out, const struct ep_msg *item, const char *event);

// output_complain(): "epmdns: …" on stderr. The arguments are printed as they are.
void output_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/*
 * output_refusal(): what an error answer says, after `about` (UTF-8 from the command line) if not
 * NULL: the agent's text, or our own words, and the name of the code. Return: the exit code for it.
 */
int output_refusal(const char *about, const struct ep_msg *error);
// output_finish(): flush stdout. Return: code, or 1 when something could not be written.
int output_finish(int code);
