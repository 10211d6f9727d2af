/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides who may use this workspace, or one port of it: all modes of a rule must hold, and are
 * checked with GitLab with the user's own token. The same checks run at login and repeatedly
 * during a session.
 */
#ifndef AUTH_GITLAB_POLICY_H
#define AUTH_GITLAB_POLICY_H

#include "auth/gitlab/gitlab.h"

enum policy_verdict {
	POLICY_PENDING,
	POLICY_ALLOWED,
	POLICY_REFUSED,
	POLICY_TOKEN_INVALID,
	POLICY_MISCONFIGURED, /* GitLab refuses the request: an operator must fix it */
	POLICY_UNKNOWN,	      /* GitLab did not answer */
};

struct policy_result {
	enum policy_verdict verdict;
	uint32_t retry_after_s;
	/* POLICY_MISCONFIGURED: the scope that the token lacks, or NULL. */
	const char *missing_scope;
	struct err err;	    /* the reason, unless allowed */
	const char *detail; /* the reason for the user, or NULL */
};

typedef void policy_done_fn(const struct policy_result *result, void *arg);

/* Who is a guest of a port. Projects, levels and all else come from the settings. */
struct policy_rule {
	unsigned modes;	   /* enum auth_mode */
	const char *users; /* as in auth_settings */
	const char *group; /* id or path */
};

struct policy_check {
	struct gitlab *gitlab;
	const struct auth_settings *settings;
	const struct policy_rule *rule; /* NULL: the settings say who may use the workspace */
	struct gitlab_credentials who;	/* the token is borrowed while the check runs */
	unsigned left;			/* questions still to ask */
	unsigned asked;			/* the question in progress */
	uint64_t started_us;
	struct gitlab_call *call;
	policy_done_fn *done;
	void *arg;
};

struct policy_subject {
	struct gitlab_credentials who;
	/* As GitLab has just reported it for an active user; NULL: GitLab was not asked. */
	const char *username;
};

/* POLICY_PENDING: done runs later, once. Otherwise returns the answer, also in *result, and done
 * does not run. */
enum policy_verdict policy_start(struct policy_check *c, const struct policy_subject *subject,
				 struct policy_result *result, policy_done_fn *done,
				 void *arg) MUST_CHECK;
void policy_cancel(struct policy_check *c); /* does nothing when no check is running */

#endif
