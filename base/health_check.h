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
	uint16_t port; /* 0: there is none */
	uint16_t timeout_s;
	struct str path; /* with its query; empty: only whether the port accepts a connection */
};

struct health_checks {
	struct health_check items[HEALTH_CHECK_KINDS];
};

/* Paths point into the text. */
bool health_checks_parse(struct health_checks *checks, struct str text, struct err *e) MUST_CHECK;
void health_checks_format(const struct health_checks *checks, struct buf *out);

/* What a request line and an environment variable can carry. */
bool health_check_path_is_valid(struct str path);

#endif
