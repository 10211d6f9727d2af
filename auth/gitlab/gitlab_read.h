/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses GitLab's responses: one function per kind, without I/O. Each fills an answer from a
 * complete response; an invalid one is GITLAB_UNAVAILABLE.
 */
#ifndef AUTH_GITLAB_GITLAB_READ_H
#define AUTH_GITLAB_GITLAB_READ_H

#include "auth/gitlab/gitlab.h"

struct broker_ask;

/* What a response must match. */
struct gitlab_expect {
	const struct auth_settings *settings;
	uint64_t user_id;
	unsigned modes;		      /* of tokens: what they are for */
	const struct broker_ask *ask; /* of gitlab_read_broker */
};

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

#define GITLAB_WORKSPACE_GID "gid://gitlab/RemoteDevelopment::Workspace/"
#define GITLAB_USER_GID	     "gid://gitlab/User/"

#endif
