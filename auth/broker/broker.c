/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decrypts requests, checks the deny list and the limits, and forwards the accepted ones.
 */
#include <stdlib.h>

#include "auth/broker/broker_private.h"
#include "auth/broker/wrapped_token.h"
#include "base/clock.h"

struct broker *
broker_new(const struct broker_options *options, struct err *e)
{
	struct broker *b = err_alloc(e, sizeof(*b), "broker");

	if (b == NULL)
		return NULL;
	b->relay = options->relay;
	b->rate.max = options->relay->requests_max;
	b->gitlab = gitlab_new(options->gitlab, options->redirect_uri, options->fetch, e);
	if (b->gitlab == NULL ||
	    !wrapped_token_keys(&b->refresh_keys, &options->relay->master_keys, e) ||
	    !broker_reload_deny_list(b, e)) {
		err_wrap(e, "broker");
		broker_free(b);
		return NULL;
	}
	return b;
}

void
broker_free(struct broker *b)
{
	if (b == NULL)
		return;
	gitlab_free(b->gitlab);
	cookie_box_fini(&b->refresh_keys);
	deny_list_free(b->deny_list);
	free(b);
}

bool
broker_replace_keys(struct broker *b, const struct auth_keys *keys, struct err *e)
{
	struct cookie_box box;

	if (!wrapped_token_keys(&box, keys, e))
		return false;
	cookie_box_fini(&b->refresh_keys);
	b->refresh_keys = box;
	return true;
}

bool
broker_reload_deny_list(struct broker *b, struct err *e)
{
	struct deny_list *list;

	if (b->relay->deny_file == NULL)
		return true;
	list = deny_list_read(b->relay->deny_file, e);
	if (list == NULL)
		return false;
	deny_list_free(b->deny_list);
	b->deny_list = list;
	log_info(NULL, "deny list read", log_int("entries", (int64_t)deny_list_count(list)));
	return true;
}

static size_t
count_calls(const struct broker *b, struct str authority)
{
	const struct broker_call *c;
	size_t count = 0;

	LIST_FOREACH (c, &b->calls, entry)
		count += str_equal(buf_view(&c->authority), authority);
	return count;
}

/* Checks the limits, the cheapest first. False: *end says why. */
static bool
may_ask(struct broker *b, const struct broker_request *r, struct broker_end *end)
{
	uint32_t blocked_s = client_rate_blocked_s(gitlab_client_rate(b->gitlab));
	uint32_t wait_s = 0;

	if (r->operation != BROKER_REVOKE && deny_list_has_host(b->deny_list, r->authority)) {
		*end = (struct broker_end){BROKER_RESULT_DENIED_WORKSPACE, 0,
					   "denied by the operator"};
		return false;
	}
	if (!broker_rate_charge(&b->rate, r->authority, &wait_s)) {
		*end = (struct broker_end){BROKER_RESULT_RATE_LIMITED, wait_s,
					   "too many requests per minute"};
		return false;
	}
	if (blocked_s > 0) {
		*end = (struct broker_end){BROKER_RESULT_UNAVAILABLE, blocked_s,
					   "rate limited by GitLab"};
		return false;
	}
	if (b->calls_count >= BROKER_CALLS_MAX ||
	    count_calls(b, r->authority) >= BROKER_CALLS_PER_HOST_MAX) {
		*end = (struct broker_end){BROKER_RESULT_BUSY, BROKER_BUSY_RETRY_S,
					   "too many requests at once"};
		return false;
	}
	return true;
}

/* Handles a request of a known workspace. NULL: *reply is filled. */
static struct broker_call *
process(struct broker *b, const struct broker_request *r, bool is_stale,
	struct broker_channel *channel, const struct log_context *log, struct broker_reply *reply)
{
	struct broker_end end = {BROKER_RESULT_STALE, 0, "the clocks differ"};
	struct broker_answer a = {.outcome = BROKER_LOST};
	struct broker_call *c = NULL;

	if (!is_stale && may_ask(b, r, &end))
		c = broker_call_start(b, r, channel, &end);
	if (c == NULL)
		broker_seal_reply(b, r, &end, channel, log, &a, reply);
	return c;
}

static void
reject(struct broker *b, enum broker_rejection why, unsigned status, const char *reason,
       const struct log_context *log, struct broker_reply *reply)
{
	b->metrics.rejected[why]++;
	log_warn(log, "broker request rejected", log_cstr("reason", reason));
	reply->status = status;
}

struct broker_call *
broker_start(struct broker *b, struct str body, const struct log_context *log,
	     struct broker_reply *reply, broker_done_fn *done, void *arg)
{
	struct broker_channel channel;
	struct broker_call *c = NULL;
	struct broker_request r;
	struct buf memory;
	enum relay_result result;

	*reply = (struct broker_reply){.status = 0};
	buf_init(&memory, BROKER_REQUEST_MAX);
	result = broker_request_open(&r, body, b->relay, clock_wall_ms(), &memory, &channel);
	switch (result) {
	case RELAY_VALID:
	case RELAY_STALE:
		c = process(b, &r, result == RELAY_STALE, &channel, log, reply);
		break;
	case RELAY_MALFORMED:
		reject(b, BROKER_REJECTED_MALFORMED, 400, "it is malformed", log, reply);
		break;
	case RELAY_OUTSIDE_ZONES:
		reject(b, BROKER_REJECTED_ZONE, 403, "its host is not in RELAY_ZONES", log, reply);
		break;
	case RELAY_FORGED:
		reject(b, BROKER_REJECTED_KEY, 403, "it is not sealed with that workspace's key",
		       log, reply);
		break;
	}
	broker_channel_fini(&channel);
	buf_wipe_fini(&memory);
	if (c != NULL) {
		c->log = log;
		c->done = done;
		c->arg = arg;
	}
	return c;
}

void
broker_metrics_write(const struct broker *b, struct buf *out)
{
	struct broker_metrics m = b->metrics;

	m.in_flight = (int64_t)b->calls_count;
	m.deny_entries = (int64_t)deny_list_count(b->deny_list);
	metrics_write(&broker_metrics_table, &m, 1, out);
}
