/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's list: what it holds is found, in whatever order and spelling, and nothing else.
 */
#include "auth/broker/deny_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static struct deny_list *
parse(const char *text)
{
	struct err e = ERR_INIT;
	struct deny_list *l = deny_list_parse(str_from(text), &e);

	if (l == NULL)
		fail_msg("%s: %s", text, e.text);
	return l;
}

static void
test_entries_are_found(void **state)
{
	struct deny_list *l = parse("# who is out\n"
				    "host kiwi.ws.example.com\n"
				    "\n"
				    "user 42 # left the company\r\n"
				    "  host \t FIG.ws.example.com:443\n"
				    "user 7");

	(void)state;
	assert_int_equal(deny_list_count(l), 4);
	assert_true(deny_list_has_host(l, STR("kiwi.ws.example.com")));
	assert_true(deny_list_has_host(l, STR("fig.ws.example.com")));
	assert_false(deny_list_has_host(l, STR("kiwi.ws.example.co")));
	assert_false(deny_list_has_host(l, STR("kiwi.ws.example.com:8443")));
	assert_false(deny_list_has_host(l, STR("")));
	assert_true(deny_list_has_user(l, 42) && deny_list_has_user(l, 7));
	assert_false(deny_list_has_user(l, 4) || deny_list_has_user(l, 0));
	deny_list_free(l);
}

static void
test_no_list_and_empty_ones(void **state)
{
	struct deny_list *l = parse("");

	(void)state;
	assert_int_equal(deny_list_count(l), 0);
	assert_false(deny_list_has_host(l, STR("kiwi.ws.example.com")));
	assert_false(deny_list_has_host(NULL, STR("kiwi.ws.example.com")));
	assert_false(deny_list_has_user(NULL, 42));
	assert_int_equal(deny_list_count(NULL), 0);
	deny_list_free(l);
	deny_list_free(NULL);
}

static void
test_wrong_lines_are_named(void **state)
{
	static const char *const lines[] = {
		"host",
		"host a b",
		"host -a.example",
		"host *.ws.example.com",
		"user",
		"user sasha",
		"user 0",
		"user -1",
		"user 1 2",
		"USER 1",
		"kiwi.ws.example.com",
		"hosts kiwi.ws.example.com",
		"user 18446744073709551617",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct err e = ERR_INIT;
		char text[128];

		(void)snprintf(text, sizeof(text), "user 1\n%s\nuser 2\n", lines[i]);
		assert_null(deny_list_parse(str_from(text), &e));
		if (!str_starts_with(str_from(e.text), STR("line 2: ")))
			fail_msg("%s: %s", lines[i], e.text);
	}
}

static void
test_many_entries(void **state)
{
	struct deny_list *l;
	struct buf text;
	char name[64];

	(void)state;
	buf_init(&text, DENY_LIST_FILE_MAX);
	for (unsigned i = 20000; i > 0; i--)
		buf_addf(&text, "host w%u.ws.example.com\nuser %u\n", i * 7919 % 20011, i * 2);
	assert_true(buf_is_ok(&text));
	l = deny_list_parse(buf_view(&text), NULL);
	assert_non_null(l);
	assert_int_equal(deny_list_count(l), 40000);
	for (unsigned i = 1; i <= 20000; i++) {
		(void)snprintf(name, sizeof(name), "w%u.ws.example.com", i * 7919 % 20011);
		assert_true(deny_list_has_host(l, str_from(name)));
		assert_true(deny_list_has_user(l, i * 2));
		assert_false(deny_list_has_user(l, i * 2 - 1));
	}
	deny_list_free(l);
	buf_fini(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries_are_found),
		cmocka_unit_test(test_no_list_and_empty_ones),
		cmocka_unit_test(test_wrong_lines_are_named),
		cmocka_unit_test(test_many_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
