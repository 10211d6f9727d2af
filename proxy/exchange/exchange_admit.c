/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acts on the verdict of authentication: answers, or checks the limits and forwards the request to
 * the IDE or a port.
 */
#include "proxy/exchange/exchange_private.h"
#include "proxy/exchange/exchange_ssh.h"
#include "proxy/exchange/log_stream.h"
#include "proxy/exchange/response/cors.h"
#include "proxy/exchange/response/reply.h"
#include "proxy/exchange/workspace.h"
#include "proxy/http/forward.h"
#include "proxy/http/upgrade.h"

/* Browsers send cookies with WebSocket upgrades from any page (cross-site WebSocket hijacking), so
 * an upgrade must name the origin of its own host, exactly once. */
static bool
has_own_origin(const struct exchange *x)
{
	struct str origin;

	return headers_find(&x->request.headers, HEADER_ORIGIN, &origin) == 1 &&
	       str_equal(origin, x->origin);
}

/* Whether an API client sent the request: browsers send Origin with every upgrade, and never add a
 * GitLab token by themselves. */
static bool
is_program(const struct exchange *x)
{
	const struct headers *h = &x->request.headers;

	return !str_is_empty(x->verdict.token_header) && !headers_has(h, HEADER_ORIGIN) &&
	       !headers_has(h, HEADER_COOKIE);
}

/* Whether an API client sent the request to a public port: cookies, which a page of another site
 * could abuse, are not used there. */
static bool
is_public_program(const struct exchange *x)
{
	return x->verdict.session == NULL && !headers_has(&x->request.headers, HEADER_ORIGIN);
}

/* Ports may be upgraded to the protocols of UPGRADE_PROTOCOLS. */
static void
accept_offer(struct exchange *x)
{
	struct str listed = str_from(x->proxy->settings->upgrade_protocols);

	if (x->route.port != 0 && !x->request.wants_websocket)
		x->request.upgrade = upgrade_find_listed(listed, x->request.upgrade_offer);
}

/* Pages can only request WebSocket: scripts may not set the field Upgrade. */
static bool
may_upgrade(const struct exchange *x)
{
	if (x->request.wants_websocket)
		return has_own_origin(x) || is_program(x) || is_public_program(x);
	return !headers_has(&x->request.headers, HEADER_ORIGIN) || has_own_origin(x);
}

bool
exchange_is_too_big(const struct exchange *x, uint64_t body_bytes)
{
	uint64_t max = x->proxy->settings->body_max_bytes;

	return max > 0 && body_bytes > max;
}

/* Max-Forwards: 0 makes us the final recipient (RFC 9110 section 7.6.2). TRACE is not
 * implemented. */
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

/* Limits anonymous requests to public ports, so that half of WEBSOCKETS_MAX and of CONNECTIONS_MAX
 * remains for users. */
static bool
count_public(struct exchange *x)
{
	struct proxy *p = x->proxy;
	const struct settings *settings = p->settings;
	uint64_t max = settings->websockets_max < settings->connections_max
			       ? settings->websockets_max
			       : settings->connections_max;

	if (x->verdict.session != NULL)
		return true;
	if (p->public_count >= (max + 1) / 2)
		return false;
	p->public_count++;
	x->is_public = true;
	return true;
}

/* Each needs a descriptor. Connections of HTTP/2 have many requests at the same time: without a
 * limit a few of them could use up all descriptors, and health checks would fail. */
static bool
count_forward(struct exchange *x)
{
	struct proxy *p = x->proxy;

	if (p->forwards_count >= p->settings->connections_max)
		return false;
	p->forwards_count++;
	x->is_forwarded = true;
	return true;
}

static void
forward_within_limits(struct exchange *x)
{
	if (is_last_hop(x) && str_equal(x->request.method, STR("TRACE"))) {
		reply_status(x, 501);
	} else if (is_last_hop(x)) {
		reply_body(x, 200, "text/plain", STR_NONE);
	} else if (exchange_is_too_big(x, x->request.length)) {
		reply_status(x, 413);
	} else if (!count_public(x)) {
		log_info(&x->log, "limit of requests to public ports reached");
		reply_status(x, 429);
	} else if (x->request.upgrade.len > 0 && !count_websocket(x)) {
		log_info(&x->log, "WebSocket limit reached");
		reply_status(x, 429);
	} else if (!count_forward(x)) {
		log_info(&x->log, "limit of forwarded requests reached");
		reply_status(x, 503);
	} else {
		exchange_watch_session(x);
		exchange_forward(x);
	}
}

static void
admit(struct exchange *x)
{
	accept_offer(x);
	cors_find_page(x);
	if (x->request.upgrade.len > 0 && !may_upgrade(x)) {
		reply_problem(x, 403, AUTH_PROBLEM_CROSS_SITE);
		return;
	}
	if (x->verdict.session != NULL)
		x->proxy->active_ms = x->started_us / 1000; /* without reading the clock again */
	if (exchange_is_of_user(x))
		clone_control_offer_token(&x->proxy->clone_control, &x->verdict);
	if (!clone_control_is_open(&x->proxy->clone_control)) {
		reply_waiting(x);
		return;
	}
	forward_within_limits(x);
}

static bool
find_port_upstream(struct exchange *x)
{
	if (x->route.port != 0)
		x->port_upstream = port_upstreams_acquire(x->proxy->port_upstreams, x->route.port);
	return x->route.port == 0 || x->port_upstream != NULL;
}

void
exchange_act_on_verdict(struct exchange *x)
{
	bool has_user = x->verdict.action == AUTH_ALLOW && x->verdict.session != NULL;

	x->stream->has_user |= has_user;
	if (has_user && !x->verdict.is_guest)
		start_timeline_note_sign_in(&x->proxy->ide_status.timeline, x->started_us / 1000);
	if ((x->verdict.problem == AUTH_PROBLEM_LOGIN_REQUIRED ||
	     x->verdict.problem == AUTH_PROBLEM_METHOD) &&
	    cors_is_preflight(x))
		reply_preflight(x);
	else if (x->verdict.action != AUTH_ALLOW)
		reply_verdict(x);
	else if (!find_port_upstream(x))
		reply_status(x, 503);
	else if (x->route.kind == ROUTE_UPSTREAM)
		admit(x);
	else if (x->route.kind == ROUTE_SSH)
		exchange_ssh_answer(x);
	else if (x->route.kind == ROUTE_LOG)
		log_stream_answer(x);
	else
		workspace_answer(x);
}
