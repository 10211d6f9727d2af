/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URLs, authorities, percent-encoding, query look-ups, and a corpus of return targets that try to
 * leave our origin.
 */
#include "tests/unit/base/url_support.h"

static void
assert_str(struct str s, const char *expected)
{
	if (!str_equal(s, str_from(expected)))
		fail_msg("'%.*s' is not '%s'", STR_FMT(s), expected);
}

static void
test_parse_splits_the_parts(void **state)
{
	struct err e = ERR_INIT;
	struct url u;

	(void)state;
	assert_true(url_parse(&u, STR("HTTPS://Git.Example.COM:8443/Sub/dir?a=B&c"), &arena, &e));
	assert_str(u.scheme, "https");
	assert_str(u.host, "git.example.com");
	assert_int_equal(u.port, 8443);
	assert_str(u.path, "/Sub/dir");
	assert_str(u.query, "a=B&c");
	assert_false(u.host_is_ipv6);
	assert_string_equal(url_origin(&u, &arena), "https://git.example.com:8443");

	assert_true(url_parse(&u, STR("http://[2001:DB8::1]?q?/:@"), &arena, &e));
	assert_str(u.scheme, "http");
	assert_str(u.host, "2001:db8::1");
	assert_true(u.host_is_ipv6);
	assert_int_equal(u.port, 80);
	assert_str(u.path, "");
	assert_str(u.query, "q?/:@");
	assert_string_equal(url_origin(&u, &arena), "http://[2001:db8::1]");
}

static void
test_origin_names_other_ports_only(void **state)
{
	static const char *const pairs[][2] = {
		{"https://a", "https://a"},
		{"https://a:443/x", "https://a"},
		{"http://a:80", "http://a"},
		{"https://a:80", "https://a:80"},
		{"http://a:443", "http://a:443"},
		{"https://[::1]:1", "https://[::1]:1"},
		{"http://127.0.0.1:60001/", "http://127.0.0.1:60001"},
	};
	struct err e = ERR_INIT;
	struct url u;

	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		assert_true(url_parse(&u, str_from(pairs[i][0]), &arena, &e));
		assert_string_equal(url_origin(&u, &arena), pairs[i][1]);
	}
	assert_int_equal(url_default_port(STR("HTTPS")), 443);
	assert_int_equal(url_default_port(STR("http")), 80);
	assert_int_equal(url_default_port(STR("ftp")), 0);
}

static void
test_origins_are_scheme_host_and_port(void **state)
{
	static const char *const others[] = {"http://git.example.com/a", "https://example.com/a",
					     "https://git.example.com:8443/a"};
	struct err e = ERR_INIT;
	struct url u;
	struct url other;

	(void)state;
	assert_true(url_parse(&u, STR("https://git.example.com/a?b"), &arena, &e));
	assert_true(url_parse(&other, STR("https://GIT.example.com:443/c"), &arena, &e));
	assert_true(url_is_same_origin(&u, &other));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_true(url_parse(&other, str_from(others[i]), &arena, &e));
		assert_false(url_is_same_origin(&u, &other));
	}
}

static void
test_parse_copies_into_the_arena(void **state)
{
	char text[] = "https://host/path?query";
	struct err e = ERR_INIT;
	struct url u;

	(void)state;
	assert_true(url_parse(&u, str_from(text), &arena, &e));
	memset(text, 'x', sizeof(text));
	assert_str(u.scheme, "https");
	assert_str(u.host, "host");
	assert_str(u.path, "/path");
	assert_str(u.query, "query");
}

static const char *const bad_urls[][2] = {
	{"", "https://"},
	{"ftp://a", "https://"},
	{"//a", "https://"},
	{"/path", "https://"},
	{"https:/a", "https://"},
	{"https:a", "https://"},
	{"javascript:alert(1)", "https://"},
	{"file:///etc/passwd", "https://"},
	{"https://u@a", "user name"},
	{"https://u:p@a/", "user name"},
	{"https://a%40b/", "host or port"},
	{"https://", "host or port"},
	{"https:///x", "host or port"},
	{"https://?x", "host or port"},
	{"https://:443", "host or port"},
	{"https://a:", "host or port"},
	{"https://a:0", "host or port"},
	{"https://a:65536", "host or port"},
	{"https://a:08", "host or port"},
	{"https://a:+1", "host or port"},
	{"https://a:80:80", "host or port"},
	{"https://a..b", "host or port"},
	{"https://a.", "host or port"},
	{"https://.a", "host or port"},
	{"https://-a", "host or port"},
	{"https://a-.b", "host or port"},
	{"https://1.2.3", "host or port"},
	{"https://1.2.3.256", "host or port"},
	{"https://2130706433", "host or port"},
	{"https://0x7f.1", "host or port"},
	{"https://a.0x7f", "host or port"},
	{"https://a%2eb", "host or port"},
	{"https://[::1", "host or port"},
	{"https://[::1]x", "host or port"},
	{"https://[]", "host or port"},
	{"https://[fe80::1%25eth0]", "host or port"},
	{"https://::1", "host or port"},
	{"https://a*b", "host or port"},
	{"https://a/#f", "fragment"},
	{"https://a#", "fragment"},
	{"https://a/ b", "space"},
	{" https://a", "space"},
	{"https://a\t", "space"},
	{"https://a/\n", "space"},
	{"https://a/\x7f", "space"},
	{"https://a\\b", "backslash"},
	{"https://a/\xc3\xa4", "outside ASCII"},
	{"https://\xc3\xa4", "outside ASCII"},
	{"https://a/%", "percent"},
	{"https://a/%4", "percent"},
	{"https://a/%zz", "percent"},
	{"https://a/?q=%g1", "percent"},
	{"https://a/<b>", "percent-encoded"},
	{"https://a/\"", "percent-encoded"},
};

static void
test_parse_refuses(void **state)
{

	(void)state;
	for (size_t i = 0; i < COUNT(bad_urls); i++) {
		struct err e = ERR_INIT;
		struct url u;

		if (url_parse(&u, str_from(bad_urls[i][0]), &arena, &e))
			fail_msg("accepted: %s", bad_urls[i][0]);
		assert_int_equal(e.code, ERR_INPUT);
		if (strstr(e.text, bad_urls[i][1]) == NULL)
			fail_msg("%s: %s", bad_urls[i][0], e.text);
	}
}

static void
test_parse_limits(void **state)
{
	static char text[URL_MAX_BYTES + 1] = "https://a/";
	struct err e = ERR_INIT;
	struct arena small;
	struct url u;

	(void)state;
	memset(text + 10, 'x', sizeof(text) - 10);
	assert_true(url_parse(&u, (struct str){text, URL_MAX_BYTES}, &arena, &e));
	assert_false(url_parse(&u, (struct str){text, URL_MAX_BYTES + 1}, &arena, &e));
	arena_init(&small, 4);
	assert_false(url_parse(&u, STR("https://a/bcdef"), &small, &e));
	assert_int_equal(e.code, ERR_MEMORY);
	arena_fini(&small);
	assert_false(url_parse(&u, STR("https://a\0b/"), &arena, &e));
}

static void
test_authority(void **state)
{
	char label[65];
	struct str host;
	uint16_t port;

	(void)state;
	assert_true(url_split_authority(STR("Work-1.Example.com"), &host, &port));
	assert_str(host, "Work-1.Example.com");
	assert_int_equal(port, 0);
	assert_true(url_split_authority(STR("a_b:8443"), &host, &port));
	assert_str(host, "a_b");
	assert_int_equal(port, 8443);
	assert_true(url_split_authority(STR("127.0.0.1:1"), &host, &port));
	assert_str(host, "127.0.0.1");
	assert_true(url_split_authority(STR("[::1]:65535"), &host, &port));
	assert_str(host, "::1");
	assert_int_equal(port, 65535);
	assert_true(url_split_authority(STR("[::ffff:1.2.3.4]"), &host, &port));
	assert_int_equal(port, 0);
	assert_true(url_split_authority(STR("3000-name.ws.example"), &host, &port));
	assert_true(url_split_authority(STR("1a.2b"), &host, &port));
	memset(label, 'a', sizeof(label));
	assert_true(url_split_authority((struct str){label, 63}, &host, &port));
	assert_false(url_split_authority((struct str){label, 64}, &host, &port));
}

static void
test_authority_refuses(void **state)
{
	static const char *const bad[] = {
		"",	      ":",	     ":80",	 "a:",	      "a:0",
		"a:65536",    "a:123456",    "a:8 0",	 "a: 80",     " a",
		"a ",	      "a b",	     "u@a",	 "u:p@a",     "a.",
		"a..b",	      ".",	     "..",	 "a/",	      "a/b",
		"a?b",	      "a#b",	     "a\\b",	 "a,b",	      "[::1",
		"[::1]80",    "[::1]:",	     "[::1]:0",	 "::1",	      "[1.2.3.4]",
		"[::1%25lo]", "[v1.x]",	     "[]",	 "a%00b",     "a\tb",
		"a\x7f",      "\xc3\xa4.de", "a;b",	 "1.2.3.4.5", "0x7f.0x1",
		"127.0.0.1.", "a.com:80:80", "a.com:-1", "a.com:+80", "*.a.com",
		"a.com:8080x"};
	static char longest[300];
	struct str host;
	uint16_t port;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (url_split_authority(str_from(bad[i]), &host, &port))
			fail_msg("accepted: %s", bad[i]);
	}
	for (size_t i = 0; i < sizeof(longest); i++)
		longest[i] = i % 2 == 0 ? 'a' : '.';
	assert_true(url_split_authority((struct str){longest, 253}, &host, &port));
	assert_false(url_split_authority((struct str){longest, 255}, &host, &port));
	assert_false(url_split_authority(STR_NONE, &host, &port));
	assert_false(url_split_authority(STR("a\0b"), &host, &port));
	assert_false(url_split_authority(STR("[::1\0]"), &host, &port));
}

static void
test_every_byte_comes_back_from_encoding(void **state)
{
	struct buf encoded, decoded;
	char bytes[255];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(unsigned char)(i + 1);
	buf_init(&encoded, 1000);
	buf_init(&decoded, 1000);
	assert_true(url_encode(&encoded, (struct str){bytes, sizeof(bytes)}));
	for (size_t i = 0; i < encoded.len; i++)
		assert_non_null(strchr("%0123456789-._~ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz",
				       encoded.data[i]));
	assert_true(url_decode(&decoded, buf_view(&encoded), true));
	assert_true(str_equal(buf_view(&decoded), (struct str){bytes, sizeof(bytes)}));
	buf_clear(&encoded);
	assert_true(url_encode(&encoded, STR("a b/\xc3\xa4~")));
	assert_str(buf_view(&encoded), "a%20b%2F%C3%A4~");
	buf_fini(&encoded);
	buf_fini(&decoded);
	buf_init(&encoded, 4);
	assert_false(url_encode(&encoded, STR("//")));
	buf_fini(&encoded);
}

static void
test_decode(void **state)
{
	static const char *const bad[] = {"%", "%1", "a%", "%zz", "%0g", "%00", "a%00b", "%%41"};
	struct buf out;

	(void)state;
	buf_init(&out, 20);
	assert_true(url_decode(&out, STR("a+b%2Bc%2f"), true));
	assert_str(buf_view(&out), "a b+c/");
	buf_clear(&out);
	assert_true(url_decode(&out, STR("a+b"), false));
	assert_str(buf_view(&out), "a+b");
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(url_decode(&out, str_from(bad[i]), true));
	assert_false(url_decode(&out, STR("a\0"), true));
	assert_str(buf_view(&out), "a+b");
	assert_true(url_decode(&out, STR_NONE, true));
	assert_false(url_decode(&out, STR("123456789012345678"), true));
	assert_str(buf_view(&out), "a+b");
	buf_fini(&out);
}

static void
test_query_find(void **state)
{
	struct str value;

	(void)state;
	assert_int_equal(url_query_find(STR("code=abc&state=x%20y"), STR("state"), &value), 1);
	assert_str(value, "x%20y");
	assert_int_equal(url_query_find(STR("code=1&code=2&co%64e=3"), STR("code"), &value), 3);
	assert_str(value, "1");
	assert_int_equal(url_query_find(STR("xcode=1&codex=2&Code=3"), STR("code"), &value), 0);
	assert_true(str_is_empty(value));
	assert_int_equal(url_query_find(STR("code"), STR("code"), &value), 1);
	assert_true(str_is_empty(value));
	assert_int_equal(url_query_find(STR("&&code==a=b&"), STR("code"), &value), 1);
	assert_str(value, "=a=b");
	assert_int_equal(url_query_find(STR("my+name=1"), STR("my name"), &value), 1);
	assert_int_equal(url_query_find(STR("cod%=1&co%6=2"), STR("code"), &value), 0);
	assert_int_equal(url_query_find(STR("code%00=1"), STR("code"), &value), 0);
	assert_int_equal(url_query_find(STR_NONE, STR("code"), &value), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_splits_the_parts),
		cmocka_unit_test(test_origin_names_other_ports_only),
		cmocka_unit_test(test_origins_are_scheme_host_and_port),
		cmocka_unit_test(test_parse_copies_into_the_arena),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_parse_limits),
		cmocka_unit_test(test_authority),
		cmocka_unit_test(test_authority_refuses),
		cmocka_unit_test(test_every_byte_comes_back_from_encoding),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_query_find),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
