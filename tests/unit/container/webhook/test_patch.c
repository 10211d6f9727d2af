/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differences as JSON Patches. That others apply them with the same result is shown by kubectl in
 * tests/e2e/test_inject.py.
 */
#include "container/webhook/patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/count.h"

static void
test_operations(void **state)
{
	static const char *const cases[][3] = {
		{"{\"a\":1}", "{\"a\":1}", "[]"},
		{"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", "[]"},
		{"{\"a\":1}", "{\"a\":2}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":2}]"},
		{"{\"a\":1}", "{}", "[{\"op\":\"remove\",\"path\":\"/a\"}]"},
		{"{}", "{\"a/b~c\":[1]}", "[{\"op\":\"add\",\"path\":\"/a~1b~0c\",\"value\":[1]}]"},
		{"{\"a\":[1,2]}", "{\"a\":[0,1,2]}",
		 "[{\"op\":\"add\",\"path\":\"/a/0\",\"value\":0}]"},
		{"{\"a\":[1,2]}", "{\"a\":[1,2,3,4]}",
		 "[{\"op\":\"add\",\"path\":\"/a/2\",\"value\":3},"
		 "{\"op\":\"add\",\"path\":\"/a/3\",\"value\":4}]"},
		{"{\"a\":[1,2,3,4]}", "{\"a\":[1,4]}",
		 "[{\"op\":\"remove\",\"path\":\"/a/2\"},{\"op\":\"remove\",\"path\":\"/a/1\"}]"},
		{"{\"a\":[{\"n\":1},{\"n\":2}]}", "{\"a\":[{\"n\":1},{\"n\":2,\"m\":3}]}",
		 "[{\"op\":\"add\",\"path\":\"/a/1/m\",\"value\":3}]"},
		{"{\"a\":[1,1,1]}", "{\"a\":[1,1]}", "[{\"op\":\"remove\",\"path\":\"/a/2\"}]"},
		{"{\"a\":[]}", "{\"a\":{}}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":{}}]"},
		{"{\"a\":null}", "{\"a\":false}",
		 "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":false}]"},
		{"{\"a\":1.5}", "{\"a\":1.5}", "[]"},
		{"{\"a\":1,\"b\":2,\"c\":3}", "{\"c\":3,\"a\":1,\"b\":2}", "[]"},
		{"{\"a\":1,\"b\":2,\"c\":3}", "{\"c\":4,\"d\":5,\"a\":1}",
		 "[{\"op\":\"remove\",\"path\":\"/b\"},"
		 "{\"op\":\"replace\",\"path\":\"/c\",\"value\":4},"
		 "{\"op\":\"add\",\"path\":\"/d\",\"value\":5}]"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err e = ERR_INIT;
		struct buf out;
		struct doc d;
		doc_init(&d);
		buf_init(&out, 4096);
		struct node *before = node_read_json(&d, str_from(cases[i][0]), 4096, &e);
		struct node *after = node_read_json(&d, str_from(cases[i][1]), 4096, &e);
		assert_non_null(before);
		assert_non_null(after);
		assert_true(patch_write(before, after, &out));
		if (!str_equal(buf_view(&out), str_from(cases[i][2])))
			fail_msg("%s to %s: %.*s", cases[i][0], cases[i][1],
				 STR_FMT(buf_view(&out)));
		buf_fini(&out);
		doc_fini(&d);
	}
}

static void
test_no_room(void **state)
{
	struct err e = ERR_INIT;
	struct buf out;
	struct doc d;

	(void)state;
	doc_init(&d);
	buf_init(&out, 20);
	struct node *before = node_read_json(&d, STR("{}"), 100, &e);
	struct node *after =
		node_read_json(&d, STR("{\"a\":\"long enough to be too much\"}"), 100, &e);
	assert_false(patch_write(before, after, &out));
	buf_fini(&out);
	doc_fini(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operations),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
