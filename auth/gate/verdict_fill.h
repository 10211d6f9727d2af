/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling verdicts. A verdict's arena holds addresses, sealed cookies and names; never a token or a
 * verifier, and an authorization code only in the address that the relay sends a browser to.
 */
#ifndef AUTH_GATE_VERDICT_FILL_H
#define AUTH_GATE_VERDICT_FILL_H

#include "auth/auth.h"

struct gitlab_user;

#define AUTH_RETRY_AFTER_S 5u	  /* where GitLab does not say */
#define AUTH_VERDICT_MAX   32768u /* bytes of a verdict's arena */

void verdict_problem(struct auth_verdict *v, enum auth_problem problem, const char *detail);
/* The same, with a way to sign in. */
void verdict_refuse(const struct auth *a, struct auth_verdict *v, enum auth_problem problem,
		    const char *detail);
void verdict_unavailable(struct auth_verdict *v, uint32_t retry_after_s, const char *detail);

/* The problem of a question that GitLab did not answer because of this error; both are 503. */
enum auth_problem verdict_problem_of(enum err_code code);
void verdict_not_answered(struct auth_verdict *v, uint32_t retry_after_s, enum err_code code);

/* location must live as long as the verdict. NULL, CR or LF in it make the verdict unavailable. */
void verdict_redirect(struct auth_verdict *v, unsigned status, const char *location);
void verdict_reply(struct auth_verdict *v, unsigned status, struct str json);

/* The identity of a user without a session. */
void verdict_copy_identity(struct auth_verdict *v, const struct gitlab_user *user);

/* The identity of the session, readable for as long as the verdict lives. */
void verdict_set_identity(struct auth_verdict *v, struct auth_session *s);

/* A whole Set-Cookie value; NULL or one too many makes the verdict unavailable. */
void verdict_add_cookie(struct auth_verdict *v, const char *set_cookie);

#endif
