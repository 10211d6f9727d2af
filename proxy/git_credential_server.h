/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server of git's credential helper: a unix socket to which the helper in the workspace
 * connects.
 *
 * Gives tokens to CREDENTIAL_UID only, and only for the exact scheme, host and port of GitLab or of
 * REGISTRY_ORIGINS. Limits requests in size and time. Never logs tokens, and wipes them after
 * sending.
 */
#ifndef PROXY_GIT_CREDENTIAL_SERVER_H
#define PROXY_GIT_CREDENTIAL_SERVER_H

#include "proxy/proxy.h"

struct git_credential_server;

/* Listens at p->settings->credential_socket, which must be set. p->auth outlives the server. */
struct git_credential_server *git_credential_server_new(struct proxy *p, struct err *e) MUST_CHECK;
void git_credential_server_free(struct git_credential_server *s); /* does nothing for NULL */

#endif
