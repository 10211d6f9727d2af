/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of authentication's metrics, and the label of each outcome.
 */
#include "auth/metrics.h"

#include "auth/auth_private.h"
#include "auth/git_credential.h"

_Static_assert(GITLAB_DENIED + 1 == AUTH_METRICS_OUTCOMES, "every outcome has a name");
_Static_assert(AUTH_END_UNSHARED + 1 == AUTH_METRICS_ENDS, "every end has a name");

static const char *const sources[] = {"sidecar", NULL};

static const char *const logins[AUTH_LOGINS] = {
	[AUTH_LOGIN_OK] = "ok",
	[AUTH_LOGIN_NO_ACCESS] = "no_access",
	[AUTH_LOGIN_CONSENT_DENIED] = "consent_denied",
	[AUTH_LOGIN_FAILED] = "failed",
	[AUTH_LOGIN_UNAVAILABLE] = "gitlab_unavailable",
	[AUTH_LOGIN_MISCONFIGURED] = "gitlab_refuses_us",
	[AUTH_LOGIN_LOOP] = "loop",
	[AUTH_LOGIN_BAD_REQUEST] = "bad_request",
	[AUTH_LOGIN_RESTARTED] = "restarted",
};
static const char *const checks[AUTH_CHECKS] = {
	[AUTH_CHECK_ALLOWED] = "allowed",
	[AUTH_CHECK_REFUSED] = "refused",
	[AUTH_CHECK_TOKEN_INVALID] = "token_invalid",
	[AUTH_CHECK_MISCONFIGURED] = "gitlab_refuses_us",
	[AUTH_CHECK_UNKNOWN] = "gitlab_unavailable",
};
static const char *const endpoints[AUTH_REQUESTS] = {
	[AUTH_REQUEST_TOKEN] = "token",		[AUTH_REQUEST_REFRESH] = "refresh",
	[AUTH_REQUEST_REVOKE] = "revoke",	[AUTH_REQUEST_USER] = "user",
	[AUTH_REQUEST_WORKSPACE] = "workspace", [AUTH_REQUEST_PROJECT] = "project",
	[AUTH_REQUEST_GROUP] = "group",
};
static const char *const outcomes[AUTH_METRICS_OUTCOMES] = {
	[GITLAB_OK] = "ok",
	[GITLAB_NO] = "no",
	[GITLAB_TOKEN_INVALID] = "token_invalid",
	[GITLAB_FORBIDDEN] = "forbidden",
	[GITLAB_GRANT_INVALID] = "grant_invalid",
	[GITLAB_REFUSES_US] = "refuses_us",
	[GITLAB_UNAVAILABLE] = "unavailable",
	[GITLAB_LOST] = "lost",
	[GITLAB_DENIED] = "denied",
};
static const char *const ends[AUTH_METRICS_ENDS] = {
	[AUTH_END_SIGNED_OUT] = "signed_out",
	[AUTH_END_EXPIRED] = "expired",
	[AUTH_END_REFUSED] = "refused",
	[AUTH_END_UNSHARED] = "unshared",
};

static const char *const credential_outcomes[AUTH_METRICS_CREDENTIAL_OUTCOMES] = {
	[AUTH_CREDENTIAL_GIVEN] = "given",
	[AUTH_CREDENTIAL_SIGN_IN] = "sign_in",
	[AUTH_CREDENTIAL_UNAVAILABLE] = "unavailable",
};

#define ROW(family, kind, field) METRICS_ROW(family, kind, struct auth_metrics, field)
static const struct metrics_family families[] = {
	{ROW("workspace_proxy_logins_started_total", METRICS_COUNTER, logins_started),
	 .help = "Browsers redirected to GitLab to sign in."},
	{ROW("workspace_proxy_logins_total", METRICS_COUNTER, logins),
	 .labels = {METRICS_LABEL("outcome", logins)},
	 .help = "Logins that returned from GitLab, by outcome."},
	{ROW("workspace_proxy_sign_ins_rate_limited_total", METRICS_COUNTER, rate_limited),
	 .help = "Logins and API tokens refused without asking GitLab, because too many failed or "
		 "GitLab answered 429."},
	{ROW("workspace_proxy_authorization_checks_total", METRICS_COUNTER, checks),
	 .labels = {METRICS_LABEL("outcome", checks)},
	 .help = "Checks with GitLab whether a user may use this workspace: at login, and again "
		 "while a session is used."},
	{ROW("workspace_proxy_authorization_check_duration_seconds", METRICS_HISTOGRAM,
	     check_duration),
	 .unit = METRICS_MICROSECONDS, .bounds = &metrics_latency_bounds,
	 .help = "Duration of authorization checks."},
	{ROW("workspace_proxy_gitlab_requests_total", METRICS_COUNTER, requests),
	 .labels = {METRICS_LABEL("endpoint", endpoints), METRICS_LABEL("outcome", outcomes)},
	 .help = "Requests to GitLab by endpoint and outcome; refresh: new tokens for a session; "
		 "no: not found, or access refused; lost: sent, but no response arrived; denied: "
		 "by the relay's operator. With BROKER, token, refresh and revoke are sent to the "
		 "relay."},
	{ROW("workspace_proxy_gitlab_request_duration_seconds", METRICS_HISTOGRAM,
	     request_duration),
	 .unit = METRICS_MICROSECONDS, .labels = {METRICS_LABEL("endpoint", endpoints)},
	 .bounds = &metrics_latency_bounds, .help = "Duration of requests to GitLab."},
	{ROW("workspace_proxy_sessions", METRICS_GAUGE, sessions), .help = "Current sessions."},
	{ROW("workspace_proxy_sessions_ended_total", METRICS_COUNTER, sessions_ended),
	 .labels = {METRICS_LABEL("reason", ends)},
	 .help = "Sessions that ended; refused: GitLab withdrew access; unshared: the guest's port "
		 "is no longer shared."},
	{ROW("workspace_proxy_git_credentials_total", METRICS_COUNTER, credentials),
	 .labels = {METRICS_LABEL("outcome", credential_outcomes)},
	 .help = "Requests of git in the workspace for a token; sign_in: no user was signed in."},
	{ROW("workspace_proxy_git_credentials_rejected_total", METRICS_COUNTER,
	     credentials_rejected),
	 .help = "Tokens of sessions that GitLab rejected from git or the clone."},
};

const struct metrics_table auth_metrics_table = {
	.heading = "Signing in",
	.families = families,
	.count = sizeof(families) / sizeof(families[0]),
	.sources = sources,
};

enum auth_metrics_login
auth_metrics_login_of(enum auth_problem problem)
{
	switch (problem) {
	case AUTH_PROBLEM_NO_ACCESS:
	case AUTH_PROBLEM_NOT_SHARED:
		return AUTH_LOGIN_NO_ACCESS;
	case AUTH_PROBLEM_CONSENT_DENIED:
		return AUTH_LOGIN_CONSENT_DENIED;
	case AUTH_PROBLEM_GITLAB_UNAVAILABLE:
	case AUTH_PROBLEM_OUTGOING_PROXY:
		return AUTH_LOGIN_UNAVAILABLE;
	case AUTH_PROBLEM_GITLAB_REFUSES_US:
	case AUTH_PROBLEM_SCOPE:
	case AUTH_PROBLEM_TOKEN_SCOPE:
		return AUTH_LOGIN_MISCONFIGURED;
	case AUTH_PROBLEM_LOGIN_LOOP:
		return AUTH_LOGIN_LOOP;
	case AUTH_PROBLEM_BAD_REQUEST:
		return AUTH_LOGIN_BAD_REQUEST;
	case AUTH_PROBLEM_NONE:
	case AUTH_PROBLEM_LOGIN_REQUIRED:
	case AUTH_PROBLEM_LOGIN_FAILED:
	case AUTH_PROBLEM_CROSS_SITE:
	case AUTH_PROBLEM_SHARE:
	case AUTH_PROBLEM_NO_PORT:
	case AUTH_PROBLEM_METHOD:
	case AUTH_PROBLEM_RELAY_REQUEST:
	case AUTH_PROBLEM_RELAY_WORKSPACE:
	case AUTH_PROBLEM_RELAY_FOREIGN:
	case AUTH_PROBLEM_RELAY_STALE:
		break;
	}
	return AUTH_LOGIN_FAILED;
}

bool
auth_gitlab_answers(const struct auth *a)
{
	return !gitlab_metrics(a->gitlab)->gitlab_is_silent;
}

void
auth_metrics_write(const struct auth *a, struct buf *out)
{
	struct auth_metrics m = *gitlab_metrics(a->gitlab);

	m.rate_limited = gitlab_client_rate(a->gitlab)->refused;
	m.sessions = (int64_t)session_store_count(a->store);
	metrics_write(&auth_metrics_table, &m, 1, out);
}
