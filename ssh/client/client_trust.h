/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which workspaces may get a GitLab token.
 */
#ifndef SSH_CLIENT_CLIENT_TRUST_H
#define SSH_CLIENT_CLIENT_TRUST_H

#include "ssh/client/client_private.h"

/* Chooses the credentials: the GitLab token of the environment if the host is in a trusted zone,
 * otherwise those that login stored. */
bool client_credentials(const struct client_host *h, struct client_login *l,
			struct err *e) MUST_CHECK;

#endif
