/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Letting go of code that was touched: less is in memory, and everything still works and is the
 * same.
 */
#include "base/process/trim_code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/err.h"

#define CONSTANT_BYTES 1048576u

/* Constants of this program, one of them at each end. */
static const char constant[CONSTANT_BYTES] = {[0] = 'a', [CONSTANT_BYTES - 1] = 'z'};
static char variable[4096] = "kept";

static size_t
sum_of_constant(void)
{
	size_t sum = 0;

	for (size_t i = 0; i < CONSTANT_BYTES; i++)
		sum += (unsigned char)((const volatile char *)constant)[i];
	return sum;
}

/* Number of resident file-backed pages (statm(5)). */
static size_t
file_bytes(void)
{
	unsigned long size, resident, shared;
	FILE *file = fopen("/proc/self/statm", "r");

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu %lu %lu", &size, &resident, &shared), 3);
	fclose(file);
	return shared * (size_t)sysconf(_SC_PAGESIZE);
}

static void
less_is_resident(void **state)
{
	(void)state;
	assert_int_equal(sum_of_constant(), 'a' + 'z');
	size_t before = file_bytes();
	assert_true(trim_code() >= CONSTANT_BYTES);
	assert_true(file_bytes() + CONSTANT_BYTES / 2 < before);
}

static void
everything_still_works(void **state)
{
	char *copy = strdup("allocated before");

	(void)state;
	assert_non_null(copy);
	variable[0] = 'K';
	for (int i = 0; i < 3; i++) {
		uint8_t first[CRYPTO_SHA256_BYTES], second[CRYPTO_SHA256_BYTES];
		crypto_sha256(STR("what is hashed"), first);
		assert_true(trim_code() > 0);
		crypto_sha256(STR("what is hashed"), second);
		assert_memory_equal(first, second, sizeof(first));
		assert_int_equal(sum_of_constant(), 'a' + 'z');
		assert_string_equal(variable, "Kept");
		assert_string_equal(copy, "allocated before");
	}
	free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(less_is_resident),
		cmocka_unit_test(everything_still_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
