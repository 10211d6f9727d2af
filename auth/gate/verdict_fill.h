/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling verdicts. A verdict's arena holds addresses, sealed cookies and names; never a token or a
 * verifier, and an authorization code only in the address that the relay sends a browser to.
 */
#ifndef AUTH_GATE_VERDICT_FILL_H
#define AUTH_GATE_VERDICT_FILL_H

#include "auth/auth.h"

struct gitlab_user;
struct json_writer;

#define AUTH_RETRY_AFTER_S 5u /* when GitLab sends no Retry-After */

void verdict_problem(struct auth_verdict *v, enum auth_problem problem, const char *detail);
/* As verdict_problem, with a link to sign in. */
void verdict_refuse(const struct auth *a, struct auth_verdict *v, enum auth_problem problem,
		    const char *detail);
void verdict_unavailable(struct auth_verdict *v, uint32_t retry_after_s, const char *detail);

/* Returns the problem for a request to GitLab that failed with this error; both are 503. */
enum auth_problem verdict_problem_of(enum err_code code);
void verdict_not_answered(struct auth_verdict *v, uint32_t retry_after_s, enum err_code code);

/* location must live as long as the verdict. If it is NULL or contains CR or LF, the verdict
 * becomes "unavailable". */
void verdict_redirect(struct auth_verdict *v, unsigned status, const char *location);
void verdict_reply(struct auth_verdict *v, unsigned status, struct str json);
/* Ends the object that w has begun and replies with it. If it did not fit, the verdict becomes
 * "unavailable". */
void verdict_reply_object(struct auth_verdict *v, struct json_writer *w);

/* Sets the identity of a user without a session. */
void verdict_copy_identity(struct auth_verdict *v, const struct gitlab_user *user);

/* Sets the session's identity, which is valid as long as the verdict. */
void verdict_set_identity(struct auth_verdict *v, struct auth_session *s);

/* Adds a whole Set-Cookie value. If it is NULL, or there are too many, the verdict becomes
 * "unavailable". */
void verdict_add_cookie(struct auth_verdict *v, const char *set_cookie);

#endif
