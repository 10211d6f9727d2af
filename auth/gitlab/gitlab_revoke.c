/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revokes tokens in the background: those that a login or session no longer needs, and those of
 * token requests that are still running.
 */
#include "auth/gitlab/gitlab_private.h"

static void
on_revoked(struct gitlab_answer *answer, void *arg)
{
	struct revocation *r = arg;

	r->call = NULL;
	secret_free(r->token);
	r->token = NULL;
	if (answer->outcome != GITLAB_OK)
		log_warn(NULL, "token not revoked; it is valid until it expires",
			 log_err(&answer->err));
}

static void
start_revocation(struct revocation *r)
{
	r->call = gitlab_revoke_token(r->gitlab, r->token, on_revoked, r);
	if (r->call == NULL) {
		secret_free(r->token);
		r->token = NULL;
	}
}

static struct revocation *
find_free_revocation(struct gitlab *g)
{
	for (size_t i = 0; i < GITLAB_REVOKES_MAX; i++) {
		struct revocation *r = &g->revocations[i];

		if (r->token == NULL && r->call == NULL) {
			r->gitlab = g;
			return r;
		}
	}
	log_warn(NULL, "too many revocations at once; token not revoked");
	return NULL;
}

void
gitlab_revoke(struct gitlab *g, struct gitlab_tokens *tokens)
{
	struct revocation *r = tokens->access == NULL ? NULL : find_free_revocation(g);

	if (r != NULL) {
		r->token = tokens->access;
		tokens->access = NULL;
		start_revocation(r);
	}
	gitlab_tokens_fini(tokens);
}

static void
on_abandoned(struct gitlab_answer *answer, void *arg)
{
	struct revocation *r = arg;

	r->call = NULL;
	if (answer->outcome != GITLAB_OK || answer->tokens.access == NULL)
		return;
	r->token = answer->tokens.access;
	answer->tokens.access = NULL;
	start_revocation(r);
}

void
gitlab_abandon(struct gitlab *g, struct gitlab_call *call)
{
	struct revocation *r = call == NULL ? NULL : find_free_revocation(g);

	if (r == NULL) {
		gitlab_cancel(call);
		return;
	}
	r->call = call;
	call->done = on_abandoned;
	call->arg = r;
}
