/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sidecar's side of git's credentials: a unix socket to which the helper in the workspace
 * connects.
 *
 * Answers for GitLab's own scheme, host and port only, and to the configured user id only. Requests
 * are limited in size and time; tokens are never logged, and wiped after sending.
 */
#ifndef PROXY_GIT_CREDENTIAL_SERVER_H
#define PROXY_GIT_CREDENTIAL_SERVER_H

#include "proxy/proxy.h"

struct git_credential_server;

/* At p->settings->credential_socket, which is set. p->auth exists and outlives it. */
struct git_credential_server *git_credential_server_new(struct proxy *p, struct err *e) MUST_CHECK;
void git_credential_server_free(struct git_credential_server *s); /* NULL is fine */

#endif
