/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Response heads in proxy/http/http1: which are refused, how bodies are framed, and upgrades.
 */
#include "tests/unit/proxy/http/http1_support.h"

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

#define OK(text) "HTTP/1.1 200 OK\r\n" text "\r\n\r\n"

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
			fail_msg("%s: %.*s", p.ok ? "accepted" : p.e.text, STR_FMT(bad[i].head));
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
		assert_int_equal(p.response.upgrade.len, 0);
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
		const char *upgrade;
	} cases[] = {
		{"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
		 "websocket"},
		{"HTTP/1.1 101 X\r\nUpgrade: WEBSOCKET\r\nConnection: a, upgrade\r\n\r\n",
		 "WEBSOCKET"},
		{"HTTP/1.1 101 X\r\nUpgrade: a/1\r\nConnection: Upgrade\r\n\r\n", "a/1"},
		{"HTTP/1.1 101 X\r\nUpgrade: a, b\r\nConnection: Upgrade\r\n\r\n", ""},
		{"HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n", ""},
		{"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nUpgrade: a\r\nConnection: upgrade\r\n"
		 "\r\n",
		 ""},
		{"HTTP/1.1 200 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct parsed p = parse_response(str_from(cases[i].head), false);
		assert_true(p.ok);
		assert_true(str_equal(p.response.upgrade, str_from(cases[i].upgrade)));
		parsed_fini(&p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_responses),
		cmocka_unit_test(test_framing_of_responses),
		cmocka_unit_test(test_responses_that_upgrade),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
