/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks that are kept for the next use, and how many.
 */
#include "base/free_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define BLOCKS 4u

static void
test_freed_blocks_are_used_again(void **state)
{
	struct free_list s = FREE_LIST_INIT(64, BLOCKS);
	void *block = free_list_take(&s);

	(void)state;
	assert_non_null(block);
	memset(block, 'x', 64);
	free_list_give(&s, block);
	assert_int_equal(s.count, s.max > 0 ? 1 : 0); /* with sanitizers no block is kept */
	if (s.max > 0)
		assert_ptr_equal(free_list_take(&s), block);
	else
		block = free_list_take(&s);
	assert_int_equal(s.count, 0);
	free(block);
}

static void
test_more_than_the_maximum_are_freed(void **state)
{
	struct free_list s = FREE_LIST_INIT(64, BLOCKS);
	void *blocks[BLOCKS + 2];

	(void)state;
	for (size_t i = 0; i < BLOCKS + 2; i++) {
		blocks[i] = free_list_take(&s);
		assert_non_null(blocks[i]);
	}
	for (size_t i = 0; i < BLOCKS + 2; i++)
		free_list_give(&s, blocks[i]);
	assert_int_equal(s.count, s.max);
	while (s.count > 0)
		free(free_list_take(&s));
	assert_null(s.first);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_freed_blocks_are_used_again),
		cmocka_unit_test(test_more_than_the_maximum_are_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
