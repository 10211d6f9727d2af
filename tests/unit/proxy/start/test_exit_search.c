/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of the IDE as the last lines of log files report it; and that each step of the search is
 * bounded, whatever the files contain.
 */
#include "proxy/start/exit_search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/logs/log_files.h"
#include "tests/unit/remove_tree.h"
#include "tests/unit/temporary.h"

#define STEPS_MAX     10000u
#define IO_BYTES      4096u /* of /proc/self/io itself */
#define SIXTEEN_TAILS ((uint64_t)LOG_FILES_MAX * 16 * 1024)

static char directory[64];
static struct log_patterns patterns = {.items = {{directory, "*.log"}}, .count = 1};
static struct exit_search *search;

static int
setup(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof(directory), "%s/last-words-XXXXXX", temporary_folder());
	return mkdtemp(directory) == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	exit_search_free(search);
	search = NULL;
	return remove_tree(directory);
}

static void
append(const char *name, const char *text, size_t len)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "a");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void
append_line(const char *name, const char *line)
{
	append(name, line, strlen(line));
	append(name, "\n", 1);
}

/* What this process has read so far, as the kernel counts it; 0: it does not say. */
static uint64_t
count_bytes_read(void)
{
	unsigned long long bytes = 0;
	FILE *file = fopen("/proc/self/io", "r");

	if (file == NULL)
		return 0;
	if (fscanf(file, "rchar: %llu", &bytes) != 1)
		bytes = 0;
	(void)fclose(file);
	return bytes;
}

struct work {
	uint64_t step_bytes_max;
	uint64_t bytes;
	unsigned steps;
};

static const struct ide_reason *
find(struct work *work)
{
	bool is_over = false;

	*work = (struct work){.steps = 0};
	exit_search_free(search);
	search = exit_search_new(&patterns);
	assert_non_null(search);
	while (!is_over && work->steps++ < STEPS_MAX) {
		uint64_t before = count_bytes_read();
		is_over = exit_search_step(search);
		uint64_t bytes = count_bytes_read() - before;

		work->bytes += bytes;
		if (bytes > work->step_bytes_max)
			work->step_bytes_max = bytes;
	}
	assert_true(is_over);
	assert_true(work->step_bytes_max <= LOG_FILES_STEP + IO_BYTES);
	return exit_search_found(search);
}

static void
test_the_last_end_counts(void **state)
{
	struct work work;

	(void)state;
	assert_null(find(&work));
	append_line("a.log",
		    "\x1b[31mexited with code 1\x1b[0m\nstarting\nexited with code 2\nbye");
	assert_non_null(strstr(find(&work)->message, "code 2"));
	assert_true(work.steps <= 3); /* so that the first answer can tell it */
	append_line("b.log", "out of memory");
	append_line("c.log", "exited with code 3");
	assert_int_equal(find(&work)->code, IDE_REASON_OUT_OF_MEMORY);
}

static void
test_an_end_before_many_lines_does_not(void **state)
{
	struct work work;

	(void)state;
	append_line("a.log", "exited with code 1");
	for (int i = 0; i < 30; i++)
		append_line("a.log", "starting again");
	assert_null(find(&work));
}

/* Many steps, each of which reads a bounded number of bytes. */
static void
test_steps_over_large_files(void **state)
{
	static char block[256 * 1024];
	struct work work;
	char name[16];

	(void)state;
	memset(block, 'x', sizeof(block));
	for (size_t i = 0; i < sizeof(block); i += 4000)
		block[i] = '\n';
	for (int i = 0; i < LOG_FILES_MAX + 4; i++) {
		(void)snprintf(name, sizeof(name), "%d.log", i);
		append(name, block, sizeof(block));
		append_line(name, "exited with code 9");
	}
	assert_non_null(strstr(find(&work)->message, "code 9"));
	assert_true(work.steps > SIXTEEN_TAILS / LOG_FILES_STEP);
	if (work.bytes > 0)
		assert_true(work.bytes < 2 * SIXTEEN_TAILS + work.steps * (uint64_t)IO_BYTES);
}

static void
test_steps_over_one_long_line(void **state)
{
	static char block[1024 * 1024];
	struct work work;

	(void)state;
	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 10; i++)
		append("a.log", block, sizeof(block));
	assert_null(find(&work));
}

/* Lines of one byte cost more than their bytes: a step takes a bounded number of them. */
static void
test_steps_over_short_lines(void **state)
{
	static char block[16 * 1024];
	struct work work;
	char name[16];

	(void)state;
	memset(block, '\n', sizeof(block));
	for (int i = 0; i < LOG_FILES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "%d.log", i);
		append(name, block, sizeof(block));
	}
	assert_null(find(&work));
	assert_true(work.steps >= SIXTEEN_TAILS / 1024);
}

static void
test_steps_over_many_files(void **state)
{
	struct work work;
	char name[16];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(name, sizeof(name), "%d.log", i);
		append(name, "", 0);
	}
	assert_null(find(&work));
	assert_true(work.steps > 2000 / 300);
}

int
main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_the_last_end_counts),	   CASE(test_an_end_before_many_lines_does_not),
		CASE(test_steps_over_large_files), CASE(test_steps_over_one_long_line),
		CASE(test_steps_over_short_lines), CASE(test_steps_over_many_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
