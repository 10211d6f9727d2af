/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens for git: whose, when they are renewed first, how long they stay, and what a rejected one
 * leads to.
 */
#include "auth/git_credential.h"

#include "tests/unit/auth/auth_fixture.h"

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)

static struct auth_credential last; /* its views are dead after the callback */
static char token[512];
static unsigned told;

static int
setup(void **state)
{
	(void)state;
	world_setup(&world);
	told = 0;
	return 0;
}

static void
take(const struct auth_credential *c)
{
	last = *c;
	(void)snprintf(token, sizeof(token), "%.*s", STR_FMT(secret_view(c->token)));
}

static void
on_credential(const struct auth_credential *c, void *arg)
{
	assert_ptr_equal(arg, &world);
	told++;
	take(c);
}

static struct auth_credential_call *
ask(void)
{
	struct auth_credential c;
	struct auth_credential_call *call =
		auth_credential_start(world.auth, &c, on_credential, &world);

	if (call == NULL)
		take(&c);
	return call;
}

static bool
one_is_told(void)
{
	return told == 1;
}

static void
assert_given(const char *wanted)
{
	assert_int_equal(last.outcome, AUTH_CREDENTIAL_GIVEN);
	assert_string_equal(token, wanted);
}

#define SECOND_TOKEN "canary-second"
#define THIRD_TOKEN  "canary-third"
#define RENEWED(access, lifetime)                                                                  \
	"{\"access_token\":\"" access "\",\"token_type\":\"bearer\",\"expires_in\":" lifetime ","  \
	"\"refresh_token\":\"" access "-refresh\"}"

/* A credential after a refresh and a check. */
static void
ask_and_renew(const char *answer_json)
{
	told = 0;
	assert_non_null(ask());
	answer("/oauth/token", 200, answer_json);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	world_run_until(&world, one_is_told);
}

static void
test_credential_without_waiting(void **state)
{
	(void)state;
	assert_null(ask());
	assert_int_equal(last.outcome, AUTH_CREDENTIAL_SIGN_IN);
	world_sign_in(&world, "/");
	unsigned before = fetch_started;
	assert_null(ask());
	assert_given(TEST_TOKEN);
	assert_in_range(last.expires_at_s - clock_wall_s(), 7190, 7200);
	assert_true(str_equal(last.username, STR("sasha")));
	assert_int_equal(fetch_started, before);
}

/* The last answer of GitLab is valid for git as long as for a browser. */
static void
test_withdrawn(void **state)
{
	(void)state;
	world_sign_in(&world, "/");
	clock_ahead_ms += 20 * MINUTE;
	assert_non_null(ask());
	answer("/api/graphql", 200, FOREIGN_WORKSPACE_JSON);
	world_run_until(&world, one_is_told);
	assert_int_equal(last.outcome, AUTH_CREDENTIAL_SIGN_IN);
	answer("/oauth/revoke", 200, "{}");
	assert_null(ask());
	assert_int_equal(last.outcome, AUTH_CREDENTIAL_SIGN_IN);
}

static void
test_gitlab_does_not_answer(void **state)
{
	(void)state;
	world_sign_in(&world, "/");
	clock_ahead_ms += 20 * MINUTE;
	assert_non_null(ask());
	answer("/api/graphql", 503, "");
	world_run_until(&world, one_is_told);
	assert_int_equal(last.outcome, AUTH_CREDENTIAL_UNAVAILABLE);
}

/* Requests of git do not keep a session alive. */
static void
test_git_requests_do_not_count_as_use(void **state)
{
	(void)state;
	world_sign_in(&world, "/");
	for (unsigned quarter = 1; quarter < 16; quarter++) {
		struct auth_credential_call *call;

		clock_ahead_ms += 15 * MINUTE;
		call = ask();
		while (fetch_queue != NULL) {
			bool is_token = strstr(fetch_queue->url, "/oauth/token") != NULL;

			answer(is_token ? "/oauth/token" : "/api/graphql", 200,
			       is_token ? RENEWED(SECOND_TOKEN, "7200") : WORKSPACE_JSON);
		}
		told = 0;
		if (call != NULL)
			world_run_until(&world, one_is_told);
		assert_int_equal(last.outcome, AUTH_CREDENTIAL_GIVEN);
	}
	clock_ahead_ms += 16 * MINUTE;
	assert_null(ask());
	assert_int_equal(last.outcome, AUTH_CREDENTIAL_SIGN_IN);
}

/* Runs a check while the token needs no refresh, so that only its age matters afterwards. */
static void
pass_to(uint64_t minutes)
{
	const uint64_t late = minutes > 114 ? minutes - 114 : 0;
	struct test_request r;
	struct auth_call *call;

	clock_ahead_ms += (minutes - late) * MINUTE;
	request_init(&r, "GET", "/x");
	call = world_check(&world, &r);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	if (call != NULL)
		assert_int_equal(world.verdict.action, AUTH_ALLOW);
	clock_ahead_ms += late * MINUTE;
}

static void
test_renewed_first(void **state)
{
	(void)state;
	world_sign_in(&world, "/");
	pass_to(114);
	clock_ahead_ms += 50 * SECOND;
	assert_null(ask());
	assert_given(TEST_TOKEN);
	clock_ahead_ms += 3 * MINUTE; /* the lease is over, two minutes are left */
	ask_and_renew(RENEWED(SECOND_TOKEN, "7200"));
	assert_given(SECOND_TOKEN);
}

/* While git may use a token, neither git nor requests of the browser end it. */
static void
test_lease(void **state)
{
	struct test_request r;

	(void)state;
	world_sign_in(&world, "/");
	pass_to(114);
	assert_null(ask());
	clock_ahead_ms += 115 * SECOND; /* four minutes left: time to refresh */
	request_init(&r, "GET", "/x");
	assert_null(world_check(&world, &r));
	answer("/api/graphql", 200, WORKSPACE_JSON); /* not /oauth/token */
	assert_int_equal(fetch_waiting(), 0);
	assert_null(ask()); /* the lease continues */
	assert_given(TEST_TOKEN);
	clock_ahead_ms += 110 * SECOND;
	assert_null(ask());
	assert_given(TEST_TOKEN);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	clock_ahead_ms += 85 * SECOND; /* less than a minute left, leased or not */
	ask_and_renew(RENEWED(SECOND_TOKEN, "7200"));
	assert_given(SECOND_TOKEN);
}

/* Tokens live five seconds: each is given to everyone who asks while it is leased. */
static void
test_short_lived(void **state)
{
	(void)state;
	world_sign_in(&world, "/");
	pass_to(119);
	ask_and_renew(RENEWED(SECOND_TOKEN, "5"));
	assert_given(SECOND_TOKEN);
	clock_ahead_ms += 3 * SECOND;
	assert_null(ask());
	assert_given(SECOND_TOKEN);
	clock_ahead_ms += SECOND + 500; /* half a second is too short */
	ask_and_renew(RENEWED(THIRD_TOKEN, "5"));
	assert_given(THIRD_TOKEN);
}

static bool
thousand_are_told(void)
{
	return told == 1000;
}

static void
test_one_renewal_for_all(void **state)
{
	unsigned before;

	(void)state;
	world_sign_in(&world, "/");
	pass_to(118);
	before = fetch_started;
	for (unsigned i = 0; i < 1000; i++)
		assert_non_null(ask());
	assert_int_equal(fetch_started, before + 1);
	answer("/oauth/token", 200, RENEWED(SECOND_TOKEN, "5"));
	answer("/api/graphql", 200, WORKSPACE_JSON);
	world_run_until(&world, thousand_are_told);
	assert_given(SECOND_TOKEN);
	assert_int_equal(fetch_started, before + 2);
}

/* A valid token is better than none, and no refresh follows at once. */
static void
test_renewal_fails(void **state)
{
	(void)state;
	world_sign_in(&world, "/");
	pass_to(117);
	assert_non_null(ask());
	answer("/oauth/token", 503, "");
	world_run_until(&world, one_is_told);
	assert_given(TEST_TOKEN);
	assert_null(ask());
	assert_given(TEST_TOKEN);
	clock_ahead_ms += 181 * SECOND;
	assert_non_null(ask());
	answer("/oauth/token", 400, "{\"error\":\"invalid_grant\"}");
	told = 0;
	world_run_until(&world, one_is_told);
	assert_int_equal(last.outcome, AUTH_CREDENTIAL_SIGN_IN);
	answer("/oauth/revoke", 200, "{}");
}

static void
test_rejected(void **state)
{
	(void)state;
	world_sign_in(&world, "/");
	auth_credential_reject(world.auth, STR("another"));
	assert_null(ask());
	assert_given(TEST_TOKEN);
	auth_credential_reject(world.auth, STR(TEST_TOKEN));
	ask_and_renew(RENEWED(SECOND_TOKEN, "7200"));
	assert_given(SECOND_TOKEN);
	auth_credential_reject(world.auth, STR(TEST_TOKEN)); /* an old one */
	assert_null(ask());
	assert_given(SECOND_TOKEN);
	assert_int_equal(gitlab_metrics(world.auth->gitlab)->credentials_rejected, 1);
	assert_int_equal(gitlab_metrics(world.auth->gitlab)->credentials[AUTH_CREDENTIAL_GIVEN], 3);
	/* A loop causes two requests to GitLab in thirty seconds. */
	unsigned before = fetch_started;
	for (unsigned i = 0; i < 20; i++) {
		auth_credential_reject(world.auth, STR(SECOND_TOKEN));
		assert_null(ask());
		assert_int_equal(last.outcome, AUTH_CREDENTIAL_UNAVAILABLE);
	}
	assert_int_equal(fetch_started, before);
	clock_ahead_ms += 31 * SECOND;
	ask_and_renew(RENEWED(THIRD_TOKEN, "7200"));
	assert_given(THIRD_TOKEN);
}

/* A clone uses the token until the clone ends. */
static void
test_while_cloning(void **state)
{
	struct auth_lease lease = {.session = NULL};

	(void)state;
	world_sign_in(&world, "/");
	pass_to(118);
	assert_true(auth_lease_start(&lease, world.verdict.session));
	assert_null(ask());
	assert_given(TEST_TOKEN);
	assert_ptr_equal(last.session, lease.session);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	/* git in the workspace can't end it either. */
	auth_credential_reject(world.auth, STR(TEST_TOKEN));
	assert_null(ask());
	assert_int_equal(last.outcome, AUTH_CREDENTIAL_UNAVAILABLE);
	auth_lease_end(&lease);
	auth_lease_end(&lease);
	ask_and_renew(RENEWED(SECOND_TOKEN, "7200"));
	assert_given(SECOND_TOKEN);
}

static void
test_lease_that_is_rejected(void **state)
{
	struct auth_lease lease = {.session = NULL};
	struct auth_lease older;

	(void)state;
	world_sign_in(&world, "/");
	assert_int_equal(world_script(&world, "/x"), AUTH_ALLOW);
	assert_true(auth_lease_start(&lease, world.verdict.session));
	assert_true(str_equal(secret_view(auth_lease_token(&lease)), STR(TEST_TOKEN)));
	older = lease;
	auth_lease_end_rejected(&lease);
	assert_null(lease.session);
	ask_and_renew(RENEWED(SECOND_TOKEN, "7200"));
	assert_given(SECOND_TOKEN);
	/* The rejected token is meant, not the one that was received since. */
	assert_true(auth_lease_start(&lease, last.session));
	lease.token_serial = older.token_serial;
	auth_lease_end_rejected(&lease);
	assert_null(ask());
	assert_given(SECOND_TOKEN);
	auth_lease_end_rejected(&lease);
}

/* API tokens are used only for the requests that contained them. */
static void
test_api_tokens_are_not_lent(void **state)
{
	const struct gitlab_user user = {.id = 42, .username = "sasha", .is_active = true};
	struct gitlab_tokens tokens = {.access = secret_from_str(STR("canary-program"))};
	struct auth_lease lease = {.session = NULL};
	struct err e = ERR_INIT;
	struct auth_session *s;

	(void)state;
	s = session_new_for_token(world.auth->store, &user, &tokens, &e);
	assert_non_null(s);
	assert_null(ask());
	assert_int_equal(last.outcome, AUTH_CREDENTIAL_SIGN_IN);
	assert_false(auth_lease_start(&lease, s));
	assert_null(lease.session);
	auth_credential_reject(world.auth, STR("canary-program"));
	assert_int_equal(gitlab_metrics(world.auth->gitlab)->credentials_rejected, 0);
}

static void
test_last_used_session(void **state)
{
	struct browser first;

	(void)state;
	world_sign_in(&world, "/");
	first = world.browser;
	world.browser.count = 0;
	clock_ahead_ms += SECOND;
	world_come_back(&world, "/");
	answer("/oauth/token", 200, RENEWED(SECOND_TOKEN, "7200"));
	answer("/api/v4/user", 200, USER_JSON);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_null(ask());
	assert_given(SECOND_TOKEN);
	clock_ahead_ms += SECOND;
	world.browser = first;
	assert_int_equal(world_script(&world, "/x"), AUTH_ALLOW);
	assert_null(ask());
	assert_given(TEST_TOKEN);
}

/* Code of other members in the workspace can ask too: with an owner, only the owner's token is
 * given. */
static void
test_only_the_owners(void **state)
{
	(void)state;
	world.settings.owner_id = 43;
	world_sign_in(&world, "/");
	assert_null(ask());
	assert_int_equal(last.outcome, AUTH_CREDENTIAL_SIGN_IN);
	world.settings.owner_id = 42;
	assert_null(ask());
	assert_given(TEST_TOKEN);
}

static void
on_ended(enum auth_end reason, void *arg)
{
	(void)reason;
	(void)arg;
}

/* Two users have an open IDE each: the one with the last activity counts. */
static void
test_last_used_of_open_sessions(void **state)
{
	struct auth_watch first = {.session = NULL};
	struct auth_watch second = {.session = NULL};

	(void)state;
	world_sign_in(&world, "/");
	assert_int_equal(world_script(&world, "/x"), AUTH_ALLOW);
	auth_watch_start(&first, world.verdict.session, on_ended, NULL);
	world.browser.count = 0;
	world_come_back(&world, "/");
	answer("/oauth/token", 200, RENEWED(SECOND_TOKEN, "7200"));
	answer("/api/v4/user", 200, USER_JSON);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_int_equal(world_script(&world, "/x"), AUTH_ALLOW);
	auth_watch_start(&second, world.verdict.session, on_ended, NULL);
	for (unsigned i = 0; i < 4; i++) {
		clock_ahead_ms += SECOND;
		auth_watch_note_use(i % 2 == 0 ? &first : &second, clock_monotonic_ms());
		assert_null(ask());
		assert_given(i % 2 == 0 ? TEST_TOKEN : SECOND_TOKEN);
	}
	auth_watch_stop(&first);
	auth_watch_stop(&second);
}

static void
test_cancel(void **state)
{
	struct auth_credential_call *call;

	(void)state;
	world_sign_in(&world, "/");
	clock_ahead_ms += 119 * MINUTE;
	call = ask();
	assert_non_null(call);
	assert_non_null(ask()); /* freed with the store */
	auth_credential_cancel(call);
	auth_credential_cancel(NULL);
	world_run_for(&world, 10);
	assert_int_equal(told, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_credential_without_waiting, setup,
						teardown_world),
		cmocka_unit_test_setup_teardown(test_withdrawn, setup, teardown_world),
		cmocka_unit_test_setup_teardown(test_gitlab_does_not_answer, setup, teardown_world),
		cmocka_unit_test_setup_teardown(test_git_requests_do_not_count_as_use, setup,
						teardown_world),
		cmocka_unit_test_setup_teardown(test_renewed_first, setup, teardown_world),
		cmocka_unit_test_setup_teardown(test_lease, setup, teardown_world),
		cmocka_unit_test_setup_teardown(test_short_lived, setup, teardown_world),
		cmocka_unit_test_setup_teardown(test_one_renewal_for_all, setup, teardown_world),
		cmocka_unit_test_setup_teardown(test_renewal_fails, setup, teardown_world),
		cmocka_unit_test_setup_teardown(test_rejected, setup, teardown_world),
		cmocka_unit_test_setup_teardown(test_while_cloning, setup, teardown_world),
		cmocka_unit_test_setup_teardown(test_lease_that_is_rejected, setup, teardown_world),
		cmocka_unit_test_setup_teardown(test_api_tokens_are_not_lent, setup,
						teardown_world),
		cmocka_unit_test_setup_teardown(test_last_used_session, setup, teardown_world),
		cmocka_unit_test_setup_teardown(test_only_the_owners, setup, teardown_world),
		cmocka_unit_test_setup_teardown(test_last_used_of_open_sessions, setup,
						teardown_world),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
