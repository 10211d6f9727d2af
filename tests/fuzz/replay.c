/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target without libFuzzer: over every file in tests/fuzz/seeds/<its own name> and
 * those of fuzz_also (or in the directory that is given), and over every prefix of the smaller
 * ones. Files there are seeds and whatever once made a target fail.
 */
#include <dirent.h>
#include <stdio.h>

#include "tests/fuzz/fuzz.h"

#define FILE_MAX     (1u << 20)
#define PREFIXES_MAX 2048u
#define PATH_SIZE    1024

/* Most targets define none; a definition here, weak, would be believed by clang at once. */
#pragma weak fuzz_also

static void
run(struct str input)
{
	char *copy = fuzz_copy(input);

	(void)LLVMFuzzerTestOneInput((const uint8_t *)copy, input.len);
	free(copy);
}

static bool
replay_file(const char *path)
{
	static char data[FILE_MAX];
	FILE *file = fopen(path, "rbe");

	if (file == NULL) {
		perror(path);
		return false;
	}
	size_t len = fread(data, 1, sizeof(data), file);
	(void)fclose(file);
	/* Known before it crashes. */
	(void)printf("%s\n", path);
	(void)fflush(stdout);
	for (size_t prefix = 0; len <= PREFIXES_MAX && prefix < len; prefix++)
		run((struct str){data, prefix});
	run((struct str){data, len});
	return true;
}

/* Returns how many files there were, 0 also where one can't be read. */
static unsigned
replay_directory(const char *directory)
{
	char path[2 * PATH_SIZE];
	const struct dirent *entry;
	unsigned count = 0;
	bool ok = true;
	DIR *d = opendir(directory);

	if (d == NULL) {
		perror(directory);
		return 0;
	}
	while ((entry = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe): one thread */
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		ok = replay_file(path) && ok;
		count++;
	}
	(void)closedir(d);
	if (!ok || count == 0)
		(void)fprintf(stderr, "%s: files are missing\n", directory);
	return ok ? count : 0;
}

static unsigned
replay_seeds(const char *target)
{
	char directory[PATH_SIZE];

	(void)snprintf(directory, sizeof(directory), "tests/fuzz/seeds/%s", target);
	return replay_directory(directory);
}

int
main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	unsigned count = argc > 1 ? replay_directory(argv[1])
				  : replay_seeds(slash == NULL ? argv[0] : slash + 1);
	bool ok = count > 0;

	const char *const *also = argc > 1 ? NULL : fuzz_also;

	for (; also != NULL && *also != NULL; also++) {
		unsigned more = replay_seeds(*also);
		ok = ok && more > 0;
		count += more;
	}
	if (!ok)
		return 1;
	(void)printf("[  PASSED  ] %u test(s).\n", count);
	return 0;
}
