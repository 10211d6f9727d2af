/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker asks GitLab, what a workspace gets of the answer, and that no token is left over.
 */
#include <sys/resource.h>

#include "auth/broker/broker_private.h"
#include "auth/broker/wrapped_token.h"
#include "tests/unit/auth/auth_support.h"
#include "tests/unit/auth/broker/broker_support.h"

#define HOST	 "kiwi.ws.example.com"
#define OTHER	 "mango.ws.example.com"
#define VERIFIER "0123456789012345678901234567890123456789abc"
#define HOUR_MS	 UINT64_C(3600000)

/* ID tokens whose only claim is the subject: 42, 43. */
#define ID_OF_SASHA "e30.eyJzdWIiOiI0MiJ9.c2ln"
#define ID_OF_ROBIN "e30.eyJzdWIiOiI0MyJ9.c2ln"
#define ISSUED(refresh, id_token)                                                                  \
	"{\"access_token\":\"" TEST_TOKEN "\",\"token_type\":\"Bearer\",\"expires_in\":7200,"      \
	"\"scope\":\"read_api\"" refresh id_token "}"
#define NEW_REFRESH ",\"refresh_token\":\"" TEST_REFRESH "\""
#define ID(token)   ",\"id_token\":\"" token "\""

static struct world world;
static struct relay_settings relay;
static struct broker *broker;
static char deny_file[64];

/* The channel of the last request. */
static struct broker_channel channel;
static struct broker_answer last;
static struct buf memory;
static unsigned ended;

static void
write_list(const char *text)
{
	FILE *file = fopen(deny_file, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void
deny(const char *text)
{
	struct err e = ERR_INIT;

	write_list(text);
	assert_true(broker_reload_deny_list(broker, &e));
}

static int
setup(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	world_setup_settings(&world);
	(void)snprintf(deny_file, sizeof(deny_file), "/tmp/test-broker-call-%d", (int)getpid());
	write_list("");
	relay = (struct relay_settings){
		.master_keys = {.keys = {master_key('m')}, .count = 1},
		.zones = {.items = {STR("ws.example.com")}, .count = 1},
		.deny_file = deny_file,
		.renew_max_ms = HOUR_MS,
		.requests_max = 1000,
	};
	broker = broker_new(&(struct broker_options){.relay = &relay,
						     .gitlab = &world.settings,
						     .redirect_uri = "https://relay.example.com/"},
			    &e);
	assert_non_null(broker);
	buf_init(&memory, BROKER_ANSWER_MAX);
	ended = 0;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	assert_null(fetch_queue);
	assert_int_equal(broker->calls_count, 0);
	broker_free(broker);
	broker_channel_fini(&channel);
	buf_fini(&memory);
	auth_keys_fini(&relay.master_keys);
	secret_free(world.settings.client_secret);
	secret_free(world.settings.cookie_keys.keys[0]);
	world_check_log(&world);
	arena_fini(&world.arena);
	(void)unlink(deny_file);
	return 0;
}

static void
read_reply(const struct broker_reply *reply, void *arg)
{
	(void)arg;
	ended++;
	assert_int_equal(reply->status, 200);
	buf_clear(&memory);
	assert_true(broker_answer_open(&last, buf_view(&reply->body), &channel, &memory));
}

/* Starts a request. NULL: it is already answered. */
static struct broker_call *
ask(struct broker_request r, struct str host)
{
	struct secret *key = relay_derive_key(relay.master_keys.keys[0], host, NULL);
	struct broker_call *call;
	struct broker_reply reply;
	struct err e = ERR_INIT;
	struct buf text;

	r.authority = host;
	r.sent_ms = clock_wall_ms();
	broker_channel_fini(&channel);
	buf_init(&text, BROKER_REQUEST_MAX);
	assert_true(broker_request_seal(&r, key, &text, &channel, &e));
	call = broker_start(broker, buf_view(&text), NULL, &reply, read_reply, NULL);
	if (call == NULL) {
		read_reply(&reply, NULL);
		buf_fini(&reply.body);
	}
	buf_fini(&text);
	secret_free(key);
	return call;
}

static struct broker_call *
redeem(void)
{
	return ask((struct broker_request){.operation = BROKER_REDEEM,
					   .code = STR(TEST_CODE),
					   .verifier = STR(VERIFIER)},
		   STR(HOST));
}

static struct broker_call *
refresh(struct str token, struct str host)
{
	return ask((struct broker_request){.operation = BROKER_REFRESH, .token = token}, host);
}

/* Wraps GitLab's token "canary-old" of a login that has just happened. */
static void
wrap(struct buf *out, uint64_t user_id)
{
	const struct wrapped_token r = {
		.user_id = user_id, .login_ms = clock_wall_ms(), .token = STR("canary-old")};
	struct err e = ERR_INIT;

	buf_init(out, COOKIE_TEXT_MAX);
	assert_true(wrapped_token_write(&r, &broker->refresh_keys, STR(HOST), out, &e));
}

static void
assert_ended(enum broker_outcome outcome)
{
	assert_int_equal(ended, 1);
	assert_int_equal(last.outcome, outcome);
	if (outcome != BROKER_OK)
		assert_true(str_is_empty(last.access) && str_is_empty(last.refresh) &&
			    str_is_empty(last.id_token));
}

static void
assert_revoked(void)
{
	struct fetch_call *c = take_request("/oauth/revoke");

	assert_non_null(strstr(c->body, "token=" TEST_TOKEN));
	c->done(&(struct fetch_response){.status = 200, .body = STR("{}")}, NULL, true, c->arg);
	free(c);
}

static void
test_a_code(void **state)
{
	struct wrapped_token read;
	struct buf opened;

	(void)state;
	assert_non_null(redeem());
	const struct fetch_call *c = fetch_queue;
	assert_non_null(strstr(c->body, "grant_type=authorization_code"));
	assert_non_null(strstr(c->body, "code=" TEST_CODE));
	assert_non_null(strstr(c->body, "code_verifier=" VERIFIER));
	assert_non_null(strstr(c->body, "client_secret=" TEST_SECRET));
	assert_int_equal(ended, 0);
	answer("/oauth/token", 200, ISSUED(NEW_REFRESH, ID(ID_OF_SASHA)));
	assert_ended(BROKER_OK);
	assert_true(str_equal(last.access, STR(TEST_TOKEN)));
	assert_true(str_equal(last.id_token, STR(ID_OF_SASHA)));
	assert_true(str_equal(last.scope, STR("read_api")));
	assert_int_equal(last.lifetime_ms, 7200000);
	assert_int_equal(str_find(last.refresh, STR(TEST_REFRESH)), SIZE_MAX);

	buf_init(&opened, COOKIE_TEXT_MAX);
	assert_true(
		wrapped_token_read(&read, last.refresh, &broker->refresh_keys, STR(HOST), &opened));
	assert_int_equal(read.user_id, 42);
	assert_true(str_equal(read.token, STR(TEST_REFRESH)));
	buf_fini(&opened);
}

static void
test_a_renewal_keeps_user_and_login(void **state)
{
	struct wrapped_token read;
	struct buf token;
	struct buf opened;
	int64_t login_ms = clock_wall_ms();

	(void)state;
	wrap(&token, 42);
	clock_ahead_ms = HOUR_MS / 2;
	assert_non_null(refresh(buf_view(&token), STR(HOST)));
	assert_non_null(strstr(fetch_queue->body, "refresh_token=canary-old"));
	answer("/oauth/token", 200, ISSUED(NEW_REFRESH, ""));
	assert_ended(BROKER_OK);
	buf_init(&opened, COOKIE_TEXT_MAX);
	assert_true(
		wrapped_token_read(&read, last.refresh, &broker->refresh_keys, STR(HOST), &opened));
	assert_int_equal(read.user_id, 42);
	assert_true(read.login_ms >= login_ms && read.login_ms < login_ms + 60000);
	buf_fini(&opened);
	buf_fini(&token);
}

static void
test_the_old_token_stays_without_a_new_one(void **state)
{
	struct wrapped_token read;
	struct buf token;
	struct buf opened;

	(void)state;
	wrap(&token, 42);
	assert_non_null(refresh(buf_view(&token), STR(HOST)));
	answer("/oauth/token", 200, ISSUED("", ID(ID_OF_SASHA)));
	assert_ended(BROKER_OK);
	buf_init(&opened, COOKIE_TEXT_MAX);
	assert_true(
		wrapped_token_read(&read, last.refresh, &broker->refresh_keys, STR(HOST), &opened));
	assert_true(str_equal(read.token, STR("canary-old")));
	buf_fini(&opened);
	buf_fini(&token);
}

static void
test_refresh_tokens_that_are_none(void **state)
{
	struct buf token;

	(void)state;
	wrap(&token, 42);
	assert_null(refresh(buf_view(&token), STR(OTHER)));
	assert_ended(BROKER_GRANT_INVALID);
	ended = 0;
	token.data[token.len / 2] ^= 1;
	assert_null(refresh(buf_view(&token), STR(HOST)));
	assert_ended(BROKER_GRANT_INVALID);
	ended = 0;
	assert_null(refresh(STR("x"), STR(HOST)));
	assert_ended(BROKER_GRANT_INVALID);
	assert_int_equal(fetch_started, 0);
	buf_fini(&token);
}

static void
test_old_logins_are_not_renewed(void **state)
{
	struct buf token;

	(void)state;
	wrap(&token, 42);
	clock_ahead_ms = HOUR_MS - 1000;
	struct broker_call *call = refresh(buf_view(&token), STR(HOST));
	assert_non_null(call);
	answer("/oauth/token", 200, ISSUED(NEW_REFRESH, ""));
	ended = 0;
	clock_ahead_ms = HOUR_MS + 1000;
	assert_null(refresh(buf_view(&token), STR(HOST)));
	assert_ended(BROKER_GRANT_INVALID);
	assert_true(str_starts_with(last.reason, STR("the login is older")));
	assert_int_equal(fetch_started, 1);
	buf_fini(&token);
}

static void
test_failures_by_kind(void **state)
{
	static const struct {
		unsigned status;
		const char *body;
		enum broker_outcome outcome;
	} cases[] = {
		{400, "{\"error\":\"invalid_grant\"}", BROKER_GRANT_INVALID},
		{401, "{\"error\":\"invalid_client\"}", BROKER_REFUSES_US},
		{404, "{}", BROKER_REFUSES_US},
		{429, "{}", BROKER_UNAVAILABLE},
		{500, "{}", BROKER_UNAVAILABLE},
		{200, "no JSON", BROKER_UNAVAILABLE},
		{200, "{}", BROKER_UNAVAILABLE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ended = 0;
		assert_non_null(redeem());
		answer("/oauth/token", cases[i].status, cases[i].body);
		assert_ended(cases[i].outcome);
		assert_int_equal(last.retry_after_s, cases[i].status == 429 ? 7 : 0);
		clock_ahead_ms += 60000; /* after a 429 no request is sent for a while */
	}
}

static void
test_lost_answers(void **state)
{
	(void)state;
	assert_non_null(redeem());
	break_request("/oauth/token", ERR_CONNECT, true);
	assert_ended(BROKER_LOST);
	ended = 0;
	assert_non_null(redeem());
	break_request("/oauth/token", ERR_CONNECT, false);
	assert_ended(BROKER_UNAVAILABLE);
}

static void
test_tokens_without_or_of_another_user(void **state)
{
	struct buf token;

	(void)state;
	assert_non_null(redeem());
	answer("/oauth/token", 200, ISSUED(NEW_REFRESH, ""));
	assert_ended(BROKER_LOST);
	assert_revoked();
	wrap(&token, 42);
	ended = 0;
	assert_non_null(refresh(buf_view(&token), STR(HOST)));
	answer("/oauth/token", 200, ISSUED(NEW_REFRESH, ID(ID_OF_ROBIN)));
	assert_ended(BROKER_LOST);
	assert_revoked();
	buf_fini(&token);
}

static void
test_denied_before_gitlab_is_asked(void **state)
{
	struct buf token;

	(void)state;
	wrap(&token, 42);
	deny("user 42\n");
	assert_null(refresh(buf_view(&token), STR(HOST)));
	assert_ended(BROKER_DENIED);
	deny("host " HOST "\n");
	for (unsigned i = 0; i < 2; i++) {
		ended = 0;
		assert_null(i == 0 ? redeem() : refresh(buf_view(&token), STR(HOST)));
		assert_ended(BROKER_DENIED);
	}
	assert_int_equal(fetch_started, 0);
	buf_fini(&token);
}

/* The deny list changes while GitLab is asked, or GitLab's answer names a denied user. */
static void
test_denied_after_gitlab_was_asked(void **state)
{
	static const char *const lists[] = {"user 42\n", "host " HOST "\n"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		deny("");
		ended = 0;
		assert_non_null(redeem());
		deny(lists[i]);
		answer("/oauth/token", 200, ISSUED(NEW_REFRESH, ID(ID_OF_SASHA)));
		assert_ended(BROKER_DENIED);
		assert_revoked();
	}
}

static void
test_sign_out_continues_after_restart(void **state)
{
	(void)state;
	deny("host " HOST "\nuser 42\n");
	assert_non_null(
		ask((struct broker_request){.operation = BROKER_REVOKE, .token = STR(TEST_TOKEN)},
		    STR(HOST)));
	assert_revoked();
	assert_ended(BROKER_OK);
}

/* The sidecar has disconnected: tokens that GitLab still issues are revoked. */
static void
test_a_cancelled_call(void **state)
{
	(void)state;
	broker_cancel(redeem());
	assert_int_equal(broker->calls_count, 0);
	answer("/oauth/token", 200, ISSUED(NEW_REFRESH, ID(ID_OF_SASHA)));
	assert_revoked();
	assert_int_equal(ended, 0);
}

static void
test_no_memory_for_a_request(void **state)
{
	(void)state;
	fetch_refuses = true;
	assert_null(redeem());
	assert_ended(BROKER_UNAVAILABLE);
	assert_int_equal(last.retry_after_s, BROKER_BUSY_RETRY_S);
	assert_int_equal(broker->calls_count, 0);
}

#if !defined(SANITIZED) && !defined(EMULATED) /* they need memory, or ignore its limit */
static void
test_no_memory_does_not_end_the_session(void **state)
{
	struct broker_request r = {.operation = BROKER_REFRESH, .authority = STR(HOST)};
	struct broker_end end = {BROKER_RESULT_OK, 0, NULL};
	struct rlimit usual;
	struct buf token;

	(void)state;
	wrap(&token, 42);
	r.token = buf_view(&token);
	free(malloc(65536)); /* leaves the heap memory that is not a secret's */
	assert_int_equal(prlimit(0, RLIMIT_AS, &(struct rlimit){1, RLIM_INFINITY}, &usual), 0);
	const struct broker_call *call = broker_call_start(broker, &r, &channel, &end);
	assert_int_equal(setrlimit(RLIMIT_AS, &usual), 0);
	assert_true(call == NULL && end.result == BROKER_RESULT_UNAVAILABLE);
	buf_fini(&token);
	assert_string_equal(end.reason, "out of memory");
}
#endif

static void
test_keys_change_while_gitlab_is_asked(void **state)
{
	struct auth_keys both = {.keys = {master_key('n'), relay.master_keys.keys[0]}, .count = 2};
	struct err e = ERR_INIT;
	struct buf token;

	(void)state;
	wrap(&token, 42);
	assert_non_null(refresh(buf_view(&token), STR(HOST)));
	assert_true(broker_replace_keys(broker, &both, &e));
	answer("/oauth/token", 200, ISSUED(NEW_REFRESH, ""));
	assert_ended(BROKER_OK);
	ended = 0;
	assert_non_null(refresh(buf_view(&token), STR(HOST))); /* wrapped with the old key */
	answer("/oauth/token", 400, "{\"error\":\"invalid_grant\"}");
	assert_ended(BROKER_GRANT_INVALID);
	buf_fini(&token);
	secret_free(both.keys[0]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_code),
		T(test_a_renewal_keeps_user_and_login),
		T(test_the_old_token_stays_without_a_new_one),
		T(test_refresh_tokens_that_are_none),
		T(test_old_logins_are_not_renewed),
		T(test_failures_by_kind),
		T(test_lost_answers),
		T(test_tokens_without_or_of_another_user),
		T(test_denied_before_gitlab_is_asked),
		T(test_denied_after_gitlab_was_asked),
		T(test_sign_out_continues_after_restart),
		T(test_a_cancelled_call),
		T(test_no_memory_for_a_request),
#if !defined(SANITIZED) && !defined(EMULATED)
		T(test_no_memory_does_not_end_the_session),
#endif
		T(test_keys_change_while_gitlab_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
