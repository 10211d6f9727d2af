/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests from strangers: every document that is read is written and reads back the same, and
 * injecting into what injection made changes no byte.
 */
#include "container/inject/manifest.h"
#include "container/yaml/yaml.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/operator.h"

static void
check_written(const struct node *root)
{
	struct err e = ERR_INIT;
	struct node *again = NULL;
	struct str source;
	struct buf out;
	struct doc d;

	doc_init(&d);
	buf_init(&out, MANIFEST_OUT_BYTES);
	err_assert(yaml_write(root, &out));
	struct yaml_reader *r = yaml_reader_new(buf_view(&out));
	err_assert(r != NULL && yaml_read_document(r, &d, &again, &source, &e));
	err_assert(again != NULL && node_equal(root, again));
	err_assert(yaml_read_document(r, &d, &again, &source, &e) && again == NULL);
	yaml_reader_free(r);
	buf_fini(&out);
	doc_fini(&d);
}

static void
check_documents(struct str text)
{
	struct yaml_reader *r = yaml_reader_new(text);
	struct node *root = NULL;
	size_t covered = 0;
	bool ok;

	err_assert(r != NULL);
	do {
		struct err e = ERR_INIT;
		struct str source;
		struct doc d;
		doc_init(&d);
		ok = yaml_read_document(r, &d, &root, &source, &e);
		err_assert(ok || e.code == ERR_INPUT || e.code == ERR_LIMIT);
		if (ok && root != NULL) {
			err_assert(source.data == text.data + covered);
			covered += source.len;
			check_written(root);
		}
		doc_fini(&d);
	} while (ok && root != NULL);
	yaml_reader_free(r);
}

static void
on_note(enum manifest_note note, const char *object, const char *text, void *arg)
{
	size_t *problems = arg;

	err_assert(object != NULL && text != NULL);
	*problems += note == MANIFEST_PROBLEM;
}

/* Whether the result counts. */
static bool
inject(struct container_settings *s, struct str text, struct buf *out)
{
	size_t problems = 0;
	const struct manifest m = {
		.settings = s,
		.adds_network_policy = true,
		.on_note = on_note,
		.arg = &problems,
	};
	struct err e = ERR_INIT;

	buf_init(out, MANIFEST_OUT_BYTES);
	return manifest_inject(&m, text, out, &e) && problems == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	struct container_settings s = fuzz_operator;
	struct buf once;
	struct buf twice;

	if ((fuzz_take_byte(&input) & 1u) != 0)
		s.sidecar = CONTAINER_CLASSIC;
	char *copy = fuzz_copy(input);
	struct str text = {copy, input.len};
	check_documents(text);
	if (inject(&s, text, &once)) {
		err_assert(inject(&s, buf_view(&once), &twice));
		err_assert(str_equal(buf_view(&once), buf_view(&twice)));
		buf_fini(&twice);
	}
	buf_fini(&once);
	free(copy);
	return 0;
}
