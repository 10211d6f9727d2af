/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counters of the token broker. They are read through broker_metrics_write in
 * auth/broker/broker.h.
 */
#ifndef AUTH_BROKER_BROKER_METRICS_H
#define AUTH_BROKER_BROKER_METRICS_H

#include "auth/broker/broker_message.h"
#include "base/metrics.h"

/* How a request of a workspace ended. */
enum broker_result {
	BROKER_RESULT_OK,
	BROKER_RESULT_GRANT_INVALID,
	BROKER_RESULT_REFUSES_US,
	BROKER_RESULT_UNAVAILABLE,
	BROKER_RESULT_LOST,
	BROKER_RESULT_DENIED_WORKSPACE,
	BROKER_RESULT_DENIED_USER,
	BROKER_RESULT_STALE,
	BROKER_RESULT_RATE_LIMITED,
	BROKER_RESULT_BUSY,
	BROKER_RESULTS,
};

/* Why a request is not accepted as one of a workspace. */
enum broker_rejection {
	BROKER_REJECTED_MALFORMED,
	BROKER_REJECTED_ZONE,
	BROKER_REJECTED_KEY,
	BROKER_REJECTIONS,
};

struct broker_metrics {
	uint64_t requests[BROKER_OPERATIONS][BROKER_RESULTS];
	struct metrics_histogram duration[BROKER_OPERATIONS];
	uint64_t rejected[BROKER_REJECTIONS];
	int64_t in_flight; /* updated when metrics are written, like the next one */
	int64_t deny_entries;
};

extern const char *const broker_operation_names[BROKER_OPERATIONS];
extern const char *const broker_result_names[BROKER_RESULTS];

#endif
