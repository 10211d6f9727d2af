/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attribute files: lines, macros, precedence and limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "clone/checkout/attributes.h"

#define FINDS_MAX 100000u

static void
push(struct attributes *a, const char *folder, const char *text)
{
	struct err e = ERR_INIT;

	assert_true(attributes_push(a, str_from(folder), str_from(text), &e));
}

/* "T" for set, "F" for unset, "-" for unspecified, "?" for unknown, or the value. */
static void
expect(struct attributes *a, const char *path, enum attribute which, const char *wanted)
{
	static const char *const states[] = {"?", "T", "F", "-"};
	struct attribute_value values[ATTRIBUTES];
	struct str found;
	struct err e = ERR_INIT;

	assert_true(attributes_find(a, str_from(path), values, &e));
	found = values[which].state == ATTRIBUTE_VALUE ? values[which].text
						       : str_from(states[values[which].state]);
	if (!str_equal(found, str_from(wanted)))
		fail_msg("%s: %.*s, not %s", path, STR_FMT(found), wanted);
}

static void
test_lines(void **state)
{
	static const struct {
		const char *line;
		const char *path;
		const char *text;
	} cases[] = {
		{"a text", "a", "T"},
		{"a -text", "x/a", "F"},
		{"/a text", "x/a", "?"},
		{"a !text", "a", "-"},
		{"a text=auto", "a", "auto"},
		{"a text=", "a", ""},
		{"a -text=x", "a", "F"},
		{"a text -text", "a", "F"},
		{"\ta\ttext\r", "a", "T"},
		{"#a text", "#a", "?"},
		{"\\#a text", "#a", "T"},
		{"!a text", "a", "?"},
		{"a/ text", "a", "?"},
		{"a text b?d", "a", "?"},
		{"a text --x", "a", "?"},
		{"\"a b\" text", "a b", "T"},
		{"\"a\\142\"text", "ab", "T"},
		{"\"a text", "\"a", "T"},
		{"\"a\\q\" text", "\"a\\q\"", "?"},
		{"\"\\\"\" text", "\"", "T"},
		{"dir/* text", "dir/a", "T"},
		{"dir/* text", "x/dir/a", "?"},
		{"dir/**/a text", "dir/a", "T"},
		{"foo**/a text", "foo/x/a", "T"},
		{"[attr] text", "[attr]", "?"},
		{"[attr]a text", "[attr]a", "?"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct attributes *a = attributes_new(ATTRIBUTES_STEPS);

		push(a, "", cases[i].line);
		expect(a, cases[i].path, ATTRIBUTE_TEXT, cases[i].text);
		attributes_free(a);
	}
}

static void
test_long_lines_and_nul(void **state)
{
	struct attributes *a = attributes_new(ATTRIBUTES_STEPS);
	char line[2100];
	struct err e = ERR_INIT;

	(void)state;
	memset(line, ' ', sizeof(line));
	memcpy(line, "a", 1);
	memcpy(line + 2044, "text", 4);
	assert_true(attributes_push(a, STR_NONE, (struct str){line, 2048}, &e));
	expect(a, "a", ATTRIBUTE_TEXT, "?");
	assert_true(attributes_push(a, STR("x/"), (struct str){line + 1, 2047}, &e));
	attributes_free(a);
	a = attributes_new(ATTRIBUTES_STEPS);
	assert_true(attributes_push(a, STR_NONE, STR("a text\n\0a -text\n"), &e));
	expect(a, "a", ATTRIBUTE_TEXT, "T");
	attributes_free(a);
}

static void
test_macros(void **state)
{
	struct attributes *a = attributes_new(ATTRIBUTES_STEPS);

	(void)state;
	push(a, "",
	     "a mine\n[attr]mine other eol=crlf\n[attr]other text=auto ident\n"
	     "[attr]mine other eol=lf\nb binary\nc -mine\nd mine -text\ne mine !ident\n"
	     "[attr]loop back\n[attr]back loop ident\nf loop\n");
	expect(a, "a", ATTRIBUTE_EOL, "lf");
	expect(a, "a", ATTRIBUTE_TEXT, "auto");
	expect(a, "b", ATTRIBUTE_TEXT, "F");
	expect(a, "c", ATTRIBUTE_TEXT, "?");
	expect(a, "d", ATTRIBUTE_TEXT, "F");
	expect(a, "e", ATTRIBUTE_IDENT, "-");
	expect(a, "f", ATTRIBUTE_IDENT, "T");
	/* Only the root's file defines macros. */
	push(a, "x/", "[attr]here text\ng here\nb mine\n");
	expect(a, "x/g", ATTRIBUTE_TEXT, "?");
	expect(a, "x/b", ATTRIBUTE_TEXT, "auto");
	attributes_free(a);
}

static void
test_folders(void **state)
{
	struct attributes *a = attributes_new(ATTRIBUTES_STEPS);

	(void)state;
	push(a, "x/", "* text\n/a eol=lf\n");
	push(a, "x/y/", "a -text\n");
	expect(a, "x/y/a", ATTRIBUTE_TEXT, "F");
	expect(a, "x/y/b", ATTRIBUTE_TEXT, "T");
	expect(a, "x/y/a", ATTRIBUTE_EOL, "?");
	attributes_leave(a, STR("x/ya"));
	expect(a, "x/a", ATTRIBUTE_TEXT, "T");
	expect(a, "x/a", ATTRIBUTE_EOL, "lf");
	attributes_leave(a, STR("xx"));
	expect(a, "xx", ATTRIBUTE_TEXT, "?");
	attributes_free(a);
}

static void
test_limits(void **state)
{
	struct attributes *a = attributes_new(ATTRIBUTES_STEPS);
	size_t len = ATTRIBUTES_FILE_MAX_BYTES + 1;
	char *text = calloc(1, len);
	static const char *const folders[] = {
		"a/", "a/a/", "a/a/a/", "a/a/a/a/", "a/a/a/a/a/", "a/a/a/a/a/a/", "a/a/a/a/a/a/a/"};
	struct err e = ERR_INIT;

	(void)state;
	/* One long comment. */
	memset(text, '#', len);
	assert_false(attributes_push(a, STR_NONE, (struct str){text, len}, &e));
	assert_int_equal(e.code, ERR_LIMIT);
	for (size_t i = 0; i < 7; i++) {
		err_clear(&e);
		assert_true(
			attributes_push(a, str_from(folders[i]), (struct str){text, len - 1}, &e));
	}
	assert_false(attributes_push(a, STR("a/a/a/a/a/a/a/a/"), (struct str){text, len - 1}, &e));
	assert_int_equal(e.code, ERR_LIMIT);
	/* The memory of folders that were left is free again. */
	attributes_leave(a, STR("b"));
	err_clear(&e);
	assert_true(attributes_push(a, STR("b/"), (struct str){text, len - 1}, &e));
	attributes_free(a);
	free(text);
}

/* Many short lines, whose rules need more memory than their text. */
static void
test_memory_limit(void **state)
{
	static const char *const lines[] = {"a -text\n", "[attr]", "\"a\" text\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct attributes *a = attributes_new(ATTRIBUTES_STEPS);
		struct err e = ERR_INIT;
		struct buf text;

		buf_init(&text, ATTRIBUTES_FILE_MAX_BYTES);
		for (size_t n = 0; buf_reserve(&text, 32) && text.len + 32 <= text.max; n++) {
			if (i == 1)
				assert_true(buf_addf(&text, "[attr]%zu\n", n));
			else
				assert_true(buf_add_str(&text, str_from(lines[i])));
		}
		assert_false(attributes_push(a, STR_NONE, buf_view(&text), &e));
		assert_int_equal(e.code, ERR_LIMIT);
		attributes_free(a);
		buf_fini(&text);
	}
}

/* Finds a file until no steps are left; returns how often that worked. */
static size_t
count_finds(const char *line, size_t lines, struct str path, uint64_t steps)
{
	struct attributes *a = attributes_new(steps);
	struct attribute_value values[ATTRIBUTES];
	struct err e = ERR_INIT;
	struct buf text;
	size_t found = 0;

	buf_init(&text, ATTRIBUTES_FILE_MAX_BYTES);
	for (size_t i = 0; i < lines; i++)
		assert_true(buf_add_str(&text, str_from(line)));
	if (attributes_push(a, STR_NONE, buf_view(&text), &e)) {
		while (found < FINDS_MAX && attributes_find(a, path, values, &e))
			found++;
	}
	if (found < FINDS_MAX)
		assert_int_equal(e.code, ERR_LIMIT);
	attributes_free(a);
	buf_fini(&text);
	return found;
}

static void
test_steps_limit(void **state)
{
	struct str path = STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");

	(void)state;
	/* The cost of ordinary files depends on the number of rules. */
	assert_int_equal(count_finds("*.c text\n", 10, path, 100000000), FINDS_MAX);
	assert_in_range(count_finds("*.c text\n", 1000, path, 1000000), 900, 1000);
	assert_in_range(count_finds("*a*a*a*a*a*a*a*b text\n", 1000, path, 10000000), 1, 200);
	assert_in_range(count_finds("/**/a*/**/a*/**/b text\n", 1000, path, 10000000), 1, 200);
	/* Reading and many macros cost steps too. */
	assert_int_equal(count_finds("# comment\n", 1000, path, 30000), 0);
	assert_in_range(count_finds("[attr]m text\n* m -m !m m\n", 1000, path, 1000000), 1, 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),	    cmocka_unit_test(test_long_lines_and_nul),
		cmocka_unit_test(test_macros),	    cmocka_unit_test(test_folders),
		cmocka_unit_test(test_limits),	    cmocka_unit_test(test_memory_limit),
		cmocka_unit_test(test_steps_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
