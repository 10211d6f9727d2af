/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces and pods of workspaces. Pods are those that the label selects.
 */
#include "container/cluster/cluster_workspaces.h"

#include "container/cluster/cluster_installation.h"
#include "container/inject/inject_report.h"

static const struct json_node *
sidecar_of(const struct cluster_object *pod)
{
	static const char *const lists[] = {"spec.initContainers", "spec.containers"};

	for (size_t i = 0; i < 2; i++) {
		const struct json_node *list = json_find(pod->node, lists[i]);
		for (size_t j = 0; j < json_array_len(list); j++)
			if (str_equal(cluster_text(json_array_at(list, j), "name"),
				      STR(INJECT_NAME)))
				return json_array_at(list, j);
	}
	return NULL;
}

static struct str
label_of(const struct cluster_object *x)
{
	return cluster_member(json_find(x->node, "metadata.labels"), INJECT_LABEL);
}

static bool
is_workspace(const struct cluster_object *pod)
{
	return str_equal(label_of(pod), STR("true")) || sidecar_of(pod) != NULL;
}

/* Namespaces */

static void
check_namespaces(const struct cluster_check *c)
{
	const struct cluster_object *x = NULL;

	while ((x = cluster_objects_next(c->objects, "Namespace", x)) != NULL) {
		struct str label = label_of(x);
		if (label.len > 0 && !str_equal(label, STR(INJECT_ENABLED)) &&
		    !str_equal(label, STR("disabled")))
			cluster_problem(c->report, x,
					"label " INJECT_LABEL
					": \"%.*s\" has no effect: expected " INJECT_ENABLED,
					STR_FMT(str_take(label, 63)));
	}
}

/* Whether the policy isolates labelled pods: it selects all pods, or those with the label. */
static bool
isolates(const struct cluster_object *policy)
{
	const struct json_node *selector = json_find(policy->node, "spec.podSelector");
	const struct json_node *types = json_find(policy->node, "spec.policyTypes");
	struct json_member m = {.place = NULL};
	bool is_ingress = types == NULL;

	for (size_t i = 0; i < json_array_len(types); i++)
		is_ingress = is_ingress ||
			     str_equal(cluster_text(json_array_at(types, i), ""), STR("Ingress"));
	bool is_all = !json_is_object(selector) || !json_next_member(selector, &m);
	return is_ingress && (is_all || str_equal(cluster_member(json_find(selector, "matchLabels"),
								 INJECT_LABEL),
						  STR("true")));
}

static bool
is_isolated(const struct cluster_check *c, struct str namespace)
{
	const struct cluster_object *x = NULL;

	while ((x = cluster_objects_next(c->objects, "NetworkPolicy", x)) != NULL)
		if (str_equal(x->namespace, namespace) && isolates(x))
			return true;
	return false;
}

/* Whether the pod is the first of its namespace, so that each namespace is checked once. */
static bool
is_first_of_namespace(const struct cluster_check *c, const struct cluster_object *pod)
{
	const struct cluster_object *x = NULL;

	while ((x = cluster_objects_next(c->objects, "Pod", x)) != pod)
		if (str_equal(x->namespace, pod->namespace) && is_workspace(x))
			return false;
	return true;
}

static void
check_policy(const struct cluster_check *c, const struct cluster_object *pod)
{
	const struct cluster_object namespace =
		cluster_named("Namespace", STR_NONE, pod->namespace);

	if (!is_first_of_namespace(c, pod) || is_isolated(c, pod->namespace))
		return;
	if (cluster_objects_is_unread(c->objects, "NetworkPolicy", STR_NONE, STR_NONE))
		cluster_unchecked(c->report, "NetworkPolicies of the namespace %.*s",
				  STR_FMT(str_take(pod->namespace, 253)));
	else
		cluster_problem(c->report, &namespace,
				"no NetworkPolicy restricts access to workspaces to the sidecar's "
				"port: other pods can reach other listeners there");
}

/* Pods */

static void
check_state(const struct cluster_check *c, const struct cluster_object *pod)
{
	static const char *const lists[] = {"status.initContainerStatuses",
					    "status.containerStatuses"};

	for (size_t i = 0; i < 2; i++) {
		const struct json_node *list = json_find(pod->node, lists[i]);
		for (size_t j = 0; j < json_array_len(list); j++) {
			const struct json_node *one = json_array_at(list, j);
			struct str reason = cluster_text(one, "state.waiting.reason");
			struct str text = cluster_text(one, "state.waiting.message");
			if (str_starts_with(cluster_text(one, "name"), STR(INJECT_NAME)) &&
			    reason.len > 0 && !str_equal(reason, STR("PodInitializing")))
				cluster_problem(c->report, pod, "the sidecar waits: %.*s%s%.*s",
						STR_FMT(str_take(reason, 63)),
						text.len > 0 ? ": " : "",
						STR_FMT(str_take(text, 300)));
		}
	}
}

/* Whether the image is the wanted one, or the same with a digest. */
static bool
is_current(struct str image, struct str wanted)
{
	return str_equal(image, wanted) ||
	       (str_starts_with(image, wanted) && image.data[wanted.len] == '@');
}

static void
check_pod(const struct cluster_check *c, const struct cluster_object *pod)
{
	const struct json_node *sidecar = sidecar_of(pod);
	struct str wanted = cluster_webhook_setting(c, "INJECT_IMAGE");
	struct str image = cluster_text(sidecar, "image");

	check_policy(c, pod);
	if (sidecar == NULL) {
		cluster_problem(c->report, pod, "has the label, but no sidecar: recreate it");
		return;
	}
	if (wanted.len > 0 && !is_current(image, wanted))
		cluster_note(c->report, pod, "has an old sidecar: %.*s, and new pods get %.*s",
			     STR_FMT(str_take(image, 255)), STR_FMT(str_take(wanted, 255)));
	check_state(c, pod);
}

/* Reports ReplicaSets that can't create their pods. */
static void
check_replica_sets(const struct cluster_check *c)
{
	const struct cluster_object *x = NULL;

	while ((x = cluster_objects_next(c->objects, "ReplicaSet", x)) != NULL) {
		const struct json_node *list = json_find(x->node, "status.conditions");
		for (size_t i = 0; i < json_array_len(list); i++) {
			const struct json_node *one = json_array_at(list, i);
			if (label_of(x).len > 0 &&
			    str_equal(cluster_text(one, "type"), STR("ReplicaFailure")) &&
			    str_equal(cluster_text(one, "status"), STR("True")))
				cluster_problem(
					c->report, x, "its pods can't be created: %.*s",
					STR_FMT(str_take(cluster_text(one, "message"), 600)));
		}
	}
}

/* Secrets */

void
cluster_each_secret(const struct cluster_objects *o, struct str namespace,
		    void (*found)(const struct cluster_object *user, struct str namespace,
				  struct str name, void *arg),
		    void *arg)
{
	static const char *const kinds[][2] = {{"Pod", "spec.volumes"},
					       {"Deployment", "spec.template.spec.volumes"}};
	const struct cluster_object *x = NULL;

	found(NULL, namespace, STR(CLUSTER_SECRET), arg);
	for (size_t k = 0; k < 2; k++)
		while ((x = cluster_objects_next(o, kinds[k][0], x)) != NULL) {
			const struct json_node *list = json_find(x->node, kinds[k][1]);
			if (k == 0 ? sidecar_of(x) == NULL : !str_equal(x->namespace, namespace))
				continue;
			for (size_t i = 0; i < json_array_len(list); i++) {
				const struct json_node *volume = json_array_at(list, i);
				struct str name = cluster_text(volume, "secret.secretName");
				if (name.len > 0 &&
				    str_starts_with(cluster_text(volume, "name"),
						    k == 0 ? STR(INJECT_NAME) : STR("")))
					found(x, x->namespace, name, arg);
			}
		}
}

static void
check_secret(const struct cluster_object *user, struct str namespace, struct str name, void *arg)
{
	const struct cluster_check *c = arg;

	if (user == NULL || cluster_objects_find(c->objects, "Secret", namespace, name) != NULL ||
	    cluster_objects_is_unread(c->objects, "Secret", namespace, name))
		return;
	cluster_problem(c->report, user, "there is no Secret %.*s", STR_FMT(str_take(name, 253)));
}

void
cluster_check_workspaces(const struct cluster_check *c)
{
	const struct cluster_object *pod = NULL;
	struct cluster_check copy = *c;

	if (cluster_objects_next(c->objects, "Namespace", NULL) == NULL)
		cluster_unchecked(c->report, "labels of namespaces");
	check_namespaces(c);
	check_replica_sets(c);
	while ((pod = cluster_objects_next(c->objects, "Pod", pod)) != NULL)
		if (is_workspace(pod))
			check_pod(c, pod);
	if (cluster_objects_is_unread(c->objects, "Secret", STR_NONE, STR_NONE))
		cluster_unchecked(c->report, "whether secrets exist");
	else
		cluster_each_secret(c->objects, c->namespace, check_secret, &copy);
}

void
cluster_list_old(const struct cluster_check *c)
{
	struct str wanted = cluster_webhook_setting(c, "INJECT_IMAGE");
	const struct cluster_object *pod = NULL;

	if (wanted.len == 0)
		cluster_problem(c->report, NULL,
				"the current image is not known: the webhook's "
				"Deployment or config map is missing or can't be read");
	while (wanted.len > 0 && (pod = cluster_objects_next(c->objects, "Pod", pod)) != NULL) {
		struct str image = cluster_text(sidecar_of(pod), "image");
		if (image.len > 0 && !is_current(image, wanted))
			(void)fprintf(c->report->out, "%.*s/%.*s\t%.*s\n", STR_FMT(pod->namespace),
				      STR_FMT(pod->name), STR_FMT(image));
	}
}
