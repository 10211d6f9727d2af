/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares our containers and volumes with the expected ones. Known additions of the API server,
 * its admission plugins and the operator's own webhooks are accepted at exactly the paths where
 * they occur; everything else is a difference. Accepted additions can neither read our secrets nor
 * change our program.
 */
#include <stdio.h>

#include "base/ascii.h"
#include "container/inject/inject_private.h"
#include "container/inject/value/quantity.h"
#include "container/inject/value/tolerance.h"

#define ACCOUNT_PATH "/var/run/secrets/kubernetes.io/serviceaccount"
#define DIGEST	     "@sha256:"
#define DIGEST_CHARS 64u

static bool
is_at(const struct buf *path, const char *place)
{
	return str_equal(buf_view(path), str_from(place));
}

/* Fields that others may add: newer servers default resizePolicy, security policies set the user,
 * LimitRanger adds limits of resources that we do not set. */
static bool
is_added_field(const struct node *field, const struct buf *path)
{
	if (is_at(path, ""))
		return str_equal(field->key, STR("resizePolicy"));
	if (is_at(path, "resources.limits") || is_at(path, "resources.requests"))
		return true;
	if (!is_at(path, "securityContext"))
		return false;
	if (str_equal(field->key, STR("procMount")))
		return str_equal(node_text(field), STR("Default"));
	return str_equal(field->key, STR("runAsUser")) || str_equal(field->key, STR("runAsGroup"));
}

/* Whether the volume is what the service account plugin makes: a token, the cluster's CA and the
 * namespace. */
static bool
is_account_volume(const struct node *volume)
{
	const struct node *sources = node_find(volume, "projected.sources");

	for (const struct node *s = node_first(sources); s != NULL; s = node_next(s))
		if (node_get(s, "serviceAccountToken") == NULL &&
		    node_get(s, "downwardAPI") == NULL &&
		    !str_equal(node_text_at(s, "configMap.name"), STR("kube-root-ca.crt")))
			return false;
	return sources != NULL && node_get(volume, "secret") == NULL;
}

static bool
is_added_mount(const struct inject *c, const struct node *mount)
{
	struct str path = node_text_at(mount, "mountPath");
	struct str name = node_text_at(mount, "name");

	if (!node_is_true(node_get(mount, "readOnly")) ||
	    str_starts_with(name, STR(INJECT_NAME "-")))
		return false;
	if (tolerance_has_mount(c->settings->tolerated, path))
		return true;
	return str_equal(path, STR(ACCOUNT_PATH)) && node_get(mount, "subPath") == NULL &&
	       is_account_volume(node_named(node_get(c->spec, "volumes"), name));
}

/* Whether others may add the element to the list at path. */
static bool
is_added_element(const struct inject *c, const struct node *element, const struct buf *path)
{
	if (is_at(path, "volumeMounts"))
		return is_added_mount(c, element);
	return is_at(path, "env") &&
	       tolerance_has_variable(c->settings->tolerated, node_text_at(element, "name"));
}

/* Whether the field at path is a list that we do not have and to which others may add every
 * element. */
static bool
is_added_list(const struct inject *c, const struct node *field, const struct buf *path)
{
	const struct node *element = node_first(field);

	if (field->kind != NODE_LIST || !(is_at(path, "env") || is_at(path, "volumeMounts")))
		return false;
	while (element != NULL && is_added_element(c, element, path))
		element = node_next(element);
	return element == NULL;
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
covers_map(const struct inject *c, const struct node *wanted, const struct node *actual,
	   struct buf *path)
{
	for (const struct node *w = node_first(wanted); w != NULL; w = node_next(w)) {
		const struct node *there = node_get_str(actual, w->key);
		size_t before = push(path, w->key);
		if (there == NULL || !inject_covers(c, w, there, path))
			return false;
		path->len = before;
	}
	for (const struct node *a = node_first(actual); a != NULL; a = node_next(a)) {
		if (node_get_str(wanted, a->key) != NULL || is_added_field(a, path))
			continue;
		size_t before = push(path, a->key);
		if (!is_added_list(c, a, path))
			return false;
		path->len = before;
	}
	return true;
}

static bool
covers_list(const struct inject *c, const struct node *wanted, const struct node *actual,
	    struct buf *path)
{
	const struct node *w = node_first(wanted);
	size_t index = 0;

	for (const struct node *a = node_first(actual); a != NULL; a = node_next(a)) {
		char number[24];
		if ((w == NULL || !node_equal(w, a)) && is_added_element(c, a, path))
			continue;
		(void)snprintf(number, sizeof(number), "%zu", index++);
		size_t before = push(path, str_from(number));
		if (w == NULL || !inject_covers(c, w, a, path))
			return false;
		path->len = before;
		w = node_next(w);
	}
	return w == NULL;
}

/* Whether the modes differ only because a security policy added the pod's fsGroup later, which
 * determines the mode: see inject_volumes.c. */
static bool
is_group_mode(const struct node *wanted, const struct node *actual, const struct buf *path)
{
	return is_at(path, "secret.defaultMode") && wanted->kind == NODE_INT &&
	       actual->kind == NODE_INT && (actual->integer == 0440 || actual->integer == 0444);
}

/* Whether a policy has only pinned the digest of our image, whose repository and tag remain. */
static bool
is_pinned(struct str wanted, struct str actual)
{
	struct str digest = str_skip(actual, wanted.len);
	struct str hex = str_skip(digest, sizeof(DIGEST) - 1);

	return str_starts_with(actual, wanted) && str_starts_with(digest, STR(DIGEST)) &&
	       str_find_byte(wanted, '@') == SIZE_MAX && hex.len == DIGEST_CHARS &&
	       ascii_all_lower_hex(hex);
}

/* Whether the texts are equivalent, or differ by an accepted change of others. */
static bool
covers_text(struct str wanted, struct str actual, const struct buf *path)
{
	if (is_at(path, "image"))
		return is_pinned(wanted, actual);
	if (is_at(path, "imagePullPolicy")) /* by the admission plugin AlwaysPullImages */
		return str_equal(actual, STR("Always"));
	bool is_quantity = str_starts_with(buf_view(path), STR("resources.")) ||
			   str_ends_with(buf_view(path), STR("sizeLimit"));
	return is_quantity && quantity_equal(wanted, actual);
}

bool
inject_covers(const struct inject *c, const struct node *wanted, const struct node *actual,
	      struct buf *path)
{
	if (wanted->kind == NODE_MAP && actual->kind == NODE_MAP)
		return covers_map(c, wanted, actual, path);
	if (wanted->kind == NODE_LIST && actual->kind == NODE_LIST)
		return covers_list(c, wanted, actual, path);
	return node_equal(wanted, actual) || is_group_mode(wanted, actual, path) ||
	       covers_text(node_text(wanted), node_text(actual), path);
}
