/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signs a browser that has a session at the workspace's own host in to the host of a port, for
 * which no redirect URI is registered with GitLab (docs/decisions/0008-hand-over-to-ports.md).
 *
 * The port's host starts a flow as for a login, sets its cookie, and redirects to the workspace's
 * own host. That requires a session (or a login first) and redirects back with a ticket, sealed for
 * this flow's state, this port and this session. A ticket is exchanged for a session cookie once,
 * within a minute, together with the flow's cookie, while the session lives.
 */
#ifndef AUTH_LOGIN_PORT_TICKET_H
#define AUTH_LOGIN_PORT_TICKET_H

#include "auth/auth_private.h"
#include "auth/share/port_share.h"

#define PORT_TICKET_AGE_MAX_MS (60 * INT64_C(1000))

/* Handles the endpoint at the workspace's own host that issues tickets. Returns as auth_answer. */
struct auth_call *port_ticket_issue(struct auth *a, const struct auth_facts *facts,
				    struct auth_verdict *v, auth_done_fn *done, void *arg);

/* A guest's login, after GitLab has identified the user and the share allows them. */
struct port_guest_login {
	struct port_share *share;
	const struct gitlab_user *user;
	struct gitlab_tokens *tokens; /* taken on success */
	struct str target;	      /* of the login */
};

/* Opens the session of a guest and redirects with its ticket; the browser gets the session's cookie
 * when it redeems that. ERR_DENIED: the share ended during the login. */
bool port_ticket_issue_to_guest(struct auth *a, const struct port_guest_login *login,
				struct auth_verdict *v, struct err *e) MUST_CHECK;

/* Handles the callback at a port's host: redeems the ticket. */
void port_ticket_redeem(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v);

#endif
