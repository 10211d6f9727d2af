/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing of log lines in any format, of queries for the log, and of patterns of files.
 */
#include "proxy/logs/log_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/log/log_escape.h"
#include "proxy/logs/log_patterns.h"
#include "proxy/logs/log_query.h"

#define NOON INT64_C(1769860800000) /* 2026-01-31T12:00:00Z */

static struct log_text text;

static int
setup(void **state)
{
	(void)state;
	log_text_init(&text);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	log_text_fini(&text);
	return 0;
}

static void
assert_view(struct str actual, const char *expected)
{
	if (actual.len != strlen(expected) || memcmp(actual.data, expected, actual.len) != 0)
		fail_msg("\"%.*s\" instead of \"%s\"", STR_FMT(actual), expected);
}

static void
test_messages(void **state)
{
	static const struct {
		const char *line;
		const char *message;
	} cases[] = {
		{"plain", "plain"},
		{"", ""},
		{"trailing \t ", "trailing"},
		{"windows\r", "windows"},
		{"10%\r20%\r100%\r\r", "100%"},
		{"\x1b[31mred\x1b[0m", "red"},
		{"\x1b[38;5;196;1mred\x1b[m!", "red!"},
		{"\x1b]0;title\x07text", "text"},
		{"\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"},
		{"\x1b(Bcharset\x1b"
		 "7",
		 "charset"},
		{"\x1b[2J\x1b[Hhome", "home"},
		{"unfinished \x1b[3", "unfinished"},
		{"unfinished \x1b]0;title", "unfinished"},
		{"unfinished \x1b", "unfinished"},
		{"a\x07\x08\x01z", "az"},
		{"c1 \xc2\x9b"
		 "31m",
		 "c1 31m"},
		{"bidi \xe2\x80\xae" /* NOLINT(misc-misleading-bidirectional) */
		 "evil\xe2\x81\xa9",
		 "bidi evil"},
		/* Parts of one character, with something between that is left out. */
		{"c1 \xc2\x1b[m\x9b"
		 "31m",
		 "c1 31m"},
		{"bidi \xe2\x80\xc2\x9b\xae\xe2\x80\x1b[m\xae"
		 "evil",
		 "bidi evil"},
		{"tab\tinside", "tab\tinside"},
		{"\xc3\xa4 \xe2\x82\xac", "\xc3\xa4 \xe2\x82\xac"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		log_text_parse(&text, str_from(cases[i].line));
		assert_view(text.message, cases[i].message);
	}
}

static void
test_times(void **state)
{
	static const struct {
		const char *line;
		int64_t time_ms; /* 0: none */
		const char *message;
	} cases[] = {
		{"2026-01-31T12:00:00.123Z started", NOON + 123, "started"},
		{"2026-01-31 12:00:00,5 started", NOON + 500, "started"},
		{"[2026-01-31T12:00:00.000Z] info  code-server 4", NOON, "info  code-server 4"},
		{"[2026-01-31 12:00:00.000 ServerApp] up", NOON,
		 "[2026-01-31 12:00:00.000 ServerApp] up"},
		{"2026-01-31T14:00:00+02:00 x", NOON, "x"},
		{"at 2026-01-31T12:00:00Z", 0, "at 2026-01-31T12:00:00Z"},
		{"[12:00:00] x", 0, "[12:00:00] x"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		log_text_parse(&text, str_from(cases[i].line));
		assert_int_equal(text.has_time, cases[i].time_ms != 0);
		if (text.has_time)
			assert_int_equal(text.time_ms, cases[i].time_ms);
		assert_view(text.message, cases[i].message);
	}
}

static void
test_levels(void **state)
{
	static const struct {
		const char *line;
		int level; /* -1: none */
	} cases[] = {
		{"ERROR no such file", LOG_ERROR},
		{"Error: no such file", LOG_ERROR},
		{"fatal: bad object", LOG_ERROR},
		{"2026-01-31 12:00:00.123 [warning] slow", LOG_WARN},
		{"[W 2026-01-31 12:00:00 App] WARNING slow", LOG_WARN},
		{"ts=1 level=debug msg=x", LOG_DEBUG},
		{"ts=1 level=\"warn\" msg=x", LOG_WARN},
		{"<err> x", LOG_ERROR},
		{"[2026-01-31T12:00:00Z] info  listening", LOG_INFO},
		{"finished without error", -1},
		{"no errors, no warnings", -1},
		{"INFORMATION", -1},
		{"    at ERROR (file.js)", -1},
		{"", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		log_text_parse(&text, str_from(cases[i].line));
		if (text.has_level != (cases[i].level >= 0))
			fail_msg("level of \"%s\"", cases[i].line);
		if (text.has_level)
			assert_int_equal(text.level, cases[i].level);
	}
	log_text_parse(&text, STR("    at ERROR (file.js)"));
	assert_true(text.is_continued);
}

static void
test_json(void **state)
{
	(void)state;
	log_text_parse(&text,
		       STR("{\"ts\":\"2026-01-31T12:00:00Z\",\"severity\":\"WARNING\",\"msg\":"
			   "\"a\\u001b[31mb\",\"n\":1,\"ok\":true,\"r\":1.5,\"s\":\"\\u001b["
			   "1mx\\u009b\\u202e\","
			   "\"deep\":{\"x\":1},\"file\":\"other.log\",\"truncated\":true}"));
	assert_view(text.message, "ab");
	assert_int_equal(text.time_ms, NOON);
	assert_int_equal(text.level, LOG_WARN);
	assert_view(text.fields, "\"n\":1,\"ok\":true,\"r\":1.5,\"s\":\"x\"");
	log_text_parse(&text, STR("{\"time\":1769860800.5,\"level\":30,\"msg\":\"pino\"}"));
	assert_view(text.message, "pino");
	log_text_parse(&text, STR("{\"time\":1769860800123,\"msg\":\"pino\"}"));
	assert_int_equal(text.time_ms, NOON + 123);
	log_text_parse(&text, STR("{\"no\":\"message\"}"));
	assert_view(text.message, "{\"no\":\"message\"}");
	log_text_parse(&text, STR("{ not JSON"));
	assert_view(text.message, "{ not JSON");
	assert_int_equal(text.fields.len, 0);
}

/* Numerical Recipes' generator; its upper bits. */
static unsigned
next_random(void)
{
	static uint32_t random = 1;

	random = random * 1664525u + 1013904223u;
	return random >> 16;
}

/* Random bytes: no control characters are left, and the record is valid JSON. */
static void
test_any_bytes(void **state)
{
	static const char likely[] = "\x1b[]{}\"\\;m\r\xc2\xe2\x80";
	char line[300];
	struct buf out;

	(void)state;
	buf_init(&out, 65536);
	for (unsigned round = 0; round < 20000; round++) {
		size_t len = next_random() % sizeof(line);

		for (size_t i = 0; i < len; i++)
			line[i] = next_random() % 4 == 0 ? likely[next_random() % 13]
							 : (char)next_random();
		log_text_parse(&text, (struct str){line, len});
		buf_clear(&out);
		assert_true(log_escape_json(&out, text.message));
		for (size_t i = 0; i < out.len; i++)
			assert_true((unsigned char)out.data[i] >= 0x20 && out.data[i] != 0x7f);
	}
	buf_fini(&out);
}

static void
assert_refused(const char *query, const char *part)
{
	struct err e = ERR_INIT;
	struct log_query q;

	assert_false(log_query_parse(&q, str_from(query), &e));
	if (str_find(str_from(e.text), str_from(part)) == SIZE_MAX)
		fail_msg("\"%s\" for %s", e.text, query);
}

static void
test_queries(void **state)
{
	struct err e = ERR_INIT;
	struct log_query q;

	(void)state;
	assert_true(log_query_parse(&q, STR_NONE, &e));
	assert_int_equal(q.sources, 7);
	assert_int_equal(q.lines, LOG_QUERY_LINES);
	assert_int_equal(q.level, LOG_DEBUG);
	assert_true(log_query_parse(&q,
				    STR("source=clone%2Cide&level=warn&lines=0&since="
					"2026-01-31T14:00:00%2B02:00&"),
				    &e));
	assert_false(log_query_has_source(&q, LOG_SOURCE_PROXY));
	assert_true(log_query_has_source(&q, LOG_SOURCE_IDE));
	assert_int_equal(q.level, LOG_WARN);
	assert_int_equal(q.lines, 0);
	assert_int_equal(q.since_ms, NOON);
	assert_refused("source=git", "source must be");
	assert_refused("source=", "source must be");
	assert_refused("level=off", "level must be");
	assert_refused("lines=1001", "lines must be");
	assert_refused("lines=-1", "lines must be");
	assert_refused("since=yesterday", "since must be");
	assert_refused("since=2026-01-31T12:00:00", "since must be");
	assert_refused("since=%zz", "since must be");
	assert_refused("lines=1&lines=2", "lines is repeated");
	assert_refused("levle=warn", "unknown");
	assert_refused("level", "level must be");
}

static void
assert_pattern_refused(const char *patterns)
{
	struct err e = ERR_INIT;
	struct log_patterns p;
	struct arena a;

	arena_init(&a, 65536);
	if (log_patterns_parse(&p, str_from(patterns), &a, &e))
		fail_msg("%s was accepted", patterns);
	arena_fini(&a);
}

static void
test_patterns(void **state)
{
	struct err e = ERR_INIT;
	struct log_patterns p;
	struct arena a;
	struct buf out;

	(void)state;
	arena_init(&a, 65536);
	buf_init(&out, 1024);
	assert_true(log_patterns_parse(&p, STR("/tmp/workspace-logs/*.log, /ide.log"), &a, &e));
	assert_int_equal(p.count, 2);
	assert_string_equal(p.items[0].directory, "/tmp/workspace-logs");
	assert_string_equal(p.items[0].name, "*.log");
	assert_string_equal(p.items[1].directory, "/");
	log_patterns_format(&p, &out);
	assert_view(buf_view(&out), "/tmp/workspace-logs/*.log,/ide.log");
	buf_fini(&out);
	arena_fini(&a);
	assert_pattern_refused("");
	assert_pattern_refused("/");
	assert_pattern_refused("logs/*.log");
	assert_pattern_refused("/tmp/*/x.log");
	assert_pattern_refused("/tmp/../x.log");
	assert_pattern_refused("/tmp//x.log");
	assert_pattern_refused("/tmp/logs/");
	assert_pattern_refused("/1,/2,/3,/4,/5,/6,/7,/8,/9");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_messages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_times, setup, teardown),
		cmocka_unit_test_setup_teardown(test_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_any_bytes, setup, teardown),
		cmocka_unit_test(test_queries),
		cmocka_unit_test(test_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
