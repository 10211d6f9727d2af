/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redeems codes, refreshes and revokes tokens through the relay's token broker, and opens its
 * answers (auth/broker/broker_message.h).
 */
#include <inttypes.h>

#include "auth/gitlab/gitlab_private.h"
#include "auth/gitlab/gitlab_scope.h"
#include "auth/gitlab/sealed_request.h"
#include "base/clock.h"

bool
gitlab_broker_build_address(struct gitlab *g)
{
	const struct auth_settings *s = g->settings;
	const char *relay = url_origin(&s->relay_url, &g->arena);
	const char *own = url_origin(&s->external_url, &g->arena);

	if (relay == NULL || own == NULL)
		return false;
	g->authority = str_skip(str_from(own), strlen("https://"));
	g->broker_url = arena_printf(&g->arena, "%s%.*s/token", relay, STR_FMT(s->relay_url.path));
	return g->broker_url != NULL;
}

/* Sets the outcome and the relay's explanation, which contains no secret. */
static void
set_outcome(struct gitlab_answer *answer, enum gitlab_outcome outcome,
	    const struct broker_answer *a)
{
	answer->outcome = outcome;
	answer->retry_after_s = a->retry_after_s;
	if (outcome != GITLAB_OK)
		err_set(&answer->err, ERR_PROTOCOL, "relay: %.*s", STR_FMT(a->reason));
}

static bool
take_token(struct str text, size_t max, struct secret **out)
{
	if (str_is_empty(text))
		return true;
	*out = gitlab_is_token(text, max) ? secret_from_str(text) : NULL;
	return *out != NULL;
}

static void
take_tokens(const struct broker_answer *a, unsigned modes, struct gitlab_answer *answer)
{
	struct gitlab_tokens *t = &answer->tokens;

	if (str_is_empty(a->access) || !take_token(a->access, GITLAB_TOKEN_MAX, &t->access) ||
	    !take_token(a->refresh, GITLAB_TOKEN_MAX, &t->refresh) ||
	    !take_token(a->id_token, GITLAB_ID_TOKEN_MAX, &t->id_token)) {
		gitlab_tokens_fini(t);
		answer->outcome = GITLAB_LOST;
		err_set(&answer->err, ERR_PROTOCOL, "relay: its answer has no tokens");
		return;
	}
	t->lifetime_ms = a->lifetime_ms;
	if (!str_is_empty(a->scope))
		answer->missing_scope = gitlab_scope_missing(a->scope, modes);
}

static void
set_stale(struct gitlab_answer *answer, const struct broker_answer *a)
{
	answer->outcome = GITLAB_REFUSES_US;
	err_set(&answer->err, ERR_PROTOCOL,
		"relay: our clock and its clock differ by %" PRId64 " s; at most %" PRId64
		" s are accepted",
		(clock_wall_ms() - a->answered_ms) / 1000, BROKER_SKEW_MS / 1000);
}

static void
take_answer(const struct broker_answer *a, const struct gitlab_expect *expect,
	    struct gitlab_answer *answer)
{
	static const enum gitlab_outcome outcomes[BROKER_OUTCOMES] = {
		[BROKER_OK] = GITLAB_OK,
		[BROKER_GRANT_INVALID] = GITLAB_GRANT_INVALID,
		[BROKER_REFUSES_US] = GITLAB_REFUSES_US,
		[BROKER_UNAVAILABLE] = GITLAB_UNAVAILABLE,
		[BROKER_LOST] = GITLAB_LOST,
		[BROKER_DENIED] = GITLAB_DENIED,
		[BROKER_STALE] = GITLAB_REFUSES_US,
	};

	set_outcome(answer, outcomes[a->outcome], a);
	if (a->outcome == BROKER_STALE)
		set_stale(answer, a);
	else if (a->outcome == BROKER_OK && expect->sealed->operation != BROKER_REVOKE)
		take_tokens(a, expect->modes, answer);
}

/* Explains a response without the relay's seal: the relay, or a proxy before it, did not process
 * the request. */
static void
explain_status(const struct fetch_response *r, struct gitlab_answer *answer)
{
	const char *what = "unexpected response";

	answer->outcome = GITLAB_REFUSES_US;
	answer->retry_after_s = r->retry_after_s;
	if (r->status == 403)
		what = "it does not accept this workspace's RELAY_KEY and host";
	else if (r->status == 404 || r->status == 405)
		what = "it is not a token broker: CLIENT_SECRET is not set there";
	else if (r->status >= 300 && r->status < 400)
		what = "it responds with a redirect: check RELAY_URL";
	else if (r->status != 400 && r->status != 413)
		answer->outcome = GITLAB_UNAVAILABLE;
	err_set(&answer->err, ERR_PROTOCOL, "relay: %s (status %u)", what, r->status);
}

static void
gitlab_read_broker(const struct fetch_response *r, const struct gitlab_expect *expect,
		   struct gitlab_answer *answer)
{
	struct broker_answer a;
	struct buf memory;

	if (r->status != 200) {
		explain_status(r, answer);
		return;
	}
	buf_init(&memory, BROKER_ANSWER_MAX);
	if (broker_answer_open(&a, r->body, &expect->sealed->channel, &memory)) {
		take_answer(&a, expect, answer);
	} else {
		/* GitLab may have processed the request. */
		answer->outcome = GITLAB_LOST;
		err_set(&answer->err, ERR_PROTOCOL,
			"relay: its response does not belong to our request");
	}
	buf_wipe_fini(&memory);
}

static struct gitlab_call *
start(struct gitlab *g, struct gitlab_request *q, struct broker_request *r,
      enum fetch_priority priority, gitlab_done_fn *done, void *arg)
{
	q->read = gitlab_read_broker;
	q->sealed = sealed_request_new(g, r, priority);
	if (q->sealed == NULL)
		return NULL;
	sealed_request_fill(q->sealed, g, &q->request);
	return gitlab_start(g, q, done, arg);
}

struct gitlab_call *
gitlab_broker_redeem(struct gitlab *g, const struct gitlab_code *code, gitlab_done_fn *done,
		     void *arg)
{
	struct broker_request r = {
		.operation = BROKER_REDEEM,
		.code = code->code,
		.verifier = code->verifier,
	};
	struct gitlab_request q = {.kind = AUTH_REQUEST_TOKEN, .modes = code->modes};

	return start(g, &q, &r, code->priority, done, arg);
}

struct gitlab_call *
gitlab_broker_send_token(struct gitlab *g, const struct gitlab_request *what,
			 const struct secret *token, gitlab_done_fn *done, void *arg)
{
	struct gitlab_request q = {.kind = what->kind, .modes = what->modes};
	bool is_refresh = q.kind == AUTH_REQUEST_REFRESH;
	struct broker_request r = {
		.operation = is_refresh ? BROKER_REFRESH : BROKER_REVOKE,
		.token = secret_view(token),
	};

	return start(g, &q, &r, is_refresh ? FETCH_HIGH : FETCH_NORMAL, done, arg);
}
