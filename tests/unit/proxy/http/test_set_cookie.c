/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/http/set_cookie: which Domain attributes are removed, and that nothing else changes.
 */
#include "proxy/http/set_cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
test_domains(void **state)
{
	static const struct {
		const char *value;
		const char *expected;
	} cases[] = {
		{"a=1", "a=1"},
		{"a=1; Domain=ws.example", "a=1"},
		{"a=1; Domain=.ws.example; Path=/", "a=1; Path=/"},
		{"a=1;DOMAIN = EXAMPLE ;Secure", "a=1;Secure"},
		{"a=1; Domain=x; Domain=ws.example", "a=1; Domain=x"},
		{"a=1; Domain=kiwi.ws.example", "a=1; Domain=kiwi.ws.example"},
		{"a=1; Domain=s.example", "a=1; Domain=s.example"},
		{"a=1; Domain=other.example", "a=1; Domain=other.example"},
		{"a=1; Domain=", "a=1; Domain="},
		{"a=1; Domain=.", "a=1; Domain=."},
		{"a=1; Domain", "a=1; Domain"},
		{"Domain=ws.example", "Domain=ws.example"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct header items[2];
		struct headers h = {.items = items, .size = 2};
		struct arena arena;

		arena_init(&arena, 4096);
		headers_add_own(&h, STR("Set-Cookie"), str_from(cases[i].value));
		headers_add_own(&h, STR("Clear-Site-Data"), STR("\"*\""));
		assert_true(set_cookie_confine(&h, STR("kiwi.ws.example"), &arena));
		assert_int_equal(h.count, 1);
		assert_int_equal(items[0].value.len, strlen(cases[i].expected));
		assert_memory_equal(items[0].value.data, cases[i].expected, items[0].value.len);
		arena_fini(&arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_domains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
