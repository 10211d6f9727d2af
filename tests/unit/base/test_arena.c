/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arena: alignment, zeroed memory, its maximum, and what a reset keeps.
 */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdalign.h>

static bool
is_zero(const unsigned char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] != 0)
			return false;
	}
	return true;
}

static void
test_allocations_are_aligned_zeroed_and_apart(void **state)
{
	unsigned char *pieces[200];
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < 200; i++) {
		size_t size = i * 7 % 300 + 1;

		assert_non_null(arena_dup(&a, str_take(STR("odd"), i % 4)));
		pieces[i] = arena_alloc(&a, size);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
		assert_true(is_zero(pieces[i], size));
		memset(pieces[i], (int)i + 1, size);
	}
	for (size_t i = 0; i < 200; i++) {
		for (size_t k = 0; k < i * 7 % 300 + 1; k++)
			assert_int_equal(pieces[i][k], i + 1);
	}
	arena_fini(&a);
}

static void
test_the_maximum_holds(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 10000);
	assert_null(arena_alloc(&a, 10001));
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_non_null(arena_alloc(&a, 9000));
	assert_null(arena_alloc(&a, 1001));
	assert_non_null(arena_alloc(&a, 1000));
	assert_int_equal(a.used, 10000);
	assert_null(arena_alloc(&a, 1));
	assert_null(arena_dup(&a, STR("")));
	assert_null(arena_printf(&a, "%d", 1));
	arena_fini(&a);
	assert_non_null(arena_alloc(&a, 10000));
	arena_fini(&a);

	arena_init(&a, 0);
	assert_null(arena_alloc(&a, 1));
	arena_fini(&a);
}

static void
test_many_small_allocations_stay_within_the_maximum(void **state)
{
	struct arena a;
	size_t count = 0;

	(void)state;
	arena_init(&a, 64000);
	while (arena_alloc(&a, 1) != NULL)
		count++;
	assert_in_range(count, 4000, 4100); /* each one counts its padding */
	assert_true(a.used <= a.max);
	arena_fini(&a);
}

static void
test_array_checks_overflow(void **state)
{
	struct arena a;
	uint64_t *numbers;

	(void)state;
	arena_init(&a, 1 << 20);
	assert_null(arena_alloc_array(&a, SIZE_MAX / 2, 3));
	numbers = arena_alloc_array(&a, 1000, sizeof(*numbers));
	assert_non_null(numbers);
	assert_true(is_zero((unsigned char *)numbers, 8000));
	assert_non_null(arena_alloc_array(&a, 0, 8));
	assert_non_null(arena_alloc(&a, 0));
	arena_fini(&a);
}

static void
test_text(void **state)
{
	char longest[9000];
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_string_equal(arena_dup(&a, str_take(STR("hello"), 4)), "hell");
	assert_string_equal(arena_dup(&a, STR_NONE), "");
	assert_string_equal(arena_dup_two(&a, STR("Host"), STR("example")), "Hostexample");
	assert_string_equal(arena_dup_two(&a, STR_NONE, STR("example")), "example");
	assert_string_equal(arena_dup_two(&a, STR("Host"), STR_NONE), "Host");
	assert_null(arena_dup_two(&a, STR("Host"), (struct str){"x", SIZE_MAX}));
	assert_string_equal(arena_printf(&a, "%s:%d", "port", 80), "port:80");
	assert_string_equal(arena_printf(&a, "%s", longest), longest);
	assert_string_equal(arena_dup(&a, str_from(longest)), longest);
	arena_fini(&a);
}

static void
test_reset_keeps_one_block_and_gives_zeroed_memory(void **state)
{
	struct arena a;
	struct arena_block *kept;
	unsigned char *data;

	(void)state;
	arena_init(&a, 1 << 20);
	for (int i = 0; i < 100; i++)
		memset(arena_alloc(&a, 1000), 0xee, 1000);
	memset(arena_alloc(&a, 50000), 0xee, 50000);
	kept = a.blocks;
	arena_reset(&a);
	assert_int_equal(a.used, 0);
	assert_ptr_equal(a.blocks, kept);
	data = arena_alloc(&a, 1000);
	assert_ptr_equal(a.blocks, kept);
	assert_true(is_zero(data, 1000));
	arena_reset(&a);
	arena_reset(&a);
	arena_fini(&a);
	assert_null(a.blocks);
	arena_reset(&a);
	arena_fini(&a);
}

static void
test_a_large_piece_does_not_cost_the_current_block(void **state)
{
	struct arena a;
	struct arena_block *current;

	(void)state;
	arena_init(&a, 1 << 20);
	assert_non_null(arena_alloc(&a, 16));
	current = a.blocks;
	assert_non_null(arena_alloc(&a, 100000));
	assert_ptr_equal(a.blocks, current);
	assert_non_null(arena_alloc(&a, 16));
	assert_ptr_equal(a.blocks, current);
	arena_fini(&a);
	/* It may also be the first allocation. */
	memset(arena_alloc(&a, 100000), 1, 100000);
	memset(arena_alloc(&a, 100), 1, 100);
	arena_reset(&a);
	memset(arena_alloc(&a, 100), 1, 100);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allocations_are_aligned_zeroed_and_apart),
		cmocka_unit_test(test_the_maximum_holds),
		cmocka_unit_test(test_many_small_allocations_stay_within_the_maximum),
		cmocka_unit_test(test_array_checks_overflow),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_reset_keeps_one_block_and_gives_zeroed_memory),
		cmocka_unit_test(test_a_large_piece_does_not_cost_the_current_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
