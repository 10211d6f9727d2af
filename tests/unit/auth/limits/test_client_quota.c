/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth/limits/client_quota: a limit in all, and of it a share for each client.
 */
#include "auth/limits/client_quota.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ONE   STR("192.0.2.1")
#define OTHER STR("2001:db8::1")

static bool
has_room(const struct client_quota *all, struct str client)
{
	return client_quota_has_room(all, client, 5, 2);
}

static void
test_each_client_has_a_share(void **state)
{
	struct client_quota all = {.count = 0};
	struct client_quota_entry s[5];

	(void)state;
	client_quota_add(&all, &s[0], ONE);
	assert_true(has_room(&all, ONE));
	client_quota_add(&all, &s[1], STR("::ffff:192.0.2.1"));
	assert_false(has_room(&all, ONE));
	assert_true(has_room(&all, OTHER));
	client_quota_add(&all, &s[2], OTHER);
	client_quota_add(&all, &s[3], STR("2001:db8::2"));
	assert_false(has_room(&all, STR("2001:db8::3")));
	client_quota_remove(&all, &s[1]);
	client_quota_remove(&all, &s[1]);
	assert_true(has_room(&all, ONE));
	client_quota_add(&all, &s[1], ONE);
	client_quota_add(&all, &s[4], STR("198.51.100.1"));
	assert_false(has_room(&all, STR("203.0.113.1")));
	for (size_t i = 0; i < 5; i++)
		client_quota_remove(&all, &s[i]);
	assert_int_equal(all.count, 0);
	assert_true(LIST_EMPTY(&all.entries));
}

/* Malformed addresses do not bypass the quota. */
static void
test_unknown_addresses_are_one_client(void **state)
{
	struct client_quota all = {.count = 0};
	struct client_quota_entry s[2];

	(void)state;
	client_quota_add(&all, &s[0], STR("unix"));
	client_quota_add(&all, &s[1], STR_NONE);
	assert_false(has_room(&all, STR("unix")));
	assert_false(has_room(&all, STR("192.0.2.1, 192.0.2.2")));
	assert_true(has_room(&all, ONE));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_client_has_a_share),
		cmocka_unit_test(test_unknown_addresses_are_one_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
