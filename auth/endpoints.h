/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our endpoints below the prefix, except for the callback: each fills a verdict.
 */
#ifndef AUTH_ENDPOINTS_H
#define AUTH_ENDPOINTS_H

#include "auth/auth_private.h"

void endpoint_start(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v);
void endpoint_sign_in(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v);
void endpoint_sign_out(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v);
struct auth_call *endpoint_auth(struct auth *a, const struct auth_facts *facts,
				struct auth_verdict *v, auth_done_fn *done, void *arg);
struct auth_call *endpoint_userinfo(struct auth *a, const struct auth_facts *facts,
				    struct auth_verdict *v, auth_done_fn *done, void *arg);

#endif
