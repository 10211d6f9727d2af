/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose session it is.
 */
#ifndef AUTH_SESSION_SESSION_IDENTITY_H
#define AUTH_SESSION_SESSION_IDENTITY_H

#include "auth/session/session.h"

struct auth_identity session_identity(const struct auth_session *s); /* views into the session */
bool session_is_of_same_user(const struct auth_session *a, const struct auth_session *b);

#endif
