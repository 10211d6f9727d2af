/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The identity of a session's user, as GitLab reported it at the login.
 */
#include "auth/session/session_identity.h"

#include "auth/session/session_private.h"

struct auth_identity
session_identity(const struct auth_session *s)
{
	return (struct auth_identity){
		.user_id = str_from(s->user_id),
		.username = str_from(s->user.username),
		.name = str_from(s->user.name),
		.email = str_from(s->user.email),
	};
}

bool
session_is_of_same_user(const struct auth_session *a, const struct auth_session *b)
{
	return a->user.id == b->user.id;
}
