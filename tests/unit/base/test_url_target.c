/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request targets and return targets: what stays on this host, and what is dubious.
 */
#include "tests/unit/base/url_support.h"

static void
test_local_targets(void **state)
{
	static const char *const good[] = {
		"/",
		"/?",
		"/a",
		"/lab/tree/notebook.ipynb",
		"/?folder=/home/user/project",
		"/?next=//other.example/",
		"/a//b",
		"/a/b.c/..d/...",
		"/~user/x;y=1,2/(z)",
		"/@scope/pkg",
		"/:80",
		"/a%2fb",
		"/stable-0123/static/out/x.js?v=%7B%22a%22%3A1%7D",
		"/caf%C3%A9",
		"/?q=100%25",
		"/#fragment",
		"/?continue=https%3A%2F%2Fa.example%2F",
		"/?q=a\\b",
		"/?a=../..",
		/* spaces, encoded once */
		"/lab/tree/My%20Notebook.ipynb",
		"/?folder=/my%20dir",
		"/?folder=%20/%20x%20",
		"/a%20%20b%2fc%20d",
		"/a%20",
		"/a%20?b",
		"/a#b%20c",
		"/a.%20.b",
		"/a+b?c+d=e%2B",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		if (!url_is_local_target(str_from(good[i])))
			fail_msg("refused: %s", good[i]);
	}
}

static const char *const bad_targets[] = {
	"",
	"a",
	"?a",
	"#a",
	"evil.example",
	"https://evil.example/",
	"https:evil.example",
	"javascript:alert(1)",
	"data:text/html,x",
	/* authority instead of a path */
	"//",
	"//evil.example",
	"///evil.example",
	"/\\evil.example",
	"/\\/evil.example",
	"\\/evil.example",
	"\\\\evil.example",
	"/\\\\evil.example",
	"//\\evil.example",
	/* what browsers remove: tab, newline, leading controls and spaces */
	" /a",
	"\t/a",
	"/\t/evil.example",
	"/\n/evil.example",
	"/\r/evil.example",
	"/\r\n/evil.example",
	"\x01//evil.example",
	"/a\r\nLocation: https://evil.example",
	"/ /evil.example",
	"/\x0b/evil.example",
	"/\x0c/evil.example",
	"/a b",
	"/a ",
	"/\x7f/",
	/* the same encoded, once and twice, in both cases */
	"/%09/evil.example",
	"/%0a/evil.example",
	"/%0D%0ASet-Cookie:a=b",
	"/%20/evil.example",
	"/%0b/",
	"/%7f/",
	"/%00/",
	"/a%00",
	"/%2509/evil.example",
	"/%250D%250Aa",
	"/%2520/",
	"/%25%30%39/",
	"/%%30%39/",
	"/?q=%0d%0ax",
	"/?q=%250ax",
	"/#%09",
	/* spaces next to slashes: parsers that trim them see other segments; and encoded twice */
	"/%20",
	"/%20a",
	"/%20//evil.example",
	"/%20%20/evil.example",
	"/a/%20/evil.example",
	"/a/%20b",
	"/a%20/b",
	"/%20%2fevil.example",
	"/a%2f%20b",
	"/a%20%2Fb",
	"/a%252f%20b",
	"/a%20%252fb",
	"/%20\\evil.example",
	"/%20%5cevil.example",
	"/..%20/evil.example",
	"/%20../evil.example",
	"/a%2520b",
	"/a%25%320b",
	"/a%2%30b",
	"/a%%32%30b",
	"/?a=%2520b",
	"/a%20 b",
	"/a%20%09b",
	"/a%20%0ab",
	"%20/a",
	"%20//evil.example",
	/* slashes and backslashes encoded where they would make an authority */
	"/%2fevil.example",
	"/%2Fevil.example",
	"/%2f%2fevil.example",
	"/%2f/evil",
	"/%2f%2f?",
	"/%5cevil.example",
	"/%5C%5Cevil.example",
	"/%252fevil.example",
	"/%255cevil.example",
	"/%2%66evil.example",
	"%2f%2fevil.example",
	/* dot segments that form one when they are resolved */
	"/.//evil.example",
	"/..//evil.example",
	"/a/..//evil.example",
	"/a/../../evil.example",
	"/%2e/%2fevil.example",
	"/%2e%2e//evil.example",
	"/.%2E//evil.example",
	"/%252e//evil.example",
	"/.",
	"/..",
	"/a/.",
	"/a/..\\/evil.example",
	"/a\\..\\..//evil.example",
	"/a%5c..%5c/evil.example",
	"/.\\evil.example",
	/* bytes outside ASCII, some of which become slashes or spaces elsewhere */
	"/\xc3\xa4",
	"/\xef\xbc\x8f/evil.example",
	"/\xe2\x80\xa8/evil.example",
	"/\xc2\xa0/evil.example",
	"/\xe3\x80\x82/evil.example",
	"/\xff",
};

static void
test_targets_that_leave_or_are_dubious(void **state)
{

	(void)state;
	for (size_t i = 0; i < COUNT(bad_targets); i++) {
		if (url_is_local_target(str_from(bad_targets[i])))
			fail_msg("accepted: %s", bad_targets[i]);
	}
	assert_false(url_is_local_target(STR("/a\0b")));
	assert_false(url_is_local_target(STR_NONE));
}

static void
test_no_control_byte_gets_through_anywhere(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		bool is_bad = c <= 0x20 || c == 0x7f;
		char raw[] = {'/', 'a', (char)c, 'b'};
		char once[16], twice[16], query[16];

		(void)snprintf(once, sizeof(once), "/a%%%02xb", c);
		(void)snprintf(twice, sizeof(twice), "/a%%25%02Xb", c);
		(void)snprintf(query, sizeof(query), "/?a=%%%02xb", c);
		if (c != '%' && c != '\\')
			assert_int_equal(url_is_local_target((struct str){raw, sizeof(raw)}),
					 !is_bad && c < 0x7f);
		if (c != '\\') {
			assert_int_equal(url_is_local_target(str_from(once)), !is_bad || c == ' ');
			assert_int_equal(url_is_local_target(str_from(twice)), !is_bad);
		}
		assert_int_equal(url_is_local_target(str_from(query)), !is_bad || c == ' ');
	}
}

static void
test_target_length(void **state)
{
	static char text[URL_MAX_BYTES + 1];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[0] = '/';
	assert_true(url_is_local_target((struct str){text, URL_MAX_BYTES}));
	assert_false(url_is_local_target((struct str){text, URL_MAX_BYTES + 1}));
}

static void
test_plain_path(void **state)
{
	static const char *const good[] = {"/a", "/oauth2", "/a/b-c._~", "/a/b.c"};
	static const char *const bad[] = {"",	   "/",	    "a",    "a/b",   "/a/",  "//a",
					  "/a//b", "/.a",   "/..",  "/a/..", "/a b", "/a%20b",
					  "/a?b",  "/a\\b", "/a;b", "/\xc3", "/a\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(url_is_plain_path(str_from(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (url_is_plain_path(str_from(bad[i])))
			fail_msg("\"%s\" is no plain path", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_path),
		cmocka_unit_test(test_local_targets),
		cmocka_unit_test(test_targets_that_leave_or_are_dubious),
		cmocka_unit_test(test_no_control_byte_gets_through_anywhere),
		cmocka_unit_test(test_target_length),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
