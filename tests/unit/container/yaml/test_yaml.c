/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/yaml/yaml: documents as trees and back, the parts of a stream, what is refused and on
 * which line, and limits against documents that multiply themselves.
 */
#include "container/yaml/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/count.h"

#define OUT_MAX ((size_t)16 * 1024 * 1024)

/* Returns the first document of the text as JSON, or the error. */
static void
read_as_json(struct str text, struct buf *out)
{
	struct yaml_reader *r = yaml_reader_new(text);
	struct err e = ERR_INIT;
	struct json_writer w;
	struct node *root;
	struct str source;
	struct doc d;

	assert_non_null(r);
	doc_init(&d);
	buf_clear(out);
	if (!yaml_read_document(r, &d, &root, &source, &e)) {
		assert_true(e.code == ERR_INPUT || e.code == ERR_LIMIT);
		buf_addf(out, "error: %s", e.text);
	} else if (root != NULL) {
		json_write_begin(&w, out);
		node_write_json(&w, NULL, root);
		assert_true(json_write_end(&w));
	}
	assert_true(buf_add_byte(out, '\0'));
	doc_fini(&d);
	yaml_reader_free(r);
}

static void
check_json(const char *yaml, const char *json)
{
	struct buf out;

	buf_init(&out, OUT_MAX);
	read_as_json(str_from(yaml), &out);
	if (strcmp(out.data, json) != 0)
		fail_msg("%s\nis      %s\ninstead %s", yaml, out.data, json);
	buf_fini(&out);
}

static void
test_reads(void **state)
{
	static const char *const cases[][2] = {
		{"", ""},
		{"# nothing\n", ""},
		{"---\n", "null"},
		{"a: 1\nb: [x, yes, '5', \"6\", ~]\n",
		 "{\"a\":1,\"b\":[\"x\",true,\"5\",\"6\",null]}"},
		{"yes: 1\n0x10: 2\n2001-01-01: 3\n", "{\"true\":1,\"16\":2,\"2001-01-01\":3}"},
		{"a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{\"a\":\"x\\ny\\n\",\"b\":\"x y\"}"},
		{"a: !!str 5\nb: !!int '5'\nc: !!float 2\ne: !!null ''\n",
		 "{\"a\":\"5\",\"b\":5,\"c\":2,\"e\":null}"},
		{"a: &x {p: 1}\nb: *x\nc: [*x, *x]\n",
		 "{\"a\":{\"p\":1},\"b\":{\"p\":1},\"c\":[{\"p\":1},{\"p\":1}]}"},
		{"a: &x {p: 1, q: 2}\nb: {<<: *x, p: 3}\n",
		 "{\"a\":{\"p\":1,\"q\":2},\"b\":{\"p\":3,\"q\":2}}"},
		{"a: &x {p: 1, q: 2}\nb: {<<: [*x, {q: 5, r: 6}]}\n",
		 "{\"a\":{\"p\":1,\"q\":2},\"b\":{\"p\":1,\"q\":2,\"r\":6}}"},
		{"\"<<\": {p: 1}\n", "{\"<<\":{\"p\":1}}"},
		{"\357\273\277a: \xc3\xa4\n", "{\"a\":\"\xc3\xa4\"}"},
		{"%YAML 1.1\n---\na: 1\n...\n", "{\"a\":1}"},
		{"{\"a\": [1, 2]}", "{\"a\":[1,2]}"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		check_json(cases[i][0], cases[i][1]);
}

/* Quadratic comparisons would take too long. */
static void
test_compares_reordered_maps(void **state)
{
	enum { MEMBERS = 90000 };
	struct doc d;

	(void)state;
	doc_init(&d);
	struct node *forwards = node_new(&d, NODE_MAP);
	struct node *backwards = node_new(&d, NODE_MAP);
	for (int i = 0; i < MEMBERS; i++) {
		char key[16];
		struct node *n = node_new(&d, NODE_INT);
		n->integer = i;
		(void)snprintf(key, sizeof(key), "%d", i);
		node_add_member(&d, forwards, str_from(key), n);
		n = node_copy(&d, n);
		n->key = str_from(arena_dup(&d.arena, str_from(key)));
		node_prepend(backwards, n);
	}
	assert_false(d.failed);
	assert_true(node_equal(forwards, backwards));
	node_first(backwards)->integer = -1;
	assert_false(node_equal(forwards, backwards));
	doc_fini(&d);
}

static void
test_refuses_by_line(void **state)
{
	static const char *const cases[][2] = {
		{"a: 1\nb: 2\na: 3\n", "line 3"},
		{"x:\n  yes: 1\n  true: 2\n", "line 3"},
		{"a: &x {p: 1}\nb: {p: 2, <<: *x}\n", "line 2"},
		{"a: &x {p: 1}\nb: {<<: *x, <<: *x}\n", "line 2"},
		{"a:\n- .inf\n", "line 2"},
		{"a: 1\nb: 99999999999999999999\n", "line 2"},
		{"~: 1\n", "line 1"},
		{"1.5: 1\n", "line 1"},
		{"? [a]\n: 1\n", "line 1"},
		{"a: !thing x\n", "line 1"},
		{"a: ! 5\n", "line 1"},
		{"a: !!int x\n", "line 1"},
		{"a: !!set {x: ~}\n", "line 1"},
		{"a: *nowhere\n", "line 1"},
		{"a: &x [*x]\n", "line 1"},
		{"<<: 5\n", "line 1"},
		{"<<: [[{a: 1}]]\n", "line 1"},
		{"&k a: 1\n", "line 1"},
		{"a: \"x\\0y\"\n", "line 1"},
		{"a: b: c\n", "line 1"},
		{"a: [1, 2\n", "line"},
		{"\ta: 1\n", "line 1"},
		{"a: \xff\n", "byte 3"},
	};
	struct buf out;

	(void)state;
	buf_init(&out, OUT_MAX);
	for (size_t i = 0; i < COUNT(cases); i++) {
		read_as_json(str_from(cases[i][0]), &out);
		if (strncmp(out.data, "error: ", 7) != 0 || strstr(out.data, cases[i][1]) == NULL)
			fail_msg("%s\nis %s", cases[i][0], out.data);
	}
	buf_fini(&out);
}

static void
test_documents_that_multiply(void **state)
{
	struct buf text;
	struct buf out;

	(void)state;
	buf_init(&text, 1000000);
	buf_init(&out, OUT_MAX);
	buf_add_str(&text, STR("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"));
	for (int i = 1; i < 10; i++)
		buf_addf(&text, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i,
			 i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	read_as_json(buf_view(&text), &out);
	assert_non_null(strstr(out.data, "error: more than"));

	buf_clear(&text);
	for (unsigned i = 0; i < NODE_MAX_DEPTH + 1; i++)
		buf_add_byte(&text, '[');
	read_as_json(buf_view(&text), &out);
	assert_string_equal(out.data, "error: line 1: nested too deeply");

	buf_clear(&text);
	for (int i = 0; i < 1100; i++)
		buf_addf(&text, "- &a%d x\n", i);
	read_as_json(buf_view(&text), &out);
	assert_non_null(strstr(out.data, "too many anchors"));
	buf_fini(&text);
	buf_fini(&out);
}

static void
test_parts_of_a_stream(void **state)
{
	static const char text[] = "# \xc3\xa4 first\na: 1\n# behind\n---\nb: \xe2\x82\xac\n...\n"
				   "%YAML 1.1\n---\nc: 3\n---\n---\nd: 4\n";
	static const char *const parts[] = {"# \xc3\xa4 first\na: 1\n# behind\n",
					    "---\nb: \xe2\x82\xac\n...\n", "%YAML 1.1\n---\nc: 3\n",
					    "---\n", "---\nd: 4\n"};
	struct yaml_reader *r = yaml_reader_new(str_from(text));
	struct err e = ERR_INIT;
	struct node *root;
	struct str source;

	(void)state;
	assert_non_null(r);
	for (size_t i = 0; i < COUNT(parts) + 1; i++) {
		struct doc d;
		doc_init(&d);
		assert_true(yaml_read_document(r, &d, &root, &source, &e));
		if (i < COUNT(parts)) {
			assert_non_null(root);
			assert_int_equal(source.len, strlen(parts[i]));
			assert_memory_equal(source.data, parts[i], source.len);
		} else {
			assert_null(root);
		}
		doc_fini(&d);
	}
	yaml_reader_free(r);
}

/* Parses what was written, and compares. */
static void
check_round_trip(struct doc *d, const struct node *root)
{
	struct err e = ERR_INIT;
	struct node *again;
	struct str source;
	struct buf out;

	buf_init(&out, OUT_MAX);
	assert_true(yaml_write(root, &out));
	struct yaml_reader *r = yaml_reader_new(buf_view(&out));
	assert_non_null(r);
	if (!yaml_read_document(r, d, &again, &source, &e))
		fail_msg("%s\n%.*s", e.text, STR_FMT(buf_view(&out)));
	assert_non_null(again);
	if (!node_equal(root, again))
		fail_msg("reads back differently:\n%.*s", STR_FMT(buf_view(&out)));
	assert_true(yaml_read_document(r, d, &again, &source, &e));
	assert_null(again);
	yaml_reader_free(r);
	buf_fini(&out);
}

/* Each one as a value, as a key and in a list. */
static const char *const texts[] = {
	"",
	" ",
	"a",
	"yes",
	"No",
	"5",
	"0777",
	"1e3",
	"~",
	"null",
	".5",
	"1:30",
	"2001-01-01",
	"a: b",
	"a #b",
	"#a",
	"- a",
	"-",
	"---",
	"...",
	"? a",
	"&a",
	"*a",
	"!a",
	"%a",
	"@a",
	"`a",
	"a\n",
	"a\nb",
	"a\n\n",
	"\n",
	"\na",
	" a\nb\n",
	"\ta\n",
	"a\n b\n",
	"a \nb",
	"a\r\nb",
	"a\tb",
	"tab\t",
	"'",
	"\"",
	"\\",
	"a'b",
	"\xc2\x85",
	"a\342\200\250b\n",
	"\xef\xbb\xbf",
	"\x01",
	"\x7f",
	"\x1b[0m",
	"\xf0\x9f\x8d\x8e",
	"{a",
	"[a",
	"a,b",
	"a]",
	"<<",
	"=",
	"a:",
	":a",
	"a\n---\nb\n",
	"a\n...\nb\n",
	"# x\n# y\n",
	"0x1F",
	"0o17",
	"y",
	"n",
	"x\n\n\ny\n\n",
};

static void
test_writes_what_it_reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct doc d;
		doc_init(&d);
		struct node *map = node_new(&d, NODE_MAP);
		node_set_str(&d, map, "value", str_from(texts[i]));
		node_set_str(&d, map, texts[i], STR("as a key"));
		struct node *list = node_set_list(&d, map, "list");
		node_append(list, node_new_str(&d, str_from(texts[i])));
		node_append(list, node_new(&d, NODE_LIST));
		node_append(list, node_new(&d, NODE_MAP));
		node_append(list, node_new(&d, NODE_NULL));
		check_round_trip(&d, map);
		check_round_trip(&d, node_new_str(&d, str_from(texts[i])));
		doc_fini(&d);
	}
}

static void
test_writes_numbers(void **state)
{
	static const double reals[] = {
		0.1, 1e21, -2.5, 1e-7, 123456.789, 1e300, 0.30000000000000004};
	static const int64_t integers[] = {0, -1, INT64_MAX, INT64_MIN, 511};
	struct doc d;

	(void)state;
	doc_init(&d);
	struct node *list = node_new(&d, NODE_LIST);
	for (size_t i = 0; i < COUNT(reals); i++) {
		struct node *n = node_new(&d, NODE_REAL);
		n->real = reals[i];
		node_append(list, n);
	}
	for (size_t i = 0; i < COUNT(integers); i++) {
		struct node *n = node_new(&d, NODE_INT);
		n->integer = integers[i];
		node_append(list, n);
	}
	check_round_trip(&d, list);
	doc_fini(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_compares_reordered_maps),
		cmocka_unit_test(test_refuses_by_line),
		cmocka_unit_test(test_documents_that_multiply),
		cmocka_unit_test(test_parts_of_a_stream),
		cmocka_unit_test(test_writes_what_it_reads),
		cmocka_unit_test(test_writes_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
