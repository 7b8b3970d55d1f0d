// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * The command line: one table of commands and one of options drive parsing, help and the check of
 * the manual page. A command is one row and one function.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "epmdns/protocol.h"

#define COMMANDS_OPERANDS_MAX 2

// What was typed after a command; NULL, false or 0 for what was not. Values are not checked yet.
struct arguments {
	const char *operands[COMMANDS_OPERANDS_MAX];
	bool all, hidden, json;
	const char *address, *carrier, *cluster, *timeout;
	size_t n_tags;
	const char *tags[EP_TAGS_MAX];
};

struct command {
	const char *name;
	const char *operands; // "NODE PORT"; one in brackets may be left out
	const char *summary;
	const char *details; // for `help COMMAND`
	unsigned options;    // bits 1 << enum option
	int (*run)(const struct arguments *args);
};

// commands_find(): the row of that name, or NULL.
const struct command *commands_find(const char *name);

enum commands_result {
	COMMANDS_RUN = 0,
	COMMANDS_HELP,    // --help was among the arguments
	COMMANDS_E_USAGE, // said on stderr
};

// commands_parse(): argv[0] is the command's name. args borrows from argv.
enum commands_result commands_parse(const struct command *command, int argc, char **argv,
				    struct arguments *args);

// commands_help(): about one command, or the whole program for NULL.
void commands_help(const struct command *command, FILE *out);

// commands_main(): the program. Return: enum exit_code.
int commands_main(int argc, char **argv);

// The commands. Return: enum exit_code.
int list_run(const struct arguments *args);
int lookup_run(const struct arguments *args);
int names_run(const struct arguments *args);
int register_run(const struct arguments *args);
int status_run(const struct arguments *args);
int watch_run(const struct arguments *args);
