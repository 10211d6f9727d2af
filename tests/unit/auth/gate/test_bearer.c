/* SPDX-License-Identifier: Apache-2.0 */
/*
 * API tokens: what is no token asks nobody, GitLab is asked once about the others, what it says is
 * kept only as long as it may be, and few are asked about at a time.
 */
#include "auth/gate/bearer.h"

#include "tests/unit/auth/auth_fixture.h"

#define KNOWN_MAX	 64u
#define CHECKS_MAX	 8u
#define PER_CLIENT_MAX	 4u
#define FOR_STRANGERS	 6u
#define TOKEN		 "canary-token-0"
#define USER_END	 "/api/v4/user"
#define GRAPHQL_END	 "/api/graphql"
#define LOGIN_REQUIRED	 AUTH_PROBLEM_LOGIN_REQUIRED, 401
#define NO_ACCESS	 AUTH_PROBLEM_NO_ACCESS, 403
#define NOT_ANSWERED	 AUTH_PROBLEM_GITLAB_UNAVAILABLE, 503
#define REFUSED_FOR_MS	 5000u
#define AUTHORIZED_BY(x) "authorization", "Bearer " x

static int
setup(void **state)
{
	(void)state;
	world_setup_settings(&world);
	world.settings.api_tokens = true;
	world_start(&world);
	return 0;
}

/* One of several concurrent requests. */
struct request {
	struct test_request test;
	struct auth_verdict verdict;
	struct auth_call *call;
	unsigned done;
};

static void
on_done(struct auth_verdict *v, void *arg)
{
	struct request *r = arg;

	assert_ptr_equal(v, &r->verdict);
	r->done++;
}

static void
send_request(struct request *r, const char *client, const char *name, const char *value)
{
	memset(r, 0, sizeof(*r));
	auth_verdict_init(&r->verdict);
	request_init(&r->test, "GET", "/x");
	request_add(&r->test, name, value);
	r->test.facts.client = str_from(client);
	r->call = auth_check(world.auth, &r->test.facts, &r->verdict, on_done, r);
}

static void
end_request(struct request *r)
{
	auth_verdict_fini(&r->verdict);
}

/* Sends a request with one or two headers that is answered at once; returns whether it passed. */
static bool
ask_with(const char *name, const char *value, const char *other_name, const char *other_value)
{
	struct test_request r;

	request_init(&r, "GET", "/x");
	request_add(&r, name, value);
	if (other_name != NULL)
		request_add(&r, other_name, other_value);
	assert_null(world_check(&world, &r));
	return world.verdict.action == AUTH_ALLOW;
}

/* The pending request to GitLab. */
static void
ask(const char *name, const char *value)
{
	struct test_request r;

	request_init(&r, "GET", "/x");
	request_add(&r, name, value);
	assert_non_null(world_check(&world, &r));
}

static void
accept_token(void)
{
	answer(USER_END, 200, USER_JSON);
	answer(GRAPHQL_END, 200, WORKSPACE_JSON);
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
}

static void
test_malformed_tokens(void **state)
{
	static char large[GITLAB_TOKEN_MAX + 16] = "Bearer ";
	static const char *const values[] = {
		"",	      "Bearer",
		"Bearer ",    "Bearer    ",
		"Bearer a b", "Bearer a\tb",
		"Bearer\ta",  "Basic YTpi",
		"bearera",    "Bearer caf\xc3\xa9",
		"Token abc",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		assert_false(ask_with("authorization", values[i], NULL, NULL));
		assert_problem(&world, LOGIN_REQUIRED);
	}
	memset(large + 7, 'a', GITLAB_TOKEN_MAX + 1);
	assert_false(ask_with("authorization", large, NULL, NULL));
	assert_false(ask_with("private-token", "a b", NULL, NULL));
	assert_false(ask_with("private-token", "", AUTHORIZED_BY(TOKEN)));
	assert_false(ask_with(AUTHORIZED_BY("a"), AUTHORIZED_BY("b")));
	assert_false(ask_with("private-token", "a", "private-token", "a"));
	assert_int_equal(fetch_started, 0);
}

static void
test_without_the_setting(void **state)
{
	(void)state;
	auth_verdict_fini(&world.verdict);
	auth_free(world.auth);
	loop_free(world.loop);
	world.settings.api_tokens = false;
	world_start(&world);
	assert_false(ask_with(AUTHORIZED_BY(TOKEN), NULL, NULL));
	assert_int_equal(fetch_started, 0);
}

/* GitLab receives exactly this token, once for all headers that may carry it. */
static void
test_accepted(void **state)
{
	static const char *const headers[][2] = {
		{AUTHORIZED_BY(TOKEN)},
		{"authorization", "bEARER   " TOKEN "  "},
		{"private-token", TOKEN},
	};
	unsigned asked;

	(void)state;
	ask(headers[0][0], headers[0][1]);
	assert_string_equal(fetch_queue->bearer, TOKEN);
	accept_token();
	assert_int_equal(world.done_count, 1);
	asked = fetch_started;
	for (size_t i = 0; i < 3; i++)
		assert_true(ask_with(headers[i][0], headers[i][1], NULL, NULL));
	assert_int_equal(fetch_started, asked);
	assert_true(str_equal(world.verdict.token_header, STR("private-token")));
}

/* Each similar token is checked separately. */
static void
test_tokens_that_look_alike(void **state)
{
	static const char *const others[] = {"canary-token-", "canary-token-00", "Canary-token-0"};
	unsigned asked;

	(void)state;
	ask("private-token", TOKEN);
	accept_token();
	for (size_t i = 0; i < 3; i++) {
		asked = fetch_started;
		ask("private-token", others[i]);
		assert_int_equal(fetch_started, asked + 1);
		answer(USER_END, 401, "{}");
		assert_problem(&world, LOGIN_REQUIRED);
	}
}

static void
test_one_request_per_token(void **state)
{
	struct request r[5];

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		send_request(&r[i], "192.0.2.1", "private-token", TOKEN);
		assert_non_null(r[i].call);
	}
	assert_int_equal(fetch_started, 1);
	auth_cancel(r[2].call);
	answer(USER_END, 200, USER_JSON);
	answer(GRAPHQL_END, 200, WORKSPACE_JSON);
	assert_int_equal(fetch_started, 2);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(r[i].done, i == 2 ? 0 : 1);
		if (i != 2)
			assert_int_equal(r[i].verdict.action, AUTH_ALLOW);
		end_request(&r[i]);
	}
}

/* No client waits any more: the result is still stored, or the process ends meanwhile. */
static void
test_all_clients_have_disconnected(void **state)
{
	struct request r;

	(void)state;
	send_request(&r, "192.0.2.1", "private-token", TOKEN);
	auth_cancel(r.call);
	end_request(&r);
	answer(USER_END, 200, USER_JSON);
	answer(GRAPHQL_END, 200, WORKSPACE_JSON);
	assert_true(ask_with("private-token", TOKEN, NULL, NULL));
	send_request(&r, "192.0.2.1", "private-token", "canary-token-1");
	auth_cancel(r.call);
	end_request(&r);
	assert_int_equal(fetch_waiting(), 1); /* cancelled at the end of the test */
}

static void
test_refusals_are_kept_for_some_seconds(void **state)
{
	(void)state;
	ask("private-token", TOKEN);
	answer(USER_END, 401, "{\"error\":\"invalid_token\"}");
	assert_problem(&world, LOGIN_REQUIRED);
	assert_string_equal(world.verdict.challenge, "error=\"invalid_token\"");
	assert_false(ask_with("private-token", TOKEN, NULL, NULL));
	assert_problem(&world, LOGIN_REQUIRED);
	assert_int_equal(fetch_started, 1);
	clock_ahead_ms += REFUSED_FOR_MS + 1;
	ask("private-token", TOKEN);
	accept_token();
}

static void
test_users_who_may_not(void **state)
{
	(void)state;
	ask("private-token", "canary-token-1");
	answer(USER_END, 200, "{\"id\":42,\"username\":\"sasha\",\"state\":\"blocked\"}");
	assert_problem(&world, NO_ACCESS);
	ask("private-token", "canary-token-2");
	answer(USER_END, 200, USER_JSON);
	answer(GRAPHQL_END, 200, FOREIGN_WORKSPACE_JSON);
	assert_problem(&world, NO_ACCESS);
	assert_int_equal(session_store_count(world.auth->store), 0);
}

static void
test_missing_scopes(void **state)
{
	(void)state;
	ask("private-token", "canary-token-1");
	answer(USER_END, 403,
	       "{\"error\":\"insufficient_scope\",\"scope\":\"api read_user read_api\"}");
	assert_int_equal(world.verdict.problem, AUTH_PROBLEM_TOKEN_SCOPE);
	assert_non_null(strstr(world.verdict.challenge, "error=\"insufficient_scope\", scope="));
	ask("private-token", "canary-token-2");
	answer(USER_END, 200, USER_JSON);
	answer(GRAPHQL_END, 401, "{}");
	assert_int_equal(world.verdict.problem, AUTH_PROBLEM_TOKEN_SCOPE);
	assert_string_equal(world.verdict.challenge,
			    "error=\"insufficient_scope\", scope=\"read_api\"");
	assert_string_equal(world.verdict.detail, "The missing scope is read_api.");
}

/* The failure is not stored: the next request asks again. */
static void
test_meaningless_answers(void **state)
{
	static const char *const bodies[] = {
		"",
		"{",
		"[]",
		"null",
		"{\"id\":\"42\"}",
		"{\"id\":0,\"username\":\"sasha\"}",
		"{\"id\":42}",
	};
	static const unsigned statuses[] = {500, 502, 503};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		ask("private-token", TOKEN);
		answer(USER_END, 200, bodies[i]);
		assert_problem(&world, NOT_ANSWERED);
	}
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		ask("private-token", TOKEN);
		answer(USER_END, statuses[i], "{}");
		assert_problem(&world, NOT_ANSWERED);
	}
	ask("private-token", TOKEN);
	break_request(USER_END, ERR_TIMEOUT, true);
	assert_int_equal(world.verdict.action, AUTH_PROBLEM);
	ask("private-token", TOKEN);
	answer(USER_END, 200, USER_JSON);
	answer(GRAPHQL_END, 200, "{\"data\":null}");
	assert_int_equal(world.verdict.action, AUTH_PROBLEM);
	assert_int_equal(session_store_count(world.auth->store), 0);
	ask("private-token", TOKEN);
	accept_token();
}

/* GitLab limits its API per user of the token; other tokens are still checked. */
static void
test_gitlab_answers_429(void **state)
{
	(void)state;
	ask("private-token", TOKEN);
	answer(USER_END, 429, "{}");
	assert_problem(&world, NOT_ANSWERED);
	assert_int_equal(world.verdict.retry_after_s, 7);
	ask("private-token", "canary-token-1");
	accept_token();
	ask("private-token", TOKEN);
	accept_token();
}

static void
test_no_memory_for_a_question(void **state)
{
	(void)state;
	fetch_refuses = true;
	assert_false(ask_with("private-token", TOKEN, NULL, NULL));
	assert_problem(&world, NOT_ANSWERED);
	fetch_refuses = false;
	ask("private-token", TOKEN);
	accept_token();
}

static const char *
numbered(char out[32], const char *start, unsigned number)
{
	(void)snprintf(out, 32, "%s%u", start, number);
	return out;
}

/* Limits for one client, for clients without an earlier sign-in, and for all. */
static void
test_few_at_a_time(void **state)
{
	struct request r[CHECKS_MAX + 1];
	char token[32];
	unsigned n = 0;

	(void)state;
	world.client = "192.0.2.9";
	ask("private-token", TOKEN);
	accept_token();
	for (; n < PER_CLIENT_MAX; n++) {
		send_request(&r[n], "192.0.2.1", "private-token", numbered(token, "t", n));
		assert_non_null(r[n].call);
	}
	world.client = "192.0.2.1";
	assert_false(ask_with("private-token", "one-more", NULL, NULL));
	assert_problem(&world, NOT_ANSWERED);
	for (; n < FOR_STRANGERS; n++) {
		send_request(&r[n], "192.0.2.2", "private-token", numbered(token, "t", n));
		assert_non_null(r[n].call);
	}
	world.client = "192.0.2.3";
	assert_false(ask_with("private-token", "one-more", NULL, NULL));
	for (; n < CHECKS_MAX; n++) {
		send_request(&r[n], "192.0.2.9", "private-token", numbered(token, "t", n));
		assert_non_null(r[n].call);
	}
	world.client = "192.0.2.9";
	assert_false(ask_with("private-token", "one-more", NULL, NULL));
	for (unsigned i = 0; i < n; i++)
		answer(USER_END, 401, "{}");
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(r[i].done, 1);
		end_request(&r[i]);
	}
	ask("private-token", "one-more");
	answer(USER_END, 401, "{}");
}

/* Guessing tokens causes a bounded number of requests to GitLab. */
static void
test_guessed_tokens(void **state)
{
	char token[32];
	unsigned refused = 0;

	(void)state;
	world.client = "192.0.2.1";
	for (unsigned n = 0; n < 200; n++) {
		struct test_request r;

		request_init(&r, "GET", "/x");
		request_add(&r, "private-token", numbered(token, "guess-", n));
		if (world_check(&world, &r) != NULL)
			answer(USER_END, 401, "{}");
		else
			refused++;
	}
	assert_int_equal(fetch_started, world.settings.sign_in_failures_per_address_max);
	assert_int_equal(refused, 200 - fetch_started);
	world.client = "192.0.2.2";
	ask("private-token", TOKEN);
	accept_token();
}

/* The session of the least recently used token ends. */
static void
test_many_tokens(void **state)
{
	char token[32];
	unsigned asked;

	(void)state;
	for (unsigned n = 0; n < KNOWN_MAX; n++) {
		clock_ahead_ms += 1;
		ask("private-token", numbered(token, "canary-", n));
		accept_token();
	}
	clock_ahead_ms += 1;
	assert_true(ask_with("private-token", "canary-0", NULL, NULL));
	assert_int_equal(session_store_count(world.auth->store), KNOWN_MAX);
	ask("private-token", "canary-more");
	accept_token();
	assert_int_equal(session_store_count(world.auth->store), KNOWN_MAX);
	asked = fetch_started;
	assert_true(ask_with("private-token", "canary-0", NULL, NULL));
	assert_int_equal(fetch_started, asked);
	ask("private-token", "canary-1");
	accept_token();
}

/* Tokens of users are never revoked. */
static void
test_a_session_that_ends(void **state)
{
	(void)state;
	ask("private-token", TOKEN);
	accept_token();
	session_end(world.verdict.session, AUTH_END_EXPIRED);
	assert_null(fetch_queue);
	ask("private-token", TOKEN);
	accept_token();
	clock_ahead_ms += world.settings.session_idle_ms + 1;
	ask("private-token", TOKEN);
	accept_token();
	assert_null(fetch_queue);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown_world)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_malformed_tokens),
		T(test_without_the_setting),
		T(test_accepted),
		T(test_tokens_that_look_alike),
		T(test_one_request_per_token),
		T(test_all_clients_have_disconnected),
		T(test_refusals_are_kept_for_some_seconds),
		T(test_users_who_may_not),
		T(test_missing_scopes),
		T(test_meaningless_answers),
		T(test_gitlab_answers_429),
		T(test_no_memory_for_a_question),
		T(test_few_at_a_time),
		T(test_guessed_tokens),
		T(test_many_tokens),
		T(test_a_session_that_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
