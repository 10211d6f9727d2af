/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open tunnel. A WebSocket gets pings while it is quiet, and is closed between two frames. In
 * any other protocol the proxy can't send messages of its own: it forwards bytes and the end of
 * each direction, and closes the connection when the tunnel has to end.
 */
#include <stdlib.h>

#include "proxy/exchange/exchange_private.h"

/* Timeout for the end of the current frame, after which the connection is aborted. */
#define CLOSE_TIMEOUT_MS 1000

static void restart_ping_timer(struct exchange *x);

static bool
is_websocket(const struct exchange *x)
{
	return x->request.wants_websocket;
}

static void
send_ping(struct exchange *x)
{
	struct stream *s = x->stream;

	if (websocket_is_at_boundary(&x->to_client) && !s->ops->is_blocked(s)) {
		s->ops->send_body(s, WEBSOCKET_PING);
		s->ops->flush(s);
	}
	restart_ping_timer(x);
}

static void
on_timer(void *arg)
{
	struct exchange *x = arg;

	if (x->close_code == 0)
		send_ping(x);
	else
		exchange_abort(x);
}

static void
start_timer(struct exchange *x, uint64_t delay_ms)
{
	if (x->timer.loop == NULL)
		loop_timer_init(&x->timer, x->proxy->loop, on_timer, x);
	loop_timer_start(&x->timer, delay_ms);
}

static void
restart_ping_timer(struct exchange *x)
{
	uint64_t interval_ms = x->proxy->settings->websocket_ping_ms;

	if (interval_ms > 0)
		start_timer(x, interval_ms);
}

void
exchange_free_head(struct exchange *x)
{
	struct str path = str_take(x->request.path, LOG_VALUE_MAX);
	struct str method = x->request.method;
	char *text = malloc(path.len + x->client.len + method.len + 1);

	if (text == NULL)
		return;
	memcpy(text, path.data, path.len);
	memcpy(text + path.len, x->client.data, x->client.len);
	memcpy(text + path.len + x->client.len, method.data, method.len);
	x->request = (struct request_head){.method = {text + path.len + x->client.len, method.len},
					   .path = {text, path.len},
					   .upgrade = x->request.upgrade,
					   .wants_websocket = x->request.wants_websocket};
	x->client = (struct str){text + path.len, x->client.len};
	if (x->log.fields[1].name.len > 0)
		x->log.fields[1].text = x->client;
	x->forwarded_for = STR_NONE;
	x->origin = STR_NONE;
	x->log_text = text;
	arena_fini(&x->arena);
}

static void
send_close_frame(struct exchange *x)
{
	char frame[WEBSOCKET_CLOSE_BYTES];

	websocket_close_frame(x->close_code, frame);
	x->stream->ops->send_body(x->stream, (struct str){frame, sizeof(frame)});
	exchange_end(x, NULL);
}

/* Closes a WebSocket with a close frame at the next frame boundary, other protocols by aborting.
 * Repeated calls do nothing. */
static void
close_tunnel(struct exchange *x, unsigned close_code)
{
	if (x->close_code != 0)
		return;
	x->close_code = close_code;
	if (!is_websocket(x))
		exchange_abort(x);
	else if (websocket_is_at_boundary(&x->to_client))
		send_close_frame(x);
	else
		start_timer(x, CLOSE_TIMEOUT_MS);
}

static const struct exchange_part tunnel_part = {.close = close_tunnel};

void
exchange_open_tunnel(struct exchange *x)
{
	x->proxy->metrics.websockets_opened++;
	exchange_free_head(x);
	x->state = EXCHANGE_TUNNEL;
	x->part = &tunnel_part;
	x->request_ended = false;
	x->stream->ops->want_body(x->stream, true);
	if (is_websocket(x))
		restart_ping_timer(x);
	if (x->proxy->draining)
		close_tunnel(x, WEBSOCKET_GOING_AWAY);
}

bool
exchange_on_half_close(struct exchange *x)
{
	if (x->state != EXCHANGE_TUNNEL || is_websocket(x))
		return false;
	x->request_ended = true;
	if (x->upstream_ended)
		exchange_end(x, NULL);
	else
		upstream_half_close(x->upstream);
	return true;
}

void
exchange_on_upstream_half_close(struct exchange *x)
{
	x->upstream_ended = true;
	if (x->request_ended)
		exchange_end(x, NULL);
	else
		x->stream->ops->half_close(x->stream);
}

void
exchange_pass_to_client(struct exchange *x, struct str data)
{
	if (!is_websocket(x)) {
		x->stream->ops->send_body(x->stream, data);
		return;
	}
	if (x->close_code != 0)
		data = str_take(data, websocket_until_boundary(&x->to_client, data));
	websocket_track(&x->to_client, data);
	x->stream->ops->send_body(x->stream, data);
	if (x->close_code == 0)
		restart_ping_timer(x);
	else if (websocket_is_at_boundary(&x->to_client))
		send_close_frame(x);
}
