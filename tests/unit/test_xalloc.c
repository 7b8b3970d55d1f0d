// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "base/xalloc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static void xalloc_gives_memory_when_there_is_some(void **state)
{
	char *p = xcalloc(3, 5);
	char *copy;

	(void)state;
	for (size_t i = 0; i < 15; i++) {
		assert_int_equal(p[i], 0);
	}
	memcpy(p, "a\0b", 3);
	p = xrealloc(p, 100);
	assert_memory_equal(p, "a\0b", 3);
	copy = xstrndup(p, 3);
	assert_memory_equal(copy, "a\0b", 4);
	free(copy);
	free(p);
	copy = xstrndup(NULL, 0);
	assert_string_equal(copy, "");
	free(copy);
}

// NULL means failure and nothing else, so that a caller never has to ask.
static void xalloc_gives_memory_when_asked_for_none(void **state)
{
	void *p = xcalloc(0, 8);

	(void)state;
	assert_non_null(p);
	p = xrealloc(p, 0);
	assert_non_null(p);
	free(p);
}

enum call { CALL_CALLOC, CALL_REALLOC, CALL_OVERFLOW, CALLS };

static void xalloc_ends_the_process_when_there_is_no_memory(void **state)
{
	(void)state;
	for (int call = 0; call < CALLS; call++) {
		pid_t child = fork();
		int status;

		assert_true(child >= 0);
		if (child == 0) {
			// PTRDIFF_MAX may be had where pointers have 32 bits. Volatile, for the
			// compiler knows better, too.
			volatile size_t too_much = SIZE_MAX / 2 + 1;

			dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
			free(call == CALL_CALLOC     ? xcalloc(1, too_much)
			     : call == CALL_OVERFLOW ? xcalloc(too_much, 16)
						     : xrealloc(NULL, too_much));
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xalloc_gives_memory_when_there_is_some),
		cmocka_unit_test(xalloc_gives_memory_when_asked_for_none),
		cmocka_unit_test(xalloc_ends_the_process_when_there_is_no_memory),
	};

	return cmocka_run_group_tests_name("xalloc", tests, NULL, NULL);
}
