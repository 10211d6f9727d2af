/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of logins share: one world for each test, what a form or a revocation must say,
 * and the verdicts that end a login.
 */
#ifndef TESTS_UNIT_AUTH_LOGIN_LOGIN_SUPPORT_H
#define TESTS_UNIT_AUTH_LOGIN_LOGIN_SUPPORT_H

#include "tests/unit/auth/auth_fixture.h"

/* Returns the pending request to this URL without removing it. */
static inline const struct fetch_call *
peek_request(const char *url_end)
{
	for (const struct fetch_call *c = fetch_queue; c != NULL; c = c->next) {
		if (str_ends_with(str_from(c->url), str_from(url_end)))
			return c;
	}
	return NULL;
}

static inline void
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

static inline void
assert_revoked(const char *token)
{
	const struct fetch_call *c = peek_request("/oauth/revoke");

	assert_non_null(c);
	assert_form(c, "token", token);
	assert_form(c, "client_secret", TEST_SECRET);
	answer("/oauth/revoke", 200, "{}");
}

static inline void
assert_no_session(void)
{
	assert_false(browser_has_session(&world.browser));
	assert_int_equal(session_store_count(world.auth->store), 0);
}

#define UNAVAILABLE AUTH_PROBLEM_GITLAB_UNAVAILABLE, 503
#define REFUSES_US  AUTH_PROBLEM_GITLAB_REFUSES_US, 502
#define FAILED	    AUTH_PROBLEM_LOGIN_FAILED, 403

#define T(name) cmocka_unit_test_setup_teardown(name, setup_world, teardown_world)

#endif
