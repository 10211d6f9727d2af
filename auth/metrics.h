/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counters of authentication. They are read through auth_metrics_write in auth.h.
 */
#ifndef AUTH_METRICS_H
#define AUTH_METRICS_H

#include "auth/auth.h"

#define AUTH_METRICS_OUTCOMES		 9 /* enum gitlab_outcome */
#define AUTH_METRICS_ENDS		 4 /* enum auth_end */
#define AUTH_METRICS_CREDENTIAL_OUTCOMES 3 /* enum auth_credential_outcome */

enum auth_metrics_login {
	AUTH_LOGIN_OK,
	AUTH_LOGIN_NO_ACCESS,
	AUTH_LOGIN_CONSENT_DENIED,
	AUTH_LOGIN_FAILED,
	AUTH_LOGIN_UNAVAILABLE,
	AUTH_LOGIN_MISCONFIGURED,
	AUTH_LOGIN_LOOP,
	AUTH_LOGIN_BAD_REQUEST,
	AUTH_LOGIN_RESTARTED,
	AUTH_LOGINS,
};

enum auth_metrics_check {
	AUTH_CHECK_ALLOWED,
	AUTH_CHECK_REFUSED,
	AUTH_CHECK_TOKEN_INVALID,
	AUTH_CHECK_MISCONFIGURED,
	AUTH_CHECK_UNKNOWN,
	AUTH_CHECKS,
};

enum auth_metrics_endpoint {
	AUTH_REQUEST_TOKEN,
	AUTH_REQUEST_REFRESH,
	AUTH_REQUEST_REVOKE,
	AUTH_REQUEST_USER,
	AUTH_REQUEST_WORKSPACE,
	AUTH_REQUEST_PROJECT,
	AUTH_REQUEST_GROUP,
	AUTH_REQUESTS,
};

struct auth_metrics {
	uint64_t logins_started;
	uint64_t logins[AUTH_LOGINS];
	uint64_t rate_limited;
	uint64_t checks[AUTH_CHECKS];
	struct metrics_histogram check_duration;
	uint64_t requests[AUTH_REQUESTS][AUTH_METRICS_OUTCOMES];
	struct metrics_histogram request_duration[AUTH_REQUESTS];
	uint64_t sessions_ended[AUTH_METRICS_ENDS];
	uint64_t credentials[AUTH_METRICS_CREDENTIAL_OUTCOMES];
	uint64_t credentials_rejected;
	bool gitlab_is_silent; /* the last request was not answered */
	int64_t sessions;      /* updated when metrics are written */
};

/* Returns the outcome to count for a login that ends with this problem. */
enum auth_metrics_login auth_metrics_login_of(enum auth_problem problem);

#endif
