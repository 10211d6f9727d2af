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

/* The waiting request to this address, left where it is. */
static const struct fetch_call *
peek_request(const char *url_end)
{
	for (const struct fetch_call *c = fetch_queue; c != NULL; c = c->next) {
		if (str_ends_with(str_from(c->url), str_from(url_end)))
			return c;
	}
	return NULL;
}

static void
assert_form(const struct fetch_call *c, const char *name, const char *expected)
{
	struct str raw = STR_NONE;
	struct buf value;

	assert_int_equal(url_query_find(str_from(c->body), str_from(name), &raw), 1);
	buf_init(&value, 4096);
	assert_true(url_decode(&value, raw, true));
	assert_true(str_equal(buf_view(&value), str_from(expected)));
	buf_fini(&value);
}

static void
assert_revoked(const char *token)
{
	const struct fetch_call *c = peek_request("/oauth/revoke");

	assert_non_null(c);
	assert_form(c, "token", token);
	assert_form(c, "client_secret", TEST_SECRET);
	answer("/oauth/revoke", 200, "{}");
}

static void
assert_no_session(void)
{
	assert_false(browser_has_session(&world.browser));
	assert_int_equal(session_store_count(world.auth->store), 0);
}

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
	assert_int_equal(world.browser.count, 1); /* the flow's cookie is gone */
	assert_int_equal(world_navigate(&world, "/lab"), AUTH_ALLOW);
	assert_true(str_equal(world.verdict.identity.username, STR("sasha")));
	assert_true(str_equal(world.verdict.identity.user_id, STR("42")));
	assert_true(str_equal(world.verdict.identity.email, STR("s@example.com")));
	assert_true(
		str_equal(secret_view(auth_session_token(world.verdict.session)), STR(TEST_TOKEN)));
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
	assert_no_session(); /* nothing before the last answer */
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
	flow_challenge(&f, challenge);
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
test_no_access(void **state)
{
	static const char *const answers[] = {
		FOREIGN_WORKSPACE_JSON,
		"{\"data\":{\"currentUser\":{\"id\":\"gid://gitlab/User/42\"},\"workspace\":null}}",
		"{\"data\":{\"workspace\":null},\"errors\":[{\"message\":\"The resource that you "
		"are attempting to access does not exist or you don't have permission to perform "
		"this action\"}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		world_come_back(&world, "/lab");
		answer("/oauth/token", 200, TOKENS_JSON);
		answer("/api/v4/user", 200, USER_JSON);
		answer("/api/graphql", 200, answers[i]);
		assert_problem(&world, AUTH_PROBLEM_NO_ACCESS, 403);
		assert_true(str_equal(world.verdict.identity.username, STR("sasha")));
		assert_string_equal(world.verdict.location, "/oauth2/start?rd=%2Flab");
		assert_string_equal(world.verdict.gitlab_url, "https://gitlab.example.com/git");
		assert_no_session();
		assert_int_equal(world.browser.count, 0);
		assert_revoked(TEST_TOKEN);
	}
}

static void
test_inactive_users(void **state)
{
	static const char *const users[] = {
		"{\"id\":42,\"username\":\"sasha\",\"state\":\"blocked\"}",
		"{\"id\":42,\"username\":\"sasha\",\"state\":\"deactivated\"}",
		"{\"id\":42,\"username\":\"sasha\",\"state\":\"active\",\"locked\":true}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		world_come_back(&world, "/");
		answer("/oauth/token", 200, TOKENS_JSON);
		answer("/api/v4/user", 200, users[i]);
		assert_problem(&world, AUTH_PROBLEM_NO_ACCESS, 403);
		assert_no_session();
		assert_revoked(TEST_TOKEN);
	}
}

struct outcome {
	unsigned status; /* 0: no answer */
	const char *body;
	enum auth_problem problem;
	unsigned verdict_status;
};

static void
reply(const char *url_end, const struct outcome *o)
{
	if (o->status == 0)
		break_request(url_end, ERR_TIMEOUT, true);
	else
		answer(url_end, o->status, o->body);
}

#define UNAVAILABLE AUTH_PROBLEM_GITLAB_UNAVAILABLE, 503
#define REFUSES_US  AUTH_PROBLEM_GITLAB_REFUSES_US, 502
#define FAILED	    AUTH_PROBLEM_LOGIN_FAILED, 403

static void
test_token_answers(void **state)
{
	static const struct outcome outcomes[] = {
		{0, NULL, UNAVAILABLE},
		{500, "oops", UNAVAILABLE},
		{502, "{\"error\":\"invalid_grant\"}", UNAVAILABLE},
		{429, "Retry later", UNAVAILABLE},
		{403, "Forbidden", UNAVAILABLE},
		{401, "{\"error\":\"invalid_client\"}", REFUSES_US},
		{401, "", REFUSES_US},
		{400, "{\"error\":\"invalid_request\"}", REFUSES_US},
		{400, "{\"error\":\"unsupported_grant_type\"}", REFUSES_US},
		{404, "<html>", REFUSES_US},
		{302, "", REFUSES_US},
		{400, "{\"error\":7}", UNAVAILABLE},
		{200, "", UNAVAILABLE},
		{200, "<html>", UNAVAILABLE},
		{200, "[]", UNAVAILABLE},
		{200, "{}", UNAVAILABLE},
		{200, "{\"token_type\":\"Bearer\"}", UNAVAILABLE},
		{200, "{\"access_token\":\"x\"}", UNAVAILABLE},
		{200, "{\"access_token\":\"x\",\"token_type\":\"mac\"}", UNAVAILABLE},
		{200, "{\"access_token\":7,\"token_type\":\"bearer\"}", UNAVAILABLE},
		{200, "{\"access_token\":\"\",\"token_type\":\"bearer\"}", UNAVAILABLE},
		{200, "{\"access_token\":\"x\\r\\ny\",\"token_type\":\"bearer\"}", UNAVAILABLE},
		{200, "{\"access_token\":\"x\",\"token_type\":\"bearer\",\"expires_in\":-1}",
		 UNAVAILABLE},
		{200, "{\"access_token\":\"x\",\"token_type\":\"bearer\",\"expires_in\":\"9\"}",
		 UNAVAILABLE},
		{200, "{\"access_token\":\"x\",\"token_type\":\"bearer\",\"refresh_token\":{}}",
		 UNAVAILABLE},
		{200, "{\"access_token\":\"x\",\"access_token\":\"y\",\"token_type\":\"bearer\"}",
		 UNAVAILABLE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		world_come_back(&world, "/x");
		reply("/oauth/token", &outcomes[i]);
		assert_problem(&world, outcomes[i].problem, outcomes[i].verdict_status);
		if (outcomes[i].problem == AUTH_PROBLEM_GITLAB_UNAVAILABLE)
			assert_int_equal(world.verdict.retry_after_s,
					 outcomes[i].status == 429 ? 7 : 5);
		assert_string_equal(world.verdict.location, "/oauth2/start?rd=%2Fx");
		assert_no_session();
		assert_null(fetch_queue); /* there was nothing to revoke */
	}
}

static void
test_lenient_token_answer(void **state)
{
	(void)state;
	world_come_back(&world, "/");
	answer("/oauth/token", 200, "{\"access_token\":\"x\",\"token_type\":\"bearer\"}");
	answer("/api/v4/user", 200, USER_JSON);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
}

static void
test_user_answers(void **state)
{
	static const struct outcome outcomes[] = {
		{0, NULL, UNAVAILABLE},
		{503, "", UNAVAILABLE},
		{401, "{\"message\":\"401 Unauthorized\"}", FAILED},
		{403, "{\"message\":\"403 Forbidden - blocked\"}", FAILED},
		{403, "{\"error\":\"insufficient_scope\"}", REFUSES_US},
		{301, "", REFUSES_US},
		{200, "{\"id\":\"42\",\"username\":\"s\",\"state\":\"active\"}", UNAVAILABLE},
		{200, "{\"id\":0,\"username\":\"s\",\"state\":\"active\"}", UNAVAILABLE},
		{200, "{\"id\":-1,\"username\":\"s\",\"state\":\"active\"}", UNAVAILABLE},
		{200, "{\"id\":42,\"username\":\"\",\"state\":\"active\"}", UNAVAILABLE},
		{200, "{\"id\":42,\"username\":\"a\\r\\nX: y\",\"state\":\"active\"}", UNAVAILABLE},
		{200, "{\"id\":42,\"username\":\"s\"}", UNAVAILABLE},
		{200, "{\"id\":42,\"username\":\"s\",\"state\":\"active\",\"locked\":1}",
		 UNAVAILABLE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		world_come_back(&world, "/");
		answer("/oauth/token", 200, TOKENS_JSON);
		reply("/api/v4/user", &outcomes[i]);
		assert_problem(&world, outcomes[i].problem, outcomes[i].verdict_status);
		assert_no_session();
		assert_revoked(TEST_TOKEN);
	}
}

static void
test_huge_answer(void **state)
{
	size_t len = 300000;
	char *body = malloc(len);

	(void)state;
	assert_non_null(body);
	memset(body, ' ', len);
	memcpy(body, "{", 1);
	memcpy(body + len - 1, "}", 1);
	world_come_back(&world, "/");
	answer_bytes("/oauth/token", 200, (struct str){body, len});
	assert_problem(&world, UNAVAILABLE);
	memset(body, '[', len);
	world_come_back(&world, "/");
	answer_bytes("/oauth/token", 200, (struct str){body, 1000});
	assert_problem(&world, UNAVAILABLE);
	free(body);
}

static void
test_names_are_cleaned(void **state)
{
	(void)state;
	world_come_back(&world, "/");
	answer("/oauth/token", 200, TOKENS_JSON);
	answer("/api/v4/user", 200,
	       "{\"id\":42,\"username\":\"sasha\",\"name\":\"a\\r\\nb\\u0007\",\"state\":"
	       "\"active\","
	       "\"email\":\"a@b.example\\r\\nX: y\"}");
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
	assert_true(str_equal(world.verdict.identity.name, STR("a  b ")));
	assert_true(str_is_empty(world.verdict.identity.email));
}

static void
test_refused_code_restarts(void **state)
{
	char flow_state[128];

	(void)state;
	world_come_back(&world, "/lab");
	for (unsigned round = 1; round < FLOW_ROUNDS_MAX; round++) {
		answer("/oauth/token", 400, "{\"error\":\"invalid_grant\"}");
		assert_int_equal(world.verdict.action, AUTH_REDIRECT);
		location_parameter(&world, "state", flow_state, sizeof(flow_state));
		assert_non_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	}
	answer("/oauth/token", 400, "{\"error\":\"invalid_grant\"}");
	assert_problem(&world, FAILED);
	assert_string_equal(world.verdict.location, "/oauth2/start?rd=%2Flab");
	assert_no_session();
}

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
	/* The flow survives all of this. */
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

/* A browser that keeps no cookies is told so, after a few rounds. */
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

/* Slow rounds are no loop: somebody let the page at GitLab stand for an hour. */
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
	/* The sealed cookie, though too old for a login, still knows where to go. */
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	assert_non_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	answer("/oauth/token", 200, TOKENS_JSON);
	answer("/api/v4/user", 200, USER_JSON);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_string_equal(world.verdict.location, "/lab");
}

/* Session cookies that never come back, while flow cookies do. */
static void
test_forgotten_sessions(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		world_sign_in(&world, "/");
		world.browser.count = 0;
		clock_ahead_ms += 1000;
	}
	world_come_back(&world, "/");
	answer("/oauth/token", 200, TOKENS_JSON);
	answer("/api/v4/user", 200, USER_JSON);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_problem(&world, AUTH_PROBLEM_LOGIN_LOOP, 403);
	assert_false(browser_has_session(&world.browser));
	assert_revoked(TEST_TOKEN);
	clock_ahead_ms += 61000;
	world_sign_in(&world, "/");
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
	before = world.browser; /* somebody who kept the flow's cookie */
	assert_non_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	answer("/oauth/token", 200, TOKENS_JSON);
	answer("/api/v4/user", 200, USER_JSON);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_true(browser_has_session(&world.browser));
	world.browser = before;
	assert_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	assert_true(str_starts_with(str_from(world.verdict.location), STR("https://gitlab.")));
	assert_false(browser_has_session(&world.browser));
	assert_int_equal(fetch_started, 3);
}

/* An attacker lets a victim finish the attacker's flow: the code is never used. */
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
	/* Nor does the attacker's cookie text under the victim's cookie name. */
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
		{"invalid_scope", REFUSES_US},
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
		answer("/oauth/token", 200, TOKENS_JSON);
		answer("/api/v4/user", 200, USER_JSON);
		answer("/api/graphql", 200, WORKSPACE_JSON);
		assert_int_equal(world.verdict.action, AUTH_REDIRECT);
		if (i > 0)
			assert_revoked(TEST_TOKEN);
		assert_int_equal(session_store_count(world.auth->store), 1);
	}
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
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
	char text[4000];
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
	/* The longest one still makes a cookie that browsers keep: browser_take looks. */
	text[FLOW_TARGET_MAX] = '\0';
	assert_int_equal(world_navigate(&world, text), AUTH_REDIRECT);
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
	/* The tokens that come too late are revoked. */
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
	/* And what is under way at the end is given up with everything else. */
	world_come_back(&world, "/");
}

static void
test_too_many_at_once(void **state)
{
	char flow_state[128];

	(void)state;
	for (size_t i = 0; i < AUTH_LOGINS_MAX; i++)
		world_come_back(&world, "/");
	assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	assert_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	assert_problem(&world, UNAVAILABLE);
	break_request("/oauth/token", ERR_CONNECT, false);
	world_come_back(&world, "/");
}

/* Somebody who comes back many times at once keeps nobody else out. */
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

/* L5: a planted session is not upgraded, whoever's it is. */
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
	answer("/oauth/token", 200, TOKENS_JSON);
	answer("/api/v4/user", 200, USER_JSON);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_string_not_equal(browser_cookie(&world.browser, TEST_COOKIE), before);
	assert_int_equal(session_store_count(world.auth->store), 1);
	assert_revoked(TEST_TOKEN);
	assert_int_equal(world_navigate(&world, "/"), AUTH_ALLOW);
	world.browser = planted;
	assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
}

static char id_token_json[4096];

static const char *
with_id_token(const char *claims)
{
	struct buf payload;

	buf_init(&payload, 2048);
	crypto_base64url_encode(&payload, str_from(claims));
	(void)snprintf(id_token_json, sizeof(id_token_json),
		       "{\"access_token\":\"" TEST_TOKEN "\",\"token_type\":\"bearer\","
		       "\"id_token\":\"eyJhbGciOiJSUzI1NiJ9.%.*s.c2ln\"}",
		       STR_FMT(buf_view(&payload)));
	buf_fini(&payload);
	return id_token_json;
}

static void
test_id_tokens(void **state)
{
	static const struct {
		const char *format; /* of nonce and expiry */
		bool is_good;
	} tokens[] = {
#define ISS "\"iss\":\"https://gitlab.example.com/git\""
		{"{" ISS ",\"sub\":\"42\",\"aud\":\"client-1\",\"nonce\":\"%s\",\"exp\":%lld}",
		 true},
		{"{" ISS ",\"sub\":\"42\",\"aud\":[\"client-1\"],\"nonce\":\"%s\",\"exp\":%lld}",
		 true},
		{"{" ISS ",\"sub\":\"42\",\"aud\":[\"client-1\",\"x\"],\"nonce\":\"%s\","
		 "\"exp\":%lld}",
		 false},
		{"{" ISS ",\"sub\":\"42\",\"aud\":[],\"nonce\":\"%s\",\"exp\":%lld}", false},
		{"{" ISS ",\"sub\":\"42\",\"aud\":\"client-2\",\"nonce\":\"%s\",\"exp\":%lld}",
		 false},
		{"{" ISS ",\"sub\":\"43\",\"aud\":\"client-1\",\"nonce\":\"%s\",\"exp\":%lld}",
		 false},
		{"{" ISS ",\"sub\":42,\"aud\":\"client-1\",\"nonce\":\"%s\",\"exp\":%lld}", false},
		{"{" ISS ",\"sub\":\"42\",\"aud\":\"client-1\",\"nonce\":\"x%s\",\"exp\":%lld}",
		 false},
		{"{\"iss\":\"https://gitlab.example.com\",\"sub\":\"42\",\"aud\":\"client-1\","
		 "\"nonce\":\"%s\",\"exp\":%lld}",
		 false},
		{"{" ISS ",\"sub\":\"42\",\"aud\":\"client-1\",\"nonce\":\"%s\",\"x\":%lld}",
		 false},
		{"{" ISS ",\"sub\":\"42\",\"aud\":\"client-1\",\"nonce\":\"%s\",\"exp\":1%lld",
		 false},
#undef ISS
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		char claims[1024];
		char nonce[64];
		char flow_state[128];

		assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
		location_parameter(&world, "nonce", nonce, sizeof(nonce));
		location_parameter(&world, "state", flow_state, sizeof(flow_state));
		assert_non_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)snprintf(claims, sizeof(claims), tokens[i].format, nonce,
			       (long long)clock_wall_s() + 120);
#pragma GCC diagnostic pop
		answer("/oauth/token", 200, with_id_token(claims));
		answer("/api/v4/user", 200, USER_JSON);
		if (tokens[i].is_good) {
			answer("/api/graphql", 200, WORKSPACE_JSON);
			assert_int_equal(world.verdict.action, AUTH_REDIRECT);
			world.browser.count = 0;
		} else {
			assert_problem(&world, FAILED);
			assert_revoked(TEST_TOKEN);
		}
	}
}

static void
test_expired_id_token(void **state)
{
	static const int64_t ages_s[] = {299, 301};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char claims[1024];
		char nonce[64];
		char flow_state[128];

		assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
		location_parameter(&world, "nonce", nonce, sizeof(nonce));
		location_parameter(&world, "state", flow_state, sizeof(flow_state));
		assert_non_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
		(void)snprintf(claims, sizeof(claims),
			       "{\"iss\":\"https://gitlab.example.com/git\",\"sub\":\"42\","
			       "\"aud\":\"client-1\",\"nonce\":\"%s\",\"exp\":%lld}",
			       nonce, (long long)(clock_wall_s() - ages_s[i]));
		answer("/oauth/token", 200, with_id_token(claims));
		answer("/api/v4/user", 200, USER_JSON);
		if (i == 1) {
			assert_problem(&world, FAILED);
			assert_revoked(TEST_TOKEN);
		} else {
			answer("/api/graphql", 200, WORKSPACE_JSON);
			assert_int_equal(world.verdict.action, AUTH_REDIRECT);
			world.browser.count = 0;
		}
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_authorize_address),
		T(test_sign_in),
		T(test_requests_to_gitlab),
		cmocka_unit_test(test_pkce_vector),
		cmocka_unit_test(test_public_client_and_relay),
		T(test_no_access),
		T(test_inactive_users),
		T(test_token_answers),
		T(test_lenient_token_answer),
		T(test_user_answers),
		T(test_huge_answer),
		T(test_names_are_cleaned),
		T(test_refused_code_restarts),
		T(test_bad_callbacks),
		T(test_long_code),
		T(test_no_cookies_at_all),
		T(test_slow_rounds),
		T(test_forgotten_sessions),
		T(test_lost_flow_with_session),
		T(test_replayed_state),
		T(test_foreign_flow),
		T(test_tampered_state),
		T(test_reported_errors),
		T(test_parallel_tabs),
		T(test_flow_cookies_are_bounded),
		cmocka_unit_test(test_return_targets),
		T(test_long_return_targets),
		T(test_timeout),
		T(test_cancel),
		T(test_too_many_at_once),
		T(test_too_many_of_one_client),
		T(test_fetch_refuses),
		T(test_new_session_each_login),
		T(test_id_tokens),
		T(test_expired_id_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
