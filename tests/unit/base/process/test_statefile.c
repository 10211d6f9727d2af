/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that is replaced as a whole: what a reader finds after success, after every kind of
 * failure, and after a process was killed in the middle of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log/log.h"
#include "base/process/statefile.h"
#include "tests/unit/remove_tree.h"
#include "tests/unit/temporary.h"

#define CONTENT_MAX 400000u

struct fixture {
	char directory[64];
	struct loop *loop;
	struct statefile *file;
	unsigned done;
	bool ok;
	struct err err;
};

static void
on_done(const struct err *e, void *arg)
{
	struct fixture *f = arg;

	f->done++;
	f->ok = e == NULL;
	if (e != NULL)
		f->err = *e;
	loop_stop(f->loop);
}

static struct statefile *
open_file(struct fixture *f, struct err *e)
{
	const struct statefile_options options = {
		.directory = f->directory, .name = "state", .done = on_done, .arg = f};

	return statefile_open(f->loop, &options, e);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err e = ERR_INIT;

	(void)snprintf(f->directory, sizeof(f->directory), "%s/statefile-XXXXXX",
		       temporary_folder());
	assert_non_null(mkdtemp(f->directory));
	f->loop = loop_new(&e);
	f->file = open_file(f, &e);
	assert_non_null(f->file);
	log_configure(LOG_OFF, LOG_JSON, STDERR_FILENO);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	statefile_close(f->file, NULL);
	loop_free(f->loop);
	assert_int_equal(remove_tree(f->directory), 0);
	free(f);
	return 0;
}

static void
path_of(const struct fixture *f, const char *name, char out[128])
{
	(void)snprintf(out, 128, "%s/%s", f->directory, name);
}

static void
begin(struct fixture *f, const char *text)
{
	struct buf content;

	buf_init(&content, CONTENT_MAX);
	assert_true(buf_add_str(&content, str_from(text)));
	statefile_replace(f->file, &content);
	assert_int_equal(content.len, 0);
}

static bool
replace(struct fixture *f, const char *text)
{
	unsigned before = f->done;
	struct err e = ERR_INIT;

	begin(f, text);
	assert_true(statefile_is_busy(f->file));
	assert_true(loop_run(f->loop, &e));
	assert_int_equal(f->done, before + 1);
	assert_false(statefile_is_busy(f->file));
	return f->ok;
}

static void
assert_content(const struct fixture *f, const char *text)
{
	struct err e = ERR_INIT;
	struct buf content;

	buf_init(&content, CONTENT_MAX);
	assert_true(statefile_read(f->file, &content, &e));
	assert_true(str_equal(buf_view(&content), str_from(text)));
	buf_fini(&content);
}

static void
test_replaced(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	struct buf content;
	struct stat st;
	char path[128];

	buf_init(&content, CONTENT_MAX);
	assert_false(statefile_read(f->file, &content, &e));
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_true(replace(f, "first"));
	assert_content(f, "first");
	assert_true(replace(f, "2"));
	assert_content(f, "2");
	path_of(f, "state", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	path_of(f, "state.new", path);
	assert_int_equal(access(path, F_OK), -1);
}

/* The old content remains if the new one can't be written; works for root too. */
static void
test_failure_keeps_the_old(void **state)
{
	struct fixture *f = *state;
	char path[128];
	char inner[140];

	assert_true(replace(f, "old"));
	path_of(f, "state.new", path);
	(void)snprintf(inner, sizeof(inner), "%s/x", path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mkdir(inner, 0700), 0);
	assert_false(replace(f, "new"));
	assert_int_equal(f->err.code, ERR_SYSTEM);
	assert_content(f, "old");
	assert_int_equal(rmdir(inner), 0);
	assert_int_equal(rmdir(path), 0);
	assert_true(replace(f, "new"));
	assert_content(f, "new");
}

/* A file or link in the place of the new file is neither followed nor written to. */
static void
test_links_are_not_followed(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	struct stat st;
	struct buf content;
	char fresh[128];
	char target[128];
	char path[128];

	path_of(f, "target", target);
	path_of(f, "state.new", fresh);
	path_of(f, "state", path);
	assert_int_equal(symlink(target, fresh), 0);
	assert_true(replace(f, "mine"));
	assert_int_equal(access(target, F_OK), -1);
	assert_int_equal(rename(path, target), 0);
	assert_int_equal(symlink(target, path), 0);
	buf_init(&content, CONTENT_MAX);
	assert_false(statefile_read(f->file, &content, &e));
	assert_true(replace(f, "again"));
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_false(statefile_read(f->file, &content, &e));
	assert_int_equal(e.code, ERR_PROTOCOL);
	buf_fini(&content);
}

static void
test_bounded_read(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	struct buf content;
	char *big = malloc(CONTENT_MAX);

	memset(big, 'x', CONTENT_MAX - 1);
	big[CONTENT_MAX - 1] = '\0';
	assert_true(replace(f, big));
	free(big);
	buf_init(&content, CONTENT_MAX / 2);
	assert_false(statefile_read(f->file, &content, &e));
	assert_int_equal(e.code, ERR_LIMIT);
	buf_fini(&content);
}

static void
test_set_aside(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	struct buf content;
	char name[128] = "";
	char path[128];

	assert_false(statefile_set_aside(f->file, name, sizeof(name), &e));
	assert_true(replace(f, "bad"));
	assert_true(statefile_set_aside(f->file, name, sizeof(name), &e));
	assert_true(str_starts_with(str_from(name), STR("state.corrupt-")));
	path_of(f, name, path);
	assert_int_equal(access(path, F_OK), 0);
	buf_init(&content, CONTENT_MAX);
	assert_false(statefile_read(f->file, &content, &e));
	buf_fini(&content);
}

static void
test_one_process_only(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;

	assert_null(open_file(f, &e));
	assert_int_equal(e.code, ERR_CONFIG);
	statefile_close(f->file, NULL);
	f->file = open_file(f, &e);
	assert_non_null(f->file);
	(void)snprintf(f->directory + strlen(f->directory), 8, "-none");
	assert_null(open_file(f, &e));
	f->directory[strlen(f->directory) - 5] = '\0';
}

static void
test_close_waits_and_writes_last(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	struct buf last;

	begin(f, "under way");
	statefile_close(f->file, NULL);
	f->file = open_file(f, &e);
	assert_non_null(f->file);
	assert_content(f, "under way");
	begin(f, "overtaken");
	buf_init(&last, CONTENT_MAX);
	assert_true(buf_add_str(&last, STR("last")));
	statefile_close(f->file, &last);
	f->file = open_file(f, &e);
	assert_non_null(f->file);
	assert_content(f, "last");
	assert_int_equal(f->done, 0);
}

/* A process must have no threads until it is restricted, which is before its loop runs. */
static void
test_no_thread_before_the_loop(void **state)
{
	struct fixture *f = *state;
	struct stat before;
	struct stat after;

	assert_int_equal(stat("/proc/self/task", &before), 0);
	begin(f, "early");
	assert_int_equal(stat("/proc/self/task", &after), 0);
	assert_int_equal(before.st_nlink, after.st_nlink);
}

/* Writes long contents, of one letter each, until it is killed. */
_Noreturn static void
write_forever(struct fixture *f, int ready)
{
	static char text[200001];
	struct err e = ERR_INIT;

	f->loop = loop_new(&e);
	f->file = open_file(f, &e);
	for (unsigned i = 0;; i++) {
		memset(text, 'a' + (int)(i % 26), sizeof(text) - 1);
		if (f->loop == NULL || f->file == NULL || !replace(f, text))
			_exit(1);
		if (i == 0 && write(ready, "1", 1) != 1)
			_exit(1);
	}
}

static void
kill_writer_after(struct fixture *f, unsigned us)
{
	int ready[2];
	char byte;
	int status;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		write_forever(f, ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)usleep(us);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static void
test_killed_at_any_moment(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	struct buf content;

	statefile_close(f->file, NULL);
	buf_init(&content, CONTENT_MAX);
	for (unsigned round = 0; round < 40; round++) {
		f->file = NULL;
		kill_writer_after(f, round * 137 % 4000);
		f->file = open_file(f, &e);
		assert_non_null(f->file);
		buf_clear(&content);
		assert_true(statefile_read(f->file, &content, &e));
		assert_int_equal(content.len, 200000);
		for (size_t i = 1; i < content.len; i++)
			assert_int_equal(content.data[i], content.data[0]);
		statefile_close(f->file, NULL);
	}
	buf_fini(&content);
	f->file = open_file(f, &e);
	assert_non_null(f->file);
	assert_true(replace(f, "after"));
	assert_content(f, "after");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_replaced),
		T(test_failure_keeps_the_old),
		T(test_links_are_not_followed),
		T(test_bounded_read),
		T(test_set_aside),
		T(test_one_process_only),
		T(test_close_waits_and_writes_last),
		T(test_no_thread_before_the_loop),
		T(test_killed_at_any_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
