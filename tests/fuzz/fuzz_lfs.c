/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LFS pointers and batch answers: what is accepted can be written and read again, and an
 * Authorization field has no line break.
 */
#include "base/ascii.h"
#include "clone/lfs/lfs_batch.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	char *copy = fuzz_copy(input);
	struct str text = {copy, input.len};
	struct lfs_object one = {.state = LFS_WANTED};
	struct lfs_object *wanted = &one;
	struct lfs_action action;
	struct err e = ERR_INIT;
	struct arena arena;
	char oid[LFS_OID_DIGITS + 1];

	arena_init(&arena, 4u * 1024u * 1024u);
	if (lfs_pointer_parse(&one.pointer, text)) {
		err_assert(one.pointer.size <= INT64_MAX);
		lfs_pointer_format_oid(&one.pointer, oid);
		err_assert(strlen(oid) == LFS_OID_DIGITS);
	}
	if (lfs_batch_read(text, &wanted, 1, &action, &arena, &e)) {
		err_assert(action.href != NULL || action.problem != NULL);
		err_assert(action.authorization == NULL ||
			   !ascii_has_control(str_from(action.authorization)));
	}
	(void)lfs_batch_message(text, &arena);
	arena_fini(&arena);
	free(copy);
	return 0;
}
