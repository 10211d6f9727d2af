/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker and its calls, shared by auth/broker/broker.c, which opens requests and checks limits,
 * broker_call.c, which asks GitLab, and broker_reply.c, which seals answers.
 */
#ifndef AUTH_BROKER_BROKER_PRIVATE_H
#define AUTH_BROKER_BROKER_PRIVATE_H

#include "auth/broker/broker.h"
#include "auth/broker/broker_metrics.h"
#include "auth/broker/broker_rate.h"
#include "auth/broker/deny_list.h"
#include "auth/cookie/cookie.h"
#include "auth/gitlab/gitlab.h"

#define BROKER_BUSY_RETRY_S 1u

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
void broker_reply_seal(struct broker *b, const struct broker_request *r,
		       const struct broker_end *end, const struct broker_channel *channel,
		       const struct log_context *log, struct broker_answer *a,
		       struct broker_reply *reply);

/* Sends the request to GitLab. NULL: *end says why not. Moves the channel's key into the call. */
struct broker_call *broker_call_start(struct broker *b, const struct broker_request *r,
				      struct broker_channel *channel,
				      struct broker_end *end) MUST_CHECK;

#endif
