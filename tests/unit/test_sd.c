// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "base/sd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static struct sockaddr_un address_of(const char *name, socklen_t *len)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memcpy(address.sun_path, name, strlen(name));
	if (name[0] == '@') {
		address.sun_path[0] = '\0';
	}
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	return address;
}

// A service manager's socket under that name.
static int bind_manager(const char *name)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len;
	struct sockaddr_un address = address_of(name, &len);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, len), 0);
	return fd;
}

static void assert_is_told(int manager, const char *expected)
{
	char text[64];
	ssize_t n = recv(manager, text, sizeof(text), 0);

	assert_int_equal(n, (ssize_t)strlen(expected));
	assert_memory_equal(text, expected, strlen(expected));
}

static void sd_notify_reaches_the_manager_when_its_name_is_abstract(void **state)
{
	char name[64];
	int manager;

	(void)state;
	snprintf(name, sizeof(name), "@epmdns-test-sd/%d", (int)getpid());
	manager = bind_manager(name);
	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(sd_notify("READY=1"), 0);
	assert_is_told(manager, "READY=1");
	close(manager);
	assert_int_equal(sd_notify("READY=1"), -ECONNREFUSED);
}

static void sd_notify_reaches_the_manager_when_its_name_is_a_path(void **state)
{
	char directory[TEST_DIRECTORY_LEN];
	char path[sizeof(directory) + 10];
	int manager;

	(void)state;
	make_test_directory(directory);
	snprintf(path, sizeof(path), "%s/notify", directory);
	manager = bind_manager(path);
	setenv("NOTIFY_SOCKET", path, 1);
	assert_int_equal(sd_notify("STATUS=2 nodes"), 0);
	assert_is_told(manager, "STATUS=2 nodes");
	close(manager);
	unlink(path);
	rmdir(directory);
	assert_int_equal(sd_notify("READY=1"), -ENOENT);
}

static void sd_notify_does_nothing_when_there_is_no_manager(void **state)
{
	char long_name[200];

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(sd_notify("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "", 1);
	assert_int_equal(sd_notify("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "vsock:2:9999", 1);
	assert_int_equal(sd_notify("READY=1"), -EAFNOSUPPORT);
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[0] = '/';
	long_name[sizeof(long_name) - 1] = '\0';
	setenv("NOTIFY_SOCKET", long_name, 1);
	assert_int_equal(sd_notify("READY=1"), -ENAMETOOLONG);
	unsetenv("NOTIFY_SOCKET");
}

enum kind { KIND_END, KIND_LISTENER, KIND_UNBOUND, KIND_DATAGRAM, KIND_INET, KIND_PIPE };

static int make_fd(enum kind kind, int number)
{
	struct sockaddr_un address;
	char name[64];
	socklen_t len;
	int pipe_fds[2];
	int fd = -1;

	switch (kind) {
	case KIND_END:
		break;
	case KIND_LISTENER:
		snprintf(name, sizeof(name), "@epmdns-test-sd/%d/%d", (int)getpid(), number);
		address = address_of(name, &len);
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (bind(fd, (const struct sockaddr *)&address, len) < 0 || listen(fd, 1) < 0) {
			_exit(120);
		}
		break;
	case KIND_UNBOUND:
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		break;
	case KIND_DATAGRAM:
		fd = socket(AF_UNIX, SOCK_DGRAM, 0);
		break;
	case KIND_INET:
		fd = socket(AF_INET, SOCK_STREAM, 0);
		listen(fd, 1);
		break;
	case KIND_PIPE:
		if (pipe(pipe_fds) < 0) {
			_exit(120);
		}
		close(pipe_fds[1]);
		fd = pipe_fds[0];
		break;
	}
	return fd;
}

/*
 * What a process that was started with these fds from 3 on finds. It is another process, so that it
 * can have any fds there. Return: the fd; 100 for -ENOENT, 101 for -EINVAL; more when a check
 * fails.
 */
static int listen_fd_with(const enum kind kinds[3], const char *pid, const char *count)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		char own_pid[16];
		int fds[3] = {-1, -1, -1};
		int found;

		for (int i = 0; i < 3 && kinds[i] != KIND_END; i++) {
			fds[i] = fcntl(make_fd(kinds[i], i), F_DUPFD, 50);
		}
		for (int i = 0; i < 3; i++) {
			close(3 + i);
			if (fds[i] >= 0) {
				dup2(fds[i], 3 + i);
				close(fds[i]);
			}
		}
		snprintf(own_pid, sizeof(own_pid), "%d", (int)getpid());
		setenv("LISTEN_PID", pid != NULL ? pid : own_pid, 1);
		setenv("LISTEN_FDS", count, 1);
		setenv("LISTEN_FDNAMES", "a:b", 1);
		found = sd_listen_fd();
		if (getenv("LISTEN_PID") != NULL || getenv("LISTEN_FDS") != NULL ||
		    getenv("LISTEN_FDNAMES") != NULL) {
			_exit(121);
		}
		if (found >= 0 && fcntl(found, F_GETFD) != FD_CLOEXEC) {
			_exit(122);
		}
		_exit(found == -ENOENT ? 100 : found == -EINVAL ? 101 : found);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void sd_listen_fd_finds_the_socket_when_one_was_handed_over(void **state)
{
	static const struct {
		enum kind kinds[3];
		const char *pid; // NULL: the right one
		const char *count;
		int expected;
	} rows[] = {
		{{KIND_LISTENER}, NULL, "1", 3},
		{{KIND_LISTENER, KIND_LISTENER}, NULL, "2", 3},
		{{KIND_PIPE, KIND_DATAGRAM, KIND_LISTENER}, NULL, "3", 5},
		{{KIND_INET, KIND_UNBOUND}, NULL, "2", 101},
		{{KIND_PIPE, KIND_LISTENER}, NULL, "1", 101}, // not one of those handed over
		{{KIND_LISTENER}, NULL, "2147483000", 3},     // stops where there are no more
		{{KIND_END}, NULL, "1", 101},
		{{KIND_LISTENER}, NULL, "0", 100},
		{{KIND_LISTENER}, NULL, "", 100},
		{{KIND_LISTENER}, NULL, "-1", 100},
		{{KIND_LISTENER}, NULL, "1x", 100},
		{{KIND_LISTENER}, NULL, "99999999999999999999", 100},
		{{KIND_LISTENER}, "1", "1", 100}, // meant for another process
		{{KIND_LISTENER}, "", "1", 100},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(listen_fd_with(rows[i].kinds, rows[i].pid, rows[i].count),
				 rows[i].expected);
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	assert_int_equal(sd_listen_fd(), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sd_notify_reaches_the_manager_when_its_name_is_abstract),
		cmocka_unit_test(sd_notify_reaches_the_manager_when_its_name_is_a_path),
		cmocka_unit_test(sd_notify_does_nothing_when_there_is_no_manager),
		cmocka_unit_test(sd_listen_fd_finds_the_socket_when_one_was_handed_over),
	};

	return cmocka_run_group_tests_name("sd", tests, NULL, NULL);
}
