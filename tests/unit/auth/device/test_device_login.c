/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Letting a device in: what is malformed, cross-site or of nobody is refused and changes nothing;
 * codes count once, with their verifier, and only while the session is there.
 */
#include "auth/device/device_login.h"

#include "tests/unit/auth/device/device_support.h"

static size_t
grants_count(void)
{
	size_t count = 0;

	for (size_t i = 0; world.auth->grants != NULL && i < DEVICE_GRANTS_MAX; i++)
		count += world.auth->grants->items[i].until_ms != 0;
	return count;
}

static size_t
devices_count(void)
{
	struct auth_device devices[AUTH_DEVICES_MAX];

	assert_int_equal(world_script(&world, "/x"), AUTH_ALLOW);
	return auth_session_devices(world.verdict.session, devices);
}

/* Changes one field each, in a query and in a form. */
static void
test_malformed_fields(void **state)
{
	static const char *const cases[] = {
		"port=0",
		"port=65536",
		"port=08",
		"port=+8",
		"port=80x",
		"port=",
		"port=1&port=2",
		"challenge=short",
		"challenge=" CHALLENGE "x",
		"challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw%2BcM",
		"state=a%20b",
		"state=a%26iss=x",
		"state=12345678901234567890123456789012345678901234567890123456789012345",
		"name=a%0Ab",
		"name=%C3%A9",
		"name=%00",
		"name=12345678901234567890123456789012345678901234567890123456789012345",
		"name=%zz",
		"verifier=short",
		"verifier=" VERIFIER "%20",
		"token=a%20b",
		"end=0123",
		"end=0123456789ABCDEF0123456789ABCDEF",
		"end=0123456789abcdef0123456789abcdef&end=0123456789abcdef0123456789abcdef",
	};
	char target[256];

	(void)state;
	world_sign_in(&world, "/");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(target, sizeof(target), "/oauth2/device?%s", cases[i]);
		open_page(target);
		assert_problem(&world, AUTH_PROBLEM_BAD_REQUEST, 400);
		assert_non_null(world.verdict.detail);
		post_form(cases[i]);
		assert_problem(&world, AUTH_PROBLEM_BAD_REQUEST, 400);
		ask_as_device(AUTH_ENDPOINT_DEVICE_START, cases[i], NULL, NULL);
		assert_problem(&world, AUTH_PROBLEM_BAD_REQUEST, 400);
		ask_as_device(AUTH_ENDPOINT_DEVICE_TOKEN, cases[i], NULL, NULL);
		assert_problem(&world, AUTH_PROBLEM_BAD_REQUEST, 400);
		ask_as_device(AUTH_ENDPOINT_DEVICE_END, cases[i], NULL, NULL);
		assert_problem(&world, AUTH_PROBLEM_BAD_REQUEST, 400);
	}
	assert_int_equal(grants_count(), 0);
}

/* A user typed the code: the page says that there is no such code. */
static void
test_malformed_codes(void **state)
{
	static const char *const cases[] = {
		"code=%3Cscript%3E",
		"code=12345678901234567890123456789012345678901234",
		"code=ABCD%00EFGH",
		"code=A&code=B",
		"code=",
		"code=%zz",
	};
	char body[128];

	(void)state;
	world_sign_in(&world, "/");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		post_form(cases[i]);
		assert_int_equal(world.verdict.action, AUTH_DEVICE_PAGE);
		assert_int_equal(world.verdict.device_page->step, AUTH_DEVICE_WRONG_CODE);
		assert_true(str_is_empty(world.verdict.device_page->code));
		(void)snprintf(body, sizeof(body), "%s&verifier=" VERIFIER, cases[i]);
		ask_as_device(AUTH_ENDPOINT_DEVICE_TOKEN, body, NULL, NULL);
		assert_error("invalid_request");
	}
}

static void
test_missing_fields(void **state)
{
	static const char *const loopback[] = {
		"port=40000",
		"port=40000&challenge=" CHALLENGE "&state=s",
		"port=40000&challenge=" CHALLENGE "&name=laptop",
		"port=40000&state=s&name=laptop",
	};
	static const char *const start[] = {"", "name=laptop", ("challenge=" CHALLENGE)};
	static const char *const token[] = {"", "code=abc", ("verifier=" VERIFIER)};

	(void)state;
	world_sign_in(&world, "/");
	for (size_t i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++) {
		post_form(loopback[i]);
		assert_problem(&world, AUTH_PROBLEM_BAD_REQUEST, 400);
	}
	for (size_t i = 0; i < sizeof(start) / sizeof(start[0]); i++) {
		ask_as_device(AUTH_ENDPOINT_DEVICE_START, start[i], NULL, NULL);
		assert_error("invalid_request");
		ask_as_device(AUTH_ENDPOINT_DEVICE_TOKEN, token[i], NULL, NULL);
		assert_error("invalid_request");
	}
	assert_int_equal(grants_count(), 0);
}

/* Sent by a page of another site or of a port, in a frame, or by a script of the IDE's page. */
static void
test_forms_of_others(void **state)
{
	static const struct {
		const char *origin;
		const char *site;
		const char *mode;
		const char *dest;
	} cases[] = {
		{"https://evil.example", "cross-site", "navigate", "document"},
		{"https://8080-kiwi.ws.example.com", "same-site", "navigate", "document"},
		{"https://kiwi.ws.example.com", "same-site", "navigate", "document"},
		{"http://kiwi.ws.example.com", NULL, "navigate", "document"},
		{"null", NULL, "navigate", "document"},
		{NULL, NULL, "navigate", "document"},
		{ORIGIN, "same-origin", "cors", "empty"},
		{ORIGIN, "same-origin", "no-cors", "empty"},
		{ORIGIN, "same-origin", "navigate", "iframe"},
	};

	(void)state;
	world_sign_in(&world, "/");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test_request r;

		request_init(&r, "POST", "/oauth2/device");
		r.facts.body = STR(LOOPBACK);
		if (cases[i].origin != NULL)
			request_add(&r, "origin", cases[i].origin);
		if (cases[i].site != NULL)
			request_add(&r, "sec-fetch-site", cases[i].site);
		request_add(&r, "sec-fetch-mode", cases[i].mode);
		request_add(&r, "sec-fetch-dest", cases[i].dest);
		assert_null(world_answer(&world, AUTH_ENDPOINT_DEVICE, &r));
		assert_problem(&world, AUTH_PROBLEM_CROSS_SITE, 403);
	}
	assert_int_equal(grants_count(), 0);
}

/* Pages of any site could make a browser send these. */
static void
test_devices_are_no_browsers(void **state)
{
	static const enum auth_endpoint endpoints[] = {
		AUTH_ENDPOINT_DEVICE_START, AUTH_ENDPOINT_DEVICE_TOKEN, AUTH_ENDPOINT_DEVICE_END};

	(void)state;
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
		ask_as_device(endpoints[i], TYPED, "origin", ORIGIN);
		assert_problem(&world, AUTH_PROBLEM_CROSS_SITE, 403);
		ask_as_device(endpoints[i], TYPED, "cookie", "a=b");
		assert_problem(&world, AUTH_PROBLEM_CROSS_SITE, 403);
	}
	assert_int_equal(grants_count(), 0);
}

static void
test_without_a_session(void **state)
{
	(void)state;
	open_page("/oauth2/device?" LOOPBACK);
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	post_form(LOOPBACK);
	assert_problem(&world, AUTH_PROBLEM_LOGIN_REQUIRED, 401);
	assert_int_equal(grants_count(), 0);
}

/* Opening the page authorizes nobody. */
static void
test_page_asks_for_confirmation(void **state)
{
	(void)state;
	world_sign_in(&world, "/");
	open_page("/oauth2/device?" LOOPBACK);
	assert_int_equal(world.verdict.action, AUTH_DEVICE_PAGE);
	assert_int_equal(world.verdict.device_page->step, AUTH_DEVICE_ASK);
	assert_true(str_equal(world.verdict.device_page->name, STR("laptop")));
	assert_int_equal(grants_count(), 0);
	open_page("/oauth2/device");
	assert_int_equal(world.verdict.device_page->step, AUTH_DEVICE_TYPE_CODE);
}

static void
test_by_loopback(void **state)
{
	char code[DEVICE_SECRET_LEN + 1];
	char text[128];

	(void)state;
	world_sign_in(&world, "/");
	loopback_code(code);
	assert_int_equal(world.verdict.status, 303);
	assert_ptr_equal(strstr(world.verdict.location, "http://127.0.0.1:40000/?code="),
			 world.verdict.location);
	location_parameter(&world, "state", text, sizeof(text));
	assert_string_equal(text, "st-1");
	location_parameter(&world, "iss", text, sizeof(text));
	assert_string_equal(text, ORIGIN);
	redeem(code, VERIFIER);
	copy_json("username", text, sizeof(text));
	assert_int_equal(devices_count(), 1);
	redeem(code, VERIFIER);
	assert_error("invalid_grant");
	assert_int_equal(devices_count(), 1);
}

static void
test_codes_that_do_not_fit(void **state)
{
	char code[DEVICE_SECRET_LEN + 1];

	(void)state;
	world_sign_in(&world, "/");
	redeem("nobody-has-this-one", VERIFIER);
	assert_error("invalid_grant");
	loopback_code(code);
	redeem(code, CHALLENGE); /* the code alone, which others may have seen in the URL */
	assert_error("invalid_grant");
	redeem(code, VERIFIER); /* the wrong verifier has invalidated the code */
	assert_error("invalid_grant");
	loopback_code(code);
	clock_ahead_ms += DEVICE_CODE_MS + 1000;
	redeem(code, VERIFIER);
	assert_error("invalid_grant");
	assert_int_equal(devices_count(), 0);
}

static void
test_the_session_has_ended_meanwhile(void **state)
{
	char code[DEVICE_SECRET_LEN + 1];

	(void)state;
	world_sign_in(&world, "/");
	loopback_code(code);
	assert_int_equal(world_script(&world, "/x"), AUTH_ALLOW);
	session_end(world.verdict.session, AUTH_END_EXPIRED);
	redeem(code, VERIFIER);
	assert_error("invalid_grant");
	answer_revocations();
}

static void
start_typed(char device_code[DEVICE_SECRET_LEN + 1], char user_code[DEVICE_USER_CODE_LEN + 1])
{
	ask_as_device(AUTH_ENDPOINT_DEVICE_START, TYPED, NULL, NULL);
	copy_json("device_code", device_code, DEVICE_SECRET_LEN + 1);
	copy_json("user_code", user_code, DEVICE_USER_CODE_LEN + 1);
}

/* The page first names the device; only the second form authorizes it. */
static void
test_by_a_typed_code(void **state)
{
	char device_code[DEVICE_SECRET_LEN + 1];
	char user_code[DEVICE_USER_CODE_LEN + 1];
	char body[128];

	(void)state;
	world_sign_in(&world, "/");
	start_typed(device_code, user_code);
	(void)snprintf(body, sizeof(body), "code=%s", user_code);
	post_form(body);
	assert_int_equal(world.verdict.device_page->step, AUTH_DEVICE_ASK);
	redeem(device_code, VERIFIER);
	assert_error("authorization_pending");
	(void)snprintf(body, sizeof(body), "code=%s&name=laptop", user_code);
	post_form(body);
	assert_int_equal(world.verdict.device_page->step, AUTH_DEVICE_DONE);
	redeem(device_code, VERIFIER);
	copy_json("username", body, sizeof(body));
	redeem(device_code, VERIFIER);
	assert_error("invalid_grant");
	assert_int_equal(devices_count(), 1);
}

/* The user's code can't be redeemed, and the device's code can't be typed. */
static void
test_codes_are_not_interchangeable(void **state)
{
	char device_code[DEVICE_SECRET_LEN + 1];
	char user_code[DEVICE_USER_CODE_LEN + 1];
	char body[128];

	(void)state;
	world_sign_in(&world, "/");
	start_typed(device_code, user_code);
	redeem(user_code, VERIFIER);
	assert_error("invalid_grant");
	(void)snprintf(body, sizeof(body), "code=%s&name=laptop", device_code);
	post_form(body);
	assert_int_equal(world.verdict.device_page->step, AUTH_DEVICE_WRONG_CODE);
	redeem(device_code, VERIFIER);
	assert_error("authorization_pending");
}

/* Guessing invalidates all codes that can be guessed. */
static void
test_guessed_codes(void **state)
{
	char device_code[DEVICE_SECRET_LEN + 1];
	char user_code[DEVICE_USER_CODE_LEN + 1];
	char body[128];

	(void)state;
	world_sign_in(&world, "/");
	start_typed(device_code, user_code);
	for (unsigned i = 0; i < DEVICE_WRONG_CODES_MAX; i++) {
		post_form("code=AAAAAAAA&name=laptop");
		assert_int_equal(world.verdict.device_page->step, AUTH_DEVICE_WRONG_CODE);
	}
	(void)snprintf(body, sizeof(body), "code=%s&name=laptop", user_code);
	post_form(body);
	assert_int_equal(world.verdict.device_page->step, AUTH_DEVICE_WRONG_CODE);
	redeem(device_code, VERIFIER);
	assert_error("invalid_grant");
	assert_int_equal(devices_count(), 0);
}

static void
test_too_many(void **state)
{
	char code[DEVICE_SECRET_LEN + 1];

	(void)state;
	world_sign_in(&world, "/");
	for (unsigned i = 0; i < DEVICE_GRANTS_MAX; i++)
		loopback_code(code);
	post_form(LOOPBACK);
	assert_int_equal(world.verdict.status, 503);
	ask_as_device(AUTH_ENDPOINT_DEVICE_START, TYPED, NULL, NULL);
	assert_int_equal(world.verdict.status, 503);
	redeem(code, VERIFIER); /* replaces the oldest grant */
	loopback_code(code);
}

/* By the user's page and by the device. */
static void
test_ends(void **state)
{
	char token[DEVICE_TOKEN_MAX + 1];
	char body[DEVICE_TOKEN_MAX + 16];
	struct auth_device devices[AUTH_DEVICES_MAX];

	(void)state;
	world_sign_in(&world, "/");
	let_device_in(token);
	post_form("end=00000000000000000000000000000000");
	assert_int_equal(world.verdict.status, 303);
	assert_int_equal(devices_count(), 1);
	assert_int_equal(auth_session_devices(world.verdict.session, devices), 1);
	(void)snprintf(body, sizeof(body), "end=%s", devices[0].id);
	post_form(body);
	assert_int_equal(world.verdict.status, 303);
	assert_int_equal(devices_count(), 0);
	let_device_in(token);
	(void)snprintf(body, sizeof(body), "token=%s", token);
	for (unsigned i = 0; i < 2; i++) {
		ask_as_device(AUTH_ENDPOINT_DEVICE_END, body, NULL, NULL);
		assert_int_equal(world.verdict.status, 200);
		assert_int_equal(devices_count(), 0);
	}
	assert_int_not_equal(check_token(token), AUTH_ALLOW);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_malformed_fields),
		T(test_malformed_codes),
		T(test_missing_fields),
		T(test_forms_of_others),
		T(test_devices_are_no_browsers),
		T(test_without_a_session),
		T(test_page_asks_for_confirmation),
		T(test_by_loopback),
		T(test_codes_that_do_not_fit),
		T(test_the_session_has_ended_meanwhile),
		T(test_by_a_typed_code),
		T(test_codes_are_not_interchangeable),
		T(test_guessed_codes),
		T(test_too_many),
		T(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
