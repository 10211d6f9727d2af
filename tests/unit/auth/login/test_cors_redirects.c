/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests on their way back from a hand-over: known by session, port, method and target, once, and
 * for a while.
 */
#include "auth/login/cors_redirects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"

#define PAGE CORS_PAGE_OF(3000)

struct auth_session {
	uint8_t id[SESSION_ID_BYTES];
};

static const struct auth_session sasha = {{1}};
static const struct auth_session robin = {{2}};
static struct cors_redirects all;
static uint64_t now_ms;

const uint8_t *
session_id(const struct auth_session *s)
{
	return s->id;
}

uint64_t
clock_monotonic_ms(void)
{
	return now_ms;
}

static int
setup(void **state)
{
	(void)state;
	memset(&all, 0, sizeof(all));
	now_ms = 0;
	return 0;
}

static void
put(const char *method, const char *target)
{
	cors_redirects_put(&all, &sasha, 8080, PAGE, str_from(method), str_from(target));
}

static uint32_t
take(const struct auth_session *s, uint16_t port, const char *method, const char *target)
{
	return cors_redirects_take(&all, s, port, str_from(method), str_from(target));
}

static void
test_entries_match_on_all_fields(void **state)
{
	(void)state;
	assert_int_equal(take(&sasha, 8080, "POST", "/items"), CORS_PAGE_NONE);
	put("POST", "/items");
	assert_int_equal(take(&robin, 8080, "POST", "/items"), CORS_PAGE_NONE);
	assert_int_equal(take(&sasha, 8081, "POST", "/items"), CORS_PAGE_NONE);
	assert_int_equal(take(&sasha, 8080, "GET", "/items"), CORS_PAGE_NONE);
	assert_int_equal(take(&sasha, 8080, "POST", "/items?"), CORS_PAGE_NONE);
	assert_int_equal(take(&sasha, 8080, "POST/", "items"), CORS_PAGE_NONE);
	assert_true(cors_redirects_has(&all, 8080, STR("POST"), STR("/items")));
	assert_false(cors_redirects_has(&all, 8081, STR("POST"), STR("/items")));
	assert_false(cors_redirects_has(&all, 8080, STR("PUT"), STR("/items")));
	assert_int_equal(take(&sasha, 8080, "POST", "/items"), PAGE);
}

static void
test_once_each(void **state)
{
	(void)state;
	put("GET", "/items");
	put("GET", "/items");
	assert_int_equal(take(&sasha, 8080, "GET", "/items"), PAGE);
	assert_int_equal(take(&sasha, 8080, "GET", "/items"), PAGE);
	assert_int_equal(take(&sasha, 8080, "GET", "/items"), CORS_PAGE_NONE);
	assert_false(cors_redirects_has(&all, 8080, STR("GET"), STR("/items")));
}

static void
test_for_a_while(void **state)
{
	(void)state;
	put("GET", "/items");
	now_ms = CORS_REDIRECTS_AGE_MS - 1;
	assert_true(cors_redirects_has(&all, 8080, STR("GET"), STR("/items")));
	now_ms++;
	assert_false(cors_redirects_has(&all, 8080, STR("GET"), STR("/items")));
	assert_int_equal(take(&sasha, 8080, "GET", "/items"), CORS_PAGE_NONE);
}

static void
test_the_oldest_are_dropped(void **state)
{
	char target[16];

	(void)state;
	for (unsigned i = 0; i <= CORS_REDIRECTS_SIZE; i++) {
		(void)snprintf(target, sizeof(target), "/%u", i);
		put("GET", target);
	}
	assert_int_equal(take(&sasha, 8080, "GET", "/0"), CORS_PAGE_NONE);
	assert_int_equal(take(&sasha, 8080, "GET", "/1"), PAGE);
	assert_int_equal(take(&sasha, 8080, "GET", target), PAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_entries_match_on_all_fields, setup),
		cmocka_unit_test_setup(test_once_each, setup),
		cmocka_unit_test_setup(test_for_a_while, setup),
		cmocka_unit_test_setup(test_the_oldest_are_dropped, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
