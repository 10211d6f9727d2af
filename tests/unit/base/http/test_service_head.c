/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/http/service_head: which heads pass, what is read from them, and with which status the
 * others are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/http/service_head.h"

#define GET  "GET / HTTP/1.1\r\nHost: x\r\n"
#define POST "POST / HTTP/1.1\r\nHost: x\r\n"

static unsigned
status_of(const char *head)
{
	struct service_head h;

	return service_head_read(str_from(head), &h);
}

static void
test_facts(void **state)
{
	struct service_head h;

	(void)state;
	assert_int_equal(service_head_read(
				 STR("POST /a/b?c=/d HTTP/1.1\r\nHost: x\r\nContent-Length: 12 \r\n"
				     "Expect: 100-Continue\r\n\r\n"),
				 &h),
			 0);
	assert_true(str_equal(h.method, STR("POST")));
	assert_true(str_equal(h.path, STR("/a/b")));
	assert_int_equal(h.body_len, 12);
	assert_true(h.expects_continue);
	assert_int_equal(service_head_read(STR("GET / HTTP/1.0\r\n\r\n"), &h), 0);
	assert_true(str_equal(h.path, STR("/")));
	assert_int_equal(h.body_len, 0);
	assert_false(h.expects_continue);
	assert_false(h.wants_close);
	assert_int_equal(
		service_head_read(STR("GET / HTTP/1.1\r\nHost:\r\nConnection: keep-alive\r\n"
				      "connection: x , CLOSE\r\nConnection: y\r\n\r\n"),
				  &h),
		0);
	assert_true(h.wants_close);
	assert_int_equal(service_head_read(STR(GET "Connection: closed,, x\r\n\r\n"), &h), 0);
	assert_false(h.wants_close);
}

static void
test_refusals(void **state)
{
	static const struct {
		unsigned status;
		const char *head;
	} cases[] = {
		{400, "\r\n\r\n"},
		{400, "GET\r\n\r\n"},
		{400, "GET /\r\n\r\n"},
		{400, "GET  / HTTP/1.1\r\n\r\n"},
		{400, " GET / HTTP/1.1\r\n\r\n"},
		{400, "GET x HTTP/1.1\r\n\r\n"},
		{400, "GET http://x/ HTTP/1.1\r\n\r\n"},
		{400, "GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n"},
		{400, "GET http://?a HTTP/1.1\r\nHost: x\r\n\r\n"},
		{400, "GET http://x/#a HTTP/1.1\r\nHost: x\r\n\r\n"},
		{400, "GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n"},
		{400, "GET /#a HTTP/1.1\r\n\r\n"},
		{400, "GET /\x80 HTTP/1.1\r\n\r\n"},
		{400, "GET /\t HTTP/1.1\r\n\r\n"},
		{400, "GET / HTTQ/1.1\r\n\r\n"},
		{400, "G@T / HTTP/1.1\r\n\r\n"},
		{505, "GET / HTTP/2.0\r\n\r\n"},
		{400, "GET / HTTP/1.1 \r\n\r\n"},
		{501, "BREW / HTTP/1.1\r\n\r\n"},
		{501, "CONNECT /x HTTP/1.1\r\n\r\n"},
		{501, POST "Transfer-Encoding: chunked\r\n\r\n"},
		{501, POST "transfer-encoding: identity\r\n\r\n"},
		{400, GET "no colon\r\n\r\n"},
		{400, GET ": x\r\n\r\n"},
		{400, GET "A : x\r\n\r\n"},
		{400, GET " A: x\r\n\r\n"},
		{400, GET "A: x\r\n folded\r\n\r\n"},
		{400, GET "A: x\nB: y\r\n\r\n"},
		{400, GET "A: x\rB: y\r\n\r\n"},
		{400, GET "A: \x01\r\n\r\n"},
		{400, "GET / HTTP/1.1\nA: b\r\n\r\n"},
		{400, POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"},
		{400, POST "Content-Length: 1, 1\r\n\r\n"},
		{400, POST "Content-Length: +1\r\n\r\n"},
		{400, POST "Content-Length: 0x1\r\n\r\n"},
		{400, POST "Content-Length:\r\n\r\n"},
		{400, POST "Content-Length: 18446744073709551617\r\n\r\n"},
		{400, POST "Content-Length: 9223372036854775808\r\n\r\n"},
		{400, GET "A: b\r\n"},
		{400, GET "\r\nmore"},
		{400, "GET / HTTP/1.1\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHosts: x\r\n\r\n"},
		{400, GET "host: x\r\n\r\n"},
		{400, "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n"},
		{0, "GET / HTTP/1.0\r\nHost: x\r\n\r\n"},
		{0, "GET / HTTP/1.1\r\nHOST:\r\n\r\n"},
		{0, GET "A:\r\nB: \t c\x80 \r\n\r\n"},
		{0, "HEAD /a%20b?x HTTP/1.1\r\nHost: x\r\n\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (status_of(cases[i].head) != cases[i].status)
			fail_msg("%u, not %u: %s", status_of(cases[i].head), cases[i].status,
				 cases[i].head);
}

static void
test_nul_is_refused(void **state)
{
	struct service_head h;

	(void)state;
	assert_int_equal(service_head_read(STR("GET /\0 HTTP/1.1\r\n\r\n"), &h), 400);
	assert_int_equal(service_head_read(STR(GET "A: \0\r\n\r\n"), &h), 400);
	assert_int_equal(service_head_read(STR(GET "A\0: b\r\n\r\n"), &h), 400);
	assert_int_equal(service_head_read(STR_NONE, &h), 400);
}

static void
test_count_of_fields(void **state)
{
	struct service_head h;
	struct buf head;

	(void)state;
	buf_init(&head, 65536);
	buf_add_str(&head, STR(GET));
	for (unsigned i = 1; i < SERVICE_HEAD_MAX_FIELDS; i++)
		buf_addf(&head, "N%u: v\r\n", i);
	size_t len = head.len;
	buf_add_str(&head, STR("\r\n"));
	assert_int_equal(service_head_read(buf_view(&head), &h), 0);
	head.len = len;
	buf_add_str(&head, STR("One: more\r\n\r\n"));
	assert_int_equal(service_head_read(buf_view(&head), &h), 431);
	buf_fini(&head);
}

/* RFC 9112 section 3.2.2 */
static void
test_absolute_form(void **state)
{
	static const struct {
		const char *target;
		const char *path;
		const char *query;
	} cases[] = {
		{"http://x/a/b?c=/d", "/a/b", "c=/d"},
		{"HTTPS://x:8443/a", "/a", ""},
		{"http://[::1]:80", "/", ""},
		{"http://x?/a", "/", "/a"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct service_head h;
		char head[128];

		(void)snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n",
			       cases[i].target);
		assert_int_equal(service_head_read(str_from(head), &h), 0);
		assert_true(str_equal(h.path, str_from(cases[i].path)));
		assert_true(str_equal(h.query, str_from(cases[i].query)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts),	       cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_nul_is_refused), cmocka_unit_test(test_count_of_fields),
		cmocka_unit_test(test_absolute_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
