/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logins through a GitLab that the test plays: the good way, every way that fails, and every way
 * that somebody could try to bend.
 */
#include "auth_support.h"

static struct world world;

static int
setup(void **state)
{
	(void)state;
	world_setup(&world);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	world_teardown(&world);
	return 0;
}

static void
test_sign_in(void **state)
{
	char value[512];

	(void)state;
	assert_int_equal(world_navigate(&world, "/lab/tree?folder=x&y=%2Fz"), AUTH_REDIRECT);
	assert_int_equal(world.verdict.status, 302);
	assert_true(str_starts_with(str_from(world.verdict.location),
				    STR("https://gitlab.example.com/git/oauth/authorize?")));
	location_parameter(&world, "response_type", value, sizeof(value));
	assert_string_equal(value, "code");
	location_parameter(&world, "client_id", value, sizeof(value));
	assert_string_equal(value, "client-1");
	location_parameter(&world, "redirect_uri", value, sizeof(value));
	assert_string_equal(value, "https://kiwi.ws.example.com/oauth2/callback");
	location_parameter(&world, "scope", value, sizeof(value));
	assert_string_equal(value, world.settings.scope);
	location_parameter(&world, "code_challenge_method", value, sizeof(value));
	assert_string_equal(value, "S256");
	location_parameter(&world, "code_challenge", value, sizeof(value));
	assert_int_equal(strlen(value), 43);
	location_parameter(&world, "nonce", value, sizeof(value));
	assert_int_equal(strlen(value), 43);
	world_sign_in(&world, "/lab/tree?folder=x&y=%2Fz");
	assert_string_equal(world.verdict.location, "/lab/tree?folder=x&y=%2Fz");
	assert_int_equal(world_navigate(&world, "/lab"), AUTH_ALLOW);
	assert_true(str_equal(world.verdict.identity.username, STR("sasha")));
	assert_true(
		str_equal(secret_view(auth_session_token(world.verdict.session)), STR(TEST_TOKEN)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sign_in, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
