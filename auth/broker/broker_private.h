/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker, its calls and counters, shared by auth/broker/broker.c, which opens requests and
 * checks limits, broker_call.c, which asks GitLab and seals answers, and broker_metrics.c.
 */
#ifndef AUTH_BROKER_BROKER_PRIVATE_H
#define AUTH_BROKER_BROKER_PRIVATE_H

#include "auth/broker/broker.h"
#include "auth/broker/broker_message.h"
#include "auth/broker/broker_rate.h"
#include "auth/broker/deny_list.h"
#include "auth/cookie/cookie.h"
#include "auth/gitlab/gitlab.h"

#define BROKER_BUSY_RETRY_S 1u

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

struct broker {
	const struct relay_settings *relay;
	struct gitlab *gitlab;
	struct cookie_box refresh_keys;
	struct deny_list *deny_list; /* NULL: no deny list */
	struct broker_rate rate;
	LIST_HEAD(, broker_call) calls;
	size_t calls_count;
	struct broker_metrics metrics;
};

struct broker_call {
	struct broker *broker;
	LIST_ENTRY(broker_call) entry;
	enum broker_operation operation;
	struct buf authority;
	struct broker_channel channel;
	uint64_t started_us;
	uint64_t user_id; /* REFRESH; 0: unknown yet */
	int64_t login_ms;
	/* REFRESH: GitLab's token, which stays valid if GitLab issues no new one. */
	struct secret *refresh;
	struct gitlab_call *asking;
	const struct log_context *log;
	broker_done_fn *done;
	void *arg;
};

/* How a request ended. */
struct broker_end {
	enum broker_result result;
	uint32_t retry_after_s;
	const char *reason;
};

/* Completes a with outcome and reason, counts and logs it, and seals *reply. */
void broker_seal_reply(struct broker *b, const struct broker_request *r,
		       const struct broker_end *end, const struct broker_channel *channel,
		       const struct log_context *log, struct broker_answer *a,
		       struct broker_reply *reply);

/* Sends the request to GitLab. NULL: *end says why not. Moves the channel's key into the call. */
struct broker_call *broker_call_start(struct broker *b, const struct broker_request *r,
				      struct broker_channel *channel,
				      struct broker_end *end) MUST_CHECK;

#endif
