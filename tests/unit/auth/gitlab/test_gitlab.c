/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forms that are sent to GitLab: values are encoded, and a form without room for one is not sent.
 */
#include "auth/gitlab/gitlab.h"
#include "tests/unit/auth/auth_support.h"

static struct world world;
static struct gitlab *gitlab;

static int
setup(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	world_setup_settings(&world);
	gitlab = gitlab_new(&world.settings, "https://kiwi.example.com/callback", NULL, &e);
	assert_non_null(gitlab);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	assert_null(fetch_queue);
	gitlab_free(gitlab);
	secret_free(world.settings.client_secret);
	secret_free(world.settings.cookie_keys.keys[0]);
	world_check_log(&world);
	arena_fini(&world.arena);
	return 0;
}

static void
on_answer(struct gitlab_answer *answer, void *arg)
{
	(void)answer;
	(void)arg;
}

static struct gitlab_call *
revoke_token(const void *token, size_t len)
{
	struct secret *s = secret_new(token, len);

	assert_non_null(s);
	struct gitlab_call *call = gitlab_revoke_token(gitlab, s, on_answer, NULL);
	secret_free(s);
	return call;
}

static void
test_values_are_encoded(void **state)
{
	(void)state;
	assert_non_null(revoke_token("a&b=c d", 7));
	assert_non_null(strstr(fetch_queue->body, "client_secret=" TEST_SECRET));
	assert_non_null(strstr(fetch_queue->body, "&token=a%26b%3Dc%20d"));
	answer("/oauth/revoke", 200, "{}");
}

/* No value is left out. */
static void
test_a_value_without_room(void **state)
{
	static char long_token[SECRET_MAX_BYTES];

	(void)state;
	memset(long_token, 'a', sizeof(long_token));
	assert_null(revoke_token(long_token, sizeof(long_token)));
	assert_null(revoke_token(long_token, sizeof(long_token) / 3 + 1));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_values_are_encoded),
		T(test_a_value_without_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
