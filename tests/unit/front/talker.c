// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "talker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "turn.h"

#define READ_AT_ONCE 65536

static uid_t user;
static bool is_user_given;

void talker_be_user(uid_t uid)
{
	user = uid;
	is_user_given = true;
}

// Stands in for that of the C library: only the kernel says who a client is.
int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
	int result = (int)syscall(SYS_getsockopt, fd, level, name, value, len);

	if (result == 0 && level == SOL_SOCKET && name == SO_PEERCRED && is_user_given) {
		((struct ucred *)value)->uid = user;
	}
	return result;
}

struct talker *talker_new(struct event_base *base, int fd)
{
	struct talker *talker = xcalloc(1, sizeof(*talker));

	talker->base = base;
	talker->fd = fd;
	return talker;
}

struct talker *talker_pair(struct event_base *base, int *served)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
			 0);
	*served = pair[1];
	return talker_new(base, pair[0]);
}

void talker_hang_up(struct talker *talker)
{
	if (talker->fd >= 0) {
		close(talker->fd);
		talker->fd = -1;
	}
}

void talker_free(struct talker *talker)
{
	talker_hang_up(talker);
	free(talker->in);
	free(talker);
}

size_t talker_write(struct talker *talker, const void *p, size_t n)
{
	ssize_t sent = send(talker->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	assert_true(sent >= 0 || errno == EAGAIN || errno == EPIPE || errno == ECONNRESET);
	return sent < 0 ? 0 : (size_t)sent;
}

void talker_send(struct talker *talker, const struct ep_msg *msg)
{
	uint8_t frame[EP_HEADER_LEN + EP_FRAME_MAX];
	size_t n = ep_encode(msg, frame, sizeof(frame));

	assert_true(n > 0);
	assert_int_equal(talker_write(talker, frame, n), n);
}

void talker_ask(struct talker *talker, enum ep_op op, uint32_t id)
{
	struct ep_msg msg;

	ep_begin(&msg, op, id);
	talker_send(talker, &msg);
}

void talker_say_hello(struct talker *talker, const char *owner)
{
	struct ep_msg hello;

	ep_begin(&hello, EP_OP_HELLO, 1);
	ep_set_u32(&hello, EP_F_VERSION, &hello.version, EP_PROTOCOL_VERSION);
	if (owner != NULL) {
		assert_int_equal(strlen(owner), EP_OWNER_LEN);
		ep_set_str(&hello, EP_F_OWNER, &hello.owner, owner, EP_OWNER_LEN);
	}
	talker_send(talker, &hello);
}

struct talker *talker_welcome(struct talker *talker)
{
	talker_say_hello(talker, NULL);
	talker_expect(talker, EP_OP_WELCOME, 1);
	return talker;
}

size_t talker_read(struct talker *talker)
{
	ssize_t n;

	if (talker->start == talker->end) {
		talker->start = talker->end = 0;
	}
	if (talker->start > 0 && talker->end + READ_AT_ONCE > talker->cap) {
		memmove(talker->in, talker->in + talker->start, talker->end - talker->start);
		talker->end -= talker->start;
		talker->start = 0;
	}
	if (talker->end + READ_AT_ONCE > talker->cap) {
		talker->cap = (talker->end + READ_AT_ONCE) * 2;
		talker->in = xrealloc(talker->in, talker->cap);
	}
	n = recv(talker->fd, talker->in + talker->end, READ_AT_ONCE, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		talker->is_closed = true;
	}
	if (n > 0) {
		talker->end += (size_t)n;
	}
	return n > 0 ? (size_t)n : 0;
}

static bool find_frame(const struct talker *talker, struct ep_str *body)
{
	enum ep_result result =
		ep_frame(talker->in + talker->start, talker->end - talker->start, body);

	assert_true(result == EP_OK || result == EP_SHORT);
	return result == EP_OK;
}

bool talker_has(struct talker *talker)
{
	struct ep_str body;

	if (talker->in != NULL && find_frame(talker, &body)) {
		return true;
	}
	return talker_read(talker) > 0 && find_frame(talker, &body);
}

bool talker_take(struct talker *talker, struct ep_msg *msg)
{
	struct ep_problem problem;
	struct ep_str body;

	if (!talker_has(talker) || !find_frame(talker, &body)) {
		return false;
	}
	assert_int_equal(ep_decode(body, msg, &problem), EP_OK);
	talker->start += EP_HEADER_LEN + body.n;
	return true;
}

struct ep_msg talker_next(struct talker *talker)
{
	struct ep_msg msg;

	turn_until(talker->base, talker_has(talker) || talker->is_closed);
	if (!talker_take(talker, &msg)) {
		fail_msg("closed instead of answered");
	}
	return msg;
}

struct ep_msg talker_expect(struct talker *talker, enum ep_op op, uint32_t id)
{
	struct ep_msg msg = talker_next(talker);

	if (msg.op != op || msg.id != id) {
		fail_msg("%s of request %u instead of %s of %u; %.*s", ep_op_name(msg.op), msg.id,
			 ep_op_name(op), id, msg.op == EP_OP_ERROR ? (int)msg.text.n : 0,
			 (const char *)msg.text.p);
	}
	return msg;
}

struct ep_msg talker_expect_error(struct talker *talker, uint32_t id, enum ep_code code)
{
	struct ep_msg msg = talker_expect(talker, EP_OP_ERROR, id);

	assert_string_equal(ep_code_name(msg.code), ep_code_name(code));
	return msg;
}

void talker_expect_end(struct talker *talker)
{
	turn_until(talker->base, talker_has(talker) || talker->is_closed);
	assert_false(talker_has(talker));
	assert_int_equal(talker->start, talker->end); // not in the middle of a frame
}

void talker_expect_nothing(struct talker *talker)
{
	// A request that is answered at once, whatever else is going on.
	talker_ask(talker, EP_OP_STATUS, UINT32_MAX);
	talker_expect(talker, EP_OP_REPORT, UINT32_MAX);
}
