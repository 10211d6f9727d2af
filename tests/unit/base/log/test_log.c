/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log, read back through a pipe: both formats, the order of fields, hostile values, limits, and
 * a sink that does not take a line.
 */
#include "base/log/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log/log_escape.h"

#define TIME_LEN 24 /* of "2026-01-31T12:00:00.123Z" */

static int pipe_ends[2];
static char line[4 * LOG_LINE_MAX];

static int
setup(void **state)
{
	(void)state;
	return pipe2(pipe_ends, O_NONBLOCK | O_CLOEXEC);
}

static int
teardown(void **state)
{
	(void)state;
	log_configure(LOG_INFO, LOG_JSON, STDERR_FILENO);
	return close(pipe_ends[0]) + close(pipe_ends[1]);
}

/* What one read takes is what one write gave. */
static size_t
read_line(void)
{
	ssize_t got = read(pipe_ends[0], line, sizeof(line) - 1);
	size_t len = got < 0 ? 0 : (size_t)got;

	line[len] = '\0';
	return len;
}

static void
assert_valid_time(const char *text)
{
	static const char pattern[] = "dddd-dd-ddTdd:dd:dd.dddZ";

	for (size_t i = 0; i < TIME_LEN; i++) {
		if (pattern[i] == 'd')
			assert_in_range(text[i], '0', '9');
		else
			assert_int_equal(text[i], pattern[i]);
	}
}

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
assert_text_line(const char *expected)
{
	assert_true(read_line() > TIME_LEN);
	assert_valid_time(line);
	assert_string_equal(line + TIME_LEN, expected);
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

/* Whatever a value or a message holds, the line is one line and valid JSON. */
static void
test_any_byte_keeps_the_line_whole(void **state)
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

	/* A character of three bytes across the limit goes as a whole. */
	memcpy(value + LOG_VALUE_MAX - 1, "\xe2\x82\xac", 3);
	log_info(NULL, "m", log_str("v", (struct str){value, sizeof(value)}));
	doc = json_doc_parse((struct str){line, read_line()}, &e);
	assert_non_null(doc);
	assert_true(json_get_str(json_doc_root(doc), "v", &kept, &e));
	assert_int_equal(kept.len, LOG_VALUE_MAX - 1 + strlen("\xe2\x80\xa6[cut]"));
	json_doc_free(doc);

	/* Nothing but continuations has no boundary to look for. */
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

static void
drain_pipe(void)
{
	while (read_line() > 0)
		continue;
}

static void
fill_pipe(void)
{
	static const char block[4096];

	while (write(pipe_ends[1], block, sizeof(block)) > 0)
		continue;
}

static void
test_dropped_lines_are_counted(void **state)
{
	(void)state;
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	fill_pipe();
	log_info(NULL, "lost");
	log_info(NULL, "lost too");
	drain_pipe();
	log_info(NULL, "here");
	assert_text_line(" INFO  here lines_dropped=2\n");
	log_info(NULL, "all well");
	assert_text_line(" INFO  all well\n");
}

static void
test_a_torn_line_is_ended(void **state)
{
	char value[LOG_VALUE_MAX];
	struct log_field fields[10];
	size_t len;

	(void)state;
	memset(value, 'x', sizeof(value));
	for (size_t i = 0; i < 9; i++)
		fields[i] = log_str("v", (struct str){value, sizeof(value)});
	fields[9] = LOG_END;
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	fill_pipe();
	/* Room for one page: a line that is longer goes in partly. */
	assert_int_equal(read(pipe_ends[0], line, 4096), 4096);
	log_write(LOG_INFO, NULL, "torn", fields);
	drain_pipe();
	log_info(NULL, "next");
	len = read_line();
	assert_true(len > 0);
	assert_int_equal(line[0], '\n');
	assert_string_equal(line + 1 + TIME_LEN, " INFO  next lines_dropped=1\n");
	log_info(NULL, "after");
	assert_text_line(" INFO  after\n");
}

static void
test_errno_is_left_alone(void **state)
{
	(void)state;
	log_configure(LOG_INFO, LOG_TEXT, -1);
	errno = ENOENT;
	log_info(NULL, "nowhere");
	assert_int_equal(errno, ENOENT);
}

static void
count_call(void *arg)
{
	unsigned *calls = arg;

	(*calls)++;
}

static size_t
lines_read(void)
{
	size_t lines = 0;

	read_line();
	for (const char *at = line; *at != '\0'; at++)
		lines += *at == '\n';
	return lines;
}

static void
test_held_lines_leave_together(void **state)
{
	unsigned calls = 0;

	(void)state;
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	log_hold(count_call, &calls);
	log_flush();
	assert_int_equal(lines_read(), 0);
	log_info(NULL, "one");
	log_info(NULL, "two");
	assert_int_equal(calls, 1);
	assert_int_equal(lines_read(), 0);
	log_flush();
	assert_int_equal(lines_read(), 2);
	assert_non_null(strstr(line, "one"));
	log_info(NULL, "three");
	assert_int_equal(calls, 2);
	log_hold(NULL, NULL);
	assert_int_equal(lines_read(), 1);
	log_info(NULL, "at once");
	assert_int_equal(lines_read(), 1);
	assert_int_equal(calls, 2);
}

static void
test_warnings_take_held_lines_along(void **state)
{
	unsigned calls = 0;

	(void)state;
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	log_hold(count_call, &calls);
	log_info(NULL, "before");
	log_warn(NULL, "careful");
	assert_int_equal(lines_read(), 2);
	assert_true(strstr(line, "before") < strstr(line, "careful"));
	log_hold(NULL, NULL);
}

/* No write is larger than what a pipe takes whole. */
static void
test_held_lines_are_bounded(void **state)
{
	char value[LOG_VALUE_MAX + 1];
	unsigned calls = 0;
	size_t lines = 0;

	(void)state;
	memset(value, 'v', LOG_VALUE_MAX);
	value[LOG_VALUE_MAX] = '\0';
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	log_hold(count_call, &calls);
	for (int i = 0; i < 10; i++) {
		log_info(NULL, "many", log_cstr("value", value));
		lines += lines_read();
		assert_true(strlen(line) <= PIPE_BUF);
	}
	assert_true(lines > 0);
	log_info(NULL, "large", log_cstr("a", value), log_cstr("b", value), log_cstr("c", value),
		 log_cstr("d", value), log_cstr("e", value));
	lines += lines_read();
	log_flush();
	assert_int_equal(lines + lines_read(), 11);
	log_hold(NULL, NULL);
}

static void
test_held_lines_that_are_lost_are_counted(void **state)
{
	unsigned calls = 0;

	(void)state;
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	fill_pipe();
	log_hold(count_call, &calls);
	log_info(NULL, "one");
	log_info(NULL, "two");
	log_flush();
	drain_pipe();
	log_info(NULL, "here");
	assert_text_line(" INFO  here lines_dropped=2\n");
	log_info(NULL, "held again");
	assert_int_equal(lines_read(), 0);
	log_hold(NULL, NULL);
	assert_int_equal(lines_read(), 1);
}

/* Who reads our log may stop reading; what we serve must not. */
static void
test_pipe_that_nobody_reads(void **state)
{
	int ends[2];
	bool is_told = false;
	static char drained[LOG_PIPE_BYTES + 1];
	char longer[900];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(pipe(ends), 0);
	int sink = log_open_sink(ends[1]);
	assert_int_not_equal(fcntl(sink, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	log_configure(LOG_INFO, LOG_TEXT, sink);
	for (size_t i = 0; i < 2 * LOG_PIPE_BYTES / sizeof(longer); i++)
		log_info(NULL, longer);
	assert_true(read(ends[0], drained, sizeof(drained)) > 0);
	log_info(NULL, "read again");
	close(ends[1]);
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	close(sink);
	while (!is_told) {
		ssize_t n = read(ends[0], drained, sizeof(drained) - 1);
		assert_true(n > 0);
		drained[n] = '\0';
		is_told = strstr(drained, "read again lines_dropped=") != NULL;
	}
	close(ends[0]);
}

/* systemd gives a socket; its flags are shared, and stay. */
static void
test_socket_that_nobody_reads(void **state)
{
	uint64_t lost = log_lines_lost();
	int ends[2];
	char heard[512] = "";

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(log_open_sink(ends[1]), ends[1]);
	log_configure(LOG_INFO, LOG_TEXT, ends[1]);
	(void)alarm(20);
	for (size_t i = 0; log_lines_lost() < lost + 10; i++)
		log_info(NULL, "a line that nobody reads");
	(void)alarm(0);
	assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	while (recv(ends[0], heard, sizeof(heard), MSG_DONTWAIT) > 0)
		;
	log_info(NULL, "read again");
	ssize_t len = recv(ends[0], heard, sizeof(heard) - 1, 0);
	assert_true(len > 0);
	heard[len] = '\0';
	assert_non_null(strstr(heard, "read again lines_dropped="));
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	close(ends[0]);
	close(ends[1]);
}

/* Output of a terminal that was stopped (Ctrl-S) waits; we do not. */
static void
test_terminal_that_is_stopped(void **state)
{
	uint64_t lost = log_lines_lost();
	int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char name[64];

	(void)state;
	assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
	assert_int_equal(ptsname_r(terminal, name, sizeof(name)), 0);
	int shared = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(shared >= 0);
	int sink = log_open_sink(shared);
	assert_int_not_equal(sink, shared);
	assert_int_equal(fcntl(shared, F_GETFL) & O_NONBLOCK, 0);
	log_configure(LOG_INFO, LOG_TEXT, sink);
	(void)alarm(20);
	while (log_lines_lost() < lost + 10)
		log_info(NULL, "a line that nobody reads");
	(void)alarm(0);
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	close(sink);
	close(shared);
	close(terminal);
}

static void
test_sinks_that_are_no_pipes_stay(void **state)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(log_open_sink(fd), fd);
	close(fd);
	assert_int_equal(log_open_sink(-1), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_socket_that_nobody_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_terminal_that_is_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_context_comes_before_own_fields_and_the_parent_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_ring_of_contexts_ends, setup, teardown),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_bad_utf8_is_replaced),
		cmocka_unit_test(test_escape_respects_the_buffer),
		cmocka_unit_test_setup_teardown(test_any_byte_keeps_the_line_whole, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_long_values_are_cut_and_marked, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_long_lines_leave_fields_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dropped_lines_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_torn_line_is_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errno_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held_lines_leave_together, setup, teardown),
		cmocka_unit_test_setup_teardown(test_warnings_take_held_lines_along, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_held_lines_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held_lines_that_are_lost_are_counted, setup,
						teardown),
		cmocka_unit_test(test_pipe_that_nobody_reads),
		cmocka_unit_test(test_sinks_that_are_no_pipes_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
