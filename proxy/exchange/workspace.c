/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See workspace.h. An event stream holds a watch on the clone and a timer that asks whether the IDE
 * answers; it sends the state when it changed, and a comment now and then so that nobody on the way
 * takes it for dead.
 */
#include "proxy/exchange/workspace.h"

#include <stdlib.h>

#include "base/url.h"
#include "proxy/exchange/reply.h"

#define STATE_MAX_BYTES 4096u
#define TICK_MS		500
#define HEARTBEAT_TICKS 30

struct events {
	struct exchange *exchange;
	struct clone_watch watch;
	struct loop_timer timer;
	unsigned quiet_ticks;
	bool was_ready;
	bool is_due; /* a state that could not be sent, because the browser is slower */
};

bool
workspace_is_open(const struct proxy *p)
{
	enum clone_phase phase = clone_progress(p->clone)->phase;

	return phase == CLONE_OFF || phase == CLONE_DONE || p->clone_is_skipped;
}

const struct clone_progress *
workspace_clone(const struct proxy *p)
{
	const struct clone_progress *progress = clone_progress(p->clone);

	return progress->phase == CLONE_OFF || p->clone_is_skipped ? NULL : progress;
}

/* With a session's token, which is kept so that GitLab's "no" can be told of that very one. A clone
 * that runs goes on with the one that it has. */
static bool
start_clone(struct proxy *p, const struct secret *token, struct err *e)
{
	enum clone_phase phase = clone_progress(p->clone)->phase;

	if (phase != CLONE_WAITING && phase != CLONE_FAILED)
		return true;
	secret_free(p->clone_token);
	p->clone_token =
		token == NULL ? NULL : secret_new(secret_view(token).data, secret_view(token).len);
	return clone_start(p->clone, token, e);
}

void
workspace_offer_token(const struct exchange *x)
{
	struct proxy *p = x->proxy;
	struct err e = ERR_INIT;

	if (clone_progress(p->clone)->phase == CLONE_WAITING &&
	    str_is_empty(x->verdict.token_header) &&
	    !start_clone(p, auth_session_token(x->verdict.session), &e))
		log_error(NULL, "clone can't be started", log_err(&e));
}

static void
on_token_renewed(const struct auth_credential *c, void *arg)
{
	struct proxy *p = arg;
	struct err e = ERR_INIT;

	p->clone_renewal = NULL;
	if (p->clone_is_skipped || c->outcome != AUTH_CREDENTIAL_GIVEN ||
	    str_equal(secret_view(c->token), secret_view(p->clone_token)))
		return;
	log_info(NULL, "clone: once more with a renewed token");
	if (!start_clone(p, c->token, &e))
		log_error(NULL, "clone can't be started", log_err(&e));
}

/* A session's token that git is refused with may have ended since: one renewal, one more attempt.
 */
static void
renew_token(struct proxy *p)
{
	struct auth_credential c;

	if (p->clone_token == NULL || p->clone_is_renewed || p->clone_renewal != NULL)
		return;
	p->clone_is_renewed = true;
	auth_credential_reject(p->auth, secret_view(p->clone_token));
	p->clone_renewal = auth_credential_start(p->auth, &c, on_token_renewed, p);
	if (p->clone_renewal == NULL)
		on_token_renewed(&c, p);
}

/* GitLab ends an access token that is refreshed, and the clone works with one. */
static void
on_clone_phase(const struct clone_progress *progress, void *arg)
{
	struct proxy *p = arg;
	bool is_running = progress->phase != CLONE_OFF && progress->phase != CLONE_WAITING &&
			  progress->phase != CLONE_DONE && progress->phase != CLONE_FAILED;
	/* What the server has begun to send it goes on sending, whatever becomes of the token. */
	bool is_asking =
		progress->history.state == CLONE_HISTORY_COMING && progress->history.bytes == 0;

	auth_hold_tokens(p->auth, is_running || is_asking);
	if (progress->phase == CLONE_FAILED && progress->problem == CLONE_PROBLEM_TOKEN)
		renew_token(p);
}

void
workspace_follow_clone(struct proxy *p)
{
	clone_watch_start(&p->clone_watch, p->clone, on_clone_phase, p);
	on_clone_phase(clone_progress(p->clone), p);
}

static bool
render_state(const struct exchange *x, bool is_ready, struct buf *out)
{
	const struct pages_state state = {
		.clone = workspace_clone(x->proxy), .port = x->route.port, .is_ready = is_ready};

	return pages_render_state(&state, out);
}

void
workspace_leave_clone(struct proxy *p)
{
	clone_watch_stop(&p->clone_watch);
	auth_credential_cancel(p->clone_renewal);
	p->clone_renewal = NULL;
	secret_free(p->clone_token);
	p->clone_token = NULL;
}

static void
send_state(struct events *events)
{
	struct exchange *x = events->exchange;
	struct stream *s = x->stream;
	struct buf line;

	events->is_due = s->ops->is_blocked(s);
	if (events->is_due)
		return;
	events->quiet_ticks = 0;
	events->was_ready = upstream_is_ready(exchange_server(x));
	buf_init(&line, STATE_MAX_BYTES + 16);
	buf_add_str(&line, STR("data: "));
	if (render_state(x, events->was_ready, &line)) {
		buf_add_str(&line, STR("\n\n"));
		s->ops->send_body(s, buf_view(&line));
		s->ops->flush(s);
		x->response_bytes += line.len;
		x->proxy->metrics.response_bytes += line.len;
	}
	buf_fini(&line);
}

static void
on_clone_changed(const struct clone_progress *progress, void *arg)
{
	(void)progress;
	send_state(arg);
}

static void
on_tick(void *arg)
{
	struct events *events = arg;
	struct exchange *x = events->exchange;

	loop_timer_start(&events->timer, TICK_MS);
	upstream_probe(exchange_server(x));
	if (events->was_ready != upstream_is_ready(exchange_server(x))) {
		send_state(events);
	} else if (++events->quiet_ticks >= HEARTBEAT_TICKS) {
		events->quiet_ticks = 0;
		x->stream->ops->send_body(x->stream, STR(":\n\n"));
		x->stream->ops->flush(x->stream);
	}
}

void
events_on_drained(struct events *events)
{
	if (events->is_due)
		send_state(events);
}

void
events_free(struct events *events)
{
	if (events == NULL)
		return;
	clone_watch_stop(&events->watch);
	loop_timer_fini(&events->timer);
	free(events);
}

static void
start_events(struct exchange *x)
{
	struct stream *s = x->stream;
	struct header items[8];
	struct headers h = {.items = items, .size = sizeof(items) / sizeof(items[0])};
	struct events *events = calloc(1, sizeof(*events));

	if (events == NULL) {
		reply_status(x, 500);
		return;
	}
	headers_add_own(&h, STR("Content-Type"), STR("text/event-stream"));
	headers_add_own(&h, STR("Cache-Control"), STR("no-store"));
	headers_add_own(&h, STR("X-Accel-Buffering"), STR("no"));
	headers_add_own(&h, STR("X-Request-Id"), str_from(x->id));
	struct response_head head = {.status = 200, .headers = h, .body = BODY_STREAM};
	x->status = 200;
	x->state = EXCHANGE_EVENTS;
	x->events = events;
	events->exchange = x;
	s->ops->send_head(s, &head);
	loop_timer_init(&events->timer, x->proxy->loop, on_tick, events);
	loop_timer_start(&events->timer, TICK_MS);
	clone_watch_start(&events->watch, x->proxy->clone, on_clone_changed, events);
	send_state(events);
	if (x->proxy->draining)
		exchange_close(x, WEBSOCKET_GOING_AWAY);
}

static void
answer_json(struct exchange *x)
{
	struct buf body;

	buf_init(&body, STATE_MAX_BYTES);
	if (render_state(x, upstream_is_ready(exchange_server(x)), &body))
		reply_body(x, 200, "application/json", buf_view(&body));
	else
		reply_status(x, 500);
	buf_fini(&body);
}

static void
act(struct exchange *x)
{
	struct proxy *p = x->proxy;
	struct auth_facts facts = reply_facts(x);
	struct err e = ERR_INIT;
	struct str action;

	if (!auth_is_same_origin(p->auth, &facts)) {
		reply_problem(x, 403, AUTH_PROBLEM_CROSS_SITE);
		return;
	}
	if (url_query_find(buf_view(&x->form), STR("action"), &action) != 1) {
		reply_status(x, 400);
		return;
	}
	if (str_equal(action, STR("retry"))) {
		p->clone_is_renewed = false;
		if (!start_clone(p, auth_session_token(x->verdict.session), &e))
			log_error(&x->log, "clone can't be started", log_err(&e));
	} else if (str_equal(action, STR("continue"))) {
		p->clone_is_skipped = clone_progress(p->clone)->phase == CLONE_FAILED;
	} else {
		reply_status(x, 400);
		return;
	}
	/* Without script the form is a navigation: back to the workspace, which shows what there is
	 * now. */
	if (str_equal(headers_get(&x->request.headers, STR("sec-fetch-dest"), 0), STR("document")))
		reply_redirect(x, 303, "/");
	else
		answer_json(x);
}

static bool
accepts_events(const struct exchange *x)
{
	struct str accept;

	return headers_find(&x->request.headers, HEADER_ACCEPT, &accept) > 0 &&
	       str_find(accept, STR("text/event-stream")) != SIZE_MAX;
}

void
workspace_answer(struct exchange *x)
{
	struct str method = x->request.method;

	workspace_offer_token(x);
	upstream_probe(exchange_server(x));
	if (str_equal(method, STR("POST"))) {
		act(x);
	} else if (!str_equal(method, STR("GET")) && !x->request.is_head) {
		x->verdict.allow = "GET, HEAD, POST";
		reply_status(x, 405);
	} else if (accepts_events(x) && !x->request.is_head) {
		exchange_watch_session(x);
		start_events(x);
	} else if (reply_is_for_person(x)) {
		reply_status_page(x);
	} else {
		answer_json(x);
	}
}
