/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each step undoes one of inject_pod.c, inject_git_config.c, inject_probes.c and inject_ssh.c.
 */
#include "container/inject/ide/uninject_ide.h"

#include <stdio.h>

#include "base/health_check.h"
#include "container/inject/ide/inject_probes.h"
#include "container/inject/inject_gitlab.h"

#define GIT_INDEX_MAX 1100u
#define NAME_BYTES    64

static struct str
note(const struct node *metadata, const char *name)
{
	return node_text(node_get(node_get(metadata, "annotations"), name));
}

static void
drop_variable(struct node *env, struct str name)
{
	struct node *variable = node_named(env, name);

	if (variable != NULL)
		node_unlink(env, variable);
}

static struct str
indexed(char *name, const char *prefix, size_t index)
{
	int len = snprintf(name, NAME_BYTES, "%s%zu", prefix, index);

	return (struct str){name, (size_t)len};
}

/* Returns the index of our first pair of variables, whose second one names the helper; SIZE_MAX:
 * there is none. */
static size_t
first_git_pair(const struct node *env)
{
	char name[NAME_BYTES];

	for (size_t i = 1; i < GIT_INDEX_MAX; i++) {
		const struct node *value = node_named(env, indexed(name, "GIT_CONFIG_VALUE_", i));
		if (str_starts_with(node_text_at(value, "value"), STR(INJECT_GIT_PATH "/")))
			return i - 1;
	}
	return SIZE_MAX;
}

static void
drop_git_config(struct doc *d, struct node *env)
{
	char name[NAME_BYTES];
	size_t first = first_git_pair(env);

	if (first == SIZE_MAX)
		return;
	for (size_t i = first; node_named(env, indexed(name, "GIT_CONFIG_KEY_", i)) != NULL; i++) {
		drop_variable(env, str_from(name));
		drop_variable(env, indexed(name, "GIT_CONFIG_VALUE_", i));
	}
	if (first == 0) {
		drop_variable(env, STR("GIT_CONFIG_COUNT"));
		return;
	}
	(void)snprintf(name, sizeof(name), "%zu", first);
	node_set_str(d, node_named(env, STR("GIT_CONFIG_COUNT")), "value", str_from(name));
}

static void
drop_env(struct node *env, struct str text)
{
	struct str line;

	while (text.len > 0 && str_next(&text, '\n', &line)) {
		line = str_trim(line);
		size_t equals = str_find_byte(line, '=');
		if (equals == SIZE_MAX)
			continue;
		const struct node *there = node_named(env, str_take(line, equals));
		if (there != NULL &&
		    str_equal(node_text_at(there, "value"), str_skip(line, equals + 1)))
			drop_variable(env, str_take(line, equals));
	}
}

static void
drop_variables(struct doc *d, struct node *metadata, struct node *ide)
{
	struct node *env = node_get(ide, "env");
	struct str address = STR("VSCODE_PROXY_URI");

	if (!node_is(env, NODE_LIST))
		return;
	drop_git_config(d, env);
	if (str_starts_with(node_text_at(node_named(env, address), "value"),
			    STR("https://{{port}}-")))
		drop_variable(env, address);
	drop_env(env, note(metadata, INJECT_PREFIX "ide-env"));
	if (env->count == 0)
		node_remove(ide, "env");
}

static void
drop_args(struct node *metadata, struct node *ide)
{
	struct node *args = node_get(ide, "args");
	size_t count = inject_ide_args(args, note(metadata, INJECT_PREFIX "ide-args"));
	struct node *next;
	size_t at = 0;

	if (count == 0)
		return;
	size_t kept = args->count - count;
	for (struct node *n = node_first(args); n != NULL; n = next) {
		next = node_next(n);
		if (at++ >= kept)
			node_unlink(args, n);
	}
	if (args->count == 0)
		node_remove(ide, "args");
}

static void
drop_hook(struct node *ide)
{
	struct node *lifecycle = node_get(ide, "lifecycle");
	const struct node *command = node_find(lifecycle, "postStart.exec.command");

	if (!str_equal(node_text(node_first(command)), STR(INJECT_GIT_PATH "/workspace-ssh")))
		return;
	node_remove(lifecycle, "postStart");
	if (lifecycle->count == 0)
		node_remove(ide, "lifecycle");
}

void
uninject_ide(struct doc *d, struct node *metadata, struct node *spec)
{
	struct inject c = {
		.doc = d,
		.metadata = metadata,
		.spec = spec,
		.params.container = note(metadata, INJECT_PREFIX "container"),
		.is_gitlab = note(metadata, INJECT_GITLAB_TEMPLATE).len > 0,
	};
	struct node *ide = inject_find_ide(&c);

	if (ide == NULL)
		return;
	inject_restore_probes(d, ide, note(metadata, INJECT_PREFIX "probes"));
	drop_hook(ide);
	drop_variables(d, metadata, ide);
	drop_args(metadata, ide);
}
