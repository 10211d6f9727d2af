/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between sidecar and token broker: what is sealed opens for whom it is meant, and nothing
 * else does.
 */
#include "auth/broker/broker_message.h"
#include "tests/unit/auth/broker/broker_support.h"

#define HOST	 "kiwi.ws.example.com"
#define NOW_MS	 INT64_C(1800000000000)
#define VERIFIER "0123456789012345678901234567890123456789abc"

struct pair {
	struct relay_settings settings;
	struct secret *workspace_key;
	struct buf text;
	struct buf memory;
	struct broker_channel ours;
	struct broker_channel theirs;
	struct broker_request read;
};

static int
setup(void **state)
{
	static struct pair p;

	p = (struct pair){.settings = {.master_keys = {.keys = {master_key('m')}, .count = 1},
				       .zones = {.items = {STR("ws.example.com")}, .count = 1}}};
	p.workspace_key = relay_derive_key(p.settings.master_keys.keys[0], STR(HOST), NULL);
	assert_non_null(p.workspace_key);
	buf_init(&p.text, BROKER_ANSWER_MAX);
	buf_init(&p.memory, BROKER_ANSWER_MAX);
	*state = &p;
	return 0;
}

static int
teardown(void **state)
{
	struct pair *p = *state;

	auth_keys_fini(&p->settings.master_keys);
	secret_free(p->workspace_key);
	buf_fini(&p->text);
	buf_fini(&p->memory);
	broker_channel_fini(&p->ours);
	broker_channel_fini(&p->theirs);
	return 0;
}

static void
seal(struct pair *p, const struct broker_request *r)
{
	struct err e = ERR_INIT;

	buf_clear(&p->text);
	broker_channel_fini(&p->ours);
	assert_true(broker_request_seal(r, p->workspace_key, &p->text, &p->ours, &e));
}

static enum relay_result
open_at(struct pair *p, struct str text, int64_t now_ms)
{
	buf_clear(&p->memory);
	broker_channel_fini(&p->theirs);
	return broker_request_open(&p->read, text, &p->settings, now_ms, &p->memory, &p->theirs);
}

static const struct broker_request redeem = {
	.authority = {HOST, sizeof(HOST) - 1},
	.sent_ms = NOW_MS,
	.operation = BROKER_REDEEM,
	.code = {"code-1", 6},
	.verifier = {VERIFIER, sizeof(VERIFIER) - 1},
};

static void
test_requests_are_read_as_written(void **state)
{
	struct pair *p = *state;
	struct broker_request revoke = {
		.authority = STR(HOST), .operation = BROKER_REVOKE, .token = STR("token")};

	seal(p, &redeem);
	assert_int_equal(open_at(p, buf_view(&p->text), NOW_MS), RELAY_VALID);
	assert_int_equal(p->read.operation, BROKER_REDEEM);
	assert_true(str_equal(p->read.authority, STR(HOST)));
	assert_true(str_equal(p->read.code, redeem.code));
	assert_true(str_equal(p->read.verifier, redeem.verifier));
	assert_true(secret_equal(p->ours.key, p->theirs.key));
	assert_memory_equal(p->ours.nonce, p->theirs.nonce, sizeof(p->ours.nonce));
	revoke.sent_ms = NOW_MS;
	seal(p, &revoke);
	assert_int_equal(open_at(p, buf_view(&p->text), NOW_MS), RELAY_VALID);
	assert_true(str_equal(p->read.token, STR("token")));
}

static void
test_secrets_are_not_in_the_text(void **state)
{
	struct pair *p = *state;

	seal(p, &redeem);
	assert_int_equal(str_find(buf_view(&p->text), redeem.code), SIZE_MAX);
	assert_int_equal(str_find(buf_view(&p->text), redeem.verifier), SIZE_MAX);
	assert_true(p->text.len < BROKER_REQUEST_MAX);
}

static void
test_time(void **state)
{
	struct pair *p = *state;
	struct str text;

	seal(p, &redeem);
	text = buf_view(&p->text);
	assert_int_equal(open_at(p, text, NOW_MS + BROKER_SKEW_MS), RELAY_VALID);
	assert_int_equal(open_at(p, text, NOW_MS - BROKER_SKEW_MS), RELAY_VALID);
	assert_int_equal(open_at(p, text, NOW_MS + BROKER_SKEW_MS + 1), RELAY_STALE);
	assert_int_equal(open_at(p, text, NOW_MS - BROKER_SKEW_MS - 1), RELAY_STALE);
	assert_non_null(p->theirs.key);
	assert_int_equal(open_at(p, text, 0), RELAY_STALE);
}

static void
test_two_masters(void **state)
{
	struct pair *p = *state;
	struct auth_keys *masters = &p->settings.master_keys;

	seal(p, &redeem);
	masters->keys[1] = masters->keys[0];
	masters->keys[0] = master_key('n');
	masters->count = 2;
	assert_int_equal(open_at(p, buf_view(&p->text), NOW_MS), RELAY_VALID);
	assert_true(secret_equal(p->ours.key, p->theirs.key));
	secret_free(masters->keys[1]);
	masters->count = 1;
	assert_int_equal(open_at(p, buf_view(&p->text), NOW_MS), RELAY_FORGED);
	assert_null(p->theirs.key);
}

static void
test_every_changed_bit_is_noticed(void **state)
{
	struct pair *p = *state;

	seal(p, &redeem);
	for (size_t i = 0; i < p->text.len * 8; i++) {
		p->text.data[i / 8] = (char)(p->text.data[i / 8] ^ 1 << i % 8);
		assert_int_not_equal(open_at(p, buf_view(&p->text), NOW_MS), RELAY_VALID);
		assert_null(p->theirs.key);
		p->text.data[i / 8] = (char)(p->text.data[i / 8] ^ 1 << i % 8);
	}
	for (size_t len = 0; len < p->text.len; len++)
		assert_int_not_equal(open_at(p, str_take(buf_view(&p->text), len), NOW_MS),
				     RELAY_VALID);
}

static void
test_hosts_outside_the_zones(void **state)
{
	static const char *const hosts[] = {"ws.example.com",	   "a.b.ws.example.com",
					    "Kiwi.ws.example.com", "kiwi.ws.example.com:8443",
					    "kiwi.example.com",	   ""};
	struct pair *p = *state;
	struct broker_request r = redeem;

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		r.authority = str_from(hosts[i]);
		seal(p, &r);
		assert_int_equal(open_at(p, buf_view(&p->text), NOW_MS), RELAY_OUTSIDE_ZONES);
	}
}

static void
test_too_long_a_request(void **state)
{
	static char token[BROKER_REQUEST_MAX + 1];
	struct pair *p = *state;
	struct broker_request r = redeem;
	struct err e = ERR_INIT;

	memset(token, 't', sizeof(token));
	r.token = (struct str){token, sizeof(token)};
	assert_false(broker_request_seal(&r, p->workspace_key, &p->text, &p->ours, &e));
	assert_int_equal(e.code, ERR_LIMIT);
	assert_null(p->ours.key);
}

static const struct broker_answer tokens = {
	.outcome = BROKER_OK,
	.retry_after_s = 3,
	.answered_ms = NOW_MS,
	.lifetime_ms = 7200000,
	.access = {"access", 6},
	.refresh = {"wrapped", 7},
	.id_token = {"a.b.c", 5},
	.scope = {"openid", 6},
	.reason = {"none", 4},
};

/* Seals and opens a request, and seals the tokens as its answer. */
static void
exchange(struct pair *p, struct buf *answer)
{
	seal(p, &redeem);
	assert_int_equal(open_at(p, buf_view(&p->text), NOW_MS), RELAY_VALID);
	buf_init(answer, BROKER_ANSWER_MAX);
	assert_true(broker_answer_seal(&tokens, &p->theirs, answer, NULL));
}

static void
test_answers_are_read_as_written(void **state)
{
	struct pair *p = *state;
	struct broker_answer a;
	struct buf answer;

	exchange(p, &answer);
	buf_clear(&p->memory);
	assert_true(broker_answer_open(&a, buf_view(&answer), &p->ours, &p->memory));
	assert_int_equal(a.outcome, BROKER_OK);
	assert_int_equal(a.retry_after_s, 3);
	assert_true(a.answered_ms == NOW_MS && a.lifetime_ms == 7200000);
	assert_true(str_equal(a.access, tokens.access) && str_equal(a.refresh, tokens.refresh));
	assert_true(str_equal(a.id_token, tokens.id_token) && str_equal(a.scope, tokens.scope));
	assert_true(str_equal(a.reason, tokens.reason));
	buf_fini(&answer);
}

static void
test_answers_are_for_one_request(void **state)
{
	struct pair *p = *state;
	struct broker_answer a;
	struct buf answer;

	exchange(p, &answer);
	/* Neither the request itself nor the answer to an earlier one is accepted. */
	buf_clear(&p->memory);
	assert_false(broker_answer_open(&a, buf_view(&p->text), &p->ours, &p->memory));
	seal(p, &redeem);
	assert_false(broker_answer_open(&a, buf_view(&answer), &p->ours, &p->memory));
	assert_int_equal(a.outcome, BROKER_LOST);
	buf_fini(&answer);
}

static void
test_every_changed_bit_of_an_answer(void **state)
{
	struct pair *p = *state;
	struct broker_answer a;
	struct buf answer;

	exchange(p, &answer);
	for (size_t i = 0; i < answer.len * 8; i++) {
		answer.data[i / 8] = (char)(answer.data[i / 8] ^ 1 << i % 8);
		buf_clear(&p->memory);
		assert_false(broker_answer_open(&a, buf_view(&answer), &p->ours, &p->memory));
		answer.data[i / 8] = (char)(answer.data[i / 8] ^ 1 << i % 8);
	}
	for (size_t len = 0; len < answer.len; len++) {
		buf_clear(&p->memory);
		assert_false(broker_answer_open(&a, str_take(buf_view(&answer), len), &p->ours,
						&p->memory));
	}
	buf_fini(&answer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_requests_are_read_as_written, setup, teardown),
		cmocka_unit_test_setup_teardown(test_secrets_are_not_in_the_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_masters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_changed_bit_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hosts_outside_the_zones, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_long_a_request, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answers_are_read_as_written, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answers_are_for_one_request, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_changed_bit_of_an_answer, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
