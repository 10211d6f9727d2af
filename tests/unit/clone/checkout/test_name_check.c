/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ".git" in its disguises, and what only looks like one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clone/checkout/name_check.h"

static void
test_names_that_are_refused(void **state)
{
	static const char *const names[] = {
		"",
		".",
		"..",
		"a/b",
		"../x",
		".git",
		".GIT",
		".Git",
		".git.",
		".git ",
		".git . .",
		".git::$INDEX_ALLOCATION",
		".git:stream",
		"git~1",
		"GIT~1",
		"GIT~1 .",
		".g\xe2\x80\x8cit", /* zero width non-joiner */
		"\xef\xbb\xbf.git",
		".git\xe2\x80\xae",
		".gi\xe2\x81\xaat",
		".G\xe2\x80\x8dI\xe2\x80\x8fT.",
		"x\\.git\\hooks",
		".git\\config",
		/* However long it is. */
		".git.......................................................................... ",
		".git                                                                          :x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (name_check_entry(str_from(names[i])) == NULL)
			fail_msg("\"%s\" passed", names[i]);
	}
}

static void
test_names_that_may_be_written(void **state)
{
	static const char *const names[] = {
		"a",
		"...",
		".gitignore",
		".gitattributes",
		".gitmodules",
		".github",
		"git",
		"git~",
		"git~x",
		"git~10",
		"foo.git",
		".git-blame",
		"x\\2d.service",
		"a:b",
		"git~2",
		"..\\out.txt",
		"dir\\.\\x",
		".git..........................................................................x",
		"\xe2\x80\xaf",
		"\xe2\x82\xac.git",
		"a\nb",
		".gi",
		"very-long-name-that-is-much-longer-than-any-of-those-that-matter-to-anyone.git",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (name_check_entry(str_from(names[i])) != NULL)
			fail_msg("\"%s\" was refused", names[i]);
	}
}

static void
test_gitmodules(void **state)
{
	(void)state;
	assert_true(name_check_is_gitmodules(STR(".gitmodules")));
	assert_true(name_check_is_gitmodules(STR(".GITmodules .")));
	assert_true(name_check_is_gitmodules(STR(".git\xe2\x80\x8dmodules")));
	assert_true(name_check_is_gitmodules(STR("gitmod~1")));
	assert_true(name_check_is_gitmodules(STR("GI7EBA~1")));
	assert_true(name_check_is_gitmodules(
		STR(".gitmodules...................................................... ")));
	assert_true(name_check_is_gitmodules(STR("x\\.gitmodules")));
	assert_true(name_check_is_gitmodules(STR("GITMOD~4:x\\y")));
	assert_false(name_check_is_gitmodules(STR("x\\y.gitmodules")));
	assert_false(name_check_is_gitmodules(STR("gitmodules")));
	assert_false(name_check_is_gitmodules(STR(".gitmodules2")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_that_are_refused),
		cmocka_unit_test(test_names_that_may_be_written),
		cmocka_unit_test(test_gitmodules),
	};

	return cmocka_run_group_tests_name("clone/names", tests, NULL, NULL);
}
