/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listener that faces the cluster: /ping says that the process is alive, /ready whether it
 * should get traffic and what else is not as it should be, /metrics what Prometheus asks for,
 * /activity when somebody last worked here. Never routed from the public listeners, and nothing
 * secret in it: code in the pod can ask as well.
 */
#ifndef PROXY_ADMIN_H
#define PROXY_ADMIN_H

#include "base/http/service.h"
#include "proxy/proxy.h"

/* NULL with an error when the address can't be bound. */
struct service *admin_new(struct proxy *p, const struct address *address, struct err *e) MUST_CHECK;

#endif
