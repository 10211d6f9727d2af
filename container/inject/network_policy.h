/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NetworkPolicy that admits only connections to the sidecar's HTTPS port into labelled pods.
 */
#ifndef CONTAINER_INJECT_NETWORK_POLICY_H
#define CONTAINER_INJECT_NETWORK_POLICY_H

#include "container/yaml/node.h"

/* An empty namespace means the current one. */
struct node *network_policy_new(struct doc *d, struct str namespace);
bool network_policy_is(const struct node *object, struct str namespace);

/* Whether injection has added it to a manifest. */
bool network_policy_is_added(const struct node *object);

#endif
