/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sidecar that asks the relay for tokens: what it sends, and what it makes of answers, true and
 * false ones.
 */
#include "auth/broker/broker_message.h"
#include "tests/unit/auth/auth_support.h"
#include "tests/unit/auth/broker/broker_support.h"

#define TOKEN_URL "https://relay.example.com/base/token"
#define VERIFIER  "0123456789012345678901234567890123456789abc"
#define WRAPPED	  "canary-wrapped"

static struct world world;
static struct relay_settings relay; /* in the form that the relay uses */
static struct gitlab *gitlab;
static struct gitlab_answer last;
static unsigned ended;

/* State of the relay for the last request. */
static struct broker_request asked;
static struct broker_channel channel;
static struct buf opened;

static int
setup(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	world_setup_settings(&world);
	relay = (struct relay_settings){
		.master_keys = {.keys = {master_key('m')}, .count = 1},
		.zones = {.items = {STR("ws.example.com")}, .count = 1},
	};
	assert_true(url_parse(&world.settings.relay_url, STR("https://relay.example.com/base"),
			      &world.arena, &e));
	world.settings.broker = true;
	world.settings.relay_key =
		relay_derive_key(relay.master_keys.keys[0], STR("kiwi.ws.example.com"), NULL);
	gitlab = gitlab_new(&world.settings, "https://relay.example.com/base/callback", NULL, &e);
	assert_non_null(gitlab);
	buf_init(&opened, BROKER_REQUEST_MAX);
	ended = 0;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	assert_null(fetch_queue);
	gitlab_free(gitlab);
	gitlab_tokens_fini(&last.tokens);
	broker_channel_fini(&channel);
	buf_fini(&opened);
	auth_keys_fini(&relay.master_keys);
	secret_free(world.settings.relay_key);
	secret_free(world.settings.client_secret);
	secret_free(world.settings.cookie_keys.keys[0]);
	world_check_log(&world);
	arena_fini(&world.arena);
	return 0;
}

static void
on_answer(struct gitlab_answer *answer, void *arg)
{
	(void)arg;
	ended++;
	gitlab_tokens_fini(&last.tokens);
	last = *answer;
	answer->tokens = (struct gitlab_tokens){.access = NULL};
}

static struct gitlab_call *
redeem(void)
{
	return gitlab_exchange_code(gitlab,
				    &(struct gitlab_code){.code = STR(TEST_CODE),
							  .verifier = STR(VERIFIER),
							  .modes = AUTH_MODE_WORKSPACE},
				    on_answer, NULL);
}

static struct gitlab_call *
refresh(void)
{
	struct secret *token = secret_from_str(STR(WRAPPED));
	struct gitlab_call *call = gitlab_refresh(gitlab, token, 0, on_answer, NULL);

	secret_free(token);
	return call;
}

/* Opens the pending request as the relay does. */
static void
open_request(void)
{
	const struct fetch_call *c = fetch_queue;

	assert_non_null(c);
	assert_string_equal(c->url, TOKEN_URL);
	assert_string_equal(c->method, "POST");
	assert_int_equal(c->bearer[0], '\0');
	buf_clear(&opened);
	broker_channel_fini(&channel);
	assert_int_equal(broker_request_open(&asked, (struct str){c->body, c->body_len}, &relay,
					     clock_wall_ms(), &opened, &channel),
			 RELAY_VALID);
	assert_true(str_equal(asked.authority, STR("kiwi.ws.example.com")));
}

static void
answer_sealed(struct broker_answer a)
{
	struct err e = ERR_INIT;
	struct buf sealed;

	if (a.answered_ms == 0)
		a.answered_ms = clock_wall_ms();
	buf_init(&sealed, BROKER_ANSWER_MAX);
	assert_true(broker_answer_seal(&a, &channel, &sealed, &e));
	answer_bytes("/base/token", 200, buf_view(&sealed));
	buf_fini(&sealed);
	assert_int_equal(ended, 1);
	ended = 0;
}

static const struct broker_answer good = {
	.outcome = BROKER_OK,
	.lifetime_ms = 7200000,
	.access = {TEST_TOKEN, sizeof(TEST_TOKEN) - 1},
	.refresh = {WRAPPED, sizeof(WRAPPED) - 1},
	.id_token = {"e30.e30.c2ln", 12},
	.scope = {"openid read_api", 15},
};

static void
test_a_code(void **state)
{
	(void)state;
	assert_non_null(redeem());
	assert_null(strstr(fetch_queue->body, TEST_CODE));
	open_request();
	assert_int_equal(asked.operation, BROKER_REDEEM);
	assert_true(str_equal(asked.code, STR(TEST_CODE)));
	assert_true(str_equal(asked.verifier, STR(VERIFIER)));
	answer_sealed(good);
	assert_int_equal(last.outcome, GITLAB_OK);
	assert_true(str_equal(secret_view(last.tokens.access), STR(TEST_TOKEN)));
	assert_true(str_equal(secret_view(last.tokens.refresh), STR(WRAPPED)));
	assert_int_equal(last.tokens.lifetime_ms, 7200000);
	assert_null(last.missing_scope);
}

static void
test_missing_scope_of_the_application(void **state)
{
	struct broker_answer a = good;

	(void)state;
	a.scope = STR("openid");
	assert_non_null(redeem());
	open_request();
	answer_sealed(a);
	assert_non_null(last.missing_scope);
}

static void
test_a_renewal_and_a_revocation(void **state)
{
	struct secret *token = secret_from_str(STR(TEST_TOKEN));

	(void)state;
	assert_non_null(refresh());
	open_request();
	assert_int_equal(asked.operation, BROKER_REFRESH);
	assert_true(str_equal(asked.token, STR(WRAPPED)));
	answer_sealed(good);
	assert_int_equal(last.outcome, GITLAB_OK);

	assert_non_null(gitlab_revoke_token(gitlab, token, on_answer, NULL));
	secret_free(token);
	open_request();
	assert_int_equal(asked.operation, BROKER_REVOKE);
	assert_true(str_equal(asked.token, STR(TEST_TOKEN)));
	answer_sealed((struct broker_answer){.outcome = BROKER_OK});
	assert_int_equal(last.outcome, GITLAB_OK);
}

static void
test_outcomes(void **state)
{
	static const struct {
		enum broker_outcome said;
		enum gitlab_outcome taken;
	} cases[] = {
		{BROKER_GRANT_INVALID, GITLAB_GRANT_INVALID},
		{BROKER_REFUSES_US, GITLAB_REFUSES_US},
		{BROKER_UNAVAILABLE, GITLAB_UNAVAILABLE},
		{BROKER_LOST, GITLAB_LOST},
		{BROKER_DENIED, GITLAB_DENIED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct broker_answer a = good; /* tokens of a failed answer are dropped */

		a.outcome = cases[i].said;
		a.retry_after_s = 9;
		a.reason = STR("some reason");
		assert_non_null(refresh());
		open_request();
		answer_sealed(a);
		assert_int_equal(last.outcome, cases[i].taken);
		assert_int_equal(last.retry_after_s, 9);
		assert_string_equal(last.err.text, "relay: some reason");
		assert_null(last.tokens.access);
	}
}

static void
test_clocks_that_differ(void **state)
{
	(void)state;
	assert_non_null(refresh());
	open_request();
	answer_sealed((struct broker_answer){.outcome = BROKER_STALE,
					     .answered_ms = clock_wall_ms() - 3600500});
	assert_int_equal(last.outcome, GITLAB_REFUSES_US);
	assert_non_null(strstr(last.err.text, "differ by 3600 s"));
}

static void
test_tokens_that_are_none(void **state)
{
	static const struct str tokens[] = {{"", 0}, {"a b", 3}, {"a\r\nX: y", 7}, {"a\0b", 3}};

	(void)state;
	for (size_t i = 0; i < 3 * sizeof(tokens) / sizeof(tokens[0]); i++) {
		struct broker_answer a = good;
		struct str *fields[] = {&a.access, &a.refresh, &a.id_token};
		bool may_lack = i % 3 != 0 && tokens[i / 3].len == 0;

		*fields[i % 3] = tokens[i / 3];
		assert_non_null(refresh());
		open_request();
		answer_sealed(a);
		assert_int_equal(last.outcome, may_lack ? GITLAB_OK : GITLAB_LOST);
		assert_true((last.tokens.access != NULL) == may_lack);
	}
}

static void
answer_plain(struct str body)
{
	answer_bytes("/base/token", 200, body);
	assert_int_equal(ended, 1);
	ended = 0;
	assert_int_equal(last.outcome, GITLAB_LOST);
	assert_null(last.tokens.access);
}

/* Answers to another request, of another version, cut, changed, or the request itself. */
static void
test_responses_that_are_no_answer(void **state)
{
	struct err e = ERR_INIT;
	struct buf old;

	(void)state;
	buf_init(&old, BROKER_ANSWER_MAX);
	assert_non_null(refresh());
	open_request();
	assert_true(broker_answer_seal(&good, &channel, &old, &e));
	answer_plain(STR_NONE);
	assert_non_null(refresh());
	answer_plain(buf_view(&old));

	for (unsigned i = 0; i < 4; i++) {
		assert_non_null(refresh());
		open_request();
		buf_clear(&old);
		assert_true(broker_answer_seal(&good, &channel, &old, &e));
		old.data[i == 0 ? 0 : old.len - 1] ^= i < 2 ? 1 : 0; /* version, tag */
		if (i == 2)
			old.len--;
		if (i == 3)
			assert_true(buf_add_byte(&old, '\0'));
		answer_plain(buf_view(&old));
	}
	assert_non_null(refresh());
	const struct fetch_call *c = fetch_queue;
	char own[4096];
	size_t len = c->body_len;
	memcpy(own, c->body, len);
	answer_plain((struct str){own, len});
	buf_fini(&old);
}

static void
test_statuses(void **state)
{
	static const struct {
		unsigned status;
		enum gitlab_outcome outcome;
		const char *says;
	} cases[] = {
		{403, GITLAB_REFUSES_US, "RELAY_KEY"},
		{404, GITLAB_REFUSES_US, "not a token broker"},
		{405, GITLAB_REFUSES_US, "not a token broker"},
		{302, GITLAB_REFUSES_US, "redirect"},
		{400, GITLAB_REFUSES_US, "status 400"},
		{413, GITLAB_REFUSES_US, "status 413"},
		{429, GITLAB_UNAVAILABLE, "status 429"},
		{500, GITLAB_UNAVAILABLE, "status 500"},
		{503, GITLAB_UNAVAILABLE, "status 503"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ended = 0;
		assert_non_null(redeem());
		answer("/base/token", cases[i].status, "");
		assert_int_equal(ended, 1);
		assert_int_equal(last.outcome, cases[i].outcome);
		assert_non_null(strstr(last.err.text, cases[i].says));
		assert_int_equal(last.retry_after_s, cases[i].status == 429 ? 7 : 0);
	}
}

/* The same request is sent at most three times, and only if nothing of it was sent. */
static void
test_replicas_that_do_not_connect(void **state)
{
	(void)state;
	assert_non_null(refresh());
	for (unsigned i = 0; i < 2; i++) {
		open_request();
		assert_int_equal(ended, 0);
		break_request("/base/token", ERR_CONNECT, false);
	}
	assert_int_equal(ended, 0);
	break_request("/base/token", ERR_CONNECT, false);
	assert_int_equal(ended, 1);
	assert_int_equal(last.outcome, GITLAB_UNAVAILABLE);
	assert_int_equal(fetch_started, 3);
	ended = 0;
	assert_non_null(refresh());
	break_request("/base/token", ERR_CONNECT, true);
	assert_int_equal(ended, 1);
	assert_int_equal(last.outcome, GITLAB_LOST);
	assert_int_equal(fetch_started, 4);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_code),
		T(test_missing_scope_of_the_application),
		T(test_a_renewal_and_a_revocation),
		T(test_outcomes),
		T(test_clocks_that_differ),
		T(test_tokens_that_are_none),
		T(test_responses_that_are_no_answer),
		T(test_statuses),
		T(test_replicas_that_do_not_connect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
