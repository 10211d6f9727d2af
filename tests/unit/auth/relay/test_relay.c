/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay's answers: from a sidecar's login to GitLab and back, in one browser, in another,
 * later, with cookies of other flows; and that nothing but the way back to the workspace carries a
 * code.
 */
#include "tests/unit/auth/relay/relay_support.h"

static void
test_start_redirects_to_gitlab(void **state)
{
	struct stage *s = *state;
	char value[COOKIE_TEXT_MAX + 1];

	begin(s, s->relay, &s->browser);
	assert_true(str_starts_with(str_from(s->verdict.location),
				    STR("https://gitlab.example.com/git/oauth/authorize?")));
	query_value(s->verdict.location, "redirect_uri", value, sizeof(value));
	assert_string_equal(value, "https://relay.ws.example.com/base/callback");
	query_value(s->verdict.location, "client_id", value, sizeof(value));
	assert_string_equal(value, "client-1");
	query_value(s->verdict.location, "response_type", value, sizeof(value));
	assert_string_equal(value, "code");
	query_value(s->verdict.location, "scope", value, sizeof(value));
	assert_string_equal(value, s->settings.scope);
	query_value(s->verdict.location, "code_challenge_method", value, sizeof(value));
	assert_string_equal(value, "S256");
	query_value(s->verdict.location, "code_challenge", value, sizeof(value));
	assert_int_equal(strlen(value), FLOW_RANDOM_LEN);
	query_value(s->verdict.location, "nonce", value, sizeof(value));
	assert_int_equal(strlen(value), FLOW_RANDOM_LEN);
	assert_int_equal(s->browser.count, 1);
	assert_non_null(strstr(s->verdict.set_cookies[0], "; Max-Age=600"));
}

/* A flow works while the key with which it began exists, and no longer. */
static void
test_master_keys_rotate(void **state)
{
	struct stage *s = *state;
	struct err e = ERR_INIT;
	struct secret *old = s->settings.master_keys.keys[0];
	struct secret *new_key = secret_from_str(STR("another master key of 32 bytes!!"));
	const struct auth_keys both = {.keys = {new_key, old}, .count = 2};
	const struct auth_keys none = {.count = 0};
	const struct auth_keys only_new = {.keys = {new_key}, .count = 1};

	begin(s, s->relay, &s->browser);
	assert_false(relay_replace_keys(s->relay, &none, &e));
	assert_true(relay_replace_keys(s->relay, &both, &e));
	s->settings.master_keys = both;
	come_back(s, s->relay, &s->browser, "code=xyz");
	assert_int_equal(s->verdict.action, AUTH_REDIRECT);
	begin(s, s->relay, &s->browser); /* the workspace's key derives from the old one */
	assert_true(relay_replace_keys(s->relay, &only_new, &e));
	s->settings.master_keys = only_new;
	come_back(s, s->relay, &s->browser, "code=xyz");
	assert_int_equal(s->verdict.action, AUTH_REDIRECT);
	ask(s, s->relay, &s->browser, RELAY_START, sidecar_query(s));
	assert_refused(s, AUTH_PROBLEM_RELAY_WORKSPACE, 403);
	s->settings.master_keys = (struct auth_keys){.keys = {old}, .count = 1};
	secret_free(new_key);
}

/* One process starts, another finishes; the sidecar then asks GitLab with the relay's address. */
static void
test_callback_redirects_to_the_workspace(void **state)
{
	static const char back[] = "https://kiwi.ws.example.com/oauth2/callback?code=" TEST_CODE;
	struct stage *s = *state;
	char own_state[FLOW_STATE_MAX + 1];

	begin(s, s->relay, &s->browser);
	come_back(s, s->replica, &s->browser, "code=" TEST_CODE);
	assert_int_equal(s->verdict.action, AUTH_REDIRECT);
	assert_int_equal(s->verdict.status, 302);
	assert_int_equal(s->browser.count, 0);
	assert_true(str_starts_with(str_from(s->verdict.location), str_from(back)));
	query_value(s->verdict.location, "state", own_state, sizeof(own_state));
	assert_non_null(world_callback(&s->world, own_state, "&code=" TEST_CODE));
	assert_non_null(
		strstr(fetch_queue->body,
		       "redirect_uri=https%3A%2F%2Frelay.ws.example.com%2Fbase%2Fcallback"));
	assert_non_null(strstr(fetch_queue->body, "code_verifier="));
	answer_sign_in();
	assert_true(browser_has_session(&s->world.browser));
}

static void
test_second_time(void **state)
{
	struct stage *s = *state;

	begin(s, s->relay, &s->browser);
	come_back(s, s->relay, &s->browser, "code=" TEST_CODE);
	assert_int_equal(s->verdict.action, AUTH_REDIRECT);
	come_back(s, s->relay, &s->browser, "code=" TEST_CODE);
	assert_refused(s, AUTH_PROBLEM_RELAY_FOREIGN, 403);
	assert_non_null(s->verdict.location);
}

static void
test_too_late(void **state)
{
	struct stage *s = *state;
	char query[RELAY_REQUEST_MAX];

	(void)snprintf(query, sizeof(query), "%s", sidecar_query(s));
	clock_ahead_ms = RELAY_AGE_MAX_MS - 5000;
	ask(s, s->relay, &s->browser, RELAY_START, query);
	assert_int_equal(s->verdict.action, AUTH_REDIRECT);
	query_value(s->verdict.location, "state", s->state, sizeof(s->state));
	clock_ahead_ms += RELAY_AGE_MAX_MS + 1;
	come_back(s, s->relay, &s->browser, "code=" TEST_CODE);
	assert_refused(s, AUTH_PROBLEM_RELAY_STALE, 403);
	assert_int_equal(s->browser.count, 0);
	ask(s, s->relay, &s->browser, RELAY_START, query);
	assert_refused(s, AUTH_PROBLEM_RELAY_STALE, 403);
	assert_int_equal(s->browser.count, 0);
}

static void
test_errors_of_gitlab(void **state)
{
	static const char *const cases[][2] = {
		{"access_denied", "access_denied"},
		{"access_denied&error_description=The+owner+said+no&error_uri=x", "access_denied"},
		{"temporarily_unavailable", "temporarily_unavailable"},
		{"invalid_scope", "invalid_scope"},
		{"something_new", "invalid_request"},
		{"%3Cscript%3E", "invalid_request"},
		{"a%26code%3Dx", "invalid_request"},
	};
	struct stage *s = *state;
	char query[128];
	char value[128];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(s, s->relay, &s->browser);
		(void)snprintf(query, sizeof(query), "error=%s", cases[i][0]);
		come_back(s, s->relay, &s->browser, query);
		assert_int_equal(s->verdict.action, AUTH_REDIRECT);
		query_value(s->verdict.location, "error", value, sizeof(value));
		assert_string_equal(value, cases[i][1]);
		assert_null(strstr(s->verdict.location, "code="));
		assert_null(strstr(s->verdict.location, "error_"));
		assert_int_equal(s->browser.count, 0);
	}
}

/* Any value that the browser sends is passed on as one parameter. */
static void
test_codes_are_encoded(void **state)
{
	struct stage *s = *state;

	begin(s, s->relay, &s->browser);
	come_back(s, s->relay, &s->browser, "code=a%26state%3Db%0d%0aX%3A1%23");
	assert_int_equal(s->verdict.action, AUTH_REDIRECT);
	assert_true(str_starts_with(str_from(s->verdict.location),
				    STR("https://kiwi.ws.example.com/oauth2/callback"
					"?code=a%26state%3Db%0D%0AX%3A1%23&state=")));
}

static void
test_malformed_callbacks(void **state)
{
	static const char *const answers[] = {"code=a&code=b",	 "code=a&state=b", "code=a&error=b",
					      "error=a&error=a", "code=",	   "code=%00",
					      "code=%zz",	 "nothing=1"};
	struct stage *s = *state;

	begin(s, s->relay, &s->browser);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		come_back(s, s->relay, &s->browser, answers[i]);
		assert_refused(s, AUTH_PROBLEM_RELAY_REQUEST, 400);
		assert_int_equal(s->browser.count, 1);
	}
	ask(s, s->relay, &s->browser, RELAY_CALLBACK, "code=a");
	assert_refused(s, AUTH_PROBLEM_RELAY_REQUEST, 400);
	ask(s, s->relay, &s->browser, RELAY_CALLBACK, "code=a&state=abc");
	assert_refused(s, AUTH_PROBLEM_RELAY_REQUEST, 400);
	come_back(s, s->relay, &s->browser, "code=a");
	assert_int_equal(s->verdict.action, AUTH_REDIRECT);
}

static void
test_malformed_starts(void **state)
{
	struct stage *s = *state;
	char query[RELAY_REQUEST_MAX * 2];
	const char *good = sidecar_query(s);

	(void)snprintf(query, sizeof(query), "%s&%s", good, good);
	ask(s, s->relay, &s->browser, RELAY_START, query);
	assert_refused(s, AUTH_PROBLEM_RELAY_REQUEST, 400);
	ask(s, s->relay, &s->browser, RELAY_START, "");
	assert_refused(s, AUTH_PROBLEM_RELAY_REQUEST, 400);
	ask(s, s->relay, &s->browser, RELAY_START, "request=1.a.b");
	assert_refused(s, AUTH_PROBLEM_RELAY_REQUEST, 400);
	assert_int_equal(s->browser.count, 0);
}

/* A workspace gets no more scopes than the operator allows, and none in another zone. */
static void
test_bounds_of_the_operator(void **state)
{
	struct stage *s = *state;
	const char *scope = s->settings.scope;

	s->settings.scope = "openid read_user read_api";
	ask(s, s->relay, &s->browser, RELAY_START, sidecar_query(s));
	assert_refused(s, AUTH_PROBLEM_RELAY_WORKSPACE, 403);
	s->settings.scope = scope;
	begin(s, s->relay, &s->browser);
	s->settings.zones.items[0] = STR("other.example.com");
	come_back(s, s->relay, &s->browser, "code=" TEST_CODE);
	assert_refused(s, AUTH_PROBLEM_RELAY_WORKSPACE, 403);
	assert_null(s->verdict.location);
	ask(s, s->relay, &s->browser, RELAY_START, sidecar_query(s));
	assert_refused(s, AUTH_PROBLEM_RELAY_WORKSPACE, 403);
}

static void
test_the_relay_is_no_workspace(void **state)
{
	struct stage *s = *state;
	struct str own = STR("relay.ws.example.com");
	char query[RELAY_REQUEST_MAX + 16];
	struct buf text;
	struct secret *key = relay_derive_key(s->settings.master_keys.keys[0], own, NULL);
	const struct relay_request q = {
		.authority = own,
		.prefix = STR("/base"),
		.state = STR("x"),
		.challenge = STR("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123_-x"),
		.nonce = STR("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123_-x"),
		.scope = STR("openid"),
		.issued_ms = clock_wall_ms(),
	};

	buf_init(&text, RELAY_REQUEST_MAX);
	assert_true(relay_request_write(&q, key, &text, NULL));
	(void)snprintf(query, sizeof(query), "request=%.*s", STR_FMT(buf_view(&text)));
	ask(s, s->relay, &s->browser, RELAY_START, query);
	assert_refused(s, AUTH_PROBLEM_RELAY_WORKSPACE, 403);
	buf_fini(&text);
	secret_free(key);
}

static void
test_requests_that_are_no_navigation(void **state)
{
	struct stage *s = *state;
	struct test_request r;

	request_init(&r, "POST", "/base/callback?code=a&state=b");
	relay_answer(s->relay, RELAY_CALLBACK, &r.facts, &s->verdict);
	assert_int_equal(s->verdict.problem, AUTH_PROBLEM_METHOD);
	assert_string_equal(s->verdict.allow, "GET, HEAD");
	request_init(&r, "GET", "/base/start");
	request_add(&r, "sec-fetch-site", "same-site");
	request_add(&r, "sec-fetch-mode", "no-cors");
	request_add(&r, "sec-fetch-dest", "image");
	relay_answer(s->relay, RELAY_START, &r.facts, &s->verdict);
	assert_refused(s, AUTH_PROBLEM_CROSS_SITE, 403);
	request_init(&r, "GET", "/base/");
	relay_answer(s->relay, RELAY_LANDING, &r.facts, &s->verdict);
	assert_int_equal(s->verdict.action, AUTH_RELAY_PAGE);
	assert_int_equal(s->verdict.status, 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RELAY_TEST(test_start_redirects_to_gitlab),
		RELAY_TEST(test_master_keys_rotate),
		RELAY_TEST(test_callback_redirects_to_the_workspace),
		RELAY_TEST(test_second_time),
		RELAY_TEST(test_too_late),
		RELAY_TEST(test_errors_of_gitlab),
		RELAY_TEST(test_codes_are_encoded),
		RELAY_TEST(test_malformed_callbacks),
		RELAY_TEST(test_malformed_starts),
		RELAY_TEST(test_bounds_of_the_operator),
		RELAY_TEST(test_the_relay_is_no_workspace),
		RELAY_TEST(test_requests_that_are_no_navigation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
