/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pending verdicts: the base struct of each, in a list that limits their number and cancels them.
 */
#ifndef AUTH_GATE_CALL_H
#define AUTH_GATE_CALL_H

#include "auth/auth.h"

#define AUTH_CALLS_MAX 4096u /* requests of one page may wait for the same answer of GitLab */

/* The first member of every structure that cancel frees. */
struct auth_call {
	struct auth *auth;
	LIST_ENTRY(auth_call) entry;
	struct auth_verdict *verdict;
	auth_done_fn *done;
	void *arg;
	void (*cancel)(struct auth_call *call); /* unlinks and frees; done does not run */
};

/* Whether there is room for another pending call. */
bool call_may_start(const struct auth *a);
void call_link(struct auth_call *c, struct auth *a);
void call_unlink(struct auth_call *c);

#endif
