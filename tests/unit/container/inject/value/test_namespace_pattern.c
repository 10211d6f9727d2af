/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/inject/value/namespace_pattern: which namespaces a pattern means, and which it can't.
 */
#include "container/inject/value/namespace_pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define NAME_10	    "abcdefghij"
#define NAME_60	    NAME_10 NAME_10 NAME_10 NAME_10 NAME_10 NAME_10

static void
test_valid(void **state)
{
	static const char *const patterns[] = {
		"a", "workspaces", "gl-rd-ns-*", "abc*", "a-1*", NAME_60 "abc", NAME_60 "ab*",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(patterns); i++)
		if (!namespace_pattern_is_valid(str_from(patterns[i])))
			fail_msg("%s", patterns[i]);
}

/* A prefix that would match nearly all namespaces, and invalid names. */
static void
test_invalid(void **state)
{
	static const char *const patterns[] = {
		"",	  "*",	    "a*",	    "ab*",	    "-abc*", "Gl-rd*",
		"gl_rd*", "gl.rd*", "abc**",	    "*abc",	    "a*bcd", "-abc",
		"abc-",	  "Abc",    NAME_60 "abcd", NAME_60 "abc*", "a/b",   "abc/*",
		"a.b",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(patterns); i++)
		if (namespace_pattern_is_valid(str_from(patterns[i])))
			fail_msg("%s", patterns[i]);
}

static void
test_matches(void **state)
{
	static const struct {
		const char *pattern;
		const char *namespace;
		bool matches;
	} cases[] = {
		{"gl-rd-ns-*", "gl-rd-ns-plum", true},
		{"gl-rd-ns-*", "gl-rd-ns-", false},
		{"gl-rd-ns-*", "gl-rd-ns", false},
		{"gl-rd-ns-*", "x-gl-rd-ns-plum", false},
		{"gl-rd-ns-*", "gl-rd-ns-a/secrets", false},
		{"gl-rd-ns-*", "gl-rd-ns-../kube-system", false},
		{"gl-rd-ns-*", "gl-rd-ns-A", false},
		{"gl-rd-ns-*", "gl-rd-ns-*", false},
		{"gl-rd-ns-*", "", false},
		{"abc*", "abc", true},
		{"workspaces", "workspaces", true},
		{"workspaces", "workspaces-2", false},
		{"workspaces", "workspace", false},
		{"workspaces", "", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (namespace_pattern_matches(cases[i].pattern, str_from(cases[i].namespace)) !=
		    cases[i].matches)
			fail_msg("%s %s", cases[i].pattern, cases[i].namespace);
}

static void
test_a_zero_byte(void **state)
{
	(void)state;
	assert_false(namespace_pattern_matches("abc*", STR("abc\0d")));
	assert_false(namespace_pattern_is_valid(STR("abc\0*")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_a_zero_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
