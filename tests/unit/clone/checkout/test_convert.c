/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversions for the work tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "clone/checkout/convert.h"

#define ID "0123456789012345678901234567890123456789"

/* Checks a file's content after the checkout with these attributes. */
static void
expect_of(const char *line, struct str in, enum convert_result result, struct str wanted)
{
	struct attributes *a = attributes_new(ATTRIBUTES_STEPS);
	struct attribute_value values[ATTRIBUTES];
	struct conversion c;
	struct err e = ERR_INIT;
	char text[256];
	struct buf out;

	snprintf(text, sizeof(text), "* %s", line);
	assert_true(attributes_push(a, STR_NONE, str_from(text), &e));
	assert_true(attributes_find(a, STR("a"), values, &e));
	conversion_init(&c, values);
	buf_init(&out, 65536);
	assert_int_equal(convert_to_worktree(&c, in, ID, &out), result);
	assert_true(conversion_is_needed(&c) || result == CONVERT_UNCHANGED);
	if (result != CONVERT_UNCHANGED && !str_equal(buf_view(&out), wanted))
		fail_msg("%s: \"%.*s\"", line, STR_FMT(buf_view(&out)));
	buf_fini(&out);
	attributes_free(a);
}

#define CHANGED(line, in, out)	   expect_of(line, STR(in), CONVERT_CHANGED, STR(out))
#define UNCHANGED(line, in)	   expect_of(line, STR(in), CONVERT_UNCHANGED, STR(""))
#define NOT_ENCODED(line, in, out) expect_of(line, STR(in), CONVERT_NOT_ENCODED, STR(out))

static void
test_line_endings(void **state)
{
	(void)state;
	CHANGED("text eol=crlf", "a\nb\r\n\n", "a\r\nb\r\n\r\n");
	CHANGED("eol=crlf", "\n", "\r\n");
	CHANGED("text=auto eol=crlf", "a\n", "a\r\n");
	CHANGED("crlf eol=crlf", "a\n", "a\r\n");
	CHANGED("text=input eol=crlf", "a\r\r\n\n", "a\r\r\n\r\n");
	UNCHANGED("text=auto eol=crlf", "a\nb\r\n");
	UNCHANGED("text=auto eol=crlf", "a\n\r");
	UNCHANGED("text=auto eol=crlf", "a\n\0");
	UNCHANGED("text=auto eol=crlf", "\1\n");
	CHANGED("text=auto eol=crlf", "\n\32", "\r\n\32");
	UNCHANGED("-text eol=crlf", "a\n");
	UNCHANGED("text", "a\n");
	UNCHANGED("text=auto", "a\n");
	UNCHANGED("text eol=lf", "a\r\n");
	UNCHANGED("text eol=crlf", "a");
	UNCHANGED("text eol=crlf", "");
}

static void
test_ident(void **state)
{
	(void)state;
	CHANGED("ident", "$Id$ $Id: x $", "$Id: " ID " $ $Id: " ID " $");
	CHANGED("ident eol=crlf", "$Id$\n", "$Id: " ID " $\r\n");
	/* Keywords of other systems, unterminated ones, and other text after "$Id". */
	CHANGED("ident", "$Id: a b $", "$Id: a b $");
	CHANGED("ident", "$Id: a\n$Id$", "$Id: a\n$Id: " ID " $");
	CHANGED("ident", "$Id", "$Id");
	CHANGED("ident text=auto", "$Id: a b $ $Id$", "$Id: a b $ $Id: " ID " $");
	CHANGED("ident text=auto", "$Id:$", "$Id: " ID " $");
	CHANGED("ident text=auto", "$Id: open", "$Id: open");
	/* git's two ways differ here. */
	CHANGED("ident", "$$Id$", "$$Id$");
	CHANGED("ident text=auto", "$$Id$", "$$Id: " ID " $");
	CHANGED("ident", "$Id\0$Id$", "$Id\0$Id$");
	UNCHANGED("-ident", "$Id$");
	UNCHANGED("ident", "Id$");
}

static void
test_encodings(void **state)
{
	(void)state;
	CHANGED("working-tree-encoding=UTF-16LE", "\xc3\xa9\n", "\xe9\0\n\0");
	CHANGED("working-tree-encoding=UTF-16LE-BOM", "a",
		"\xff\xfe"
		"a\0");
	CHANGED("working-tree-encoding=utf16be-bom", "a", "\xfe\xff\0a");
	CHANGED("working-tree-encoding=latin-1 eol=crlf", "\xc3\xa9\n", "\xe9\r\n");
	UNCHANGED("working-tree-encoding=utf-8", "\xc3\xa9");
	UNCHANGED("working-tree-encoding=", "\xc3\xa9");
	UNCHANGED("working-tree-encoding=UTF-16", "");
	NOT_ENCODED("working-tree-encoding=none-such", "a", "a");
	NOT_ENCODED("working-tree-encoding=ISO-8859-1 eol=crlf", "\xe2\x98\x83\n",
		    "\xe2\x98\x83\r\n");
	NOT_ENCODED("working-tree-encoding=UTF-16", "\xff", "\xff");
	NOT_ENCODED("working-tree-encoding", "a", "a");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line_endings),
		cmocka_unit_test(test_ident),
		cmocka_unit_test(test_encodings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
