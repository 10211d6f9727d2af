/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cookies of the relay: of other browsers and flows, many of them, two of one name.
 */
#include "tests/unit/auth/relay/relay_support.h"

#define RELAY_COOKIE "__Host-workspace-relay-"

static void
test_another_browser(void **state)
{
	struct stage *s = *state;
	struct browser victim = {.count = 0};

	begin(s, s->relay, &s->browser);
	come_back(s, s->relay, &victim, "code=" TEST_CODE);
	assert_refused(s, AUTH_PROBLEM_RELAY_FOREIGN, 403);
	come_back(s, s->relay, &victim, "error=access_denied");
	assert_refused(s, AUTH_PROBLEM_RELAY_FOREIGN, 403);
}

/* The cookie of one flow opens no other flow, under either name. */
static void
test_cookie_of_another_flow(void **state)
{
	struct stage *s = *state;
	struct browser victim = {.count = 0};
	char state_of_attacker[COOKIE_TEXT_MAX + 1];

	begin(s, s->relay, &s->browser);
	(void)snprintf(state_of_attacker, sizeof(state_of_attacker), "%s", s->state);
	begin(s, s->relay, &victim);
	(void)snprintf(s->state, sizeof(s->state), "%s", state_of_attacker);
	come_back(s, s->relay, &victim, "code=" TEST_CODE);
	assert_refused(s, AUTH_PROBLEM_RELAY_FOREIGN, 403);
	(void)snprintf(victim.names[0], sizeof(victim.names[0]), "%s", s->browser.names[0]);
	come_back(s, s->relay, &victim, "code=" TEST_CODE);
	assert_refused(s, AUTH_PROBLEM_RELAY_FOREIGN, 403);
}

static void
test_cookies_are_bounded(void **state)
{
	struct stage *s = *state;
	char oldest[96];

	for (unsigned i = 0; i < 12; i++) {
		clock_ahead_ms += 2000;
		begin(s, s->relay, &s->browser);
		assert_true(s->browser.count <= 5);
	}
	assert_int_equal(s->browser.count, 5);
	/* The newest flow is still valid. */
	come_back(s, s->relay, &s->browser, "code=" TEST_CODE);
	assert_int_equal(s->verdict.action, AUTH_REDIRECT);
	assert_int_equal(s->browser.count, 4);
	/* Cookies whose names only resemble ours are not removed. */
	(void)snprintf(oldest, sizeof(oldest), RELAY_COOKIE "ZZZZ");
	(void)snprintf(s->browser.names[4], sizeof(oldest), "%s", oldest);
	(void)snprintf(s->browser.values[4], sizeof(s->browser.values[4]), "x");
	s->browser.count = 5;
	begin(s, s->relay, &s->browser);
	assert_int_equal(s->browser.count, 6);
}

/* A planted cookie of the same name does not hide the valid one. */
static void
test_two_cookies_of_one_name(void **state)
{
	struct stage *s = *state;
	struct browser *b = &s->browser;

	begin(s, s->relay, b);
	b->count = 2;
	(void)snprintf(b->names[1], sizeof(b->names[1]), "%s", b->names[0]);
	(void)snprintf(b->values[1], sizeof(b->values[1]), "%s", b->values[0]);
	(void)snprintf(b->values[0], sizeof(b->values[0]), "planted");
	come_back(s, s->relay, b, "code=" TEST_CODE);
	assert_int_equal(s->verdict.action, AUTH_REDIRECT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RELAY_TEST(test_another_browser),
		RELAY_TEST(test_cookie_of_another_flow),
		RELAY_TEST(test_cookies_are_bounded),
		RELAY_TEST(test_two_cookies_of_one_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
