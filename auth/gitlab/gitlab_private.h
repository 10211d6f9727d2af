/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client and its calls, shared by auth/gitlab/gitlab.c, which asks GitLab itself,
 * gitlab_broker.c, which asks the relay's token broker instead for a sidecar without a client
 * secret, gitlab_call.c, which sends requests, gitlab_read.c, which parses responses, and
 * gitlab_revoke.c.
 */
#ifndef AUTH_GITLAB_GITLAB_PRIVATE_H
#define AUTH_GITLAB_GITLAB_PRIVATE_H

#include "auth/gitlab/gitlab.h"

#define GITLAB_WORKSPACE_GID "gid://gitlab/RemoteDevelopment::Workspace/"

struct sealed_request;

/* What a response must match. */
struct gitlab_expect {
	const struct auth_settings *settings;
	uint64_t user_id;
	unsigned modes;			     /* of tokens: what they are for */
	const struct sealed_request *sealed; /* of the broker */
};

/* Fills an answer from a complete response; an invalid one is GITLAB_UNAVAILABLE. */
typedef void gitlab_read_fn(const struct fetch_response *r, const struct gitlab_expect *expect,
			    struct gitlab_answer *answer);

gitlab_read_fn gitlab_read_tokens; /* POST /oauth/token */
gitlab_read_fn gitlab_read_user;   /* GET /api/v4/user */
gitlab_read_fn gitlab_read_workspace;
gitlab_read_fn gitlab_read_project_member; /* GET /api/v4/projects/:id/members/all/:user_id */
gitlab_read_fn gitlab_read_group_member;   /* GET /api/v4/groups/:id/members/all/:user_id */
gitlab_read_fn gitlab_read_revoke;

/* Whether text is visible ASCII and not empty. */
bool gitlab_is_token(struct str text, size_t max);

/* A revocation in the background. Without call and token the entry is free. */
struct revocation {
	struct gitlab *gitlab;
	struct gitlab_call *call;
	struct secret *token; /* NULL with a call: the token is still to arrive */
};

struct gitlab {
	const struct auth_settings *settings;
	const char *redirect_uri;
	struct fetch *fetch;
	struct fetch *relay_fetch; /* to the broker */
	struct arena arena;
	const char *token_url;
	const char *revoke_url;
	const char *user_url;
	const char *graphql_url;
	const char *api_url; /* of the REST API, with a final '/' */
	const char *workspace_query;
	const char *broker_url; /* NULL: tokens are requested from GitLab itself */
	struct str authority;	/* of the workspace, as the broker knows it */
	struct auth_metrics metrics;
	struct client_rate client_rate;
	struct revocation revocations[GITLAB_REVOKES_MAX];
};

struct gitlab_call {
	struct gitlab_expect expect;
	struct gitlab *gitlab;
	enum auth_metrics_endpoint endpoint;
	uint64_t started_us;
	struct fetch_call *fetch;
	struct sealed_request *sealed; /* NULL: sent to GitLab itself */
	gitlab_read_fn *read;
	gitlab_done_fn *done;
	void *arg;
};

struct gitlab_request {
	enum auth_metrics_endpoint kind;
	struct fetch_request request;
	struct sealed_request *sealed; /* moved into the call */
	gitlab_read_fn *read;
	uint64_t user_id; /* the user that the answer must be about; 0: any */
	unsigned modes;	  /* of tokens: what they are for */
};

struct gitlab_call *gitlab_start(struct gitlab *g, const struct gitlab_request *q,
				 gitlab_done_fn *done, void *arg) MUST_CHECK;

/* Sets the broker's URL, and the name by which the broker knows the workspace. */
bool gitlab_broker_build_address(struct gitlab *g) MUST_CHECK;

struct gitlab_call *gitlab_broker_redeem(struct gitlab *g, const struct gitlab_code *code,
					 gitlab_done_fn *done, void *arg) MUST_CHECK;

/* kind: AUTH_REQUEST_REFRESH with a wrapped token and modes, or AUTH_REQUEST_REVOKE with an access
 * token. */
struct gitlab_call *gitlab_broker_send_token(struct gitlab *g, const struct gitlab_request *what,
					     const struct secret *token, gitlab_done_fn *done,
					     void *arg) MUST_CHECK;

#endif
