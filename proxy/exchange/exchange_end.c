/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of an exchange: counts it, writes the access log line and releases what it holds.
 */
#include <stdlib.h>

#include "base/free_list.h"
#include "proxy/exchange/exchange_private.h"
#include "proxy/exchange/response/response_coding.h"

#define FREE_LIST_MAX 64

static _Thread_local struct free_list free_list =
	FREE_LIST_INIT(sizeof(struct exchange), FREE_LIST_MAX);

struct exchange *
exchange_alloc(void)
{
	struct exchange *x = free_list_take(&free_list);

	return x == NULL ? NULL : memset(x, 0, sizeof(*x));
}

static enum metrics_websocket_end
websocket_end(const struct exchange *x)
{
	if (x->close_code != 0)
		return x->close_code == WEBSOCKET_GOING_AWAY ? METRICS_WEBSOCKET_DRAIN
							     : METRICS_WEBSOCKET_SESSION;
	if (x->was_lost)
		return METRICS_WEBSOCKET_BROWSER;
	return x->upstream == NULL ? METRICS_WEBSOCKET_FAILURE : METRICS_WEBSOCKET_IDE;
}

static void
count_request(const struct exchange *x, uint64_t duration_us)
{
	static const enum metrics_route routes[] = {
		[ROUTE_MISDIRECTED] = METRICS_NO_ROUTE,
		[ROUTE_NO_PORT] = METRICS_NO_ROUTE,
		[ROUTE_AUTH] = METRICS_AUTH,
		[ROUTE_RELAY] = METRICS_RELAY,
		[ROUTE_WORKSPACE] = METRICS_WORKSPACE,
		[ROUTE_BROKER] = METRICS_BROKER,
		[ROUTE_LOG] = METRICS_WORKSPACE,
		[ROUTE_SSH] = METRICS_SSH,
		[ROUTE_JWKS] = METRICS_AUTH,
		[ROUTE_UNKNOWN] = METRICS_NO_ROUTE,
		[ROUTE_UPSTREAM] = METRICS_IDE,
	};
	struct proxy_metrics *m = &x->proxy->metrics;
	enum metrics_route route = routes[x->route.kind];

	if (route == METRICS_IDE && x->request.upgrade.len > 0)
		route = METRICS_WEBSOCKET;
	else if (route == METRICS_IDE && x->route.port != 0)
		route = METRICS_PORT;
	if (x->state == EXCHANGE_TUNNEL)
		m->websockets_ended[websocket_end(x)]++;
	m->in_flight--;
	m->protocols[x->stream->protocol]++;
	m->requests[route][x->status / 100 % METRICS_STATUS_CLASSES]++;
	metrics_observe(&m->duration[route], &metrics_latency_bounds, duration_us);
}

static void
log_access(const struct exchange *x, uint64_t duration_us)
{
	static const char *const protocols[STREAM_PROTOCOLS] = {"HTTP/1.0", "HTTP/1.1", "HTTP/2"};
	const struct request_head *r = &x->request;

	if (!x->proxy->settings->access_log)
		return;
	log_traffic(
		&x->log, "request", log_str("user", x->verdict.identity.username),
		log_str("method", r->method), log_str("path", r->path),
		log_int("status", x->status), log_cstr("protocol", protocols[x->stream->protocol]),
		log_int("request_bytes", (int64_t)x->request_bytes),
		log_int("response_bytes", (int64_t)x->response_bytes),
		log_int("duration_us", (int64_t)duration_us),
		log_bool("upstream", x->state == EXCHANGE_RESPONSE || x->state == EXCHANGE_TUNNEL));
}

static void
free_exchange(struct deferred_free_entry *entry)
{
	struct exchange *x = (struct exchange *)(void *)entry; /* its first member */

	auth_verdict_fini(&x->verdict);
	buf_wipe_fini(&x->form);
	arena_fini(&x->arena);
	free(x->log_text);
	free_list_give(&free_list, x);
}

void
exchange_finish(struct exchange *x)
{
	if (x->state == EXCHANGE_OVER)
		return;
	uint64_t duration_us = clock_monotonic_us() - x->started_us;
	count_request(x, duration_us);
	log_access(x, duration_us);
	x->state = EXCHANGE_OVER;
	if (x->auth_call != NULL)
		auth_cancel(x->auth_call);
	if (x->broker_call != NULL)
		broker_cancel(x->broker_call);
	auth_watch_stop(&x->watch);
	loop_timer_fini(&x->timer);
	x->proxy->websockets_count -= x->is_counted;
	x->proxy->public_count -= x->is_public;
	x->proxy->forwards_count -= x->is_forwarded;
	if (x->upstream != NULL)
		upstream_release(x->upstream);
	if (x->part != NULL && x->part->free != NULL)
		x->part->free(x);
	response_coding_stop(x);
	if (x->port_upstream != NULL)
		port_upstreams_release(x->proxy->port_upstreams, x->port_upstream);
	x->port_upstream = NULL;
	x->upstream = NULL;
	x->auth_call = NULL;
	x->broker_call = NULL;
	x->part = NULL;
	x->stream->exchange = NULL;
	deferred_free_add(&x->proxy->deferred_frees, &x->deferred_free, free_exchange);
}

void
exchange_end(struct exchange *x, const struct headers *trailers)
{
	x->stream->ops->send_end(x->stream, trailers);
	exchange_finish(x);
}

void
exchange_abort(struct exchange *x)
{
	x->stream->ops->abort(x->stream);
	exchange_finish(x);
}

void
exchange_close(struct exchange *x, unsigned close_code)
{
	if (x->part != NULL)
		x->part->close(x, close_code);
}
