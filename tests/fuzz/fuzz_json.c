/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON that poses as GitLab's: parsed within limits, looked at by every accessor, and strings
 * written anew read back the same.
 */
#include "base/json.h"
#include "tests/fuzz/fuzz.h"

static void
check_string(struct str s)
{
	struct json_writer w;
	struct str again;
	struct buf out;
	struct err e = ERR_INIT;

	buf_init(&out, 8 * JSON_MAX_BYTES);
	json_write_begin(&w, &out);
	json_write_object(&w, NULL);
	json_write_str(&w, "a", s);
	json_write_close(&w, '}');
	err_assert(json_write_end(&w));
	struct json_doc *doc = json_doc_parse(buf_view(&out), &e);
	/* Escapes make it longer. */
	err_assert(doc != NULL || out.len > JSON_MAX_BYTES);
	if (doc != NULL) {
		err_assert(json_get_str(json_doc_root(doc), "a", &again, &e));
		err_assert(str_equal(again, s));
	}
	json_doc_free(doc);
	buf_fini(&out);
}

static void
look_at(const struct json_node *node)
{
	static const char *const paths[] = {"",	     "a", "b",	"a.b",
					    "a.b.c", ".", "a.", "data.workspace"};
	struct err e = ERR_INIT;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct str text;
		int64_t number;
		bool flag;

		if (json_get_str(node, paths[i], &text, &e))
			check_string(text);
		(void)!json_get_int(node, paths[i], &number, &e);
		(void)!json_get_bool(node, paths[i], &flag, &e);
		(void)!json_get_opt_str(node, paths[i], &text, &e);
		const struct json_node *found = json_find(node, paths[i]);
		(void)json_is_null(found);
		(void)json_is_object(found);
	}
	for (size_t i = 0; i < json_array_len(node) && i < 16; i++)
		look_at(json_array_at(node, i));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	struct json_doc *doc = json_doc_parse(fuzz_input(data, size), &e);

	if (doc == NULL)
		err_assert(e.code == ERR_PROTOCOL);
	else
		look_at(json_doc_root(doc));
	json_doc_free(doc);
	return 0;
}
