/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log as a viewer reads it: the last lines of the ring and of files, merged and filtered; new
 * ones, rotation, truncation; and what the workspace's user may put in the place of a file.
 */
#include "proxy/logs/log_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/logs/log_files.h"
#include "tests/unit/remove_tree.h"

#define NOON	  INT64_C(1769860800000) /* 2026-01-31T12:00:00Z */
#define STEPS_MAX 200000u

static struct log_ring ring;
static struct log_patterns patterns;
static char directory[64];
static char path[256];
static struct log_reader *reader;
static struct buf seen; /* messages, one a line */

static int
setup(void **state)
{
	(void)state;
	memset(&ring, 0, sizeof(ring));
	(void)snprintf(directory, sizeof(directory), "%s/log-reader-XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(directory));
	patterns = (struct log_patterns){.items = {{directory, "*.log"}}, .count = 1};
	buf_init(&seen, (size_t)64 * 1024 * 1024);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	log_reader_free(reader);
	reader = NULL;
	buf_fini(&seen);
	(void)chmod(directory, 0700);
	return remove_tree(directory);
}

static const char *
path_of(const char *name)
{
	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void
append(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "a");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

static void
add_own(int64_t time_ms, const char *message, enum log_level level)
{
	log_ring_add(&ring, &(struct log_record){.time_ms = time_ms,
						 .level = level,
						 .message = str_from(message)});
}

static void
start(const char *query, bool follows)
{
	const struct log_reader_options options = {&ring, &patterns, follows, LOG_FILES_WINDOW};
	struct err e = ERR_INIT;
	struct log_query q;

	assert_true(log_query_parse(&q, str_from(query), &e));
	log_reader_free(reader);
	reader = log_reader_new(&options, &q);
	assert_non_null(reader);
}

/* Reads until there is nothing more; what it got is in seen. */
static const char *
read_all(void)
{
	struct log_record record;
	enum log_reader_result result = LOG_READER_BUSY;
	size_t steps = 0;

	buf_clear(&seen);
	while (result != LOG_READER_END && steps++ < STEPS_MAX) {
		log_reader_begin_step(reader);
		while ((result = log_reader_next(reader, &record)) == LOG_READER_RECORD) {
			buf_add_str(&seen, record.message);
			buf_add_byte(&seen, '\n');
		}
	}
	assert_true(steps < STEPS_MAX);
	assert_true(buf_add_byte(&seen, '\0'));
	return seen.data;
}

static const char *
look_and_read(void)
{
	log_reader_look(reader);
	return read_all();
}

static void
test_merged_by_time(void **state)
{
	(void)state;
	add_own(NOON + 500, "own 1", LOG_INFO);
	add_own(NOON + 2500, "own 2", LOG_WARN);
	append("a.log", "2026-01-31T12:00:00Z a 1\n2026-01-31T12:00:02Z a 2\n  still a 2\n");
	append("b.log", "2026-01-31T12:00:01Z b 1\n\n2026-01-31T12:00:03Z ERROR b 2\n    trace\n");
	append("c.txt", "does not match\n");
	append(".hidden.log", "does not match either\n");
	start("", false);
	assert_string_equal(read_all(),
			    "a 1\nown 1\nb 1\na 2\n  still a 2\nown 2\nERROR b 2\n    trace\n");
	start("lines=3", false);
	assert_string_equal(read_all(), "own 2\nERROR b 2\n    trace\n");
	start("lines=0", false);
	assert_string_equal(read_all(), "");
	start("level=warn", false);
	assert_string_equal(read_all(), "own 2\nERROR b 2\n    trace\n");
	start("source=ide&lines=1", false);
	assert_string_equal(read_all(), "    trace\n");
	start("source=proxy", false);
	assert_string_equal(read_all(), "own 1\nown 2\n");
	start("since=2026-01-31T12:00:02.400Z", false);
	assert_string_equal(read_all(), "own 2\nERROR b 2\n    trace\n");
	start("source=clone", false);
	assert_string_equal(read_all(), "");
}

static void
test_last_lines_of_many(void **state)
{
	char line[64];

	(void)state;
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(line, sizeof(line), "2026-01-31T12:%02d:%02dZ %d\n", i / 60, i % 60,
			       i);
		append("a.log", line);
	}
	start("lines=2", false);
	assert_string_equal(read_all(), "2998\n2999\n");
	start("lines=1000", false);
	assert_true(str_starts_with(str_from(read_all()), STR("2000\n2001\n")));
	start("", false);
	assert_true(str_starts_with(str_from(read_all()), STR("2800\n2801\n")));
}

static void
test_following(void **state)
{
	(void)state;
	append("a.log", "old\n");
	start("", true);
	assert_string_equal(read_all(), "old\n");
	assert_string_equal(read_all(), "");
	append("a.log", "new\npart");
	add_own(NOON, "own", LOG_INFO);
	assert_string_equal(read_all(), "own\nnew\n");
	append("a.log", "ly\n");
	assert_string_equal(read_all(), "partly\n");
	append("b.log", "another file\n");
	assert_string_equal(read_all(), "");
	assert_string_equal(look_and_read(), "another file\n");
	assert_int_not_equal(log_reader_events(reader), -1);
}

static void
test_last_line_without_an_end(void **state)
{
	(void)state;
	append("a.log", "last words");
	start("", false);
	assert_string_equal(read_all(), "last words\n");
	start("", true);
	assert_string_equal(read_all(), "last words\n");
	append("a.log", ", really\n");
	assert_string_equal(read_all(), ", really\n");
	append("a.log", "hanging");
	assert_string_equal(read_all(), "");
	for (int i = 0; i < 200 && strlen(read_all()) == 0; i++)
		(void)usleep(20000);
	assert_string_equal(seen.data, "hanging\n");
}

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

/* Whatever is in the place of a file: not opened, or not followed. */
static void
test_what_is_no_file(void **state)
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
test_long_lines(void **state)
{
	static char line[1024 * 1024 + 2];
	FILE *file = fopen(path_of("a.log"), "w");

	(void)state;
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	for (int i = 0; i < 10; i++)
		(void)fputs(line, file);
	(void)fputs("\nshort\n", file);
	assert_int_equal(fclose(file), 0);
	start("", false);
	assert_string_equal(read_all(), "short\n"); /* the window begins in the long line */
	start("", true);
	assert_string_equal(read_all(), "short\n");
	memset(line + 100000, '\0', 1);
	append("a.log", line);
	append("a.log", "\nagain\n");
	const char *all = read_all();
	assert_int_equal(strspn(all, "x"), 8192);
	assert_string_equal(all + 8192, "\nagain\n");
}

static void
test_binary_files(void **state)
{
	FILE *file = fopen(path_of("a.log"), "w");

	(void)state;
	uint32_t random = 7;
	for (int i = 0; i < 300000; i++) {
		random = random * 1664525u + 1013904223u;
		(void)fputc((int)(random >> 24), file);
	}
	(void)fputs("\n\xc3\nhalf \xe2\x82\nwhole\n", file);
	assert_int_equal(fclose(file), 0);
	start("lines=3", false);
	assert_string_equal(read_all(), "\xef\xbf\xbd\nhalf \xef\xbf\xbd\xef\xbf\xbd\nwhole\n");
	start("lines=1000", false);
	assert_true(strlen(read_all()) > 1000);
}

static void
test_a_follower_who_is_behind_skips(void **state)
{
	static char line[1001];

	(void)state;
	memset(line, 'x', 999);
	line[999] = '\n';
	append("a.log", "first\n");
	start("", true);
	assert_string_equal(read_all(), "first\n");
	for (int i = 0; i < 1000; i++)
		append("a.log", line);
	append("a.log", "last\n");
	const char *all = look_and_read();
	assert_true(str_starts_with(str_from(all), STR("lines left out\nxxxx")));
	assert_true(str_ends_with(str_from(all), STR("\nlast\n")));
	assert_true(strlen(all) < 80000 && strlen(all) > 60000);
}

/* Our own lines, too: how many were replaced before they were read. */
static void
test_a_follower_who_is_overtaken_is_told(void **state)
{
	struct log_record record;
	char line[1001];

	(void)state;
	memset(line, 'x', 1000);
	line[1000] = '\0';
	add_own(NOON, "first", LOG_INFO);
	start("level=error", true);
	assert_string_equal(read_all(), "");
	for (int i = 0; i < 1000; i++)
		add_own(NOON + 1 + i, line, LOG_ERROR);
	uint64_t kept = 1001 - ring.replaced;
	log_reader_begin_step(reader);
	assert_int_equal(log_reader_next(reader, &record), LOG_READER_RECORD);
	char expected[64];
	(void)snprintf(expected, sizeof(expected), "\"lines\":%d", (int)(1000 - kept));
	assert_true(str_equal(record.message, STR("lines left out")));
	assert_true(str_equal(record.fields, str_from(expected)));
	assert_int_equal(record.level, LOG_ERROR);
	assert_int_equal(record.source, LOG_SOURCE_PROXY);
	assert_int_equal(strlen(read_all()), kept * 1001);
	for (int i = 0; i < 1000; i++)
		add_own(NOON + 2000, line, LOG_ERROR);
	start("source=ide", true);
	assert_string_equal(read_all(), ""); /* who does not see the lines is not told */
	start("lines=1", true);
	assert_int_equal(strlen(read_all()), 1001); /* nothing was lost before it was asked for */
}

/* The sixteen that changed last, in steps that are short. */
static void
test_many_files(void **state)
{
	struct timespec times[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};
	struct log_record record;
	enum log_reader_result result;
	char name[64];
	unsigned steps = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		(void)snprintf(name, sizeof(name), "%05d.log", i);
		int fd = open(path_of(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		assert_true(dprintf(fd, "%d\n", i) > 0);
		times[1].tv_sec = 1700000000 + (i * 7919) % 10000;
		assert_int_equal(futimens(fd, times), 0);
		close(fd);
	}
	start("lines=1000", false);
	buf_clear(&seen);
	do {
		log_reader_begin_step(reader);
		while ((result = log_reader_next(reader, &record)) == LOG_READER_RECORD) {
			buf_add_str(&seen, record.message);
			buf_add_byte(&seen, '\n');
		}
		steps++;
	} while (result != LOG_READER_END);
	assert_true(steps > 30);
	unsigned lines = 0;
	for (size_t i = 0; i < seen.len; i++)
		lines += seen.data[i] == '\n';
	assert_int_equal(lines, 16);
}

/* Memory file systems keep any time that its owner sets. */
static void
test_times_of_files_that_are_far_away(void **state)
{
	struct timespec times[2] = {{.tv_sec = INT64_C(1) << 62}, {.tv_sec = INT64_C(1) << 62}};
	struct log_record record;
	enum log_reader_result result;

	(void)state;
	append("a.log", "x\n");
	assert_int_equal(utimensat(AT_FDCWD, path_of("a.log"), times, 0), 0);
	start("", false);
	do {
		log_reader_begin_step(reader);
		result = log_reader_next(reader, &record);
	} while (result == LOG_READER_BUSY);
	assert_int_equal(result, LOG_READER_RECORD);
	assert_true(record.time_ms > NOON);
	times[1].tv_sec = -(INT64_C(1) << 62);
	assert_int_equal(utimensat(AT_FDCWD, path_of("a.log"), times, 0), 0);
	start("since=1970-01-02T00:00:00Z", false);
	assert_string_equal(read_all(), "");
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

/* Neither a directory nor a file that may not be read stops what may be. */
static void
test_what_may_not_be_read(void **state)
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
		CASE(test_merged_by_time),
		CASE(test_last_lines_of_many),
		CASE(test_following),
		CASE(test_last_line_without_an_end),
		CASE(test_rotation),
		CASE(test_truncation),
		CASE(test_what_is_no_file),
		CASE(test_files_that_are_replaced),
		CASE(test_long_lines),
		CASE(test_binary_files),
		CASE(test_a_follower_who_is_behind_skips),
		CASE(test_a_follower_who_is_overtaken_is_told),
		CASE(test_many_files),
		CASE(test_times_of_files_that_are_far_away),
		CASE(test_a_directory_that_comes_later),
		CASE(test_a_directory_below_one_that_can_not_be_listed),
		CASE(test_what_may_not_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
