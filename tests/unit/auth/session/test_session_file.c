/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions that outlive the process: what comes back after a restart or a kill, what GitLab is
 * asked before they count, and what becomes of files that do not fit.
 */
#include "tests/unit/auth/session/session_file_support.h"

static void
test_survives_a_kill(void **state)
{
	(void)state;
	sign_in_and_store();
	crash();
	world_start(&world);
	assert_int_equal(session_store_count(world.auth->store), 1);
	assert_back_after_asking();
	assert_true(str_equal(world.verdict.identity.username, STR("sasha")));
	assert_true(str_equal(world.verdict.identity.email, STR("s@example.com")));
	assert_true(str_equal(world.verdict.identity.user_id, STR("42")));
	assert_string_equal(secret_view(session_token(world.verdict.session)).data, TEST_TOKEN);
	assert_int_equal(count_aside(), 0);
}

static void
test_survives_an_orderly_end(void **state)
{
	(void)state;
	world_sign_in(&world, "/");
	stop();
	world_start(&world);
	assert_back_after_asking();
}

/* The file contains neither names nor tokens in any encoding. */
static void
test_file_is_sealed(void **state)
{
	static const char *const words[] = {"canary", "sasha", "Sasha", "example.com"};
	struct stat st;

	(void)state;
	sign_in_and_store();
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		assert_null(memmem(image, image_len, words[i], strlen(words[i])));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* A restored session does not pass if GitLab refuses access. */
static void
test_asked_at_first_use(void **state)
{
	(void)state;
	sign_in_and_store();
	crash();
	world_start(&world);
	assert_true(script_waits());
	answer("/api/graphql", 200, FOREIGN_WORKSPACE_JSON);
	assert_problem(&world, AUTH_PROBLEM_NO_ACCESS, 403);
	assert_int_equal(session_store_count(world.auth->store), 0);
	answer("/oauth/revoke", 200, "{}");
}

/* If GitLab does not answer, its last answer is valid as long as without the restart. */
static void
test_grace_continues_after_restart(void **state)
{
	(void)state;
	sign_in_and_store();
	crash();
	clock_ahead_ms += 9 * MINUTE;
	world_start(&world);
	assert_true(script_waits());
	answer("/api/graphql", 503, "{}");
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
	clock_ahead_ms += 2 * MINUTE;
	if (script_waits())
		answer("/api/graphql", 503, "{}");
	assert_problem(&world, AUTH_PROBLEM_GITLAB_UNAVAILABLE, 503);
}

static void
test_no_grace_left(void **state)
{
	(void)state;
	sign_in_and_store();
	crash();
	clock_ahead_ms += 11 * MINUTE;
	world_start(&world);
	assert_true(script_waits());
	answer("/api/graphql", 503, "{}");
	assert_problem(&world, AUTH_PROBLEM_GITLAB_UNAVAILABLE, 503);
}

/* The answer under other settings is not used. */
static void
test_no_grace_under_another_policy(void **state)
{
	(void)state;
	sign_in_and_store();
	crash();
	world.settings.modes = AUTH_MODE_WORKSPACE | AUTH_MODE_OWNER;
	world_start(&world);
	assert_int_equal(session_store_count(world.auth->store), 1);
	assert_true(script_waits());
	answer("/api/graphql", 503, "{}");
	assert_problem(&world, AUTH_PROBLEM_GITLAB_UNAVAILABLE, 503);
}

static void
test_no_grace_under_another_list(void **state)
{
	(void)state;
	world.settings.modes = AUTH_MODE_WORKSPACE | AUTH_MODE_USERS;
	world.settings.users = "42,43";
	sign_in_and_store();
	crash();
	world.settings.users = "42";
	world_start(&world);
	assert_true(script_waits());
	answer("/api/graphql", 503, "{}");
	assert_problem(&world, AUTH_PROBLEM_GITLAB_UNAVAILABLE, 503);
}

static void
test_ages_continue_after_restart(void **state)
{
	(void)state;
	sign_in_and_store();
	crash();
	clock_ahead_ms += 4 * HOUR - MINUTE;
	world_start(&world);
	assert_int_equal(session_store_count(world.auth->store), 1);
	stop();
	write_image();
	clock_ahead_ms += 2 * MINUTE;
	world_start(&world); /* idle for too long: revoked in the background */
	assert_int_equal(session_store_count(world.auth->store), 0);
	answer("/oauth/revoke", 200, "{}");
}

static void
test_absolute_lifetime_continues_after_restart(void **state)
{
	(void)state;
	world.settings.session_idle_ms = 24 * HOUR;
	sign_in_and_store();
	crash();
	clock_ahead_ms += 23 * HOUR;
	world_start(&world);
	assert_true(script_waits());
	answer("/oauth/token", 200, TOKENS_JSON); /* its access token has expired */
	/* What the refresh brought is stored before it is used. */
	world_run_until(&world, graphql_is_asked);
	assert_true(file_changed());
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
	clock_ahead_ms += HOUR;
	assert_int_equal(world_script(&world, "/x"), AUTH_PROBLEM);
}

/* After the clock was set back, a session lasts at most one whole lifetime. */
static void
test_clock_set_back(void **state)
{
	(void)state;
	clock_ahead_ms += 400 * HOUR;
	sign_in_and_store();
	crash();
	clock_ahead_ms = 0;
	world_start(&world);
	assert_back_after_asking();
	clock_ahead_ms += 25 * HOUR;
	assert_int_equal(world_script(&world, "/x"), AUTH_PROBLEM);
}

static void
test_keys_rotate(void **state)
{
	struct auth_keys *keys = &world.settings.cookie_keys;
	struct browser browser;

	(void)state;
	sign_in_and_store();
	crash();
	keys->keys[1] = keys->keys[0];
	keys->keys[0] = secret_from_str(STR("another secret of thirty-two by."));
	keys->count = 2;
	world_start(&world);
	assert_back_after_asking();
	browser = world.browser;
	stop(); /* now sealed with the new key */
	secret_free(keys->keys[1]);
	keys->count = 1;
	world_start(&world);
	assert_int_equal(session_store_count(world.auth->store), 1);
	assert_int_equal(world_script(&world, "/x"), AUTH_PROBLEM); /* the cookie's key is gone */
	assert_memory_equal(&browser, &world.browser, sizeof(browser));
	assert_int_equal(count_aside(), 0);
}

static void
test_sign_out_is_stored(void **state)
{
	struct test_request r;

	(void)state;
	sign_in_and_store();
	request_init(&r, "POST", "/oauth2/sign_out");
	request_add(&r, "origin", "https://kiwi.ws.example.com");
	assert_null(world_answer(&world, AUTH_ENDPOINT_SIGN_OUT, &r));
	answer("/oauth/revoke", 200, "{}");
	run_until_stored();
	crash();
	world_start(&world);
	assert_int_equal(session_store_count(world.auth->store), 0);
}

/* The new pair is stored before it is used. */
static void
test_renewed_tokens_are_stored_first(void **state)
{
	(void)state;
	sign_in_and_store();
	clock_ahead_ms += 119 * MINUTE;
	world_run_for(&world, 10); /* the loop reads the clock once per round */
	assert_true(script_waits());
	read_image();
	answer("/oauth/token", 200, REFRESHED_JSON);
	assert_int_equal(fetch_waiting(), 0);
	world_run_until(&world, graphql_is_asked);
	assert_true(file_changed());
	crash(); /* that request was never answered */
	world_start(&world);
	assert_back_after_asking();
	assert_string_equal(secret_view(session_token(world.verdict.session)).data,
			    "canary-second");
}

static bool
two_are_asked(void)
{
	return fetch_waiting() == 2;
}

/* Tokens that arrive during a write wait for the next one. */
static void
test_renewed_tokens_wait_for_their_own_write(void **state)
{
	struct browser first;

	(void)state;
	sign_in_and_store();
	first = world.browser;
	world.browser.count = 0;
	sign_in_and_store();
	clock_ahead_ms += 119 * MINUTE;
	world_run_for(&world, 10); /* the loop reads the clock once per round */
	assert_true(script_waits());
	answer("/oauth/token", 200, REFRESHED_JSON);
	world.browser = first;
	assert_true(script_waits());
	answer("/oauth/token", 200,
	       "{\"access_token\":\"canary-third\",\"token_type\":\"bearer\","
	       "\"expires_in\":7200,\"refresh_token\":\"canary-refresh-3\"}");
	world_run_until(&world, two_are_asked);
	crash();
	world_start(&world);
	assert_back_after_asking();
	assert_string_equal(secret_view(session_token(world.verdict.session)).data, "canary-third");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_survives_a_kill),
		T(test_survives_an_orderly_end),
		T(test_file_is_sealed),
		T(test_asked_at_first_use),
		T(test_grace_continues_after_restart),
		T(test_no_grace_left),
		T(test_no_grace_under_another_policy),
		T(test_no_grace_under_another_list),
		T(test_ages_continue_after_restart),
		T(test_absolute_lifetime_continues_after_restart),
		T(test_clock_set_back),
		T(test_keys_rotate),
		T(test_sign_out_is_stored),
		T(test_renewed_tokens_are_stored_first),
		T(test_renewed_tokens_wait_for_their_own_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
