/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where logins lead to: return targets, long ones, many tabs, and targets that were forgotten.
 */
#include "tests/unit/auth/login/login_support.h"

#define TABS 20u

static void
test_return_targets(void **state)
{
	static const char *const bad[] = {
		"//evil.example",
		"/\\evil.example",
		"/%5cevil.example",
		"https://evil.example/",
		"javascript:alert(1)",
		"/%0d%0aSet-Cookie:x=y",
		"/%09/evil.example",
		"/\t/evil.example",
		"/%2509/evil.example",
		"///evil.example",
		"/%2f/evil.example\n",
		"",
		"evil",
		"?x",
		"#x",
		"@evil.example",
		".evil.example",
		"http:evil.example",
		"\\\\evil.example",
		"/oauth2/start",
		"/oauth2/sign_out",
		"/oauth2",
		"/oauth2?rd=/x",
		"/oauth2/callback?code=x",
		"/\xc3\xa9",
		"/ evil",
		"/%00",
		" /x",
	};
	static const char *const good[] = {
		"/",	"/x",	    "/lab/tree/a.ipynb", "/x?y=z&a=%2F",  "/x/",
		"/x;y", "/oauth2x", "/a/oauth2/b",	 "/@evil.example"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char target[FLOW_TARGET_MAX + 1];

		flow_set_target(target, str_from(bad[i]), STR("/oauth2"));
		assert_string_equal(target, "/");
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char target[FLOW_TARGET_MAX + 1];

		flow_set_target(target, str_from(good[i]), STR("/oauth2"));
		assert_string_equal(target, good[i]);
	}
}

static void
test_long_return_targets(void **state)
{
	char text[FLOW_TARGET_MAX + 3];
	char target[FLOW_TARGET_MAX + 1];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "/path?", 6);
	flow_set_target(target, str_from(text), STR("/oauth2"));
	assert_string_equal(target, "/path");
	text[5] = '/';
	flow_set_target(target, str_from(text), STR("/oauth2"));
	assert_string_equal(target, "/");
	flow_set_target(target, STR("/my?file=a%20b"), STR("/oauth2"));
	assert_string_equal(target, "/my?file=a%20b");
	flow_set_target(target, STR("/my?file=a%2520b"), STR("/oauth2"));
	assert_string_equal(target, "/my");
}

/* The longest targets: in the cookie, in a URL, and in memory only. */
static void
test_long_targets_arrive(void **state)
{
	static const size_t lengths[] = {FLOW_COOKIE_TARGET_MAX, FLOW_COOKIE_TARGET_MAX + 1, 3000,
					 FLOW_TARGET_MAX};
	char text[FLOW_TARGET_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		memset(text, '%', sizeof(text));
		for (size_t k = 0; k < sizeof(text); k++)
			text[k] = "/?=%2F"[k == 0 ? 0 : k == 5 ? 1 : k == 8 ? 2 : 3 + k % 3];
		text[lengths[i]] = '\0';
		world.browser.count = 0;
		world_sign_in(&world, text);
		assert_string_equal(world.verdict.location, text);
		assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
	}
}

/* Links to try again lead to long and unusual targets too. */
static void
test_long_targets_after_a_failure(void **state)
{
	char text[FLOW_TARGET_MAX + 1];
	char address[FLOW_TARGET_MAX + 1];
	char flow_state[128];
	struct test_request r;

	(void)state;
	memset(text, '/', sizeof(text));
	text[FLOW_TARGET_MAX] = '\0';
	text[1] = 'a';
	assert_int_equal(world_navigate(&world, text), AUTH_REDIRECT);
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	assert_null(world_callback(&world, flow_state, "&error=access_denied"));
	assert_problem(&world, AUTH_PROBLEM_CONSENT_DENIED, 403);
	assert_true(strlen(world.verdict.location) < 100);
	(void)snprintf(address, sizeof(address), "%s", world.verdict.location);
	request_init(&r, "GET", address);
	request_as_navigation(&r);
	assert_null(world_answer(&world, AUTH_ENDPOINT_START, &r));
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	assert_non_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	answer_sign_in();
	assert_string_equal(world.verdict.location, text);
}

/* The login leads to every target that was requested at this host, and never to another host. */
static void
test_requested_targets_arrive(void **state)
{
	static const char *const targets[][2] = {
		{"/a%5Cb", "https://kiwi.ws.example.com/a%5Cb"},
		{"/%5Cevil.example", "https://kiwi.ws.example.com/%5Cevil.example"},
		{"//evil.example/x", "https://kiwi.ws.example.com//evil.example/x"},
		{"/a/%2e%2e/b?x=%0A", "https://kiwi.ws.example.com/a/%2e%2e/b?x=%0A"},
		{"/x?q=a%2520b", "https://kiwi.ws.example.com/x?q=a%2520b"},
		{"/x?q=a%20b", "/x?q=a%20b"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		world.browser.count = 0;
		world_sign_in(&world, targets[i][0]);
		assert_string_equal(world.verdict.location, targets[i][1]);
		assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
	}
}

/* All tabs start a login; then all return, also the one whose cookie was evicted first. */
static void
test_many_tabs(void **state)
{
	char states[TABS][128];
	char target[32];

	(void)state;
	for (unsigned i = 0; i < TABS; i++) {
		(void)snprintf(target, sizeof(target), "/tab/%u", i);
		assert_int_equal(world_navigate(&world, target), AUTH_REDIRECT);
		location_parameter(&world, "state", states[i], sizeof(states[i]));
	}
	assert_null(world_callback(&world, states[0], "&code=x")); /* no cookie, no session yet */
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	location_parameter(&world, "state", states[0], sizeof(states[0]));
	assert_non_null(world_callback(&world, states[0], "&code=" TEST_CODE));
	answer_sign_in();
	assert_string_equal(world.verdict.location, "/tab/0");
	for (unsigned i = 1; i < TABS - FLOW_ALIVE_MAX; i++) {
		(void)snprintf(target, sizeof(target), "/tab/%u", i);
		assert_null(world_callback(&world, states[i], "&code=x"));
		assert_int_equal(world.verdict.action, AUTH_REDIRECT);
		assert_string_equal(world.verdict.location, target);
	}
}

/* A login whose target was forgotten ends with a page that says so. */
static void
test_forgotten_target(void **state)
{
	char flow_state[128];
	struct test_request r;

	(void)state;
	assert_int_equal(world_navigate(&world, "/lab"), AUTH_REDIRECT);
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	world.browser.count = 0;
	return_targets_fini(&world.auth->targets);
	world_sign_in(&world, "/");
	assert_null(world_callback(&world, flow_state, "&code=x"));
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	assert_string_equal(world.verdict.location, "/oauth2/sign_in?lost=1");
	request_init(&r, "GET", "/oauth2/sign_in?lost=1");
	assert_null(world_answer(&world, AUTH_ENDPOINT_SIGN_IN, &r));
	assert_int_equal(world.verdict.action, AUTH_TARGET_LOST_PAGE);
	assert_string_equal(world.verdict.location, "/");
	/* Without a session the sign-in page is shown. */
	world.browser.count = 0;
	request_init(&r, "GET", "/oauth2/sign_in?lost=1");
	assert_null(world_answer(&world, AUTH_ENDPOINT_SIGN_IN, &r));
	assert_int_equal(world.verdict.action, AUTH_SIGN_IN_PAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_return_targets),
		T(test_long_return_targets),
		T(test_long_targets_arrive),
		T(test_long_targets_after_a_failure),
		T(test_requested_targets_arrive),
		T(test_many_tabs),
		T(test_forgotten_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
