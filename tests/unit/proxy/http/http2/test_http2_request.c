/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/http/http2/http2_request: which fields make which request, and how invalid ones are
 * refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/http/http2/http2_request.h"
#include "tests/unit/count.h"

#define FIELDS_OF_ONE 12
#define USUAL                                                                                      \
	{":method", "GET"}, {":scheme", "https"},                                                  \
	{                                                                                          \
		":authority", "ws.example"                                                         \
	}

struct text_field {
	const char *name;
	const char *value;
};

struct outcome {
	enum http2_verdict verdict;
	struct request_head request;
	struct arena arena;
	unsigned status;
	struct err e;
	bool fits;
};

static const struct http2_request_limits limits = {.head_max_bytes = 1024,
						   .large_head_max_bytes = 4096,
						   .headers_max = 8,
						   .line_max_bytes = 64};

static struct outcome
parse(const struct text_field *fields, bool has_ended, bool may_be_large)
{
	struct http2_fields f = {.limits = NULL};
	struct outcome o = {.e = ERR_INIT, .fits = true};

	http2_fields_begin(&f, &limits);
	f.may_be_large = may_be_large;
	for (size_t i = 0; i < FIELDS_OF_ONE && fields[i].name != NULL; i++)
		o.fits &= http2_fields_add(&f, str_from(fields[i].name), str_from(fields[i].value));
	o.verdict = http2_request_parse(&f, has_ended, true, &o.request, &o.arena, &o.status, &o.e);
	http2_fields_fini(&f);
	return o;
}

static void
assert_str(struct str actual, const char *expected)
{
	assert_int_equal(actual.len, strlen(expected));
	assert_memory_equal(actual.data, expected, actual.len);
}

static void
test_request(void **state)
{
	static const struct text_field fields[FIELDS_OF_ONE] = {
		USUAL,
		{":path", "/a?b=c"},
		{"x-one", "1"},
		{"cookie", "a=b"},
		{"te", "trailers"},
		{"cookie", "c=d"},
		{"x-two", "two 2"},
	};
	struct outcome o = parse(fields, true, false);
	const struct request_head *r = &o.request;
	struct str value;

	(void)state;
	assert_int_equal(o.verdict, HTTP2_ACCEPTED);
	assert_str(r->method, "GET");
	assert_str(r->target, "/a?b=c");
	assert_str(r->path, "/a");
	assert_str(r->query, "b=c");
	assert_str(r->authority, "ws.example");
	assert_int_equal(r->body, BODY_NONE);
	assert_true(r->accepts_trailers);
	assert_false(r->wants_websocket);
	assert_int_equal(headers_find(&r->headers, HEADER_COOKIE, &value), 1);
	assert_str(value, "a=b; c=d");
	assert_int_equal(headers_find(&r->headers, HEADER_HOST, &value), 1);
	assert_str(headers_get(&r->headers, STR("x-two"), 0), "two 2");
	arena_fini(&o.arena);
}

static void
test_bodies(void **state)
{
	static const struct {
		const char *length;
		bool has_ended;
		enum body_kind body;
		unsigned status;
	} cases[] = {
		{NULL, true, BODY_NONE, 0},
		{NULL, false, BODY_STREAM, 0},
		{"0", true, BODY_NONE, 0},
		{"0", false, BODY_NONE, 0},
		{"7", false, BODY_LENGTH, 0},
		{"7", true, BODY_NONE, 400},
		{"-1", false, BODY_NONE, 400},
		{"7, 7", false, BODY_NONE, 400},
		{"+7", false, BODY_NONE, 400},
		{"0x7", false, BODY_NONE, 400},
		{"99999999999999999999", false, BODY_NONE, 400},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct text_field fields[FIELDS_OF_ONE] = {
			USUAL,
			{":path", "/"},
			{cases[i].length == NULL ? "x" : "content-length",
			 cases[i].length == NULL ? "y" : cases[i].length}};
		struct outcome o = parse(fields, cases[i].has_ended, false);

		assert_int_equal(o.verdict, cases[i].status == 0 ? HTTP2_ACCEPTED : HTTP2_REJECTED);
		assert_int_equal(o.status, cases[i].status == 0 ? 400 : cases[i].status);
		if (cases[i].status == 0)
			assert_int_equal(o.request.body, cases[i].body);
		arena_fini(&o.arena);
	}
}

static void
test_malformed(void **state)
{
	static const struct text_field cases[][FIELDS_OF_ONE] = {
		{{":scheme", "https"}, {":authority", "ws.example"}, {":path", "/"}},
		{{":method", "GET"}, {":authority", "ws.example"}, {":path", "/"}},
		{USUAL},
		{USUAL, {":path", ""}},
		{USUAL, {":path", "/"}, {":path", "/"}},
		{USUAL, {":path", "/"}, {":status", "200"}},
		{USUAL, {":path", "/"}, {":protocol", "websocket"}},
		{USUAL, {"x", "y"}, {":path", "/"}},
		{USUAL, {"cookie", "a=b"}, {":path", "/"}},
		{USUAL, {":path", "/"}, {"X-Upper", "y"}},
		{USUAL, {":path", "/"}, {"", "y"}},
		{USUAL, {":path", "/"}, {"a b", "y"}},
		{USUAL, {":path", "/"}, {"a:", "y"}},
		{USUAL, {":path", "/"}, {"x", "a\r\nb: c"}},
		{USUAL, {":path", "/"}, {"x", "a\nb"}},
		{USUAL, {":path", "/"}, {"x", " y"}},
		{USUAL, {":path", "/"}, {"x", "y\t"}},
		{USUAL, {":path", "/"}, {"x", "\x7f"}},
		{USUAL, {":path", "/"}, {"connection", "close"}},
		{USUAL, {":path", "/"}, {"keep-alive", "timeout=5"}},
		{USUAL, {":path", "/"}, {"proxy-connection", "close"}},
		{USUAL, {":path", "/"}, {"transfer-encoding", "chunked"}},
		{USUAL, {":path", "/"}, {"transfer_encoding", "chunked"}},
		{USUAL, {":path", "/"}, {"upgrade", "websocket"}},
		{USUAL, {":path", "/"}, {"te", "gzip"}},
		{{":method", "CONNECT"}, {":authority", "a"}, {":path", "/"}},
		{{":method", "CONNECT"},
		 {":authority", "a"},
		 {":path", "/"},
		 {":protocol", "websocket"}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct outcome o = parse(cases[i], true, false);

		assert_int_equal(o.verdict, HTTP2_MALFORMED);
		assert_int_equal(o.e.code, ERR_INPUT);
	}
}

#define WS(authority_text, path_text)                                                              \
	{":method", "GET"}, {":scheme", "https"}, {":authority", authority_text},                  \
	{                                                                                          \
		":path", path_text                                                                 \
	}

static void
test_rejected(void **state)
{
	static const struct {
		unsigned status;
		struct text_field fields[FIELDS_OF_ONE];
	} cases[] = {
		{400, {WS("ws.example", "/"), {"host", "other.example"}}},
		{400, {WS("user@ws.example", "/")}},
		{400, {WS("ws.example:x", "/")}},
		{400, {WS("", "/")}},
		{400, {{":method", "GET"}, {":scheme", "https"}, {":path", "/"}}},
		{400, {WS("ws.example", "http://ws.example/")}},
		{400, {WS("ws.example", "*")}},
		{400, {WS("ws.example", "/a b")}},
		{400, {WS("ws.example", "/a#b")}},
		{400, {WS("ws.example", "/\xc3\xa9")}},
		{400, {WS("ws.example", "/"), {"origin", "a"}, {"origin", "b"}}},
		{400, {WS("ws.example", "/"), {"content_length", "5"}}},
		{400, {WS("ws.example", "/"), {"content-length", "5"}, {"content-length", "5"}}},
		{400, {WS("ws.example", "/"), {"trailer", "a b"}}},
		{400, {{":method", "G T"}, {":scheme", "https"}, {":path", "/"}, {"host", "a"}}},
		{400, {{":method", "GET"}, {":scheme", "ftp"}, {":path", "/"}, {"host", "a"}}},
		{414,
		 {WS("ws.example", "/a/path/that/is/longer/than/the/limit/of/a/request/line/is")}},
		{501, {{":method", "CONNECT"}, {":authority", "ws.example:443"}}},
		{501,
		 {{":method", "CONNECT"},
		  {":scheme", "https"},
		  {":authority", "ws.example"},
		  {":path", "/"},
		  {":protocol", "connect-udp"}}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct outcome o = parse(cases[i].fields, false, false);

		assert_int_equal(o.verdict, HTTP2_REJECTED);
		assert_int_equal(o.status, cases[i].status);
		arena_fini(&o.arena);
	}
}

/* Many fields of the same bytes: each counts before it is copied. */
static struct outcome
parse_many(const char *name, const char *value, size_t count, bool may_be_large)
{
	static const struct text_field usual[] = {WS("ws.example", "/")};
	struct http2_fields f = {.limits = NULL};
	struct outcome o = {.e = ERR_INIT, .fits = true};

	http2_fields_begin(&f, &limits);
	f.may_be_large = may_be_large;
	for (size_t i = 0; i < COUNT(usual); i++)
		assert_true(
			http2_fields_add(&f, str_from(usual[i].name), str_from(usual[i].value)));
	for (size_t i = 0; i < count; i++)
		o.fits &= http2_fields_add(&f, str_from(name), str_from(value));
	assert_true(f.arena.used + f.cookies.len <= limits.large_head_max_bytes);
	o.verdict = http2_request_parse(&f, true, true, &o.request, &o.arena, &o.status, &o.e);
	http2_fields_fini(&f);
	return o;
}

static void
test_limits(void **state)
{
	static const struct {
		const char *name;
		size_t count;
		bool may_be_large;
		enum http2_verdict verdict;
		bool fits;
	} cases[] = {
		{"x", 8, false, HTTP2_ACCEPTED, true},
		{"x", 9, false, HTTP2_REJECTED, true},
		{"x", 9, true, HTTP2_REJECTED, true},
		{"x", 1000, false, HTTP2_REJECTED, false},
		{"cookie", 20, false, HTTP2_ACCEPTED, true},
		{"cookie", 30, false, HTTP2_REJECTED, true},
		{"cookie", 30, true, HTTP2_ACCEPTED, true},
		{"cookie", 1000, true, HTTP2_ACCEPTED, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct outcome o =
			parse_many(cases[i].name, "y", cases[i].count, cases[i].may_be_large);

		assert_int_equal(o.fits, cases[i].fits);
		if (o.fits)
			assert_int_equal(o.verdict, cases[i].verdict);
		if (o.fits && o.verdict == HTTP2_REJECTED)
			assert_int_equal(o.status, 431);
		if (o.verdict != HTTP2_MALFORMED)
			arena_fini(&o.arena);
	}
}

static void
test_websocket(void **state)
{
	struct text_field fields[FIELDS_OF_ONE] = {
		{":method", "CONNECT"},	      {":scheme", "https"},
		{":authority", "ws.example"}, {":path", "/ws"},
		{":protocol", "websocket"},   {"sec-websocket-version", "13"},
		{"sec-websocket-key", "x"},   {"origin", "https://ws.example"},
	};
	struct outcome o = parse(fields, false, false);
	struct str key;

	(void)state;
	assert_int_equal(o.verdict, HTTP2_ACCEPTED);
	assert_str(o.request.method, "GET");
	assert_true(o.request.wants_websocket);
	assert_int_equal(o.request.body, BODY_NONE);
	assert_int_equal(headers_find(&o.request.headers, HEADER_SEC_WEBSOCKET_KEY, &key), 1);
	assert_int_equal(key.len, 24);
	arena_fini(&o.arena);

	o = parse(fields, true, false);
	assert_int_equal(o.status, 400);
	arena_fini(&o.arena);
	fields[5].name = "x";
	o = parse(fields, false, false);
	assert_int_equal(o.status, 400);
	arena_fini(&o.arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),	  cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_malformed), cmocka_unit_test(test_rejected),
		cmocka_unit_test(test_limits),	  cmocka_unit_test(test_websocket),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
