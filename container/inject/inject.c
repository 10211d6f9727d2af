/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See inject.h. Which objects there are, and where in them the pod is.
 */
#include "container/inject/inject.h"

#include <stdarg.h>
#include <stdio.h>

#include "container/inject/inject_private.h"

#define NOTE_MAX_BYTES 512u

static const struct workload {
	const char *version; /* "apps/v1": any version of the group counts */
	const char *kind;
	const char *pod; /* path to what has the pod's metadata and spec; "" is the object */
	bool is_job;
} workloads[] = {
	{"v1", "Pod", "", false},
	{"apps/", "Deployment", "spec.template", false},
	{"apps/", "StatefulSet", "spec.template", false},
	{"apps/", "DaemonSet", "spec.template", false},
	{"apps/", "ReplicaSet", "spec.template", false},
	{"batch/", "Job", "spec.template", true},
	{"batch/", "CronJob", "spec.jobTemplate.spec.template", true},
};

/* Notes end up on terminals, and objects may be anybody's. */
static void
replace_controls(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

static void __attribute__((format(printf, 3, 0)))
add_note(struct doc *d, struct inject_notes *notes, const char *format, va_list args)
{
	char text[NOTE_MAX_BYTES];

	(void)vsnprintf(text, sizeof(text), format, args);
	replace_controls(text);
	if (notes->count < INJECT_NOTES_MAX) {
		notes->items[notes->count] = arena_dup(&d->arena, str_from(text));
		d->failed = d->failed || notes->items[notes->count] == NULL;
	}
	notes->count++;
}

void
inject_problem(struct inject *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_note(c->doc, &c->report->problems, format, args);
	va_end(args);
}

void
inject_warn(struct inject *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_note(c->doc, &c->report->warnings, format, args);
	va_end(args);
}

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

static bool
is_service(const struct node *object)
{
	return str_equal(node_text_at(object, "apiVersion"), STR("v1")) &&
	       str_equal(node_text_at(object, "kind"), STR("Service"));
}

const char *
inject_describe(struct doc *d, const struct node *object)
{
	struct str kind = node_text_at(object, "kind");
	struct str name = node_text_at(object, "metadata.name");
	char *text;

	if (name.len == 0)
		name = node_text_at(object, "metadata.generateName");
	text = arena_printf(&d->arena, "%.*s/%.*s", STR_FMT(str_take(kind, 63)),
			    STR_FMT(str_take(name, 253)));
	if (text == NULL)
		return "object";
	replace_controls(text);
	return text;
}

/* Whether the label asks for us; a value that it can't have is a problem. */
static bool
is_asked_for(struct inject *c)
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

bool
inject_is_labelled(const struct node *pod)
{
	const struct node *labels = node_find(pod, "metadata.labels");

	return str_equal(node_text(node_get(labels, INJECT_LABEL)), STR("true"));
}

/* All of the name: more than one would be a difference as well. */
static bool
is_kept_in(const struct node *before, const struct node *after, struct str name)
{
	const struct node *b = node_first(before);
	const struct node *a = node_first(after);

	for (;;) {
		while (b != NULL && !str_equal(node_text_at(b, "name"), name))
			b = b->next;
		while (a != NULL && !str_equal(node_text_at(a, "name"), name))
			a = a->next;
		if (a == NULL || b == NULL)
			return a == b;
		if (!node_equal(a, b))
			return false;
		a = a->next;
		b = b->next;
	}
}

bool
inject_is_kept(const struct node *before, const struct node *after)
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

/* The label's place is where the webhook would see it. */
static void
warn_of_label(struct inject *c, const struct node *object)
{
	if (c->metadata != node_get(object, "metadata") &&
	    node_get(node_find(object, "metadata.labels"), INJECT_LABEL) != NULL)
		inject_warn(c, "label " INJECT_LABEL ": has no effect here; it belongs to the pod "
			       "template");
}

/* The service's port that leads to the IDE: the annotation's, "workspace", or the only one. */
static struct node *
find_service_port(struct inject *c)
{
	struct node *ports = node_get(c->spec, "ports");
	struct str wanted = c->params.service_port;
	uint64_t number = 0;

	if (wanted.len == 0 && node_named(ports, STR("workspace")) != NULL)
		return node_named(ports, STR("workspace"));
	if (wanted.len == 0 && ports != NULL && ports->count == 1)
		return ports->first;
	bool has_number = str_to_u64(wanted, 1, UINT16_MAX, &number);
	for (struct node *p = node_first(ports); wanted.len > 0 && p != NULL; p = p->next) {
		const struct node *port = node_get(p, "port");
		if (str_equal(node_text_at(p, "name"), wanted) ||
		    (has_number && node_is(port, NODE_INT) && port->integer == (int64_t)number))
			return p;
	}
	if (wanted.len == 0)
		inject_problem(c,
			       "annotation " INJECT_PREFIX "service-port: needed, because there is "
			       "neither one port alone nor one named workspace");
	else
		inject_problem(c, "annotation " INJECT_PREFIX "service-port: there is no port %.*s",
			       STR_FMT(wanted));
	return NULL;
}

static void
change_service(struct inject *c)
{
	inject_params_read(c, true);
	if (str_equal(node_text_at(c->spec, "type"), STR("ExternalName")))
		inject_problem(c, "a service of type ExternalName leads to no pod");
	if (!inject_is_fine(c))
		return;
	struct node *port = find_service_port(c);
	if (port == NULL)
		return;
	struct str protocol = node_text_at(port, "protocol");
	if (protocol.len > 0 && !str_equal(protocol, STR("TCP")))
		inject_problem(c, "the port's protocol is not TCP");
	if (!str_equal(node_text_at(port, "targetPort"), STR(INJECT_PORT_HTTPS)))
		node_set_str(c->doc, port, "targetPort", STR(INJECT_PORT_HTTPS));
	if (str_equal(node_text_at(port, "appProtocol"), STR("http")))
		node_set_str(c->doc, port, "appProtocol", STR("https"));
}

static bool
change_workload(struct inject *c, const struct workload *w, struct node *object)
{
	struct node *pod = w->pod[0] == '\0' ? object : node_find(object, w->pod);

	c->is_job = w->is_job;
	c->metadata = node_get(pod, "metadata");
	c->spec = node_get(pod, "spec");
	bool is_ours = is_asked_for(c);
	if (!is_ours)
		warn_of_label(c, object);
	else if (!node_is(c->spec, NODE_MAP))
		inject_problem(c, "there is no pod's spec");
	else if (inject_is_fine(c))
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
	if (!is_service(object))
		return false;
	c.metadata = node_get(object, "metadata");
	c.spec = node_get(object, "spec");
	if (!is_asked_for(&c))
		return false;
	if (inject_is_fine(&c))
		change_service(&c);
	return true;
}

struct node *
inject_network_policy(struct doc *d, struct str namespace)
{
	struct node *policy = node_new(d, NODE_MAP);

	node_set_str(d, policy, "apiVersion", STR("networking.k8s.io/v1"));
	node_set_str(d, policy, "kind", STR("NetworkPolicy"));
	struct node *metadata = node_set_map(d, policy, "metadata");
	node_set_str(d, metadata, "name", STR(INJECT_NAME));
	if (namespace.len > 0)
		node_set_str(d, metadata, "namespace", namespace);
	struct node *spec = node_set_map(d, policy, "spec");
	struct node *selector = node_set_map(d, spec, "podSelector");
	node_set_str(d, node_set_map(d, selector, "matchLabels"), INJECT_LABEL, STR("true"));
	node_append(node_set_list(d, spec, "policyTypes"), node_new_str(d, STR("Ingress")));
	struct node *rule = node_append_map(d, node_set_list(d, spec, "ingress"));
	struct node *port = node_append_map(d, node_set_list(d, rule, "ports"));
	node_set_str(d, port, "protocol", STR("TCP"));
	node_set_str(d, port, "port", STR(INJECT_PORT_HTTPS));
	return policy;
}

bool
inject_is_network_policy(const struct node *object, struct str namespace)
{
	return str_equal(node_text_at(object, "kind"), STR("NetworkPolicy")) &&
	       str_equal(node_text_at(object, "metadata.name"), STR(INJECT_NAME)) &&
	       str_equal(node_text_at(object, "metadata.namespace"), namespace);
}
