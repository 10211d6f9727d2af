/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redeems codes, refreshes and revokes tokens through the relay's token broker, for a sidecar that
 * has no client secret: seals the requests and opens the answers. See
 * auth/broker/broker_message.h.
 */
#ifndef AUTH_GITLAB_GITLAB_BROKER_H
#define AUTH_GITLAB_GITLAB_BROKER_H

#include "auth/gitlab/gitlab_private.h"

void broker_ask_free(struct broker_ask *ask); /* does nothing for NULL */

/* Fills *request with the same sealed request. False: it may not be sent again, because a part of
 * it was sent. The views are valid as long as ask. */
bool broker_ask_again(struct broker_ask *ask, const struct gitlab *g, const struct err *why,
		      struct fetch_request *request);

/* Sets the broker's URL, and the name by which the broker knows the workspace. */
bool gitlab_broker_build_address(struct gitlab *g) MUST_CHECK;

struct gitlab_call *gitlab_broker_redeem(struct gitlab *g, const struct gitlab_code *code,
					 gitlab_done_fn *done, void *arg) MUST_CHECK;

/* kind: AUTH_ASKS_REFRESH with a wrapped token and modes, or AUTH_ASKS_REVOKE with an access
 * token. */
struct gitlab_call *gitlab_broker_send_token(struct gitlab *g, const struct gitlab_question *what,
					     const struct secret *token, gitlab_done_fn *done,
					     void *arg) MUST_CHECK;

#endif
