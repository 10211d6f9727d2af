/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/http/field_list: valid and invalid list values of each syntax, and every prefix of them.
 */
#include "proxy/http/field_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "tests/unit/count.h"

#define LIST_TOKEN	FIELD_LIST_TOKEN
#define LIST_VERSION	FIELD_LIST_VERSION
#define LIST_VALUE	FIELD_LIST_VALUE
#define LIST_PARAMETERS FIELD_LIST_PARAMETERS

static const struct {
	const char *value;
	unsigned syntax;
	bool is_valid;
} cases[] = {
	{"", LIST_TOKEN, true},
	{"keep-alive", LIST_TOKEN, true},
	{",, a\t,b ,", LIST_TOKEN, true},
	{"a b", LIST_TOKEN, false},
	{"a/1", LIST_TOKEN, false},
	{"a=b", LIST_TOKEN, false},
	{"a;q=1", LIST_TOKEN, false},
	{"\"a\"", LIST_TOKEN, false},
	{"\xe4", LIST_TOKEN, false},
	{"websocket", LIST_VERSION, true},
	{"h2c, HTTP/2.0 ,a/b", LIST_VERSION, true},
	{"a/", LIST_VERSION, false},
	{"/a", LIST_VERSION, false},
	{"a/b/c", LIST_VERSION, false},
	{"a /b", LIST_VERSION, false},
	{"timeout=5, max=100", LIST_VALUE, true},
	{"5", LIST_VALUE, true},
	{"a=\"b, \\\"c\\\\\"", LIST_VALUE, true},
	{"a=", LIST_VALUE, false},
	{"=5", LIST_VALUE, false},
	{"a=b;c", LIST_VALUE, false},
	{"a=\"b", LIST_VALUE, false},
	{"a=\"b\\\"", LIST_VALUE, false},
	{"a=\"b\"c", LIST_VALUE, false},
	{"trailers, deflate;q=0.5 , gzip ; q=1;a=\"b;\"", LIST_PARAMETERS, true},
	{"gzip;", LIST_PARAMETERS, false},
	{"gzip;q", LIST_PARAMETERS, false},
	{"gzip;q=", LIST_PARAMETERS, false},
	{"gzip;=1", LIST_PARAMETERS, false},
	{";q=1", LIST_PARAMETERS, false},
	{"gzip;q =1", LIST_PARAMETERS, false},
	{"gzip q=1", LIST_PARAMETERS, false},
};

static void
test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (field_list_is_valid(str_from(cases[i].value), cases[i].syntax) !=
		    cases[i].is_valid)
			fail_msg("%s", cases[i].value);
}

/* Prefixes in memory of their exact size, so that a sanitizer sees reads beyond them. */
static void
test_prefixes_are_read_within_bounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t len = 1; len <= strlen(cases[i].value); len++) {
			char *copy = malloc(len);
			assert_non_null(copy);
			memcpy(copy, cases[i].value, len);
			(void)field_list_is_valid((struct str){copy, len}, cases[i].syntax);
			free(copy);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_prefixes_are_read_within_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
