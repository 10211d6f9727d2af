/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/process/sandbox: what is permitted for a configured file.
 */
#include "base/process/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"

static void
test_files(void **state)
{
	static const struct {
		const char *path;
		const char *permitted;
	} cases[] = {
		{"/absent/tls.crt", "/absent"},
		{"/absent/deep/tls.crt", "/absent/deep"},
		{"/absent.crt", "/absent.crt"}, /* not all of the root directory */
	};
	struct arena a;

	(void)state;
	arena_init(&a, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct confine_rules rules = {.count = 0};

		assert_true(sandbox_add_file(&rules, cases[i].path, &a));
		assert_int_equal(rules.count, 1);
		assert_string_equal(rules.items[0].path, cases[i].permitted);
		assert_int_equal(rules.items[0].access, CONFINE_READ);
	}
	arena_fini(&a);
}

/* A link to a file below the root directory; a directory stands in for it. */
static void
test_links(void **state)
{
	char folder[] = "/tmp/test-sandbox-XXXXXX";
	struct confine_rules rules = {.count = 0};
	char path[64];
	struct arena a;

	(void)state;
	arena_init(&a, 4096);
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/link", folder);
	assert_int_equal(symlink("/proc", path), 0);
	assert_true(sandbox_add_file(&rules, path, &a));
	assert_int_equal(rules.count, 2);
	assert_string_equal(rules.items[0].path, folder);
	assert_string_equal(rules.items[1].path, "/proc");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
	arena_fini(&a);
}

static void
test_no_file(void **state)
{
	struct confine_rules rules = {.count = 0};

	(void)state;
	assert_true(sandbox_add_file(&rules, NULL, NULL));
	assert_int_equal(rules.count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
