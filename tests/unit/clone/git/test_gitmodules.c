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

struct issue_list {
	size_t count;
	size_t lost;
	size_t line; /* of the last one */
};

static void
on_issue(const struct gitmodules_issue *issue, void *arg)
{
	struct issue_list *list = arg;

	list->count++;
	list->lost += issue->is_lost ? 1 : 0;
	list->line = issue->line;
}

static void
parse(struct gitmodules *m, const char *text, struct arena *a, struct issue_list *issue)
{
	struct err e = ERR_INIT;

	*issue = (struct issue_list){.count = 0};
	assert_true(gitmodules_parse(m, str_from(text), a, on_issue, issue, &e));
}

static void
test_entries_that_are_read(void **state)
{
	struct issue_list issue;
	struct gitmodules m;
	struct arena a;

	(void)state;
	arena_init(&a, 65536);
	parse(&m,
	      "\xef\xbb\xbf# comment with [include]\n"
	      "[core]\n\tpath = no\n"
	      "[submodule \"lib/a\"] path = deps/a # more\n\turl = \"../a.git\" ; more\n"
	      "[SubModule \"b \\\"x\\\"\"]\r\n  PATH=\"b;c\"\r\n\turl = https://h/\\\r\nb\r\n"
	      "\tbranch = main\n\tshallow\n\tupdate = none\n"
	      "[submodule \"lib/a\"]\n\tpath = later\n\tshallow = 0\n",
	      &a, &issue);
	assert_int_equal(issue.count, 0);
	assert_int_equal(m.count, 2);
	assert_true(str_equal(m.items[0].name, STR("lib/a")));
	assert_true(str_equal(m.items[0].path, STR("later")));
	assert_true(str_equal(m.items[0].url, STR("../a.git")));
	assert_true(!m.items[0].is_shallow && m.items[0].update == NULL);
	assert_true(str_equal(m.items[1].name, STR("b \"x\"")));
	assert_true(str_equal(m.items[1].path, STR("b;c")));
	assert_true(str_equal(m.items[1].url, STR("https://h/b")));
	assert_true(m.items[1].is_shallow);
	assert_string_equal(m.items[1].update, "none");
	arena_fini(&a);
}

/* One invalid entry, which is reported, and one after it, which is read. */
static void
test_odd_entries_are_ignored(void **state)
{
	static const struct {
		const char *text;
		bool is_lost;
	} cases[] = {
		{"[submodule \"..\"]\n\tpath = x\n", true},
		{"[submodule \"a/../b\"]\n\tpath = x\n", true},
		{"[submodule \"/a\"]\n\tpath = x\n", true},
		{"[submodule \"a/\"]\n\tpath = x\n", true},
		{"[submodule \"\"]\n\tpath = x\n", true},
		{"[submodule \"a/.GIT\"]\n\tpath = x\n", true},
		{"[submodule \"a\\\\..\\\\b\"]\n\tpath = x\n", true},
		{"[submodule \"a\n", true},
		{"[submodule \"a\"\n", true},
		{"[other\n", true},
		{"[submodule \"a\"]\n\turl = \"open\n", true},
		{"[submodule \"a\"]\n\turl = \\x\n", true},
		{"[submodule \"a\"]\n\tpath = p\n\turl = -u\n", true},
		{"[submodule \"a\"]\n\tpath\n", true},
		{"[submodule \"a\"]\n\tpath = p\n\turl = u\n\tupdate = !ls\n", false},
		{"[submodule \"a\"]\n\tpath = p\n\turl = u\n\tshallow = maybe\n", false},
	};
	struct gitmodules m;
	struct arena a;

	(void)state;
	arena_init(&a, 65536);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct issue_list issue;
		char text[256];

		snprintf(text, sizeof(text), "%s[submodule \"-n\\\\m\"]\n\tpath = lib\n",
			 cases[i].text);
		parse(&m, text, &a, &issue);
		if (issue.count == 0 || (issue.lost > 0) != cases[i].is_lost || m.count == 0 ||
		    !str_equal(m.items[m.count - 1].name, STR("-n\\m")) ||
		    !str_equal(m.items[m.count - 1].path, STR("lib")))
			fail_msg("%s", text);
	}
	arena_fini(&a);
}

static void
test_number_of_entries_is_bounded(void **state)
{
	struct issue_list issue = {.count = 0};
	struct gitmodules m;
	struct err e = ERR_INIT;
	struct arena a;
	struct buf text;

	(void)state;
	arena_init(&a, 1024u * 1024u);
	buf_init(&text, GITMODULES_MAX_BYTES);
	for (size_t i = 0; i < GITMODULES_MAX; i++)
		assert_true(buf_addf(&text, "[submodule \"m%zu\"]\nurl = x\n", i));
	assert_true(gitmodules_parse(&m, buf_view(&text), &a, on_issue, &issue, &e) &&
		    issue.count == 0);
	assert_true(buf_add_str(&text, STR("[submodule \"last\"]\nurl = x\npath = y\n")));
	assert_true(gitmodules_parse(&m, buf_view(&text), &a, on_issue, &issue, &e));
	assert_int_equal(issue.count, 1);
	assert_int_equal(issue.line, 2 * GITMODULES_MAX + 2);
	assert_int_equal(m.count, GITMODULES_MAX);
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
		cmocka_unit_test(test_entries_that_are_read),
		cmocka_unit_test(test_odd_entries_are_ignored),
		cmocka_unit_test(test_number_of_entries_is_bounded),
		cmocka_unit_test(test_relative_addresses),
	};

	return cmocka_run_group_tests_name("clone/gitmodules", tests, NULL, NULL);
}
