/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finishing a login: GitLab's redirect back to the workspace's own host.
 */
#ifndef AUTH_LOGIN_LOGIN_CALLBACK_H
#define AUTH_LOGIN_LOGIN_CALLBACK_H

#include "auth/auth_private.h"

/* As auth_answer. */
struct auth_call *login_callback(struct auth *a, const struct auth_facts *facts,
				 struct auth_verdict *v, auth_done_fn *done, void *arg);

#endif
