/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own endpoints: start, sign-in, sign-out, auth, userinfo; their methods, and other sites.
 */
#include "tests/unit/auth/auth_fixture.h"

#include "base/json.h"

static void
ask(enum auth_endpoint endpoint, const char *method, const char *target)
{
	struct test_request r;

	request_init(&r, method, target);
	request_as_navigation(&r);
	assert_null(world_answer(&world, endpoint, &r));
}

static void
test_start(void **state)
{
	char flow_state[128];

	(void)state;
	ask(AUTH_ENDPOINT_START, "GET", "/oauth2/start?rd=%2Flab%3Fa%3Db");
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	assert_non_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	answer_sign_in();
	assert_string_equal(world.verdict.location, "/lab?a=b");
	/* Always starts a login, with or without a session. */
	ask(AUTH_ENDPOINT_START, "HEAD", "/oauth2/start");
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	assert_int_equal(world.verdict.status, 302);
}

static void
test_start_targets(void **state)
{
	static const char *const targets[] = {
		"/oauth2/start?rd=https%3A%2F%2Fevil.example",
		"/oauth2/start?rd=//evil.example",
		"/oauth2/start?rd=%2F%5Cevil.example",
		"/oauth2/start?rd=%0d%0aX:y",
		"/oauth2/start?rd=%zz",
		"/oauth2/start?rd=",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		ask(AUTH_ENDPOINT_SIGN_IN, "GET", targets[i]);
		assert_int_equal(world.verdict.action, AUTH_SIGN_IN_PAGE);
		assert_string_equal(world.verdict.location, "/oauth2/start");
	}
	ask(AUTH_ENDPOINT_START, "GET", "/oauth2/start?rd=%2Fa&rd=%2Fb");
	assert_problem(&world, AUTH_PROBLEM_BAD_REQUEST, 400);
}

/* A link on another site may start a login; a resource embedded there may not. */
static void
test_cross_site_start(void **state)
{
	static const struct {
		const char *site;
		const char *mode;
		const char *dest;
		bool is_refused;
	} cases[] = {
		{"cross-site", "navigate", "document", false},
		{"same-site", "navigate", "document", false},
		{"none", "navigate", "document", false},
		{"cross-site", "navigate", "iframe", true},
		{"cross-site", "no-cors", "image", true},
		{"same-site", "cors", "empty", true},
		{"same-origin", "cors", "empty", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test_request r;

		request_init(&r, "GET", "/oauth2/start");
		request_add(&r, "sec-fetch-site", cases[i].site);
		request_add(&r, "sec-fetch-mode", cases[i].mode);
		request_add(&r, "sec-fetch-dest", cases[i].dest);
		assert_null(world_answer(&world, AUTH_ENDPOINT_START, &r));
		if (cases[i].is_refused)
			assert_problem(&world, AUTH_PROBLEM_CROSS_SITE, 403);
		else
			assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	}
}

static void
test_sign_in_page(void **state)
{
	(void)state;
	ask(AUTH_ENDPOINT_SIGN_IN, "GET", "/oauth2/sign_in?rd=%2Flab");
	assert_int_equal(world.verdict.action, AUTH_SIGN_IN_PAGE);
	assert_int_equal(world.verdict.status, 200);
	assert_string_equal(world.verdict.location, "/oauth2/start?rd=%2Flab");
	assert_string_equal(world.verdict.gitlab_url, "https://gitlab.example.com/git");
	assert_true(str_is_empty(world.verdict.identity.username));
	ask(AUTH_ENDPOINT_SIGN_IN, "GET", "/oauth2/sign_in?signed_out=1");
	assert_int_equal(world.verdict.action, AUTH_SIGNED_OUT_PAGE);
	world_sign_in(&world, "/");
	ask(AUTH_ENDPOINT_SIGN_IN, "GET", "/oauth2/sign_in");
	assert_true(str_equal(world.verdict.identity.username, STR("sasha")));
}

static void
on_ended(enum auth_end reason, void *arg)
{
	*(int *)arg = (int)reason;
}

static void
test_sign_out(void **state)
{
	struct auth_watch watch = {0};
	struct test_request r;
	struct browser before;
	int ended = -1;

	(void)state;
	world_sign_in(&world, "/");
	before = world.browser;
	ask(AUTH_ENDPOINT_SIGN_OUT, "GET", "/oauth2/sign_out");
	assert_int_equal(world.verdict.action, AUTH_SIGN_OUT_PAGE);
	assert_true(str_equal(world.verdict.identity.username, STR("sasha")));
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
	auth_watch_start(&watch, world.verdict.session, on_ended, &ended);
	request_init(&r, "POST", "/oauth2/sign_out");
	request_add(&r, "origin", "https://kiwi.ws.example.com");
	request_add(&r, "sec-fetch-site", "same-origin");
	assert_null(world_answer(&world, AUTH_ENDPOINT_SIGN_OUT, &r));
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	assert_int_equal(world.verdict.status, 303);
	assert_string_equal(world.verdict.location, "/oauth2/sign_in?signed_out=1");
	assert_int_equal(world.browser.count, 0);
	assert_int_equal(ended, AUTH_END_SIGNED_OUT);
	assert_null(watch.session);
	answer("/oauth/revoke", 200, "{}");
	world.browser = before;
	assert_int_equal(world_script(&world, "/"), AUTH_PROBLEM);
	/* Signing out twice is no error. */
	request_init(&r, "POST", "/oauth2/sign_out");
	request_add(&r, "origin", "https://kiwi.ws.example.com");
	assert_null(world_answer(&world, AUTH_ENDPOINT_SIGN_OUT, &r));
	assert_int_equal(world.verdict.status, 303);
	assert_null(fetch_queue);
}

static void
test_foreign_sign_out(void **state)
{
	static const struct {
		const char *origins[2];
		const char *site;
		bool is_ours;
	} cases[] = {
		{{"https://kiwi.ws.example.com"}, NULL, true},
		{{"https://kiwi.ws.example.com"}, "same-origin", true},
		{{"null"}, "same-origin", true},
		{{NULL}, "same-origin", true},
		{{NULL}, NULL, false},
		{{"null"}, NULL, false},
		{{"https://kiwi.ws.example.com"}, "cross-site", false},
		{{"https://kiwi.ws.example.com", "https://evil.example"}, NULL, false},
		{{"https://plum.ws.example.com"}, "same-site", false},
		{{"https://plum.ws.example.com"}, "same-origin", false},
		{{"http://kiwi.ws.example.com"}, NULL, false},
		{{"https://kiwi.ws.example.com:8443"}, NULL, false},
		{{"https://kiwi.ws.example.com.evil.example"}, NULL, false},
		{{"https://KIWI.ws.example.com/"}, NULL, false},
		{{NULL}, "same-site", false},
		{{NULL}, "none", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test_request r;

		if (!browser_has_session(&world.browser))
			world_sign_in(&world, "/");
		request_init(&r, "POST", "/oauth2/sign_out");
		for (size_t j = 0; j < 2 && cases[i].origins[j] != NULL; j++)
			request_add(&r, "origin", cases[i].origins[j]);
		if (cases[i].site != NULL)
			request_add(&r, "sec-fetch-site", cases[i].site);
		assert_null(world_answer(&world, AUTH_ENDPOINT_SIGN_OUT, &r));
		if (cases[i].is_ours) {
			assert_int_equal(world.verdict.status, 303);
			answer("/oauth/revoke", 500, "");
			continue;
		}
		assert_problem(&world, AUTH_PROBLEM_CROSS_SITE, 403);
		assert_int_equal(world_script(&world, "/"), AUTH_ALLOW);
	}
}

static void
test_auth(void **state)
{
	(void)state;
	ask(AUTH_ENDPOINT_AUTH, "GET", "/oauth2/auth");
	assert_int_equal(world.verdict.action, AUTH_REPLY);
	assert_int_equal(world.verdict.status, 401);
	assert_int_equal(world.verdict.set_cookies_count, 0);
	world_sign_in(&world, "/");
	ask(AUTH_ENDPOINT_AUTH, "GET", "/oauth2/auth");
	assert_int_equal(world.verdict.action, AUTH_REPLY);
	assert_int_equal(world.verdict.status, 202);
	assert_true(str_equal(world.verdict.identity.username, STR("sasha")));
}

static void
test_userinfo(void **state)
{
	struct json_doc *doc;
	struct str value;

	(void)state;
	ask(AUTH_ENDPOINT_USERINFO, "GET", "/oauth2/userinfo");
	assert_problem(&world, AUTH_PROBLEM_LOGIN_REQUIRED, 401);
	world_sign_in(&world, "/");
	ask(AUTH_ENDPOINT_USERINFO, "GET", "/oauth2/userinfo");
	assert_int_equal(world.verdict.action, AUTH_REPLY);
	assert_int_equal(world.verdict.status, 200);
	assert_int_equal(str_find(world.verdict.json, STR("canary")), SIZE_MAX);
	doc = json_doc_parse(world.verdict.json, NULL);
	assert_non_null(doc);
	assert_true(json_get_str(json_doc_root(doc), "user", &value, NULL));
	assert_true(str_equal(value, STR("sasha")));
	assert_true(json_get_str(json_doc_root(doc), "email", &value, NULL));
	assert_true(str_equal(value, STR("s@example.com")));
	assert_true(json_get_str(json_doc_root(doc), "preferredUsername", &value, NULL));
	assert_true(str_equal(value, STR("sasha")));
	json_doc_free(doc);
}

static void
test_methods(void **state)
{
	static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "get", ""};
	static const enum auth_endpoint endpoints[] = {AUTH_ENDPOINT_START, AUTH_ENDPOINT_CALLBACK,
						       AUTH_ENDPOINT_SIGN_IN, AUTH_ENDPOINT_AUTH,
						       AUTH_ENDPOINT_USERINFO};

	(void)state;
	for (size_t m = 0; m < sizeof(methods) / sizeof(methods[0]); m++) {
		for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
			ask(endpoints[i], methods[m], "/oauth2/x");
			assert_problem(&world, AUTH_PROBLEM_METHOD, 405);
			assert_string_equal(world.verdict.allow, "GET, HEAD");
		}
	}
	for (unsigned i = 0; i < AUTH_ENDPOINT_COUNT; i++) {
		ask((enum auth_endpoint)i, "PUT", "/oauth2/x");
		assert_problem(&world, AUTH_PROBLEM_METHOD, 405);
		assert_non_null(world.verdict.allow);
	}
	ask(AUTH_ENDPOINT_SIGN_OUT, "PUT", "/oauth2/sign_out");
	assert_string_equal(world.verdict.allow, "GET, HEAD, POST");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup_world, teardown_world)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_start),	      T(test_start_targets), T(test_cross_site_start),
		T(test_sign_in_page), T(test_sign_out),	     T(test_foreign_sign_out),
		T(test_auth),	      T(test_userinfo),	     T(test_methods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
