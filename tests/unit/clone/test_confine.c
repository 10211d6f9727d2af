/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process may still do to files after confine_changes, and what not. Each case runs in a
 * process of its own, since nothing undoes it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clone/confine.h"
#include "clone/target/tree.h"

#define CANT 77 /* the kernel has none of it */

static char root[64];

static int
setup(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/test-clone-confine-XXXXXX");
	if (mkdtemp(root) == NULL || chdir(root) < 0 || mkdir("inside", 0700) < 0 ||
	    mkdir("inside/folder", 0700) < 0 || mkdir("outside", 0700) < 0 ||
	    mkdir("outside/folder", 0700) < 0 || symlink("../outside", "inside/link") < 0)
		return -1;
	return close(creat("outside/file", 0600)) + close(creat("inside/file", 0600));
}

static int
teardown(void **state)
{
	(void)state;
	return chdir("/") < 0 || !tree_remove(AT_FDCWD, root);
}

static bool
can_write(const char *path, int flags)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Each step has a bit, so that the exit code says which went wrong. */
static int
change_inside(void)
{
	const bool steps[] = {
		can_write("inside/new", O_CREAT | O_EXCL),
		can_write("inside/file", O_TRUNC),
		can_write("inside", O_TMPFILE),
		rename("inside/file", "inside/folder/file") == 0,
		mkdir("inside/folder/deep", 0700) == 0 && rmdir("inside/folder/deep") == 0,
		symlink("x", "inside/folder/symlink") == 0 && unlink("inside/folder/symlink") == 0,
		can_write("/dev/null", 0),
	};
	int failed = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		failed |= steps[i] ? 0 : 1 << i;
	return failed;
}

static int
change_outside(void)
{
	const bool steps[] = {
		can_write("inside/link/new", O_CREAT | O_EXCL),
		can_write("inside/link/file", 0),
		truncate("inside/link/file", 1) == 0,
		unlink("inside/link/file") == 0,
		rmdir("inside/link/folder") == 0 || mkdir("inside/link/made", 0700) == 0,
		rename("inside/file", "inside/link/moved") == 0,
		link("inside/file", "inside/link/linked") == 0,
	};
	int done = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		done |= steps[i] ? 1 << i : 0;
	return done;
}

static void
run_confined(int (*change)(void))
{
	static const char *const paths[] = {"inside", "not-there", "/dev/null", NULL};
	pid_t pid = fork();
	int status = -1;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct err e = ERR_INIT;

		_exit(confine_changes(paths, &e) ? change() : CANT);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CANT)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
test_inside_all_goes_on(void **state)
{
	(void)state;
	run_confined(change_inside);
}

static void
test_nothing_changes_behind_a_link(void **state)
{
	struct stat st;

	(void)state;
	run_confined(change_outside);
	assert_int_equal(stat("outside/file", &st), 0);
	assert_int_equal(st.st_size, 0);
}

/* Others who call it go on as before. */
static void
test_refused_paths_change_nothing(void **state)
{
	const char *const paths[] = {"inside/file/below", NULL};
	struct err e = ERR_INIT;

	(void)state;
	assert_false(confine_changes(paths, &e));
	assert_int_equal(e.code, ERR_SYSTEM);
	assert_true(can_write("outside/file", 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_inside_all_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_changes_behind_a_link, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_refused_paths_change_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
