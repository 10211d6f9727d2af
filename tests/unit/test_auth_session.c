/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: how they end, how their authorization is asked again, how their tokens are renewed, and
 * that there are never too many.
 */
#include "auth_support.h"

#define SECOND	    UINT64_C(1000)
#define MINUTE	    (60 * SECOND)
#define HOUR	    (60 * MINUTE)
#define WATCHES_MAX 4

static struct world world;
static struct auth_watch watches[WATCHES_MAX];
static int ended[WATCHES_MAX]; /* -1: not told */

static int
setup(void **state)
{
	(void)state;
	world_setup(&world);
	memset(watches, 0, sizeof(watches));
	for (size_t i = 0; i < WATCHES_MAX; i++)
		ended[i] = -1;
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
on_ended(enum auth_end reason, void *arg)
{
	int *slot = arg;

	assert_int_equal(*slot, -1); /* once */
	*slot = (int)reason;
}

static void
watch(size_t i)
{
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
	auth_watch_start(&watches[i], world.verdict.session, on_ended, &ended[i]);
}

#define REFRESHED_JSON                                                                             \
	"{\"access_token\":\"canary-second\",\"token_type\":\"bearer\",\"expires_in\":7200,"       \
	"\"refresh_token\":\"canary-refresh-2\"}"

static const char *
token(void)
{
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
	return secret_view(auth_session_token(world.verdict.session)).data;
}

/* Answers whatever is asked, so that a check passes however old the last answer is. */
static void
check_with_gitlab(void)
{
	struct test_request r;
	struct auth_call *call;

	request_init(&r, "GET", "/x");
	call = world_check(&world, &r);
	for (const struct fetch_call *c = fetch_queue; c != NULL; c = fetch_queue) {
		if (strstr(c->url, "/oauth/token") != NULL)
			answer("/oauth/token", 200, REFRESHED_JSON);
		else
			answer("/api/graphql", 200, WORKSPACE_JSON);
	}
	(void)call;
}

static void
test_lifetimes(void **state)
{
	(void)state;
	world_sign_in(&world, "/");
	for (unsigned hour = 1; hour < 24; hour++) {
		clock_ahead_ms += HOUR;
		check_with_gitlab();
		assert_int_equal(world.verdict.action, AUTH_ALLOW);
	}
	clock_ahead_ms += HOUR;
	assert_int_equal(world_script(&world, "/x"), AUTH_PROBLEM);
	world.browser.count = 0;
	world_sign_in(&world, "/");
	clock_ahead_ms += 4 * HOUR;
	assert_int_equal(world_script(&world, "/x"), AUTH_PROBLEM);
}

static bool
store_is_empty(void)
{
	return session_store_count(world.auth->store) == 0;
}

static bool
first_is_told(void)
{
	return ended[0] != -1;
}

static bool
gitlab_is_asked(void)
{
	return fetch_waiting() == 1;
}

/* A timer ends what nobody asks about any more, and revokes its tokens. */
static void
test_timers(void **state)
{
	(void)state;
	world.settings.session_idle_ms = 30;
	world_sign_in(&world, "/");
	world_run_until(&world, store_is_empty);
	answer("/oauth/revoke", 200, "{}");
	world.settings.session_idle_ms = 1000000;
	world.settings.cookie_expire_ms = 300;
	world.browser.count = 0;
	world_sign_in(&world, "/");
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
	watch(0);
	world_run_until(&world, first_is_told);
	assert_int_equal(ended[0], AUTH_END_EXPIRED);
	assert_true(store_is_empty());
}

static void
test_watch_is_use(void **state)
{
	(void)state;
	world.settings.session_idle_ms = 200;
	world_sign_in(&world, "/");
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
	watch(0);
	watch(1);
	world_run_for(&world, 300);
	assert_int_equal(ended[0], -1);
	auth_watch_stop(&watches[0]);
	auth_watch_stop(&watches[0]);
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	auth_watch_stop(&watches[1]);
	world_run_until(&world, store_is_empty);
	assert_int_equal(ended[0], -1);
	assert_int_equal(ended[1], -1);
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
	assert_int_equal(fetch_waiting(), 1); /* one question, whoever asks */
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

/* Sessions that only hold a WebSocket open are asked about by a timer. */
static void
test_watched_is_asked(void **state)
{
	(void)state;
	world.settings.authorization_interval_ms = 30;
	world_sign_in(&world, "/");
	world_run_for(&world, 80);
	assert_int_equal(fetch_waiting(), 0); /* nobody uses it */
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
	/* Without asking again for each request. */
	assert_int_equal(world_script(&world, "/"), AUTH_PROBLEM);
	assert_problem(&world, AUTH_PROBLEM_GITLAB_UNAVAILABLE, 503);
	assert_int_equal(fetch_waiting(), 0);
	/* And recovers without a login. */
	clock_ahead_ms += 20 * SECOND;
	check_with_gitlab();
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
}

/* Past the grace, WebSockets are closed; the session waits for GitLab to come back. */
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
	assert_int_equal(ended[0], AUTH_END_REFUSED);
	assert_int_equal(session_store_count(world.auth->store), 1);
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
	/* One that waits while the session is signed out. */
	clock_ahead_ms += 11 * MINUTE;
	request_init(&r, "GET", "/");
	assert_non_null(world_check(&world, &r));
	session_end(session_find(world.auth->store, &r.facts), AUTH_END_SIGNED_OUT);
	assert_problem(&world, AUTH_PROBLEM_LOGIN_REQUIRED, 401);
	/* One that waits at the end of everything. */
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
	/* Only once per question. */
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

/* GitLab may have replaced the tokens: never a second attempt, a login instead. */
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

/* The same without a navigation: it ends when the last answer does. */
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

/* A clone works with the token: GitLab would end it with either. */
static void
test_held_tokens(void **state)
{
	struct test_request r;

	(void)state;
	world_sign_in(&world, "/");
	auth_hold_tokens(world.auth, true);
	clock_ahead_ms += 118 * MINUTE;
	request_init(&r, "GET", "/");
	assert_non_null(world_check(&world, &r));
	answer("/api/graphql", 200, WORKSPACE_JSON); /* no refresh before it */
	assert_string_equal(token(), TEST_TOKEN);
	session_end(world.verdict.session, AUTH_END_SIGNED_OUT);
	assert_int_equal(fetch_waiting(), 0);
	auth_hold_tokens(world.auth, false);
	assert_int_equal(fetch_waiting(), 1);
	answer("/oauth/revoke", 200, "{}");
	/* A token that is over is of no use to the clone either. */
	world.browser.count = 0;
	world_sign_in(&world, "/");
	auth_hold_tokens(world.auth, true);
	clock_ahead_ms += 121 * MINUTE;
	request_init(&r, "GET", "/");
	assert_non_null(world_check(&world, &r));
	answer("/oauth/token", 200, REFRESHED_JSON);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_string_equal(token(), "canary-second");
}

/* An end while a refresh is under way: the tokens that it brings are revoked as well. */
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

/* Watches go on under the new session when the same browser signs in once more. */
static void
test_watches_move(void **state)
{
	struct test_request r;
	char flow_state[128];

	(void)state;
	world_sign_in(&world, "/");
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
	watch(0);
	request_init(&r, "GET", "/oauth2/start");
	assert_null(world_answer(&world, AUTH_ENDPOINT_START, &r));
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	assert_non_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	answer("/oauth/token", 200, TOKENS_JSON);
	answer("/api/v4/user", 200, USER_JSON);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_int_equal(ended[0], -1);
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
	assert_ptr_equal(watches[0].session, world.verdict.session);
	session_end(world.verdict.session, AUTH_END_REFUSED);
	assert_int_equal(ended[0], AUTH_END_REFUSED);
}

static void
on_ended_stops_others(enum auth_end reason, void *arg)
{
	(void)reason;
	(void)arg;
	for (size_t i = 0; i < WATCHES_MAX; i++)
		auth_watch_stop(&watches[i]);
	ended[0]++;
}

static void
test_end_stops_others(void **state)
{
	(void)state;
	world_sign_in(&world, "/");
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
	for (size_t i = 0; i < WATCHES_MAX; i++)
		auth_watch_start(&watches[i], world.verdict.session, on_ended_stops_others, NULL);
	session_end(world.verdict.session, AUTH_END_EXPIRED);
	assert_int_equal(ended[0], 0); /* told once, from -1 */
}

/* A request that outlives its session may still say whose it was. */
static void
test_identity_outlives_session(void **state)
{
	struct auth_session *s;

	(void)state;
	world_sign_in(&world, "/");
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
	s = world.verdict.session;
	session_end(s, AUTH_END_SIGNED_OUT);
	assert_true(str_equal(world.verdict.identity.username, STR("sasha")));
	assert_null(auth_session_token(s));
	assert_int_equal(session_store_count(world.auth->store), 0);
	world_fresh_verdict(&world);
	assert_int_equal(world_script(&world, "/"), AUTH_PROBLEM);
	/* And one that outlives everything. */
	world.browser.count = 0;
	answer("/oauth/revoke", 200, "{}");
	world_sign_in(&world, "/");
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
	auth_free(world.auth);
	assert_true(str_equal(world.verdict.identity.username, STR("sasha")));
	world_fresh_verdict(&world);
	world.auth = NULL;
}

static void
test_store_is_bounded(void **state)
{
	const struct gitlab_user user = {.id = 42, .username = "sasha", .is_active = true};
	struct err e = ERR_INIT;
	struct test_request r;

	(void)state;
	world_sign_in(&world, "/");
	clock_ahead_ms += SECOND;
	for (unsigned i = 0; i < SESSIONS_MAX + 10; i++) {
		struct gitlab_tokens tokens = {.access = secret_from_str(STR("x"))};

		assert_non_null(session_new(world.auth->store, &user, &tokens, &e));
		if (i == SESSIONS_MAX / 2)
			assert_int_equal(world_script(&world, "/"), AUTH_ALLOW); /* used */
		clock_ahead_ms++;
	}
	assert_int_equal(session_store_count(world.auth->store), SESSIONS_MAX);
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	/* Somebody else's text under our cookie's name finds nothing. */
	request_init(&r, "GET", "/");
	(void)snprintf(r.cookies, sizeof(r.cookies), TEST_COOKIE "=AAAA");
	world.browser.count = 0;
	assert_null(world_check(&world, &r));
	assert_problem(&world, AUTH_PROBLEM_LOGIN_REQUIRED, 401);
}

/* More ends at once than revocations fit: the rest is left to expire, nothing breaks. */
static void
test_revocations_are_bounded(void **state)
{
	const struct gitlab_user user = {.id = 42, .username = "sasha", .is_active = true};
	struct auth_session *sessions[GITLAB_REVOKES_MAX + 5];
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < GITLAB_REVOKES_MAX + 5; i++) {
		struct gitlab_tokens tokens = {.access = secret_from_str(STR("x"))};

		sessions[i] = session_new(world.auth->store, &user, &tokens, &e);
	}
	for (size_t i = 0; i < GITLAB_REVOKES_MAX + 5; i++)
		session_end(sessions[i], AUTH_END_EXPIRED);
	assert_int_equal(fetch_waiting(), GITLAB_REVOKES_MAX);
	break_request("/oauth/revoke", ERR_TIMEOUT, true);
}

static void
test_two_browsers(void **state)
{
	struct browser first;

	(void)state;
	world_sign_in(&world, "/");
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	first = world.browser;
	world.browser.count = 0;
	world_sign_in(&world, "/");
	assert_int_equal(session_store_count(world.auth->store), 2);
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	world.browser = first;
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
}

/* A cookie of another workspace that shares the cookie secret, and one from before a restart. */
static void
test_foreign_cookies(void **state)
{
	struct browser other;
	struct err e = ERR_INIT;

	(void)state;
	world_sign_in(&world, "/");
	other = world.browser;
	world_teardown(&world);
	world_setup_settings(&world);
	assert_true(url_parse(&world.settings.external_url, STR("https://plum.ws.example.com"),
			      &world.arena, &e));
	world_start(&world);
	world.browser = other;
	assert_int_equal(world_script(&world, "/"), AUTH_PROBLEM);
	world_teardown(&world);
	world_setup(&world);
	world.browser = other;
	assert_int_equal(world_script(&world, "/"), AUTH_PROBLEM);
	assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
}

/* The way that every request takes allocates nothing and costs little. */
static void
replace_keys(const char *first, const char *second)
{
	struct auth_keys keys = {.count = second == NULL ? 1 : 2};
	struct err e = ERR_INIT;

	keys.keys[0] = secret_from_str(str_from(first));
	keys.keys[1] = second == NULL ? NULL : secret_from_str(str_from(second));
	assert_true(auth_replace_keys(world.auth, &keys, &e));
	for (size_t i = 0; i < keys.count; i++)
		secret_free(keys.keys[i]);
}

/* Also for the session that was found last, which is known by its cookie's text. */
static void
test_cookies_end_with_their_key(void **state)
{
	struct browser first;

	(void)state;
	world_sign_in(&world, "/");
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	first = world.browser;
	replace_keys("another-key-another-key-another-", "0123456789abcdef0123456789abcdef");
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	world.browser.count = 0;
	world_sign_in(&world, "/");
	replace_keys("another-key-another-key-another-", NULL);
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	world.browser = first;
	assert_int_equal(world_script(&world, "/"), AUTH_PROBLEM);
	world.browser.count = 0;
	world_sign_in(&world, "/");
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	replace_keys("a-third-key-a-third-key-a-third-", NULL);
	assert_int_equal(world_script(&world, "/"), AUTH_PROBLEM);
	assert_int_equal(session_store_count(world.auth->store), 3);
}

static void
test_fast_path(void **state)
{
	uint64_t best_us = UINT64_MAX;

	(void)state;
	world_sign_in(&world, "/");
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	for (unsigned run = 0; run < 20; run++) {
		struct test_request r;
		uint64_t start_us;

		request_init(&r, "GET", "/");
		browser_send(&world.browser, &r);
		world_fresh_verdict(&world);
		start_us = clock_monotonic_us();
		for (unsigned i = 0; i < 1000; i++)
			(void)!auth_check(world.auth, &r.facts, &world.verdict, NULL, NULL);
		if (clock_monotonic_us() - start_us < best_us)
			best_us = clock_monotonic_us() - start_us;
	}
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
	assert_int_equal(world.verdict.arena.used, 0);
	print_message("             %llu ns per check\n", (unsigned long long)best_us);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_lifetimes),
		T(test_timers),
		T(test_watch_is_use),
		T(test_asked_again),
		T(test_refused),
		T(test_watched_is_asked),
		T(test_grace),
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
		T(test_held_tokens),
		T(test_end_during_refresh),
		T(test_watches_move),
		T(test_end_stops_others),
		T(test_identity_outlives_session),
		T(test_store_is_bounded),
		T(test_revocations_are_bounded),
		T(test_two_browsers),
		T(test_foreign_cookies),
		T(test_cookies_end_with_their_key),
		T(test_fast_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
