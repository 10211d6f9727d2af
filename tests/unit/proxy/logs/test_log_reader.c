/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log as a viewer sees it: the last lines of the ring and of files, merged and filtered; new
 * lines, rotation and truncation; and hostile replacements of files.
 */
#include "tests/unit/proxy/logs/log_reader_support.h"

static void
add_own(int64_t time_ms, const char *message, enum log_level level)
{
	log_ring_add(&ring, &(struct log_record){.time_ms = time_ms,
						 .level = level,
						 .message = str_from(message)});
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
	for (int i = 0; i < 3000 && strlen(read_all()) == 0; i++)
		(void)usleep(20000);
	assert_string_equal(seen.data, "hanging\n");
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

/* The number of our own lines that were replaced before they were read. */
static void
test_an_overtaken_follower_is_notified(void **state)
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

int
main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_merged_by_time),
		CASE(test_last_lines_of_many),
		CASE(test_following),
		CASE(test_last_line_without_an_end),
		CASE(test_long_lines),
		CASE(test_binary_files),
		CASE(test_a_follower_who_is_behind_skips),
		CASE(test_an_overtaken_follower_is_notified),
		CASE(test_many_files),
		CASE(test_times_of_files_that_are_far_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
