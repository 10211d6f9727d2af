/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User ids of the containers in a pod. Code in the IDE's container shares the sidecar's network,
 * and with the same user id it could access its sockets and files as well. So the sidecar has a
 * user id that no other container has, unless the operator or the pod says otherwise; a clone is
 * shared through a group.
 */
#include "container/inject/inject_user.h"

#include "container/inject/inject_edit.h"

static const char user_path[] = "securityContext.runAsUser";

bool
inject_has_own_user(const struct inject *c)
{
	if (c->params.sidecar_user.len > 0)
		return str_equal(c->params.sidecar_user, STR("own"));
	return c->settings->user == CONTAINER_USER_OWN;
}

/* Returns the user id of a container of this pod; negative: only its image knows it. */
static int64_t
user_of(const struct inject *c, const struct node *container)
{
	int64_t user = node_int_at(container, user_path);

	return user >= 0 ? user : node_int_at(c->spec, user_path);
}

/* Returns the user id that is set for the IDE alone, in its container or by the annotation;
 * negative: none. */
static int64_t
explicit_user(const struct inject *c)
{
	int64_t user = node_int_at(c->ide, user_path);
	uint64_t annotated;

	if (user < 0 && str_to_u64(c->params.ide_user, 1, INT64_MAX, &annotated))
		user = (int64_t)annotated;
	return user;
}

int64_t
inject_ide_user(const struct inject *c)
{
	int64_t user = user_of(c, c->ide);

	return user >= 0 ? user : explicit_user(c);
}

int64_t
inject_sidecar_user(const struct inject *c)
{
	int64_t user = explicit_user(c);

	if (inject_has_own_user(c))
		return INJECT_USER_ID;
	if (user <= 0)
		user = node_int_at(c->spec, user_path);
	return user > 0 ? user : INJECT_USER_ID;
}

int64_t
inject_shared_group(const struct inject *c)
{
	return node_int_at(c->spec, "securityContext.fsGroup");
}

/* Lets the kubelet give this group write access to volumes. Large volumes that have it already are
 * not changed at each start. */
void
inject_ensure_group(struct inject *c)
{
	if (!inject_has_own_user(c) || c->params.clone_dir.len == 0 || inject_shared_group(c) >= 0)
		return;
	struct node *context = inject_map_at(c->doc, c->spec, "securityContext");
	node_set_int(c->doc, context, "fsGroup", INJECT_GROUP_ID);
	if (node_get(context, "fsGroupChangePolicy") == NULL)
		node_set_str(c->doc, context, "fsGroupChangePolicy", STR("OnRootMismatch"));
}

static void
check_neighbours(struct inject *c, const struct node *list)
{
	for (const struct node *n = node_first(list); n != NULL; n = node_next(n)) {
		struct str name = inject_name_of(n);
		if (inject_is_own_container(c, name) || user_of(c, n) != INJECT_USER_ID)
			continue;
		inject_problem(c,
			       "container %.*s: runs as user id %d, which is the sidecar's: use "
			       "another one, or the annotation " INJECT_PREFIX "sidecar-user: ide",
			       STR_FMT(name), INJECT_USER_ID);
	}
}

void
inject_check_users(struct inject *c)
{
	uint64_t annotated;

	if (!inject_has_own_user(c))
		return;
	check_neighbours(c, node_get(c->spec, "containers"));
	check_neighbours(c, node_get(c->spec, "initContainers"));
	if (str_to_u64(c->params.ide_user, INJECT_USER_ID, INJECT_USER_ID, &annotated))
		inject_problem(c, "annotation " INJECT_PREFIX "ide-user: %d is the sidecar's",
			       INJECT_USER_ID);
	if (inject_has_git(c) && inject_ide_user(c) < 0)
		inject_warn(c,
			    "container %.*s: its user id is not known, so git there gets no token: "
			    "set runAsUser, or the annotation " INJECT_PREFIX "ide-user",
			    STR_FMT(inject_name_of(c->ide)));
}

/* Runs the container as the IDE's user, but never as root. The pod's own securityContext applies
 * anyway. */
static void
set_ide_user(struct inject *c, struct node *context)
{
	int64_t own = explicit_user(c);
	int64_t group = node_int_at(c->ide, "securityContext.runAsGroup");

	if (own > 0)
		node_set_int(c->doc, context, "runAsUser", own);
	else if (node_int_at(c->spec, user_path) == 0)
		node_set_int(c->doc, context, "runAsUser", INJECT_USER_ID);
	if (own > 0 && group > 0)
		node_set_int(c->doc, context, "runAsGroup", group);
}

void
inject_set_user(struct inject *c, struct node *context)
{
	if (!inject_has_own_user(c)) {
		set_ide_user(c, context);
		return;
	}
	node_set_int(c->doc, context, "runAsUser", INJECT_USER_ID);
	node_set_int(c->doc, context, "runAsGroup", INJECT_GROUP_ID);
}
