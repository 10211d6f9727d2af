/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/http/trailers: which fields of a trailer section are forwarded.
 */
#include "proxy/http/trailers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "tests/unit/count.h"

static void
parse(struct headers *h, struct arena *a, const char *lines, size_t count)
{
	arena_init(a, 1 << 16);
	assert_true(trailers_parse(str_from(lines), count, h, a));
	assert_int_equal(h->count, count);
}

static void
test_lines_are_split(void **state)
{
	struct headers h;
	struct arena a;

	(void)state;
	parse(&h, &a, "A:\r\nb: \t: c \r\nA: 2\r\n", 3);
	assert_true(str_equal(h.items[0].value, STR("")));
	assert_true(str_equal(h.items[1].name, STR("b")) &&
		    str_equal(h.items[1].value, STR(": c")));
	assert_true(str_equal(h.items[2].value, STR("2")));
	arena_fini(&a);
	parse(&h, &a, "", 0);
	arena_fini(&a);
}

static void
test_without_memory(void **state)
{
	struct headers h;
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	assert_false(trailers_parse(STR("A: b\r\n"), 1, &h, &a));
	arena_fini(&a);
}

static size_t
count_passed(const char *line, bool is_recoded)
{
	struct headers h;
	struct arena a;
	char lines[128];

	(void)snprintf(lines, sizeof(lines), "%s\r\n", line);
	parse(&h, &a, lines, 1);
	trailers_filter(&h, is_recoded);
	arena_fini(&a);
	return h.count;
}

static void
test_what_passes(void **state)
{
	static const char *const pass[] = {
		"Server-Timing: a", "Grpc-Status: 0", "X-Checksum: 1",	"X_Checksum: 1",
		"Ages: 1",	    "Conten: 1",      "X-Accept-Me: 1",
	};
	static const char *const dropped[] = {
		"Transfer-Encoding: gzip",
		"content-LENGTH: 5",
		"Content.Length: 5",
		"Host: evil",
		"Connection: x",
		"TE: x",
		"Trailer: x",
		"Upgrade: x",
		"Via: x",
		"Date: x",
		"Expect: 100-continue",
		"Max-Forwards: 1",
		"Cache-Control: public",
		"Age: 1",
		"Expires: 0",
		"Vary: *",
		"Location: /",
		"Refresh: 0",
		"Retry-After: 1",
		"Range: bytes=0-",
		"If-None-Match: x",
		"Set-Cookie: a=b",
		"set_cookie: a=b",
		"Set-Cookie2: a=b",
		"Cookie: a=b",
		"Authorization: x",
		"WWW-Authenticate: Basic",
		"Authentication-Info: x",
		"Proxy-Authenticate: x",
		"Proxy-Anything: x",
		"Content-Type: text/html",
		"Content-Encoding: gzip",
		"Content-Range: x",
		"Content-Security-Policy: x",
		"Access-Control-Allow-Origin: *",
		"Clear-Site-Data: *",
		"Strict-Transport-Security: max-age=0",
		"Sec-WebSocket-Accept: x",
		"X-Forwarded-User: root",
		"X.Auth.Request.User: root",
		"Remote-User: root",
		"X-Accel-Redirect: /secret",
		"X-Frame-Options: DENY",
		"X-Content-Type-Options: x",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(pass); i++)
		if (count_passed(pass[i], false) != 1 || count_passed(pass[i], true) != 1)
			fail_msg("%s is dropped", pass[i]);
	for (size_t i = 0; i < COUNT(dropped); i++)
		if (count_passed(dropped[i], false) != 0)
			fail_msg("%s passes", dropped[i]);
}

static void
test_what_describes_other_bytes(void **state)
{
	static const char *const lines[] = {"Content-Digest: x", "Repr-Digest: x", "digest: x",
					    "Content_MD5: x", "ETag: x"};

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++)
		if (count_passed(lines[i], false) != 1 || count_passed(lines[i], true) != 0)
			fail_msg("%s", lines[i]);
}

static void
test_announcements(void **state)
{
	(void)state;
	assert_true(trailers_may_be_announced(STR("")));
	assert_true(trailers_may_be_announced(STR("A")));
	assert_true(trailers_may_be_announced(STR(" , A ,B, Content-Digest")));
	assert_false(trailers_may_be_announced(STR("A, Set-Cookie")));
	assert_false(trailers_may_be_announced(STR("Host")));
	assert_false(trailers_may_be_announced(STR("A B")));
	assert_false(trailers_may_be_announced(STR("A;b")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_are_split),
		cmocka_unit_test(test_without_memory),
		cmocka_unit_test(test_what_passes),
		cmocka_unit_test(test_what_describes_other_bytes),
		cmocka_unit_test(test_announcements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
