/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The assertions of a session: signed once for each host and minute, bounded, and made anew under
 * new keys.
 */
#include "auth/session/session_assertion.h"

#include "tests/unit/auth/session/session_support.h"

static int
setup_with_assertions(void **state)
{
	(void)setup(state);
	auth_verdict_fini(&world.verdict);
	auth_free(world.auth);
	loop_free(world.loop);
	world.settings.assertion = true;
	world_start(&world);
	return 0;
}

static void
sign_in(void)
{
	world_sign_in(&world, "/");
	check_with_gitlab();
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
}

/* Returns a copy of the assertion of the session that the last check found; the caller frees it. */
static char *
assertion_for(uint16_t port)
{
	struct str text = auth_assertion(world.auth, &world.verdict, port);
	char *copy = str_dup(text);

	assert_int_not_equal(text.len, 0);
	assert_non_null(copy);
	return copy;
}

static void
assert_assertion(const char *text, uint16_t port, bool is_same)
{
	char *now = assertion_for(port);

	assert_int_equal(strcmp(text, now) == 0, is_same);
	free(now);
}

static void
test_an_assertion_is_signed_once_a_minute(void **state)
{
	char *ide;
	char *port;

	(void)state;
	sign_in();
	ide = assertion_for(0);
	port = assertion_for(3000);
	assert_string_not_equal(ide, port);
	clock_ahead_ms += 58 * SECOND;
	assert_assertion(ide, 0, true);
	assert_assertion(port, 3000, true);
	clock_ahead_ms += 3 * SECOND;
	assert_assertion(ide, 0, false);
	assert_assertion(port, 3000, false);
	free(ide);
	free(port);
}

/* More hosts than assertions are kept: each gets one, and those of the last hosts are kept. */
static void
test_assertions_are_bounded(void **state)
{
	char *last;

	(void)state;
	sign_in();
	for (uint16_t port = 1; port <= 3 * SESSION_ASSERTIONS_MAX; port++)
		free(assertion_for(port));
	last = assertion_for(9);
	assert_assertion(last, 9, true);
	free(last);
}

static void
test_new_keys_sign_anew(void **state)
{
	struct auth_keys keys = {.count = 1};
	struct err e = ERR_INIT;
	char *text;

	(void)state;
	sign_in();
	text = assertion_for(0);
	keys.keys[0] = secret_from_str(STR("another secret of 32 characters."));
	assert_true(auth_replace_keys(world.auth, &keys, &e));
	assert_assertion(text, 0, false);
	auth_keys_fini(&keys);
	free(text);
}

static void
test_an_ended_session_asserts_nothing(void **state)
{
	(void)state;
	sign_in();
	free(assertion_for(0));
	session_end(world.verdict.session, AUTH_END_SIGNED_OUT);
	assert_int_equal(auth_assertion(world.auth, &world.verdict, 0).len, 0);
}

static void
test_without_the_setting_there_is_none(void **state)
{
	(void)state;
	sign_in();
	assert_int_equal(auth_assertion(world.auth, &world.verdict, 0).len, 0);
	assert_int_equal(auth_jwks(world.auth).len, 0);
}

#define WITH_ASSERTIONS(name)                                                                      \
	cmocka_unit_test_setup_teardown(name, setup_with_assertions, teardown_world)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ASSERTIONS(test_an_assertion_is_signed_once_a_minute),
		WITH_ASSERTIONS(test_assertions_are_bounded),
		WITH_ASSERTIONS(test_new_keys_sign_anew),
		WITH_ASSERTIONS(test_an_ended_session_asserts_nothing),
		T(test_without_the_setting_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
