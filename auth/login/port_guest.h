/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logins of guests of a shared port. They lead to the endpoint that issues tickets for that port,
 * request only scopes to identify the user and check membership, and open a session for that
 * port's host only: no cookie is set for the workspace's own host.
 */
#ifndef AUTH_LOGIN_PORT_GUEST_H
#define AUTH_LOGIN_PORT_GUEST_H

#include "auth/auth_private.h"
#include "auth/share/port_share.h"

/* Returns the share whose guest a login with this target signs in. NULL: it is a login to the
 * workspace. */
struct port_share *port_guest_share(const struct auth *a, struct str target);

/* Returns the target marked as a login to the workspace. NULL: out of memory. */
const char *port_guest_skip(struct str target, struct arena *arena);

/* Returns the share of this port if it has guests who sign in; or NULL. */
struct port_share *port_guest_find(const struct auth *a, uint16_t port);

#endif
