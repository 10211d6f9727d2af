/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target directory: what is decided, what is made, moved, swept and left alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clone/target/target.h"
#include "clone/target/tree.h"
#include "tests/unit/temporary.h"

struct fixture {
	char root[64];
	char target[128];
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	snprintf(f->root, sizeof(f->root), "%s/test-clone-target-XXXXXX", temporary_folder());
	assert_non_null(mkdtemp(f->root));
	snprintf(f->target, sizeof(f->target), "%s/demo", f->root);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	assert_true(tree_remove(AT_FDCWD, f->root));
	free(f);
	return 0;
}

static const char *
path_in(const struct fixture *f, const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_MAX, "%s/%s", f->root, name);
	return path;
}

static void
make_dir(const struct fixture *f, const char *name)
{
	assert_int_equal(mkdir(path_in(f, name), 0755), 0);
}

static void
make_file(const struct fixture *f, const char *name)
{
	int fd = open(path_in(f, name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	close(fd);
}

static bool
exists(const struct fixture *f, const char *name)
{
	struct stat st;

	return lstat(path_in(f, name), &st) == 0;
}

static void
assert_look(const struct fixture *f, enum target_kind expected)
{
	struct clone_failure failure = {.problem = CLONE_PROBLEM_NONE};
	enum target_kind kind;

	assert_true(target_inspect(f->target, &kind, &failure));
	assert_int_equal(kind, expected);
}

static void
test_absent_and_empty(void **state)
{
	struct fixture *f = *state;

	assert_look(f, TARGET_ABSENT);
	make_dir(f, "demo");
	assert_look(f, TARGET_EMPTY);
	make_dir(f, "demo/lost+found");
	assert_look(f, TARGET_EMPTY);
}

static void
test_existing_repositories(void **state)
{
	struct fixture *f = *state;

	make_dir(f, "demo");
	make_file(f, "demo/file");
	assert_look(f, TARGET_OCCUPIED);
	make_dir(f, "demo/.git");
	assert_look(f, TARGET_REPOSITORY);
	assert_int_equal(rmdir(path_in(f, "demo/.git")), 0);
	make_file(f, "demo/.git");
	assert_look(f, TARGET_REPOSITORY);
	assert_int_equal(unlink(path_in(f, "demo/.git")), 0);
	assert_int_equal(symlink(f->root, path_in(f, "demo/.git")), 0);
	assert_look(f, TARGET_OCCUPIED);
}

static void
test_occupied_targets(void **state)
{
	struct fixture *f = *state;

	make_file(f, "demo");
	assert_look(f, TARGET_OCCUPIED);
	assert_int_equal(unlink(f->target), 0);
	assert_int_equal(symlink("/nowhere", f->target), 0);
	assert_look(f, TARGET_OCCUPIED);
	assert_int_equal(unlink(f->target), 0);
	make_dir(f, "demo");
	make_file(f, "demo/lost+found");
	assert_look(f, TARGET_OCCUPIED);
}

static void
test_commit_to_an_absent_target(void **state)
{
	struct fixture *f = *state;
	struct clone_failure failure = {.problem = CLONE_PROBLEM_NONE};
	char deep[192];
	char file[PATH_MAX];
	enum target_kind kind;
	struct target t;

	snprintf(deep, sizeof(deep), "%s/a/b/demo//", f->root);
	assert_true(target_init(&t, deep, &kind, &failure));
	assert_int_equal(kind, TARGET_ABSENT);
	assert_false(t.is_inside);
	snprintf(file, sizeof(file), "%s/file", t.tree);
	assert_int_equal(close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644)), 0);
	assert_true(target_commit(&t, &failure));
	target_fini(&t);
	assert_true(exists(f, "a/b/demo/file"));
	assert_int_equal(unlink(path_in(f, "a/b/demo/file")), 0);
	assert_int_equal(rmdir(path_in(f, "a/b/demo")), 0);
	assert_int_equal(rmdir(path_in(f, "a/b")), 0); /* nothing else was left in it */
}

static void
test_without_a_commit_parents_go(void **state)
{
	struct fixture *f = *state;
	struct clone_failure failure = {.problem = CLONE_PROBLEM_NONE};
	char deep[192];
	enum target_kind kind;
	struct target t;

	make_dir(f, "a");
	snprintf(deep, sizeof(deep), "%s/a/b/c/demo", f->root);
	assert_true(target_init(&t, deep, &kind, &failure));
	assert_true(exists(f, "a/b/c"));
	target_fini(&t);
	assert_true(exists(f, "a"));
	assert_false(exists(f, "a/b"));
	target_fini(&t); /* twice is fine */
}

static void
test_commit_never_replaces(void **state)
{
	struct fixture *f = *state;
	struct clone_failure failure = {.problem = CLONE_PROBLEM_NONE};
	enum target_kind kind;
	struct target t;

	assert_true(target_init(&t, f->target, &kind, &failure));
	make_dir(f, "demo");
	make_file(f, "demo/mine");
	assert_false(target_commit(&t, &failure));
	assert_int_equal(failure.problem, CLONE_PROBLEM_NOT_EMPTY);
	target_fini(&t);
	assert_true(exists(f, "demo/mine"));
}

static void
fill_tree(const struct target *t, const char *const *names, size_t count)
{
	int tree = tree_open(AT_FDCWD, t->tree);

	assert_true(tree >= 0);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(mkdirat(tree, names[i], 0755), 0);
	close(tree);
}

static void
test_move_into_a_directory_that_stays(void **state)
{
	static const char *const names[] = {".git", "a", "b"};
	struct fixture *f = *state;
	struct clone_failure failure = {.problem = CLONE_PROBLEM_NONE};
	enum target_kind kind;
	struct target t;

	make_dir(f, "demo");
	make_dir(f, "demo/lost+found");
	assert_true(target_init(&t, f->target, &kind, &failure));
	assert_int_equal(kind, TARGET_EMPTY);
	assert_true(t.is_inside);
	fill_tree(&t, names, 3);
	assert_true(target_commit(&t, &failure));
	target_fini(&t);
	assert_true(exists(f, "demo/.git"));
	assert_true(exists(f, "demo/a"));
	assert_true(exists(f, "demo/lost+found"));
}

static void
test_move_is_undone_when_a_name_is_taken(void **state)
{
	static const char *const names[] = {".git", "a", "b", "c", "d"};
	struct fixture *f = *state;
	struct clone_failure failure = {.problem = CLONE_PROBLEM_NONE};
	enum target_kind kind;
	struct target t;

	make_dir(f, "demo");
	make_dir(f, "demo/lost+found");
	assert_true(target_init(&t, f->target, &kind, &failure));
	fill_tree(&t, names, 5);
	make_file(f, "demo/c");
	assert_false(target_commit(&t, &failure));
	assert_int_equal(failure.problem, CLONE_PROBLEM_NOT_EMPTY);
	target_fini(&t);
	assert_false(exists(f, "demo/.git"));
	assert_false(exists(f, "demo/a"));
	assert_false(exists(f, "demo/b"));
	assert_false(exists(f, "demo/d"));
	assert_true(exists(f, "demo/c"));
}

static void
test_unusable_targets(void **state)
{
	static const char *const places[] = {"/", "//", "", "relative", "/tmp/..", "/tmp/."};

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct clone_failure failure = {.problem = CLONE_PROBLEM_NONE};
		enum target_kind kind;
		struct target t;

		assert_false(target_init(&t, places[i], &kind, &failure));
		assert_int_equal(failure.problem, CLONE_PROBLEM_REFUSED);
		target_fini(&t);
	}
}

static void
test_parent_that_is_a_file(void **state)
{
	struct fixture *f = *state;
	struct clone_failure failure = {.problem = CLONE_PROBLEM_NONE};
	enum target_kind kind;
	struct target t;
	char below[192];

	make_file(f, "demo");
	snprintf(below, sizeof(below), "%s/below", f->target);
	assert_true(target_init(&t, below, &kind, &failure));
	assert_int_equal(kind, TARGET_OCCUPIED);
	target_fini(&t);
	assert_true(exists(f, "demo"));
}

static void
test_long_names(void **state)
{
	struct fixture *f = *state;
	struct clone_failure failure = {.problem = CLONE_PROBLEM_NONE};
	enum target_kind kind;
	struct target t;
	char name[NAME_MAX + 1];
	char path[PATH_MAX];

	memset(name, 'n', NAME_MAX);
	name[NAME_MAX] = '\0';
	snprintf(path, sizeof(path), "%s/%s", f->root, name);
	assert_true(target_init(&t, path, &kind, &failure));
	assert_true(target_commit(&t, &failure));
	target_fini(&t);
	assert_true(exists(f, name));
}

static void
test_deep_trees_need_few_descriptors(void **state)
{
	struct fixture *f = *state;
	struct rlimit few = {64, 64};
	struct rlimit before;
	int at;

	make_dir(f, "deep");
	at = tree_open(AT_FDCWD, path_in(f, "deep"));
	for (unsigned i = 0; i < 3000; i++) {
		int below;

		assert_int_equal(mkdirat(at, "d", 0755), 0);
		below = tree_open(at, "d");
		assert_true(below >= 0);
		close(at);
		at = below;
		if (i % 100 == 0)
			assert_int_equal(symlinkat("/", at, "link"), 0);
	}
	close(at);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_true(tree_remove(AT_FDCWD, path_in(f, "deep")));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_false(exists(f, "deep"));
}

static void
test_removing_follows_no_link(void **state)
{
	struct fixture *f = *state;

	make_dir(f, "kept");
	make_file(f, "kept/file");
	make_dir(f, "gone");
	assert_int_equal(symlink(path_in(f, "kept"), path_in(f, "gone/link")), 0);
	assert_int_equal(symlink(path_in(f, "kept"), path_in(f, "link")), 0);
	assert_true(tree_remove(AT_FDCWD, path_in(f, "gone")));
	assert_false(tree_remove(AT_FDCWD, path_in(f, "link")));
	assert_true(exists(f, "kept/file"));
	assert_true(tree_remove(AT_FDCWD, path_in(f, "never")));
}

/* Code in the IDE's container replaces what we created by a link, between two of our steps. */
static void
test_temporary_folder_that_becomes_a_link(void **state)
{
	struct fixture *f = *state;
	struct target t;
	struct clone_failure failure = {.problem = CLONE_PROBLEM_NONE};
	enum target_kind kind;
	char *temporary;

	make_dir(f, "outside");
	make_dir(f, "outside/tree");
	make_file(f, "outside/tree/mine");
	assert_true(target_init(&t, f->target, &kind, &failure));
	temporary = strdup(t.temporary);
	assert_non_null(temporary);
	assert_int_equal(rename(temporary, path_in(f, "aside")), 0);
	assert_int_equal(symlink("outside", temporary), 0);
	assert_true(target_clear(&t, &failure));
	assert_true(target_share(&t, 0, &failure));
	assert_true(target_set_group(&t, getegid(), &failure));
	assert_true(exists(f, "outside/tree/mine"));
	assert_true(target_commit(&t, &failure));
	target_fini(&t);
	assert_true(exists(f, "outside/tree/mine"));
	assert_true(exists(f, "demo"));
	assert_false(exists(f, "demo/mine"));
	free(temporary);
}

/* The entry that is replaced by a link to outside just before its mode is changed. */
static const char *swapped;

static void
swap_for_link(const char *path)
{
	const char *name = strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1;

	if (swapped == NULL || strcmp(name, swapped) != 0)
		return;
	swapped = NULL;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("../../outside", path), 0);
}

int
chmod(const char *path, mode_t mode)
{
	swap_for_link(path);
	return (int)syscall(SYS_fchmodat, AT_FDCWD, path, mode);
}

int
fchmodat(int at, const char *path, mode_t mode, int flags)
{
	int (*libc)(int, const char *, mode_t, int);
	void *found = dlsym(RTLD_NEXT, "fchmodat");

	memcpy(&libc, &found, sizeof(libc));
	swap_for_link(path);
	return libc(at, path, mode, flags);
}

static void
test_sharing_follows_no_link(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	make_dir(f, "tree");
	make_dir(f, "tree/folder");
	make_file(f, "tree/folder/file");
	make_file(f, "outside");
	assert_int_equal(syscall(SYS_fchmodat, AT_FDCWD, path_in(f, "outside"), 0600), 0);
	assert_int_equal(syscall(SYS_fchmodat, AT_FDCWD, path_in(f, "tree/folder/file"), 0600), 0);
	swapped = "file";
	assert_false(tree_share(AT_FDCWD, path_in(f, "tree"), 0));
	assert_null(swapped);
	assert_int_equal(stat(path_in(f, "outside"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_absent_and_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_existing_repositories, setup, teardown),
		cmocka_unit_test_setup_teardown(test_occupied_targets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_commit_to_an_absent_target, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_a_commit_parents_go, setup, teardown),
		cmocka_unit_test_setup_teardown(test_commit_never_replaces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_move_into_a_directory_that_stays, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_move_is_undone_when_a_name_is_taken, setup,
						teardown),
		cmocka_unit_test(test_unusable_targets),
		cmocka_unit_test_setup_teardown(test_parent_that_is_a_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deep_trees_need_few_descriptors, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_removing_follows_no_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_temporary_folder_that_becomes_a_link, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_sharing_follows_no_link, setup, teardown),
	};

	return cmocka_run_group_tests_name("clone/target", tests, NULL, NULL);
}
