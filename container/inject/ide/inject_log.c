/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of the IDE: a directory that the IDE's container writes to and the sidecar only reads.
 * If the pod already mounts a volume there, that one is used; otherwise a volume is added.
 */
#include "container/inject/ide/inject_log.h"

#include "container/inject/inject_edit.h"

/* Returns the IDE's mount at that directory, or NULL. */
static const struct node *
find_mount(const struct inject *c)
{
	for (const struct node *m = node_first(node_get(c->ide, "volumeMounts")); m != NULL;
	     m = node_next(m))
		if (str_equal(node_text_at(m, "mountPath"), STR(INJECT_LOG_PATH)))
			return m;
	return NULL;
}

static bool
has_own_volume(const struct inject *c)
{
	const struct node *mount = find_mount(c);

	return mount != NULL && !str_equal(node_text_at(mount, "name"), STR(INJECT_VOLUME_LOG));
}

void
inject_check_log(struct inject *c)
{
	const struct node *mount = find_mount(c);
	const struct node *read_only = node_get(mount, "readOnly");
	const struct node *named =
		node_named(node_get(c->ide, "volumeMounts"), STR(INJECT_VOLUME_LOG));

	if (c->params.ide_log.len == 0)
		return;
	if (read_only != NULL && read_only->integer != 0)
		inject_problem(c, "annotation " INJECT_PREFIX
				  "ide-log: the mount at " INJECT_LOG_PATH " is read-only");
	if (node_get(mount, "subPathExpr") != NULL)
		inject_problem(c,
			       "annotation " INJECT_PREFIX "ide-log: the mount at " INJECT_LOG_PATH
			       " uses subPathExpr, whose variables the sidecar does not have; use "
			       "subPath");
	if (named != NULL && named != mount)
		inject_problem(c, "mount " INJECT_VOLUME_LOG ": exists and differs at mountPath");
}

/* The volume is on the node's disk. It has no size limit: exceeding one evicts the pod. */
void
inject_add_log_volume(struct inject *c, struct node *list)
{
	if (c->params.ide_log.len == 0 || has_own_volume(c))
		return;
	struct node *volume = node_append_map(c->doc, list);
	node_set_str(c->doc, volume, "name", STR(INJECT_VOLUME_LOG));
	(void)node_set_map(c->doc, volume, "emptyDir");
}

void
inject_add_log_mount(struct inject *c, struct node *mounts)
{
	struct doc *d = c->doc;
	const struct node *own = has_own_volume(c) ? find_mount(c) : NULL;

	if (c->params.ide_log.len == 0)
		return;
	struct node *mount = node_append_map(d, mounts);
	node_set_str(d, mount, "name",
		     own == NULL ? STR(INJECT_VOLUME_LOG) : node_text_at(own, "name"));
	node_set_str(d, mount, "mountPath", STR(INJECT_LOG_PATH));
	node_set_bool(d, mount, "readOnly", true);
	if (own != NULL && node_get(own, "subPath") != NULL)
		node_set(d, mount, "subPath", node_copy(d, node_get(own, "subPath")));
}

void
inject_ensure_log(struct inject *c)
{
	if (c->params.ide_log.len > 0 && find_mount(c) == NULL)
		inject_ensure_mount(c, INJECT_VOLUME_LOG, INJECT_LOG_PATH, false);
}
