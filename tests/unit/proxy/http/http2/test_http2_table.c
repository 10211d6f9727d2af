/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/http/http2/http2_memory: the page of a zeroed table is given back, any other is kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "proxy/http/http2/http2_memory.h"

static int
setup(void **state)
{
	*state = http2_table_new();
	assert_non_null(*state);
	return 0;
}

static int
teardown(void **state)
{
	free(*state);
	return 0;
}

static bool
is_resident(void *table)
{
	unsigned char resident;

	assert_int_equal(mincore(table, http2_table_size(), &resident), 0);
	return (resident & 1) != 0;
}

static void
assert_zero(const char *table)
{
	for (size_t i = 0; i < http2_table_size(); i++)
		assert_int_equal(table[i], 0);
}

static void
test_zeros_are_given_back(void **state)
{
	char *table = *state;

	assert_zero(table);
	table[100] = 1;
	table[100] = 0;
	assert_true(is_resident(table));
	http2_table_trim(table);
	assert_false(is_resident(table));
	assert_zero(table);
	table[100] = 1;
	assert_int_equal(table[100], 1);
}

static void
test_what_is_used_stays(void **state)
{
	char *table = *state;
	const size_t places[] = {0, 1, http2_table_size() / 2 + 1, http2_table_size() - 1};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		table[places[i]] = 1;
		http2_table_trim(table);
		assert_true(is_resident(table));
		assert_int_equal(table[places[i]], 1);
		table[places[i]] = 0;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_zeros_are_given_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_used_stays, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
