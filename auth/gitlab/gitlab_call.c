/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its response: starts it, counts it, and hands the parsed answer to the caller.
 */
#include <stdlib.h>

#include "auth/gitlab/gitlab_private.h"
#include "auth/gitlab/sealed_request.h"
#include "base/clock.h"

static void
count_answer(const struct gitlab_call *call, enum gitlab_outcome outcome)
{
	struct auth_metrics *m = &call->gitlab->metrics;

	m->gitlab_is_silent = outcome == GITLAB_UNAVAILABLE || outcome == GITLAB_LOST;
	m->requests[call->endpoint][outcome]++;
	metrics_observe(&m->request_duration[call->endpoint], &metrics_latency_bounds,
			clock_monotonic_us() - call->started_us);
}

/* GitLab limits token requests by our address, but API requests by user. */
static bool
is_rate_limited(const struct gitlab_call *call, const struct fetch_response *response)
{
	return response != NULL && response->status == 429 && call->sealed == NULL &&
	       (call->endpoint == AUTH_REQUEST_TOKEN || call->endpoint == AUTH_REQUEST_REFRESH);
}

static void on_response(const struct fetch_response *response, const struct err *e,
			bool request_sent, void *arg);

/* Whether to send the request again. Nothing of it was sent, and another replica may accept the
 * connection. */
static bool
restart_at_broker(struct gitlab_call *call, const struct err *why)
{
	struct fetch_request request;
	struct err e = ERR_INIT;

	if (call->sealed == NULL ||
	    !sealed_request_again(call->sealed, call->gitlab, why, &request))
		return false;
	call->fetch = fetch_start(call->gitlab->relay_fetch, &request, on_response, call, &e);
	return call->fetch != NULL;
}

static void
on_response(const struct fetch_response *response, const struct err *e, bool request_sent,
	    void *arg)
{
	struct gitlab_call *call = arg;
	struct gitlab_call copy;
	struct gitlab_answer answer = {.outcome = GITLAB_UNAVAILABLE, .err = ERR_INIT};

	if (response == NULL && !request_sent && restart_at_broker(call, e))
		return;
	copy = *call;
	free(call);
	/* A 407 comes from an outgoing proxy of a plain http address; GitLab never sends it. */
	if (response != NULL && response->status == 407) {
		err_set(&answer.err, ERR_PROXY,
			"outgoing proxy: it requires a user and password (status 407)");
	} else if (response != NULL) {
		copy.read(response, &copy.expect, &answer);
	} else {
		answer.outcome = request_sent ? GITLAB_LOST : GITLAB_UNAVAILABLE;
		answer.err = *e;
	}
	count_answer(&copy, answer.outcome);
	if (is_rate_limited(&copy, response))
		client_rate_block(&copy.gitlab->client_rate, response->retry_after_s);
	sealed_request_free(copy.sealed);
	copy.done(&answer, copy.arg);
	gitlab_tokens_fini(&answer.tokens);
}

struct gitlab_call *
gitlab_start(struct gitlab *g, const struct gitlab_request *q, gitlab_done_fn *done, void *arg)
{
	struct gitlab_call *call = calloc(1, sizeof(*call));
	struct err e = ERR_INIT;

	if (call == NULL) {
		sealed_request_free(q->sealed);
		return NULL;
	}
	*call = (struct gitlab_call){
		.expect = {.settings = g->settings,
			   .user_id = q->user_id,
			   .modes = q->modes,
			   .sealed = q->sealed},
		.gitlab = g,
		.endpoint = q->kind,
		.started_us = clock_monotonic_us(),
		.sealed = q->sealed,
		.read = q->read,
		.done = done,
		.arg = arg,
	};
	call->fetch = fetch_start(q->sealed == NULL ? g->fetch : g->relay_fetch, &q->request,
				  on_response, call, &e);
	if (call->fetch == NULL) {
		log_error(NULL, "request to GitLab not started", log_err(&e));
		sealed_request_free(call->sealed);
		free(call);
		return NULL;
	}
	return call;
}

void
gitlab_cancel(struct gitlab_call *call)
{
	if (call == NULL)
		return;
	fetch_cancel(call->fetch);
	sealed_request_free(call->sealed);
	free(call);
}
