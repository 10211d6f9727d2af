/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log files that are rotated, truncated, replaced, no regular files, or not readable.
 */
#include "tests/unit/proxy/logs/log_reader_support.h"

static void
test_rotation(void **state)
{
	char rotated[256];

	(void)state;
	append("a.log", "1\n");
	start("", true);
	assert_string_equal(read_all(), "1\n");
	append("a.log", "2\n");
	(void)snprintf(rotated, sizeof(rotated), "%s", path_of("a.log.1"));
	assert_int_equal(rename(path_of("a.log"), rotated), 0);
	append("a.log", "3\n");
	assert_string_equal(look_and_read(), "2\n3\n");
	append("a.log", "4\n");
	assert_string_equal(look_and_read(), "4\n");
	/* Renamed to a name that matches: the same file, once. */
	(void)snprintf(rotated, sizeof(rotated), "%s", path_of("old.log"));
	assert_int_equal(rename(path_of("a.log"), rotated), 0);
	append("old.log", "5\n");
	append("a.log", "5 b\n");
	const char *both = look_and_read(); /* at the same time: in any order */
	assert_int_equal(strlen(both), strlen("5\n5 b\n"));
	assert_non_null(strstr(both, "5 b\n"));
	assert_int_equal(unlink(path_of("a.log")), 0);
	append("a.log", "6\n");
	assert_string_equal(look_and_read(), "6\n");
}

static void
test_truncation(void **state)
{
	(void)state;
	append("a.log", "a long first line\n");
	start("", true);
	assert_string_equal(read_all(), "a long first line\n");
	assert_int_equal(truncate(path_of("a.log"), 0), 0);
	append("a.log", "short\n");
	assert_string_equal(look_and_read(), "short\n");
}

/* Anything but a regular file is not opened, and links are not followed. */
static void
test_other_than_regular_files(void **state)
{
	char target[256];

	(void)state;
	(void)snprintf(target, sizeof(target), "%s", path_of("secret.txt"));
	append("secret.txt", "secret\n");
	assert_int_equal(symlink(target, path_of("link.log")), 0);
	assert_int_equal(symlink("/dev/zero", path_of("zero.log")), 0);
	assert_int_equal(mkfifo(path_of("fifo.log"), 0600), 0);
	assert_int_equal(mkdir(path_of("directory.log"), 0700), 0);
	append("unreadable.log", "x\n");
	assert_int_equal(chmod(path_of("unreadable.log"), 0), 0);
	append("a.log", "good\n");
	start("", true);
	if (geteuid() == 0)
		assert_non_null(strstr(read_all(), "good\n"));
	else
		assert_string_equal(read_all(), "good\n");
	assert_null(strstr(seen.data, "secret"));
	/* A link in the place of the directory. */
	(void)snprintf(target, sizeof(target), "%s", directory);
	(void)snprintf(directory, sizeof(directory), "%.50s-link", target);
	assert_int_equal(symlink(target, directory), 0);
	start("", false);
	assert_string_equal(read_all(), "");
	assert_int_equal(unlink(directory), 0);
	(void)snprintf(directory, sizeof(directory), "%.63s", target);
}

/* Between the look and the opening, and while it is open: never anything but a regular file. */
static void
test_files_that_are_replaced(void **state)
{
	(void)state;
	append("secret.txt", "secret\n");
	for (int i = 0; i < 200; i++) {
		(void)unlink(path_of("a.log"));
		append("a.log", "good\n");
		start("", true);
		log_reader_begin_step(reader);
		(void)log_reader_next(reader, &(struct log_record){.time_ms = 0});
		(void)unlink(path_of("a.log"));
		if (i % 2 == 0)
			assert_int_equal(symlink("secret.txt", path_of("a.log")), 0);
		else
			assert_int_equal(mkfifo(path_of("a.log"), 0600), 0);
		(void)read_all();
		assert_null(strstr(look_and_read(), "secret"));
	}
}

static void
test_a_directory_that_comes_later(void **state)
{
	char later[128];

	(void)state;
	(void)snprintf(later, sizeof(later), "%s/later", directory);
	patterns.items[0].directory = later;
	start("", true);
	assert_string_equal(read_all(), "");
	assert_int_equal(mkdir(later, 0700), 0);
	append("later/a.log", "x\n");
	assert_string_equal(look_and_read(), "x\n");
	assert_int_equal(chmod(later, 0), 0);
	append("b.log", "y\n");
	assert_string_equal(look_and_read(), "");
	assert_int_equal(chmod(later, 0700), 0);
}

/* Directories on the way need to be searchable, not readable. */
static void
test_a_directory_below_one_that_can_not_be_listed(void **state)
{
	char below[128];
	bool is_root = geteuid() == 0;

	(void)state;
	(void)snprintf(below, sizeof(below), "%s/below", directory);
	patterns.items[0].directory = below;
	assert_int_equal(mkdir(below, 0700), 0);
	append("below/a.log", "x\n");
	assert_int_equal(chmod(below, 0755), 0);
	assert_int_equal(chmod(path_of("below/a.log"), 0644), 0);
	assert_int_equal(chmod(directory, 0311), 0);
	assert_int_equal(is_root ? seteuid(65534) : 0, 0);
	start("", true);
	const char *text = read_all();
	assert_int_equal(is_root ? seteuid(0) : 0, 0);
	assert_string_equal(text, "x\n");
}

/* Unreadable directories and files do not affect the readable ones. */
static void
test_unreadable_files(void **state)
{
	char closed[128];
	bool is_root = geteuid() == 0;

	(void)state;
	(void)snprintf(closed, sizeof(closed), "%s/closed", directory);
	patterns.items[1] = patterns.items[0];
	patterns.items[0].directory = closed;
	patterns.count = 2;
	assert_int_equal(mkdir(closed, 0700), 0);
	append("closed/a.log", "hidden\n");
	append("b.log", "hidden, too\n");
	append("c.log", "shown\n");
	assert_int_equal(chmod(closed, 0), 0);
	assert_int_equal(chmod(path_of("b.log"), 0), 0);
	assert_int_equal(chmod(path_of("c.log"), 0644), 0);
	assert_int_equal(chmod(directory, 0755), 0);
	assert_int_equal(is_root ? seteuid(65534) : 0, 0);
	start("", true);
	const char *text = read_all();
	assert_int_equal(is_root ? seteuid(0) : 0, 0);
	assert_string_equal(text, "shown\n");
	assert_int_equal(chmod(closed, 0700), 0);
}

int
main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_rotation),
		CASE(test_truncation),
		CASE(test_other_than_regular_files),
		CASE(test_files_that_are_replaced),
		CASE(test_a_directory_that_comes_later),
		CASE(test_a_directory_below_one_that_can_not_be_listed),
		CASE(test_unreadable_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
