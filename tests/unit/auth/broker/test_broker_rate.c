/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rate of each workspace's requests, with a clock that the test moves.
 */
#include "auth/broker/broker_rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static uint64_t now_ms;

uint64_t clock_monotonic_ms(void);

uint64_t
clock_monotonic_ms(void)
{
	return now_ms;
}

static unsigned
charge_all(struct broker_rate *r, struct str host, unsigned count, uint32_t *retry_after_s)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < count; i++)
		taken += broker_rate_charge(r, host, retry_after_s);
	return taken;
}

static void
test_burst_then_one_by_one(void **state)
{
	static struct broker_rate r = {.max = 30};
	uint32_t retry_after_s = 0;

	(void)state;
	now_ms = 1000000;
	assert_int_equal(charge_all(&r, STR("kiwi"), 100, &retry_after_s), 30);
	assert_int_equal(retry_after_s, 2);
	assert_int_equal(charge_all(&r, STR("fig"), 1, &retry_after_s), 1);
	now_ms += 2000;
	assert_int_equal(charge_all(&r, STR("kiwi"), 100, &retry_after_s), 1);
	now_ms += 120000;
	assert_int_equal(charge_all(&r, STR("kiwi"), 100, &retry_after_s), 30);
}

/* Many other workspaces do not reset the bucket of one that has used it up. */
static void
test_many_workspaces(void **state)
{
	static struct broker_rate r = {.max = 30};
	uint32_t retry_after_s;
	char host[32];

	(void)state;
	now_ms = 1000000;
	assert_int_equal(charge_all(&r, STR("kiwi"), 100, &retry_after_s), 30);
	for (unsigned i = 0; i < 20000; i++) {
		(void)snprintf(host, sizeof(host), "w%u", i);
		assert_int_equal(charge_all(&r, str_from(host), 1, &retry_after_s), 1);
	}
	assert_int_equal(charge_all(&r, STR("kiwi"), 1, &retry_after_s), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_then_one_by_one),
		cmocka_unit_test(test_many_workspaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
