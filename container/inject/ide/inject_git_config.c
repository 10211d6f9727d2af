/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Git's configuration in the environment of the IDE's container, appended to existing variables:
 * GIT_CONFIG_COUNT, GIT_CONFIG_KEY_<n>, GIT_CONFIG_VALUE_<n> (git-config(1)).
 */
#include "container/inject/ide/inject_git_config.h"

#include <stdio.h>

#include "base/git_config.h"
#include "container/inject/inject_edit.h"
#include "container/inject/inject_user.h"

#define COUNT_NAME "GIT_CONFIG_COUNT"
#define COUNT_MAX  1000u
#define NAME_BYTES 64

/* Whether the IDE may run as another user than the sidecar, which owns the cloned files: as root,
 * or as a user that only the image knows. */
static bool
users_may_differ(const struct inject *c)
{
	return inject_has_own_user(c) || inject_ide_user(c) <= 0;
}

static bool
has_value(const struct node *env, const char *prefix, size_t index, const char *value)
{
	char name[NAME_BYTES];
	const struct node *variable;

	(void)snprintf(name, sizeof(name), "%s%zu", prefix, index);
	variable = node_named(env, str_from(name));
	return variable != NULL && node_get(variable, "valueFrom") == NULL &&
	       str_equal(node_text_at(variable, "value"), str_from(value));
}

static bool
is_there(const struct node *env, const struct git_config *config, size_t at)
{
	for (size_t i = 0; i < config->count; i++) {
		if (!has_value(env, "GIT_CONFIG_KEY_", at + i, config->pairs[i].key) ||
		    !has_value(env, "GIT_CONFIG_VALUE_", at + i, config->pairs[i].value))
			return false;
	}
	return true;
}

static void
set_indexed(struct inject *c, const char *prefix, size_t index, const char *value)
{
	inject_set_variable(
		c, inject_allocated(c, arena_printf(&c->doc->arena, "%s%zu", prefix, index)),
		str_from(value));
}

static void
append(struct inject *c, const struct git_config *config, size_t at)
{
	inject_set_variable(
		c, STR(COUNT_NAME),
		inject_allocated(c, arena_printf(&c->doc->arena, "%zu", at + config->count)));
	for (size_t i = 0; i < config->count; i++) {
		set_indexed(c, "GIT_CONFIG_KEY_", at + i, config->pairs[i].key);
		set_indexed(c, "GIT_CONFIG_VALUE_", at + i, config->pairs[i].value);
	}
}

/* Reads the number of variables that the author has set. */
static bool
read_count(struct inject *c, const struct node *env, uint64_t *count)
{
	const struct node *variable = node_named(env, STR(COUNT_NAME));

	*count = 0;
	if (variable == NULL)
		return true;
	if (!inject_variable_is_unique(c, STR(COUNT_NAME)))
		return false;
	/* git reads an empty value as 0. */
	if (node_get(variable, "valueFrom") == NULL &&
	    str_is_empty(node_text_at(variable, "value")))
		return true;
	if (node_get(variable, "valueFrom") == NULL &&
	    str_to_u64(node_text_at(variable, "value"), 0, COUNT_MAX, count))
		return true;
	inject_problem(c,
		       "container %.*s: " COUNT_NAME ": expected a number up to %u, because git's "
		       "credentials are appended to what it counts",
		       STR_FMT(inject_name_of(c->ide)), COUNT_MAX);
	return false;
}

void
inject_git_config(struct inject *c)
{
	const struct git_config_source source = {
		.gitlab = c->settings->gitlab,
		.ssh = &c->settings->gitlab_ssh,
		.helper = INJECT_GIT_HELPER,
		.other_owner = c->params.clone_dir.len > 0 && users_may_differ(c),
	};
	const struct node *env = node_get(c->ide, "env");
	struct git_config config;
	uint64_t count;

	if (source.gitlab == NULL || !read_count(c, env, &count))
		return;
	if (!git_config_make(&config, &source, &c->doc->arena)) {
		c->doc->failed = true;
		return;
	}
	for (size_t at = 0; at + config.count <= count; at++) {
		if (is_there(env, &config, at))
			return;
	}
	append(c, &config, count);
}
