/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defaults for GitLab's workspaces, as its remote development module creates them.
 */
#include "container/inject/inject_gitlab.h"

#include "base/dns_name.h"

#define ID	    "workspaces.gitlab.com/id"
#define PORT_PREFIX "{{.port}}-"
#define PORT_TEXT   "60001"
#define PORT_NAME   "editor-server"

static void
take_id(struct inject *c, const struct node *annotations)
{
	const struct node *id = node_get(annotations, ID);
	uint64_t number;

	if (id == NULL || c->params.workspace_id.len > 0)
		return;
	if (id->kind != NODE_STR || !str_to_u64(id->text, 1, INT64_MAX, &number))
		inject_problem(c, "annotation " ID ": expected a positive number, as text");
	else
		c->params.workspace_id = id->text;
}

/* Returns "<name>.<zone>", or nothing after reporting a problem. */
static struct str
host_of(struct inject *c, const struct node *template)
{
	struct str text = node_text(template);
	struct str prefix = STR(PORT_PREFIX);
	struct str host = str_starts_with(text, prefix) ? str_skip(text, prefix.len) : STR_NONE;

	if (template->kind == NODE_STR && dns_is_name(host, DNS_CANONICAL) &&
	    str_find_byte(host, '.') != SIZE_MAX)
		return host;
	inject_problem(c, "annotation " INJECT_GITLAB_TEMPLATE ": expected " PORT_PREFIX
			  "<name>.<zone>");
	return STR_NONE;
}

/* Sets the URL by which GitLab links to the editor: the host of the editor's port. */
static void
take_host(struct inject *c, const struct node *template)
{
	struct str host;

	if (c->params.name.len > 0 || c->params.external_url.len > 0)
		return;
	host = host_of(c, template);
	if (host.len == 0)
		return;
	c->params.external_url = inject_allocated(
		c, arena_printf(&c->doc->arena, "https://" PORT_TEXT "-%.*s", STR_FMT(host)));
}

void
inject_gitlab_complete(struct inject *c, bool is_service)
{
	const struct node *annotations = node_get(c->metadata, "annotations");
	const struct node *template = node_get(annotations, INJECT_GITLAB_TEMPLATE);

	c->is_gitlab = template != NULL;
	if (!c->is_gitlab || is_service)
		return;
	take_id(c, annotations);
	take_host(c, template);
	if (c->params.upstream_port.len == 0)
		c->params.upstream_port = STR(PORT_TEXT);
}

const char *
inject_gitlab_url_annotation(const struct inject *c)
{
	const struct node *annotations = node_get(c->metadata, "annotations");

	return node_get(annotations, INJECT_PREFIX "external-url") == NULL ? INJECT_GITLAB_TEMPLATE
									   : INJECT_PREFIX
		       "external-url";
}

static bool
has_port(const struct node *port, const char *field)
{
	const struct node *number = node_get(port, field);

	return node_is(number, NODE_INT) && number->integer == INJECT_GITLAB_PORT;
}

struct node *
inject_gitlab_container(const struct inject *c, struct node *containers)
{
	for (struct node *n = c->is_gitlab ? node_first(containers) : NULL; n != NULL;
	     n = node_next(n))
		for (const struct node *p = node_first(node_get(n, "ports")); p != NULL;
		     p = node_next(p))
			if (has_port(p, "containerPort"))
				return n;
	return NULL;
}

struct node *
inject_gitlab_service_port(const struct inject *c, struct node *ports)
{
	if (!c->is_gitlab)
		return NULL;
	for (struct node *p = node_first(ports); p != NULL; p = node_next(p))
		if (has_port(p, "port"))
			return p;
	return node_named(ports, STR(PORT_NAME));
}
