/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets kept for logins under way: found by their key, for an hour, and bounded per client and in
 * all.
 */
#include "auth/login/return_target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define LONG_COUNT (RETURN_TARGETS_CLIENT_BYTES_MAX / RETURN_TARGET_MAX)

static struct return_targets targets;
static char long_text[RETURN_TARGET_MAX];

static int
setup(void **state)
{
	(void)state;
	return_targets_init(&targets);
	memset(long_text, 'a', sizeof(long_text));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return_targets_fini(&targets);
	assert_int_equal(targets.bytes, 0);
	return 0;
}

static struct str
key_of(unsigned number)
{
	static char text[RETURN_TARGET_KEY_LEN + 1];

	(void)snprintf(text, sizeof(text), "%043u", number);
	return str_from(text);
}

static void
put_long(unsigned number, const char *client)
{
	return_targets_put(&targets, key_of(number), str_from(client),
			   (struct str){long_text, sizeof(long_text)});
}

static bool
is_kept(unsigned number, const char *client)
{
	return return_targets_find(&targets, key_of(number), str_from(client)).data != NULL;
}

static void
test_found_by_key(void **state)
{
	(void)state;
	return_targets_put(&targets, key_of(1), STR("10.0.0.1"), STR("/one"));
	return_targets_put(&targets, key_of(2), STR("10.0.0.1"), STR("/two"));
	assert_true(
		str_equal(return_targets_find(&targets, key_of(1), STR("10.0.0.1")), STR("/one")));
	assert_true(str_equal(return_targets_find(&targets, key_of(2), STR("::ffff:10.0.0.1")),
			      STR("/two")));
	assert_false(is_kept(3, "10.0.0.1"));
	/* Valid only for the client that requested the page. */
	assert_false(is_kept(1, "10.0.0.2"));
	assert_false(is_kept(1, ""));
	assert_null(return_targets_find(&targets, STR(""), STR("10.0.0.1")).data);
	assert_null(return_targets_find(&targets, STR_NONE, STR("10.0.0.1")).data);
}

static void
test_a_full_client_loses_its_oldest(void **state)
{
	(void)state;
	put_long(0, "10.0.0.2");
	for (unsigned i = 1; i <= 2 * LONG_COUNT; i++)
		put_long(i, "10.0.0.1");
	assert_true(is_kept(0, "10.0.0.2"));
	assert_false(is_kept(1, "10.0.0.1"));
	assert_true(is_kept(LONG_COUNT + 2, "10.0.0.1"));
	assert_true(is_kept(2 * LONG_COUNT, "10.0.0.1"));
	assert_true(targets.bytes <= RETURN_TARGETS_CLIENT_BYTES_MAX + 2 * RETURN_TARGET_MAX);
}

static void
test_unknown_clients_are_one(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= LONG_COUNT; i++)
		put_long(i, i % 2 == 0 ? "" : "unknown");
	assert_false(is_kept(0, ""));
	assert_true(is_kept(LONG_COUNT, ""));
	assert_true(is_kept(LONG_COUNT, "also unknown"));
}

static const char *
client_of(unsigned i)
{
	static char text[32];

	(void)snprintf(text, sizeof(text), "10.0.%u.%u", i / 250, 1 + i % 250);
	return text;
}

static void
test_all_are_bounded(void **state)
{
	unsigned count = 2 * RETURN_TARGETS_BYTES_MAX / RETURN_TARGET_MAX;

	(void)state;
	for (unsigned i = 0; i < count; i++) {
		put_long(i, client_of(i));
		assert_true(targets.bytes <= RETURN_TARGETS_BYTES_MAX);
	}
	assert_false(is_kept(0, client_of(0)));
	assert_true(is_kept(count - 1, client_of(count - 1)));
	assert_true(is_kept(count - count / 2 + 8, client_of(count - count / 2 + 8)));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_found_by_key),
		T(test_a_full_client_loses_its_oldest),
		T(test_unknown_clients_are_one),
		T(test_all_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
