/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GitLab tokens for automation.
 */
#ifndef SSH_CLIENT_CLIENT_TOKEN_H
#define SSH_CLIENT_CLIENT_TOKEN_H

#include "ssh/client/client_private.h"

#define CLIENT_TOKEN_VARIABLE	      "WORKSPACE_PROXY_TOKEN"
#define CLIENT_TOKEN_COMMAND_VARIABLE "WORKSPACE_PROXY_TOKEN_COMMAND"

/* Whether the environment has a token, or a command that prints one. */
bool client_token_is_given(void);
bool client_token_get(char token[CLIENT_TOKEN_MAX], struct err *e) MUST_CHECK;

#endif
