/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What plain scalars mean: the expected values are those that kubectl printed for them, in JSON.
 */
#include "container/yaml/yaml_scalar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/count.h"

#define STRING NULL

static const struct {
	const char *text;
	const char *json; /* STRING: the text itself */
} cases[] = {
	{"y", "true"},
	{"Y", "true"},
	{"n", "false"},
	{"N", "false"},
	{"yes", "true"},
	{"Yes", "true"},
	{"YES", "true"},
	{"yEs", STRING},
	{"no", "false"},
	{"No", "false"},
	{"NO", "false"},
	{"nO", STRING},
	{"true", "true"},
	{"True", "true"},
	{"TRUE", "true"},
	{"tRUE", STRING},
	{"false", "false"},
	{"False", "false"},
	{"FALSE", "false"},
	{"on", "true"},
	{"On", "true"},
	{"ON", "true"},
	{"oN", STRING},
	{"off", "false"},
	{"Off", "false"},
	{"OFF", "false"},
	{"oFF", STRING},
	{"~", "null"},
	{"null", "null"},
	{"Null", "null"},
	{"NULL", "null"},
	{"nULL", STRING},
	{"none", STRING},
	{"None", STRING},
	{"0", "0"},
	{"1", "1"},
	{"-1", "-1"},
	{"+1", "1"},
	{"12", "12"},
	{"+12", "12"},
	{"0777", "511"},
	{"-0777", "-511"},
	{"+0777", "511"},
	{"00", "0"},
	{"007", "7"},
	{"08", "8"},
	{"09.5", "9.5"},
	{"0o17", "15"},
	{"0o8", STRING},
	{"0O17", "15"},
	{"0o_7", "7"},
	{"0x1F", "31"},
	{"0x1f", "31"},
	{"0X1f", "31"},
	{"-0x1F", "-31"},
	{"+0x1f", "31"},
	{"0xG", STRING},
	{"0x", STRING},
	{"0x_1", "1"},
	{"0x1p4", STRING},
	{"0b101", "5"},
	{"-0b101", "-5"},
	{"+0b11", "3"},
	{"0B11", "3"},
	{"0b12", STRING},
	{"0b", STRING},
	{"0_7", "7"},
	{"1_000", "1000"},
	{"1__0", "10"},
	{"1_", "1"},
	{"_1", STRING},
	{"1_.5", "1.5"},
	{"1.5", "1.5"},
	{"-1.5", "-1.5"},
	{"+1.5", "1.5"},
	{".5", "0.5"},
	{"+.5", "0.5"},
	{"-.5", "-0.5"},
	{"5.", "5"},
	{"1.0", "1"},
	{"10.0", "10"},
	{"1e3", "1000"},
	{"1E3", "1000"},
	{"1e+3", "1000"},
	{"1e-3", "0.001"},
	{"1.e5", "100000"},
	{"12e03", "12000"},
	{"1e", STRING},
	{"1e+", STRING},
	{"e1", STRING},
	{".5e3", "500"},
	{".e5", STRING},
	{".1e", STRING},
	{".5p", STRING},
	{"._5", STRING},
	{".1_0", "0.1"},
	{".5_", STRING},
	{".0x1", STRING},
	{"1.5.2", STRING},
	{"1.2.3.4", STRING},
	{"0.1", "0.1"},
	{"0.30000000000000004", "0.30000000000000004"},
	{"1e21", "1e+21"},
	{"1e15", "1000000000000000"},
	{"1e18", "1000000000000000000"},
	{"1e400", STRING},
	{"1e-400", "0"},
	{".1e400", STRING},
	{"-0", "0"},
	{"-0.0", "0"},
	{"0.000001", "1e-06"},
	{"123456789.125", "123456789.125"},
	{"100000000000000000000.5", "1e+20"},
	{"9223372036854775807", "9223372036854775807"},
	{"-9223372036854775808", "-9223372036854775808"},
	{"0x7fffffffffffffff", "9223372036854775807"},
	{"1:30", STRING},
	{"190:20:30", STRING},
	{"12:30:45.5", STRING},
	{"2001-01-01", STRING},
	{"2001-12-14t21:59:43.10-05:00", STRING},
	{"2001-12-14", STRING},
	{".Infinity", STRING},
	{"+Inf", STRING},
	{"Infinity", STRING},
	{"NaN", STRING},
	{"nan", STRING},
	{".inf5", STRING},
	{"=", STRING},
	{"==", STRING},
	{"1k", STRING},
	{"1Ki", STRING},
	{"500m", STRING},
	{"100Mi", STRING},
	{"10.0.0.0/8", STRING},
	{"+", STRING},
	{".", STRING},
	{"..", STRING},
	{"1-2", STRING},
	{"v1", STRING},
	{"a1", STRING},
	{"1a", STRING},
	{"0xdeadbeef", "3735928559"},
	{"127.0.0.1:80", STRING},
	{"-5s", STRING},
	{"+x", STRING},
};

static void
write_value(const struct yaml_scalar *value, struct str text, struct buf *out)
{
	const struct node n = {
		.kind = value->kind,
		.integer = value->integer,
		.real = value->real,
		.text = text,
	};
	struct json_writer w;

	buf_clear(out);
	json_write_begin(&w, out);
	node_write_json(&w, NULL, &n);
	assert_true(json_write_end(&w));
	assert_true(buf_add_byte(out, '\0'));
}

static void
test_values(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err e = ERR_INIT;
		struct yaml_scalar value;
		if (!yaml_scalar_resolve(str_from(cases[i].text), &value, &e))
			fail_msg("%s: %s", cases[i].text, e.text);
		if (cases[i].json == STRING) {
			if (value.kind != NODE_STR)
				fail_msg("%s is not a string", cases[i].text);
			continue;
		}
		if (value.kind == NODE_STR)
			fail_msg("%s is a string", cases[i].text);
		write_value(&value, STR_NONE, &out);
		if (strcmp(out.data, cases[i].json) != 0)
			fail_msg("%s is %s, not %s", cases[i].text, out.data, cases[i].json);
		assert_true(yaml_scalar_needs_quotes(str_from(cases[i].text)));
	}
	assert_true(COUNT(cases) >= 100);
	buf_fini(&out);
}

static void
test_empty_is_null(void **state)
{
	struct yaml_scalar value;

	(void)state;
	assert_true(yaml_scalar_resolve(STR(""), &value, NULL));
	assert_int_equal(value.kind, NODE_NULL);
}

/* Values that JSON can't represent, or that parsers of JSON would round. */
static void
test_refused(void **state)
{
	static const char *const refused[] = {
		".nan",
		".NaN",
		".NAN",
		".inf",
		".Inf",
		".INF",
		"+.inf",
		"-.inf",
		"-.INF",
		"9223372036854775808",
		"18446744073709551616",
		"-9223372036854775809",
		"0xffffffffffffffff",
		"99999999999999999999999999",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct err e = ERR_INIT;
		struct yaml_scalar value;
		if (yaml_scalar_resolve(str_from(refused[i]), &value, &e))
			fail_msg("%s was taken", refused[i]);
		assert_int_equal(e.code, ERR_INPUT);
		assert_non_null(strstr(e.text, "quote"));
	}
}

/* Strings for us that others read as sexagesimal numbers or dates. */
static void
test_strings_that_other_parsers_convert(void **state)
{
	static const char *const quoted[] = {
		"1:30", "190:20:30", "2001-01-01", "2001-12-14T21:59:43.10-05:00",
		"<<",	"=",	     "",	   "1e400"};
	static const char *const plain[] = {"a",	   "a: b",  "- x", "kiwi",    "/bin/sh",
					    "127.0.0.1 x", "100Mi", "v1",  "apps/v1", "--host"};

	(void)state;
	for (size_t i = 0; i < COUNT(quoted); i++)
		if (!yaml_scalar_needs_quotes(str_from(quoted[i])))
			fail_msg("%s is not quoted", quoted[i]);
	for (size_t i = 0; i < COUNT(plain); i++)
		if (yaml_scalar_needs_quotes(str_from(plain[i])))
			fail_msg("%s is quoted", plain[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_empty_is_null),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_strings_that_other_parsers_convert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
