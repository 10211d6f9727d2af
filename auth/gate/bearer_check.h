/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifies one API token: asks GitLab who its user is, then whether that user may use the
 * workspace.
 */
#ifndef AUTH_GATE_BEARER_CHECK_H
#define AUTH_GATE_BEARER_CHECK_H

#include "auth/auth.h"
#include "auth/gitlab/policy.h"

/* Why the token is refused. */
struct bearer_refusal {
	enum auth_problem problem;
	const char *missing_scope; /* AUTH_PROBLEM_TOKEN_SCOPE, else NULL */
};

struct bearer_answer {
	enum { BEARER_ACCEPTED, BEARER_REJECTED, BEARER_UNVERIFIED } outcome;
	struct bearer_refusal refusal; /* BEARER_REJECTED: why */
	uint32_t retry_after_s;	       /* BEARER_UNVERIFIED: GitLab did not answer; 0: not given */
	struct err err;		       /* unless accepted */
};

/* Called exactly once unless cancelled, never before bearer_check_start returns. May free the
 * check. */
typedef void bearer_checked_fn(const struct bearer_answer *answer, void *arg);

struct bearer_check {
	struct gitlab_tokens tokens; /* has only an access token */
	struct gitlab_user user;     /* BEARER_ACCEPTED */
	enum fetch_priority priority;
	struct gitlab_call *user_call;
	struct policy_check policy;
	bearer_checked_fn *done;
	void *arg;
};

/* Copies the token and starts the check. Set done, arg, priority, and gitlab and settings of policy
 * before; the rest of c is zero. False: out of memory; call bearer_check_fini. */
bool bearer_check_start(struct bearer_check *c, struct str token) MUST_CHECK;
void bearer_check_fini(struct bearer_check *c); /* cancels; done does not run */

#endif
