/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creates the HTTP clients for GitLab and, with BROKER, for the relay, and the modules that use
 * them: authentication in a sidecar; in a relay, the relay and its token broker.
 */
#ifndef PROXY_GITLAB_CLIENTS_H
#define PROXY_GITLAB_CLIENTS_H

#include "proxy/proxy.h"

struct gitlab_clients {
	struct fetch *gitlab; /* NULL: a relay without client secret */
	struct fetch *relay;  /* NULL: the client for GitLab is used for the relay, too */
};

/* Sets p->auth. */
bool gitlab_clients_start_auth(struct gitlab_clients *c, struct proxy *p, struct err *e) MUST_CHECK;

/* Sets p->relay and, if there is a client secret, p->broker. */
bool gitlab_clients_start_relay(struct gitlab_clients *c, struct proxy *p,
				struct err *e) MUST_CHECK;

/* Frees the clients. The modules that use them must have been freed. */
void gitlab_clients_fini(struct gitlab_clients *c);

#endif
