/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/http/upgrade: which protocol a head requests, and which protocols may be listed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/http/upgrade.h"

static struct str
find(const char *upgrade, const char *second, const char *connection)
{
	struct header items[3];
	struct headers h = {.items = items, .size = 3};

	if (upgrade != NULL)
		headers_add_own(&h, STR("Upgrade"), str_from(upgrade));
	if (second != NULL)
		headers_add_own(&h, STR("Upgrade"), str_from(second));
	if (connection != NULL)
		headers_add_own(&h, STR("Connection"), str_from(connection));
	return upgrade_find(&h);
}

static void
test_what_a_head_asks_for(void **state)
{
	static const char *const bad[] = {
		"",
		"a b",
		"a,b",
		"a, b",
		"a/",
		"/1",
		"a/1/2",
		"a/1 b",
		"a;b",
		"\x80",
		"012345678901234567890123456789012",
	};

	(void)state;
	assert_true(str_equal(find("tcp", NULL, "Upgrade"), STR("tcp")));
	assert_true(str_equal(find("SPDY/3.1", NULL, "keep-alive, upgrade"), STR("SPDY/3.1")));
	assert_int_equal(find("tcp", NULL, NULL).len, 0);
	assert_int_equal(find("tcp", NULL, "keep-alive").len, 0);
	assert_int_equal(find("tcp", "tcp", "Upgrade").len, 0);
	assert_int_equal(find(NULL, NULL, "Upgrade").len, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (find(bad[i], NULL, "Upgrade").len > 0)
			fail_msg("\"%s\"", bad[i]);
}

static bool
may_be_listed(const char *list, const char *said)
{
	struct err e = ERR_INIT;
	bool ok = upgrade_check_list(str_from(list), &e);

	if (!ok && str_find(str_from(e.text), str_from(said)) == SIZE_MAX)
		fail_msg("\"%s\": %s", list, e.text);
	return ok;
}

static void
test_lists(void **state)
{
	static const char *const smuggling[] = {"h2c",	    "H2C",	"tcp,h2c", "h2c/1",
						"HTTP/2.0", "http/1.1", "TLS/1.2", "h2"};

	(void)state;
	assert_true(may_be_listed("tcp", ""));
	assert_true(may_be_listed("tcp,SPDY/3.1", ""));
	assert_true(may_be_listed(" tcp , SPDY/3.1 ", ""));
	for (size_t i = 0; i < sizeof(smuggling) / sizeof(smuggling[0]); i++)
		assert_false(may_be_listed(smuggling[i], "bypass the sign-in"));
	assert_false(may_be_listed("websocket", "always passes"));
	assert_false(may_be_listed("tcp,", "not the name of a protocol"));
	assert_false(may_be_listed("tcp;q=1", "not the name of a protocol"));
	assert_false(may_be_listed("a,b,c,d,e,f,g,h,i", "more than 8"));
}

static void
test_what_is_listed(void **state)
{
	struct str list = STR("tcp, SPDY/3.1");

	(void)state;
	assert_true(str_equal(upgrade_find_listed(list, STR("TCP")), STR("tcp")));
	assert_true(str_equal(upgrade_find_listed(list, STR("spdy/3.1")), STR("SPDY/3.1")));
	assert_int_equal(upgrade_find_listed(list, STR("SPDY")).len, 0);
	assert_int_equal(upgrade_find_listed(list, STR("tcp, SPDY/3.1")).len, 0);
	assert_int_equal(upgrade_find_listed(list, STR_NONE).len, 0);
	assert_int_equal(upgrade_find_listed(STR_NONE, STR("tcp")).len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_head_asks_for),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_what_is_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
