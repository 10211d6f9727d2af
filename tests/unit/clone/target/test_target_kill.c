/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Killed at any moment: every call that changes the file system is, in turn, the one before which
 * the process gets SIGKILL. What is there then, and what the next runs make of it (killed at some
 * moment as well), must be a complete clone or nothing, and what others put there is never touched.
 *
 * The calls are stood in for below, so that they can be counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clone/target/target.h"
#include "clone/target/tree.h"
#include "tests/unit/clone/killed_calls.h"
#include "tests/unit/temporary.h"

#define CALLS_MAX 500u

int
rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
mkdir(const char *path, mode_t mode)
{
	count_call();
	return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int
flock(int fd, int operation)
{
	count_call();
	return (int)syscall(SYS_flock, fd, operation);
}

int
syncfs(int fd)
{
	(void)fd;
	count_call();
	return 0;
}

enum scene {
	SCENE_ABSENT,
	SCENE_BELOW_ABSENT,
	SCENE_EMPTY,
	SCENE_STAYS,  /* must stay the directory that it is */
	SCENE_FILLED, /* ... and somebody writes to it while we clone */
};

static const char *const clone_entries[] = {".git", "a", "b", "c", "d", "e"};
#define CLONE_ENTRIES (sizeof(clone_entries) / sizeof(clone_entries[0]))

struct place {
	char root[64];
	char target[96];
	enum scene scene;
};

static void
write_text(int at, const char *name, const char *text)
{
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		_exit(90);
	close(fd);
}

static bool
has_text(const char *directory, const char *name, const char *text)
{
	char path[256];
	char found[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	if (fgets(found, sizeof(found), file) == NULL)
		found[0] = '\0';
	(void)fclose(file);
	return strcmp(found, text) == 0;
}

static void
place_make(struct place *p, enum scene scene)
{
	char path[160];

	calls_left = 0;
	p->scene = scene;
	snprintf(p->root, sizeof(p->root), "%s/test-clone-kill-XXXXXX", temporary_folder());
	assert_non_null(mkdtemp(p->root));
	snprintf(p->target, sizeof(p->target), "%s/%sdemo", p->root,
		 scene == SCENE_BELOW_ABSENT ? "x/y/" : "");
	if (scene >= SCENE_EMPTY)
		assert_int_equal(mkdir(p->target, 0755), 0);
	snprintf(path, sizeof(path), "%s/lost+found", p->target);
	if (scene >= SCENE_STAYS)
		assert_int_equal(mkdir(path, 0755), 0);
}

/* Does what a worker does, with a few directories as the clone. Ends the process. */
static void
work(const struct place *p, unsigned calls)
{
	struct clone_failure failure = {.problem = CLONE_PROBLEM_NONE};
	enum target_kind kind;
	struct target t;
	bool ok;

	calls_left = calls;
	ok = target_init(&t, p->target, &kind, &failure);
	if (ok && t.tree != NULL) {
		int tree = tree_open(AT_FDCWD, t.tree);
		int target = tree_open(AT_FDCWD, p->target);

		for (size_t i = 0; i < CLONE_ENTRIES; i++) {
			if (mkdirat(tree, clone_entries[i], 0755) < 0)
				_exit(91);
		}
		write_text(tree, "file", "ours");
		if (p->scene == SCENE_FILLED)
			write_text(target, "c", "mine");
		close(tree);
		close(target);
		ok = target_commit(&t, &failure);
	}
	target_fini(&t);
	_exit(ok ? 0 : 1);
}

/* Returns the status of waitpid. */
static int
run(const struct place *p, unsigned calls)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		work(p, calls);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) <= 1);
	return status;
}

static bool
exists(const char *directory, const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return lstat(path, &st) == 0;
}

/* At any moment a repository is complete, and files of others still exist. */
static void
assert_sound(const struct place *p, bool is_filled)
{
	bool is_done = exists(p->target, ".git");

	for (size_t i = 0; is_done && i < CLONE_ENTRIES; i++)
		assert_true(exists(p->target, clone_entries[i]));
	if (is_done)
		assert_true(has_text(p->target, "file", "ours"));
	if (p->scene >= SCENE_STAYS)
		assert_true(exists(p->target, "lost+found"));
	if (is_filled)
		assert_true(has_text(p->target, "c", "mine"));
}

static size_t
count_entries(const char *directory)
{
	DIR *dir = opendir(directory);
	size_t count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count - 2; /* itself and its parent */
}

/* After a run that was not killed. */
static void
assert_final(const struct place *p)
{
	size_t extra = p->scene >= SCENE_STAYS ? 1 : 0;
	char parent[96];

	snprintf(parent, sizeof(parent), "%s", p->target);
	*strrchr(parent, '/') = '\0';
	assert_int_equal(count_entries(parent), 1);
	if (p->scene == SCENE_FILLED && has_text(p->target, "c", "mine"))
		assert_int_equal(count_entries(p->target), 1 + extra);
	else
		assert_int_equal(count_entries(p->target), CLONE_ENTRIES + 1 + extra);
}

static void
assert_any_moment(enum scene scene)
{
	unsigned seed = (unsigned)getpid();
	unsigned calls = 1;
	bool was_killed = true;

	for (; was_killed && calls < CALLS_MAX; calls++) {
		struct place p;
		bool is_filled;

		place_make(&p, scene);
		was_killed = WIFSIGNALED(run(&p, calls));
		is_filled = scene == SCENE_FILLED && has_text(p.target, "c", "mine");
		assert_sound(&p, is_filled);
		/* The next runs find what it left; no other process writes there any more. */
		if (is_filled)
			p.scene = SCENE_STAYS;
		(void)run(&p, 1 + (unsigned)rand_r(&seed) % 12);
		assert_sound(&p, is_filled);
		(void)run(&p, 0);
		assert_sound(&p, is_filled);
		p.scene = scene;
		assert_final(&p);
		assert_true(tree_remove(AT_FDCWD, p.root));
	}
	assert_in_range(calls, 8, CALLS_MAX - 1);
}

static void
test_into_an_absent_directory(void **state)
{
	(void)state;
	assert_any_moment(SCENE_ABSENT);
}

static void
test_below_an_absent_directory(void **state)
{
	(void)state;
	assert_any_moment(SCENE_BELOW_ABSENT);
}

static void
test_into_an_empty_directory(void **state)
{
	(void)state;
	assert_any_moment(SCENE_EMPTY);
}

static void
test_into_a_directory_that_stays(void **state)
{
	(void)state;
	assert_any_moment(SCENE_STAYS);
}

static void
test_into_a_directory_that_is_filled_meanwhile(void **state)
{
	(void)state;
	assert_any_moment(SCENE_FILLED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_into_an_absent_directory),
		cmocka_unit_test(test_below_an_absent_directory),
		cmocka_unit_test(test_into_an_empty_directory),
		cmocka_unit_test(test_into_a_directory_that_stays),
		cmocka_unit_test(test_into_a_directory_that_is_filled_meanwhile),
	};

	return cmocka_run_group_tests_name("clone/target, killed", tests, NULL, NULL);
}
