// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Logging to stderr: one line an event, a sentence and then key=value. With journald's prefixes
 * when stderr is the journal, colour when it is a terminal. Untrusted bytes go through
 * log_escape().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR = 0,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

void log_init(enum log_level level, const char *program);
// log_level_from_name(): "error", "warn", "info" or "debug". Return: 0, or 1 for any other name.
int log_level_from_name(const char *name, enum log_level *level);
bool log_is_on(enum log_level level);
// Use the macros. Keeps errno.
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_at(level, ...)                                                                         \
	do {                                                                                       \
		if (log_is_on(level)) {                                                            \
			log_write(level, __VA_ARGS__);                                             \
		}                                                                                  \
	} while (0)
#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * log_escape(): bytes from a client or the network as printable ASCII; others become \xNN, a
 * backslash \\. Cut to fit with "..." at the end. Return: buf, always terminated (cap >= 8).
 */
const char *log_escape(char *buf, size_t cap, const void *p, size_t n);

/*
 * At most one line per interval: for lines that the network or a client can cause. After a silence
 * that is long enough the first `burst` lines are written as they come (0: one).
 */
struct log_limit {
	uint64_t interval_ms;
	uint32_t burst;
	uint64_t next_ms;
	uint64_t suppressed;
};

// log_limit_pass(): may this line be written now? *suppressed: how many were not since the last
// one.
bool log_limit_pass(struct log_limit *limit, uint64_t now_ms, uint64_t *suppressed);
