/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The allocator of nghttp2: sizes, limits, wiping, and blocks that are used again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <string.h>

#include "proxy/http/http2/http2_memory.h"

#define SIZES 3000u

static void
test_blocks_are_large_enough(void **state)
{
	struct http2 h = {.memory_max = SIZE_MAX};
	nghttp2_mem m = http2_memory(&h);
	void *blocks[SIZES];

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < SIZES; i++) {
			/* Freed ones of a smaller size are there. */
			size_t size = (i * 7 + round) % SIZES;
			blocks[i] = m.malloc(size, &h);
			assert_non_null(blocks[i]);
			assert_true(malloc_usable_size(blocks[i]) >= size);
			memset(blocks[i], 0xa5, size);
		}
		for (size_t i = 0; i < SIZES; i++)
			m.free(blocks[i], &h);
		assert_int_equal(h.memory_bytes, 0);
	}
}

static void
test_zeroed_blocks(void **state)
{
	struct http2 h = {.memory_max = SIZE_MAX};
	nghttp2_mem m = http2_memory(&h);
	static const char zeros[120];

	(void)state;
	void *before = m.malloc(sizeof(zeros), &h);
	memset(before, 0xa5, sizeof(zeros));
	m.free(before, &h);
	void *after = m.calloc(6, sizeof(zeros) / 6, &h);
	assert_memory_equal(after, zeros, sizeof(zeros));
	m.free(after, &h);
	assert_null(m.calloc(SIZE_MAX / 2, 3, &h));
	assert_int_equal(h.memory_bytes, 0);
}

static void
test_blocks_that_grow(void **state)
{
	struct http2 h = {.memory_max = SIZE_MAX};
	nghttp2_mem m = http2_memory(&h);

	(void)state;
	char *block = m.realloc(NULL, 20, &h);
	memcpy(block, "nineteen characters", 20);
	for (size_t size = 20; size < SIZES; size += 13) {
		block = m.realloc(block, size, &h);
		assert_string_equal(block, "nineteen characters");
	}
	m.free(block, &h);
	m.free(NULL, &h);
	assert_int_equal(h.memory_bytes, 0);
}

static void
test_the_limit(void **state)
{
	struct http2 h = {.memory_max = 1000};
	nghttp2_mem m = http2_memory(&h);

	(void)state;
	void *block = m.malloc(600, &h);
	assert_non_null(block);
	assert_null(m.malloc(600, &h));
	assert_null(m.calloc(2, 300, &h));
	assert_null(m.realloc(NULL, 600, &h));
	block = m.realloc(block, 900, &h);
	assert_non_null(block);
	assert_null(m.realloc(block, 1100, &h));
	m.free(block, &h);
	assert_int_equal(h.memory_bytes, 0);
	block = m.malloc(600, &h);
	assert_non_null(block);
	m.free(block, &h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_are_large_enough),
		cmocka_unit_test(test_zeroed_blocks),
		cmocka_unit_test(test_blocks_that_grow),
		cmocka_unit_test(test_the_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
