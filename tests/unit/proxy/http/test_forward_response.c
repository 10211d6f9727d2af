/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/http/forward: which fields of a response reach the browser.
 */
#include "tests/unit/proxy/http/forward_support.h"

static void
assert_filtered_for(bool accepts_trailers, unsigned http_status, const char *fields,
		    const char *left)
{
	struct http1_persistence persistence;
	struct http1_scan scan;
	struct message m;
	struct err e = ERR_INIT;
	char head[2048];

	(void)snprintf(head, sizeof(head), "HTTP/1.1 %u \r\n%s\r\n", http_status, fields);
	message_init(&m, str_from(head), &scan);
	if (!http1_parse_response(str_from(head), &scan, false, &m.response, &persistence, &m.arena,
				  &e))
		fail_msg("%s", e.text);
	forward_filter_response(NULL, accepts_trailers, &m.response);
	for (size_t i = 0; i < m.response.headers.count; i++)
		http1_write_field(&m.out, m.response.headers.items[i].name,
				  m.response.headers.items[i].value);
	if (!str_equal(buf_view(&m.out), str_from(left)))
		fail_msg("%s\nbecame\n%.*s\ninstead of\n%s", fields, STR_FMT(buf_view(&m.out)),
			 left);
	message_fini(&m);
}

static void
assert_filtered_with_status(unsigned http_status, const char *fields, const char *left)
{
	assert_filtered_for(false, http_status, fields, left);
}

static void
assert_filtered(const char *fields, const char *left)
{
	assert_filtered_with_status(200, fields, left);
}

#define CHUNKED "Transfer-Encoding: chunked\r\n"

static void
test_trailers_are_announced(void **state)
{
	(void)state;
	assert_filtered_for(true, 200, CHUNKED "Trailer: A, Content-Digest\r\nTrailer:b\r\n",
			    "Trailer: A, Content-Digest\r\nTrailer: b\r\n");
	assert_filtered_for(true, 200, CHUNKED "Trailer: A, Set-Cookie\r\nTrailer: a b\r\n", "");
	assert_filtered_for(true, 200, CHUNKED "Trailer: A\r\nConnection: A\r\n", "");
	assert_filtered_for(true, 200, "Content-Length: 5\r\nTrailer: A\r\n", "");
	assert_filtered_for(false, 200, CHUNKED "Trailer: A\r\n", "");
}

static void
test_te(void **state)
{
	(void)state;
	assert_forwarded("GET / HTTP/1.1\r\n" HOST
			 "Connection: TE\r\nTE: deflate, trailers\r\n\r\n",
			 "GET / HTTP/1.1\r\n" HOST OURS "TE: trailers\r\nConnection: TE\r\n\r\n");
	assert_forwarded("GET / HTTP/1.1\r\n" HOST "TE: trailers\r\nContent-Length: 1\r\n\r\n",
			 "GET / HTTP/1.1\r\n" HOST OURS
			 "Content-Length: 1\r\nTE: trailers\r\n\r\n");
	assert_fields("TE: gzip, trailers;q=1\r\n", "");
	assert_forwarded("HEAD / HTTP/1.1\r\n" HOST "TE: trailers\r\n\r\n",
			 "HEAD / HTTP/1.1\r\n" HOST OURS "\r\n");
	assert_forwarded("GET / HTTP/1.0\r\n" HOST "TE: trailers\r\n\r\n",
			 "GET / HTTP/1.1\r\n" HOST OURS "\r\n");
}

static void
test_426_keeps_upgrade(void **state)
{
	(void)state;
	assert_filtered_with_status(
		426,
		"Upgrade: websocket, h2c/1\r\nConnection: a, Upgrade\r\nA: b\r\n"
		"Keep-Alive: timeout=5\r\n",
		"Upgrade: websocket, h2c/1\r\n");
	assert_filtered_with_status(400, "Upgrade: websocket\r\nConnection: Upgrade\r\n", "");
}

static void
test_responses(void **state)
{
	(void)state;
	assert_filtered("Content-Type: a\r\nContent-Length: 3\r\nConnection: keep-alive\r\n"
			"Keep-Alive: 5\r\nSet-Cookie: a=b; Path=/\r\nDate: x\r\n",
			"Content-Type: a\r\nSet-Cookie: a=b; Path=/\r\nDate: x\r\n");
	assert_filtered("Transfer-Encoding: chunked\r\nTrailer: x\r\nUpgrade: h2c\r\n"
			"Proxy-Authenticate: x\r\nA: b\r\n",
			"A: b\r\n");
	assert_filtered("A: 1\r\nConnection: b, a\r\nB: 2\r\nC: 3\r\nConnection: c\r\nD: 4\r\n",
			"D: 4\r\n");
	assert_filtered("", "");
}

static void
test_cookies_of_ours_are_not_set(void **state)
{
	static const char *const ours[] = {
		"__Host-wp=x",	    " __Host-wp = x; Path=/", "__Host-wp; Secure", "__Host-wp",
		"__Host-wp-flow=x", "=__Host-wp=x",	      " = __Host-wp=x",	   "==__Host-wp",
		"\t__Host-wp\t=",
	};
	static const char *const others[] = {
		"a=__Host-wp=x", "__Host-wq=x", "a; __Host-wp=x", "=", "", "a=b; Path=/__Host-wp",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ours); i++) {
		char fields[128];
		(void)snprintf(fields, sizeof(fields), "Set-Cookie: %s\r\nA: b\r\n", ours[i]);
		assert_filtered(fields, "A: b\r\n");
	}
	for (size_t i = 0; i < COUNT(others); i++) {
		char fields[128];
		(void)snprintf(fields, sizeof(fields), "Set-Cookie: %s\r\n", others[i]);
		assert_filtered(fields, fields);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_responses),
		cmocka_unit_test(test_426_keeps_upgrade),
		cmocka_unit_test(test_trailers_are_announced),
		cmocka_unit_test(test_te),
		cmocka_unit_test(test_cookies_of_ours_are_not_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
