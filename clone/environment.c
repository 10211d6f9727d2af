/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds environment variables as strings in an arena.
 */
#include "clone/environment.h"

#include <stdlib.h>

#define ARENA_MAX 65536u

void
environment_add(struct environment *env, const char *name, const char *value)
{
	char *variable;

	if (value == NULL)
		return;
	variable = arena_printf(&env->arena, "%s=%s", name, value);
	if (variable == NULL || env->count == ENVIRONMENT_VARIABLES_MAX)
		env->failed = true;
	else
		env->variables[env->count++] = variable;
}

void
environment_add_made(struct environment *env, const char *name, const char *value)
{
	env->failed = env->failed || value == NULL;
	environment_add(env, name, value);
}

void
environment_inherit(struct environment *env, const char *name)
{
	environment_add(env, name, getenv(name));
}

void
environment_init(struct environment *env)
{
	static const char *const proxies[] = {"HTTPS_PROXY", "https_proxy", "http_proxy",
					      "ALL_PROXY",   "all_proxy",   "NO_PROXY",
					      "no_proxy"};

	*env = (struct environment){.count = 0};
	arena_init(&env->arena, ARENA_MAX);
	environment_add(env, "PATH", "/usr/local/bin:/usr/bin:/bin");
	environment_add(env, "HOME", "/nonexistent");
	environment_add(env, "LANG", "C.UTF-8");
	for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++)
		environment_inherit(env, proxies[i]);
}

void
environment_fini(struct environment *env)
{
	arena_fini(&env->arena);
}
