/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines of the clone worker: what it sends is what the parent's observer sees, and what is
 * malformed is refused.
 */
#include "clone/worker/worker_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "clone/clone_progress.h"

static struct {
	unsigned count;
	int64_t time_ms;
	enum log_level level;
	enum log_source source;
	char message[8192];
	char fields[8192];
} seen;

static void
observe(const struct log_record *r, void *arg)
{
	(void)arg;
	seen.count++;
	seen.time_ms = r->time_ms;
	seen.level = r->level;
	seen.source = r->source;
	(void)snprintf(seen.message, sizeof(seen.message), "%.*s", STR_FMT(r->message));
	(void)snprintf(seen.fields, sizeof(seen.fields), "%.*s", STR_FMT(r->fields));
}

static int
setup(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	log_observe(observe, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	log_observe(NULL, NULL);
	return 0;
}

/* Sends the record through a pipe; returns the line without its newline. */
static struct str
send_through_pipe(struct str fields)
{
	static char line[2 * CLONE_PROGRESS_LINE_MAX];
	const struct log_record record = {.time_ms = INT64_C(1769860800123),
					  .level = LOG_WARN,
					  .message = STR("say \\\"it\\\""),
					  .fields = fields};
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	worker_log_send(&record, &ends[1]);
	ssize_t n = read(ends[0], line, sizeof(line));
	close(ends[0]);
	close(ends[1]);
	assert_true(n > 0 && n <= (ssize_t)CLONE_PROGRESS_LINE_MAX);
	assert_int_equal(line[n - 1], '\n');
	return (struct str){line, (size_t)n - 1};
}

static void
test_lines_are_received(void **state)
{
	struct str line = send_through_pipe(STR("\"dir\":\"/a\\nb\",\"attempt\":2,\"on\":true"));
	struct err e = ERR_INIT;

	(void)state;
	assert_true(worker_log_is_line(line));
	assert_true(worker_log_receive(line, &e));
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.time_ms, INT64_C(1769860800123));
	assert_int_equal(seen.level, LOG_WARN);
	assert_int_equal(seen.source, LOG_SOURCE_CLONE);
	assert_string_equal(seen.message, "say \\\"it\\\"");
	assert_string_equal(seen.fields, "\"dir\":\"/a\\nb\",\"attempt\":2,\"on\":true");
}

static void
test_long_lines_lose_their_fields(void **state)
{
	static char fields[8192];
	struct err e = ERR_INIT;
	int len = snprintf(fields, sizeof(fields), "\"dir\":\"%05000d\"", 1);

	(void)state;
	struct str line = send_through_pipe((struct str){fields, (size_t)len});
	assert_true(worker_log_receive(line, &e));
	assert_string_equal(seen.fields, "\"truncated\":true");
}

static void
test_progress_is_no_log_line(void **state)
{
	(void)state;
	assert_false(worker_log_is_line(STR("{\"phase\":\"done\"}")));
}

static void
test_malformed_lines_are_refused(void **state)
{
	static const char *const lines[] = {
		"{\"time\":",
		"{\"time\":1}",
		"{\"time\":\"yesterday\",\"level\":\"info\",\"message\":\"x\"}",
		"{\"time\":\"2026-01-31T12:00:00.123Z\",\"level\":\"off\",\"message\":\"x\"}",
		"{\"time\":\"2026-01-31T12:00:00.123Z\",\"level\":\"info\"}",
		"{\"time\":\"2026-01-31T12:00:00.123Z\",\"level\":\"info\",\"message\":3}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct err e = ERR_INIT;

		assert_false(worker_log_receive(str_from(lines[i]), &e));
		assert_true(str_starts_with(str_from(e.text), STR("log line: ")));
	}
	assert_int_equal(seen.count, 0);
}

/* What would end the line or add a field is escaped again; nested values are left out. */
static void
test_values_are_escaped_anew(void **state)
{
	struct str line =
		STR("{\"time\":\"2026-01-31T12:00:00.123Z\",\"level\":\"info\",\"message\":"
		    "\"a\\u001b[0m\\nb\",\"fields\":{\"x\":\"\\\",\\\"y\\\":1\",\"z\":[1]}}");
	struct err e = ERR_INIT;

	(void)state;
	assert_true(worker_log_receive(line, &e));
	assert_string_equal(seen.message, "a\\u001b[0m\\nb");
	assert_string_equal(seen.fields, "\"x\":\"\\\",\\\"y\\\":1\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines_are_received, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_lines_lose_their_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_progress_is_no_log_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_malformed_lines_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values_are_escaped_anew, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
