/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log, read back through a pipe: both formats, the order of fields, hostile values, limits, and
 * a sink that does not take a line.
 */
#include "tests/unit/base/log/log_support.h"

/* expected is what follows the time. */
static void
assert_json_line(const char *expected)
{
	static const char start[] = "{\"time\":\"";

	assert_true(read_line() > sizeof(start) + TIME_LEN);
	assert_memory_equal(line, start, sizeof(start) - 1);
	assert_valid_time(line + sizeof(start) - 1);
	assert_string_equal(line + sizeof(start) - 1 + TIME_LEN, expected);
}

static void
test_json_line(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	err_set(&e, ERR_TIMEOUT, "timed out");
	log_configure(LOG_DEBUG, LOG_JSON, pipe_ends[1]);
	log_info(NULL, "hello");
	assert_json_line("\",\"level\":\"info\",\"message\":\"hello\"}\n");
	log_error(NULL, "failed", log_err(&e), log_int("status", -504), log_bool("again", true),
		  log_bool("last", false), log_ms("took_ms", 1234), log_secret("token"),
		  log_cstr("none", NULL));
	assert_json_line("\",\"level\":\"error\",\"message\":\"failed\",\"error\":\"timed out\","
			 "\"status\":-504,\"again\":true,\"last\":false,\"took_ms\":1234,"
			 "\"token\":\"[redacted]\",\"none\":\"\"}\n");
	log_debug(NULL, "d");
	assert_json_line("\",\"level\":\"debug\",\"message\":\"d\"}\n");
	log_warn(NULL, "w", log_int("min", INT64_MIN), log_int("max", INT64_MAX), log_int("0", 0));
	assert_json_line("\",\"level\":\"warn\",\"message\":\"w\",\"min\":-9223372036854775808,"
			 "\"max\":9223372036854775807,\"0\":0}\n");
}

static void
test_text_line(void **state)
{
	(void)state;
	log_configure(LOG_DEBUG, LOG_TEXT, pipe_ends[1]);
	log_info(NULL, "request done", log_int("status", 200), log_cstr("path", "/a?b"),
		 log_cstr("agent", "a \"b\" c"), log_cstr("empty", ""), log_ms("took", 3),
		 log_bool("ok", true));
	assert_text_line(" INFO  request done status=200 path=/a?b agent=\"a \\\"b\\\" c\" "
			 "empty=\"\" took=3ms ok=true\n");
	log_error(NULL, "x", log_cstr("equals", "a=b"), log_cstr("name", "J\xc3\xb6rg"),
		  log_cstr("escape", "\x1b[2J"), log_cstr("line", "a\nb"));
	assert_text_line(" ERROR x equals=\"a=b\" name=\"J\xc3\xb6rg\" escape=\"\\u001b[2J\" "
			 "line=\"a\\nb\"\n");
}

static void
test_levels(void **state)
{
	(void)state;
	log_configure(LOG_WARN, LOG_TEXT, pipe_ends[1]);
	assert_false(log_is_enabled(LOG_INFO));
	assert_true(log_is_enabled(LOG_WARN));
	assert_false(log_is_enabled(LOG_OFF));
	log_info(NULL, "not this");
	log_write(LOG_INFO, NULL, "nor this", (const struct log_field[]){LOG_END});
	log_warn(NULL, "this");
	assert_text_line(" WARN  this\n");
	log_configure(LOG_OFF, LOG_TEXT, pipe_ends[1]);
	log_error(NULL, "nothing");
	assert_int_equal(read_line(), 0);
}

static void
test_context_comes_before_own_fields_and_the_parent_first(void **state)
{
	struct log_context process = {.fields = {log_cstr("host", "h")}};
	struct log_context conn = {
		.parent = &process,
		.fields = {log_int("conn", 7), {.name = STR_NONE}, log_cstr("peer", "p")}};
	struct log_context request = {.parent = &conn, .fields = {log_cstr("id", "r")}};

	(void)state;
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	log_info(&request, "m", log_int("own", 1));
	assert_text_line(" INFO  m host=h conn=7 peer=p id=r own=1\n");
	log_info(&conn, "m");
	assert_text_line(" INFO  m host=h conn=7 peer=p\n");
}

static void
test_a_ring_of_contexts_ends(void **state)
{
	struct log_context ring = {.fields = {log_cstr("a", "b")}};

	(void)state;
	ring.parent = &ring;
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	log_info(&ring, "m");
	assert_true(read_line() > 0);
}

static void
assert_escaped(struct str value, const char *expected)
{
	struct buf b;

	buf_init(&b, 10000);
	assert_true(log_escape_json(&b, value));
	assert_true(buf_add_byte(&b, '\0'));
	assert_string_equal(b.data, expected);
	buf_fini(&b);
}

static void
test_escapes(void **state)
{
	(void)state;
	assert_escaped(STR_NONE, "\"\"");
	assert_escaped(STR("plain /path?x=1"), "\"plain /path?x=1\"");
	assert_escaped(STR("\"\\\b\f\n\r\t"), "\"\\\"\\\\\\b\\f\\n\\r\\t\"");
	assert_escaped(STR("a\0b\x01\x1f\x7f"), "\"a\\u0000b\\u0001\\u001f\\u007f\"");
	assert_escaped(STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
		       "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
	/* NEL, line separator, paragraph separator, right-to-left override, byte order mark */
	assert_escaped(STR("\xc2\x85\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae\xef\xbb\xbf"),
		       "\"\\u0085\\u2028\\u2029\\u202e\\ufeff\"");
}

static void
test_bad_utf8_is_replaced(void **state)
{
	static const char *const bad[] = {
		"\xff",		    /* no byte of UTF-8 */
		"\x80",		    /* a continuation without a start */
		"\xc3",		    /* a start without its continuation */
		"\xc0\xaf",	    /* overlong */
		"\xe0\x80\xaf",	    /* overlong */
		"\xf0\x80\x80\xaf", /* overlong */
		"\xed\xa0\x80",	    /* a surrogate */
		"\xf4\x90\x80\x80", /* past U+10FFFF */
		"\xe2\x82",	    /* cut */
		"\xf0\x9f\x98",	    /* cut */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct json_doc *doc;
		struct err e = ERR_INIT;
		struct buf b;

		buf_init(&b, 1000);
		buf_add_str(&b, STR("["));
		log_escape_json(&b, str_from(bad[i]));
		buf_add_str(&b, STR("]"));
		assert_true(buf_is_ok(&b));
		assert_true(str_starts_with(buf_view(&b), STR("[\"\xef\xbf\xbd")));
		doc = json_doc_parse(buf_view(&b), &e);
		assert_non_null(doc);
		json_doc_free(doc);
		buf_fini(&b);
	}
	assert_escaped(STR("a\xff\"b\xc3(c"), "\"a\xef\xbf\xbd\\\"b\xef\xbf\xbd(c\"");
}

static void
test_escape_respects_the_buffer(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	assert_false(log_escape_json(&b, STR("\n\n\n\n")));
	assert_true(b.len <= 8);
	buf_fini(&b);
	buf_init(&b, 10);
	assert_true(log_escape_json(&b, STR("\n\n\n\n")));
	buf_fini(&b);
}

/* Whatever values or message contain, the line is one line and valid JSON. */
static void
test_any_byte_keeps_one_line(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	log_configure(LOG_INFO, LOG_JSON, pipe_ends[1]);
	for (unsigned first = 0; first < 256; first++) {
		char value[] = {'a', (char)first, '\xa8', (char)first, '"', 'z'};
		struct json_doc *doc;
		struct str text;
		size_t len;

		log_info(NULL, "m", log_str("v", (struct str){value, sizeof(value)}),
			 log_int("after", 1));
		len = read_line();
		assert_true(len > 0 && strchr(line, '\n') == line + len - 1);
		doc = json_doc_parse((struct str){line, len}, &e);
		assert_non_null(doc);
		assert_non_null(json_find(json_doc_root(doc), "after"));
		if (first != 0)
			assert_true(json_get_str(json_doc_root(doc), "v", &text, &e));
		json_doc_free(doc);
	}
	log_info(NULL, "evil\"\nmessage", log_cstr("name", "v"));
	assert_json_line("\",\"level\":\"info\",\"message\":\"evil\\\"\\nmessage\","
			 "\"name\":\"v\"}\n");
}

static void
test_long_values_are_cut_and_marked(void **state)
{
	char value[LOG_VALUE_MAX + 10];
	struct json_doc *doc;
	struct err e = ERR_INIT;
	struct str kept;

	(void)state;
	log_configure(LOG_INFO, LOG_JSON, pipe_ends[1]);
	memset(value, 'x', sizeof(value));
	log_info(NULL, "m", log_str("v", (struct str){value, LOG_VALUE_MAX}));
	assert_true(read_line() > LOG_VALUE_MAX);
	assert_null(strstr(line, "[cut]"));
	log_info(NULL, "m", log_str("v", (struct str){value, LOG_VALUE_MAX + 1}));
	assert_true(read_line() > LOG_VALUE_MAX);
	assert_non_null(strstr(line, "xx\xe2\x80\xa6[cut]\"}\n"));

	/* A character of three bytes across the limit is removed as a whole. */
	memcpy(value + LOG_VALUE_MAX - 1, "\xe2\x82\xac", 3);
	log_info(NULL, "m", log_str("v", (struct str){value, sizeof(value)}));
	doc = json_doc_parse((struct str){line, read_line()}, &e);
	assert_non_null(doc);
	assert_true(json_get_str(json_doc_root(doc), "v", &kept, &e));
	assert_int_equal(kept.len, LOG_VALUE_MAX - 1 + strlen("\xe2\x80\xa6[cut]"));
	json_doc_free(doc);

	/* A value of continuation bytes only has no character boundary. */
	memset(value, '\x80', sizeof(value));
	log_info(NULL, "m", log_str("v", (struct str){value, sizeof(value)}));
	assert_true(read_line() > 0);
	assert_non_null(strstr(line, "[cut]\"}\n"));
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	memset(value, 'x', sizeof(value));
	log_info(NULL, "m", log_str("v", (struct str){value, sizeof(value)}));
	assert_true(read_line() > 0);
	assert_non_null(strstr(line, "xx\xe2\x80\xa6[cut]\"\n"));
}

static void
test_long_lines_leave_fields_out(void **state)
{
	char value[LOG_VALUE_MAX];
	struct log_field fields[40];
	struct err e = ERR_INIT;
	struct json_doc *doc;
	bool is_truncated;
	size_t len;

	(void)state;
	memset(value, '\x01', sizeof(value));
	for (size_t i = 0; i < 39; i++)
		fields[i] = log_str("v", (struct str){value, 100 + i});
	fields[39] = LOG_END;
	fields[0].name = STR("first");
	for (size_t i = 1; i < 39; i++)
		fields[i].name =
			str_skip(STR("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"), i);
	log_configure(LOG_INFO, LOG_JSON, pipe_ends[1]);
	log_write(LOG_INFO, NULL, "m", fields);
	len = read_line();
	assert_in_range(len, LOG_LINE_MAX / 2, LOG_LINE_MAX);
	assert_ptr_equal(strchr(line, '\n'), line + len - 1);
	doc = json_doc_parse((struct str){line, len}, &e);
	assert_non_null(doc);
	assert_true(json_get_bool(json_doc_root(doc), "truncated", &is_truncated, &e));
	assert_true(is_truncated);
	assert_non_null(json_find(json_doc_root(doc), "first"));
	json_doc_free(doc);
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	log_write(LOG_INFO, NULL, "m", fields);
	assert_in_range(read_line(), LOG_LINE_MAX / 2, LOG_LINE_MAX);
	assert_non_null(strstr(line, "\" truncated=true\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_json_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_context_comes_before_own_fields_and_the_parent_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_ring_of_contexts_ends, setup, teardown),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_bad_utf8_is_replaced),
		cmocka_unit_test(test_escape_respects_the_buffer),
		cmocka_unit_test_setup_teardown(test_any_byte_keeps_one_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_values_are_cut_and_marked, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_long_lines_leave_fields_out, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
