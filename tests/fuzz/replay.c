// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Runs a fuzz target over files and directories of files, with any compiler: what a fuzzer once
 * found, every test run finds. Usage: replay-TARGET PATH…
 */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (1 << 20)

static size_t replayed;

static void replay_file(const char *path)
{
	static uint8_t buf[INPUT_MAX];
	FILE *file = fopen(path, "re");
	uint8_t *exact;
	size_t n;

	if (file == NULL) {
		perror(path);
		exit(1);
	}
	n = fread(buf, 1, sizeof(buf), file);
	fclose(file);
	exact = malloc(n > 0 ? n : 1); // so that a sanitizer sees one byte too far
	require(exact != NULL);
	memcpy(exact, buf, n);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	replayed++;
}

static void replay_path(const char *path)
{
	struct stat st;
	struct dirent *entry;
	DIR *dir;

	if (stat(path, &st) < 0) {
		perror(path);
		exit(1);
	}
	if (!S_ISDIR(st.st_mode)) {
		replay_file(path);
		return;
	}
	dir = opendir(path);
	require(dir != NULL);
	while ((entry = readdir(dir)) != NULL) {
		char child[4096];

		if (entry->d_name[0] == '.') {
			continue;
		}
		require(snprintf(child, sizeof(child), "%s/%s", path, entry->d_name) <
			(int)sizeof(child));
		replay_path(child);
	}
	closedir(dir);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		replay_path(argv[i]);
	}
	printf("%zu inputs\n", replayed);
	return replayed > 0 ? 0 : 1;
}
