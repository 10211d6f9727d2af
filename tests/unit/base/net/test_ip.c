/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/net/ip: text of both families, what is no address, and what counts as loopback.
 */
#include "base/net/ip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct ip
parsed(const char *text)
{
	struct ip ip;

	if (!ip_parse(&ip, str_from(text)))
		fail_msg("\"%s\" is an address", text);
	return ip;
}

static void
test_text(void **state)
{
	static const struct {
		const char *text;
		const char *formatted;
		bool is_ipv4;
		bool is_mapped;
	} cases[] = {
		{"127.0.0.1", "127.0.0.1", true, true},
		{"255.255.255.255", "255.255.255.255", true, true},
		{"::1", "::1", false, false},
		{"2001:DB8:0::1", "2001:db8::1", false, false},
		{"::ffff:10.0.0.1", "::ffff:10.0.0.1", false, true},
		{"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false, false},
	};
	char out[IP_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip ip = parsed(cases[i].text);

		ip_format(&ip, out);
		assert_string_equal(out, cases[i].formatted);
		assert_int_equal(ip.is_ipv4, cases[i].is_ipv4);
		assert_int_equal(ip_is_mapped(&ip), cases[i].is_mapped);
	}
}

static void
test_no_addresses(void **state)
{
	static const char *const bad[] = {
		"",
		"localhost",
		"127.1",
		"127.0.0.01",
		"256.0.0.1",
		"1.2.3.4.5",
		" ::1",
		"[::1]",
		"::1%lo",
		"0x7f.0.0.1",
		"::1 ",
		":::",
		"1.2.3.",
		"12345::1",
		"2130706433",
		"1.2.3.4/8",
		"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555",
	};
	struct ip ip;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (ip_parse(&ip, str_from(bad[i])))
			fail_msg("\"%s\" is no address", bad[i]);
	assert_false(ip_parse(&ip, STR("127.0.0.1\0.example.com")));
}

static void
test_bytes(void **state)
{
	static const uint8_t four[] = {10, 1, 2, 3};
	static const uint8_t sixteen[IP_BYTES] = {0xfd, [15] = 9};
	struct ip ip;

	(void)state;
	ip_from_bytes(&ip, four, true);
	assert_memory_equal(ip.bytes, parsed("10.1.2.3").bytes, IP_BYTES);
	assert_memory_equal(ip.bytes, parsed("::ffff:10.1.2.3").bytes, IP_BYTES);
	assert_memory_equal(ip_own_bytes(&ip), four, sizeof(four));
	ip_from_bytes(&ip, sixteen, false);
	assert_memory_equal(ip.bytes, parsed("fd00::9").bytes, IP_BYTES);
	assert_memory_equal(ip_own_bytes(&ip), sixteen, sizeof(sixteen));
}

static void
test_loopback(void **state)
{
	static const char *const yes[] = {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"};
	static const char *const no[] = {"128.0.0.1", "0.0.0.0",	 "::",	       "::2",
					 "10.0.0.1",  "::ffff:10.0.0.1", "::127.0.0.1"};

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		struct ip ip = parsed(yes[i]);
		assert_true(ip_is_loopback(&ip));
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		struct ip ip = parsed(no[i]);
		assert_false(ip_is_loopback(&ip));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_no_addresses),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_loopback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
