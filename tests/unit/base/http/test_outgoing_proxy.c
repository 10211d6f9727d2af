/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/http/outgoing_proxy: which variables count, what a proxy's address may be, and hosts that
 * are reached without it.
 */
#include "base/http/outgoing_proxy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void
set_variables(const char *proxy, const char *exceptions)
{
	static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy",
					    "ALL_PROXY",   "no_proxy",	  "NO_PROXY"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(unsetenv(names[i]), 0);
	if (proxy != NULL)
		assert_int_equal(setenv("HTTPS_PROXY", proxy, 1), 0);
	if (exceptions != NULL)
		assert_int_equal(setenv("NO_PROXY", exceptions, 1), 0);
}

static void
test_addresses(void **state)
{
	static const struct {
		const char *value;
		const char *host; /* NULL: refused */
		uint16_t port;
		const char *login;
	} cases[] = {
		{NULL, "", 0, ""},
		{"", "", 0, ""},
		{"proxy.example.com", "proxy.example.com", 1080, ""},
		{"proxy.example.com:3128", "proxy.example.com", 3128, ""},
		{" http://proxy:8080/ ", "proxy", 8080, ""},
		{"HTTP://10.0.0.1:1", "10.0.0.1", 1, ""},
		{"http://[::1]:3128", "::1", 3128, ""},
		{"http://user:pass@proxy:1", "proxy", 1, "user:pass"},
		{"http://us%40er:p%3Ass@x@proxy:1", "proxy", 1, "us@er:p:ss@x"},
		{"https://proxy:1", NULL, 0, ""},
		{"socks5://proxy:1", NULL, 0, ""},
		{"http://", NULL, 0, ""},
		{"http://proxy:0", NULL, 0, ""},
		{"http://proxy:x", NULL, 0, ""},
		{"http://a%zz@proxy:1", NULL, 0, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outgoing_proxy p;
		struct err e = ERR_INIT;
		bool ok;

		set_variables(cases[i].value, NULL);
		ok = outgoing_proxy_find("kiwi.example.com", &p, &e);
		if (ok != (cases[i].host != NULL))
			fail_msg("%s", cases[i].value);
		if (!ok) {
			assert_int_equal(e.code, ERR_PROXY);
			assert_null(strstr(e.text, "%zz"));
			continue;
		}
		assert_string_equal(p.host, cases[i].host);
		assert_int_equal(p.port, cases[i].port);
		assert_string_equal(p.login, cases[i].login);
	}
}

static void
test_exceptions(void **state)
{
	static const struct {
		const char *exceptions;
		const char *host;
		bool is_excepted;
	} cases[] = {
		{"*", "kiwi.example.com", true},
		{"example.com", "kiwi.example.com", true},
		{"example.com", "example.com", true},
		{"EXAMPLE.com", "kiwi.example.com", true},
		{".example.com", "kiwi.example.com", true},
		{"ample.com", "kiwi.example.com", false},
		{"a, kiwi.example.com ,b", "kiwi.example.com", true},
		{"a kiwi.example.com", "kiwi.example.com", true},
		{"other", "kiwi.example.com", false},
		{",, ,", "kiwi.example.com", false},
		{"10.0.0.0/8", "10.1.2.3", true},
		{"10.0.0.0/8", "11.1.2.3", false},
		{"10.1.2.3", "10.1.2.3", true},
		{"10.0.0.0/8", "kiwi.example.com", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outgoing_proxy p;

		set_variables("proxy:1", cases[i].exceptions);
		assert_true(outgoing_proxy_find(cases[i].host, &p, NULL));
		if ((p.host[0] == '\0') != cases[i].is_excepted)
			fail_msg("%s, %s", cases[i].exceptions, cases[i].host);
	}
}

static void
test_which_variable(void **state)
{
	struct outgoing_proxy p;

	(void)state;
	set_variables("capital:1", NULL);
	assert_int_equal(setenv("ALL_PROXY", "all:1", 1), 0);
	assert_true(outgoing_proxy_find("kiwi", &p, NULL));
	assert_string_equal(p.host, "capital");
	assert_int_equal(setenv("https_proxy", "small:1", 1), 0);
	assert_true(outgoing_proxy_find("kiwi", &p, NULL));
	assert_string_equal(p.host, "small");
	set_variables(NULL, NULL);
	assert_int_equal(setenv("ALL_PROXY", "all:1", 1), 0);
	assert_true(outgoing_proxy_find("kiwi", &p, NULL));
	assert_string_equal(p.host, "all");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_exceptions),
		cmocka_unit_test(test_which_variable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
