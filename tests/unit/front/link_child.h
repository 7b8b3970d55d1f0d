// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Discovery processes for tests of the front: this very program, started again as
 * `PROGRAM --child HOW`, with its end of the link at LINK_FD. Where that is of another
 * architecture, Meson has it run by an emulator, and so are its children.
 */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "edge/wire.h"

enum { CHILD_ARGV = 5 };

// The command for this program, started again with two arguments. To be freed by child_argv_free().
static inline void child_argv(char *argv[CHILD_ARGV], const char *program, const char *option,
			      const char *value)
{
	const char *emulator = getenv("MESON_EXE_WRAPPER");

	if (emulator != NULL) {
		*argv++ = strdup(emulator);
	}
	*argv++ = strdup(program);
	*argv++ = strdup(option);
	*argv++ = strdup(value);
	*argv = NULL;
}

static inline void child_argv_free(char *argv[CHILD_ARGV])
{
	for (; *argv != NULL; argv++) {
		free(*argv);
	}
}

static inline void child_send(const struct link_msg *msg)
{
	if (send(LINK_FD, msg, link_msg_size(msg), MSG_NOSIGNAL) < 0) {
		_exit(90);
	}
}

static inline void child_say(enum link_op op, const char *text)
{
	struct link_msg msg = {.op = op};

	snprintf(msg.text, sizeof(msg.text), "%s", text);
	child_send(&msg);
}

// The next message; exits when the front has closed the link.
static inline struct link_msg child_receive(void)
{
	struct link_msg msg;
	ssize_t n = recv(LINK_FD, &msg, sizeof(msg), 0);

	if (n <= 0) {
		_exit(0);
	}
	if (!link_msg_is_valid(&msg, (size_t)n)) {
		_exit(91);
	}
	return msg;
}

// Say everything back; LINK_SYNC as it must be, all else as LINK_STATE with what it was.
static inline void child_echo(void)
{
	for (;;) {
		struct link_msg msg = child_receive();
		char text[LINK_TEXT_MAX];

		if (msg.op == LINK_SYNC) {
			child_send(&msg);
			continue;
		}
		snprintf(text, sizeof(text), "%u %s", msg.op, msg.ref.instance);
		child_say(LINK_STATE, text);
	}
}

// What of ours it has inherited: descriptors beside 0 to 3, signals that are blocked or ignored.
static inline void child_inspect(void)
{
	char text[LINK_TEXT_MAX] = "";
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;
	sigset_t blocked;

	while ((entry = readdir(directory)) != NULL) {
		int fd = atoi(entry->d_name);

		if (fd > LINK_FD && fd != dirfd(directory)) {
			snprintf(text, sizeof(text), "descriptor %d", fd);
		}
	}
	closedir(directory);
	if ((fcntl(LINK_FD, F_GETFL) & O_NONBLOCK) != 0) {
		snprintf(text, sizeof(text), "its end does not block");
	}
	sigprocmask(SIG_BLOCK, NULL, &blocked);
	for (int number = 1; number < 32; number++) {
		struct sigaction action;

		if (sigismember(&blocked, number) == 1) {
			snprintf(text, sizeof(text), "signal %d is blocked", number);
		}
		if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN) {
			snprintf(text, sizeof(text), "signal %d is ignored", number);
		}
	}
	child_say(LINK_STATE, text);
}

static inline int child_main(const char *how)
{
	struct link_msg msg = {.op = LINK_STATE};

	prctl(PR_SET_PDEATHSIG, SIGKILL); // nothing is left of a test that fails
	if (strcmp(how, "dies") == 0) {
		return 3;
	}
	if (strcmp(how, "other-version") == 0) {
		child_say(LINK_BUILD, "0.0.99");
		child_receive();
		return 0;
	}
	if (strcmp(how, "other-version-dies") == 0) {
		child_say(LINK_BUILD, "0.0.99");
		return 1;
	}
	if (strcmp(how, "other-layout") == 0) {
		uint32_t words[2] = {LINK_BUILD, 0};

		send(LINK_FD, words, sizeof(words), 0);
		child_receive();
		return 0;
	}
	if (strcmp(how, "no-version") == 0) {
		child_say(LINK_STATE, "hello");
	}
	if (strcmp(how, "no-version") == 0 || strcmp(how, "says-nothing") == 0) {
		child_echo();
	}
	child_say(LINK_BUILD, EPMDNS_VERSION);
	if (strcmp(how, "too-short") == 0) {
		send(LINK_FD, &msg, 20, 0);
	} else if (strcmp(how, "too-long") == 0) {
		char bytes[sizeof(msg) + 100] = {LINK_STATE};

		send(LINK_FD, bytes, sizeof(bytes), 0);
	} else if (strcmp(how, "no-nul") == 0) {
		memset(msg.text, 'x', sizeof(msg.text));
		child_send(&msg);
	} else if (strcmp(how, "hangs") == 0) {
		for (;;) {
			pause();
		}
	} else if (strcmp(how, "is-slow") == 0) {
		// One message for each of the front's that it is sent through stdin.
		char byte;

		while (read(STDIN_FILENO, &byte, 1) == 1) {
			msg = child_receive();
			if (msg.op == LINK_SYNC) {
				child_send(&msg);
			} else {
				child_say(LINK_STATE, "one");
			}
		}
	} else if (strcmp(how, "only-reads") == 0) {
		// Messages for each byte that it is sent through stdin; answers nothing.
		char byte;

		while (read(STDIN_FILENO, &byte, 1) == 1) {
			for (unsigned i = 0; i < 200; i++) {
				child_receive();
			}
		}
	} else if (strcmp(how, "closes") == 0) {
		close(LINK_FD);
		for (;;) {
			pause();
		}
	} else if (strcmp(how, "has-last-words") == 0) {
		child_say(LINK_STATE, "last words");
		return 0;
	} else if (strcmp(how, "stays") == 0) {
		child_say(LINK_STATE, "here");
		for (;;) {
			pause();
		}
	} else if (strcmp(how, "inspects") == 0) {
		child_inspect();
	} else if (strcmp(how, "floods") == 0) {
		for (unsigned i = 0; i < 100000; i++) {
			child_say(LINK_STATE, "flood");
		}
	}
	child_echo();
	return 0;
}

// To be called first thing in main(). What this program has inherited is not to be inherited
// further.
#define CHILD_MAIN(argc, argv)                                                                     \
	do {                                                                                       \
		for (int fd_ = LINK_FD + 1; fd_ < 1024 && (argc) < 3; fd_++) {                     \
			fcntl(fd_, F_SETFD, FD_CLOEXEC);                                           \
		}                                                                                  \
		if ((argc) == 3 && strcmp((argv)[1], "--child") == 0) {                            \
			return child_main((argv)[2]);                                              \
		}                                                                                  \
	} while (0)
