/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket addresses: each written form there and back, and what is refused.
 */
#include "base/net/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

static void
assert_round_trip(const char *text, const char *formatted, const char *ip, uint16_t port)
{
	char out[ADDRESS_TEXT_MAX];
	struct err e = ERR_INIT;
	struct address a;

	assert_true(address_parse(&a, str_from(text), &e));
	assert_true(address_is_set(&a));
	address_format(&a, out, sizeof(out));
	assert_string_equal(out, formatted);
	address_format_ip(&a, out, sizeof(out));
	assert_string_equal(out, ip);
	assert_int_equal(address_port(&a), port);
}

static void
test_written_forms(void **state)
{
	(void)state;
	assert_round_trip("127.0.0.1:80", "127.0.0.1:80", "127.0.0.1", 80);
	assert_round_trip("0.0.0.0:0", "0.0.0.0:0", "0.0.0.0", 0);
	assert_round_trip("[::1]:65535", "[::1]:65535", "::1", 65535);
	assert_round_trip("[2001:DB8:0:0::1]:443", "[2001:db8::1]:443", "2001:db8::1", 443);
	assert_round_trip("[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.1]:1", "10.0.0.1", 1);
	assert_round_trip("localhost:8080", "127.0.0.1:8080", "127.0.0.1", 8080);
	assert_round_trip("LocalHost:8080", "127.0.0.1:8080", "127.0.0.1", 8080);
	assert_round_trip("unix:/run/a b.sock", "unix:/run/a b.sock", "unix", 0);
}

static void
test_port_alone_means_all_addresses(void **state)
{
	char out[ADDRESS_TEXT_MAX];
	struct err e = ERR_INIT;
	struct address a;

	(void)state;
	assert_true(address_parse(&a, STR(":8443"), &e));
	assert_int_equal(address_port(&a), 8443);
	address_format(&a, out, sizeof(out));
	assert_true(strcmp(out, "[::]:8443") == 0 || strcmp(out, "0.0.0.0:8443") == 0);
}

static void
test_refused(void **state)
{
	static const char *const bad[] = {"",
					  "127.0.0.1",
					  "127.0.0.1:",
					  "127.0.0.1:65536",
					  "127.0.0.1:-1",
					  "127.0.0.1: 80",
					  "127.0.0.1:000080",
					  "127.0.0.1:80x",
					  "127.0.0.1:8 0",
					  "127.1:80",
					  "256.0.0.1:80",
					  "::1:80",
					  "[::1]",
					  "[::1:80",
					  "::1]:80",
					  "[]:80",
					  "[::g]:80",
					  "[fe80::1%1]:8",
					  "example.com:80",
					  " 127.0.0.1:80",
					  "[127.0.0.1]:8",
					  "unix:",
					  "unix:relative",
					  "unix:@abstract",
					  "127.0.0.1 :80",
					  "http://[::1]:8"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = ERR_INIT;
		struct address a;

		if (address_parse(&a, str_from(bad[i]), &e))
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(e.code, ERR_CONFIG);
		assert_string_not_equal(e.text, "");
		assert_false(address_is_set(&a));
	}
}

static void
test_nuls_are_refused(void **state)
{
	struct err e = ERR_INIT;
	struct address a;

	(void)state;
	assert_false(address_parse(&a, STR("127.0.0.1\0:80"), &e));
	assert_false(address_parse(&a, STR("unix:/a\0b"), &e));
	assert_false(address_parse(&a, STR("[::1\0]:80"), &e));
	assert_false(address_parse(&a, STR_NONE, &e));
}

static void
test_unix_paths_have_a_limit(void **state)
{
	char text[5 + 200] = "unix:";
	char out[ADDRESS_TEXT_MAX];
	struct err e = ERR_INIT;
	struct address a;

	(void)state;
	memset(text + 5, '/', 199);
	assert_true(address_parse(&a, (struct str){text, 5 + 107}, &e));
	assert_true(address_is_unix(&a));
	address_format(&a, out, sizeof(out));
	assert_int_equal(strlen(out), 5 + 107);
	assert_false(address_parse(&a, (struct str){text, 5 + 108}, &e));
	address_format(&a, out, sizeof(out));
	assert_string_equal(out, "");
}

static void
test_unset_and_unnamed(void **state)
{
	struct sockaddr_un unnamed = {.sun_family = AF_UNIX};
	struct address a = {.len = 0};
	char out[ADDRESS_TEXT_MAX];
	char small[6];

	(void)state;
	assert_false(address_is_set(&a));
	assert_false(address_is_unix(&a));
	address_format(&a, out, sizeof(out));
	assert_string_equal(out, "");
	address_format_ip(&a, out, sizeof(out));
	assert_string_equal(out, "");
	memset(unnamed.sun_path, 'x', sizeof(unnamed.sun_path));
	memcpy(&a.sa, &unnamed, sizeof(unnamed));
	a.len = sizeof(sa_family_t);
	address_format(&a, out, sizeof(out));
	assert_string_equal(out, "unix:");
	a.len = sizeof(unnamed); /* a path that fills its field has no NUL */
	address_format(&a, out, sizeof(out));
	assert_int_equal(strlen(out), 5 + sizeof(unnamed.sun_path));
	address_format(&a, small, sizeof(small));
	assert_string_equal(small, "unix:");
	address_format(&a, small, 0);
}

static void
test_from_host(void **state)
{
	static const char *const bad[] = {"", "example.com", "[::1", "::g", "127.1", "[127.0.0.1]"};
	char out[ADDRESS_TEXT_MAX];
	struct err e = ERR_INIT;
	struct address a;

	(void)state;
	assert_true(address_from_host(&a, STR("::1"), 60001, &e));
	address_format(&a, out, sizeof(out));
	assert_string_equal(out, "[::1]:60001");
	assert_true(address_from_host(&a, STR("[::1]"), 60001, &e));
	address_format(&a, out, sizeof(out));
	assert_string_equal(out, "[::1]:60001");
	assert_true(address_from_host(&a, STR("localhost"), 1, &e));
	address_format(&a, out, sizeof(out));
	assert_string_equal(out, "127.0.0.1:1");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(address_from_host(&a, str_from(bad[i]), 1, &e));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_forms),
		cmocka_unit_test(test_port_alone_means_all_addresses),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nuls_are_refused),
		cmocka_unit_test(test_unix_paths_have_a_limit),
		cmocka_unit_test(test_unset_and_unnamed),
		cmocka_unit_test(test_from_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
