// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What epmdnsd is told by its command line; epmdnsd(8) is its text.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "edge/wire.h"

#define EXIT_USAGE 2

struct options {
	const char *socket;
	const char *discovery_program;
	const char *log_level;
	const char *interfaces[LINK_INTERFACES_MAX];
	unsigned n_interfaces;
	const char *patterns[LINK_PATTERNS_MAX + 1]; // of interfaces to ignore; "" is one, too
	unsigned n_patterns;
	mode_t socket_mode; // 0: by the path
	uint16_t ttl_s;
	uint32_t peers_max;
	uint32_t cache_entries; // of Avahi
	const char *alone_text; // why, unless that was asked for
	bool is_alone;          // backend none
	bool allow_off_link;
	bool exit_on_stdin_eof;
};

/*
 * options_parse(): the command line, and what takes its place in the environment. What is wrong is
 * said on standard error. Strings are those of argv and of the environment.
 * Return: -1 to go on, else the exit status.
 */
int options_parse(struct options *options, int argc, char **argv);

/*
 * options_choose_discovery(): how to reach the network. A program that is named is used whatever is
 * built in. Logs when nothing is.
 */
void options_choose_discovery(struct options *options);

// options_complain(): say on standard error how epmdnsd was used wrongly. Return: EXIT_USAGE.
__attribute__((format(printf, 1, 2))) int options_complain(const char *format, ...);

// options_variable(): what the environment says; NULL if that is nothing.
const char *options_variable(const char *name);
