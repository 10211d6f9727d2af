/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks that are kept for the next use, and how many.
 */
#include "base/spares.h"

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
	struct spares s = SPARES_INIT(64, BLOCKS);
	void *block = spares_take(&s);

	(void)state;
	assert_non_null(block);
	memset(block, 'x', 64);
	spares_give(&s, block);
	assert_int_equal(s.count, s.max > 0 ? 1 : 0); /* with sanitizers no block is kept */
	if (s.max > 0)
		assert_ptr_equal(spares_take(&s), block);
	else
		block = spares_take(&s);
	assert_int_equal(s.count, 0);
	free(block);
}

static void
test_more_than_the_maximum_are_freed(void **state)
{
	struct spares s = SPARES_INIT(64, BLOCKS);
	void *blocks[BLOCKS + 2];

	(void)state;
	for (size_t i = 0; i < BLOCKS + 2; i++) {
		blocks[i] = spares_take(&s);
		assert_non_null(blocks[i]);
	}
	for (size_t i = 0; i < BLOCKS + 2; i++)
		spares_give(&s, blocks[i]);
	assert_int_equal(s.count, s.max);
	while (s.count > 0)
		free(spares_take(&s));
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
