/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request heads in proxy/http/http1: every framing rule, targets, persistence and WebSocket
 * handshakes. Responses are in test_http1_response.c, splitting of heads in test_http1_scan.c,
 * bodies in test_http1_body.c.
 */
#include "proxy/http/http1.h"

#include <stdio.h>

#include "tests/unit/proxy/http/http1_refusals.h"

static struct parsed
parse_request(struct str text)
{
	struct parsed p = {.ok = false};
	char *copy = exact(text);

	arena_init(&p.arena, 1 << 16);
	enum http1_found found =
		http1_scan_head(&p.scan, (struct str){copy, text.len}, &limits, &p.status);
	free(copy);
	if (found == HTTP1_MORE)
		fail_msg("incomplete: %.*s", STR_FMT(text));
	if (found == HTTP1_BAD)
		return p;
	char *head = arena_dup(&p.arena, str_take(text, p.scan.at));
	assert_non_null(head);
	p.ok = http1_parse_request((struct str){head, p.scan.at}, &p.scan, &p.request,
				   &p.persistence, &p.arena, &p.status, &p.e);
	return p;
}

static void
assert_str(struct str s, const char *expected)
{
	if (!str_equal(s, str_from(expected)))
		fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(s), expected);
}

static void
test_refused_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refusals); i++) {
		struct parsed p = parse_request(refusals[i].head);
		if (p.ok || p.status != refusals[i].status)
			fail_msg("%s instead of %u: %.*s", p.ok ? "accepted" : p.e.text,
				 refusals[i].status, STR_FMT(refusals[i].head));
		parsed_fini(&p);
	}
}

/* No byte but the allowed ones passes in any place, whatever its neighbours are. */
static void
test_every_byte_in_every_place(void **state)
{
	static const char token_others[] = "!#$%&'*+-.^_`|~";

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		char method[] = "G?T / HTTP/1.1\r\n" HOST "\r\n";
		char target[] = "GET /a?b HTTP/1.1\r\n" HOST "\r\n";
		char name[] = "GET / HTTP/1.1\r\nA?a: b\r\n" HOST "\r\n";
		char value[] = "GET / HTTP/1.1\r\nA: b?b\r\n" HOST "\r\n";
		bool is_alnum =
			(c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		bool is_token = is_alnum || (c != 0 && strchr(token_others, (int)c) != NULL);
		const struct {
			char *text;
			size_t size;
			size_t at;
			bool is_good;
		} places[] = {
			{method, sizeof(method), 1, is_token},
			{target, sizeof(target), 6, c > 0x20 && c < 0x7f && c != '#'},
			{name, sizeof(name), 17, is_token || c == ':'},
			{value, sizeof(value), 20, (c >= 0x20 && c != 0x7f) || c == '\t'},
		};
		for (size_t i = 0; i < COUNT(places); i++) {
			places[i].text[places[i].at] = (char)c;
			struct parsed p =
				parse_request((struct str){places[i].text, places[i].size - 1});
			if (p.ok != places[i].is_good)
				fail_msg("byte %u in place %zu: %d", c, i, p.ok);
			parsed_fini(&p);
		}
	}
}

static void
test_a_request_is_parsed(void **state)
{
	struct parsed p = parse_request(
		STR("POST /a/b%20c?d=e?f HTTP/1.1\r\nHost: WS.example:8443\r\nEmpty:\r\n"
		    "Spaced: \t a \t b\t \r\nLatin: \xe4\r\nContent-Length: 007\r\n\r\nrest"));

	(void)state;
	assert_true(p.ok);
	assert_str(p.request.method, "POST");
	assert_str(p.request.target, "/a/b%20c?d=e?f");
	assert_str(p.request.path, "/a/b%20c");
	assert_str(p.request.query, "d=e?f");
	assert_str(p.request.authority, "WS.example:8443");
	assert_int_equal(p.request.headers.count, 5);
	assert_str(p.request.headers.items[1].name, "Empty");
	assert_str(p.request.headers.items[1].value, "");
	assert_str(p.request.headers.items[2].value, "a \t b");
	assert_str(p.request.headers.items[3].value, "\xe4");
	assert_int_equal(p.request.body, BODY_LENGTH);
	assert_int_equal(p.request.length, 7);
	assert_int_equal(p.persistence.framing, HTTP1_FRAMING_LENGTH);
	assert_true(p.persistence.keep_alive);
	assert_false(p.request.is_head);
	assert_false(p.request.wants_websocket);
	parsed_fini(&p);
}

static void
test_targets(void **state)
{
	static const struct {
		const char *line;
		const char *target;
		const char *path;
		const char *authority;
	} cases[] = {
		{"GET / HTTP/1.1", "/", "/", "ws.example"},
		{"GET /? HTTP/1.1", "/?", "/", "ws.example"},
		{"GET //a HTTP/1.1", "//a", "//a", "ws.example"},
		{"GET /%00%2f..%5c;a HTTP/1.1", "/%00%2f..%5c;a", "/%00%2f..%5c;a", "ws.example"},
		{"GET /http://x/ HTTP/1.1", "/http://x/", "/http://x/", "ws.example"},
		{"OPTIONS * HTTP/1.1", "*", "*", "ws.example"},
		{"GET http://other.example HTTP/1.1", "/", "/", "other.example"},
		{"GET HTTPS://other.example:1/a?b HTTP/1.1", "/a?b", "/a", "other.example:1"},
		{"GET http://other.example?b HTTP/1.1", "/?b", "/", "other.example"},
		{"GET http://[::1]:80/ HTTP/1.1", "/", "/", "[::1]:80"},
		{"OPTIONS http://other.example HTTP/1.1", "*", "*", "other.example"},
		{"OPTIONS http://other.example/ HTTP/1.1", "/", "/", "other.example"},
		{"OPTIONS http://other.example?b HTTP/1.1", "/?b", "/", "other.example"},
		{"\r\nGET / HTTP/1.1", "/", "/", "ws.example"},
		{"GET / HTTP/1.9", "/", "/", "ws.example"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[256];
		int len = snprintf(text, sizeof(text), "%s\r\n" HOST "\r\n", cases[i].line);
		struct parsed p = parse_request((struct str){text, (size_t)len});
		if (!p.ok)
			fail_msg("%s: %s", cases[i].line, p.e.text);
		assert_str(p.request.target, cases[i].target);
		assert_str(p.request.path, cases[i].path);
		assert_str(p.request.authority, cases[i].authority);
		parsed_fini(&p);
	}
}

static void
test_framing_of_requests(void **state)
{
	static const struct {
		const char *fields;
		enum body_kind body;
		enum http1_framing framing;
		uint64_t length;
	} cases[] = {
		{"", BODY_NONE, HTTP1_FRAMING_NONE, 0},
		{"Content-Length: 0\r\n", BODY_NONE, HTTP1_FRAMING_NONE, 0},
		{"Content-Length: 1\r\n", BODY_LENGTH, HTTP1_FRAMING_LENGTH, 1},
		{"Content-Length: 9223372036854775807\r\n", BODY_LENGTH, HTTP1_FRAMING_LENGTH,
		 INT64_MAX},
		{"Transfer-Encoding: chunked\r\n", BODY_STREAM, HTTP1_FRAMING_CHUNKED, 0},
		{"tRANSFER-eNCODING:\t cHUNKED \r\n", BODY_STREAM, HTTP1_FRAMING_CHUNKED, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[256];
		int len = snprintf(text, sizeof(text), "POST / HTTP/1.1\r\n" HOST "%s\r\n",
				   cases[i].fields);
		struct parsed p = parse_request((struct str){text, (size_t)len});
		assert_true(p.ok);
		assert_int_equal(p.request.body, cases[i].body);
		assert_int_equal(p.request.length, cases[i].length);
		assert_int_equal(p.persistence.framing, cases[i].framing);
		parsed_fini(&p);
	}
}

static void
test_persistence_of_requests(void **state)
{
	static const struct {
		const char *version;
		const char *fields;
		bool keeps;
	} cases[] = {
		{"1.1", "", true},
		{"1.1", "Connection: keep-alive\r\n", true},
		{"1.1", "Connection: close\r\n", false},
		{"1.1", "Connection: Close\r\n", false},
		{"1.1", "Connection: upgrade, ,\tclose\t\r\n", false},
		{"1.1", "Connection: keep-alive\r\nConnection: close\r\n", false},
		{"1.1", "Connection: closed\r\n", true},
		{"1.1", "Proxy-Connection: close\r\n", true},
		{"1.0", "", false},
		{"1.0", "Connection: keep-alive\r\n", true},
		{"1.0", "Connection: Keep-Alive, close\r\n", false},
		{"1.0", "Connection: x\r\n", false},
		{"1.0", "Keep-Alive: 5\r\n", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[256];
		int len = snprintf(text, sizeof(text), "GET / HTTP/%s\r\n" HOST "%s\r\n",
				   cases[i].version, cases[i].fields);
		struct parsed p = parse_request((struct str){text, (size_t)len});
		assert_true(p.ok);
		assert_int_equal(p.persistence.is_http10, cases[i].version[2] == '0');
		if (p.persistence.keep_alive != cases[i].keeps)
			fail_msg("case %zu: %s", i, text);
		assert_int_equal(p.request.half_close_is_end, !cases[i].keeps);
		parsed_fini(&p);
	}
}

#define WEBSOCKET                                                                                  \
	"Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: k\r\n"        \
	"Sec-WebSocket-Version: 13\r\n"

static void
test_websocket_handshakes(void **state)
{
	static const struct {
		const char *line;
		const char *fields;
		bool is_handshake;
	} cases[] = {
		{"GET / HTTP/1.1", WEBSOCKET, true},
		{"GET / HTTP/1.0", WEBSOCKET, false},
		{"POST / HTTP/1.1", WEBSOCKET, false},
		{"GET / HTTP/1.1", WEBSOCKET "Content-Length: 1\r\n", false},
		{"GET / HTTP/1.1", WEBSOCKET "Transfer-Encoding: chunked\r\n", false},
		{"GET / HTTP/1.1", WEBSOCKET "Content-Length: 0\r\n", true},
		{"GET / HTTP/1.1", WEBSOCKET "Upgrade: websocket\r\n", false},
		{"GET / HTTP/1.1", "Upgrade: websocket\r\nConnection: Upgrade\r\n", false},
		{"GET / HTTP/1.1",
		 "Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Key: k\r\n"
		 "Sec-WebSocket-Version: 13\r\n",
		 false},
		{"GET / HTTP/1.1",
		 "Upgrade: websocket\r\nSec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n",
		 false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[512];
		int len = snprintf(text, sizeof(text), "%s\r\n" HOST "%s\r\n", cases[i].line,
				   cases[i].fields);
		struct parsed p = parse_request((struct str){text, (size_t)len});
		assert_true(p.ok);
		if (p.request.wants_websocket != cases[i].is_handshake)
			fail_msg("case %zu: %s", i, text);
		parsed_fini(&p);
	}
}

/* A head full of nominations would have quadratic cost. */
static void
test_too_many_nominations(void **state)
{
	const struct http1_limits wide = {.head_max_bytes = 65536, .headers_max = 100};
	struct http1_persistence persistence;
	struct http1_scan scan = {0};
	struct request_head request;
	struct arena arena;
	struct buf head;
	struct err e = ERR_INIT;
	unsigned status = 0;

	(void)state;
	buf_init(&head, 65536);
	buf_add_str(&head, STR("GET / HTTP/1.1\r\nHost: h\r\nConnection: close"));
	for (int i = 0; i < 300; i++)
		buf_add_str(&head, STR(",a"));
	buf_add_str(&head, STR("\r\n\r\n"));
	assert_int_equal(http1_scan_head(&scan, buf_view(&head), &wide, &status), HTTP1_COMPLETE);
	arena_init(&arena, 65536);
	assert_false(http1_parse_request(buf_view(&head), &scan, &request, &persistence, &arena,
					 &status, &e));
	assert_int_equal(status, 400);
	arena_fini(&arena);
	buf_fini(&head);
}

static void
test_missing_memory_is_reported(void **state)
{
	struct http1_scan scan = {0};
	struct http1_persistence persistence;
	struct request_head request;
	struct response_head response;
	struct arena arena;
	struct err e = ERR_INIT;
	unsigned status;
	struct str head = STR("GET http://a?b HTTP/1.1\r\nHost: a\r\n\r\n");

	(void)state;
	arena_init(&arena, 8);
	assert_int_equal(http1_scan_head(&scan, head, &limits, &status), HTTP1_COMPLETE);
	assert_false(http1_parse_request(head, &scan, &request, &persistence, &arena, &status, &e));
	assert_int_equal(e.code, ERR_MEMORY);
	assert_int_equal(status, 500);
	arena_fini(&arena);
	arena_init(&arena, sizeof(struct header));
	assert_false(http1_parse_request(head, &scan, &request, &persistence, &arena, &status, &e));
	assert_int_equal(e.code, ERR_MEMORY);
	assert_int_equal(status, 500);
	assert_false(http1_parse_response(head, &scan, false, &response, &persistence, &arena, &e));
	assert_int_equal(e.code, ERR_MEMORY);
	arena_fini(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_requests),
		cmocka_unit_test(test_every_byte_in_every_place),
		cmocka_unit_test(test_a_request_is_parsed),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_framing_of_requests),
		cmocka_unit_test(test_persistence_of_requests),
		cmocka_unit_test(test_websocket_handshakes),
		cmocka_unit_test(test_too_many_nominations),
		cmocka_unit_test(test_missing_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
