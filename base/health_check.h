/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text form of a container's HTTP and TCP probes, which injection writes and the sidecar reads:
 * "liveness=3s,http:8080/healthz readiness=1s,tcp:8080", each with its timeout, port and path.
 */
#ifndef BASE_HEALTH_CHECK_H
#define BASE_HEALTH_CHECK_H

#include "base/str.h"

#define HEALTH_CHECK_KINDS	 3
#define HEALTH_CHECK_PATH_MAX	 512u
#define HEALTH_CHECK_TIMEOUT_MAX 300u /* seconds */

/* "startup", "liveness", "readiness" */
extern const char *const health_check_names[HEALTH_CHECK_KINDS];

struct health_check {
	uint16_t port; /* 0: the check is not configured */
	uint16_t timeout_s;
	struct str path; /* with its query; empty: the check only connects to the port */
};

struct health_checks {
	struct health_check items[HEALTH_CHECK_KINDS];
};

/* Parses all checks. Their paths are views into text. */
bool health_checks_parse(struct health_checks *checks, struct str text, struct err *e) MUST_CHECK;
void health_checks_format(const struct health_checks *checks, struct buf *out);

/* Whether the path is safe in a request line and in an environment variable. */
bool health_check_path_is_valid(struct str path);

#endif
