/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of devices share: requests of a browser and of a device, and a device that is let
 * in.
 */
#ifndef TESTS_UNIT_AUTH_DEVICE_DEVICE_SUPPORT_H
#define TESTS_UNIT_AUTH_DEVICE_DEVICE_SUPPORT_H

#include "auth/device/device_grants.h"
#include "auth/device/device_token.h"
#include "tests/unit/auth/auth_fixture.h"

/* RFC 7636 appendix B. */
#define VERIFIER  "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
#define LOOPBACK  "port=40000&challenge=" CHALLENGE "&state=st-1&name=laptop"
#define TYPED	  "challenge=" CHALLENGE "&name=laptop"
#define ORIGIN	  "https://kiwi.ws.example.com"

/* Posts the form of a page; headers may be added. */
static inline void
form_init(struct test_request *r, const char *body)
{
	request_init(r, "POST", "/oauth2/device");
	r->facts.body = str_from(body);
	request_as_navigation(r);
	request_add(r, "origin", ORIGIN);
	request_add(r, "sec-fetch-site", "same-origin");
}

static inline void
post_form(const char *body)
{
	struct test_request r;

	form_init(&r, body);
	assert_null(world_answer(&world, AUTH_ENDPOINT_DEVICE, &r));
}

static inline void
open_page(const char *target)
{
	struct test_request r;

	request_init(&r, "GET", target);
	request_as_navigation(&r);
	assert_null(world_answer(&world, AUTH_ENDPOINT_DEVICE, &r));
}

/* Sends a request of a program without the browser's cookies. */
static inline void
ask_as_device(enum auth_endpoint endpoint, const char *body, const char *header, const char *value)
{
	struct browser browser = world.browser;
	struct test_request r;

	world.browser.count = 0;
	request_init(&r, "POST", "/oauth2/device/x");
	r.facts.body = str_from(body);
	if (header != NULL)
		request_add(&r, header, value);
	assert_null(world_answer(&world, endpoint, &r));
	world.browser = browser;
}

static inline void
copy_json(const char *name, char *out, size_t size)
{
	char start[64];
	const char *json = arena_dup(&world.verdict.arena, world.verdict.json);
	const char *at;

	assert_int_equal(world.verdict.action, AUTH_REPLY);
	assert_int_equal(world.verdict.status, 200);
	(void)snprintf(start, sizeof(start), "\"%s\":\"", name);
	assert_non_null(json);
	at = strstr(json, start);
	assert_non_null(at);
	at += strlen(start);
	(void)snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
}

static inline void
assert_error(const char *error)
{
	char expected[96];
	int len = snprintf(expected, sizeof(expected), "{\"error\":\"%s\",\"status\":400}", error);

	assert_int_equal(world.verdict.action, AUTH_REPLY);
	assert_int_equal(world.verdict.status, 400);
	assert_true(str_equal(world.verdict.json, (struct str){expected, (size_t)len}));
}

/* Returns the code that the browser passes to the device after the user has confirmed. */
static inline void
loopback_code(char code[DEVICE_SECRET_LEN + 1])
{
	post_form(LOOPBACK);
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	location_parameter(&world, "code", code, DEVICE_SECRET_LEN + 1);
}

static inline void
redeem(const char *code, const char *verifier)
{
	char body[512];

	(void)snprintf(body, sizeof(body), "code=%s&verifier=%s", code, verifier);
	ask_as_device(AUTH_ENDPOINT_DEVICE_TOKEN, body, NULL, NULL);
}

static inline void
let_device_in(char token[DEVICE_TOKEN_MAX + 1])
{
	char code[DEVICE_SECRET_LEN + 1];

	loopback_code(code);
	redeem(code, VERIFIER);
	copy_json("token", token, DEVICE_TOKEN_MAX + 1);
}

/* Sends a request of the device's tunnel. */
static inline enum auth_action
check_device(const char *authorization)
{
	struct browser browser = world.browser;
	struct test_request r;

	world.browser.count = 0;
	world_fresh_verdict(&world);
	request_init(&r, "GET", "/ssh");
	request_add(&r, "authorization", authorization);
	assert_null(auth_check_device(world.auth, &r.facts, &world.verdict, on_world_done, &world));
	world.browser = browser;
	return world.verdict.action;
}

static inline enum auth_action
check_token(const char *token)
{
	char authorization[DEVICE_TOKEN_MAX + 16];

	(void)snprintf(authorization, sizeof(authorization), "Bearer %s", token);
	return check_device(authorization);
}

/* Checks the token of a session that has ended. */
static inline void
answer_revocations(void)
{
	while (fetch_queue != NULL)
		answer("/oauth/revoke", 200, "{}");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup_world, teardown_world)

#endif
