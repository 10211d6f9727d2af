/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Callbacks and flows that go wrong or that somebody bends: states and codes that are none, cookies
 * that are lost, forged or another's, errors that GitLab reports, and where a login may lead.
 */
#include "tests/unit/auth/login/login_support.h"

static void
test_bad_callbacks(void **state)
{
	static const char *const queries[] = {
		"",
		"?",
		"?code=x",
		"?state=%s",
		"?state=%s&code=",
		"?state=&code=x",
		"?state=%s&code=x&code=y",
		"?state=%s&code=x&c%%6fde=y",
		"?state=%s&state=%s&code=x",
		"?state=%s&code=x&error=access_denied",
		"?state=%s&error=access_denied&error=y",
		"?state=%s&code=x%%0d%%0ay",
		"?state=%s&code=x%%zz",
		"?state=%s&code=x%%00",
		"?state=%s&code=a+b",
		"?state=x%s&code=x",
		"?state=%sx&code=x",
		"?state=%s.1&code=x",
		"?state=00000000.abc.0.1&code=x",
		"?state=../../%s&code=x",
	};
	char flow_state[128];

	(void)state;
	assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		char target[512] = "/oauth2/callback";
		size_t len = strlen(target);
		struct test_request r;

		for (const char *q = queries[i]; *q != '\0'; q++) {
			if (*q == '%' && q[1] == 's')
				len += (size_t)snprintf(target + len, sizeof(target) - len, "%s",
							flow_state);
			else
				target[len++] = *q;
			if (*q == '%')
				q++;
		}
		target[len] = '\0';
		request_init(&r, "GET", target);
		assert_null(world_answer(&world, AUTH_ENDPOINT_CALLBACK, &r));
		assert_problem(&world, AUTH_PROBLEM_BAD_REQUEST, 400);
		assert_non_null(world.verdict.detail);
	}
	assert_int_equal(fetch_started, 0);
	/* The flow is still valid after all of these. */
	assert_non_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	break_request("/oauth/token", ERR_CONNECT, false);
}

static void
test_long_code(void **state)
{
	char flow_state[128];
	char target[2048];
	struct test_request r;
	size_t len;

	(void)state;
	assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	len = (size_t)snprintf(target, sizeof(target),
			       "/oauth2/callback?state=%s&code=", flow_state);
	memset(target + len, 'c', 1000);
	target[len + 1000] = '\0';
	request_init(&r, "GET", target);
	assert_null(world_answer(&world, AUTH_ENDPOINT_CALLBACK, &r));
	assert_problem(&world, AUTH_PROBLEM_BAD_REQUEST, 400);
}

/* After a few rounds a page explains that the browser keeps no cookies. */
static void
test_no_cookies_at_all(void **state)
{
	char flow_state[128];

	(void)state;
	assert_int_equal(world_navigate(&world, "/lab"), AUTH_REDIRECT);
	for (unsigned round = 1; round < FLOW_ROUNDS_MAX; round++) {
		location_parameter(&world, "state", flow_state, sizeof(flow_state));
		world.browser.count = 0;
		assert_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
		assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	}
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	world.browser.count = 0;
	assert_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	assert_problem(&world, AUTH_PROBLEM_LOGIN_LOOP, 403);
	assert_int_equal(fetch_started, 0);
}

/* Slow rounds are no loop: the user left GitLab's page open for an hour. */
static void
test_slow_rounds(void **state)
{
	char flow_state[128];

	(void)state;
	assert_int_equal(world_navigate(&world, "/lab"), AUTH_REDIRECT);
	for (unsigned round = 0; round < 5; round++) {
		location_parameter(&world, "state", flow_state, sizeof(flow_state));
		clock_ahead_ms += 2 * 3600 * 1000;
		assert_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
		assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	}
	/* The sealed cookie is too old for a login, but still has the target. */
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	assert_non_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	answer_sign_in();
	assert_string_equal(world.verdict.location, "/lab");
}

static void
answer_revocations(void)
{
	while (fetch_waiting() > 0)
		answer("/oauth/revoke", 200, "{}");
}

/* Requests the page without the session cookie, then returns from GitLab with it. */
static void
sign_in_past_a_filter(void)
{
	struct browser with_session = world.browser;
	char flow_state[128];

	browser_forget_session(&world.browser);
	assert_int_equal(world_navigate(&world, "/lab"), AUTH_REDIRECT);
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	for (size_t i = 0; i < with_session.count; i++) {
		struct browser *b = &world.browser;

		if (strcmp(with_session.names[i], TEST_COOKIE) != 0)
			continue;
		memcpy(b->names[b->count], with_session.names[i], sizeof(b->names[0]));
		memcpy(b->values[b->count++], with_session.values[i], sizeof(b->values[0]));
	}
	assert_non_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	answer_sign_in();
}

/* A proxy passes cookies to our own endpoints only: only the callback has the session's cookie. */
static void
test_cookies_at_callbacks_only(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		sign_in_past_a_filter();
		assert_int_equal(world.verdict.action, AUTH_REDIRECT);
		clock_ahead_ms += 1000;
		answer_revocations();
	}
	sign_in_past_a_filter();
	assert_problem(&world, AUTH_PROBLEM_LOGIN_LOOP, 403);
	answer_revocations();
	/* One request with the cookie resets the count. */
	assert_int_equal(world_navigate(&world, "/lab"), AUTH_ALLOW);
	sign_in_past_a_filter();
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	answer_revocations();
}

/* Session cookies never come back, but flow cookies do. */
static void
test_forgotten_sessions(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		world_sign_in(&world, "/");
		browser_forget_session(&world.browser);
		clock_ahead_ms += 1000;
	}
	world_come_back(&world, "/");
	answer_sign_in();
	assert_problem(&world, AUTH_PROBLEM_LOGIN_LOOP, 403);
	assert_false(browser_has_session(&world.browser));
	assert_revoked(TEST_TOKEN);
	clock_ahead_ms += 61000;
	world_sign_in(&world, "/");
}

/* Other browsers of the same user, and programs without cookies, do not affect this browser. */
static void
test_forgotten_sessions_of_others(void **state)
{
	struct browser mine;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		mine = world.browser;
		world_sign_in(&world, "/");
		world.browser = mine;
		clock_ahead_ms += 1000;
	}
	world_sign_in(&world, "/");
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
}

/* Six tabs sign in at the same time; then the user signs out and in again. The browser kept all
 * cookies; each tab's session replaced the one before. */
static void
test_tabs_are_no_loop(void **state)
{
	enum { TABS = 6 };
	char flow_states[TABS][128];
	struct test_request r;

	(void)state;
	for (size_t i = 0; i < TABS; i++) {
		assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
		location_parameter(&world, "state", flow_states[i], sizeof(flow_states[i]));
	}
	for (size_t i = 0; i < TABS; i++)
		assert_non_null(world_callback(&world, flow_states[i], "&code=" TEST_CODE));
	for (size_t i = 0; i < TABS; i++) {
		world_fresh_verdict(&world);
		answer_sign_in();
	}
	clock_ahead_ms += 1000;
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
	request_init(&r, "POST", "/oauth2/sign_out");
	request_add(&r, "origin", "https://kiwi.ws.example.com");
	assert_null(world_answer(&world, AUTH_ENDPOINT_SIGN_OUT, &r));
	assert_revoked(TEST_TOKEN);
	clock_ahead_ms += 1000;
	world_sign_in(&world, "/");
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
}

static void
test_lost_flow_with_session(void **state)
{
	char flow_state[128];

	(void)state;
	assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	world.browser.count = 0;
	world_sign_in(&world, "/lab");
	assert_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	assert_string_equal(world.verdict.location, "/");
	assert_int_equal(fetch_started, 3);
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
}

static void
test_replayed_state(void **state)
{
	char flow_state[128];
	struct browser before;

	(void)state;
	assert_int_equal(world_navigate(&world, "/lab"), AUTH_REDIRECT);
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	before = world.browser; /* an attacker who has kept the flow's cookie */
	assert_non_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	answer_sign_in();
	assert_true(browser_has_session(&world.browser));
	world.browser = before;
	assert_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	assert_true(str_starts_with(str_from(world.verdict.location), STR("https://gitlab.")));
	assert_false(browser_has_session(&world.browser));
	assert_int_equal(fetch_started, 3);
}

/* An attacker lets a victim finish the attacker's flow: the code is not exchanged. */
static void
test_foreign_flow(void **state)
{
	char attackers_state[128];
	struct browser attacker;

	(void)state;
	assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
	location_parameter(&world, "state", attackers_state, sizeof(attackers_state));
	attacker = world.browser;
	world.browser.count = 0;
	assert_int_equal(world_navigate(&world, "/lab"), AUTH_REDIRECT);
	assert_null(world_callback(&world, attackers_state, "&code=attackers"));
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	assert_int_equal(fetch_started, 0);
	/* The attacker's cookie text does not work under the victim's cookie name either. */
	for (size_t i = 0; i < world.browser.count; i++)
		(void)memcpy(world.browser.values[i], attacker.values[0],
			     sizeof(attacker.values[0]));
	location_parameter(&world, "state", attackers_state, sizeof(attackers_state));
	assert_null(world_callback(&world, attackers_state, "&code=attackers"));
	assert_int_equal(fetch_started, 0);
}

static void
test_tampered_state(void **state)
{
	char good[128];
	char bad[128];

	(void)state;
	assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
	location_parameter(&world, "state", good, sizeof(good));
	for (size_t i = 0; good[i] != '\0'; i++) {
		struct browser before = world.browser;

		memcpy(bad, good, sizeof(bad));
		bad[i] = bad[i] == '1' ? '2' : '1';
		assert_null(world_callback(&world, bad, "&code=x"));
		assert_int_equal(fetch_started, 0);
		world.browser = before;
	}
}

static void
test_reported_errors(void **state)
{
	static const struct {
		const char *error;
		enum auth_problem problem;
		unsigned status;
	} reports[] = {
		{"access_denied", AUTH_PROBLEM_CONSENT_DENIED, 403},
		{"server_error", UNAVAILABLE},
		{"temporarily_unavailable", UNAVAILABLE},
		{"invalid_scope", AUTH_PROBLEM_SCOPE, 502},
		{"unauthorized_client", REFUSES_US},
		{"%3Cscript%3E", FAILED},
		{"a%0d%0ab", FAILED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
		char flow_state[128];
		char rest[128];

		assert_int_equal(world_navigate(&world, "/lab"), AUTH_REDIRECT);
		location_parameter(&world, "state", flow_state, sizeof(flow_state));
		(void)snprintf(rest, sizeof(rest), "&error=%s&error_description=%%3Cb%%3E",
			       reports[i].error);
		assert_null(world_callback(&world, flow_state, rest));
		assert_problem(&world, reports[i].problem, reports[i].status);
		assert_string_equal(world.verdict.location, "/oauth2/start?rd=%2Flab");
		assert_true(world.verdict.detail == NULL ||
			    strstr(world.verdict.detail, "script") == NULL);
		assert_int_equal(world.browser.count, 0);
	}
	assert_int_equal(fetch_started, 0);
}

static void
test_flow_cookies_are_bounded(void **state)
{
	char first[128];
	char last[128];

	(void)state;
	for (size_t i = 0; i < 12; i++) {
		assert_int_equal(world_navigate(&world, "/lab"), AUTH_REDIRECT);
		location_parameter(&world, "state", i == 0 ? first : last, sizeof(last));
		assert_true(world.browser.count <= FLOW_ALIVE_MAX);
	}
	assert_null(world_callback(&world, first, "&code=x")); /* long gone */
	assert_non_null(world_callback(&world, last, "&code=" TEST_CODE));
	break_request("/oauth/token", ERR_CONNECT, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_bad_callbacks),
		T(test_long_code),
		T(test_no_cookies_at_all),
		T(test_slow_rounds),
		T(test_forgotten_sessions),
		T(test_cookies_at_callbacks_only),
		T(test_forgotten_sessions_of_others),
		T(test_tabs_are_no_loop),
		T(test_lost_flow_with_session),
		T(test_replayed_state),
		T(test_foreign_flow),
		T(test_tampered_state),
		T(test_reported_errors),
		T(test_flow_cookies_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
