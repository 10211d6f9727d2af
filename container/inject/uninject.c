/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removes what injection has added, and then restores what it has replaced. The order of steps is
 * that of inject_pod.c.
 */
#include "container/inject/uninject.h"

#include "container/inject/ide/uninject_ide.h"
#include "container/inject/inject.h"
#include "container/webhook/patch.h"

#define RECORD_MAX_BYTES 65536u

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
	uninject_ide(d, metadata, spec);
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
	if (patch_write(part_of(stripped), part_of(old), &text)) {
		struct node *annotations = node_get(metadata, "annotations");
		if (!node_is(annotations, NODE_MAP))
			annotations = node_set_map(d, metadata, "annotations");
		node_set_str(d, annotations, INJECT_PREFIX UNINJECT_RECORD, buf_view(&text));
	}
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
