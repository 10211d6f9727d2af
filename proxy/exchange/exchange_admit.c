/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the verdict of authentication to where a request goes: an answer of ours, the state of the
 * workspace, or on to the IDE or a port, within the limits.
 */
#include "proxy/exchange/cors.h"
#include "proxy/exchange/exchange_private.h"
#include "proxy/exchange/reply.h"
#include "proxy/exchange/workspace.h"
#include "proxy/http/forward.h"

/* Every upgrade names the origin of the host that it asks for, exactly once: browsers send cookies
 * with WebSockets of any page (cross-site WebSocket hijacking), and the workspace's other hosts are
 * other origins. */
static bool
has_own_origin(const struct exchange *x)
{
	struct str origin;

	return headers_find(&x->request.headers, HEADER_ORIGIN, &origin) == 1 &&
	       str_equal(origin, x->origin);
}

/* No browser opens a WebSocket without Origin, nor brings a GitLab token by itself. */
static bool
is_program(const struct exchange *x)
{
	const struct headers *h = &x->request.headers;
	struct str value;

	return !str_is_empty(x->verdict.token_header) &&
	       headers_find(h, HEADER_ORIGIN, &value) == 0 &&
	       headers_find(h, HEADER_COOKIE, &value) == 0;
}

bool
exchange_is_too_big(const struct exchange *x, uint64_t body_bytes)
{
	uint64_t max = x->proxy->settings->body_max_bytes;

	return max > 0 && body_bytes > max;
}

/* RFC 9110 section 7.6.2: what may go no further is ours to answer. We have no TRACE. */
static bool
is_last_hop(const struct exchange *x)
{
	struct str value;
	uint64_t left;

	return forward_counts_hops(&x->request) &&
	       headers_find(&x->request.headers, HEADER_MAX_FORWARDS, &value) > 0 &&
	       str_to_u64(value, 0, 0, &left);
}

static bool
count_websocket(struct exchange *x)
{
	struct proxy *p = x->proxy;

	if (p->websockets_count >= p->settings->websockets_max)
		return false;
	p->websockets_count++;
	x->is_counted = true;
	return true;
}

/* What goes on to the IDE is within the limits. */
static void
pass_on(struct exchange *x)
{
	if (is_last_hop(x) && str_equal(x->request.method, STR("TRACE"))) {
		reply_status(x, 501);
	} else if (is_last_hop(x)) {
		reply_body(x, 200, "text/plain", STR_NONE);
	} else if (exchange_is_too_big(x, x->request.length)) {
		reply_status(x, 413);
	} else if (x->request.wants_websocket && !count_websocket(x)) {
		log_info(&x->log, "too many WebSockets");
		reply_status(x, 429);
	} else {
		exchange_watch_session(x);
		exchange_forward(x);
	}
}

static void
admit(struct exchange *x)
{
	if (x->request.wants_websocket && !has_own_origin(x) && !is_program(x)) {
		reply_problem(x, 403, AUTH_PROBLEM_CROSS_SITE);
		return;
	}
	x->proxy->active_ms = x->started_us / 1000; /* costs nothing: that was read anyway */
	clone_control_offer_token(&x->proxy->clone_control, &x->verdict);
	if (!clone_control_is_open(&x->proxy->clone_control)) {
		reply_waiting(x);
		return;
	}
	pass_on(x);
}

static bool
find_target(struct exchange *x)
{
	if (x->route.port != 0)
		x->target = port_upstreams_acquire(x->proxy->targets, x->route.port);
	return x->route.port == 0 || x->target != NULL;
}

struct upstream *
exchange_server(const struct exchange *x)
{
	return x->target == NULL ? x->proxy->upstream : port_upstream_pool(x->target);
}

void
exchange_act_on_verdict(struct exchange *x)
{
	if (x->verdict.problem == AUTH_PROBLEM_LOGIN_REQUIRED && cors_is_preflight(x))
		reply_preflight(x);
	else if (x->verdict.action != AUTH_ALLOW)
		reply_verdict(x);
	else if (!find_target(x))
		reply_status(x, 503);
	else if (x->route.kind == ROUTE_UPSTREAM)
		admit(x);
	else
		workspace_answer(x);
}
