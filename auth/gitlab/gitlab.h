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

#define GITLAB_REVOKES_MAX 32u /* running or waiting; further tokens are left to expire */

void gitlab_tokens_fini(struct gitlab_tokens *t);

/* Runs exactly once unless cancelled, never before the function that started the call returns. The
 * call has been freed. */
typedef void gitlab_done_fn(struct gitlab_answer *answer, void *arg);

struct gitlab;
struct gitlab_call;

/* settings and redirect_uri outlive it. */
struct gitlab *gitlab_new(const struct auth_settings *settings, const char *redirect_uri,
			  struct fetch *f, struct err *e) MUST_CHECK;
/* The client that verifies the relay's certificate; without it, the one for GitLab does. */
void gitlab_reach_relay(struct gitlab *g, struct fetch *f);
void gitlab_free(struct gitlab *g); /* after every call is done or cancelled */

/* The counters of all of auth/. */
struct auth_metrics *gitlab_metrics(struct gitlab *g);

/* The rate limit of questions for clients without a session; callers charge it. */
struct client_rate *gitlab_client_rate(struct gitlab *g);

/* Of questions for a client (client_key) without a session: FETCH_NORMAL for one that has signed in
 * before, else FETCH_LOW. */
enum fetch_priority gitlab_client_priority(const struct gitlab *g, uint64_t client);

struct gitlab_code {
	struct str code;
	struct str verifier;
	unsigned modes; /* enum auth_mode: what the tokens will be used for */
	enum fetch_priority priority;
};

/* Whose token authenticates a question to the API. */
struct gitlab_asker {
	const struct secret *token;
	uint64_t user_id;	      /* 0: not known yet */
	enum fetch_priority priority; /* FETCH_HIGH for sessions */
};

/*
 * NULL: nothing was sent. Strings and secrets are copied.
 *
 * With BROKER the relay is asked for tokens, refreshes and revocations: see
 * auth/gitlab/gitlab_broker.h. Refresh tokens are then wrapped by it.
 */
struct gitlab_call *gitlab_exchange_code(struct gitlab *g, const struct gitlab_code *code,
					 gitlab_done_fn *done, void *arg) MUST_CHECK;
struct gitlab_call *gitlab_refresh(struct gitlab *g, const struct secret *refresh_token,
				   unsigned modes, gitlab_done_fn *done, void *arg) MUST_CHECK;
struct gitlab_call *gitlab_revoke_token(struct gitlab *g, const struct secret *token,
					gitlab_done_fn *done, void *arg) MUST_CHECK;
struct gitlab_call *gitlab_get_user(struct gitlab *g, const struct gitlab_asker *who,
				    gitlab_done_fn *done, void *arg) MUST_CHECK;

/* OK when the configured workspace belongs to the asking user. */
struct gitlab_call *gitlab_check_workspace(struct gitlab *g, const struct gitlab_asker *who,
					   gitlab_done_fn *done, void *arg) MUST_CHECK;

/* OK when the asking user is an active member of the configured project with enough access. */
struct gitlab_call *gitlab_check_project(struct gitlab *g, const struct gitlab_asker *who,
					 gitlab_done_fn *done, void *arg) MUST_CHECK;

/* The same of a group, where membership of a group above it counts. group: its id or full path. */
struct gitlab_call *gitlab_check_group(struct gitlab *g, const struct gitlab_asker *who,
				       const char *group, gitlab_done_fn *done,
				       void *arg) MUST_CHECK;
void gitlab_cancel(struct gitlab_call *call); /* NULL is fine */

/* Gives up on an exchange or refresh that GitLab may have answered already: the tokens that still
 * arrive are revoked. NULL is fine. */
void gitlab_abandon(struct gitlab *g, struct gitlab_call *call);

/* Revokes in the background, without retries; a failure is logged. Takes the tokens. */
void gitlab_revoke(struct gitlab *g, struct gitlab_tokens *tokens);

#endif
