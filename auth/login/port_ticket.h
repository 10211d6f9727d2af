/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a browser that is signed in at the workspace's own host gets a session cookie for the host of
 * a port, which GitLab knows nothing about (docs/decisions/0008-hand-over-to-ports.md).
 *
 * The port's host starts a flow as for a login, with its cookie, and sends the browser to the
 * workspace's own host. That wants a session (or a login first) and sends it back with a ticket,
 * sealed for this flow's state, this port and this session. Only where the flow's cookie comes with
 * it, once, and while the session lives, it becomes a cookie.
 */
#ifndef AUTH_LOGIN_PORT_TICKET_H
#define AUTH_LOGIN_PORT_TICKET_H

#include "auth/auth_private.h"

#define PORT_TICKET_AGE_MAX_MS (60 * INT64_C(1000))

/* AUTH_ENDPOINT_PORT, at the workspace's own host. As auth_answer. */
struct auth_call *port_ticket_issue(struct auth *a, const struct auth_facts *facts,
				    struct auth_verdict *v, auth_done_fn *done, void *arg);

/* The callback at a port's host. */
void port_ticket_redeem(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v);

#endif
