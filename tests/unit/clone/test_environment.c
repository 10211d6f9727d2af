/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Environments of children: what is in them, and that nothing is left out in silence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "clone/environment.h"

static bool
has(const struct environment *env, const char *variable)
{
	for (char *const *v = env->variables; *v != NULL; v++) {
		if (strcmp(*v, variable) == 0)
			return true;
	}
	return false;
}

static void
test_only_proxy_variables_are_inherited(void **state)
{
	struct environment env;

	(void)state;
	assert_int_equal(setenv("HTTPS_PROXY", "http://proxy.example:3128", 1), 0);
	assert_int_equal(setenv("CANARY", "secret", 1), 0);
	environment_init(&env);
	environment_add(&env, "ONE", "1");
	environment_add(&env, "NONE", NULL);
	assert_false(env.failed);
	assert_true(has(&env, "HOME=/nonexistent"));
	assert_true(has(&env, "HTTPS_PROXY=http://proxy.example:3128"));
	assert_true(has(&env, "ONE=1"));
	assert_false(has(&env, "CANARY=secret"));
	environment_fini(&env);
}

static void
test_too_many_are_a_failure(void **state)
{
	struct environment env;

	(void)state;
	environment_init(&env);
	for (size_t i = 0; i <= ENVIRONMENT_VARIABLES_MAX; i++)
		environment_add(&env, "ONE", "1");
	assert_true(env.failed);
	assert_int_equal(env.count, ENVIRONMENT_VARIABLES_MAX);
	assert_null(env.variables[env.count]);
	environment_fini(&env);
}

static void
test_value_without_room_is_a_failure(void **state)
{
	struct environment env;
	char *large = calloc(1, 70000);

	(void)state;
	assert_non_null(large);
	memset(large, 'x', 69999);
	environment_init(&env);
	environment_add_made(&env, "LIMIT", arena_printf(&env.arena, "%s", large));
	assert_true(env.failed);
	environment_fini(&env);
	free(large);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_proxy_variables_are_inherited),
		cmocka_unit_test(test_too_many_are_a_failure),
		cmocka_unit_test(test_value_without_room_is_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
