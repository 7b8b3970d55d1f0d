// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// A session with an agent that is a child of this test; what commands make of it is in tests/cli.

#include "cli/client.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "epmdns/codec.h"
#include "test.h"

struct fixture {
	char directory[TEST_DIRECTORY_LEN];
	char socket[64];
	pid_t agent;
};

static void serve(int listener)
{
	int fd = accept(listener, NULL, NULL);
	uint8_t buf[EP_HEADER_LEN + EP_FRAME_MAX];
	struct ep_problem problem;
	struct ep_str body;
	struct ep_msg msg;
	ssize_t got;

	// Says welcome to a hello and done to a status, and nothing to anything else.
	while ((got = recv(fd, buf, sizeof(buf), 0)) > 0) {
		bool is_hello;

		if (ep_frame(buf, (size_t)got, &body) != EP_OK ||
		    ep_decode(body, &msg, &problem) != EP_OK) {
			_exit(1);
		}
		is_hello = msg.op == EP_OP_HELLO;
		if (!is_hello && msg.op != EP_OP_STATUS) {
			continue;
		}
		ep_begin(&msg, is_hello ? EP_OP_WELCOME : EP_OP_DONE, msg.id);
		if (is_hello) {
			ep_set_u32(&msg, EP_F_VERSION, &msg.version, 1);
		}
		if (send(fd, buf, ep_encode(&msg, buf, sizeof(buf)), MSG_NOSIGNAL) < 0) {
			_exit(1);
		}
	}
	_exit(0);
}

static int setup(void **state)
{
	static struct fixture fixture;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	make_test_directory(fixture.directory);
	snprintf(fixture.socket, sizeof(fixture.socket), "%s/socket", fixture.directory);
	strcpy(address.sun_path, fixture.socket);
	assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 4), 0);
	fixture.agent = fork();
	if (fixture.agent == 0) {
		alarm(20);
		serve(listener);
	}
	close(listener);
	setenv("EPMDNS_SOCKET", fixture.socket, 1);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	int status = 0;

	waitpid(fixture->agent, &status, 0);
	unlink(fixture->socket);
	rmdir(fixture->directory);
	return status;
}

static void client_session_is_usable_when_nothing_came_in_time(void **state)
{
	struct fixture *fixture = *state;
	char why[CLIENT_WHY_MAX];
	struct client *client = client_open(NULL, why);
	struct ep_msg request;
	struct ep_msg answer;

	assert_non_null(client);
	assert_string_equal(client_path(client), fixture->socket);
	assert_int_equal(client_next(client, 0, &answer), CLIENT_E_SILENT);
	assert_int_equal(client_next(client, 20, &answer), CLIENT_E_SILENT);
	assert_non_null(strstr(client_why(client), "does not answer"));
	ep_begin(&request, EP_OP_STATUS, client_id(client));
	assert_int_equal(client_ask(client, &request, &answer), CLIENT_OK);
	assert_int_equal(answer.op, EP_OP_DONE);
	client_close(client);
	client_close(NULL);
}

static void client_notices_that_nobody_reads_the_output(void **state)
{
	char why[CLIENT_WHY_MAX];
	struct client *client = client_open(NULL, why);
	unsigned delay_ms = 0;
	struct ep_msg answer;
	int output[2];

	(void)state;
	assert_int_equal(pipe(output), 0);
	client_watch_output(client, output[1]);
	assert_int_equal(client_next(client, 20, &answer), CLIENT_E_SILENT);
	assert_int_equal(client_pause(&delay_ms, output[1]), CLIENT_OK);
	assert_int_equal(delay_ms, 100);
	close(output[0]);
	assert_int_equal(client_next(client, CLIENT_FOREVER, &answer), CLIENT_E_HANGUP);
	for (unsigned expected = 200; expected <= 800; expected *= 2) {
		assert_int_equal(client_pause(&delay_ms, output[1]), CLIENT_E_HANGUP);
		assert_int_equal(delay_ms, expected);
	}
	assert_int_equal(client_pause(&delay_ms, output[1]), CLIENT_E_HANGUP);
	assert_int_equal(delay_ms, 1000);
	close(output[1]);
	client_close(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(client_session_is_usable_when_nothing_came_in_time,
						setup, teardown),
		cmocka_unit_test_setup_teardown(client_notices_that_nobody_reads_the_output, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
