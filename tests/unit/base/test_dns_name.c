/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/dns_name: labels and names at and past their limits, in both character sets.
 */
#include "base/dns_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
test_labels(void **state)
{
	static const struct {
		const char *text;
		bool is_canonical;
		bool is_lenient;
	} cases[] = {
		{"a", true, true},	    {"kiwi-7", true, true}, {"7", true, true},
		{"x--y", true, true},	    {"", false, false},	    {"-a", false, false},
		{"a-", false, false},	    {"-", false, false},    {"Kiwi", false, true},
		{"a_b", false, true},	    {"_a_", false, true},   {"a.b", false, false},
		{"a b", false, false},	    {"a/b", false, false},  {"a:1", false, false},
		{"\xc3\xa4", false, false}, {"a\n", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str s = str_from(cases[i].text);

		if (dns_is_label(s, DNS_CANONICAL) != cases[i].is_canonical ||
		    dns_is_label(s, DNS_LENIENT) != cases[i].is_lenient)
			fail_msg("\"%s\"", cases[i].text);
	}
	assert_false(dns_is_label(STR("a\0b"), DNS_LENIENT));
}

static void
test_names(void **state)
{
	static const char *const good[] = {"localhost", "ws.example.com", "1.2.3.4", "a.b-c.7"};
	static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "a.-b", "[::1]", "a b.c"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(dns_is_name(str_from(good[i]), DNS_CANONICAL));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(dns_is_name(str_from(bad[i]), DNS_LENIENT));
	assert_false(dns_is_name(STR_NONE, DNS_LENIENT));
	assert_true(dns_is_name(STR("WS.Example_1.com"), DNS_LENIENT));
	assert_false(dns_is_name(STR("WS.example.com"), DNS_CANONICAL));
}

static void
test_lengths(void **state)
{
	char text[DNS_NAME_MAX + 2];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_true(dns_is_label((struct str){text, DNS_LABEL_MAX}, DNS_CANONICAL));
	assert_false(dns_is_label((struct str){text, DNS_LABEL_MAX + 1}, DNS_CANONICAL));
	for (size_t i = 1; i < sizeof(text); i += 2)
		text[i] = '.';
	assert_true(dns_is_name((struct str){text, DNS_NAME_MAX}, DNS_CANONICAL));
	text[DNS_NAME_MAX] = 'a';
	assert_false(dns_is_name((struct str){text, DNS_NAME_MAX + 2}, DNS_CANONICAL));
}

static void
test_last_label(void **state)
{
	(void)state;
	assert_true(str_equal(dns_last_label(STR("a.b.com")), STR("com")));
	assert_true(str_equal(dns_last_label(STR("localhost")), STR("localhost")));
	assert_true(str_is_empty(dns_last_label(STR("a."))));
	assert_true(str_is_empty(dns_last_label(STR_NONE)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_last_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
