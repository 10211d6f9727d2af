/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a guest's login, after GitLab has identified the user and the share allows them.
 */
#ifndef AUTH_LOGIN_PORT_GUEST_SESSION_H
#define AUTH_LOGIN_PORT_GUEST_SESSION_H

#include "auth/login/port_guest.h"

struct port_guest_login {
	struct port_share *share;
	const struct gitlab_user *user;
	struct gitlab_tokens *tokens; /* taken on success */
	struct str target;	      /* of the login */
};

/* Opens a session and redirects with its ticket. False: ERR_DENIED when the share has ended
 * meanwhile, which it may at any time. */
bool port_guest_open(struct auth *a, const struct port_guest_login *login, struct auth_verdict *v,
		     struct err *e) MUST_CHECK;

/* Redirects who shared the port to a login to the workspace: they are no guest there. */
void port_guest_redirect_owner(struct auth *a, struct str target, struct str client,
			       struct auth_verdict *v);

/* The share ended before GitLab was asked anything. */
void port_guest_refuse(struct auth *a, struct auth_verdict *v);

#endif
