/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth/limits/client_rate: what failures cost, what is kept back for others, and how fast it comes
 * back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "auth/limits/client_quota.h"
#include "auth/limits/client_rate.h"
#include "base/clock.h"
#include "base/log/log.h"

#define ONE	      STR("192.0.2.1")
#define OTHER	      STR("2001:db8::1")
#define CLIENT_TOKENS 20u
#define COMMON_TOKENS 120u
#define SECOND	      UINT64_C(1000)

static uint64_t now_ms;
static struct client_rate rate;
static uint32_t retry_after_s;

uint64_t
clock_monotonic_us(void)
{
	return now_ms * 1000;
}

uint64_t
clock_monotonic_ms(void)
{
	return now_ms;
}

int64_t
clock_wall_us(void)
{
	return (int64_t)now_ms * 1000;
}

int64_t
clock_wall_ms(void)
{
	return (int64_t)now_ms;
}

int64_t
clock_wall_s(void)
{
	return (int64_t)now_ms / 1000;
}

void
clock_format_rfc3339(int64_t wall_ms, char *out, size_t size)
{
	(void)snprintf(out, size, "%lld", (long long)wall_ms);
}

void
clock_format_http_date(int64_t wall_s, char *out, size_t size)
{
	(void)snprintf(out, size, "%lld", (long long)wall_s);
}

static int
setup(void **state)
{
	(void)state;
	rate = (struct client_rate){.client_max = CLIENT_TOKENS, .common_max = COMMON_TOKENS};
	now_ms = 1000000;
	log_configure(LOG_OFF, LOG_JSON, 2);
	return 0;
}

static bool
charge(struct str client)
{
	return client_rate_charge(&rate, client, &retry_after_s);
}

static unsigned
charge_all(struct str client)
{
	unsigned count = 0;

	while (charge(client))
		count++;
	return count;
}

static struct str
client_number(unsigned i)
{
	static char text[32];

	(void)snprintf(text, sizeof(text), "198.51.%u.%u", i / 256, i % 256);
	return str_from(text);
}

static void
test_failures_of_one_client(void **state)
{
	(void)state;
	assert_int_equal(charge_all(ONE), CLIENT_TOKENS);
	assert_int_equal(retry_after_s, 3);
	assert_false(charge(STR("::ffff:192.0.2.1"))); /* the same */
	assert_true(charge(OTHER));
	assert_false(charge(ONE));
	assert_int_equal(rate.refused, 3);
	now_ms += 3 * SECOND;
	assert_int_equal(charge_all(ONE), 1);
	now_ms += 30 * SECOND;
	assert_int_equal(charge_all(ONE), CLIENT_TOKENS / 2);
	now_ms += 3600 * SECOND;
	assert_int_equal(charge_all(ONE), CLIENT_TOKENS);
}

/* Any number of successes is allowed. */
static void
test_success_costs_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		assert_true(charge(ONE));
		client_rate_note_success(&rate, client_key(ONE));
	}
	assert_int_equal(charge_all(ONE), CLIENT_TOKENS);
	client_rate_note_success(&rate, client_key(STR("203.0.113.7"))); /* not remembered */
}

/* Malformed addresses count as one client. */
static void
test_unknown_clients_are_one(void **state)
{
	(void)state;
	assert_int_equal(charge_all(STR("unix")), CLIENT_TOKENS);
	assert_false(charge(STR_NONE));
	assert_false(charge(STR("192.0.2.1.5")));
	assert_true(charge(ONE));
}

/* Clients with failures share half of the common bucket, unknown ones three quarters. */
static void
test_common_bucket(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(charge_all(client_number(i)), CLIENT_TOKENS);
	assert_true(charge(ONE));
	assert_false(charge(ONE)); /* it has one charge */
	for (unsigned i = 61; i < COMMON_TOKENS * 3 / 4; i++)
		assert_true(charge(client_number(i)));
	assert_false(charge(OTHER)); /* the rest is for clients that have signed in before */
	assert_int_equal(retry_after_s, 1);
	now_ms += 500;
	assert_true(charge(OTHER));
	now_ms += SECOND * COMMON_TOKENS / 2;
	assert_true(charge(ONE));
}

static void
test_proven_clients(void **state)
{
	(void)state;
	assert_false(client_rate_is_proven(&rate, client_key(ONE)));
	assert_true(charge(ONE));
	client_rate_note_success(&rate, client_key(ONE));
	client_rate_note_success(&rate, client_key(ONE));
	assert_true(client_rate_is_proven(&rate, client_key(ONE)));
	for (unsigned i = 0; charge(client_number(i)); i++)
		assert_true(i < COMMON_TOKENS * 3 / 4);
	assert_false(charge(OTHER));
	assert_int_equal(charge_all(ONE), CLIENT_TOKENS);
	/* The oldest clients are forgotten. */
	for (unsigned i = 0; i < CLIENT_RATE_PROVEN - 1; i++)
		client_rate_note_success(&rate, client_key(client_number(i)));
	assert_true(client_rate_is_proven(&rate, client_key(ONE)));
	client_rate_note_success(&rate, client_key(ONE));
	client_rate_note_success(&rate, client_key(OTHER));
	assert_true(client_rate_is_proven(&rate, client_key(ONE)));
	assert_false(client_rate_is_proven(&rate, client_key(client_number(0))));
}

/* The smallest and the largest possible limits. */
static void
test_limits_of_settings(void **state)
{
	(void)state;
	rate.client_max = rate.common_max = 1;
	assert_int_equal(charge_all(ONE), 1);
	assert_int_equal(retry_after_s, 60);
	memset(&rate, 0, sizeof(rate));
	rate.client_max = rate.common_max = CLIENT_RATE_MAX;
	assert_int_equal(charge_all(ONE), CLIENT_RATE_MAX / 2);
	assert_int_equal(retry_after_s, 1);
}

/* Memory is bounded, and clients with many charges are not forgotten in favour of others. */
static void
test_many_clients(void **state)
{
	unsigned passed = 0;

	(void)state;
	assert_int_equal(charge_all(ONE), CLIENT_TOKENS);
	for (unsigned i = 0; i < 5000; i++) {
		now_ms += 10;
		passed += charge(client_number(i));
	}
	/* Two per second, and what the bucket had at the start. */
	assert_in_range(passed, 100, COMMON_TOKENS * 3 / 4 - CLIENT_TOKENS + 101);
	assert_false(charge(ONE));
}

static void
test_gitlab_limits_us(void **state)
{
	(void)state;
	client_rate_block(&rate, 7);
	assert_false(charge(ONE));
	assert_int_equal(retry_after_s, 7);
	now_ms += 6 * SECOND;
	assert_false(charge(OTHER));
	now_ms += SECOND;
	assert_true(charge(OTHER));
	client_rate_block(&rate, 0);
	client_rate_block(&rate, 1); /* the later end counts */
	now_ms += 9 * SECOND;
	assert_false(charge(ONE));
	now_ms += SECOND;
	assert_true(charge(ONE));
	client_rate_block(&rate, UINT32_MAX); /* the block is limited to a minute */
	now_ms += 60 * SECOND;
	assert_true(charge(ONE));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_failures_of_one_client, setup),
		cmocka_unit_test_setup(test_success_costs_nothing, setup),
		cmocka_unit_test_setup(test_unknown_clients_are_one, setup),
		cmocka_unit_test_setup(test_common_bucket, setup),
		cmocka_unit_test_setup(test_proven_clients, setup),
		cmocka_unit_test_setup(test_limits_of_settings, setup),
		cmocka_unit_test_setup(test_many_clients, setup),
		cmocka_unit_test_setup(test_gitlab_limits_us, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
