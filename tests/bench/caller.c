// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "caller.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void say(const struct caller *caller, int fd, const uint8_t *p, size_t n)
{
	if (send(fd, p, n, MSG_NOSIGNAL) != (ssize_t)n) {
		tongue_fail("send", caller->where);
	}
}

// Return: bytes, 0 at the end. (epmd has one descriptor too few: it resets the connection.)
static size_t hear(const struct caller *caller, int fd, uint8_t *p, size_t cap)
{
	ssize_t n = recv(fd, p, cap, 0);

	if (n < 0 && errno != ECONNRESET) {
		tongue_fail("recv", caller->where);
	}
	return n > 0 ? (size_t)n : 0;
}

// The last of so many answers, on a connection that goes on. Return: false when it ended.
static bool hear_answers(struct caller *caller, int fd, unsigned missing)
{
	size_t kept = 0;

	for (;;) {
		size_t n = hear(caller, fd, caller->buf + kept, sizeof(caller->buf) - kept);
		size_t used = 0;
		size_t len;
		bool is_last;

		kept += n;
		while ((len = caller->tongue->next(caller->buf + used, kept - used, &is_last)) >
		       0) {
			if (is_last && --missing == 0) {
				caller->answer = caller->buf + used;
				caller->answer_len = len;
				return true;
			}
			used += len;
		}
		if (n == 0) {
			return false;
		}
		memmove(caller->buf, caller->buf + used, kept - used);
		kept -= used;
	}
}

// All of a connection that ends with its answer; of a long one the beginning is kept.
static void hear_out(struct caller *caller, int fd)
{
	static uint8_t rest[CALLER_BUF];
	size_t kept = 0;
	size_t n;

	do {
		bool is_full = kept == sizeof(caller->buf);

		n = hear(caller, fd, is_full ? rest : caller->buf + kept,
			 is_full ? sizeof(rest) : sizeof(caller->buf) - kept);
		kept += is_full ? 0 : n;
	} while (n > 0);
	caller->answer = caller->buf;
	caller->answer_len = kept;
}

void caller_open(struct caller *caller, const struct tongue *tongue, const char *where)
{
	caller->tongue = tongue;
	caller->where = where;
	caller->fd = -1;
	if (tongue->is_lasting) {
		uint8_t hello[TONGUE_REQUEST_MAX];

		caller->fd = tongue->connect(where, 0);
		say(caller, caller->fd, hello, tongue->hello(hello));
		if (!hear_answers(caller, caller->fd, 1)) {
			tongue_fail("hello was not answered", where);
		}
	}
}

void caller_close(struct caller *caller)
{
	if (caller->fd >= 0) {
		close(caller->fd);
		caller->fd = -1;
	}
}

void caller_ask(struct caller *caller, const uint8_t *request, size_t n)
{
	if (caller->fd >= 0) {
		say(caller, caller->fd, request, n);
		if (!hear_answers(caller, caller->fd, 1)) {
			tongue_fail("closed instead of answered", caller->where);
		}
	} else {
		int fd = caller->tongue->connect(caller->where, 0);

		say(caller, fd, request, n);
		hear_out(caller, fd);
		close(fd);
	}
}

int caller_register(struct caller *caller, unsigned number)
{
	uint8_t request[2 * TONGUE_REQUEST_MAX];
	size_t hello = caller->tongue->hello(request);
	size_t n = hello + caller->tongue->register_name(request + hello, number);
	int fd = caller->tongue->connect(caller->where, 0);

	say(caller, fd, request, n);
	if (hear_answers(caller, fd, hello > 0 ? 2 : 1) &&
	    caller->tongue->is_registered(caller->answer, caller->answer_len)) {
		return fd;
	}
	close(fd);
	return -1;
}

bool caller_register_too(struct caller *caller, int fd, unsigned number)
{
	uint8_t request[TONGUE_REQUEST_MAX];

	say(caller, fd, request, caller->tongue->register_name(request, number));
	return hear_answers(caller, fd, 1) &&
	       caller->tongue->is_registered(caller->answer, caller->answer_len);
}

bool caller_finds(struct caller *caller, unsigned number)
{
	uint8_t request[TONGUE_REQUEST_MAX];

	caller_ask(caller, request, caller->tongue->lookup(request, 1, number));
	return caller->tongue->is_found(caller->answer, caller->answer_len);
}
