/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stamps of files: the same file, one that was written, one that was put in its place, none; and
 * when files that belong together are to be read again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/process/file_watch.h"

static void
put(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

static void
test_changes(void **state)
{
	char directory[] = "/tmp/test-stamp-XXXXXX";
	struct file_state first;
	struct file_state now;

	(void)state;
	assert_non_null(mkdtemp(directory));
	assert_int_equal(chdir(directory), 0);
	first = file_watch_stat("file");
	assert_int_equal(first.size, -1);
	put("file", "one", 3);
	now = file_watch_stat("file");
	assert_false(file_state_is_same(&first, &now));
	first = now;
	now = file_watch_stat("file");
	assert_true(file_state_is_same(&first, &now));
	put("file", "longer", 6);
	now = file_watch_stat("file");
	assert_false(file_state_is_same(&first, &now));
	first = now;
	put("other", "LONGER", 6);
	assert_int_equal(rename("other", "file"), 0);
	now = file_watch_stat("file");
	assert_false(file_state_is_same(&first, &now));
	assert_int_equal(unlink("file"), 0);
	assert_int_equal(rmdir(directory), 0);
}

static void
test_watch(void **state)
{
	char directory[] = "/tmp/test-stamp-XXXXXX";
	struct file_watch files[3] = {{.path = "cert"}, {.path = "key"}, {.path = NULL}};

	(void)state;
	assert_non_null(mkdtemp(directory));
	assert_int_equal(chdir(directory), 0);
	put("cert", "one", 3);
	put("key", "one", 3);
	file_watch_apply(files, 3);
	assert_false(file_watch_check(files, 3));
	/* Not while one of the files still changes. */
	put("cert", "second", 6);
	assert_false(file_watch_check(files, 3));
	put("key", "second", 6);
	assert_false(file_watch_check(files, 3));
	assert_true(file_watch_check(files, 3));
	/* Reported until they are applied. */
	assert_true(file_watch_check(files, 3));
	file_watch_apply(files, 3);
	assert_false(file_watch_check(files, 3));
	/* A missing file is waited for. */
	assert_int_equal(unlink("key"), 0);
	assert_false(file_watch_check(files, 3));
	assert_false(file_watch_check(files, 3));
	put("key", "third", 5);
	assert_false(file_watch_check(files, 3));
	assert_true(file_watch_check(files, 3));
	assert_int_equal(unlink("cert"), 0);
	assert_int_equal(unlink("key"), 0);
	assert_int_equal(rmdir(directory), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_watch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
