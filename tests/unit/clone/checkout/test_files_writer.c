/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files written by several threads: content, modes, order, and what stands in their way.
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
#include <unistd.h>

#include "clone/checkout/files_writer.h"
#include "clone/target/tree.h"
#include "tests/unit/temporary.h"

#define FILES	    2000u
#define LARGE_BYTES (3u * 1024u * 1024u)

/* Identifies files by the address of their number. */
static unsigned numbers[FILES + 2];

struct fixture {
	char root[64];
	int fd;
	unsigned written;
	unsigned dropped;
	unsigned next; /* number of the file that has to be next */
	bool is_ordered;
};

static int
setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	snprintf(x->root, sizeof(x->root), "%s/test-clone-files-XXXXXX", temporary_folder());
	assert_non_null(mkdtemp(x->root));
	x->fd = tree_open(AT_FDCWD, x->root);
	assert_true(x->fd >= 0);
	x->is_ordered = true;
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *x = *state;

	close(x->fd);
	assert_true(tree_remove(AT_FDCWD, x->root));
	free(x);
	return 0;
}

static void
on_done(const struct file *f, bool is_written, void *arg)
{
	struct fixture *x = arg;
	unsigned number = (unsigned)((unsigned *)f->owner - numbers);

	if (number != x->next++)
		x->is_ordered = false;
	if (is_written) {
		assert_int_equal(f->stat.st_size, f->len);
		x->written++;
	} else {
		x->dropped++;
	}
}

static bool
on_tick(void *arg)
{
	(void)arg;
	return true;
}

static bool
add(struct files_writer *w, struct clone_failure *f, unsigned number, const char *path,
    const char *text)
{
	const struct file file = {
		.path = strdup(path),
		.mode = 0100644,
		.data = text,
		.len = strlen(text),
		.owner = &numbers[number],
	};

	assert_non_null(file.path);
	return files_writer_add(w, &file, f);
}

static void
expect_text(const struct fixture *x, const char *path, const char *text)
{
	char found[64];
	int fd = openat(x->fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, found, sizeof(found));
	assert_int_equal(n, strlen(text));
	assert_memory_equal(found, text, (size_t)n);
	close(fd);
}

static void
write_many(struct fixture *x, unsigned threads)
{
	static char texts[FILES][16];
	struct clone_failure f = {.problem = CLONE_PROBLEM_NONE};
	struct files_writer *w = files_writer_new(x->fd, threads, on_done, on_tick, x);
	char path[64];

	assert_non_null(w);
	for (unsigned i = 0; i < FILES; i++) {
		if (i % 10 == 0) {
			snprintf(path, sizeof(path), "%u", i / 10);
			assert_int_equal(mkdirat(x->fd, path, 0777), 0);
			snprintf(path, sizeof(path), "%u/deep", i / 10);
			assert_int_equal(mkdirat(x->fd, path, 0777), 0);
		}
		snprintf(path, sizeof(path), i % 3 == 0 ? "%u/deep/%u" : "%u/%u", i / 10, i);
		snprintf(texts[i], sizeof(texts[i]), "%.*u", (int)(i % 12), i);
		assert_true(add(w, &f, i, path, texts[i]));
	}
	assert_true(files_writer_end(w, &f));
	files_writer_free(w);
	assert_int_equal(x->written, FILES);
	assert_int_equal(x->dropped, 0);
	assert_true(x->is_ordered);
	expect_text(x, "0/deep/0", "");
	expect_text(x, "199/1999", texts[1999]);
	expect_text(x, "199/deep/1998", texts[1998]);
}

static void
test_no_threads(void **state)
{
	write_many(*state, 0);
}

static void
test_one_thread(void **state)
{
	write_many(*state, 1);
}

static void
test_requested_number_of_threads(void **state)
{
	write_many(*state, 64);
}

static void
test_modes_and_links(void **state)
{
	static char large[LARGE_BYTES];
	struct fixture *x = *state;
	struct clone_failure f = {.problem = CLONE_PROBLEM_NONE};
	struct files_writer *w = files_writer_new(x->fd, 2, on_done, on_tick, x);
	struct file link = {.path = strdup("link"),
			    .owner = numbers,
			    .mode = S_IFLNK,
			    .data = "../away",
			    .len = 7};
	struct file program = {.path = strdup("program"), .mode = 0100755, .data = "x", .len = 1};
	char target[16];
	struct stat st;

	program.owner = &numbers[1];
	assert_non_null(w);
	assert_true(files_writer_add(w, &link, &f) && files_writer_add(w, &program, &f));
	/* More than can be queued at a time. */
	for (unsigned i = 2; i < 12; i++) {
		const struct file file = {.path = calloc(1, 16),
					  .mode = 0100644,
					  .data = large,
					  .len = sizeof(large),
					  .owner = &numbers[i]};

		assert_non_null(file.path);
		snprintf(file.path, 16, "large-%u", i);
		assert_true(files_writer_add(w, &file, &f));
	}
	assert_true(files_writer_end(w, &f));
	files_writer_free(w);
	assert_true(x->is_ordered);
	assert_int_equal(readlinkat(x->fd, "link", target, sizeof(target)), 7);
	assert_memory_equal(target, "../away", 7);
	assert_int_equal(fstatat(x->fd, "program", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true((st.st_mode & 0100) != 0);
	assert_int_equal(fstatat(x->fd, "large-11", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_size, LARGE_BYTES);
}

/* Adds the file after some valid ones; the callback runs for all of them. */
static void
expect_failure(struct fixture *x, const char *bad_path, const struct file *bad, const char *words)
{
	struct clone_failure f = {.problem = CLONE_PROBLEM_NONE};
	struct files_writer *w = files_writer_new(x->fd, 2, on_done, on_tick, x);
	char path[16];
	bool ok = true;
	unsigned i = 0;

	assert_non_null(w);
	for (; ok && i < FILES; i++) {
		snprintf(path, sizeof(path), "fine-%u", i);
		if (i == 100) {
			struct file file = *bad;

			file.path = strdup(bad_path);
			assert_non_null(file.path);
			file.owner = &numbers[i];
			ok = files_writer_add(w, &file, &f);
		} else {
			ok = add(w, &f, i, path, "fine");
		}
	}
	assert_false(ok && files_writer_end(w, &f));
	assert_false(add(w, &f, i, "more", "more"));
	assert_false(files_writer_end(w, &f));
	assert_int_not_equal(f.problem, CLONE_PROBLEM_NONE);
	if (strstr(f.detail.text, words) == NULL)
		fail_msg("%s", f.detail.text);
	files_writer_free(w);
	assert_int_equal(x->written + x->dropped, i + 1);
}

static void
test_existing_files_remain(void **state)
{
	struct fixture *x = *state;
	const struct file bad = {.mode = 0100644, .data = "new", .len = 3};
	int fd = openat(x->fd, "there", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_int_equal(write(fd, "old", 3), 3);
	close(fd);
	expect_failure(x, "there", &bad, "write there");
	expect_text(x, "there", "old");
}

static void
test_link_instead_of_a_folder(void **state)
{
	struct fixture *x = *state;
	const struct file bad = {.mode = 0100644, .data = "", .len = 0};

	assert_int_equal(mkdirat(x->fd, "a", 0777), 0);
	assert_int_equal(symlinkat("/tmp", x->fd, "a/b"), 0);
	expect_failure(x, "a/b/file", &bad, "write a/b/file");
	assert_int_not_equal(access("/tmp/file", F_OK), 0);
}

static void
test_links_to_nowhere(void **state)
{
	const struct file empty = {.mode = S_IFLNK, .data = "", .len = 0};

	expect_failure(*state, "link", &empty, "symbolic link with an invalid target");
}

static void
test_links_that_start_with_a_nul(void **state)
{
	const struct file cut = {.mode = S_IFLNK, .data = "\0b", .len = 2};

	expect_failure(*state, "link", &cut, "symbolic link with an invalid target");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_thread, setup, teardown),
		cmocka_unit_test_setup_teardown(test_requested_number_of_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_modes_and_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_existing_files_remain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link_instead_of_a_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links_to_nowhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links_that_start_with_a_nul, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
