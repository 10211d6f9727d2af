/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads of proxy/http1: every framing rule that we hold ourselves to, in both directions, and that
 * nothing depends on how the bytes arrived. Bodies are in test_proxy_http1_body.c.
 */
#include "proxy/http1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HOST	     "Host: ws.example\r\n"
#define HEAD_MAX     1024u
#define FIELDS_MAX   16u

static const struct http1_limits limits = {.head_max_bytes = HEAD_MAX, .headers_max = FIELDS_MAX};

struct parsed {
	bool ok;
	unsigned status; /* of the refusal */
	struct http1_scan scan;
	struct request_head request;
	struct response_head response;
	struct http1_persistence persistence;
	struct arena arena;
	struct err e;
};

static void
parsed_fini(struct parsed *p)
{
	arena_fini(&p->arena);
}

/* The head is copied to its exact size, so that a sanitizer sees reads beyond it. */
static char *
exact(struct str s)
{
	char *copy = malloc(s.len + (s.len == 0));

	assert_non_null(copy);
	if (s.len > 0)
		memcpy(copy, s.data, s.len);
	return copy;
}

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

static struct parsed
parse_response(struct str text, bool to_head)
{
	struct parsed p = {.ok = false};

	arena_init(&p.arena, 1 << 16);
	enum http1_found found = http1_scan_head(&p.scan, text, &limits, &p.status);
	if (found == HTTP1_MORE)
		fail_msg("incomplete: %.*s", STR_FMT(text));
	if (found == HTTP1_BAD) {
		err_set(&p.e, ERR_PROTOCOL, "scan");
		return p;
	}
	char *head = arena_dup(&p.arena, str_take(text, p.scan.at));
	assert_non_null(head);
	p.ok = http1_parse_response((struct str){head, p.scan.at}, &p.scan, to_head, &p.response,
				    &p.persistence, &p.arena, &p.e);
	return p;
}

static void
assert_str(struct str s, const char *expected)
{
	if (!str_equal(s, str_from(expected)))
		fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(s), expected);
}

struct refusal {
	struct str head;
	unsigned status;
};

#define REFUSED(status, text)                                                                      \
	{                                                                                          \
		{text, sizeof(text) - 1}, status                                                   \
	}
#define LINE(text)  "GET / HTTP/1.1\r\n" HOST text "\r\n\r\n"
#define POST(text)  "POST / HTTP/1.1\r\n" HOST text "\r\n\r\n"
#define FIRST(text) text "\r\n" HOST "\r\n"

static const struct refusal refusals[] = {
	/* Content-Length and Transfer-Encoding together, in either order */
	REFUSED(400, POST("Content-Length: 3\r\nTransfer-Encoding: chunked")),
	REFUSED(400, POST("Transfer-Encoding: chunked\r\nContent-Length: 3")),
	REFUSED(400, POST("Content-Length: 0\r\nTransfer-Encoding: chunked")),
	/* several, non-decimal, overflowing Content-Length */
	REFUSED(400, POST("Content-Length: 3\r\nContent-Length: 4")),
	REFUSED(400, POST("Content-Length: 3\r\ncontent-length: 3")),
	REFUSED(400, POST("Content-Length: 3, 3")),
	REFUSED(400, POST("Content-Length: 3 3")),
	REFUSED(400, POST("Content-Length:")),
	REFUSED(400, POST("Content-Length: +3")),
	REFUSED(400, POST("Content-Length: -3")),
	REFUSED(400, POST("Content-Length: 0x3")),
	REFUSED(400, POST("Content-Length: 3.0")),
	REFUSED(400, POST("Content-Length: 3;")),
	REFUSED(400, POST("Content-Length: 1e3")),
	REFUSED(400, POST("Content-Length: \xb2")),
	REFUSED(400, POST("Content-Length: 9223372036854775808")),
	REFUSED(400, POST("Content-Length: 18446744073709551616")),
	REFUSED(400, POST("Content-Length: 18446744073709551619")),
	REFUSED(400, POST("Content-Length: 00000000000000000003")),
	REFUSED(400, POST("Content_Length: 3")),
	/* any Transfer-Encoding but chunked */
	REFUSED(400, POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")),
	REFUSED(400, POST("Transfer-Encoding: chunked, chunked")),
	REFUSED(400, POST("Transfer-Encoding: gzip, chunked")),
	REFUSED(400, POST("Transfer-Encoding: chunked, identity")),
	REFUSED(400, POST("Transfer-Encoding: identity")),
	REFUSED(400, POST("Transfer-Encoding: chunked;q=1")),
	REFUSED(400, POST("Transfer-Encoding: xchunked")),
	REFUSED(400, POST("Transfer-Encoding: \"chunked\"")),
	REFUSED(400, POST("Transfer-Encoding: chunked,")),
	REFUSED(400, POST("Transfer-Encoding: \x0b"
			  "chunked")),
	REFUSED(400, POST("Transfer-Encoding:")),
	REFUSED(400, POST("Transfer_Encoding: chunked")),
	REFUSED(400, "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"),
	/* white space around a name, folded lines, names that are no tokens */
	REFUSED(400, LINE("A : b")),
	REFUSED(400, LINE("A\t: b")),
	REFUSED(400, LINE(" A: b")),
	REFUSED(400, LINE("\tA: b")),
	REFUSED(400, LINE("A: b\r\n c")),
	REFUSED(400, LINE("A: b\r\n\tc: d")),
	REFUSED(400, LINE("Transfer-Encoding : chunked")),
	REFUSED(400, "GET / HTTP/1.1\r\n " HOST "\r\n"),
	REFUSED(400, LINE("A")),
	REFUSED(400, LINE(": b")),
	REFUSED(400, LINE("A B: c")),
	REFUSED(400, LINE("A(: c")),
	REFUSED(400, LINE("A\x80: c")),
	REFUSED(400, LINE("A\0: c")),
	/* bare CR, bare LF, control characters */
	REFUSED(400, LINE("A: b\rc")),
	REFUSED(400, LINE("A: b\r\r")),
	REFUSED(400, LINE("A: b\r\rB: c")),
	REFUSED(400, LINE("\rA: b")),
	REFUSED(400, LINE("\r")),
	REFUSED(400, LINE("A: b\nB: c")),
	REFUSED(400, LINE("A: b\n\r")),
	REFUSED(400, "GET / HTTP/1.1\n" HOST "\r\n"),
	REFUSED(400, "GET / HTTP/1.1\r\n" HOST "\n"),
	REFUSED(400, "\nGET / HTTP/1.1\r\n" HOST "\r\n"),
	REFUSED(400, "\rGET / HTTP/1.1\r\n" HOST "\r\n"),
	REFUSED(400, LINE("A: b\0c")),
	REFUSED(400, LINE("A: b\x01")),
	REFUSED(400, LINE("A: b\x1b[0m")),
	REFUSED(400, LINE("A: \x7f")),
	/* Host */
	REFUSED(400, "GET / HTTP/1.1\r\n\r\n"),
	REFUSED(400, "GET / HTTP/1.0\r\n\r\n"),
	REFUSED(400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
	REFUSED(400, LINE("Host: ws.example")),
	REFUSED(400, LINE("hOST: other.example")),
	REFUSED(400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
	REFUSED(400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
	REFUSED(400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
	REFUSED(400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
	REFUSED(400, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
	REFUSED(400, "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
	REFUSED(400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
	REFUSED(400, "GET / HTTP/1.1\r\nHost: a?b\r\n\r\n"),
	REFUSED(400, "GET / HTTP/1.1\r\nHost: a#b\r\n\r\n"),
	REFUSED(400, "GET / HTTP/1.1\r\nHost: a%2eb\r\n\r\n"),
	/* the request target */
	REFUSED(400, FIRST("GET  HTTP/1.1")),
	REFUSED(400, FIRST("GET a HTTP/1.1")),
	REFUSED(400, FIRST("GET ?a HTTP/1.1")),
	REFUSED(400, FIRST("GET \\ HTTP/1.1")),
	REFUSED(400, FIRST("GET * HTTP/1.1")),
	REFUSED(400, FIRST("OPTIONS ** HTTP/1.1")),
	REFUSED(400, FIRST("GET /a#b HTTP/1.1")),
	REFUSED(400, FIRST("GET /a b HTTP/1.1")),
	REFUSED(400, FIRST("GET /a\tb HTTP/1.1")),
	REFUSED(400, FIRST("GET /a\0b HTTP/1.1")),
	REFUSED(400, FIRST("GET /\xc3\xa4 HTTP/1.1")),
	REFUSED(400, FIRST("GET /\x7f HTTP/1.1")),
	REFUSED(400, FIRST("GET ws.example:443 HTTP/1.1")),
	REFUSED(400, FIRST("GET ftp://ws.example/ HTTP/1.1")),
	REFUSED(400, FIRST("GET file:///etc/passwd HTTP/1.1")),
	REFUSED(400, FIRST("GET https:/ws.example/ HTTP/1.1")),
	REFUSED(400, FIRST("GET http:// HTTP/1.1")),
	REFUSED(400, FIRST("GET http:///a HTTP/1.1")),
	REFUSED(400, FIRST("GET http://u@ws.example/ HTTP/1.1")),
	REFUSED(400, FIRST("GET http://ws.example\\/ HTTP/1.1")),
	REFUSED(400, "GET http://ws.example/ HTTP/1.1\r\n\r\n"),
	/* the rest of the request line */
	REFUSED(400, FIRST("GET /")),
	REFUSED(400, FIRST("GET")),
	REFUSED(400, FIRST(" GET / HTTP/1.1")),
	REFUSED(400, FIRST("GET  / HTTP/1.1")),
	REFUSED(400, FIRST("GET /  HTTP/1.1")),
	REFUSED(400, FIRST("GET / HTTP/1.1 ")),
	REFUSED(400, FIRST("GET\t/\tHTTP/1.1")),
	REFUSED(400, FIRST("G(T / HTTP/1.1")),
	REFUSED(400, FIRST("GET, / HTTP/1.1")),
	REFUSED(400, FIRST("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1")),
	REFUSED(400, FIRST("GET / http/1.1")),
	REFUSED(400, FIRST("GET / HTTP/1")),
	REFUSED(400, FIRST("GET / HTTP/11")),
	REFUSED(400, FIRST("GET / HTTP/1.10")),
	REFUSED(400, FIRST("GET / HTTP/1,1")),
	REFUSED(400, FIRST("GET / HTTP/x.1")),
	REFUSED(400, FIRST("GET / HTTP/1.x")),
	REFUSED(400, FIRST("GET / HTTPS/1.1")),
	REFUSED(400, FIRST("GET / HTTP/1.1\r")),
	REFUSED(400, "\r\n\r\n" FIRST("GET / HTTP/1.1")),
	/* what is not offered */
	REFUSED(505, FIRST("GET / HTTP/2.0")),
	REFUSED(505, FIRST("GET / HTTP/0.9")),
	REFUSED(505, FIRST("GET / HTTP/9.9")),
	REFUSED(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
	REFUSED(501, FIRST("CONNECT ws.example:443 HTTP/1.1")),
	REFUSED(501, FIRST("CONNECT / HTTP/1.1")),
};

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
test_a_request_is_taken_apart(void **state)
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
		{"GET / HTTP/1.1", WEBSOCKET "Sec-WebSocket-Key: l\r\n", false},
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

struct scanned {
	enum http1_found found;
	unsigned status;
	size_t at;
	size_t lines;
};

/* Shows the scanner the text in pieces of `piece` bytes, the first of `first`. */
static struct scanned
scan_in_pieces(struct str text, size_t first, size_t piece)
{
	struct http1_scan scan = {0};
	struct scanned result = {.found = HTTP1_MORE};
	size_t len = first;

	for (;;) {
		char *copy = exact(str_take(text, len));
		result.found =
			http1_scan_head(&scan, (struct str){copy, len}, &limits, &result.status);
		free(copy);
		if (result.found != HTTP1_MORE || len == text.len)
			break;
		len = len + piece < text.len ? len + piece : text.len;
	}
	if (result.found == HTTP1_WHOLE) {
		result.at = scan.at;
		result.lines = scan.lines;
	}
	if (result.found != HTTP1_BAD)
		result.status = 0;
	return result;
}

static void
assert_split_proof(struct str text)
{
	struct scanned whole = scan_in_pieces(text, text.len, 1);

	for (size_t first = 0; first <= text.len; first++) {
		struct scanned split = scan_in_pieces(text, first, text.len);
		struct scanned drip = scan_in_pieces(text, first, 1);
		if (memcmp(&split, &whole, sizeof(whole)) != 0 ||
		    memcmp(&drip, &whole, sizeof(whole)) != 0)
			fail_msg("split at %zu: %d/%u/%zu/%zu instead of %d/%u/%zu/%zu: %.*s",
				 first, (int)split.found, split.status, split.at, split.lines,
				 (int)whole.found, whole.status, whole.at, whole.lines,
				 STR_FMT(text));
		if (first > 64 && text.len > 256)
			first += 7;
	}
}

/* The fields of a head in memory that a test frees: count lines of "a: b", then filler bytes in one
 * more. */
static struct str
make_head(size_t count, size_t filler)
{
	static const char start[] = "GET / HTTP/1.1\r\n";
	size_t size = sizeof(start) + count * 6 + filler + 16;
	char *text = malloc(size);
	size_t len = sizeof(start) - 1;

	assert_non_null(text);
	memcpy(text, start, len);
	for (size_t i = 0; i < count; i++, len += 6)
		memcpy(text + len, "a: b\r\n", 6);
	if (filler > 0) {
		memset(text + len, 'x', filler);
		memcpy(text + len, "x:", 2);
		len += filler;
		memcpy(text + len, "\r\n", 2);
		len += 2;
	}
	memcpy(text + len, "\r\n", 2);
	return (struct str){text, len + 2};
}

static void
free_head(struct str head)
{
	char *text;

	memcpy(&text, &head.data, sizeof(text));
	free(text);
}

static void
test_no_split_changes_anything(void **state)
{
	static const struct str heads[] = {
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next", 34},
		{"\r\nGET / HTTP/1.1\r\n\r\n", 20},
		{"\r\n\r\nGET / HTTP/1.1\r\n\r\n", 22},
		{"GET / HTTP/1.1\nHost: a\r\n\r\n", 26},
		{"GET / HTTP/1.1\r\nHost: a\r\n\n", 26},
		{"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 28},
		{"\r", 1},
		{"\n", 1},
		{"\r\n", 2},
		{"GET", 3},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(heads); i++)
		assert_split_proof(heads[i]);
	for (size_t i = 0; i < COUNT(refusals); i++)
		assert_split_proof(refusals[i].head);
	for (size_t count = FIELDS_MAX - 1; count < FIELDS_MAX + 3; count++) {
		struct str head = make_head(count, 0);
		assert_split_proof(head);
		free_head(head);
	}
	for (size_t filler = HEAD_MAX - 24; filler < HEAD_MAX - 16; filler++) {
		struct str head = make_head(0, filler);
		assert_split_proof(head);
		free_head(head);
	}
}

static void
test_limits_of_heads(void **state)
{
	struct str head;
	struct scanned s;

	(void)state;
	/* as many fields as may be, and one more */
	head = make_head(FIELDS_MAX, 0);
	s = scan_in_pieces(head, head.len, 1);
	assert_int_equal(s.found, HTTP1_WHOLE);
	assert_int_equal(s.lines, FIELDS_MAX + 1);
	free_head(head);
	head = make_head(FIELDS_MAX + 1, 0);
	s = scan_in_pieces(head, head.len, 1);
	assert_int_equal(s.found, HTTP1_BAD);
	assert_int_equal(s.status, 431);
	free_head(head);

	/* as many bytes as may be, and one more: the rest of a head is 20 bytes */
	head = make_head(0, HEAD_MAX - 20);
	assert_int_equal(head.len, HEAD_MAX);
	assert_int_equal(scan_in_pieces(head, head.len, 1).found, HTTP1_WHOLE);
	free_head(head);
	head = make_head(0, HEAD_MAX - 19);
	s = scan_in_pieces(head, head.len, 1);
	assert_int_equal(s.found, HTTP1_BAD);
	assert_int_equal(s.status, 431);
	free_head(head);
}

static void
test_long_request_lines(void **state)
{
	char line[HEAD_MAX + 8];
	struct scanned s;

	(void)state;
	memset(line, 'a', sizeof(line));
	s = scan_in_pieces((struct str){line, HEAD_MAX - 1}, 1, 1);
	assert_int_equal(s.found, HTTP1_MORE);
	s = scan_in_pieces((struct str){line, HEAD_MAX}, HEAD_MAX, 1);
	assert_int_equal(s.found, HTTP1_BAD);
	assert_int_equal(s.status, 414);
	s = scan_in_pieces((struct str){line, sizeof(line)}, 1, 100);
	assert_int_equal(s.status, 414);
}

/* Responses */

#define OK(text) "HTTP/1.1 200 OK\r\n" text "\r\n\r\n"

/* A head full of nominations would cost its square. */
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
	assert_int_equal(http1_scan_head(&scan, buf_view(&head), &wide, &status), HTTP1_WHOLE);
	arena_init(&arena, 65536);
	assert_false(http1_parse_request(buf_view(&head), &scan, &request, &persistence, &arena,
					 &status, &e));
	assert_int_equal(status, 400);
	arena_fini(&arena);
	buf_fini(&head);
}

static void
test_refused_responses(void **state)
{
	static const struct refusal bad[] = {
		REFUSED(0, "\r\nHTTP/1.1 200 OK\r\n\r\n"),
		REFUSED(0, "HTTP/1.1 200OK\r\n\r\n"),
		REFUSED(0, "HTTP/1.1 20 OK\r\n\r\n"),
		REFUSED(0, "HTTP/1.1 2000 OK\r\n\r\n"),
		REFUSED(0, "HTTP/1.1 099 OK\r\n\r\n"),
		REFUSED(0, "HTTP/1.1 600 OK\r\n\r\n"),
		REFUSED(0, "HTTP/1.1 +20 OK\r\n\r\n"),
		REFUSED(0, "HTTP/1.1  200 OK\r\n\r\n"),
		REFUSED(0, "HTTP/1.1\t200 OK\r\n\r\n"),
		REFUSED(0, "HTTP/1.1 200\tOK\r\n\r\n"),
		REFUSED(0, "HTTP/2.0 200 OK\r\n\r\n"),
		REFUSED(0, "HTTP/1.1\r\n\r\n"),
		REFUSED(0, "ICY 200 OK\r\n\r\n"),
		REFUSED(0, "GET / HTTP/1.1\r\n\r\n"),
		REFUSED(0, "HTTP/1.1 200 O\x01K\r\n\r\n"),
		REFUSED(0, "HTTP/1.1 200 O\rK\r\n\r\n"),
		REFUSED(0, "HTTP/1.1 200 OK\n\r\n"),
		REFUSED(0, OK("Content-Length: 3\r\nTransfer-Encoding: chunked")),
		REFUSED(0, OK("Content-Length: 3\r\nContent-Length: 3")),
		REFUSED(0, OK("Content-Length: x")),
		REFUSED(0, OK("Content-Length: -1")),
		REFUSED(0, OK("Transfer-Encoding: gzip, chunked")),
		REFUSED(0, OK("Transfer-Encoding: identity")),
		REFUSED(0, OK("Transfer_Encoding: chunked")),
		REFUSED(0, OK("A : b")),
		REFUSED(0, OK("A: b\r\n c")),
		REFUSED(0, OK("A: b\rc")),
		REFUSED(0, OK("A: b\nc: d")),
		REFUSED(0, OK("A: \0")),
		REFUSED(0, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct parsed p = parse_response(bad[i].head, false);
		if (p.ok || p.e.code != ERR_PROTOCOL)
			fail_msg("%s: %.*s", p.ok ? "accepted" : err_code_name(p.e.code),
				 STR_FMT(bad[i].head));
		parsed_fini(&p);
	}
}

static void
test_framing_of_responses(void **state)
{
	static const struct {
		const char *head;
		bool to_head;
		unsigned status;
		enum body_kind body;
		enum http1_framing framing;
		bool has_length;
		uint64_t length;
		bool keeps;
	} cases[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false, 200, BODY_LENGTH,
		 HTTP1_FRAMING_LENGTH, true, 3, true},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, 200, BODY_NONE,
		 HTTP1_FRAMING_NONE, true, 0, true},
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true, 200, BODY_NONE,
		 HTTP1_FRAMING_NONE, true, 3, true},
		{"HTTP/1.1 200 OK\r\n\r\n", false, 200, BODY_STREAM, HTTP1_FRAMING_CLOSE, false, 0,
		 false},
		{"HTTP/1.1 200 OK\r\n\r\n", true, 200, BODY_NONE, HTTP1_FRAMING_NONE, false, 0,
		 true},
		{"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", false, 200, BODY_STREAM,
		 HTTP1_FRAMING_CHUNKED, false, 0, true},
		{"HTTP/1.1 200 \r\nTransfer-Encoding: Chunked\r\n\r\n", true, 200, BODY_NONE,
		 HTTP1_FRAMING_NONE, false, 0, true},
		{"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", false, 204, BODY_NONE,
		 HTTP1_FRAMING_NONE, false, 3, true},
		{"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", false, 304, BODY_NONE,
		 HTTP1_FRAMING_NONE, true, 3, true},
		{"HTTP/1.1 100 Continue\r\n\r\n", false, 100, BODY_NONE, HTTP1_FRAMING_NONE, false,
		 0, true},
		{"HTTP/1.1 103 Early Hints\r\nLink: a\r\nContent-Length: 3\r\n\r\n", false, 103,
		 BODY_NONE, HTTP1_FRAMING_NONE, false, 3, true},
		{"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", false, 200, BODY_LENGTH,
		 HTTP1_FRAMING_LENGTH, true, 3, false},
		{"HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n", false,
		 200, BODY_LENGTH, HTTP1_FRAMING_LENGTH, true, 3, true},
		{"HTTP/1.1 599 \xe4\t!\r\nContent-Length: 3\r\nConnection: close\r\n\r\n", false,
		 599, BODY_LENGTH, HTTP1_FRAMING_LENGTH, true, 3, false},
		{"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n", false, 200, BODY_STREAM,
		 HTTP1_FRAMING_CLOSE, false, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct parsed p = parse_response(str_from(cases[i].head), cases[i].to_head);
		if (!p.ok)
			fail_msg("case %zu: %s", i, p.e.text);
		assert_int_equal(p.response.status, cases[i].status);
		assert_int_equal(p.response.body, cases[i].body);
		assert_int_equal(p.persistence.framing, cases[i].framing);
		assert_int_equal(p.response.has_length, cases[i].has_length);
		assert_int_equal(p.response.length, cases[i].length);
		assert_int_equal(p.persistence.keep_alive, cases[i].keeps);
		assert_false(p.response.upgrades);
		/* room for what a gateway adds */
		for (int added = 0; added < 8; added++)
			headers_add_own(&p.response.headers, STR("Set-Cookie"), STR("a=b"));
		parsed_fini(&p);
	}
}

static void
test_responses_that_upgrade(void **state)
{
	static const struct {
		const char *head;
		bool upgrades;
	} cases[] = {
		{"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", true},
		{"HTTP/1.1 101 X\r\nUpgrade: WEBSOCKET\r\nConnection: a, upgrade\r\n\r\n", true},
		{"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", false},
		{"HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n", false},
		{"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nUpgrade: a\r\nConnection: upgrade\r\n"
		 "\r\n",
		 false},
		{"HTTP/1.1 200 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct parsed p = parse_response(str_from(cases[i].head), false);
		assert_true(p.ok);
		assert_int_equal(p.response.upgrades, cases[i].upgrades);
		parsed_fini(&p);
	}
}

static void
test_want_of_memory_is_told(void **state)
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
	assert_int_equal(http1_scan_head(&scan, head, &limits, &status), HTTP1_WHOLE);
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

/* The line's length decides, not how it ends nor where it was cut. */
static void
test_limit_of_the_request_line(void **state)
{
	const struct http1_limits narrow = {
		.head_max_bytes = HEAD_MAX, .headers_max = FIELDS_MAX, .line_max_bytes = 20};
	const struct {
		struct str data;
		enum http1_found found;
	} cases[] = {
		{STR("GET /aaaaaa HTTP/1.1\r\n"), HTTP1_MORE},
		{STR("GET /aaaaaa HTTP/1.1\r\nLonger-than-the-line: y\r\n\r\n"), HTTP1_WHOLE},
		{STR("\r\nGET /aaaaaa HTTP/1.1\r\n\r\n"), HTTP1_WHOLE},
		{STR("GET /aaaaaaa HTTP/1.1\r\n"), HTTP1_BAD},
		{STR("GET /aaaaaaaaaaaaaaaaaaaaaaaa\n"), HTTP1_BAD},
		{STR("GETaaaaaaaaaaaaaaaaaaa"), HTTP1_BAD},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t piece = 1; piece <= cases[i].data.len; piece++) {
			struct http1_scan scan = {0};
			enum http1_found found = HTTP1_MORE;
			unsigned status = 0;
			size_t len = 0;
			while (found == HTTP1_MORE && len < cases[i].data.len) {
				len += piece;
				found = http1_scan_head(&scan, str_take(cases[i].data, len),
							&narrow, &status);
			}
			assert_int_equal(found, cases[i].found);
			assert_int_equal(status, found == HTTP1_BAD ? 414 : 0);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_requests),
		cmocka_unit_test(test_every_byte_in_every_place),
		cmocka_unit_test(test_a_request_is_taken_apart),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_framing_of_requests),
		cmocka_unit_test(test_persistence_of_requests),
		cmocka_unit_test(test_websocket_handshakes),
		cmocka_unit_test(test_no_split_changes_anything),
		cmocka_unit_test(test_limits_of_heads),
		cmocka_unit_test(test_limit_of_the_request_line),
		cmocka_unit_test(test_long_request_lines),
		cmocka_unit_test(test_too_many_nominations),
		cmocka_unit_test(test_refused_responses),
		cmocka_unit_test(test_framing_of_responses),
		cmocka_unit_test(test_responses_that_upgrade),
		cmocka_unit_test(test_want_of_memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
