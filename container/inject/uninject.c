/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removes what injection has added, and then restores what it has replaced. Each step undoes
 * one of inject_pod.c, inject_git_config.c, inject_probes.c and inject_ssh.c.
 */
#include "container/inject/uninject.h"

#include <stdio.h>

#include "base/health_check.h"
#include "container/inject/ide/inject_probes.h"
#include "container/inject/inject.h"
#include "container/inject/inject_edit.h"
#include "container/inject/inject_gitlab.h"
#include "container/webhook/patch.h"

#define RECORD_MAX_BYTES 65536u
#define GIT_INDEX_MAX	 1100u
#define NAME_BYTES	 64

/* Returns the pod or pod template, or the object itself. */
static struct node *
part_of(struct node *object)
{
	struct node *pod = inject_find_pod(object);

	return pod != NULL ? pod : object;
}

static bool
is_our_container(struct str name)
{
	return str_equal(name, STR(INJECT_NAME)) || str_equal(name, STR(INJECT_GIT_CONTAINER));
}

/* Removes elements by their name, and the list if it becomes empty. */
static void
drop_named(struct node *map, const char *key, bool (*is_ours)(struct str name))
{
	struct node *list = node_get(map, key);
	struct node *next;
	size_t before = node_is(list, NODE_LIST) ? list->count : 0;

	for (struct node *n = node_first(list); n != NULL; n = next) {
		next = node_next(n);
		if (is_ours(node_text_at(n, "name")))
			node_unlink(list, n);
	}
	if (before > 0 && list->count == 0)
		node_remove(map, key);
}

static bool
has_sidecar(const struct node *pod)
{
	return node_named(node_find(pod, "spec.initContainers"), STR(INJECT_NAME)) != NULL ||
	       node_named(node_find(pod, "spec.containers"), STR(INJECT_NAME)) != NULL;
}

static void
drop_annotation(struct node *metadata, const char *key)
{
	struct node *annotations = node_get(metadata, "annotations");

	node_remove(annotations, key);
	if (annotations != NULL && annotations->count == 0)
		node_remove(metadata, "annotations");
}

/* Removes the group that shares a clone, if injection added it. */
static void
drop_group(struct node *spec)
{
	struct node *context = node_get(spec, "securityContext");

	if (node_int_at(context, "fsGroup") != INJECT_GROUP_ID ||
	    !str_equal(node_text_at(context, "fsGroupChangePolicy"), STR("OnRootMismatch")))
		return;
	node_remove(context, "fsGroup");
	node_remove(context, "fsGroupChangePolicy");
	if (context->count == 0)
		node_remove(spec, "securityContext");
}

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

/* Removes what was added to the IDE's container, except volume mounts. */
static void
strip_ide(struct doc *d, struct node *metadata, struct node *spec)
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

static void
strip_pod(struct doc *d, struct node *pod)
{
	struct node *metadata = node_get(pod, "metadata");
	struct node *spec = node_get(pod, "spec");

	drop_named(spec, "initContainers", is_our_container);
	drop_named(spec, "containers", is_our_container);
	drop_named(spec, "volumes", inject_is_our_volume);
	for (struct node *c = node_first(node_get(spec, "containers")); c != NULL; c = node_next(c))
		drop_named(c, "volumeMounts", inject_is_our_volume);
	drop_group(spec);
	strip_ide(d, metadata, spec);
	drop_annotation(metadata, INJECT_PREFIX "status");
	drop_annotation(metadata, INJECT_PREFIX "probes");
}

static bool
strip(struct doc *d, struct node *object)
{
	struct node *part = part_of(object);
	bool is_pod = inject_find_pod(object) != NULL && has_sidecar(part);

	if (is_pod)
		strip_pod(d, part);
	return is_pod;
}

static const struct node *
record_of(const struct node *part)
{
	return node_get(node_find(part, "metadata.annotations"), INJECT_PREFIX UNINJECT_RECORD);
}

void
uninject_record(struct doc *d, const struct node *before, struct node *object)
{
	struct node *stripped = node_copy(d, object);
	struct node *old = node_copy(d, before);
	struct node *metadata = node_get(part_of(object), "metadata");
	struct buf text;

	/* An object that was injected before has its record, or needs none. */
	if (d->failed || record_of(part_of(old)) != NULL || has_sidecar(part_of(old)))
		return;
	(void)strip(d, stripped);
	drop_annotation(node_get(part_of(stripped), "metadata"), INJECT_PREFIX UNINJECT_RECORD);
	if (d->failed || node_equal(part_of(stripped), part_of(old)))
		return;
	buf_init(&text, RECORD_MAX_BYTES);
	if (patch_write(part_of(stripped), part_of(old), &text))
		node_set_str(d, inject_map_at(d, metadata, "annotations"),
			     INJECT_PREFIX UNINJECT_RECORD, buf_view(&text));
	buf_fini(&text);
}

static void
report(struct doc *d, struct inject_report *report, const char *text)
{
	struct inject c = {.doc = d, .report = report};

	inject_problem(&c, "%s", text);
}

bool
uninject_object(struct doc *d, struct node *object, struct inject_report *r)
{
	struct node *part = part_of(object);
	const struct node *record = record_of(part);
	struct err e = ERR_INIT;

	*r = (struct inject_report){.problems = {.count = 0}};
	bool was_injected = strip(d, object);
	if (record == NULL)
		return was_injected;
	struct str text = node_text(record);
	drop_annotation(node_get(part, "metadata"), INJECT_PREFIX UNINJECT_RECORD);
	const struct node *operations = node_read_json(d, text, RECORD_MAX_BYTES, &e);
	if (operations == NULL || !patch_apply(d, part, operations))
		report(d, r,
		       "annotation " INJECT_PREFIX UNINJECT_RECORD ": does not fit, because the "
		       "object was changed after injection");
	return true;
}
