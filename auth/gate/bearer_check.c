/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends the requests about one API token to GitLab, and evaluates the responses.
 */
#include "auth/gate/bearer_check.h"

#include "auth/gitlab/gitlab_scope.h"

static void
end_rejected(struct bearer_check *c, enum auth_problem problem, const struct err *why)
{
	const struct bearer_answer answer = {
		.outcome = BEARER_REJECTED, .refusal = {.problem = problem}, .err = *why};

	c->done(&answer, c->arg);
}

/* missing_scope: what the token lacks; NULL: GitLab rejects the request whatever the token is. */
static void
end_misconfigured(struct bearer_check *c, const char *missing_scope, const struct err *why)
{
	const struct bearer_answer answer = {
		.outcome = BEARER_REJECTED,
		.refusal = {.problem = missing_scope == NULL ? AUTH_PROBLEM_GITLAB_REFUSES_US
							     : AUTH_PROBLEM_TOKEN_SCOPE,
			    .missing_scope = missing_scope},
		.err = *why,
	};

	c->done(&answer, c->arg);
}

static void
end_unverified(struct bearer_check *c, const struct err *why, uint32_t retry_after_s)
{
	const struct bearer_answer answer = {
		.outcome = BEARER_UNVERIFIED, .retry_after_s = retry_after_s, .err = *why};

	c->done(&answer, c->arg);
}

static void
on_policy(const struct policy_result *result, void *arg)
{
	struct bearer_check *c = arg;
	const struct bearer_answer accepted = {.outcome = BEARER_ACCEPTED, .err = ERR_INIT};

	switch (result->verdict) {
	case POLICY_ALLOWED:
		c->done(&accepted, c->arg);
		return;
	case POLICY_REFUSED:
		end_rejected(c, AUTH_PROBLEM_NO_ACCESS, &result->err);
		return;
	case POLICY_MISCONFIGURED:
		end_misconfigured(c, result->missing_scope, &result->err);
		return;
	/* GitLab has just accepted the token for REST. Its GraphQL endpoint answers 401 if a token
	 * lacks the scope. */
	case POLICY_TOKEN_INVALID:
		end_misconfigured(c,
				  gitlab_scope_missing(STR("read_user"), c->policy.settings->modes),
				  &result->err);
		return;
	case POLICY_PENDING:
	case POLICY_UNKNOWN:
		break;
	}
	end_unverified(c, &result->err, result->retry_after_s);
}

static struct gitlab_credentials
api_credentials(const struct bearer_check *c)
{
	return (struct gitlab_credentials){
		.token = c->tokens.access,
		.user_id = c->user.id,
		.priority = c->priority,
	};
}

static void
start_policy(struct bearer_check *c)
{
	const struct policy_subject subject = {.who = api_credentials(c),
					       .username = c->user.username};
	struct policy_result result;

	if (policy_start(&c->policy, &subject, &result, on_policy, c) != POLICY_PENDING)
		on_policy(&result, c);
}

static void
on_user(struct gitlab_answer *answer, void *arg)
{
	struct bearer_check *c = arg;
	struct err why = answer->err;

	c->user_call = NULL;
	switch (answer->outcome) {
	case GITLAB_OK:
		break;
	case GITLAB_NO:
	case GITLAB_FORBIDDEN:
	case GITLAB_DENIED:
		end_rejected(c, AUTH_PROBLEM_NO_ACCESS, &why);
		return;
	case GITLAB_REFUSES_US:
		end_misconfigured(c, answer->missing_scope, &why);
		return;
	case GITLAB_TOKEN_INVALID:
	case GITLAB_GRANT_INVALID:
		end_rejected(c, AUTH_PROBLEM_LOGIN_REQUIRED, &why);
		return;
	case GITLAB_UNAVAILABLE:
	case GITLAB_LOST:
		end_unverified(c, &why, answer->retry_after_s);
		return;
	}
	c->user = answer->user;
	if (c->user.is_active) {
		start_policy(c);
		return;
	}
	err_set(&why, ERR_DENIED, "the account is blocked, locked or not active");
	end_rejected(c, AUTH_PROBLEM_NO_ACCESS, &why);
}

bool
bearer_check_start(struct bearer_check *c, struct str token)
{
	c->tokens.access = secret_from_str(token);
	const struct gitlab_credentials who = api_credentials(c);
	if (who.token != NULL)
		c->user_call = gitlab_get_user(c->policy.gitlab, &who, on_user, c);
	return c->user_call != NULL;
}

void
bearer_check_fini(struct bearer_check *c)
{
	gitlab_cancel(c->user_call);
	policy_cancel(&c->policy);
	gitlab_tokens_fini(&c->tokens);
}
