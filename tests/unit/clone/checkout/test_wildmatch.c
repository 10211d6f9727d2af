/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of paths: what matches, and that hostile ones take no time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clone/checkout/wildmatch.h"

struct match {
	const char *pattern;
	const char *text;
	bool in_path;
	bool in_name;
};

static const struct match matches[] = {
	{"", "", true, true},
	{"a", "a", true, true},
	{"a", "b", false, false},
	{"a", "ab", false, false},
	{"ab", "a", false, false},
	{"?", "a", true, true},
	{"?", "/", false, true},
	{"*", "", true, true},
	{"*", "a/b", false, true},
	{"*.c", "a.c", true, true},
	{"*a*b", "xaxb", true, true},
	{"*a*b", "xaxc", false, false},
	{"a*/b", "ax/b", true, true},
	{"a*/b", "ax/y/b", false, true},
	{"**", "a/b", true, true},
	{"**/b", "b", true, false},
	{"**/b", "a/b", true, true},
	{"**/b", "a/c/b", true, true},
	{"**/b", "a/cb", false, false},
	{"a/**", "a/b/c", true, true},
	{"a/**", "a", false, false},
	{"a/**/b", "a/b", true, false},
	{"a/**/b", "a/x/y/b", true, true},
	{"a/**/b/**/c", "a/x/b/b/y/c", true, true},
	{"a**b", "a/b", false, true},
	{"a**/b", "ax/b", true, true},
	{"**\\/a", "x/a", true, true},
	{"**\\/a", "a", false, false},
	{"[ab]", "b", true, true},
	{"[!ab]", "b", false, false},
	{"[^ab]", "c", true, true},
	{"[!a]", "/", false, true},
	{"[]]", "]", true, true},
	{"[a-c]", "b", true, true},
	{"[a-]", "-", true, true},
	{"[-a]", "-", true, true},
	{"[a\\-c]", "b", false, false},
	{"[\\]a]", "]", true, true},
	{"[a", "a", false, false},
	{"[[:digit:]]", "7", true, true},
	{"[[:digit:]]", "x", false, false},
	{"[[:upper:][:punct:]]", "!", true, true},
	{"[[:none:]a]", "a", false, false},
	{"[[:]", ":", true, true},
	{"\\*", "*", true, true},
	{"\\*", "a", false, false},
	{"a\\", "a\\", false, false},
};

static void
test_matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++) {
		struct str pattern = str_from(matches[i].pattern);
		struct str text = str_from(matches[i].text);

		if (wildmatch(pattern, text, true) != matches[i].in_path ||
		    wildmatch(pattern, text, false) != matches[i].in_name)
			fail_msg("\"%s\" and \"%s\"", matches[i].pattern, matches[i].text);
	}
}

/* Backtracking to each wildcard in turn would take as many steps as there are atoms. */
static void
test_many_wildcards(void **state)
{
	char text[4000];
	char pattern[1800];

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = "*a"[i % 2];
	pattern[sizeof(pattern) - 1] = 'b';
	assert_false(wildmatch((struct str){pattern, sizeof(pattern)},
			       (struct str){text, sizeof(text)}, false));
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = "a/"[i % 2];
	for (size_t i = 0; i + 4 <= sizeof(pattern); i += 4)
		memcpy(pattern + i, "**/a", 4);
	pattern[sizeof(pattern) - 1] = 'b';
	assert_false(wildmatch((struct str){pattern, sizeof(pattern)},
			       (struct str){text, sizeof(text)}, true));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_many_wildcards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
