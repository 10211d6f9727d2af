/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to GitLab for a workspace, its response, and the sealed reply, which is counted and
 * logged. Tokens that GitLab issues for a denied workspace or user are revoked.
 */
#include <stdlib.h>

#include "auth/broker/broker_private.h"
#include "auth/broker/wrapped_token.h"
#include "auth/gitlab/id_token.h"
#include "base/clock.h"

static enum broker_result
result_of(enum gitlab_outcome outcome)
{
	switch (outcome) {
	case GITLAB_OK:
		return BROKER_RESULT_OK;
	case GITLAB_GRANT_INVALID:
		return BROKER_RESULT_GRANT_INVALID;
	case GITLAB_REFUSES_US:
		return BROKER_RESULT_REFUSES_US;
	case GITLAB_LOST:
		return BROKER_RESULT_LOST;
	case GITLAB_NO:
	case GITLAB_TOKEN_INVALID:
	case GITLAB_FORBIDDEN:
	case GITLAB_UNAVAILABLE:
	case GITLAB_DENIED:
		break;
	}
	return BROKER_RESULT_UNAVAILABLE;
}

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
broker_seal_reply(struct broker *b, const struct broker_request *r, const struct broker_end *end,
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

static void
call_free(struct broker_call *c)
{
	LIST_REMOVE(c, entry);
	c->broker->calls_count--;
	broker_channel_fini(&c->channel);
	buf_fini(&c->authority);
	secret_free(c->refresh);
	free(c);
}

void
broker_cancel(struct broker_call *c)
{
	gitlab_abandon(c->broker->gitlab, c->asking);
	call_free(c);
}

/* Ends the call with the answer a, which has everything but the outcome. Frees c. */
static void
finish(struct broker_call *c, const struct broker_end *end, struct broker_answer *a)
{
	const struct broker_request r = {
		.operation = c->operation,
		.authority = buf_view(&c->authority),
	};
	struct broker_reply reply;
	broker_done_fn *done = c->done;
	void *arg = c->arg;

	metrics_observe(&c->broker->metrics.duration[c->operation], &metrics_latency_bounds,
			clock_monotonic_us() - c->started_us);
	broker_seal_reply(c->broker, &r, end, &c->channel, c->log, a, &reply);
	call_free(c);
	done(&reply, arg);
	buf_fini(&reply.body);
}

static void
finish_without_tokens(struct broker_call *c, enum broker_result result, uint32_t retry_after_s,
		      const char *reason)
{
	const struct broker_end end = {result, retry_after_s, reason};
	struct broker_answer a = {.outcome = BROKER_LOST};

	finish(c, &end, &a);
}

/* GitLab's answer */

/* Reads the user from the ID token, which may be missing after a refresh. False: the user is
 * unknown, or not the one of the refresh token. */
static bool
find_user(struct broker_call *c, const struct gitlab_tokens *t)
{
	uint64_t user_id = c->user_id;

	if (t->id_token != NULL && !id_token_subject(t->id_token, &user_id))
		return false;
	if (user_id == 0 || (c->user_id != 0 && c->user_id != user_id))
		return false;
	c->user_id = user_id;
	return true;
}

static bool
is_denied(const struct broker_call *c, enum broker_result *result)
{
	const struct deny_list *list = c->broker->deny_list;

	*result = deny_list_has_host(list, buf_view(&c->authority)) ? BROKER_RESULT_DENIED_WORKSPACE
								    : BROKER_RESULT_DENIED_USER;
	return *result == BROKER_RESULT_DENIED_WORKSPACE || deny_list_has_user(list, c->user_id);
}

/* Keeps the old refresh token if GitLab issued no new one (RFC 6749 section 6). */
static bool
wrap_refresh(const struct broker_call *c, const struct gitlab_tokens *t, struct buf *out,
	     struct err *e)
{
	const struct secret *token = t->refresh != NULL ? t->refresh : c->refresh;
	const struct wrapped_token refresh = {
		.user_id = c->user_id,
		.login_ms = c->login_ms,
		.token = secret_view(token),
	};

	return token == NULL || wrapped_token_write(&refresh, &c->broker->refresh_keys,
						    buf_view(&c->authority), out, e);
}

static void
pass_tokens(struct broker_call *c, struct gitlab_answer *answer)
{
	const struct broker_end end = {BROKER_RESULT_OK, 0, NULL};
	struct gitlab_tokens *t = &answer->tokens;
	struct err e = ERR_INIT;
	struct buf wrapped;

	buf_init(&wrapped, COOKIE_TEXT_MAX);
	if (wrap_refresh(c, t, &wrapped, &e)) {
		struct broker_answer a = {
			.lifetime_ms = t->lifetime_ms,
			.access = secret_view(t->access),
			.refresh = buf_view(&wrapped),
			.id_token = secret_view(t->id_token),
			.scope = str_from(answer->scope),
		};

		finish(c, &end, &a);
	} else {
		gitlab_revoke(c->broker->gitlab, t);
		finish_without_tokens(c, BROKER_RESULT_LOST, 0, e.text);
	}
	buf_fini(&wrapped);
}

static void
on_tokens(struct gitlab_answer *answer, void *arg)
{
	struct broker_call *c = arg;
	enum broker_result denied;

	c->asking = NULL;
	if (answer->outcome != GITLAB_OK) {
		finish_without_tokens(c, result_of(answer->outcome), answer->retry_after_s,
				      answer->err.text);
	} else if (!find_user(c, &answer->tokens)) {
		gitlab_revoke(c->broker->gitlab, &answer->tokens);
		finish_without_tokens(c, BROKER_RESULT_LOST, 0,
				      "GitLab's answer does not say whose tokens they are");
	} else if (is_denied(c, &denied)) {
		gitlab_revoke(c->broker->gitlab, &answer->tokens);
		finish_without_tokens(c, denied, 0, "denied by the operator");
	} else {
		pass_tokens(c, answer);
	}
}

static void
on_revoked(struct gitlab_answer *answer, void *arg)
{
	struct broker_call *c = arg;

	c->asking = NULL;
	finish_without_tokens(c, result_of(answer->outcome), answer->retry_after_s,
			      answer->err.text);
}

/* Treats a refresh token of another workspace, or one that is too old, as invalid. Does not change
 * *end if memory is short. */
static bool
unwrap_refresh(struct broker_call *c, struct str token, struct broker_end *end)
{
	struct wrapped_token refresh = {.user_id = 0};
	struct buf memory;

	buf_init(&memory, COOKIE_TEXT_MAX);
	if (!wrapped_token_read(&refresh, token, &c->broker->refresh_keys, buf_view(&c->authority),
				&memory)) {
		*end = (struct broker_end){
			BROKER_RESULT_GRANT_INVALID, 0,
			"the refresh token is not this workspace's, or its key is gone"};
	} else if (clock_wall_ms() - refresh.login_ms > (int64_t)c->broker->relay->renew_max_ms) {
		*end = (struct broker_end){BROKER_RESULT_GRANT_INVALID, 0,
					   "the login is older than RELAY_RENEW_MAX"};
	} else {
		c->user_id = refresh.user_id;
		c->login_ms = refresh.login_ms;
		c->refresh = secret_from_str(refresh.token);
	}
	buf_wipe_fini(&memory);
	return c->refresh != NULL;
}

/* False: *end says why, unless memory is short. */
static bool
ask_gitlab(struct broker_call *c, const struct broker_request *r, struct broker_end *end)
{
	struct gitlab *g = c->broker->gitlab;
	enum broker_result denied;
	struct secret *token;

	switch (r->operation) {
	case BROKER_REDEEM:
		c->asking = gitlab_exchange_code(g,
						 &(struct gitlab_code){.code = r->code,
								       .verifier = r->verifier,
								       .priority = FETCH_NORMAL},
						 on_tokens, c);
		break;
	case BROKER_REFRESH:
		if (!unwrap_refresh(c, r->token, end))
			return false;
		if (is_denied(c, &denied)) {
			*end = (struct broker_end){denied, 0, "denied by the operator"};
			return false;
		}
		c->asking = gitlab_refresh(g, c->refresh, 0, on_tokens, c);
		break;
	case BROKER_REVOKE:
		token = secret_from_str(r->token);
		c->asking = token == NULL ? NULL : gitlab_revoke_token(g, token, on_revoked, c);
		secret_free(token);
		break;
	case BROKER_OPERATIONS:
		break;
	}
	return c->asking != NULL;
}

static struct broker_call *
call_new(struct broker *b, const struct broker_request *r)
{
	struct broker_call *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->broker = b;
	c->operation = r->operation;
	c->started_us = clock_monotonic_us();
	c->login_ms = clock_wall_ms();
	buf_init(&c->authority, RELAY_AUTHORITY_MAX);
	LIST_INSERT_HEAD(&b->calls, c, entry);
	b->calls_count++;
	if (buf_add_str(&c->authority, r->authority))
		return c;
	call_free(c);
	return NULL;
}

struct broker_call *
broker_call_start(struct broker *b, const struct broker_request *r, struct broker_channel *channel,
		  struct broker_end *end)
{
	struct broker_call *c = call_new(b, r);

	*end = (struct broker_end){BROKER_RESULT_UNAVAILABLE, BROKER_BUSY_RETRY_S, "out of memory"};
	if (c == NULL)
		return NULL;
	if (!ask_gitlab(c, r, end)) {
		call_free(c);
		return NULL;
	}
	c->channel = *channel;
	channel->key = NULL;
	return c;
}
