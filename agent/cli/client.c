// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "cli/client.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/finder.h"
#include "cli/text.h"
#include "epmdns/codec.h"

#define SOFTWARE "epmdns/" EPMDNS_VERSION
#define PAUSE_FIRST_MS 100
#define PAUSE_MAX_MS 1000

struct client {
	int fd;
	int output_fd; // -1: none
	uint32_t last_id;
	char *path;
	char why[CLIENT_WHY_MAX];
	size_t start, end; // what of the buffer is received and not yet returned
	uint8_t buf[8 * (EP_HEADER_LEN + EP_FRAME_MAX)];
};

static int64_t now_ms(void)
{
	return (int64_t)clock_now_ms(); // signed, to be subtracted from
}

__attribute__((format(printf, 2, 3))) static enum client_result fail(struct client *client,
								     const char *format, ...)
{
	int at = snprintf(client->why, sizeof(client->why), "the agent at %s ", client->path);
	size_t used = (size_t)at < sizeof(client->why) ? (size_t)at : sizeof(client->why) - 1;
	va_list args;

	va_start(args, format);
	vsnprintf(client->why + used, sizeof(client->why) - used, format, args);
	va_end(args);
	return CLIENT_E_FAILED;
}

/*
 * Wait until the socket is ready for events, or output_fd has lost its reader.
 * Return: CLIENT_OK, CLIENT_E_HANGUP, or CLIENT_E_SILENT at the deadline (-1: none).
 */
static enum client_result wait_for(int fd, short events, int64_t deadline_ms, int output_fd)
{
	for (;;) {
		struct pollfd fds[2] = {{.fd = fd, .events = events}, {.fd = output_fd}};
		int64_t left_ms = deadline_ms < 0 ? -1 : deadline_ms - now_ms();

		if (deadline_ms >= 0 && left_ms < 0) {
			left_ms = 0;
		}
		if (poll(fds, 2, (int)left_ms) < 0) {
			continue; // EINTR
		}
		if ((fds[1].revents & (POLLERR | POLLHUP)) != 0) {
			return CLIENT_E_HANGUP;
		}
		if (fds[0].revents != 0) {
			return CLIENT_OK;
		}
		if (left_ms == 0) {
			return CLIENT_E_SILENT;
		}
	}
}

enum client_result client_send(struct client *client, const struct ep_msg *request)
{
	int64_t deadline_ms = now_ms() + CLIENT_ANSWER_MS;
	uint8_t frame[EP_HEADER_LEN + EP_FRAME_MAX];
	size_t n = ep_encode(request, frame, sizeof(frame));
	size_t sent = 0;

	if (n == 0) {
		return fail(client, "cannot be asked: the request is too long");
	}
	while (sent < n) {
		ssize_t got = send(client->fd, frame + sent, n - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (got >= 0) {
			sent += (size_t)got;
		} else if (errno == EAGAIN) {
			if (wait_for(client->fd, POLLOUT, deadline_ms, -1) != CLIENT_OK) {
				return fail(client, "takes no request");
			}
		} else if (errno != EINTR) {
			// Its last words, if any, are in our receive buffer: client_next() tells.
			return errno == EPIPE || errno == ECONNRESET
				       ? CLIENT_OK
				       : fail(client, "cannot be reached: %s", strerror(errno));
		}
	}
	return CLIENT_OK;
}

uint32_t client_id(struct client *client)
{
	return ++client->last_id;
}

// Return: CLIENT_OK when more bytes are there.
static enum client_result receive(struct client *client, int64_t deadline_ms)
{
	memmove(client->buf, client->buf + client->start, client->end - client->start);
	client->end -= client->start;
	client->start = 0;
	for (;;) {
		ssize_t got = recv(client->fd, client->buf + client->end,
				   sizeof(client->buf) - client->end, MSG_DONTWAIT);
		enum client_result result;

		if (got > 0) {
			client->end += (size_t)got;
			return CLIENT_OK;
		}
		if (got == 0 || errno == ECONNRESET) {
			return fail(client, "closed the connection");
		}
		if (errno == EINTR) {
			continue;
		}
		if (errno != EAGAIN) {
			return fail(client, "cannot be reached: %s", strerror(errno));
		}
		result = wait_for(client->fd, POLLIN, deadline_ms, client->output_fd);
		if (result == CLIENT_E_SILENT) {
			fail(client, "does not answer");
		}
		if (result != CLIENT_OK) {
			return result;
		}
	}
}

enum client_result client_next(struct client *client, int timeout_ms, struct ep_msg *msg)
{
	int64_t deadline_ms = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
	struct ep_problem problem;
	struct ep_str body;

	for (;;) {
		enum client_result result;

		switch (ep_frame(client->buf + client->start, client->end - client->start, &body)) {
		case EP_OK:
			client->start = (size_t)(body.p + body.n - client->buf);
			if (ep_decode(body, msg, &problem) != EP_OK) {
				return fail(client, "sent what this version cannot read: %s%s%s",
					    problem.field != NULL ? problem.field : "",
					    problem.field != NULL ? ": " : "", problem.what);
			}
			return CLIENT_OK;
		case EP_SHORT:
			break;
		case EP_BAD_FRAME:
		case EP_UNKNOWN_OP:
		case EP_BAD_FIELD:
			return fail(client, "does not speak the protocol of epmdns");
		}
		result = receive(client, deadline_ms);
		if (result != CLIENT_OK) {
			return result;
		}
	}
}

enum client_result client_ask(struct client *client, const struct ep_msg *request,
			      struct ep_msg *msg)
{
	enum client_result result = client_send(client, request);

	while (result == CLIENT_OK) {
		result = client_next(client, CLIENT_ANSWER_MS, msg);
		// id 0: the agent could not tell which request it is
		if (result == CLIENT_OK && (msg->id == request->id || msg->id == 0)) {
			break;
		}
	}
	return result;
}

static enum client_result say_hello(struct client *client, const uint8_t *owner)
{
	struct ep_msg hello;
	struct ep_msg answer;

	ep_begin(&hello, EP_OP_HELLO, client_id(client));
	ep_set_u32(&hello, EP_F_VERSION, &hello.version, EP_PROTOCOL_VERSION);
	ep_set_u32(&hello, EP_F_VERSION_MIN, &hello.version_min, EP_PROTOCOL_VERSION);
	ep_set_str(&hello, EP_F_SOFTWARE, &hello.software, SOFTWARE, sizeof(SOFTWARE) - 1);
	if (owner != NULL) {
		ep_set_str(&hello, EP_F_OWNER, &hello.owner, owner, EP_OWNER_LEN);
	}
	if (client_ask(client, &hello, &answer) != CLIENT_OK) {
		return CLIENT_E_FAILED;
	}
	if (answer.op == EP_OP_ERROR) {
		const char *name = ep_code_name(answer.code);
		char *text = ep_has(&answer, EP_F_TEXT)
				     ? text_printable_bytes(answer.text)
				     : xstrndup("no reason given", strlen("no reason given"));

		fail(client, "refuses this program: %s (%s)", text,
		     name != NULL ? name : "unknown");
		free(text);
		return CLIENT_E_FAILED;
	}
	if (answer.op != EP_OP_WELCOME || answer.version != EP_PROTOCOL_VERSION) {
		return fail(client, "does not speak protocol version %d", EP_PROTOCOL_VERSION);
	}
	return CLIENT_OK;
}

struct client *client_open(const uint8_t *owner, char why[CLIENT_WHY_MAX])
{
	struct client *client;
	char *path;
	int fd = finder_connect(CLIENT_ANSWER_MS, &path, why, CLIENT_WHY_MAX);

	if (fd < 0) {
		return NULL;
	}
	client = xcalloc(1, sizeof(*client));
	client->fd = fd;
	client->output_fd = -1;
	client->path = path;
	if (say_hello(client, owner) != CLIENT_OK) {
		memcpy(why, client->why, CLIENT_WHY_MAX);
		client_close(client);
		return NULL;
	}
	return client;
}

void client_close(struct client *client)
{
	if (client == NULL) {
		return;
	}
	close(client->fd);
	free(client->path);
	free(client);
}

const char *client_path(const struct client *client)
{
	return client->path;
}

const char *client_why(const struct client *client)
{
	return client->why;
}

void client_watch_output(struct client *client, int fd)
{
	client->output_fd = fd;
}

enum client_result client_pause(unsigned *delay_ms, int output_fd)
{
	*delay_ms = *delay_ms == 0 ? PAUSE_FIRST_MS : 2 * *delay_ms;
	if (*delay_ms > PAUSE_MAX_MS) {
		*delay_ms = PAUSE_MAX_MS;
	}
	// There is no socket to wait for: running into the deadline is what is wanted.
	return wait_for(-1, 0, now_ms() + *delay_ms, output_fd) == CLIENT_E_HANGUP ? CLIENT_E_HANGUP
										   : CLIENT_OK;
}
