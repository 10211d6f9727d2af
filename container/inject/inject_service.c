/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points a service's port at the sidecar instead of the IDE.
 */
#include "container/inject/inject_gitlab.h"

/* Returns the port that leads to the IDE: that of the annotation, the one named "workspace",
 * GitLab's, or the only one. */
static struct node *
find_service_port(struct inject *c)
{
	struct node *ports = node_get(c->spec, "ports");
	struct str wanted = c->params.service_port;
	uint64_t number = 0;

	if (wanted.len == 0 && node_named(ports, STR("workspace")) != NULL)
		return node_named(ports, STR("workspace"));
	if (wanted.len == 0 && inject_gitlab_service_port(c, ports) != NULL)
		return inject_gitlab_service_port(c, ports);
	if (wanted.len == 0 && ports != NULL && ports->count == 1)
		return node_first(ports);
	bool has_number = str_to_u64(wanted, 1, UINT16_MAX, &number);
	for (struct node *p = node_first(ports); wanted.len > 0 && p != NULL; p = node_next(p)) {
		const struct node *port = node_get(p, "port");
		if (str_equal(node_text_at(p, "name"), wanted) ||
		    (has_number && node_is(port, NODE_INT) && port->integer == (int64_t)number))
			return p;
	}
	if (wanted.len == 0)
		inject_problem(c, "annotation " INJECT_PREFIX
				  "service-port: required, because the service "
				  "has several ports and none is named workspace");
	else
		inject_problem(c, "annotation " INJECT_PREFIX "service-port: there is no port %.*s",
			       STR_FMT(wanted));
	return NULL;
}

/* Adapts the port, which now speaks TLS. */
static void
set_app_protocol(struct inject *c, struct node *port)
{
	static const char *const protocols[][2] = {
		{"http", "https"},
		{"kubernetes.io/ws", "kubernetes.io/wss"},
		{"kubernetes.io/h2c", "https"},
	};

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (str_equal(node_text_at(port, "appProtocol"), str_from(protocols[i][0])))
			node_set_str(c->doc, port, "appProtocol", str_from(protocols[i][1]));
}

void
inject_service(struct inject *c)
{
	inject_params_read(c, true);
	if (str_equal(node_text_at(c->spec, "type"), STR("ExternalName")))
		inject_problem(c, "type ExternalName: the service selects no pods");
	if (!inject_has_no_problem(c))
		return;
	struct node *port = find_service_port(c);
	if (port == NULL)
		return;
	struct str protocol = node_text_at(port, "protocol");
	if (protocol.len > 0 && !str_equal(protocol, STR("TCP")))
		inject_problem(c, "the port's protocol is not TCP");
	/* The number: names of a native sidecar's ports are resolved only by Kubernetes 1.32. */
	const struct node *target = node_get(port, "targetPort");
	if (!node_is(target, NODE_INT) || target->integer != INJECT_HTTPS_NUMBER)
		node_set_int(c->doc, port, "targetPort", INJECT_HTTPS_NUMBER);
	set_app_protocol(c, port);
}
