// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * One write(2) a line, so that lines of the two processes that share stderr never mix. No
 * timestamps: the journal has its own, and a terminal needs none.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

enum sink { SINK_PLAIN = 0, SINK_JOURNAL, SINK_TERMINAL };

static struct {
	enum log_level level;
	enum sink sink;
	const char *program;
} state = {.level = LOG_LEVEL_INFO, .sink = SINK_PLAIN, .program = "epmdns"};

static const struct {
	const char *name;
	const char *journal; // sd-daemon(3)
	const char *colour;
} levels[] = {
	[LOG_LEVEL_ERROR] = {"error", "<3>", "\x1b[1;31m"},
	[LOG_LEVEL_WARN] = {"warn", "<4>", "\x1b[33m"},
	[LOG_LEVEL_INFO] = {"info", "<6>", ""},
	[LOG_LEVEL_DEBUG] = {"debug", "<7>", "\x1b[2m"},
};

/*
 * Is stderr the stream that systemd connected? A variable that was merely inherited, past a
 * redirection, is not enough. Source: systemd.exec(5), $JOURNAL_STREAM.
 */
static bool is_stderr_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_init(enum log_level level, const char *program)
{
	state.level = level;
	state.program = program;
	state.sink = is_stderr_journal()     ? SINK_JOURNAL
		     : isatty(STDERR_FILENO) ? SINK_TERMINAL
					     : SINK_PLAIN;
}

int log_level_from_name(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(name, levels[i].name) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return 1;
}

bool log_is_on(enum log_level level)
{
	return level <= state.level;
}

static size_t put_prefix(char *line, size_t cap, enum log_level level)
{
	int n = 0;

	switch (state.sink) {
	case SINK_JOURNAL: // it knows who we are
		n = snprintf(line, cap, "%s", levels[level].journal);
		break;
	case SINK_TERMINAL:
		n = snprintf(line, cap, "%s%s: %s: ", levels[level].colour, state.program,
			     levels[level].name);
		break;
	case SINK_PLAIN: // epmdns_agent.erl reads that
		n = snprintf(line, cap, "%s: %s: ", state.program, levels[level].name);
		break;
	}
	return n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap - 1;
}

void log_write(enum log_level level, const char *format, ...)
{
	int saved_errno = errno;
	const char *tail = state.sink == SINK_TERMINAL ? "\x1b[0m\n" : "\n";
	char line[LINE_MAX_BYTES];
	size_t cap = sizeof(line) - strlen(tail);
	size_t start = put_prefix(line, cap, level);
	size_t len = start;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line + start, cap - start, format, args);
	va_end(args);
	if (n > 0) {
		len += (size_t)n < cap - start ? (size_t)n : cap - start - 1;
	}
	// A line stays one line, and a terminal is not written to, even if a caller forgot
	// log_escape().
	for (size_t i = start; i < len; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) {
			line[i] = '?';
		}
	}
	memcpy(line + len, tail, strlen(tail));
	len += strlen(tail);
	if (write(STDERR_FILENO, line, len) < 0) {
		// Nobody is left to tell.
	}
	errno = saved_errno;
}

const char *log_escape(char *buf, size_t cap, const void *p, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t *bytes = p;
	size_t len = 0;
	size_t cut = 0; // the last place from which "..." fits

	for (size_t i = 0; i < n; i++) {
		char piece[4] = {'\\', 'x', hex[bytes[i] >> 4], hex[bytes[i] & 15]};
		size_t piece_len = 4;

		if (bytes[i] == '\\') {
			piece[1] = '\\';
			piece_len = 2;
		} else if (bytes[i] >= ' ' && bytes[i] < 0x7f) {
			piece[0] = (char)bytes[i];
			piece_len = 1;
		}
		if (len + sizeof("...") <= cap) {
			cut = len;
		}
		if (len + piece_len >= cap) {
			memcpy(buf + cut, "...", sizeof("..."));
			return buf;
		}
		memcpy(buf + len, piece, piece_len);
		len += piece_len;
	}
	buf[len] = '\0';
	return buf;
}

bool log_limit_pass(struct log_limit *limit, uint64_t now_ms, uint64_t *suppressed)
{
	uint64_t advance_ms = limit->burst > 1 ? (limit->burst - 1) * limit->interval_ms : 0;

	if (now_ms + advance_ms < limit->next_ms) {
		limit->suppressed++;
		return false;
	}
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	limit->next_ms = (limit->next_ms > now_ms ? limit->next_ms : now_ms) + limit->interval_ms;
	return true;
}
