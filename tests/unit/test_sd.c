// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "base/sd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
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

// As a process does that was started with this in its environment.
static struct sd start_with(const char *notify_socket)
{
	struct sd sd;

	setenv("NOTIFY_SOCKET", notify_socket, 1);
	sd_init(&sd);
	assert_null(getenv("NOTIFY_SOCKET"));
	return sd;
}

static void sd_notify_reaches_the_manager_when_its_name_is_abstract(void **state)
{
	char name[64];
	struct sd sd;
	int manager;

	(void)state;
	snprintf(name, sizeof(name), "@epmdns-test-sd/%d", (int)getpid());
	manager = bind_manager(name);
	sd = start_with(name);
	assert_int_equal(sd_notify(&sd, "READY=1"), 0);
	assert_is_told(manager, "READY=1");
	close(manager);
	assert_int_equal(sd_notify(&sd, "READY=1"), -ECONNREFUSED);
	sd_fini(&sd);
	assert_int_equal(sd_notify(&sd, "READY=1"), 0);
}

static void sd_notify_reaches_the_manager_when_its_name_is_a_path(void **state)
{
	char directory[TEST_DIRECTORY_LEN];
	char path[sizeof(directory) + 10];
	struct sd sd;
	int manager;

	(void)state;
	make_test_directory(directory);
	snprintf(path, sizeof(path), "%s/notify", directory);
	manager = bind_manager(path);
	sd = start_with(path);
	assert_int_equal(sd_notify(&sd, "STATUS=2 nodes"), 0);
	assert_is_told(manager, "STATUS=2 nodes");
	// One that was started anew has another socket at the same place.
	close(manager);
	unlink(path);
	assert_int_equal(sd_notify(&sd, "READY=1"), -ENOENT);
	manager = bind_manager(path);
	assert_int_equal(sd_notify(&sd, "READY=1"), 0);
	assert_is_told(manager, "READY=1");
	close(manager);
	unlink(path);
	rmdir(directory);
	sd_fini(&sd);
}

static void sd_notify_does_nothing_when_there_is_no_manager(void **state)
{
	char long_name[200];
	const char *const names[] = {"", "vsock:2:9999", "run/notify", long_name};
	struct sd sd;

	(void)state;
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[0] = '/';
	long_name[sizeof(long_name) - 1] = '\0';
	unsetenv("NOTIFY_SOCKET");
	sd_init(&sd);
	assert_int_equal(sd_notify(&sd, "READY=1"), 0);
	for (size_t i = 0; i < COUNT(names); i++) {
		sd = start_with(names[i]);
		assert_int_equal(sd.fd, -1);
		assert_int_equal(sd_notify(&sd, "READY=1"), 0);
	}
}

static void sd_notify_does_not_wait_when_the_manager_does_not_read(void **state)
{
	char name[64];
	struct sd sd;
	int manager;
	int error = 0;

	(void)state;
	snprintf(name, sizeof(name), "@epmdns-test-sd/%d", (int)getpid());
	manager = bind_manager(name);
	sd = start_with(name);
	for (unsigned i = 0; error == 0; i++) {
		assert_true(i < 100000);
		error = sd_notify(&sd, "WATCHDOG=1");
	}
	assert_int_equal(error, -EAGAIN);
	assert_is_told(manager, "WATCHDOG=1");
	assert_int_equal(sd_notify(&sd, "WATCHDOG=1"), 0);
	close(manager);
	sd_fini(&sd);
}

static void sd_notify_works_when_there_are_no_descriptors_left(void **state)
{
	struct rlimit old, none;
	char name[64];
	struct sd sd;
	int manager;

	(void)state;
	snprintf(name, sizeof(name), "@epmdns-test-sd/%d", (int)getpid());
	manager = bind_manager(name);
	sd = start_with(name);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(dup(sd.fd), -1);
	assert_int_equal(sd_notify(&sd, "WATCHDOG=1"), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_is_told(manager, "WATCHDOG=1");
	close(manager);
	sd_fini(&sd);
}

static void set_or_unset(const char *name, const char *value)
{
	if (value != NULL) {
		setenv(name, value, 1);
	} else {
		unsetenv(name);
	}
}

static void sd_init_finds_the_watchdog_when_it_is_meant_for_this_process(void **state)
{
	static const char own[] = "own";
	static const struct {
		const char *usec, *pid; // NULL: unset
		uint64_t expected;
	} rows[] = {
		{"180000000", own, 180000000},
		{"180000000", NULL, 180000000},
		{"1", own, 1},
		{"18446744073709551614", own, UINT64_MAX - 1},
		{NULL, NULL, 0},
		{NULL, own, 0},
		{"180000000", "1", 0}, // another's: the one that started us
		// bad values, each of them logged
		{"", own, 0},
		{"0", own, 0},
		{"-1", own, 0},
		{"+1", own, 0},
		{" 1", own, 0},
		{"3min", own, 0},
		{"18446744073709551615", own, 0}, // infinity
		{"18446744073709551616", own, 0},
		{"180000000", "", 0},
		{"180000000", "0", 0},
		{"180000000", "-1", 0},
		{"180000000", "1x", 0},
		{"180000000", "99999999999999999999", 0},
	};
	char own_pid[16];
	struct sd sd;

	(void)state;
	snprintf(own_pid, sizeof(own_pid), "%d", (int)getpid());
	for (size_t i = 0; i < COUNT(rows); i++) {
		set_or_unset("WATCHDOG_USEC", rows[i].usec);
		set_or_unset("WATCHDOG_PID", rows[i].pid == own ? own_pid : rows[i].pid);
		sd = start_with("@epmdns-test-sd/nobody");
		assert_int_equal(sd.watchdog_us, rows[i].expected);
		assert_null(getenv("WATCHDOG_USEC"));
		assert_null(getenv("WATCHDOG_PID"));
		sd_fini(&sd);
	}
	// Without a manager there is nobody to give a sign of life to.
	setenv("WATCHDOG_USEC", "180000000", 1);
	sd = start_with("");
	assert_int_equal(sd.watchdog_us, 0);
	assert_null(getenv("WATCHDOG_USEC"));
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

#define FDS 10

/*
 * What a process that was started with these fds from 3 on finds. It is another process, so that it
 * can have any fds there. Return: how many, times ten, and the last digit of the last of them; 100
 * for -ENOENT, 101 for -EINVAL; more when a check fails.
 */
static int listen_fds_with(const enum kind kinds[FDS], const char *pid, const char *count)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		char own_pid[16];
		int fds[FDS], found[SD_LISTEN_MAX];
		int n;

		for (int i = 0; i < FDS; i++) {
			fds[i] = kinds[i] == KIND_END ? -1
						      : fcntl(make_fd(kinds[i], i), F_DUPFD, 50);
		}
		for (int i = 0; i < FDS; i++) {
			close(3 + i);
			if (fds[i] >= 0) {
				dup2(fds[i], 3 + i);
				close(fds[i]);
			}
		}
		snprintf(own_pid, sizeof(own_pid), "%d", (int)getpid());
		set_or_unset("LISTEN_PID", pid != NULL ? pid : own_pid);
		set_or_unset("LISTEN_FDS", count);
		set_or_unset("LISTEN_FDNAMES", "a:b");
		n = sd_listen_fds(found);
		if (getenv("LISTEN_PID") != NULL || getenv("LISTEN_FDS") != NULL ||
		    getenv("LISTEN_FDNAMES") != NULL) {
			_exit(121);
		}
		for (int i = 0; i < n; i++) {
			if (fcntl(found[i], F_GETFD) != FD_CLOEXEC) {
				_exit(122);
			}
		}
		_exit(n == -ENOENT ? 100 : n == -EINVAL ? 101 : 10 * n + found[n - 1] % 10);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define LISTENERS_8                                                                                \
	KIND_LISTENER, KIND_LISTENER, KIND_LISTENER, KIND_LISTENER, KIND_LISTENER, KIND_LISTENER,  \
		KIND_LISTENER, KIND_LISTENER

static void sd_listen_fds_finds_the_sockets_when_some_were_handed_over(void **state)
{
	static const struct {
		enum kind kinds[FDS];
		const char *pid; // NULL: the right one
		const char *count;
		int expected;
	} rows[] = {
		{{KIND_LISTENER}, NULL, "1", 13},
		{{KIND_LISTENER, KIND_LISTENER}, NULL, "2", 24},
		{{KIND_PIPE, KIND_DATAGRAM, KIND_LISTENER}, NULL, "3", 15},
		{{KIND_LISTENER, KIND_DATAGRAM, KIND_LISTENER}, NULL, "3", 25},
		{{LISTENERS_8}, NULL, "8", 80},
		{{LISTENERS_8, KIND_LISTENER}, NULL, "9", 80}, // one too many
		{{KIND_PIPE, LISTENERS_8}, NULL, "9", 81},
		{{KIND_INET, KIND_UNBOUND}, NULL, "2", 101},
		{{KIND_PIPE, KIND_LISTENER}, NULL, "1", 101}, // not one of those handed over
		{{KIND_LISTENER}, NULL, "2147483000", 13},    // stops where there are no more
		{{KIND_END}, NULL, "1", 101},
		{{KIND_LISTENER}, NULL, "0", 100},
		{{KIND_LISTENER}, NULL, "", 100},
		{{KIND_LISTENER}, NULL, NULL, 100},
		{{KIND_LISTENER}, NULL, "-1", 100},
		{{KIND_LISTENER}, NULL, "1x", 100},
		{{KIND_LISTENER}, NULL, "2147483647", 100},
		{{KIND_LISTENER}, NULL, "99999999999999999999", 100},
		{{KIND_LISTENER}, "1", "1", 100}, // meant for another process
		{{KIND_LISTENER}, "", "1", 100},
	};
	int fds[SD_LISTEN_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(listen_fds_with(rows[i].kinds, rows[i].pid, rows[i].count),
				 rows[i].expected);
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	assert_int_equal(sd_listen_fds(fds), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sd_notify_reaches_the_manager_when_its_name_is_abstract),
		cmocka_unit_test(sd_notify_reaches_the_manager_when_its_name_is_a_path),
		cmocka_unit_test(sd_notify_does_nothing_when_there_is_no_manager),
		cmocka_unit_test(sd_notify_does_not_wait_when_the_manager_does_not_read),
		cmocka_unit_test(sd_notify_works_when_there_are_no_descriptors_left),
		cmocka_unit_test(sd_init_finds_the_watchdog_when_it_is_meant_for_this_process),
		cmocka_unit_test(sd_listen_fds_finds_the_sockets_when_some_were_handed_over),
	};

	return cmocka_run_group_tests_name("sd", tests, NULL, NULL);
}
