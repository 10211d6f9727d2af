/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reasons for refusing a request, each with its status. Part of the public interface: include
 * auth/auth.h.
 */
#ifndef AUTH_AUTH_PROBLEM_H
#define AUTH_AUTH_PROBLEM_H

enum auth_problem {
	AUTH_PROBLEM_NONE,
	/* 401: there is no session, and the request is no navigation; location: where to sign in */
	AUTH_PROBLEM_LOGIN_REQUIRED,
	/* 403: the user `identity` has no access */
	AUTH_PROBLEM_NO_ACCESS,
	/* 403: the port is shared, but not with the user `identity` */
	AUTH_PROBLEM_NOT_SHARED,
	/* 403: the user denied consent at GitLab */
	AUTH_PROBLEM_CONSENT_DENIED,
	/* 403: GitLab reported an error or its answer did not fit; detail says which */
	AUTH_PROBLEM_LOGIN_FAILED,
	/* 503: GitLab did not answer; retry_after_s is set */
	AUTH_PROBLEM_GITLAB_UNAVAILABLE,
	/* 503: GitLab can't be reached because the outgoing proxy (https_proxy) fails */
	AUTH_PROBLEM_OUTGOING_PROXY,
	/* 502: client id, secret or redirect address are wrong; an operator must act */
	AUTH_PROBLEM_GITLAB_REFUSES_US,
	/* 502: the token lacks a scope, which detail names; an operator must act */
	AUTH_PROBLEM_SCOPE,
	/* 403: the API token of a program lacks a scope; another token may have it */
	AUTH_PROBLEM_TOKEN_SCOPE,
	/* 403: the browser does not send our cookies back */
	AUTH_PROBLEM_LOGIN_LOOP,
	/* 403: another site sent the request, by Origin or Sec-Fetch-Site */
	AUTH_PROBLEM_CROSS_SITE,
	/* 400: repeated or malformed parameters; detail says which */
	AUTH_PROBLEM_BAD_REQUEST,
	/* 400: the port can't be shared this way; detail says why */
	AUTH_PROBLEM_SHARE,
	/* 421: the host is of a port that PORTS does not have */
	AUTH_PROBLEM_NO_PORT,
	/* 405: allow is the Allow header */
	AUTH_PROBLEM_METHOD,

	/* Problems of the relay; where location is set, it is the workspace's own address. */

	/* 400: malformed, repeated or altered parameters */
	AUTH_PROBLEM_RELAY_REQUEST,
	/* 403: zone, key or scope are wrong; an operator must act */
	AUTH_PROBLEM_RELAY_WORKSPACE,
	/* 403: started in another browser, or finished already */
	AUTH_PROBLEM_RELAY_FOREIGN,
	/* 403: more than ten minutes old */
	AUTH_PROBLEM_RELAY_STALE,
};

#endif
