/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions of the cluster, and whether webhook and relay run.
 */
#include "container/cluster/cluster_installation.h"

#include "container/cluster/cluster_certificates.h"

#define MINOR_MIN 29u /* native sidecars */
#define WEBHOOK	  "workspace-proxy-webhook"
#define RELAY	  "workspace-proxy-relay"
#define PREFIX	  "WORKSPACE_PROXY_"

/* Returns the minor version: "v1.36.3+k3s1" → 36; 0: not understood. */
static unsigned
minor_of(struct str version)
{
	struct str prefix = STR("v1.");
	unsigned minor = 0;

	if (!str_starts_with(version, prefix))
		return 0;
	for (size_t i = prefix.len; i < version.len && i < prefix.len + 4; i++) {
		if (version.data[i] < '0' || version.data[i] > '9')
			break;
		minor = minor * 10 + (unsigned)(version.data[i] - '0');
	}
	return minor;
}

static bool
is_old(struct str version)
{
	unsigned minor = minor_of(version);

	return minor > 0 && minor < MINOR_MIN;
}

static void
check_versions(const struct cluster_check *c)
{
	const struct cluster_object server =
		cluster_named("API server", STR_NONE, c->objects->version);
	const struct cluster_object *node = NULL;

	if (c->objects->version.len == 0)
		cluster_unchecked(c->report, "the API server's version");
	else if (is_old(c->objects->version))
		cluster_problem(c->report, &server,
				"sidecars are native ones, which need 1.%u (INJECT_SIDECAR)",
				MINOR_MIN);
	if (cluster_objects_next(c->objects, "Node", NULL) == NULL)
		cluster_unchecked(c->report, "versions of nodes");
	while ((node = cluster_objects_next(c->objects, "Node", node)) != NULL) {
		struct str kubelet = cluster_text(node->node, "status.nodeInfo.kubeletVersion");
		if (is_old(kubelet))
			cluster_problem(c->report, node,
					"kubelet %.*s: sidecars are native ones, which need 1.%u "
					"(INJECT_SIDECAR)",
					STR_FMT(str_take(kubelet, 60)), MINOR_MIN);
	}
}

static void
check_deployment(const struct cluster_check *c, const char *name)
{
	const struct cluster_object wanted = cluster_named("Deployment", c->space, str_from(name));
	const struct cluster_object *x =
		cluster_objects_find(c->objects, "Deployment", c->space, str_from(name));

	if (x == NULL) {
		if (cluster_objects_next(c->objects, "Deployment", NULL) == NULL)
			cluster_unchecked(c->report, "%s: no Deployment found", name);
		else
			cluster_problem(c->report, &wanted, "does not exist");
		return;
	}
	int64_t available = cluster_int(x->node, "status.availableReplicas");
	if (available == 0)
		cluster_problem(c->report, x, "no replica is available");
	else if (available < 2)
		cluster_note(c->report, x, "only one replica is available");
	if (cluster_int(x->node, "status.updatedReplicas") <
	    cluster_int(x->node, "status.replicas"))
		cluster_note(c->report, x, "a rollout is not finished");
}

static const struct json_node *
webhook_container(const struct cluster_check *c)
{
	const struct cluster_object *x =
		cluster_objects_find(c->objects, "Deployment", c->space, STR(WEBHOOK));

	return x == NULL ? NULL
			 : json_array_at(json_find(x->node, "spec.template.spec.containers"), 0);
}

struct str
cluster_webhook_setting(const struct cluster_check *c, const char *name)
{
	const struct json_node *container = webhook_container(c);
	const struct json_node *env = json_find(container, "env");
	const struct json_node *from = json_find(container, "envFrom");
	char variable[128];

	(void)snprintf(variable, sizeof(variable), PREFIX "%s", name);
	for (size_t i = 0; i < json_array_len(env); i++)
		if (str_equal(cluster_text(json_array_at(env, i), "name"), str_from(variable)))
			return cluster_text(json_array_at(env, i), "value");
	for (size_t i = 0; i < json_array_len(from); i++) {
		struct str map = cluster_text(json_array_at(from, i), "configMapRef.name");
		const struct cluster_object *x =
			cluster_objects_find(c->objects, "ConfigMap", c->space, map);
		struct str value =
			x == NULL ? STR_NONE : cluster_member(json_find(x->node, "data"), variable);
		if (value.len > 0)
			return value;
	}
	return STR_NONE;
}

void
cluster_check_installation(const struct cluster_check *c)
{
	check_versions(c);
	check_deployment(c, WEBHOOK);
	check_deployment(c, RELAY);
	cluster_check_certificates(c);
}
