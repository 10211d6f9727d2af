/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks: what parses, what lies inside, what is refused and why.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/net/cidr.h"

static struct cidr_set
parsed(const char *text)
{
	struct cidr_set set;
	struct err e = ERR_INIT;

	if (!cidr_parse(&set, str_from(text), &e))
		fail_msg("%s: %s", text, e.text);
	return set;
}

static void
test_contains(void **state)
{
	static const struct {
		const char *set;
		const char *ip;
		bool inside;
	} cases[] = {
		{"10.0.0.0/8", "10.255.255.255", true},
		{"10.0.0.0/8", "11.0.0.0", false},
		{"10.0.0.0/8", "::ffff:10.1.2.3", true},
		{"192.168.1.7", "192.168.1.7", true},
		{"192.168.1.7", "192.168.1.6", false},
		{"192.168.1.0/25", "192.168.1.127", true},
		{"192.168.1.0/25", "192.168.1.128", false},
		{"0.0.0.0/0", "203.0.113.9", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"fd00::/8", "fdff::1", true},
		{"fd00::/8", "fe00::1", false},
		{"::/0", "203.0.113.9", true},
		{"::1", "::1", true},
		{"10.0.0.0/8, fd00::/8", "fd00::2", true},
		{"", "127.0.0.1", false},
		{"10.0.0.0/8", "unix", false},
		{"10.0.0.0/8", "", false},
		{"10.0.0.0/8", "10.1", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cidr_set set = parsed(cases[i].set);
		if (cidr_contains_text(&set, str_from(cases[i].ip)) != cases[i].inside)
			fail_msg("%s in %s", cases[i].ip, cases[i].set);
	}
}

static void
test_contains_socket_addresses(void **state)
{
	struct cidr_set set = parsed("127.0.0.0/8,::1");
	struct err e = ERR_INIT;
	struct address a;

	(void)state;
	assert_true(address_parse(&a, STR("127.9.8.7:80"), &e));
	assert_true(cidr_contains(&set, &a));
	assert_true(address_parse(&a, STR("[::1]:80"), &e));
	assert_true(cidr_contains(&set, &a));
	assert_true(address_parse(&a, STR("10.0.0.1:80"), &e));
	assert_false(cidr_contains(&set, &a));
	assert_true(address_parse(&a, STR("unix:/run/x"), &e));
	assert_false(cidr_contains(&set, &a));
}

static void
test_refusals_name_the_item(void **state)
{
	static const char *const bad[] = {"10.0.0.0/33", "10.0.0.1/8",	"::1/129", "host",
					  "10.0.0.0/",	 "10.0.0.0/8x", "10.0.0/8"};
	struct cidr_set set;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = ERR_INIT;
		assert_false(cidr_parse(&set, str_from(bad[i]), &e));
		assert_int_equal(e.code, ERR_CONFIG);
		assert_non_null(strstr(e.text, bad[i]));
	}
}

static void
test_format_parses_again(void **state)
{
	struct cidr_set set = parsed("10.0.0.0/8,::1, fd00::/8");
	struct buf out;

	(void)state;
	buf_init(&out, 1024);
	cidr_format(&set, &out);
	assert_true(str_equal(buf_view(&out), STR("10.0.0.0/8,::1/128,fd00::/8")));
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contains),
		cmocka_unit_test(test_contains_socket_addresses),
		cmocka_unit_test(test_refusals_name_the_item),
		cmocka_unit_test(test_format_parses_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
