/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redeems codes, refreshes and revokes tokens through the relay's token broker, for a sidecar that
 * has no client secret: seals the requests and opens the answers. See
 * auth/broker/broker_message.h.
 */
#ifndef AUTH_GITLAB_GITLAB_BROKER_H
#define AUTH_GITLAB_GITLAB_BROKER_H

#include "auth/gitlab/gitlab_private.h"

void broker_ask_free(struct broker_ask *ask); /* NULL is fine */

/* Fills *request with the same sealed request, if it may be sent again: nothing of it was sent, as
 * no replica took the connection. Views of ask. */
bool broker_ask_again(struct broker_ask *ask, const struct gitlab *g, const struct err *why,
		      struct fetch_request *request);

/* Sets the broker's address, and the workspace's host as it is named there. */
bool gitlab_broker_build_address(struct gitlab *g) MUST_CHECK;

struct gitlab_call *gitlab_broker_redeem(struct gitlab *g, const struct gitlab_code *code,
					 gitlab_done_fn *done, void *arg) MUST_CHECK;

/* Of what: its kind (AUTH_ASKS_REFRESH with a wrapped token, AUTH_ASKS_REVOKE with an access token)
 * and modes. */
struct gitlab_call *gitlab_broker_send_token(struct gitlab *g, const struct gitlab_question *what,
					     const struct secret *token, gitlab_done_fn *done,
					     void *arg) MUST_CHECK;

#endif
