/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/http/response_check: the limit of interim responses, and that a 101 must match its request.
 */
#include "proxy/http/response_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The example of RFC 6455 section 1.3. */
#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static bool
check_101(const char *key, const char *asked, const char *got, const char *accept, unsigned count)
{
	struct header request_items[1];
	struct header items[2];
	struct request_head request = {.upgrade = str_from(asked),
				       .headers = {.items = request_items, .size = 1}};
	struct response_head head = {
		.status = 101, .upgrade = str_from(got), .headers = {.items = items, .size = 2}};
	struct response_check check;
	struct err e = ERR_INIT;

	if (key != NULL)
		headers_add_own(&request.headers, STR("Sec-WebSocket-Key"), str_from(key));
	for (unsigned i = 0; i < count; i++)
		headers_add_own(&head.headers, STR("Sec-WebSocket-Accept"), str_from(accept));
	response_check_init(&check, &request);
	bool ok = response_check_head(&check, &head, &e);
	assert_int_equal(e.code, ok ? ERR_NONE : ERR_PROTOCOL);
	return ok;
}

static void
test_101(void **state)
{
	(void)state;
	assert_true(check_101(KEY, "websocket", "websocket", ACCEPT, 1));
	assert_false(check_101(KEY, "websocket", "websocket", ACCEPT, 0));
	assert_false(check_101(KEY, "websocket", "websocket", ACCEPT, 2));
	assert_false(check_101(KEY, "websocket", "websocket", "s3ppLMBiTxaQ9kYGzzhZRbK+xOo=", 1));
	assert_false(check_101(KEY, "websocket", "websocket", ACCEPT "=", 1));
	assert_false(check_101(KEY, "websocket", "websocket", "", 1));
	assert_false(check_101(KEY, "websocket", NULL, ACCEPT, 1));
	assert_false(check_101(KEY, NULL, "websocket", ACCEPT, 1));
	assert_false(check_101(NULL, "websocket", "websocket", ACCEPT, 1));
}

static void
test_101_to_other_protocols(void **state)
{
	(void)state;
	assert_true(check_101(NULL, "tcp", "tcp", "", 0));
	assert_true(check_101(NULL, "SPDY/3.1", "spdy/3.1", "", 0));
	assert_true(check_101(KEY, "websocket", "WebSocket", ACCEPT, 1));
	assert_false(check_101(NULL, "SPDY/3.1", "SPDY/3.10", "", 0));
	assert_false(check_101(NULL, "SPDY/3.1", "SPDY", "", 0));
	assert_false(check_101(NULL, "tcp", NULL, "", 0));
	assert_false(check_101(NULL, "tcp", "h2c", "", 0));
	assert_false(check_101(KEY, "tcp", "websocket", ACCEPT, 1));
	assert_false(check_101(KEY, "websocket", "tcp", ACCEPT, 1));
	assert_false(check_101(NULL, NULL, "tcp", "", 0));
	assert_false(check_101(NULL, NULL, NULL, "", 0));
}

static void
test_interim_responses(void **state)
{
	struct request_head request = {.is_head = false};
	struct response_head head = {.status = 103};
	struct response_check check;
	struct err e = ERR_INIT;

	(void)state;
	response_check_init(&check, &request);
	for (unsigned i = 0; i < RESPONSE_CHECK_INTERIM_MAX; i++) {
		head.status = 100 + 2 * (i % 2);
		assert_true(response_check_head(&check, &head, &e));
	}
	head.status = 200;
	assert_true(response_check_head(&check, &head, &e));
	head.status = 199;
	assert_false(response_check_head(&check, &head, &e));
	response_check_init(&check, &request);
	assert_true(response_check_head(&check, &head, &e));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_101),
		cmocka_unit_test(test_101_to_other_protocols),
		cmocka_unit_test(test_interim_responses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
