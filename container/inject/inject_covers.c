/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares our containers and volumes with what they should be. Known additions of the API server
 * and its admission plugins are accepted; everything else is a difference.
 */
#include <stdio.h>

#include "container/inject/inject_private.h"
#include "container/inject/quantity.h"

#define ACCOUNT_PATH "/var/run/secrets/kubernetes.io/serviceaccount"

/* Fields that the cluster may add: newer servers default resizePolicy, security policies set the
 * user and labels. runAsNonRoot holds in any case. */
static bool
is_added_field(struct str key)
{
	static const char *const added[] = {"resizePolicy", "procMount", "runAsUser", "runAsGroup",
					    "seLinuxOptions"};

	for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++)
		if (str_equal(key, str_from(added[i])))
			return true;
	return false;
}

static bool
is_account_mount(const struct node *n)
{
	return str_equal(node_text_at(n, "mountPath"), STR(ACCOUNT_PATH));
}

static size_t
push(struct buf *path, struct str name)
{
	size_t before = path->len;

	if (before > 0)
		buf_add_byte(path, '.');
	buf_add_str(path, name);
	return before;
}

static bool
covers_map(const struct node *wanted, const struct node *actual, struct buf *path)
{
	for (const struct node *w = node_first(wanted); w != NULL; w = node_next(w)) {
		const struct node *there = node_get_str(actual, w->key);
		size_t before = push(path, w->key);
		if (there == NULL || !inject_covers(w, there, path))
			return false;
		path->len = before;
	}
	for (const struct node *a = node_first(actual); a != NULL; a = node_next(a)) {
		if (node_get_str(wanted, a->key) != NULL || is_added_field(a->key))
			continue;
		(void)push(path, a->key);
		return false;
	}
	return true;
}

static bool
covers_list(const struct node *wanted, const struct node *actual, struct buf *path)
{
	const struct node *w = node_first(wanted);
	size_t index = 0;

	for (const struct node *a = node_first(actual); a != NULL; a = node_next(a)) {
		char number[24];
		if (is_account_mount(a))
			continue;
		(void)snprintf(number, sizeof(number), "%zu", index++);
		size_t before = push(path, str_from(number));
		if (w == NULL || !inject_covers(w, a, path))
			return false;
		path->len = before;
		w = node_next(w);
	}
	return w == NULL;
}

/* Security policies may add a pod's fsGroup after us, on which the mode depends: see
 * inject_volumes.c. */
static bool
is_group_mode(const struct node *wanted, const struct node *actual, struct str path)
{
	return str_equal(path, STR("secret.defaultMode")) && wanted->kind == NODE_INT &&
	       actual->kind == NODE_INT && (actual->integer == 0440 || actual->integer == 0444);
}

bool
inject_covers(const struct node *wanted, const struct node *actual, struct buf *path)
{
	if (wanted->kind == NODE_MAP && actual->kind == NODE_MAP)
		return covers_map(wanted, actual, path);
	if (wanted->kind == NODE_LIST && actual->kind == NODE_LIST)
		return covers_list(wanted, actual, path);
	if (node_equal(wanted, actual) || is_group_mode(wanted, actual, buf_view(path)))
		return true;
	bool is_quantity = str_find(buf_view(path), STR("resources.")) != SIZE_MAX ||
			   str_ends_with(buf_view(path), STR("sizeLimit"));
	return is_quantity && quantity_equal(node_text(wanted), node_text(actual));
}
