/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edits nodes of a pod: maps and lists, and the mounts and variables of the IDE's container.
 */
#include "container/inject/inject_edit.h"

#define PATH_MAX_BYTES 512u

struct node *
inject_map_at(struct doc *d, struct node *map, const char *key)
{
	struct node *there = node_get(map, key);

	return node_is(there, NODE_MAP) ? there : node_set_map(d, map, key);
}

struct node *
inject_list_at(struct doc *d, struct node *map, const char *key)
{
	struct node *list = node_get(map, key);

	return node_is(list, NODE_LIST) ? list : node_set_list(d, map, key);
}

static void
report_difference(struct inject *c, const char *what, const struct node *there, struct str path)
{
	bool may_be_listed =
		str_starts_with(path, STR("env")) || str_starts_with(path, STR("volumeMounts"));

	inject_problem(c, "%s %.*s: exists and differs%s%.*s%s", what,
		       STR_FMT(inject_name_of(there)), path.len > 0 ? " at " : "", STR_FMT(path),
		       may_be_listed ? " (INJECT_TOLERATE lists what others may add)" : "");
}

bool
inject_check_existing(struct inject *c, const char *what, const struct node *wanted,
		      const struct node *there)
{
	struct buf path;

	buf_init(&path, PATH_MAX_BYTES);
	bool ok = inject_covers(c, wanted, there, &path);
	if (!ok)
		report_difference(c, what, there, buf_view(&path));
	buf_fini(&path);
	return ok;
}

void
inject_ensure_mount(struct inject *c, const char *volume, const char *path, bool read_only)
{
	struct node *mounts = inject_list_at(c->doc, c->ide, "volumeMounts");
	struct node *wanted = node_new(c->doc, NODE_MAP);
	const struct node *there = node_named(mounts, str_from(volume));

	node_set_str(c->doc, wanted, "name", str_from(volume));
	node_set_str(c->doc, wanted, "mountPath", str_from(path));
	if (read_only)
		node_set_bool(c->doc, wanted, "readOnly", true);
	if (there == NULL)
		node_append(mounts, wanted);
	else
		(void)inject_check_existing(c, "mount", wanted, there);
}

bool
inject_variable_is_unique(struct inject *c, struct str name)
{
	const struct node *there = node_named(node_get(c->ide, "env"), name);

	while (there != NULL && (there = node_next(there)) != NULL) {
		if (str_equal(node_text_at(there, "name"), name)) {
			inject_problem(c, "container %.*s: env has %.*s twice",
				       STR_FMT(inject_name_of(c->ide)),
				       STR_FMT(str_take(name, 100)));
			return false;
		}
	}
	return true;
}

void
inject_set_variable(struct inject *c, struct str name, struct str value)
{
	struct node *env = inject_list_at(c->doc, c->ide, "env");
	struct node *there = node_named(env, name);

	if (!inject_variable_is_unique(c, name))
		return;
	if (there == NULL) {
		there = node_append_map(c->doc, env);
		node_set_str(c->doc, there, "name", name);
	} else if (str_equal(node_text_at(there, "value"), value) &&
		   node_get(there, "valueFrom") == NULL) {
		return; /* the API server leaves out an empty value */
	}
	node_remove(there, "valueFrom");
	node_set_str(c->doc, there, "value", value);
}
