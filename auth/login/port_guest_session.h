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
	struct str target;	      /* target of the login */
};

/* Opens a session and redirects with its ticket. ERR_DENIED: the share ended during the login. */
bool port_guest_open(struct auth *a, const struct port_guest_login *login, struct auth_verdict *v,
		     struct err *e) MUST_CHECK;

/* Redirects the user who shared the port to a login to the workspace: they are not a guest. */
void port_guest_redirect_owner(struct auth *a, struct str target, struct str client,
			       struct auth_verdict *v);

/* Fills v: the share ended before GitLab was asked. */
void port_guest_refuse(struct auth *a, struct auth_verdict *v);

#endif
