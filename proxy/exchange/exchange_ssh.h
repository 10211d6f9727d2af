/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoint <prefix>/ssh: SSH for desktop IDEs and terminals, as raw bytes in the binary frames
 * of a WebSocket with the subprotocol SSH_SUBPROTOCOL. The other end is sshd in the IDE's
 * container, started by its helper (proxy/ssh/ssh_link.h). Frame boundaries mean nothing; one
 * WebSocket carries one SSH connection.
 *
 * A request names the client's public key in Workspace-Ssh-Key; the response has the host key in
 * Workspace-Ssh-Host-Key and the user's name in Workspace-Ssh-User. Without Upgrade, the response
 * is JSON that says whether SSH is available.
 */
#ifndef PROXY_EXCHANGE_EXCHANGE_SSH_H
#define PROXY_EXCHANGE_EXCHANGE_SSH_H

#include "proxy/exchange/exchange.h"

#define SSH_SUBPROTOCOL "ssh.workspace-proxy.v1"

/* Whether a browser sent the request. Such requests are refused before authentication, because any
 * page can make a browser send them. */
bool exchange_ssh_is_from_browser(const struct exchange *x);

/* Answers the request. x->verdict is AUTH_ALLOW. */
void exchange_ssh_answer(struct exchange *x);

/* Receives bytes of the client. */
void exchange_ssh_on_frames(struct exchange *x, struct str data);

#endif
