/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring of the last lines, what the log shows its observer, and the forms of a record.
 */
#include "base/log/log_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log/log_record.h"

static struct log_ring ring;

static int
setup(void **state)
{
	(void)state;
	memset(&ring, 0, sizeof(ring));
	log_configure(LOG_INFO, LOG_JSON, open("/dev/null", O_WRONLY | O_CLOEXEC));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	log_observe(NULL, NULL);
	log_configure(LOG_INFO, LOG_JSON, STDERR_FILENO);
	return 0;
}

static void
keep(const struct log_record *record, void *arg)
{
	log_ring_add(arg, record);
}

static void
assert_text(struct str actual, const char *expected)
{
	assert_int_equal(actual.len, strlen(expected));
	assert_memory_equal(actual.data, expected, actual.len);
}

static void
add(uint64_t number, size_t fields_bytes)
{
	static char fields[LOG_LINE_MAX];
	char message[32];

	memset(fields, 'f', sizeof(fields));
	(void)snprintf(message, sizeof(message), "%llu", (unsigned long long)number);
	log_ring_add(&ring, &(struct log_record){.time_ms = (int64_t)number,
						 .level = LOG_WARN,
						 .source = LOG_SOURCE_CLONE,
						 .message = str_from(message),
						 .fields = {fields, fields_bytes}});
}

static void
test_empty_ring(void **state)
{
	struct log_record record;
	uint64_t position = 0;

	(void)state;
	assert_false(log_ring_read(&ring, &position, &record));
	assert_int_equal(ring.replaced, 0);
}

/* Records of many sizes, many times around the ring: those that are read are the newest, whole and
 * in order. */
static void
test_the_newest_records_stay(void **state)
{
	static const size_t sizes[] = {0, 1, 13, 100, 4000, 1, 16000, 17, 333};
	struct log_record record = {.time_ms = 0};
	uint64_t number = 0;

	(void)state;
	for (; number < 5000; number++) {
		uint64_t position = 0;
		int64_t last = -1;

		add(number, sizes[number % 9]);
		if (number % 97 != 0)
			continue;
		while (log_ring_read(&ring, &position, &record)) {
			assert_true(last < 0 || record.time_ms == last + 1);
			assert_int_equal(record.fields.len, sizes[record.time_ms % 9]);
			assert_int_equal(record.level, LOG_WARN);
			assert_int_equal(record.source, LOG_SOURCE_CLONE);
			if (last < 0)
				assert_int_equal(record.time_ms, ring.replaced);
			last = record.time_ms;
		}
		assert_int_equal(last, number);
		assert_true(ring.end - ring.begin <= LOG_RING_BYTES);
	}
	assert_true(ring.end - ring.begin > LOG_RING_BYTES - (uint64_t)2 * LOG_LINE_MAX);
}

static void
test_a_slow_reader_loses_the_oldest(void **state)
{
	struct log_record record;
	uint64_t position = 0;

	(void)state;
	add(1, 10);
	assert_true(log_ring_read(&ring, &position, &record));
	for (uint64_t i = 2; i < 1000; i++)
		add(i, 1000);
	assert_true(position < ring.begin);
	assert_true(log_ring_read(&ring, &position, &record));
	assert_true(record.time_ms > 700);
	assert_int_equal(record.time_ms, ring.replaced + 1);
}

static void
test_records_over_the_limit_are_left_out(void **state)
{
	(void)state;
	add(1, LOG_LINE_MAX);
	assert_int_equal(ring.end, 0);
	add(1, LOG_LINE_MAX - 1);
	assert_int_not_equal(ring.end, 0);
}

static void
observe_one(enum log_format format)
{
	struct log_context context = {.fields = {log_int("port", 3000)}};
	struct log_record record;
	uint64_t position = ring.end;

	log_configure(LOG_INFO, format, open("/dev/null", O_WRONLY | O_CLOEXEC));
	log_observe(keep, &ring);
	log_debug(NULL, "below the level");
	log_traffic(NULL, "request", log_int("status", 200));
	log_warn(&context, "say \"it\"", log_cstr("path", "/a\nb"), log_secret("token"));
	log_info(NULL, "plain");
	assert_true(log_ring_read(&ring, &position, &record));
	assert_text(record.message, "say \\\"it\\\"");
	assert_text(record.fields, "\"port\":3000,\"path\":\"/a\\nb\",\"token\":\"[redacted]\"");
	assert_int_equal(record.level, LOG_WARN);
	assert_int_equal(record.source, LOG_SOURCE_PROXY);
	assert_true(record.time_ms > INT64_C(1700000000000));
	assert_true(log_ring_read(&ring, &position, &record));
	assert_text(record.message, "plain");
	assert_int_equal(record.fields.len, 0);
	assert_false(log_ring_read(&ring, &position, &record));
}

static void
test_the_observer_sees_lines_but_not_traffic(void **state)
{
	(void)state;
	observe_one(LOG_JSON);
	observe_one(LOG_TEXT);
}

static void
test_forms(void **state)
{
	struct log_record record = {.time_ms = INT64_C(1769860800123),
				    .level = LOG_ERROR,
				    .source = LOG_SOURCE_IDE,
				    .message = STR("a \\\"b\\\""),
				    .fields = STR("\"n\":1")};
	struct buf out;
	struct err e = ERR_INIT;

	(void)state;
	buf_init(&out, 4096);
	assert_true(log_record_write_json(&record, &out));
	assert_text(buf_view(&out),
		    "{\"time\":\"2026-01-31T12:00:00.123Z\",\"level\":\"error\",\"source\":\"ide\","
		    "\"message\":\"a \\\"b\\\"\",\"fields\":{\"n\":1}}");
	struct json_doc *doc = json_doc_parse(buf_view(&out), &e);
	assert_non_null(doc);
	json_doc_free(doc);
	buf_clear(&out);
	assert_true(log_record_write_text(&record, &out));
	assert_text(buf_view(&out), "2026-01-31T12:00:00.123Z ERROR ide    a \\\"b\\\" {\"n\":1}");
	record.fields = STR_NONE;
	buf_clear(&out);
	assert_true(log_record_write_text(&record, &out));
	assert_true(str_ends_with(buf_view(&out), STR("a \\\"b\\\"")));
	buf_fini(&out);
}

static void
test_names(void **state)
{
	enum log_level level;
	enum log_source source;

	(void)state;
	assert_true(log_level_parse(STR("warn"), &level));
	assert_int_equal(level, LOG_WARN);
	assert_false(log_level_parse(STR("off"), &level));
	assert_false(log_level_parse(STR("WARN"), &level));
	assert_true(log_source_parse(STR("clone"), &source));
	assert_int_equal(source, LOG_SOURCE_CLONE);
	assert_false(log_source_parse(STR(""), &source));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_empty_ring, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_newest_records_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_slow_reader_loses_the_oldest, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_records_over_the_limit_are_left_out, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_the_observer_sees_lines_but_not_traffic, setup,
						teardown),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
