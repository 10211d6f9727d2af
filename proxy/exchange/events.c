/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends the state when the clone, the server's readiness or the list of ports changes, and a
 * comment at intervals, so that intermediaries do not close an idle stream.
 */
#include "proxy/exchange/events.h"

#include <stdlib.h>

#include "proxy/exchange/exchange_private.h"
#include "proxy/exchange/response/reply.h"

#define TICK_MS		500
#define HEARTBEAT_TICKS 30

struct events {
	struct exchange *exchange;
	struct clone_watch watch;
	struct loop_timer timer;
	unsigned quiet_ticks;	/* since the last event or comment */
	bool was_ready;		/* as it was sent last */
	int reason;		/* code that was sent last; -1: none */
	unsigned ports_version; /* of the list that was sent last */
	bool is_due;		/* the state changed while the stream was blocked */
};

bool
events_render_state(const struct exchange *x, bool is_ready, bool with_start, struct buf *out)
{
	struct proxy *p = x->proxy;
	struct port_watch_page ports;
	const struct pages_state state = {
		.clone = clone_control_progress(&p->clone_control),
		.port = x->route.port,
		.is_ready = is_ready,
		.reason = x->route.port == 0 ? ide_status_reason(p) : NULL,
		.timeline = with_start ? &p->ide_status.timeline : NULL,
		.answered_ms = upstream_figures(p->upstream).first_ready_ms,
		.ports = port_watch_describe(&p->port_watch, x->route.port, &ports),
	};

	return pages_render_state(&state, out);
}

static int
find_reason(const struct exchange *x)
{
	const struct ide_reason *reason = x->route.port == 0 ? ide_status_reason(x->proxy) : NULL;

	return reason == NULL ? -1 : (int)reason->code;
}

/* Whether the list of ports, which only the workspace's own host shows, has changed. */
static bool
have_ports_changed(const struct events *events)
{
	struct port_watch *ports = &events->exchange->proxy->port_watch;

	return events->exchange->route.port == 0 && port_watch_ask(ports) != NULL &&
	       port_watch_version(ports) != events->ports_version;
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
	events->reason = find_reason(x);
	buf_init(&line, EVENTS_STATE_MAX_BYTES + 16);
	buf_add_str(&line, STR("data: "));
	if (events_render_state(x, events->was_ready, false, &line)) {
		buf_add_str(&line, STR("\n\n"));
		events->ports_version = port_watch_version(&x->proxy->port_watch);
		exchange_send_body(x, buf_view(&line));
		s->ops->flush(s);
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
	if (events->was_ready != upstream_is_ready(exchange_server(x)) ||
	    events->reason != find_reason(x) || have_ports_changed(events)) {
		send_state(events);
	} else if (++events->quiet_ticks >= HEARTBEAT_TICKS) {
		events->quiet_ticks = 0;
		exchange_send_body(x, STR(":\n\n"));
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

bool
events_are_accepted(const struct exchange *x)
{
	const struct headers *h = &x->request.headers;

	for (size_t i = 0; i < h->count; i++)
		if (h->items[i].id == HEADER_ACCEPT &&
		    str_find(h->items[i].value, STR("text/event-stream")) != SIZE_MAX)
			return true;
	return false;
}

bool
events_start(struct exchange *x)
{
	struct events *events = calloc(1, sizeof(*events));

	if (events == NULL)
		return false;
	x->state = EXCHANGE_EVENTS;
	x->events = events;
	events->exchange = x;
	reply_stream_head(x, "text/event-stream");
	loop_timer_init(&events->timer, x->proxy->loop, on_tick, events);
	loop_timer_start(&events->timer, TICK_MS);
	clone_watch_start(&events->watch, x->proxy->clone_control.clone, on_clone_changed, events);
	send_state(events);
	return true;
}
