// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Stands in for epmdns-discovery, so that the front can be tested without Avahi, step by step.
 *
 * EPMDNS_FAKE_SOCKET names a Unix stream socket on which the test listens. The program connects to
 * it, once for each time that the front starts it; from then on lines go both ways. Without that
 * variable it plays a discovery process that works and hears nobody.
 *
 * A line is words between single spaces; fake_line.h says how other bytes are written in one. INDEX
 * is an interface's number, FAMILY 4 or 6.
 *
 * From the test, to be said to the front:
 *
 *   build [VERSION]        the first message; without VERSION that of this build
 *   state STATE [TEXT]     STATE: connecting, running, failed
 *   browsing
 *   lost
 *   seen INSTANCE INDEX FAMILY
 *   gone INSTANCE INDEX FAMILY
 *   unresolved INSTANCE INDEX FAMILY
 *   resolved INSTANCE INDEX FAMILY INTERFACE PORT ADDRESSES [STRING ...]
 *                          ADDRESSES: "-", or some joined by commas, "!" behind those that are not
 *                          on link; STRING: of the TXT record
 *   published INSTANCE
 *   refused INSTANCE [TEXT]
 *   raw WORD               these bytes as they are, for malformed messages
 *
 * and to be done:
 *
 *   confirm on|off         say "published" to each publication; off at first
 *   echo on|off            answer synchronisation; on at first
 *   hang                   stop reading what the front says
 *   wake                   and go on
 *   exit STATUS
 *   die                    by SIGKILL
 *
 * To the test:
 *
 *   started PID
 *   publish INSTANCE PORT TTL CLUSTER [STRING ...]
 *                          CLUSTER: "-" if none
 *   withdraw INSTANCE
 *   reset
 *   end
 *   ask
 *   browse
 *   resolve INSTANCE INDEX FAMILY
 *   sync NUMBER [avahi]    that is to be asked before the answer
 *   error LINE             it was not understood; the program ends
 *
 * When the front closes the link, the program ends, and so does the connection.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake_message.h"

struct fake {
	int driver; // -1: none
	bool is_confirming, is_echoing, is_hanging;
	size_t n_in;
	char in[LINE_MAX_BYTES];
};

static void tell(struct fake *fake, struct line *line)
{
	line->text[line->n++] = '\n';
	if (fake->driver >= 0 &&
	    send(fake->driver, line->text, line->n, MSG_NOSIGNAL) != (ssize_t)line->n) {
		exit(EXIT_FAILURE); // the test is gone
	}
}

static void say(const struct link_msg *msg)
{
	if (send(LINK_FD, msg, link_msg_size(msg), MSG_NOSIGNAL) < 0) {
		exit(EXIT_SUCCESS); // the front is gone
	}
}

static void say_op(enum link_op op, const char *instance, const char *text)
{
	struct link_msg msg = {.op = op};

	snprintf(msg.ref.instance, sizeof(msg.ref.instance), "%s", instance);
	snprintf(msg.text, sizeof(msg.text), "%s", text);
	say(&msg);
}

static void hear(struct fake *fake, const struct link_msg *msg)
{
	struct line line = {0};

	message_describe(msg, &line);
	tell(fake, &line);
	if (msg->op == LINK_SYNC && fake->is_echoing) {
		say(&(struct link_msg){.op = LINK_SYNC, .number = msg->number});
	}
	if (msg->op == LINK_PUBLISH && fake->is_confirming) {
		say_op(LINK_PUBLISHED, msg->ref.instance, "");
	}
}

static void hear_link(struct fake *fake)
{
	struct link_msg msg;
	ssize_t n = recv(LINK_FD, &msg, sizeof(msg), 0);

	if (n <= 0) {
		exit(EXIT_SUCCESS);
	}
	if (!link_msg_is_valid(&msg, (size_t)n)) {
		fprintf(stderr, "fake-discovery: the front sent a malformed message of %zd bytes\n",
			n);
		exit(EXIT_FAILURE);
	}
	hear(fake, &msg);
}

// What is to be done rather than said. Return: false when it is no such thing.
static bool act(struct fake *fake, const struct words *words)
{
	const char *what = words->word[0];
	bool is_on = words->n > 1 && strcmp(words->word[1], "on") == 0;

	if (strcmp(what, "confirm") == 0) {
		fake->is_confirming = is_on;
	} else if (strcmp(what, "echo") == 0) {
		fake->is_echoing = is_on;
	} else if (strcmp(what, "hang") == 0 || strcmp(what, "wake") == 0) {
		fake->is_hanging = what[0] == 'h';
	} else if (strcmp(what, "exit") == 0) {
		exit(words->n > 1 ? atoi(words->word[1]) : EXIT_SUCCESS);
	} else if (strcmp(what, "die") == 0) {
		raise(SIGKILL);
	} else if (strcmp(what, "raw") == 0 && words->n > 1) {
		send(LINK_FD, words->word[1], words->len[1], MSG_NOSIGNAL);
	} else {
		return false;
	}
	return true;
}

static void obey(struct fake *fake, char *text)
{
	struct link_msg msg = {0};
	struct line line = {0};
	struct words words;
	char whole[LINE_MAX_BYTES];

	snprintf(whole, sizeof(whole), "%s", text);
	words_split(&words, text);
	if (act(fake, &words)) {
		return;
	}
	if (!message_compose(&msg, &words)) {
		line_put_text(&line, "error");
		line_put_text(&line, whole);
		tell(fake, &line);
		exit(EXIT_FAILURE);
	}
	say(&msg);
}

static void hear_driver(struct fake *fake)
{
	ssize_t n = recv(fake->driver, fake->in + fake->n_in, sizeof(fake->in) - 1 - fake->n_in, 0);
	char *end;

	if (n <= 0) {
		exit(EXIT_SUCCESS);
	}
	fake->n_in += (size_t)n;
	while ((end = memchr(fake->in, '\n', fake->n_in)) != NULL) {
		size_t len = (size_t)(end - fake->in) + 1;

		*end = '\0';
		obey(fake, fake->in);
		fake->n_in -= len;
		memmove(fake->in, end + 1, fake->n_in);
	}
}

static void connect_driver(struct fake *fake)
{
	const char *path = getenv("EPMDNS_FAKE_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct line line = {0};

	fake->driver = -1;
	if (path == NULL) {
		fake->is_confirming = true;
		say_op(LINK_BUILD, "", EPMDNS_VERSION);
		say(&(struct link_msg){
			.op = LINK_STATE, .state = LINK_STATE_RUNNING, .text = "fake.local"});
		say_op(LINK_BROWSING, "", "");
		return;
	}
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	fake->driver = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fake->driver, (struct sockaddr *)&address, sizeof(address)) < 0) {
		fprintf(stderr, "fake-discovery: cannot connect to %s: %s\n", path,
			strerror(errno));
		exit(EXIT_FAILURE);
	}
	line_put_text(&line, "started");
	line_put_number(&line, getpid());
	tell(fake, &line);
}

int main(void)
{
	static struct fake fake = {.is_echoing = true};

	connect_driver(&fake);
	for (;;) {
		// poll() skips what is negative.
		struct pollfd fds[] = {
			{.fd = fake.is_hanging ? -1 : LINK_FD, .events = POLLIN},
			{.fd = fake.driver, .events = POLLIN},
		};

		if (poll(fds, 2, -1) < 0) {
			continue;
		}
		// What the test has said before it made the front say something comes first.
		if (fds[1].revents != 0) {
			hear_driver(&fake);
		}
		if (fds[0].revents != 0 && !fake.is_hanging) {
			hear_link(&fake);
		}
	}
}
