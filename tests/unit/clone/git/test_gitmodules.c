/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .gitmodules: what is read of it, what is refused, what relative addresses mean.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "clone/git/gitmodules.h"

static bool
parse(struct gitmodules *m, const char *text, struct arena *a)
{
	struct err e = ERR_INIT;

	return gitmodules_parse(m, str_from(text), a, &e);
}

static void
test_what_is_read(void **state)
{
	struct gitmodules m;
	struct arena a;

	(void)state;
	arena_init(&a, 65536);
	assert_true(
		parse(&m,
		      "# comment\n"
		      "[core]\n\tpath = no\n"
		      "[submodule \"lib/a\"]\n\tpath = deps/a # more\n\turl = \"../a.git\" ; more\n"
		      "[SubModule \"b \\\"x\\\"\"]\r\n  PATH=\"b;c\"\r\n\turl = https://h/b\r\n"
		      "\tbranch = main\n\tshallow\n"
		      "[submodule \"lib/a\"]\n\tpath = later\n",
		      &a));
	assert_int_equal(m.count, 2);
	assert_true(str_equal(m.items[0].name, STR("lib/a")));
	assert_true(str_equal(m.items[0].path, STR("later")));
	assert_true(str_equal(m.items[0].url, STR("../a.git")));
	assert_true(str_equal(m.items[1].name, STR("b \"x\"")));
	assert_true(str_equal(m.items[1].path, STR("b;c")));
	assert_true(str_equal(m.items[1].url, STR("https://h/b")));
	assert_true(parse(&m, "", &a));
	assert_int_equal(m.count, 0);
	arena_fini(&a);
}

static void
test_what_is_refused(void **state)
{
	static const char *const texts[] = {
		"[submodule \"..\"]\n",
		"[submodule \"a/../b\"]\n",
		"[submodule \"a//b\"]\n",
		"[submodule \"/a\"]\n",
		"[submodule \"a/\"]\n",
		"[submodule \"\"]\n",
		"[submodule \"-a\"]\n",
		"[submodule \"a/.GIT\"]\n",
		"[submodule \"a\\\\b\"]\n",
		"[submodule \"a\n",
		"[submodule \"a\"\n",
		"[other\n",
		"[submodule \"a\"]\n\turl = \"open\n",
		"[submodule \"a\"]\n\turl = x\\\n\ty\n",
	};
	struct gitmodules m;
	struct arena a;

	(void)state;
	arena_init(&a, 65536);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (parse(&m, texts[i], &a))
			fail_msg("passed: %s", texts[i]);
	}
	arena_fini(&a);
}

static void
test_their_number_is_bounded(void **state)
{
	struct gitmodules m;
	struct err e = ERR_INIT;
	struct arena a;
	struct buf text;

	(void)state;
	arena_init(&a, 1024u * 1024u);
	buf_init(&text, GITMODULES_MAX_BYTES);
	for (size_t i = 0; i < GITMODULES_MAX; i++)
		assert_true(buf_addf(&text, "[submodule \"m%zu\"]\n", i));
	assert_true(gitmodules_parse(&m, buf_view(&text), &a, &e));
	assert_true(buf_add_str(&text, STR("[submodule \"last\"]\n")));
	assert_false(gitmodules_parse(&m, buf_view(&text), &a, &e));
	buf_fini(&text);
	arena_fini(&a);
}

static void
test_relative_addresses(void **state)
{
	static const char base[] = "https://h:8443/group/sub/demo.git";
	static const struct {
		const char *url;
		const char *expected; /* NULL: refused */
	} cases[] = {
		{"../lib.git", "https://h:8443/group/sub/lib.git"},
		{"./nested", "https://h:8443/group/sub/demo.git/nested"},
		{"../../lib", "https://h:8443/group/lib"},
		{"../../../other/lib.git", "https://h:8443/other/lib.git"},
		{"../../../../lib.git", NULL},
		{".././../x", "https://h:8443/group/x"},
		{"https://elsewhere/a", "https://elsewhere/a"},
		{"-u", NULL},
		{"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = ERR_INIT;
		struct buf out;
		bool ok;

		buf_init(&out, 1024);
		ok = gitmodules_resolve_url(str_from(base), str_from(cases[i].url), &out, &e);
		assert_true(ok == (cases[i].expected != NULL));
		if (ok && !str_equal(buf_view(&out), str_from(cases[i].expected)))
			fail_msg("%s: %.*s", cases[i].url, STR_FMT(buf_view(&out)));
		buf_fini(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_read),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_their_number_is_bounded),
		cmocka_unit_test(test_relative_addresses),
	};

	return cmocka_run_group_tests_name("clone/gitmodules", tests, NULL, NULL);
}
