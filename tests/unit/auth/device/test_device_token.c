/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of devices: nothing opens but what we sealed for this workspace, and a token is worth what
 * its device's session is.
 */
#include "auth/device/device_token.h"

#include "tests/unit/auth/device/device_support.h"

static const struct auth_device_id sample = {.bytes = {1, 2, 3, 4}};

static bool
opens(struct str token)
{
	struct auth_device_id id;

	if (!device_token_open(world.auth, token, &id))
		return false;
	assert_memory_equal(&id, &sample, sizeof(id));
	return true;
}

static struct str
seal(struct buf *out)
{
	struct err e = ERR_INIT;

	buf_init(out, DEVICE_TOKEN_MAX);
	assert_true(device_token_seal(world.auth, &sample, out, &e));
	return buf_view(out);
}

static void
test_text_not_sealed_by_us(void **state)
{
	static char large[DEVICE_TOKEN_MAX + 8] = "wsd1.";
	static const char *const tokens[] = {
		"",	     "wsd1.", "wsd1",	    "wsd1.AAAA",
		"wsd1.!!!!", "WSD1",  "glpat-0123", "wsd2.AAAAAAAAAAAAAAAAAAAAAAAA"};

	(void)state;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		assert_false(opens(str_from(tokens[i])));
	memset(large + 5, 'A', sizeof(large) - 6);
	assert_false(opens(str_from(large)));
	assert_false(opens(STR_NONE));
}

/* Changes each character, cuts each end, and appends a byte. */
static void
test_damaged(void **state)
{
	struct buf sealed;
	struct str token = seal(&sealed);
	char text[DEVICE_TOKEN_MAX + 1];

	(void)state;
	assert_true(opens(token));
	memcpy(text, token.data, token.len);
	for (size_t i = 0; i < token.len; i++) {
		/* Some bits of the last character are not significant. */
		text[i] = text[i] == 'A' ? 'z' : 'A';
		assert_false(opens((struct str){text, token.len}));
		text[i] = token.data[i];
		assert_false(opens(str_take(token, i)));
	}
	text[token.len] = 'A';
	assert_false(opens((struct str){text, token.len + 1}));
	buf_fini(&sealed);
}

/* Sealing twice gives different texts, which do not reveal the id. */
static void
test_seals_differ(void **state)
{
	struct buf first;
	struct buf second;

	(void)state;
	assert_false(str_equal(seal(&first), seal(&second)));
	assert_true(opens(buf_view(&first)) && opens(buf_view(&second)));
	buf_fini(&first);
	buf_fini(&second);
}

static void
test_no_room(void **state)
{
	struct err e = ERR_INIT;
	struct buf out;

	(void)state;
	for (size_t max = 0; max < 60; max += 7) {
		buf_init(&out, max);
		assert_false(device_token_seal(world.auth, &sample, &out, &e));
		buf_fini(&out);
	}
}

static void
restart(void)
{
	auth_verdict_fini(&world.verdict);
	auth_free(world.auth);
	loop_free(world.loop);
	world_start(&world);
}

static void
test_file_of_another_workspace(void **state)
{
	struct err e = ERR_INIT;
	struct buf sealed;
	struct str token = seal(&sealed);

	(void)state;
	restart();
	assert_true(opens(token));
	assert_true(url_parse(&world.settings.external_url, STR("https://plum.ws.example.com"),
			      &world.arena, &e));
	restart();
	assert_false(opens(token));
	buf_fini(&sealed);
}

static void
test_token_of_another_key(void **state)
{
	struct buf sealed;
	struct str token = seal(&sealed);

	(void)state;
	secret_free(world.settings.cookie_keys.keys[0]);
	world.settings.cookie_keys.keys[0] =
		secret_from_str(STR("another-0123456789abcdef-another"));
	restart();
	assert_false(opens(token));
	buf_fini(&sealed);
}

/* Other texts sealed with the same keys are no tokens, and a token is no cookie. */
static void
test_cookies_are_no_tokens(void **state)
{
	char token[DEVICE_TOKEN_MAX + 1];
	char spelt[4096];
	struct test_request r;

	(void)state;
	world_sign_in(&world, "/");
	(void)snprintf(spelt, sizeof(spelt), "wsd1.%s",
		       browser_cookie(&world.browser, TEST_COOKIE));
	assert_false(opens(str_from(spelt)));
	let_device_in(token);
	world.browser.count = 0;
	request_init(&r, "GET", "/x");
	request_add(&r, "sec-fetch-mode", "cors");
	(void)snprintf(r.cookies, sizeof(r.cookies), TEST_COOKIE "=%s", token);
	assert_null(world_check(&world, &r));
	assert_problem(&world, AUTH_PROBLEM_LOGIN_REQUIRED, 401);
	(void)snprintf(r.cookies, sizeof(r.cookies), TEST_COOKIE "=%s", token + 5);
	assert_null(world_check(&world, &r));
	assert_problem(&world, AUTH_PROBLEM_LOGIN_REQUIRED, 401);
}

static void
test_gate_accepts_tokens(void **state)
{
	char token[DEVICE_TOKEN_MAX + 1];
	char text[2 * DEVICE_TOKEN_MAX + 64];
	struct buf unknown;

	(void)state;
	world_sign_in(&world, "/");
	let_device_in(token);
	assert_int_equal(check_token(token), AUTH_ALLOW);
	(void)snprintf(text, sizeof(text), "bearer   %s  ", token);
	assert_int_equal(check_device(text), AUTH_ALLOW);
	(void)snprintf(text, sizeof(text), "Basic %s", token);
	assert_int_not_equal(check_device(text), AUTH_ALLOW);
	(void)snprintf(text, sizeof(text), "Bearer %s %s", token, token);
	assert_int_not_equal(check_device(text), AUTH_ALLOW);
	(void)snprintf(text, sizeof(text), "Bearer x%s", token);
	assert_int_not_equal(check_device(text), AUTH_ALLOW);
	/* Sealed by us, for a device that was never authorized. */
	(void)seal(&unknown);
	(void)snprintf(text, sizeof(text), "Bearer %.*s", STR_FMT(buf_view(&unknown)));
	assert_int_not_equal(check_device(text), AUTH_ALLOW);
	buf_fini(&unknown);
}

static void
test_two_tokens_are_none(void **state)
{
	char token[DEVICE_TOKEN_MAX + 1];
	char text[DEVICE_TOKEN_MAX + 16];
	struct test_request r;

	(void)state;
	world_sign_in(&world, "/");
	let_device_in(token);
	(void)snprintf(text, sizeof(text), "Bearer %s", token);
	world.browser.count = 0;
	world_fresh_verdict(&world);
	request_init(&r, "GET", "/ssh");
	request_add(&r, "authorization", text);
	request_add(&r, "authorization", text);
	assert_null(auth_check_device(world.auth, &r.facts, &world.verdict, on_world_done, &world));
	assert_problem(&world, AUTH_PROBLEM_LOGIN_REQUIRED, 401);
}

/* The device ends with its session, or as the oldest of too many devices. */
static void
test_events_that_end_a_device(void **state)
{
	char first[DEVICE_TOKEN_MAX + 1];
	char token[DEVICE_TOKEN_MAX + 1];

	(void)state;
	world_sign_in(&world, "/");
	let_device_in(first);
	for (unsigned i = 0; i < AUTH_DEVICES_MAX; i++) {
		clock_ahead_ms += 1000;
		let_device_in(token);
	}
	assert_int_not_equal(check_token(first), AUTH_ALLOW);
	assert_int_equal(check_token(token), AUTH_ALLOW);
	session_end(world.verdict.session, AUTH_END_EXPIRED);
	assert_int_not_equal(check_token(token), AUTH_ALLOW);
	answer_revocations();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_text_not_sealed_by_us),
		T(test_damaged),
		T(test_seals_differ),
		T(test_no_room),
		T(test_file_of_another_workspace),
		T(test_token_of_another_key),
		T(test_cookies_are_no_tokens),
		T(test_gate_accepts_tokens),
		T(test_two_tokens_are_none),
		T(test_events_that_end_a_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
