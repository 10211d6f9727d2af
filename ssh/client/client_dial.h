/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens a tunnel to a workspace.
 */
#ifndef SSH_CLIENT_CLIENT_DIAL_H
#define SSH_CLIENT_CLIENT_DIAL_H

#include "ssh/client/client_private.h"

struct raw_stream;

/* An open WebSocket. */
struct client_tunnel {
	struct raw_stream *stream;
	char user[SSH_USER_MAX + 1];
	char host_key[SSH_KEY_TEXT_MAX + 1];
	struct buf early; /* frames that came with the head */
};

/* Connects and sends the request for a tunnel. */
bool client_dial(const struct client_host *h, const struct client_login *l, const char *key,
		 struct client_tunnel *t, struct err *e) MUST_CHECK;
void client_tunnel_fini(struct client_tunnel *t);

#endif
