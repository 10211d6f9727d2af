/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssh/client/http/flat_json: what is read, what is left out, what is refused, and that what is
 * written reads back.
 */
#include "ssh/client/http/flat_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define TEXT_MAX 2048u

/* On the heap without a NUL, so that sanitizers see a read too far. */
static bool
parses(const char *text, const char *name, const char *value)
{
	size_t len = strlen(text);
	char *copy = malloc(len + (len == 0));
	struct flat_json j;
	bool ok;

	assert_non_null(copy);
	memcpy(copy, text, len);
	ok = flat_json_parse(&j, copy, len);
	if (ok && name != NULL && !str_equal(flat_json_get(&j, name), str_from(value)))
		fail_msg("%s: not \"%s\"", text, value);
	free(copy);
	return ok;
}

static void
test_values(void **state)
{
	static const struct {
		const char *text;
		const char *value; /* of "a"; NULL: there is none */
	} cases[] = {
		{"{}", NULL},
		{" { \"a\" : \"b\" } \r\n", "b"},
		{"{\"a\":\"\"}", ""},
		{"{\"x\":1,\"a\":\"b\",\"y\":[]}", "b"},
		{"{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "\"\\/\b\f\n\r\t"},
		{"{\"a\":\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"}",
		 "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
		{"{\"\\u0061\":\"b\"}", "b"},
		{"{\"a\":\"\xff\xc3\"}", "\xff\xc3"},
		{"{\"a\":true}", NULL},
		{"{\"a\":null,\"b\":false}", NULL},
		{"{\"b\":-0.5e+10,\"c\":0,\"d\":12E-1,\"a\":\"x\"}", "x"},
		{"{\"b\":{\"a\":\"inner\",\"c\":[1,{\"a\":[]}, \"]\"]},\"a\":\"outer\"}", "outer"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!parses(cases[i].text, "a", cases[i].value))
			fail_msg("%s is refused", cases[i].text);
}

static void
test_refused(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"{",
		"[]",
		"\"a\"",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":\"b\"",
		"{\"a\":\"b\",}",
		"{,}",
		"{\"a\":\"b\"}x",
		"{\"a\":\"b\"}{}",
		"{'a':'b'}",
		"{\"a\":\"b\" \"c\":1}",
		"{\"a\":\"b\",\"a\":\"c\"}",
		"{\"a\":1,\"b\":\"\\u0000\"}",
		"{\"a\":\"\n\"}",
		"{\"a\":\"\\x\"}",
		"{\"a\":\"\\u12\"}",
		"{\"a\":\"\\u12g4\"}",
		"{\"a\":\"\\ud800\"}",
		"{\"a\":\"\\ud800\\u0041\"}",
		"{\"a\":\"\\udc00\"}",
		"{\"a\":\"\\",
		"{\"a\":\"\\u",
		"{\"a\":tru}",
		"{\"a\":nul",
		"{\"a\":01}",
		"{\"a\":-}",
		"{\"a\":1.}",
		"{\"a\":1e}",
		"{\"a\":.5}",
		"{\"a\":[1,]}",
		"{\"a\":[1}",
		"{\"a\":{\"b\"}}",
		"{\"a\":[[[[[[[[[]]]]]]]]]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (parses(texts[i], NULL, NULL))
			fail_msg("%s is accepted", texts[i]);
}

static bool
parses_members(unsigned count)
{
	struct buf text;
	bool ok;

	buf_init(&text, TEXT_MAX);
	for (unsigned i = 0; i < count; i++)
		assert_true(buf_addf(&text, "%c\"%u\":\"\"", i == 0 ? '{' : ',', i));
	assert_true(buf_add_byte(&text, '}'));
	assert_true(buf_add_byte(&text, '\0'));
	ok = parses(text.data, NULL, NULL);
	buf_fini(&text);
	return ok;
}

static void
test_number_of_members(void **state)
{
	(void)state;
	assert_true(parses_members(FLAT_JSON_MEMBERS));
	assert_false(parses_members(FLAT_JSON_MEMBERS + 1));
}

static void
test_written_text_reads_back(void **state)
{
	const struct flat_json_member members[] = {
		{STR("token"), STR("plain")},
		{STR("file"), STR("/a \"b\"\\c\n\x01\xff/\xc3\xa9")},
		{STR("none"), STR("")},
	};
	struct flat_json j;
	struct buf text;

	(void)state;
	buf_init(&text, TEXT_MAX);
	assert_true(flat_json_write(&text, members, 3));
	assert_true(flat_json_parse(&j, text.data, text.len));
	assert_int_equal(j.count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_true(str_equal(j.members[i].name, members[i].name));
		assert_true(str_equal(j.members[i].value, members[i].value));
	}
	buf_fini(&text);
	buf_init(&text, 20);
	assert_false(flat_json_write(&text, members, 3));
	buf_fini(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_number_of_members),
		cmocka_unit_test(test_written_text_reads_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
