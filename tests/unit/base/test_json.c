/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON: limits on size, depth and types when reading, and that what the writer writes can be read.
 */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "tests/unit/count.h"

static void
assert_str(struct str s, const char *expected)
{
	if (!str_equal(s, str_from(expected)))
		fail_msg("'%.*s' is not '%s'", STR_FMT(s), expected);
}

static struct json_doc *
parse(const char *text)
{
	struct err e = ERR_INIT;
	struct json_doc *doc = json_doc_parse(str_from(text), &e);

	if (doc == NULL)
		fail_msg("%s: %s", text, e.text);
	return doc;
}

static void
assert_refused(struct str text)
{
	struct err e = ERR_INIT;
	struct json_doc *doc = json_doc_parse(text, &e);

	if (doc != NULL)
		fail_msg("accepted: %.*s", STR_FMT(text));
	assert_int_equal(e.code, ERR_PROTOCOL);
	assert_string_not_equal(e.text, "");
}

static void
test_typed_look_ups(void **state)
{
	struct json_doc *doc = parse("{\"data\":{\"user\":{\"id\":42,\"name\":\"J\\u00f6rg\"},"
				     "\"on\":true,\"off\":false,\"nil\":null,\"f\":1.0}}");
	const struct json_node *root = json_doc_root(doc);
	struct err e = ERR_INIT;
	struct str name;
	int64_t id;
	bool flag;

	(void)state;
	assert_true(json_is_object(root));
	assert_true(json_get_int(root, "data.user.id", &id, &e));
	assert_int_equal(id, 42);
	assert_true(json_get_str(root, "data.user.name", &name, &e));
	assert_str(name, "J\xc3\xb6rg");
	assert_true(json_get_bool(root, "data.on", &flag, &e));
	assert_true(flag);
	assert_true(json_get_bool(root, "data.off", &flag, &e));
	assert_false(flag);
	assert_true(json_is_null(json_find(root, "data.nil")));
	assert_false(json_is_null(json_find(root, "data.none")));
	assert_false(json_is_null(json_find(root, "data.off")));
	assert_true(json_get_str(json_find(root, "data.user"), "name", &name, &e));
	assert_ptr_equal(json_find(root, ""), root);
	json_doc_free(doc);
}

static void
test_missing_and_wrong_types_name_the_path(void **state)
{
	struct json_doc *doc = parse("{\"a\":{\"s\":\"x\",\"i\":1,\"nil\":null,\"f\":1.5,"
				     "\"list\":[1],\"o\":{}}}");
	const struct json_node *root = json_doc_root(doc);
	struct err e = ERR_INIT;
	struct str text;
	int64_t number;
	bool flag;

	(void)state;
	assert_false(json_get_str(root, "a.none", &text, &e));
	assert_int_equal(e.code, ERR_PROTOCOL);
	assert_string_equal(e.text, "JSON: a.none is missing");
	assert_false(json_get_str(root, "a.i", &text, &e));
	assert_string_equal(e.text, "JSON: a.i is not a string");
	assert_false(json_get_str(root, "a.nil", &text, &e));
	assert_false(json_get_str(root, "a.s.deeper", &text, &e));
	assert_false(json_get_str(root, "a.list.0", &text, &e));
	assert_false(json_get_str(root, "a.", &text, &e));
	assert_false(json_get_int(root, "a.f", &number, &e));
	assert_string_equal(e.text, "JSON: a.f is not an integer");
	assert_false(json_get_int(root, "a.s", &number, &e));
	assert_false(json_get_int(root, "b", &number, &e));
	assert_false(json_get_bool(root, "a.i", &flag, &e));
	assert_string_equal(e.text, "JSON: a.i is not a boolean");
	assert_false(json_get_bool(root, "a.none", &flag, &e));
	assert_false(json_get_str(NULL, "a", &text, &e));
	json_doc_free(doc);
}

static void
test_optional_strings(void **state)
{
	struct json_doc *doc = parse("{\"s\":\"x\",\"nil\":null,\"i\":1,\"empty\":\"\"}");
	const struct json_node *root = json_doc_root(doc);
	struct err e = ERR_INIT;
	struct str text;

	(void)state;
	assert_true(json_get_opt_str(root, "s", &text, &e));
	assert_str(text, "x");
	assert_true(json_get_opt_str(root, "nil", &text, &e));
	assert_true(str_is_empty(text));
	assert_true(json_get_opt_str(root, "none.at.all", &text, &e));
	assert_true(str_is_empty(text));
	assert_true(json_get_opt_str(root, "empty", &text, &e));
	assert_false(json_get_opt_str(root, "i", &text, &e));
	assert_int_equal(e.code, ERR_PROTOCOL);
	json_doc_free(doc);
}

static void
test_integers_keep_their_range(void **state)
{
	struct json_doc *doc = parse("[9223372036854775807,-9223372036854775808]");
	const struct json_node *root = json_doc_root(doc);
	struct err e = ERR_INIT;
	int64_t number;

	(void)state;
	assert_true(json_get_int(json_array_at(root, 0), "", &number, &e));
	assert_true(number == INT64_MAX);
	assert_true(json_get_int(json_array_at(root, 1), "", &number, &e));
	assert_true(number == INT64_MIN);
	json_doc_free(doc);
	assert_refused(STR("[9223372036854775808]"));
}

static void
test_arrays(void **state)
{
	struct json_doc *doc = parse("{\"list\":[{\"id\":1},{\"id\":2}],\"s\":\"x\"}");
	const struct json_node *list = json_find(json_doc_root(doc), "list");
	struct err e = ERR_INIT;
	int64_t id;

	(void)state;
	assert_int_equal(json_array_len(list), 2);
	assert_true(json_get_int(json_array_at(list, 1), "id", &id, &e));
	assert_int_equal(id, 2);
	assert_null(json_array_at(list, 2));
	assert_null(json_array_at(NULL, 0));
	assert_int_equal(json_array_len(json_doc_root(doc)), 0);
	assert_int_equal(json_array_len(NULL), 0);
	assert_null(json_array_at(json_doc_root(doc), 0));
	assert_false(json_is_object(list));
	assert_false(json_is_object(NULL));
	json_doc_free(doc);
}

static void
test_refuses_what_is_no_document(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"null",
		"1",
		"\"x\"",
		"true",
		"{",
		"[",
		"}",
		"{}{}",
		"{} x",
		"[1],",
		"[1,]",
		"{\"a\":1,}",
		"{a:1}",
		"{'a':1}",
		"{\"a\"}",
		"[NaN]",
		"[01]",
		"[\"\n\"]",
		"[\"\\x\"]",
		"[\"\xff\"]",
		"[\"\xed\xa0\x80\"]",
		"[\"\\ud800\"]",
		"[\"\xc0\xaf\"]",
		"{\"a\":1,\"a\":2}",
		"{\"a\":1,\"\\u0061\":2}",
		"{\"o\":{\"x\":1,\"x\":1}}",
		"{\"\\u0000\":1}",
		"\xef\xbb\xbf{}",
		"{/**/}",
		"[1e999]",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_refused(str_from(bad[i]));
	assert_refused(STR_NONE);
	assert_refused(STR("{}\0"));
	assert_refused(STR("[1\0]"));
}

static void
test_messages_quote_nothing(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_null(json_doc_parse(STR("{\"access_token\":\"canary\" canary}"), &e));
	assert_null(strstr(e.text, "canary"));
}

static void
test_strings_with_a_nul_are_refused(void **state)
{
	struct json_doc *doc = parse("{\"bad\":\"a\\u0000b\",\"good\":\"x\"}");
	struct err e = ERR_INIT;
	struct str text;

	(void)state;
	assert_false(json_get_str(json_doc_root(doc), "bad", &text, &e));
	assert_string_equal(e.text, "JSON: bad contains a NUL");
	assert_false(json_get_opt_str(json_doc_root(doc), "bad", &text, &e));
	assert_true(json_get_str(json_doc_root(doc), "good", &text, &e));
	json_doc_free(doc);
}

/* opening and closing brackets, depth of each. */
static struct buf
nest(unsigned depth, const char *open, const char *inner, const char *close)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	for (unsigned i = 0; i < depth; i++)
		buf_add_str(&b, str_from(open));
	buf_add_str(&b, str_from(inner));
	for (unsigned i = 0; i < depth; i++)
		buf_add_str(&b, str_from(close));
	assert_true(buf_is_ok(&b));
	return b;
}

static void
assert_depth_limit(const char *open, const char *inner, const char *close)
{
	struct buf within = nest(JSON_MAX_DEPTH, open, inner, close);
	struct buf beyond = nest(JSON_MAX_DEPTH + 1, open, inner, close);
	struct err e = ERR_INIT;
	struct json_doc *doc = json_doc_parse(buf_view(&within), &e);

	assert_non_null(doc);
	json_doc_free(doc);
	assert_null(json_doc_parse(buf_view(&beyond), &e));
	assert_non_null(strstr(e.text, "nested"));
	buf_fini(&within);
	buf_fini(&beyond);
}

static void
test_depth(void **state)
{
	struct buf deep = nest(100000, "[", "", "");
	struct json_doc *doc;

	(void)state;
	assert_depth_limit("[", "", "]");
	assert_depth_limit("{\"a\":", "1", "}");
	assert_depth_limit("[1,\"[[[\\\"[[\",", "2", "]");
	assert_refused(buf_view(&deep));
	buf_fini(&deep);
	/* Brackets in strings and siblings are no depth. */
	doc = parse("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\\\",\"\\\"{{{{{{{{{{{{{{{{{{{{{{{{{\","
		    "[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]");
	assert_int_equal(json_array_len(json_doc_root(doc)), 21);
	json_doc_free(doc);
}

static void
test_size(void **state)
{
	char *text = malloc(JSON_MAX_BYTES + 1);
	struct json_doc *doc;
	struct err e = ERR_INIT;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', JSON_MAX_BYTES + 1);
	text[0] = '[';
	text[1] = ']';
	doc = json_doc_parse((struct str){text, JSON_MAX_BYTES}, &e);
	assert_non_null(doc);
	json_doc_free(doc);
	assert_refused((struct str){text, JSON_MAX_BYTES + 1});
	json_doc_free(NULL);
	free(text);
}

static void
test_writer(void **state)
{
	struct json_writer w;
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	json_write_begin(&w, &out);
	json_write_object(&w, NULL);
	json_write_str(&w, "s", STR("a\"\n\xff"));
	json_write_int(&w, "min", INT64_MIN);
	json_write_bool(&w, "yes", true);
	json_write_bool(&w, "no", false);
	json_write_null(&w, "nil");
	json_write_array(&w, "list");
	json_write_int(&w, NULL, 1);
	json_write_object(&w, NULL);
	json_write_close(&w, '}');
	json_write_str(&w, NULL, STR_NONE);
	json_write_close(&w, ']');
	json_write_object(&w, "k\"ey");
	json_write_close(&w, '}');
	assert_false(json_write_end(&w));
	json_write_close(&w, '}');
	assert_true(json_write_end(&w));
	assert_str(buf_view(&out),
		   "{\"s\":\"a\\\"\\n\xef\xbf\xbd\",\"min\":-9223372036854775808,\"yes\":true,"
		   "\"no\":false,\"nil\":null,\"list\":[1,{},\"\"],\"k\\\"ey\":{}}");
	buf_fini(&out);
}

static void
test_writer_appends(void **state)
{
	struct json_writer w;
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	buf_add_str(&out, STR("data: "));
	json_write_begin(&w, &out);
	assert_false(json_write_end(&w));
	json_write_int(&w, NULL, -5);
	assert_true(json_write_end(&w));
	assert_str(buf_view(&out), "data: -5");
	buf_fini(&out);
}

static void
test_writer_limits(void **state)
{
	struct json_writer w;
	struct err e = ERR_INIT;
	struct json_doc *doc;
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	json_write_begin(&w, &out);
	for (unsigned i = 0; i < JSON_MAX_DEPTH_EVER; i++)
		json_write_array(&w, NULL);
	for (unsigned i = 0; i < JSON_MAX_DEPTH_EVER; i++)
		json_write_close(&w, ']');
	doc = json_doc_parse_within(buf_view(&out), 1000, JSON_MAX_DEPTH_EVER, &e);
	assert_non_null(doc);
	json_doc_free(doc);
	buf_clear(&out);

	json_write_begin(&w, &out);
	for (unsigned i = 0; i < JSON_MAX_DEPTH_EVER + 5; i++)
		json_write_array(&w, NULL);
	for (unsigned i = 0; i < JSON_MAX_DEPTH_EVER + 5; i++)
		json_write_close(&w, ']');
	assert_false(json_write_end(&w));
	buf_clear(&out);

	json_write_begin(&w, &out);
	json_write_int(&w, NULL, 1);
	json_write_int(&w, NULL, 2);
	assert_false(json_write_end(&w));
	buf_fini(&out);

	buf_init(&out, 10);
	json_write_begin(&w, &out);
	json_write_object(&w, NULL);
	json_write_str(&w, "key", STR("too long for it"));
	json_write_close(&w, '}');
	assert_false(json_write_end(&w));
	buf_fini(&out);
}

static void
test_walks_over_members(void **state)
{
	static const enum json_kind kinds[] = {JSON_KIND_NULL,	JSON_KIND_BOOL, JSON_KIND_INT,
					       JSON_KIND_REAL,	JSON_KIND_STR,	JSON_KIND_ARRAY,
					       JSON_KIND_OBJECT};
	struct json_member m = {.place = NULL};
	struct err e = ERR_INIT;
	struct json_doc *doc;
	char name = 'g';

	(void)state;
	doc = json_doc_parse(STR("{\"g\":null,\"f\":true,\"e\":1,\"d\":2.5,\"c\":\"x\",\"b\":[],"
				 "\"a\":{}}"),
			     &e);
	assert_non_null(doc);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++, name--) {
		assert_true(json_next_member(json_doc_root(doc), &m));
		assert_true(str_equal(m.key, (struct str){&name, 1}));
		assert_int_equal(json_kind_of(m.value), kinds[i]);
		if (kinds[i] == JSON_KIND_REAL)
			assert_true(json_real_of(m.value) > 2.4 && json_real_of(m.value) < 2.6);
	}
	assert_false(json_next_member(json_doc_root(doc), &m));
	m.place = NULL;
	assert_false(json_next_member(json_find(json_doc_root(doc), "b"), &m));
	json_doc_free(doc);
}

static void
test_writes_reals(void **state)
{
	struct json_writer w;
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	json_write_begin(&w, &out);
	json_write_array(&w, NULL);
	json_write_real(&w, NULL, 0.1);
	json_write_real(&w, NULL, 0.30000000000000004);
	json_write_real(&w, NULL, 1e21);
	json_write_close(&w, ']');
	assert_true(json_write_end(&w));
	assert_true(str_equal(buf_view(&out), STR("[0.1,0.30000000000000004,1e+21]")));
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walks_over_members),
		cmocka_unit_test(test_writes_reals),
		cmocka_unit_test(test_typed_look_ups),
		cmocka_unit_test(test_missing_and_wrong_types_name_the_path),
		cmocka_unit_test(test_optional_strings),
		cmocka_unit_test(test_integers_keep_their_range),
		cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_refuses_what_is_no_document),
		cmocka_unit_test(test_messages_quote_nothing),
		cmocka_unit_test(test_strings_with_a_nul_are_refused),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_writer_appends),
		cmocka_unit_test(test_writer_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
