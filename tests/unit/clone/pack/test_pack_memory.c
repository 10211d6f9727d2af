/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks within the budget and beyond it, on file systems with and without unnamed files (NFS,
 * CephFS).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clone/pack/pack_memory.h"
#include "tests/unit/remove_tree.h"
#include "tests/unit/temporary.h"

static char folder[64];

/* Stands in for the C library's, as on a file system without unnamed files. */
int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if ((flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	va_start(args, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(args, mode_t);
	va_end(args);
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static unsigned
count_files(void)
{
	DIR *d = opendir(folder);
	unsigned count = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		count++;
	closedir(d);
	return count - 2;
}

static void
test_beyond_the_budget(void **state)
{
	static const size_t sizes[] = {0, 1, 1000, 3u << 20};
	struct pack_block blocks[sizeof(sizes) / sizeof(sizes[0])];
	struct pack_memory m;
	struct err e = ERR_INIT;

	(void)state;
	pack_memory_init(&m, folder, 8);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (!pack_block_alloc(&m, &blocks[i], sizes[i], &e))
			fail_msg("%s", e.text);
		assert_true(blocks[i].is_file);
		memset(blocks[i].data, 'a' + (int)i, sizes[i]);
	}
	assert_int_equal(count_files(), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t at = 0; at < sizes[i]; at++)
			assert_true(blocks[i].data[at] == 'a' + i);
		pack_block_free(&m, &blocks[i]);
	}
}

static void
test_within_the_budget(void **state)
{
	struct pack_block large;
	struct pack_block small;
	struct pack_memory m;
	struct err e = ERR_INIT;

	(void)state;
	pack_memory_init(&m, "/nonexistent", 1000);
	assert_true(pack_block_alloc(&m, &large, 900, &e));
	assert_false(pack_memory_has(&m, 100));
	assert_false(pack_block_alloc(&m, &small, 100, &e));
	assert_non_null(strstr(e.text, strerror(ENOENT)));
	pack_block_free(&m, &large);
	assert_true(pack_block_alloc(&m, &small, 100, &e));
	assert_false(small.is_file);
	pack_block_free(&m, &small);
	assert_true(pack_memory_has(&m, 1000));
}

static int
set_up(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "%s/test-pack-memory-XXXXXX", temporary_folder());
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	return remove_tree(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_beyond_the_budget),
		cmocka_unit_test(test_within_the_budget),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
