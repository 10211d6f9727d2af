/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: how long they live, how they end and who is told, whose cookies find them, that there
 * are never too many, and what finding one costs. Asking GitLab again is in
 * test_session_recheck.c.
 */
#include "tests/unit/auth/session/session_support.h"

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

/* A timer ends unused sessions and revokes their tokens. */
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
test_watching_counts_as_use(void **state)
{
	(void)state;
	world.settings.session_idle_ms = 1500;
	world_sign_in(&world, "/");
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
	watch(0);
	watch(1);
	world_run_for(&world, 2000);
	assert_int_equal(ended[0], -1);
	auth_watch_stop(&watches[0]);
	auth_watch_stop(&watches[0]);
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	auth_watch_stop(&watches[1]);
	world_run_until(&world, store_is_empty);
	assert_int_equal(ended[0], -1);
	assert_int_equal(ended[1], -1);
}

/* Watches move to the new session when the same browser signs in again. */
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
	answer_sign_in();
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
test_callback_stops_other_watches(void **state)
{
	(void)state;
	world_sign_in(&world, "/");
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
	for (size_t i = 0; i < WATCHES_MAX; i++)
		auth_watch_start(&watches[i], world.verdict.session, on_ended_stops_others, NULL);
	session_end(world.verdict.session, AUTH_END_EXPIRED);
	assert_int_equal(ended[0], 0); /* notified once: the value was -1 */
}

/* A request that outlives its session still has the user's identity. */
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
	assert_null(session_token(s));
	assert_int_equal(session_store_count(world.auth->store), 0);
	world_fresh_verdict(&world);
	assert_int_equal(world_script(&world, "/"), AUTH_PROBLEM);
	/* It also outlives the store. */
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
	struct gitlab_user user = {.id = 42, .username = "sasha", .is_active = true};
	struct err e = ERR_INIT;
	struct test_request r;

	(void)state;
	world_sign_in(&world, "/");
	clock_ahead_ms += SECOND;
	for (unsigned i = 0; i < SESSIONS_MAX + 10; i++) {
		struct gitlab_tokens tokens = {.access = secret_from_str(STR("x"))};

		user.id++;
		assert_non_null(session_new(world.auth->store, &user, &tokens, &e));
		if (i == SESSIONS_MAX / 2)
			assert_int_equal(world_script(&world, "/"), AUTH_ALLOW); /* used */
		clock_ahead_ms++;
	}
	assert_int_equal(session_store_count(world.auth->store), SESSIONS_MAX);
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	/* Another text under our cookie's name finds no session. */
	request_init(&r, "GET", "/");
	(void)snprintf(r.cookies, sizeof(r.cookies), TEST_COOKIE "=AAAA");
	world.browser.count = 0;
	assert_null(world_check(&world, &r));
	assert_problem(&world, AUTH_PROBLEM_LOGIN_REQUIRED, 401);
}

/* One user's unused sessions do not evict the sessions of others. */
static void
test_unused_sessions_are_bounded(void **state)
{
	const struct gitlab_user user = {.id = 43, .username = "alex", .is_active = true};
	struct err e = ERR_INIT;

	(void)state;
	world_sign_in(&world, "/");
	for (unsigned i = 0; i < SESSIONS_MAX + 10; i++) {
		struct gitlab_tokens tokens = {.access = secret_from_str(STR("x"))};

		assert_non_null(session_new(world.auth->store, &user, &tokens, &e));
		clock_ahead_ms++;
	}
	assert_int_equal(session_store_count(world.auth->store), SESSIONS_UNUSED_MAX + 1);
	assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
}

/* More sessions end at once than revocations are possible: further tokens are not revoked. */
static void
test_revocations_are_bounded(void **state)
{
	struct gitlab_user user = {.id = 42, .username = "sasha", .is_active = true};
	struct auth_session *sessions[GITLAB_REVOKES_MAX + 5];
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < GITLAB_REVOKES_MAX + 5; i++) {
		struct gitlab_tokens tokens = {.access = secret_from_str(STR("x"))};

		user.id++;
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

/* A cookie of another workspace with the same cookie secret, and one from before a restart. */
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

/* Also for the session that was found last, which is found by its cookie's text. */
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

/* The path of every request allocates nothing and is fast. */
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_lifetimes),
		T(test_timers),
		T(test_watching_counts_as_use),
		T(test_watches_move),
		T(test_callback_stops_other_watches),
		T(test_identity_outlives_session),
		T(test_store_is_bounded),
		T(test_unused_sessions_are_bounded),
		T(test_revocations_are_bounded),
		T(test_two_browsers),
		T(test_foreign_cookies),
		T(test_cookies_end_with_their_key),
		T(test_fast_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
