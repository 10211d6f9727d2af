/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How GitLab is asked about a session again and its tokens are refreshed: when, by whom, how long
 * an answer holds, and what becomes of the session when none comes or it is a no.
 */
#include "tests/unit/auth/session/session_support.h"

static const char *
token(void)
{
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
	return secret_view(session_token(world.verdict.session)).data;
}

static bool
gitlab_is_asked(void)
{
	return fetch_waiting() == 1;
}

static void
test_asked_again(void **state)
{
	(void)state;
	world_sign_in(&world, "/");
	clock_ahead_ms += 50 * SECOND;
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	assert_int_equal(fetch_waiting(), 0);
	clock_ahead_ms += 20 * SECOND;
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	assert_int_equal(fetch_waiting(), 1); /* one request for all who wait */
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	assert_int_equal(fetch_waiting(), 0);
}

static void
test_refused(void **state)
{
	(void)state;
	world_sign_in(&world, "/");
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
	watch(0);
	watch(1);
	clock_ahead_ms += 70 * SECOND;
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	answer("/api/graphql", 200, FOREIGN_WORKSPACE_JSON);
	assert_int_equal(ended[0], AUTH_END_REFUSED);
	assert_int_equal(ended[1], AUTH_END_REFUSED);
	assert_int_equal(session_store_count(world.auth->store), 0);
	assert_int_equal(world_script(&world, "/"), AUTH_PROBLEM);
	answer("/oauth/revoke", 200, "{}");
}

/* A timer starts checks for sessions that only have an open WebSocket. */
static void
test_watched_is_asked(void **state)
{
	(void)state;
	world.settings.authorization_interval_ms = 30;
	world_sign_in(&world, "/");
	world_run_for(&world, 80);
	assert_int_equal(fetch_waiting(), 0); /* not used by a request */
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
	watch(0);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	world_run_until(&world, gitlab_is_asked);
	answer("/api/graphql", 403, "{\"message\":\"403 Forbidden\"}");
	assert_int_equal(ended[0], AUTH_END_REFUSED);
}

static void
test_grace(void **state)
{
	(void)state;
	world_sign_in(&world, "/");
	for (unsigned i = 0; i < 8; i++) {
		clock_ahead_ms += 70 * SECOND;
		assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
		break_request("/api/graphql", ERR_CONNECT, false);
	}
	clock_ahead_ms += 2 * MINUTE;
	{
		struct test_request r;

		/* Now it waits for the answer, and then refuses. */
		request_init(&r, "GET", "/");
		assert_non_null(world_check(&world, &r));
		answer("/api/graphql", 503, "");
		assert_problem(&world, AUTH_PROBLEM_GITLAB_UNAVAILABLE, 503);
		assert_true(world.verdict.retry_after_s >= 1);
	}
	/* Without another check for each request. */
	assert_int_equal(world_script(&world, "/"), AUTH_PROBLEM);
	assert_problem(&world, AUTH_PROBLEM_GITLAB_UNAVAILABLE, 503);
	assert_int_equal(fetch_waiting(), 0);
	/* Recovers without a login. */
	clock_ahead_ms += 20 * SECOND;
	check_with_gitlab();
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
}

/* The last answer is valid until the next check, never shorter. */
static void
test_no_grace(void **state)
{
	(void)state;
	world.settings.authorization_grace_ms = 0;
	world_sign_in(&world, "/");
	for (unsigned i = 0; i < 50; i++) {
		clock_ahead_ms += MINUTE;
		check_with_gitlab();
		assert_int_equal(world.verdict.action, AUTH_ALLOW);
	}
}

/* After the grace period WebSockets are closed; the session waits for GitLab. */
static void
test_grace_ends_watches(void **state)
{
	(void)state;
	world.settings.authorization_interval_ms = 20;
	world.settings.authorization_grace_ms = 500;
	world_sign_in(&world, "/");
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
	watch(0);
	world_run_until(&world, gitlab_is_asked);
	break_request("/api/graphql", ERR_TIMEOUT, true);
	assert_int_equal(ended[0], -1);
	world_run_until(&world, first_is_told);
	assert_int_equal(ended[0], AUTH_END_UNCONFIRMED);
	assert_int_equal(session_store_count(world.auth->store), 1);
	auth_verdict_ended(world.auth, &world.verdict, AUTH_END_UNCONFIRMED);
	assert_problem(&world, AUTH_PROBLEM_GITLAB_UNAVAILABLE, 503);
	assert_true(world.verdict.retry_after_s >= 1);
}

static void
test_idle_waits_for_answer(void **state)
{
	struct test_request r;

	(void)state;
	world_sign_in(&world, "/");
	clock_ahead_ms += HOUR;
	request_init(&r, "GET", "/");
	assert_non_null(world_check(&world, &r));
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
	assert_true(str_equal(world.verdict.identity.username, STR("sasha")));
}

static void
test_idle_then_refused(void **state)
{
	struct test_request r;

	(void)state;
	world_sign_in(&world, "/");
	clock_ahead_ms += HOUR;
	request_init(&r, "GET", "/lab?x");
	request_as_navigation(&r);
	assert_non_null(world_check(&world, &r));
	answer("/api/graphql", 200, FOREIGN_WORKSPACE_JSON);
	assert_problem(&world, AUTH_PROBLEM_NO_ACCESS, 403);
	assert_true(str_equal(world.verdict.identity.username, STR("sasha")));
	assert_string_equal(world.verdict.location, "/oauth2/start?rd=%2Flab%3Fx");
}

static void
test_waiting_is_cancelled(void **state)
{
	struct test_request r;
	struct auth_call *call;

	(void)state;
	world_sign_in(&world, "/");
	clock_ahead_ms += 11 * MINUTE;
	request_init(&r, "GET", "/");
	call = world_check(&world, &r);
	assert_non_null(call);
	auth_cancel(call);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_int_equal(world.done_count, 1); /* the login's */
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	/* A request waits while the session is signed out. */
	clock_ahead_ms += 11 * MINUTE;
	request_init(&r, "GET", "/");
	assert_non_null(world_check(&world, &r));
	session_end(session_find(world.auth->store, &r.facts), AUTH_END_SIGNED_OUT);
	assert_problem(&world, AUTH_PROBLEM_LOGIN_REQUIRED, 401);
	/* A request waits while the store is freed. */
	world.browser.count = 0;
	world_sign_in(&world, "/");
	clock_ahead_ms += 11 * MINUTE;
	request_init(&r, "GET", "/");
	assert_non_null(world_check(&world, &r));
}

static void
test_refresh(void **state)
{
	const struct fetch_call *c;

	(void)state;
	world_sign_in(&world, "/");
	clock_ahead_ms += HOUR;
	check_with_gitlab();
	assert_string_equal(token(), TEST_TOKEN); /* an hour is left */
	clock_ahead_ms += 50 * MINUTE;
	check_with_gitlab();
	clock_ahead_ms += 6 * MINUTE;
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	assert_int_equal(fetch_waiting(), 1);
	c = fetch_queue;
	assert_non_null(strstr(c->body, "grant_type=refresh_token"));
	assert_non_null(strstr(c->body, "refresh_token=" TEST_REFRESH));
	assert_non_null(strstr(c->body, "client_secret=" TEST_SECRET));
	answer("/oauth/token", 200, REFRESHED_JSON);
	assert_string_equal(fetch_queue->bearer, "canary-second");
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	assert_string_equal(token(), "canary-second");
	assert_int_equal(fetch_waiting(), 0);
}

static void
test_refresh_after_401(void **state)
{
	(void)state;
	world_sign_in(&world, "/");
	clock_ahead_ms += 70 * SECOND;
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	answer("/api/graphql", 401, "{\"errors\":[{\"message\":\"Invalid token\"}]}");
	answer("/oauth/token", 200, REFRESHED_JSON);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	assert_string_equal(token(), "canary-second");
	/* Only once per check. */
	clock_ahead_ms += 70 * SECOND;
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	answer("/api/graphql", 401, "{}");
	answer("/oauth/token", 200, REFRESHED_JSON);
	answer("/api/graphql", 401, "{}");
	assert_int_equal(session_store_count(world.auth->store), 0);
	answer("/oauth/revoke", 200, "{}");
}

static void
test_refresh_refused(void **state)
{
	struct test_request r;

	(void)state;
	world_sign_in(&world, "/");
	clock_ahead_ms += 119 * MINUTE;
	request_init(&r, "GET", "/lab");
	request_as_navigation(&r);
	assert_non_null(world_check(&world, &r));
	answer("/oauth/token", 400, "{\"error\":\"invalid_grant\"}");
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	assert_string_equal(world.verdict.location, "/oauth2/start?rd=%2Flab");
	assert_int_equal(session_store_count(world.auth->store), 0);
}

static void
test_refresh_transient(void **state)
{
	(void)state;
	world.settings.authorization_grace_ms = 10 * HOUR;
	world_sign_in(&world, "/");
	clock_ahead_ms += 119 * MINUTE;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
		if (i == 0)
			answer("/oauth/token", 502, "");
		else if (i == 1)
			answer("/oauth/token", 429, "Retry later");
		else
			break_request("/oauth/token", ERR_CONNECT, false);
		assert_int_equal(fetch_waiting(), 0);
		clock_ahead_ms += MINUTE;
	}
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
	answer("/oauth/token", 200, REFRESHED_JSON);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	assert_string_equal(token(), "canary-second");
}

/* GitLab may have replaced the tokens: no second attempt, but a login. */
static void
test_refresh_lost(void **state)
{
	(void)state;
	world.settings.authorization_grace_ms = 3 * HOUR;
	world_sign_in(&world, "/");
	clock_ahead_ms += 119 * MINUTE;
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	break_request("/oauth/token", ERR_TIMEOUT, true);
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	clock_ahead_ms += 2 * MINUTE;
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	answer("/api/graphql", 401, "{}");
	assert_int_equal(fetch_waiting(), 0);
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
	assert_int_equal(session_store_count(world.auth->store), 0);
}

/* The same without a navigation: the session ends when the last answer expires. */
static void
test_refresh_lost_and_old(void **state)
{
	(void)state;
	world.settings.authorization_grace_ms = 3 * HOUR;
	world_sign_in(&world, "/");
	clock_ahead_ms += 119 * MINUTE;
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	watch(0);
	break_request("/oauth/token", ERR_TIMEOUT, true);
	clock_ahead_ms += 2 * HOUR;
	assert_int_equal(world_script(&world, "/"), AUTH_PROBLEM);
	assert_problem(&world, AUTH_PROBLEM_LOGIN_REQUIRED, 401);
	assert_int_equal(ended[0], AUTH_END_EXPIRED);
	assert_int_equal(session_store_count(world.auth->store), 0);
}

static void
test_no_refresh_token(void **state)
{
	(void)state;
	world_come_back(&world, "/");
	answer("/oauth/token", 200,
	       "{\"access_token\":\"x\",\"token_type\":\"bearer\",\"expires_in\":60}");
	answer("/api/v4/user", 200, USER_JSON);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	clock_ahead_ms += 70 * SECOND;
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	answer("/api/graphql", 401, "{}");
	assert_int_equal(session_store_count(world.auth->store), 0);
}

/* A leased token is neither refreshed while it is valid, nor revoked with its session. */
static void
test_held_token(void **state)
{
	struct auth_session *held;
	struct test_request r;

	(void)state;
	world_sign_in(&world, "/");
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	held = world.verdict.session;
	assert_true(session_lease_until_released(held));
	clock_ahead_ms += 118 * MINUTE;
	request_init(&r, "GET", "/");
	assert_non_null(world_check(&world, &r));
	answer("/api/graphql", 200, WORKSPACE_JSON); /* no refresh before it */
	assert_string_equal(token(), TEST_TOKEN);
	session_end(held, AUTH_END_SIGNED_OUT);
	assert_int_equal(fetch_waiting(), 0);
	assert_string_equal(secret_view(session_token(held)).data, TEST_TOKEN);
	session_release_token(held);
	assert_int_equal(fetch_waiting(), 1);
	answer("/oauth/revoke", 200, "{}");
}

/* The holder of the lease can't use an expired token. */
static void
test_held_token_expires(void **state)
{
	struct auth_session *held;
	struct test_request r;

	(void)state;
	world_sign_in(&world, "/");
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	held = world.verdict.session;
	assert_true(session_lease_until_released(held));
	clock_ahead_ms += 121 * MINUTE;
	request_init(&r, "GET", "/");
	assert_non_null(world_check(&world, &r));
	assert_false(session_lease_until_released(held)); /* it is being replaced */
	answer("/oauth/token", 200, REFRESHED_JSON);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_string_equal(token(), "canary-second");
	session_release_token(held);
}

/* Sessions of other users are not affected. */
static void
test_held_token_of_another_session(void **state)
{
	struct auth_session *held;
	struct test_request r;

	(void)state;
	world_sign_in(&world, "/");
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	held = world.verdict.session;
	assert_true(session_lease_until_released(held));
	world.browser.count = 0;
	world_sign_in(&world, "/");
	clock_ahead_ms += 119 * MINUTE;
	request_init(&r, "GET", "/");
	assert_non_null(world_check(&world, &r));
	answer("/oauth/token", 200, REFRESHED_JSON);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_string_equal(token(), "canary-second");
	session_release_token(held);
}

/* The session ends during a refresh: the new tokens are revoked too. */
static void
test_end_during_refresh(void **state)
{
	(void)state;
	world.settings.authorization_grace_ms = 3 * HOUR;
	world_sign_in(&world, "/");
	clock_ahead_ms += 119 * MINUTE;
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	session_end(world.verdict.session, AUTH_END_SIGNED_OUT);
	answer("/oauth/revoke", 200, "{}");
	answer("/oauth/token", 200, REFRESHED_JSON);
	assert_non_null(strstr(fetch_queue->body, "token=canary-second"));
	answer("/oauth/revoke", 200, "{}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_asked_again),
		T(test_refused),
		T(test_watched_is_asked),
		T(test_grace),
		T(test_no_grace),
		T(test_grace_ends_watches),
		T(test_idle_waits_for_answer),
		T(test_idle_then_refused),
		T(test_waiting_is_cancelled),
		T(test_refresh),
		T(test_refresh_after_401),
		T(test_refresh_refused),
		T(test_refresh_transient),
		T(test_refresh_lost),
		T(test_refresh_lost_and_old),
		T(test_no_refresh_token),
		T(test_held_token),
		T(test_held_token_expires),
		T(test_held_token_of_another_session),
		T(test_end_during_refresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
