/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carries the bytes of a tunnel.
 */
#ifndef SSH_CLIENT_CLIENT_TUNNEL_H
#define SSH_CLIENT_CLIENT_TUNNEL_H

#include "ssh/client/client_dial.h"

/* Moves bytes between the tunnel and stdin and stdout until one side ends. False, with a sentence,
 * unless it is an orderly end. */
bool client_tunnel_run(struct client_tunnel *t, struct err *e) MUST_CHECK;

#endif
