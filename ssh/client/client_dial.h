/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens a tunnel to a workspace.
 */
#ifndef SSH_CLIENT_CLIENT_DIAL_H
#define SSH_CLIENT_CLIENT_DIAL_H

#include "ssh/client/http/client_http.h"

/* Timeout in seconds, from name resolution to the response. */
#define CLIENT_DIAL_TIMEOUT_S 15u
#define CLIENT_DIAL_MAX_S     300u
#define CLIENT_DIAL_VARIABLE  "WORKSPACE_PROXY_CONNECT_TIMEOUT"

/* An open WebSocket; frames that came with the head are client_http_rest. */
struct client_tunnel {
	struct client_http http;
	char user[SSH_USER_MAX + 1];
	char host_key[SSH_KEY_TEXT_MAX + 1];
	char notice[SSH_SENTENCE_MAX + 1]; /* what does not work; or "" */
};

/* Connects and sends the request for a tunnel. Release it with client_http_fini. */
bool client_dial(const struct client_host *h, const struct client_login *l, const char *key,
		 struct client_tunnel *t, struct err *e) MUST_CHECK;

#endif
