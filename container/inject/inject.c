/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the pod or service in an object, and whether its label requests the sidecar.
 */
#include "container/inject/inject.h"

#include "container/inject/inject_edit.h"

static const struct workload {
	const char *version; /* apiVersion; "apps/" matches any version of the group */
	const char *kind;
	const char *pod; /* path to the pod template; "" if the object is the pod */
	bool is_job;
} workloads[] = {
	{"v1", "Pod", "", false},
	{"apps/", "Deployment", "spec.template", false},
	{"apps/", "StatefulSet", "spec.template", false},
	{"apps/", "DaemonSet", "spec.template", false},
	{"apps/", "ReplicaSet", "spec.template", false},
	{"v1", "ReplicationController", "spec.template", false},
	{"v1", "PodTemplate", "template", false},
	{"argoproj.io/", "Rollout", "spec.template", false},
	{"apps.openshift.io/", "DeploymentConfig", "spec.template", false},
	{"batch/", "Job", "spec.template", true},
	{"batch/", "CronJob", "spec.jobTemplate.spec.template", true},
};

static bool
is_version(struct str version, const char *wanted)
{
	struct str group = str_from(wanted);

	return str_ends_with(group, STR("/")) ? str_starts_with(version, group)
					      : str_equal(version, group);
}

static const struct workload *
find_workload(const struct node *object)
{
	struct str version = node_text_at(object, "apiVersion");
	struct str kind = node_text_at(object, "kind");

	for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++)
		if (str_equal(kind, str_from(workloads[i].kind)) &&
		    is_version(version, workloads[i].version))
			return &workloads[i];
	return NULL;
}

bool
inject_is_workload(const struct node *object)
{
	return find_workload(object) != NULL;
}

struct node *
inject_find_pod(struct node *object)
{
	const struct workload *w = find_workload(object);

	if (w == NULL || w->pod[0] == '\0')
		return w == NULL ? NULL : object;
	return node_find(object, w->pod);
}

static bool
is_service(const struct node *object)
{
	return str_equal(node_text_at(object, "apiVersion"), STR("v1")) &&
	       str_equal(node_text_at(object, "kind"), STR("Service"));
}

/* Whether the label requests the sidecar; reports invalid values. */
static bool
is_requested(struct inject *c)
{
	const struct node *label = node_get(node_get(c->metadata, "labels"), INJECT_LABEL);

	if (label == NULL || str_equal(node_text(label), STR("false")))
		return false;
	if (label->kind != NODE_STR)
		inject_problem(c, "label " INJECT_LABEL ": must be a string: quote it");
	else if (!str_equal(label->text, STR("true")))
		inject_problem(c, "label " INJECT_LABEL ": \"%.*s\": expected true or false",
			       STR_FMT(str_take(label->text, 63)));
	return true;
}

static bool
has_request(const struct node *labels)
{
	const struct node *label = node_get(labels, INJECT_LABEL);

	return label != NULL && !str_equal(node_text(label), STR("false"));
}

bool
inject_is_labelled(const struct node *pod)
{
	return has_request(node_find(pod, "metadata.labels"));
}

void
inject_label(struct doc *d, struct node *object)
{
	bool is_workspace = inject_is_workload(object) ||
			    (is_service(object) &&
			     node_named(node_find(object, "spec.ports"), STR("workspace")) != NULL);

	if (!is_workspace || node_get(node_find(object, "metadata.labels"), INJECT_LABEL) != NULL)
		return;
	struct node *labels = inject_map_at(d, inject_map_at(d, object, "metadata"), "labels");
	node_set_str(d, labels, INJECT_LABEL, STR("true"));
}

bool
inject_label_is_kept(const struct node *before, const struct node *after)
{
	const struct node *old = node_get(node_find(before, "metadata.labels"), INJECT_LABEL);
	const struct node *new = node_get(node_find(after, "metadata.labels"), INJECT_LABEL);

	return old != NULL && new != NULL &&node_equal(old, new);
}

/* Compares all containers of that name, because there may be more than one. */
static bool
is_kept_in(const struct node *before, const struct node *after, struct str name)
{
	const struct node *b = node_first(before);
	const struct node *a = node_first(after);

	for (;;) {
		while (b != NULL && !str_equal(node_text_at(b, "name"), name))
			b = node_next(b);
		while (a != NULL && !str_equal(node_text_at(a, "name"), name))
			a = node_next(a);
		if (a == NULL || b == NULL)
			return a == b;
		if (!node_equal(a, b))
			return false;
		a = node_next(a);
		b = node_next(b);
	}
}

bool
inject_sidecar_is_unchanged(const struct node *before, const struct node *after)
{
	static const char *const lists[] = {"spec.initContainers", "spec.containers"};
	static const char *const names[] = {INJECT_NAME, INJECT_GIT_CONTAINER};

	for (size_t i = 0; i < 2; i++)
		for (size_t j = 0; j < 2; j++)
			if (!is_kept_in(node_find(before, lists[i]), node_find(after, lists[i]),
					str_from(names[j])))
				return false;
	return true;
}

/* The webhook only sees pods, so a label of the workload itself has no effect. */
static void
warn_of_label(struct inject *c, const struct node *object)
{
	if (c->metadata != node_get(object, "metadata") &&
	    node_get(node_find(object, "metadata.labels"), INJECT_LABEL) != NULL)
		inject_warn(c, "label " INJECT_LABEL ": has no effect here; put it on the pod "
			       "template");
}

/* A request that has no effect is a problem, so that no IDE is left open unnoticed. */
static void
check_annotation(struct inject *c, const struct node *metadata)
{
	if (has_request(node_get(metadata, "annotations")))
		inject_problem(c, "annotation " INJECT_LABEL ": must be a label");
}

static void
check_metadata(struct inject *c, const struct node *object, const struct node *metadata)
{
	check_annotation(c, metadata);
	if (metadata != node_get(object, "metadata") && has_request(node_get(metadata, "labels")))
		inject_problem(c, "label " INJECT_LABEL ": kind %.*s is not supported",
			       STR_FMT(str_take(node_text_at(object, "kind"), 63)));
}

/* Kinds that we don't know may contain pod templates at any depth. */
static void
check_unknown(struct inject *c, const struct node *object, const struct node *part)
{
	for (const struct node *n = node_first(part); n != NULL; n = node_next(n)) {
		if (part->kind == NODE_MAP && str_equal(n->key, STR("metadata")))
			check_metadata(c, object, n);
		check_unknown(c, object, n);
	}
}

static bool
change_workload(struct inject *c, const struct workload *w, struct node *object)
{
	struct node *pod = w->pod[0] == '\0' ? object : node_find(object, w->pod);

	c->is_job = w->is_job;
	c->metadata = node_get(pod, "metadata");
	c->spec = node_get(pod, "spec");
	bool is_ours = is_requested(c);
	if (!is_ours) {
		warn_of_label(c, object);
		check_metadata(c, object, node_get(object, "metadata"));
		if (c->metadata != node_get(object, "metadata"))
			check_annotation(c, c->metadata);
	}
	if (is_ours && !node_is(c->spec, NODE_MAP))
		inject_problem(c, "the pod has no spec");
	else if (is_ours && inject_has_no_problem(c))
		inject_pod(c);
	return is_ours;
}

bool
inject_object(const struct container_settings *settings, struct doc *d, struct node *object,
	      struct inject_report *report)
{
	const struct workload *w = find_workload(object);
	struct inject c = {.settings = settings, .doc = d, .report = report};

	*report = (struct inject_report){.problems = {.count = 0}};
	if (w != NULL)
		return change_workload(&c, w, object);
	if (!is_service(object)) {
		check_unknown(&c, object, object);
		return false;
	}
	c.metadata = node_get(object, "metadata");
	c.spec = node_get(object, "spec");
	if (!is_requested(&c))
		return false;
	if (inject_has_no_problem(&c))
		inject_service(&c);
	return true;
}
