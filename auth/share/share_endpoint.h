/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoint at the workspace's own host by which its users share ports: a POST of a page of that
 * host, by a user who has signed in there; neither guests nor API tokens share anything.
 */
#ifndef AUTH_SHARE_SHARE_ENDPOINT_H
#define AUTH_SHARE_SHARE_ENDPOINT_H

#include "auth/auth_private.h"

/* Shares a port; returns as auth_answer. */
struct auth_call *share_endpoint(struct auth *a, const struct auth_facts *facts,
				 struct auth_verdict *v, auth_done_fn *done, void *arg);

#endif
