/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends one request after the other and stops at the first response that does not allow access. If
 * no authorization mode is configured, everyone is refused.
 */
#include "auth/gitlab/policy.h"

#include "base/clock.h"

enum { ASK_USER = 1, ASK_WORKSPACE = 2, ASK_PROJECT = 4, ASK_GROUP = 8 };

static void on_answer(struct gitlab_answer *answer, void *arg);

static enum policy_verdict
set_verdict(struct policy_result *result, enum policy_verdict verdict, const char *why)
{
	result->verdict = verdict;
	if (why != NULL)
		err_set(&result->err, verdict == POLICY_REFUSED ? ERR_DENIED : ERR_PROTOCOL, "%s",
			why);
	return verdict;
}

static struct policy_rule
rule_of(const struct policy_check *c)
{
	const struct auth_settings *s = c->settings;

	if (c->rule != NULL)
		return *c->rule;
	return (struct policy_rule){.modes = s->modes, .users = s->users, .group = s->group};
}

static enum policy_verdict
refuse_unlisted(const struct policy_check *c, struct policy_result *result)
{
	result->detail = "It is open to a list of users, and you are not on it.";
	return set_verdict(result, POLICY_REFUSED,
			   c->rule == NULL ? "the user is not listed in USERS"
					   : "the port is not shared with the user");
}

/* A number is always an id, never a name. GitLab's usernames are ASCII and not case-sensitive. */
static bool
is_listed(const char *users, uint64_t user_id, struct str username)
{
	struct str rest = str_from(users);
	struct str entry;
	uint64_t id;

	while (str_next(&rest, ',', &entry)) {
		if (str_to_u64(entry, 1, INT64_MAX, &id) ? id == user_id
							 : str_equal_nocase(entry, username))
			return true;
	}
	return false;
}

static enum policy_verdict
ask_next(struct policy_check *c, struct policy_result *result)
{
	if (c->left == 0)
		return set_verdict(result, POLICY_ALLOWED, NULL);
	c->asked = c->left & (~c->left + 1);
	c->left &= ~c->asked;
	if (c->asked == ASK_USER)
		c->call = gitlab_get_user(c->gitlab, &c->who, on_answer, c);
	else if (c->asked == ASK_WORKSPACE)
		c->call = gitlab_check_workspace(c->gitlab, &c->who, on_answer, c);
	else if (c->asked == ASK_PROJECT)
		c->call = gitlab_check_project(c->gitlab, &c->who, on_answer, c);
	else
		c->call = gitlab_check_group(c->gitlab, &c->who, rule_of(c).group, on_answer, c);
	if (c->call == NULL)
		return set_verdict(result, POLICY_UNKNOWN,
				   "the authorization check could not be started");
	return POLICY_PENDING;
}

static enum policy_verdict
verdict_of(enum gitlab_outcome outcome)
{
	switch (outcome) {
	case GITLAB_OK:
		return POLICY_ALLOWED;
	case GITLAB_NO:
	case GITLAB_FORBIDDEN:
	case GITLAB_DENIED:
		return POLICY_REFUSED;
	case GITLAB_TOKEN_INVALID:
	case GITLAB_GRANT_INVALID:
		return POLICY_TOKEN_INVALID;
	case GITLAB_REFUSES_US:
		return POLICY_MISCONFIGURED;
	case GITLAB_UNAVAILABLE:
	case GITLAB_LOST:
		return POLICY_UNKNOWN;
	}
	return POLICY_UNKNOWN;
}

static void
count_check(const struct policy_check *c, enum policy_verdict verdict)
{
	static const enum auth_metrics_check outcomes[] = {
		[POLICY_ALLOWED] = AUTH_CHECK_ALLOWED,
		[POLICY_REFUSED] = AUTH_CHECK_REFUSED,
		[POLICY_TOKEN_INVALID] = AUTH_CHECK_TOKEN_INVALID,
		[POLICY_MISCONFIGURED] = AUTH_CHECK_MISCONFIGURED,
		[POLICY_UNKNOWN] = AUTH_CHECK_UNKNOWN,
	};
	struct auth_metrics *m = gitlab_metrics(c->gitlab);

	m->checks[outcomes[verdict]]++;
	metrics_observe(&m->check_duration, &metrics_latency_bounds,
			clock_monotonic_us() - c->started_us);
}

/* Handles the answer to ASK_USER, with the account's current state. */
static void
check_user(const struct policy_check *c, const struct gitlab_user *user,
	   struct policy_result *result)
{
	const struct policy_rule rule = rule_of(c);

	if (user->id != c->who.user_id || !user->is_active)
		set_verdict(result, POLICY_REFUSED, "the account is not active");
	else if ((rule.modes & AUTH_MODE_USERS) != 0 &&
		 !is_listed(rule.users, user->id, str_from(user->username)))
		refuse_unlisted(c, result);
}

static void
on_answer(struct gitlab_answer *answer, void *arg)
{
	struct policy_check *c = arg;
	struct policy_result result = {
		.verdict = verdict_of(answer->outcome),
		.retry_after_s = answer->retry_after_s,
		.missing_scope = answer->missing_scope,
		.err = answer->err,
	};

	c->call = NULL;
	if (result.verdict == POLICY_ALLOWED && c->asked == ASK_USER)
		check_user(c, &answer->user, &result);
	if (answer->outcome == GITLAB_NO && c->asked == ASK_GROUP)
		result.detail = "It is open to members of a GitLab group. You are not one of them, "
				"or your role there is not sufficient.";
	if (result.verdict == POLICY_ALLOWED && ask_next(c, &result) == POLICY_PENDING)
		return;
	count_check(c, result.verdict);
	c->done(&result, c->arg);
}

static enum policy_verdict
start_questions(struct policy_check *c, const struct policy_subject *subject,
		struct policy_result *result)
{
	const struct policy_rule rule = rule_of(c);
	unsigned modes = rule.modes;

	if (modes == 0)
		return set_verdict(result, POLICY_REFUSED, "no authorization mode is set");
	if ((modes & AUTH_MODE_OWNER) != 0 && c->who.user_id != c->settings->owner_id)
		return set_verdict(result, POLICY_REFUSED, "the user is not the owner");
	if ((modes & AUTH_MODE_USERS) != 0 &&
	    !is_listed(rule.users, c->who.user_id, str_from(subject->username))) {
		if (subject->username != NULL)
			return refuse_unlisted(c, result);
		c->left |= ASK_USER;
	}
	if ((modes & AUTH_MODE_WORKSPACE) != 0)
		c->left |= ASK_WORKSPACE;
	if ((modes & AUTH_MODE_PROJECT) != 0)
		c->left |= ASK_PROJECT;
	if ((modes & AUTH_MODE_GROUP) != 0)
		c->left |= ASK_GROUP;
	if (c->left == 0 && subject->username == NULL)
		c->left |= ASK_USER;
	return ask_next(c, result);
}

enum policy_verdict
policy_start(struct policy_check *c, const struct policy_subject *subject,
	     struct policy_result *result, policy_done_fn *done, void *arg)
{
	*result = (struct policy_result){.verdict = POLICY_PENDING, .err = ERR_INIT};
	c->who = subject->who;
	c->done = done;
	c->arg = arg;
	c->left = 0;
	c->started_us = clock_monotonic_us();
	enum policy_verdict verdict = start_questions(c, subject, result);
	if (verdict != POLICY_PENDING)
		count_check(c, verdict);
	return verdict;
}

void
policy_cancel(struct policy_check *c)
{
	gitlab_cancel(c->call);
	c->call = NULL;
}
