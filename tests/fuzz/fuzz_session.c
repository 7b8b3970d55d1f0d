// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * A client that says what it likes to a whole agent in this process. Whatever it is, every request
 * that was complete gets one final answer, in the order of asking and with the code that
 * epmdns-protocol(7) has for it, the session ends when it must and not before, nothing of it is
 * left behind, and another client is served as if it had not been there.
 *
 * Bit 7 of the first byte: hello has been said already. The rest of that byte: in pieces of how
 * many bytes what follows is sent; 0: all at once.
 */
#include "fuzz.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "epmdns/codec.h"
#include "front/turn.h"
#include "mediator/agent.h"
#include "mediator/limits.h"

#define INPUT_MAX 4096
#define EXPECTED_MAX (INPUT_MAX / (EP_HEADER_LEN + EP_BODY_MIN) + 2)
#define IDLE_TURNS 20 // without an answer: there is none
// Answers of so many bytes may be a list that waits for its client, which others then overtake.
#define ORDERED_MAX 49152

static struct event_base *base;
static struct agent *agent;

// What a client has been sent and not looked at.
struct inbox {
	int fd;
	bool is_closed;
	size_t n, total;
	uint8_t bytes[1 << 20];
};

// An answer that is due. code 0: not an error; ANY_CODE: the agent decides whether it is one.
#define ANY_CODE UINT32_MAX
struct due {
	uint32_t id, code;
};

// The rules of epmdns-protocol(7), as far as they do not depend on what nodes there are.
struct oracle {
	bool is_open, is_closed;
	uint32_t watches[AGENT_WATCHES_PER_SESSION_MAX];
	unsigned n_watches;
	struct due due[EXPECTED_MAX];
	size_t n_due, n_seen;
};

static struct inbox visitor, resident;

static int open_client(void)
{
	int pair[2];

	require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	agent_adopt(agent, pair[1]);
	return pair[0];
}

static void turn_loop(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

// Return: whether anything came.
static bool fill(struct inbox *inbox)
{
	ssize_t n = recv(inbox->fd, inbox->bytes + inbox->n, sizeof(inbox->bytes) - inbox->n, 0);

	require(inbox->n < sizeof(inbox->bytes));
	if (n > 0) {
		inbox->n += (size_t)n;
		inbox->total += (size_t)n;
	} else if (n == 0 || errno != EAGAIN) {
		inbox->is_closed = true;
	}
	return n > 0;
}

// Take the next message off. What msg borrows is gone with the next fill().
static bool take(struct inbox *inbox, size_t *at, struct ep_msg *msg)
{
	struct ep_problem problem;
	struct ep_str body;

	if (ep_frame(inbox->bytes + *at, inbox->n - *at, &body) != EP_OK) {
		memmove(inbox->bytes, inbox->bytes + *at, inbox->n - *at);
		inbox->n -= *at;
		return false;
	}
	require(ep_decode(body, msg, &problem) == EP_OK);
	require(msg->op >= EP_OP_WELCOME);
	*at += EP_HEADER_LEN + body.n;
	return true;
}

static void send_msg(int fd, const struct ep_msg *msg)
{
	uint8_t frame[EP_HEADER_LEN + EP_FRAME_MAX];
	size_t n = ep_encode(msg, frame, sizeof(frame));

	require(send(fd, frame, n, MSG_NOSIGNAL) == (ssize_t)n);
}

static bool is_resident_answered(struct ep_msg *msg)
{
	size_t at = 0;

	turn_loop();
	if (!fill(&resident) || !take(&resident, &at, msg)) {
		return false;
	}
	require(at == resident.n);
	resident.n = 0;
	return true;
}

static struct ep_msg ask_resident(const struct ep_msg *request)
{
	struct ep_msg msg;
	bool is_answered = false;

	send_msg(resident.fd, request);
	for (unsigned turns = 0; turns < IDLE_TURNS && !is_answered; turns++) {
		is_answered = is_resident_answered(&msg);
	}
	require(is_answered && msg.id == request->id);
	return msg;
}

static struct ep_msg hello(void)
{
	struct ep_msg msg;

	ep_begin(&msg, EP_OP_HELLO, 1);
	ep_set_u32(&msg, EP_F_VERSION, &msg.version, EP_PROTOCOL_VERSION);
	return msg;
}

static void set_up(void)
{
	struct ep_msg msg = hello();

	log_init(LOG_LEVEL_ERROR, "fuzz-session");
	base = event_base_new();
	agent = agent_new(base, &(struct agent_config){0});
	put_clock_forward(AGENT_GRACE_MS); // no lookup waits any more
	resident.fd = open_client();
	require(ask_resident(&msg).op == EP_OP_WELCOME);
	ep_begin(&msg, EP_OP_REGISTER, 2);
	ep_set_str(&msg, EP_F_NODE, &msg.node, "resident@h", 10);
	ep_set_u32(&msg, EP_F_PORT, &msg.port, 4711);
	ep_set_u32(&msg, EP_F_CARRIER, &msg.carrier, EP_CARRIER_INET_TCP);
	ep_set_u32(&msg, EP_F_DIST_HIGH, &msg.dist_high, 6);
	ep_set_u32(&msg, EP_F_DIST_LOW, &msg.dist_low, 5);
	require(ask_resident(&msg).op == EP_OP_REGISTERED);
}

static void check_resident(void)
{
	struct ep_msg msg;

	ep_begin(&msg, EP_OP_LOOKUP, 3);
	ep_set_str(&msg, EP_F_NODE, &msg.node, "resident@h", 10);
	ep_set_u32(&msg, EP_F_FAMILY, &msg.family, EP_FAMILY_INET);
	msg = ask_resident(&msg);
	require(msg.op == EP_OP_FOUND && msg.port == 4711);
}

static bool has_stat(const struct ep_msg *report, const char *stat)
{
	for (size_t i = 0; i < report->n_stats; i++) {
		if (report->stats[i].n == strlen(stat) &&
		    memcmp(report->stats[i].p, stat, strlen(stat)) == 0) {
			return true;
		}
	}
	return false;
}

static void check_nothing_is_left(void)
{
	bool is_alone = false;
	struct ep_msg status, report;

	ep_begin(&status, EP_OP_STATUS, 4);
	for (unsigned turns = 0; turns < IDLE_TURNS && !is_alone; turns++) {
		report = ask_resident(&status);
		is_alone = has_stat(&report, "sessions=1");
	}
	require(is_alone && has_stat(&report, "nodes=1"));
}

static void expect(struct oracle *oracle, uint32_t id, uint32_t code)
{
	require(oracle->n_due < EXPECTED_MAX);
	oracle->due[oracle->n_due++] = (struct due){id, code};
}

static void expect_end(struct oracle *oracle, uint32_t id, uint32_t code)
{
	expect(oracle, id, code);
	oracle->is_closed = true;
}

// Return: where it is among the watches, or n_watches.
static unsigned find_watch(const struct oracle *oracle, uint32_t id)
{
	unsigned at = 0;

	while (at < oracle->n_watches && oracle->watches[at] != id) {
		at++;
	}
	return at;
}

static void foresee_hello(struct oracle *oracle, const struct ep_msg *msg)
{
	if (oracle->is_open) {
		expect(oracle, msg->id, EP_CODE_BAD_FIELD);
	} else if (msg->version < 1 || (ep_has(msg, EP_F_VERSION_MIN) && msg->version_min > 1)) {
		expect_end(oracle, msg->id, EP_CODE_BAD_VERSION);
	} else {
		oracle->is_open = true;
		expect(oracle, msg->id, 0);
	}
}

static void foresee_watch(struct oracle *oracle, const struct ep_msg *msg)
{
	if (ep_has(msg, EP_F_FILTER) && msg->filter > 1) {
		expect(oracle, msg->id, EP_CODE_BAD_FIELD);
	} else if (oracle->n_watches == AGENT_WATCHES_PER_SESSION_MAX) {
		expect(oracle, msg->id, EP_CODE_LIMIT);
	} else {
		oracle->watches[oracle->n_watches++] = msg->id; // until it is cancelled
	}
}

static void foresee_cancel(struct oracle *oracle, uint32_t id)
{
	unsigned at = find_watch(oracle, id);

	if (at == oracle->n_watches) {
		expect(oracle, id, EP_CODE_NOT_FOUND);
	} else {
		oracle->watches[at] = oracle->watches[--oracle->n_watches];
		expect(oracle, id, 0);
	}
}

static void foresee_body(struct oracle *oracle, struct ep_str body)
{
	struct ep_problem problem;
	struct ep_msg msg;
	enum ep_result result = ep_decode(body, &msg, &problem);

	if (result == EP_BAD_FRAME) {
		expect_end(oracle, msg.id, EP_CODE_BAD_FRAME);
	} else if (!oracle->is_open && msg.op != EP_OP_HELLO) {
		expect_end(oracle, msg.id, EP_CODE_HELLO_FIRST);
	} else if (msg.op == EP_OP_CANCEL) {
		foresee_cancel(oracle, msg.id);
	} else if (find_watch(oracle, msg.id) < oracle->n_watches) {
		expect(oracle, msg.id, EP_CODE_DUPLICATE_ID);
	} else if (result == EP_UNKNOWN_OP || msg.op >= EP_OP_WELCOME) {
		expect(oracle, msg.id, EP_CODE_UNKNOWN_OP);
	} else if (result == EP_BAD_FIELD) {
		expect(oracle, msg.id, EP_CODE_BAD_FIELD);
	} else if (msg.op == EP_OP_HELLO) {
		foresee_hello(oracle, &msg);
	} else if (msg.op == EP_OP_WATCH) {
		foresee_watch(oracle, &msg);
	} else {
		expect(oracle, msg.id, ANY_CODE);
	}
}

static void foresee(struct oracle *oracle, const uint8_t *p, size_t n)
{
	while (!oracle->is_closed) {
		struct ep_str body;
		enum ep_result result = ep_frame(p, n, &body);

		if (result == EP_BAD_FRAME) {
			expect_end(oracle, 0, EP_CODE_BAD_FRAME);
		}
		if (result != EP_OK) {
			return;
		}
		foresee_body(oracle, body);
		n -= (size_t)(body.p + body.n - p);
		p = body.p + body.n;
	}
}

static void check_final(struct oracle *oracle, const struct ep_msg *msg)
{
	const struct due *due = &oracle->due[oracle->n_seen];

	require(oracle->n_seen < oracle->n_due);
	oracle->n_seen++;
	if (visitor.total > ORDERED_MAX) {
		return;
	}
	require(msg->id == due->id);
	if (due->code != ANY_CODE) {
		require((msg->op == EP_OP_ERROR ? msg->code : 0) == due->code);
	}
}

static void hear(struct oracle *oracle)
{
	struct ep_msg msg;
	size_t at = 0;

	while (take(&visitor, &at, &msg)) {
		if (msg.op != EP_OP_ITEM) {
			check_final(oracle, &msg);
		}
	}
}

// Until nothing more comes.
static void hear_all(struct oracle *oracle)
{
	for (unsigned idle = 0; idle < 2 && !visitor.is_closed;) {
		turn_loop();
		idle = fill(&visitor) ? 0 : idle + 1;
		hear(oracle);
	}
	require(visitor.n == 0 || !visitor.is_closed); // not in the middle of an answer
}

static void say(struct oracle *oracle, const uint8_t *p, size_t n, size_t piece)
{
	while (n > 0 && !visitor.is_closed) {
		ssize_t sent = send(visitor.fd, p, n < piece ? n : piece, MSG_NOSIGNAL);

		if (sent < 0) {
			require(errno == EPIPE || errno == ECONNRESET);
			break;
		}
		p += sent;
		n -= (size_t)sent;
		turn_loop();
		fill(&visitor);
		hear(oracle);
	}
	hear_all(oracle);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oracle oracle;
	size_t piece;

	if (size < 2 || size > INPUT_MAX) {
		return 0;
	}
	if (base == NULL) {
		set_up();
	}
	oracle = (struct oracle){.is_open = (data[0] & 0x80) != 0};
	piece = (data[0] & 0x7f) == 0 ? size : data[0] & 0x7f;
	visitor.fd = open_client();
	visitor.n = visitor.total = 0;
	visitor.is_closed = false;
	if (oracle.is_open) {
		struct ep_msg msg = hello();

		send_msg(visitor.fd, &msg);
		expect(&oracle, msg.id, 0);
	}
	foresee(&oracle, data + 1, size - 1);
	say(&oracle, data + 1, size - 1, piece);
	if (visitor.total <= ORDERED_MAX) {
		require(oracle.n_seen == oracle.n_due);
	}
	require(visitor.is_closed == oracle.is_closed);
	check_resident();
	close(visitor.fd);
	check_nothing_is_left();
	return 0;
}
