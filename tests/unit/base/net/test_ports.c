/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/net/ports: lists of ports, and the one spelling of a port in a host name.
 */
#include "base/net/ports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"

static void
test_lists(void **state)
{
	static const struct {
		const char *text;
		const char *formatted;
	} cases[] = {
		{"3000", "3000"},
		{"1,65535", "1,65535"},
		{"3000, 8000 - 8999", "3000,8000-8999"},
		{"8000-8000", "8000"},
		{"3000,https:8443", "3000,https:8443"},
		{"https: 8000 - 8010 ,3000", "https:8000-8010,3000"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ports p = {.count = 0};
		struct err e = ERR_INIT;
		struct buf out;

		buf_init(&out, 256);
		assert_true(ports_parse(&p, str_from(cases[i].text), &e));
		ports_format(&p, &out);
		assert_int_equal(out.len, strlen(cases[i].formatted));
		assert_memory_equal(out.data, cases[i].formatted, out.len);
		buf_fini(&out);
	}
}

static void
test_bad_lists(void **state)
{
	static const char *const cases[] = {
		"",
		"0",
		"65536",
		"03000",
		"+1",
		"3000,",
		",3000",
		"a",
		"3000-",
		"-3000",
		"9-8",
		"1-65536",
		"https:",
		"http:80",
		"https:8-https:9",
		"HTTPS:1",
		"https:https:1",
		"https://1",
		"1-2-3",
		"3000 4000",
		"0x10",
		"3000;4000",
		"8-0",
		"8-09",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ports p = {.count = 0};
		struct err e = ERR_INIT;

		assert_false(ports_parse(&p, str_from(cases[i]), &e));
		assert_int_equal(e.code, ERR_CONFIG);
		assert_int_equal(p.count, 0);
	}
}

static void
test_too_many(void **state)
{
	struct ports p = {.count = 0};
	struct err e = ERR_INIT;
	struct buf text;

	(void)state;
	buf_init(&text, 4096);
	for (unsigned i = 0; i <= PORTS_RANGES_MAX; i++)
		buf_addf(&text, i == 0 ? "%u" : ",%u", 1000 + i);
	assert_false(ports_parse(&p, buf_view(&text), &e));
	assert_int_equal(p.count, 0);
	buf_fini(&text);
}

static void
test_https(void **state)
{
	struct ports p = {.count = 0};
	struct err e = ERR_INIT;

	(void)state;
	assert_true(ports_parse(&p, STR("3000,8000-8999,https:8443,https:9000-9010,9005"), &e));
	assert_false(ports_are_https(&p, 3000));
	assert_false(ports_are_https(&p, 8442));
	assert_true(ports_are_https(&p, 8443));
	assert_true(ports_are_https(&p, 9000));
	assert_false(ports_are_https(&p, 9005));
	assert_false(ports_are_https(&p, 1));
	assert_true(ports_exclude(&p, 9002));
	assert_true(ports_are_https(&p, 9001));
	assert_true(ports_are_https(&p, 9003));
	assert_false(ports_contain(&p, 9002));
}

static void
test_contain(void **state)
{
	struct ports p = {.count = 0};
	struct ports none = {.count = 0};
	struct err e = ERR_INIT;

	(void)state;
	assert_true(ports_parse(&p, STR("3000,8000-8999"), &e));
	assert_true(ports_contain(&p, 3000));
	assert_true(ports_contain(&p, 8000));
	assert_true(ports_contain(&p, 8999));
	assert_false(ports_contain(&p, 2999));
	assert_false(ports_contain(&p, 3001));
	assert_false(ports_contain(&p, 7999));
	assert_false(ports_contain(&p, 9000));
	assert_false(ports_contain(&none, 3000));
}

static void
test_exclude(void **state)
{
	static const struct {
		struct str from;
		uint16_t port;
		const char *to; /* NULL: refused */
	} cases[] = {
		{{"1-9", 3}, 5, "1-4,6-9"},
		{{"1-9", 3}, 1, "2-9"},
		{{"1-9", 3}, 9, "1-8"},
		{{"1-2", 3}, 2, "1"},
		{{"65534-65535", 11}, 65535, "65534"},
		{{"7,1-9,3-6,20-30", 15}, 5, "7,1-4,6-9,3-4,6,20-30"},
		{{"20-30,40", 8}, 5, "20-30,40"},
		{{"5", 1}, 5, NULL},
		{{"1-9,5", 5}, 5, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ports p = {.count = 0};
		struct err e = ERR_INIT;
		struct buf text;

		assert_true(ports_parse(&p, cases[i].from, &e));
		assert_int_equal(ports_exclude(&p, cases[i].port), cases[i].to != NULL);
		buf_init(&text, 256);
		ports_format(&p, &text);
		assert_true(str_equal(buf_view(&text),
				      cases[i].to == NULL ? cases[i].from : str_from(cases[i].to)));
		buf_fini(&text);
	}
}

static void
test_exclude_without_room(void **state)
{
	struct ports p = {.count = PORTS_RANGES_MAX};

	(void)state;
	for (size_t i = 0; i < p.count; i++)
		p.ranges[i] = (struct ports_range){(uint16_t)(100 * i + 1), (uint16_t)(100 * i + 9),
						   false};
	assert_false(ports_exclude(&p, 305));
	assert_true(ports_contain(&p, 305));
	assert_true(ports_exclude(&p, 301));
	assert_false(ports_contain(&p, 301));
}

static void
test_hosts(void **state)
{
	static const char *const bad[] = {
		"kiwi.ws.example",
		"3000",
		"3000-",
		"-kiwi.ws.example",
		"03000-kiwi.ws.example",
		"0-kiwi.ws.example",
		"65536-kiwi.ws",
		"+3000-kiwi.ws",
		"3000.kiwi.ws.example",
		"3000 -kiwi.ws",
		"3000_kiwi-a.ws",
		"",
		"99999999999999999999999-kiwi.ws",
	};
	uint16_t port;
	struct str rest;

	(void)state;
	assert_true(ports_split_host(STR("3000-kiwi.ws.example"), &port, &rest));
	assert_int_equal(port, 3000);
	assert_true(str_equal(rest, STR("kiwi.ws.example")));
	/* Names may contain hyphens and digits. */
	assert_true(ports_split_host(STR("80-8080-plum-red.ws:8443"), &port, &rest));
	assert_int_equal(port, 80);
	assert_true(str_equal(rest, STR("8080-plum-red.ws:8443")));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(ports_split_host(str_from(bad[i]), &port, &rest));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_bad_lists),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_https),
		cmocka_unit_test(test_contain),
		cmocka_unit_test(test_exclude),
		cmocka_unit_test(test_exclude_without_room),
		cmocka_unit_test(test_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
