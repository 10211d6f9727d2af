/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds and recognises our NetworkPolicy.
 */
#include "container/inject/network_policy.h"

#include "container/inject/inject_private.h"

struct node *
network_policy_new(struct doc *d, struct str namespace)
{
	struct node *policy = node_new(d, NODE_MAP);

	node_set_str(d, policy, "apiVersion", STR("networking.k8s.io/v1"));
	node_set_str(d, policy, "kind", STR("NetworkPolicy"));
	struct node *metadata = node_set_map(d, policy, "metadata");
	node_set_str(d, metadata, "name", STR(INJECT_NAME));
	if (namespace.len > 0)
		node_set_str(d, metadata, "namespace", namespace);
	node_set_str(d, node_set_map(d, metadata, "annotations"), INJECT_PREFIX "status",
		     STR("injected"));
	struct node *spec = node_set_map(d, policy, "spec");
	struct node *selector = node_set_map(d, spec, "podSelector");
	node_set_str(d, node_set_map(d, selector, "matchLabels"), INJECT_LABEL, STR("true"));
	node_append(node_set_list(d, spec, "policyTypes"), node_new_str(d, STR("Ingress")));
	struct node *rule = node_append_map(d, node_set_list(d, spec, "ingress"));
	struct node *port = node_append_map(d, node_set_list(d, rule, "ports"));
	node_set_str(d, port, "protocol", STR("TCP"));
	node_set_int(d, port, "port", INJECT_HTTPS_NUMBER);
	return policy;
}

bool
network_policy_is(const struct node *object, struct str namespace)
{
	return str_equal(node_text_at(object, "kind"), STR("NetworkPolicy")) &&
	       str_equal(node_text_at(object, "metadata.name"), STR(INJECT_NAME)) &&
	       str_equal(node_text_at(object, "metadata.namespace"), namespace);
}

bool
network_policy_is_added(const struct node *object)
{
	const struct node *annotations = node_find(object, "metadata.annotations");

	return network_policy_is(object, node_text_at(object, "metadata.namespace")) &&
	       str_equal(node_text(node_get(annotations, INJECT_PREFIX "status")), STR("injected"));
}
