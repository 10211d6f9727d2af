/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client of GitLab's OAuth, REST and GraphQL endpoints: one request per function, with
 * strictly parsed responses. The callers decide what a response means for a login or a session.
 */
#ifndef AUTH_GITLAB_GITLAB_H
#define AUTH_GITLAB_GITLAB_H

#include "auth/gitlab/gitlab_answer.h"
#include "auth/limits/client_rate.h"
#include "auth/metrics.h"

#define GITLAB_REVOKES_MAX 32u /* running or queued; further tokens are not revoked */

/* Called exactly once unless cancelled, never before the function that started the call returns.
 * The call has been freed by then. */
typedef void gitlab_done_fn(struct gitlab_answer *answer, void *arg);

struct gitlab;
struct gitlab_call;

/* settings and redirect_uri must outlive it. */
struct gitlab *gitlab_new(const struct auth_settings *settings, const char *redirect_uri,
			  struct fetch *f, struct err *e) MUST_CHECK;
/* Uses this client for the relay, whose certificate it can verify. Without it, GitLab's client is
 * used. */
void gitlab_set_relay_client(struct gitlab *g, struct fetch *f);
void gitlab_free(struct gitlab *g); /* call it after every call is done or cancelled */

/* Returns the counters of all of auth/. */
struct auth_metrics *gitlab_metrics(struct gitlab *g);

/* Returns the rate limit of requests for clients without a session; callers charge it. */
struct client_rate *gitlab_client_rate(struct gitlab *g);

/* Returns the priority of requests for a client (client_key) without a session: FETCH_NORMAL if it
 * has signed in before, otherwise FETCH_LOW. */
enum fetch_priority gitlab_client_priority(const struct gitlab *g, uint64_t client);

struct gitlab_code {
	struct str code;
	struct str verifier;
	unsigned modes; /* enum auth_mode: what the tokens are for */
	enum fetch_priority priority;
};

/* Whose token authenticates a request to the API. */
struct gitlab_credentials {
	const struct secret *token;
	uint64_t user_id;	      /* 0: unknown yet */
	enum fetch_priority priority; /* FETCH_HIGH for sessions */
};

/*
 * NULL: the request was not started. Strings and secrets are copied.
 *
 * With BROKER, codes, refreshes and revocations go to the relay, which wraps refresh tokens: see
 * auth/broker/broker_message.h.
 */
struct gitlab_call *gitlab_exchange_code(struct gitlab *g, const struct gitlab_code *code,
					 gitlab_done_fn *done, void *arg) MUST_CHECK;
struct gitlab_call *gitlab_refresh(struct gitlab *g, const struct secret *refresh_token,
				   unsigned modes, gitlab_done_fn *done, void *arg) MUST_CHECK;
struct gitlab_call *gitlab_revoke_token(struct gitlab *g, const struct secret *token,
					gitlab_done_fn *done, void *arg) MUST_CHECK;
struct gitlab_call *gitlab_get_user(struct gitlab *g, const struct gitlab_credentials *who,
				    gitlab_done_fn *done, void *arg) MUST_CHECK;

/* OK: the configured workspace belongs to the token's user. */
struct gitlab_call *gitlab_check_workspace(struct gitlab *g, const struct gitlab_credentials *who,
					   gitlab_done_fn *done, void *arg) MUST_CHECK;

/* OK: the token's user is an active member of the configured project with enough access. */
struct gitlab_call *gitlab_check_project(struct gitlab *g, const struct gitlab_credentials *who,
					 gitlab_done_fn *done, void *arg) MUST_CHECK;

/* As gitlab_check_project, for a group (its id or full path). Membership of a parent group
 * counts. */
struct gitlab_call *gitlab_check_group(struct gitlab *g, const struct gitlab_credentials *who,
				       const char *group, gitlab_done_fn *done,
				       void *arg) MUST_CHECK;
void gitlab_cancel(struct gitlab_call *call); /* does nothing for NULL */

/* Cancels an exchange or refresh that GitLab may have answered: revokes tokens that still arrive.
 * Does nothing for NULL. */
void gitlab_abandon(struct gitlab *g, struct gitlab_call *call);

/* Revokes in the background, without retries; logs a failure. Takes the tokens. */
void gitlab_revoke(struct gitlab *g, struct gitlab_tokens *tokens);

#endif
