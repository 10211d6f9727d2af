/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What GitLab may answer in a login, good and bad: tokens, users, workspaces and ID tokens.
 */
#include "tests/unit/auth/login/login_support.h"

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
		clock_ahead_ms += 60000; /* failed logins are rate-limited */
		world_come_back(&world, "/x");
		reply("/oauth/token", &outcomes[i]);
		assert_problem(&world, outcomes[i].problem, outcomes[i].verdict_status);
		if (outcomes[i].problem == AUTH_PROBLEM_GITLAB_UNAVAILABLE)
			assert_int_equal(world.verdict.retry_after_s,
					 outcomes[i].status == 429 ? 7 : 5);
		assert_string_equal(world.verdict.location, "/oauth2/start?rd=%2Fx");
		assert_no_session();
		assert_null(fetch_queue); /* no token needs to be revoked */
	}
}

/* GitLab returns the granted scopes, which must include those that authorization needs. */
static void
test_granted_scopes(void **state)
{
	static const struct {
		const char *scope;
		unsigned modes;
		const char *missing;
	} grants[] = {
		{"openid email profile", AUTH_MODE_WORKSPACE, "read_api"},
		{"openid read_user", AUTH_MODE_PROJECT, "read_api"},
		{"openid email profile", AUTH_MODE_OWNER, "read_user"},
		{"read_apix xapi", AUTH_MODE_WORKSPACE, "read_api"},
		{"openid read_user", AUTH_MODE_OWNER, NULL},
		{"openid read_api", AUTH_MODE_WORKSPACE, NULL},
		{"api", AUTH_MODE_WORKSPACE | AUTH_MODE_PROJECT, NULL},
		{"", AUTH_MODE_WORKSPACE, NULL},
	};
	char tokens[256];

	(void)state;
	for (size_t i = 0; i < sizeof(grants) / sizeof(grants[0]); i++) {
		world.settings.modes = grants[i].modes;
		(void)snprintf(tokens, sizeof(tokens),
			       "{\"access_token\":\"" TEST_TOKEN "\",\"token_type\":\"bearer\","
			       "\"scope\":\"%s\"}",
			       grants[i].scope);
		world_come_back(&world, "/x");
		answer("/oauth/token", 200, tokens);
		if (grants[i].missing == NULL) {
			break_request("/api/v4/user", ERR_CONNECT, false);
			assert_problem(&world, UNAVAILABLE);
		} else {
			assert_problem(&world, AUTH_PROBLEM_SCOPE, 502);
			assert_non_null(strstr(world.verdict.detail, grants[i].missing));
		}
		assert_no_session();
		assert_revoked(TEST_TOKEN);
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
		{403, "{\"error\":\"insufficient_scope\"}", AUTH_PROBLEM_SCOPE, 502},
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_no_access),
		T(test_inactive_users),
		T(test_token_answers),
		T(test_lenient_token_answer),
		T(test_granted_scopes),
		T(test_huge_answer),
		T(test_user_answers),
		T(test_names_are_cleaned),
		T(test_refused_code_restarts),
		T(test_id_tokens),
		T(test_expired_id_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
