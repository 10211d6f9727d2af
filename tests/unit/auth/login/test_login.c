/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logins through a GitLab that the test plays: the good way with all that it sends, several at a
 * time, and those that time out, are cancelled or are too many. What GitLab may answer is in
 * test_login_answers.c, callbacks that go wrong are in test_login_flows.c.
 */
#include "tests/unit/auth/login/login_support.h"

static void
test_authorize_address(void **state)
{
	char value[512];

	(void)state;
	assert_int_equal(world_navigate(&world, "/lab"), AUTH_REDIRECT);
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
	location_parameter(&world, "nonce", value, sizeof(value));
	assert_int_equal(strlen(value), 43);
}

static void
test_sign_in(void **state)
{
	(void)state;
	world_sign_in(&world, "/lab/tree?folder=x&y=%2Fz");
	assert_int_equal(world.verdict.status, 302);
	assert_string_equal(world.verdict.location, "/lab/tree?folder=x&y=%2Fz");
	assert_int_equal(world.browser.count, 2); /* the flow's cookie is gone */
	assert_int_equal(world_navigate(&world, "/lab"), AUTH_ALLOW);
	assert_true(str_equal(world.verdict.identity.username, STR("sasha")));
	assert_true(str_equal(world.verdict.identity.user_id, STR("42")));
	assert_true(str_equal(world.verdict.identity.email, STR("s@example.com")));
	assert_true(str_equal(secret_view(session_token(world.verdict.session)), STR(TEST_TOKEN)));
	assert_int_equal(world_script(&world, "/api"), AUTH_ALLOW);
	assert_int_equal(fetch_started, 3);
}

static void
test_requests_to_gitlab(void **state)
{
	const struct fetch_call *c;
	uint8_t digest[CRYPTO_SHA256_BYTES];
	char challenge[64];
	char flow_state[128];
	struct str verifier = STR_NONE;
	struct buf expected;

	(void)state;
	assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	location_parameter(&world, "code_challenge", challenge, sizeof(challenge));
	assert_non_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	c = peek_request("/oauth/token");
	assert_non_null(c);
	assert_string_equal(c->url, "http://gitlab.internal:8080/git/oauth/token");
	assert_string_equal(c->method, "POST");
	assert_form(c, "grant_type", "authorization_code");
	assert_form(c, "code", TEST_CODE);
	assert_form(c, "redirect_uri", "https://kiwi.ws.example.com/oauth2/callback");
	assert_form(c, "client_id", "client-1");
	assert_form(c, "client_secret", TEST_SECRET);
	assert_int_equal(url_query_find(str_from(c->body), STR("code_verifier"), &verifier), 1);
	assert_int_equal(verifier.len, 43);
	crypto_sha256(verifier, digest);
	buf_init(&expected, 64);
	crypto_base64url_encode(&expected, (struct str){(char *)digest, sizeof(digest)});
	assert_true(str_equal(buf_view(&expected), str_from(challenge)));
	buf_fini(&expected);
	answer("/oauth/token", 200, TOKENS_JSON);
	assert_string_equal(peek_request("/api/v4/user")->bearer, TEST_TOKEN);
	answer("/api/v4/user", 200, USER_JSON);
	c = peek_request("/api/graphql");
	assert_string_equal(c->bearer, TEST_TOKEN);
	assert_non_null(strstr(c->body, "gid://gitlab/RemoteDevelopment::Workspace/7\""));
	assert_no_session(); /* no session before the last answer */
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_true(browser_has_session(&world.browser));
}

/* RFC 7636, appendix B. */
static void
test_pkce_vector(void **state)
{
	struct flow f = {.verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"};
	char challenge[FLOW_RANDOM_LEN + 1];

	(void)state;
	crypto_sha256_text(str_from(f.verifier), challenge);
	assert_string_equal(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

static void
test_public_client_and_relay(void **state)
{
	struct err e = ERR_INIT;
	const struct fetch_call *c;
	char value[256];

	(void)state;
	world_setup_settings(&world);
	secret_free(world.settings.client_secret);
	world.settings.client_secret = NULL;
	assert_true(url_parse(&world.settings.redirect_url,
			      STR("https://relay.example.com/auth/callback/?a=b"), &world.arena,
			      &e));
	world_start(&world);
	world_come_back(&world, "/");
	c = peek_request("/oauth/token");
	assert_form(c, "redirect_uri", "https://relay.example.com/auth/callback/?a=b");
	assert_null(strstr(c->body, "client_secret"));
	break_request("/oauth/token", ERR_CONNECT, false);
	assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
	location_parameter(&world, "redirect_uri", value, sizeof(value));
	assert_string_equal(value, "https://relay.example.com/auth/callback/?a=b");
	world_teardown(&world);
}

static void
test_parallel_tabs(void **state)
{
	char states[5][128];

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(world_navigate(&world, "/lab"), AUTH_REDIRECT);
		location_parameter(&world, "state", states[i], sizeof(states[i]));
	}
	for (size_t i = 0; i < 5; i++) {
		assert_non_null(world_callback(&world, states[i], "&code=" TEST_CODE));
		answer_sign_in();
		assert_int_equal(world.verdict.action, AUTH_REDIRECT);
		if (i > 0)
			assert_revoked(TEST_TOKEN);
		assert_int_equal(session_store_count(world.auth->store), 1);
	}
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
}

static bool
first_is_done(void)
{
	return world.done_count == 1;
}

static bool
second_is_done(void)
{
	return world.done_count == 2;
}

static void
test_timeout(void **state)
{
	(void)state;
	world.auth->login_timeout_ms = 20;
	world_come_back(&world, "/");
	world_run_until(&world, first_is_done);
	assert_problem(&world, UNAVAILABLE);
	/* Tokens that arrive too late are revoked. */
	answer("/oauth/token", 200, TOKENS_JSON);
	assert_revoked(TEST_TOKEN);
	world_come_back(&world, "/");
	answer("/oauth/token", 200, TOKENS_JSON);
	answer("/api/v4/user", 200, USER_JSON);
	world_run_until(&world, second_is_done);
	assert_problem(&world, UNAVAILABLE);
	assert_int_equal(fetch_waiting(), 1);
	assert_revoked(TEST_TOKEN);
	assert_no_session();
}

static void
test_cancel(void **state)
{
	char flow_state[128];
	struct auth_call *call;

	(void)state;
	assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	call = world_callback(&world, flow_state, "&code=" TEST_CODE);
	auth_cancel(call);
	answer("/oauth/token", 200, TOKENS_JSON);
	assert_revoked(TEST_TOKEN);
	assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	call = world_callback(&world, flow_state, "&code=" TEST_CODE);
	answer("/oauth/token", 200, TOKENS_JSON);
	auth_cancel(call);
	assert_revoked(TEST_TOKEN);
	assert_int_equal(world.done_count, 0);
	/* Logins in progress are cancelled at the end. */
	world_come_back(&world, "/");
}

static void
test_too_many_at_once(void **state)
{
	char flow_state[128];
	char client[32];

	(void)state;
	world.client = "203.0.113.1";
	world_sign_in(&world, "/");
	world.client = client;
	world.browser.count = 0; /* another browser */
	for (size_t i = 0; i < AUTH_LOGINS_MAX - AUTH_LOGINS_RESERVED; i++) {
		(void)snprintf(client, sizeof(client), "192.0.2.%zu", i);
		world_come_back(&world, "/");
	}
	assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	assert_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	assert_problem(&world, UNAVAILABLE);
	assert_int_equal(fetch_queue->priority, FETCH_LOW);
	break_request("/oauth/token", ERR_CONNECT, false);
	world.client = "198.51.100.1";
	world_come_back(&world, "/");
	/* Reserved places are for clients that have signed in before. */
	world.client = "203.0.113.1";
	world_come_back(&world, "/");
}

/* One client with many simultaneous logins does not block others. */
static void
test_too_many_of_one_client(void **state)
{
	char flow_state[128];

	(void)state;
	world.client = "192.0.2.1";
	for (size_t i = 0; i < AUTH_LOGINS_PER_CLIENT_MAX; i++)
		world_come_back(&world, "/");
	assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	assert_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	assert_problem(&world, UNAVAILABLE);
	world.client = "192.0.2.2";
	world_come_back(&world, "/");
	world.client = "192.0.2.1";
	break_request("/oauth/token", ERR_CONNECT, false);
	world_come_back(&world, "/");
}

static void
test_fetch_refuses(void **state)
{
	char flow_state[128];

	(void)state;
	assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	fetch_refuses = true;
	assert_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	assert_problem(&world, UNAVAILABLE);
}

/* L5: a session that an attacker planted is not upgraded. */
static void
test_new_session_each_login(void **state)
{
	char before[512];
	struct browser planted;

	(void)state;
	world_sign_in(&world, "/");
	(void)snprintf(before, sizeof(before), "%s", browser_cookie(&world.browser, TEST_COOKIE));
	planted = world.browser;
	{
		struct test_request r;
		char flow_state[128];

		request_init(&r, "GET", "/oauth2/start");
		request_as_navigation(&r);
		assert_null(world_answer(&world, AUTH_ENDPOINT_START, &r));
		location_parameter(&world, "state", flow_state, sizeof(flow_state));
		assert_non_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	}
	answer_sign_in();
	assert_string_not_equal(browser_cookie(&world.browser, TEST_COOKIE), before);
	assert_int_equal(session_store_count(world.auth->store), 1);
	assert_revoked(TEST_TOKEN);
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
	world.browser = planted;
	assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_authorize_address),
		T(test_sign_in),
		T(test_requests_to_gitlab),
		cmocka_unit_test(test_pkce_vector),
		cmocka_unit_test(test_public_client_and_relay),
		T(test_parallel_tabs),
		T(test_timeout),
		T(test_cancel),
		T(test_too_many_at_once),
		T(test_too_many_of_one_client),
		T(test_fetch_refuses),
		T(test_new_session_each_login),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
