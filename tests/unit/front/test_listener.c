// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "edge/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "test.h"

static char directory[TEST_DIRECTORY_LEN];
static char path[128];

static int make_directory(void **state)
{
	(void)state;
	make_test_directory(directory);
	snprintf(path, sizeof(path), "%s/socket", directory);
	return 0;
}

static int remove_directory(void **state)
{
	static const char *const names[] = {"socket", "socket.lock", "new/socket.lock", "new", ""};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		char name[160];

		snprintf(name, sizeof(name), "%s/%s", directory, names[i]);
		remove(name);
	}
	return access(directory, F_OK) == 0; // the case has left something behind
}

static struct sockaddr_un address_of(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(address.sun_path, name);
	return address;
}

static int try_connect(int type)
{
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	int error = connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? errno : 0;

	close(fd);
	return error;
}

static int bind_socket(int type)
{
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static mode_t mode_of(const char *name)
{
	struct stat status;

	assert_int_equal(lstat(name, &status), 0);
	return status.st_mode;
}

static void listener_makes_a_socket_of_the_mode_that_is_asked_for(void **state)
{
	static const mode_t modes[] = {0666, 0600, 0660};
	mode_t mask = umask(077); // whatever that is

	(void)state;
	for (size_t i = 0; i < COUNT(modes); i++) {
		struct listener listener;

		assert_int_equal(listener_open(&listener, path, modes[i]), 0);
		assert_int_equal(mode_of(path), S_IFSOCK | modes[i]);
		assert_int_equal(try_connect(SOCK_STREAM), 0);
		assert_true((fcntl(listener.fd, F_GETFL) & O_NONBLOCK) != 0);
		assert_true((fcntl(listener.fd, F_GETFD) & FD_CLOEXEC) != 0);
		assert_true((fcntl(listener.lock_fd, F_GETFD) & FD_CLOEXEC) != 0);
		listener_close(&listener);
		assert_int_equal(try_connect(SOCK_STREAM), ENOENT);
		listener_close(&listener); // again does no harm
	}
	assert_int_equal(umask(mask), 077);
}

static void listener_makes_the_directory_as_open_as_the_socket(void **state)
{
	static const mode_t modes[][2] = {{0666, 0755}, {0600, 0700}};
	mode_t mask = umask(022);
	char inner[140];

	(void)state;
	snprintf(inner, sizeof(inner), "%s/new", directory);
	strcat(strcpy(path, inner), "/socket");
	for (size_t i = 0; i < COUNT(modes); i++) {
		struct listener listener;
		char lock[160];

		assert_int_equal(listener_open(&listener, path, modes[i][0]), 0);
		assert_int_equal(mode_of(inner), S_IFDIR | modes[i][1]);
		listener_close(&listener);
		snprintf(lock, sizeof(lock), "%s.lock", path);
		assert_int_equal(unlink(lock), 0);
		assert_int_equal(rmdir(inner), 0);
	}
	umask(mask);
}

static void listener_refuses_a_path_that_another_agent_serves(void **state)
{
	struct listener first, second;

	(void)state;
	assert_int_equal(listener_open(&first, path, 0600), 0);
	assert_int_equal(listener_open(&second, path, 0600), -EADDRINUSE);
	assert_int_equal(second.fd, -1);
	listener_close(&second);
	assert_int_equal(try_connect(SOCK_STREAM), 0); // is still there
	// Even if its socket was removed: the lock tells.
	assert_int_equal(unlink(path), 0);
	assert_int_equal(listener_open(&second, path, 0600), -EADDRINUSE);
	listener_close(&first);
	assert_int_equal(listener_open(&second, path, 0600), 0);
	listener_close(&second);
}

static void listener_takes_over_from_an_agent_that_was_killed(void **state)
{
	struct listener listener;
	int dead = bind_socket(SOCK_STREAM);

	(void)state;
	assert_int_equal(listen(dead, 1), 0);
	close(dead);
	assert_int_equal(try_connect(SOCK_STREAM), ECONNREFUSED);
	assert_int_equal(listener_open(&listener, path, 0600), 0);
	assert_int_equal(try_connect(SOCK_STREAM), 0);
	listener_close(&listener);
}

static void listener_never_takes_a_socket_that_somebody_serves(void **state)
{
	struct sockaddr_un address = address_of(path);
	struct listener listener;
	int other = bind_socket(SOCK_STREAM);
	int filler;

	(void)state;
	assert_int_equal(listen(other, 0), 0);
	assert_int_equal(listener_open(&listener, path, 0600), -EADDRINUSE); // was no agent's lock
	// Its backlog is full now: alive, if slow.
	filler = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	(void)!connect(filler, (struct sockaddr *)&address, sizeof(address));
	assert_int_equal(listener_open(&listener, path, 0600), -EADDRINUSE);
	close(filler);
	close(other);
	assert_int_equal(listener_open(&listener, path, 0600), 0);
	listener_close(&listener);

	other = bind_socket(SOCK_DGRAM); // no agent, but not ours either
	assert_int_equal(listener_open(&listener, path, 0600), -EPROTOTYPE);
	assert_int_equal(mode_of(path) & S_IFMT, S_IFSOCK);
	close(other);
	unlink(path);
}

// Connecting to a plain file is refused just like to a stale socket; it was removed, then.
static void listener_never_removes_what_is_no_socket(void **state)
{
	struct listener listener;
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	(void)state;
	assert_int_equal(write(fd, "precious", 8), 8);
	close(fd);
	assert_int_equal(listener_open(&listener, path, 0600), -EEXIST);
	assert_int_equal(mode_of(path) & S_IFMT, S_IFREG);
	assert_int_equal(unlink(path), 0);

	assert_int_equal(symlink("/dev/null", path), 0);
	assert_true(listener_open(&listener, path, 0600) < 0);
	assert_int_equal(mode_of(path) & S_IFMT, S_IFLNK);
	assert_int_equal(unlink(path), 0);

	assert_int_equal(symlink("nothing", path), 0);
	assert_true(listener_open(&listener, path, 0600) < 0);
	assert_int_equal(mode_of(path) & S_IFMT, S_IFLNK);
	assert_int_equal(unlink(path), 0);
}

static void listener_refuses_a_path_that_cannot_be(void **state)
{
	struct listener listener;
	char name[200];

	(void)state;
	assert_int_equal(listener_open(&listener, "", 0600), -EINVAL);
	memset(name, 'x', sizeof(name));
	memcpy(name, "/tmp/", 5);
	name[108] = '\0'; // sun_path has 108 bytes with the NUL
	assert_int_equal(listener_open(&listener, name, 0600), -ENAMETOOLONG);
	assert_int_equal(listener_open(&listener, "/nonexistent/really/socket", 0600), -ENOENT);
	assert_int_equal(listener_open(&listener, "/dev/null/socket", 0600), -ENOTDIR);
	assert_int_equal(listener.fd, -1);
	assert_int_equal(listener.lock_fd, -1);
	listener_close(&listener);
}

static void listener_serves_the_longest_path_that_there_can_be(void **state)
{
	struct listener listener;
	size_t len = strlen(directory);
	char lock[160];

	(void)state;
	memset(path, 'x', 107);
	memcpy(path, directory, len);
	path[len] = '/';
	path[107] = '\0';
	assert_int_equal(listener_open(&listener, path, 0600), 0);
	assert_int_equal(try_connect(SOCK_STREAM), 0);
	listener_close(&listener);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	assert_int_equal(unlink(lock), 0);
}

// systemd hands over sockets that block, and then accepting would, after the last client.
static void listener_makes_an_inherited_socket_non_blocking_and_leaves_it_in_place(void **state)
{
	struct listener listener;
	int fd = bind_socket(SOCK_STREAM);

	(void)state;
	assert_int_equal(listen(fd, 1), 0);
	listener_inherit(&listener, fd);
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	listener_close(&listener);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(mode_of(path) & S_IFMT, S_IFSOCK);
	unlink(path);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(listener_makes_a_socket_of_the_mode_that_is_asked_for),
		CASE(listener_makes_the_directory_as_open_as_the_socket),
		CASE(listener_refuses_a_path_that_another_agent_serves),
		CASE(listener_takes_over_from_an_agent_that_was_killed),
		CASE(listener_never_takes_a_socket_that_somebody_serves),
		CASE(listener_never_removes_what_is_no_socket),
		CASE(listener_refuses_a_path_that_cannot_be),
		CASE(listener_serves_the_longest_path_that_there_can_be),
		CASE(listener_makes_an_inherited_socket_non_blocking_and_leaves_it_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
