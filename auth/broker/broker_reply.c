/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends a request of a workspace: seals the answer or the error, counts and logs it.
 */
#include "auth/broker/broker_private.h"
#include "base/clock.h"

static enum broker_outcome
outcome_of(enum broker_result result)
{
	switch (result) {
	case BROKER_RESULT_OK:
		return BROKER_OK;
	case BROKER_RESULT_GRANT_INVALID:
		return BROKER_GRANT_INVALID;
	case BROKER_RESULT_REFUSES_US:
		return BROKER_REFUSES_US;
	case BROKER_RESULT_LOST:
		return BROKER_LOST;
	case BROKER_RESULT_DENIED_WORKSPACE:
	case BROKER_RESULT_DENIED_USER:
		return BROKER_DENIED;
	case BROKER_RESULT_STALE:
		return BROKER_STALE;
	case BROKER_RESULT_UNAVAILABLE:
	case BROKER_RESULT_RATE_LIMITED:
	case BROKER_RESULT_BUSY:
	case BROKER_RESULTS:
		break;
	}
	return BROKER_UNAVAILABLE;
}

static void
note_end(struct broker *b, const struct broker_request *r, const struct broker_end *end,
	 const struct log_context *log)
{
	bool is_usual =
		end->result == BROKER_RESULT_OK || end->result == BROKER_RESULT_GRANT_INVALID;

	b->metrics.requests[r->operation][end->result]++;
	log_at(is_usual ? LOG_INFO : LOG_WARN, log, "broker request",
	       log_cstr("operation", broker_operation_names[r->operation]),
	       log_str("workspace", r->authority),
	       log_cstr("outcome", broker_result_names[end->result]),
	       log_cstr("reason", end->reason));
}

void
broker_reply_seal(struct broker *b, const struct broker_request *r, const struct broker_end *end,
		  const struct broker_channel *channel, const struct log_context *log,
		  struct broker_answer *a, struct broker_reply *reply)
{
	struct err e = ERR_INIT;

	note_end(b, r, end, log);
	a->outcome = outcome_of(end->result);
	a->retry_after_s = end->retry_after_s;
	a->reason = str_from(end->reason);
	a->answered_ms = clock_wall_ms();
	buf_init(&reply->body, BROKER_ANSWER_MAX);
	reply->status = 200;
	if (broker_answer_seal(a, channel, &reply->body, &e))
		return;
	log_error(log, "broker request not answered", log_err(&e));
	buf_fini(&reply->body);
	reply->status = 500;
}
