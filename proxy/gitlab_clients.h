/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clients of a process for GitLab, and with BROKER for the relay. Creates the HTTP clients and
 * the modules that use them: a sidecar's authentication, or the relay with its token broker.
 */
#ifndef PROXY_GITLAB_CLIENTS_H
#define PROXY_GITLAB_CLIENTS_H

#include "proxy/proxy.h"

struct gitlab_clients {
	struct fetch *gitlab; /* NULL: a relay without client secret */
	struct fetch *relay;  /* NULL: the one for GitLab does */
};

/* Fills p->auth. */
bool gitlab_clients_start_auth(struct gitlab_clients *c, struct proxy *p, struct err *e) MUST_CHECK;

/* Fills p->relay, and p->broker where there is a client secret. */
bool gitlab_clients_start_relay(struct gitlab_clients *c, struct proxy *p,
				struct err *e) MUST_CHECK;

/* After what uses them. */
void gitlab_clients_fini(struct gitlab_clients *c);

#endif
