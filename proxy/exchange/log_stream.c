/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends records of a log reader to the browser in pieces, at a limited rate and with backpressure.
 * Timers run only while a viewer is connected.
 */
#include "proxy/exchange/log_stream.h"

#include <stdlib.h>

#include "proxy/exchange/exchange_private.h"
#include "proxy/exchange/response/reply.h"
#include "proxy/logs/log_files.h"
#include "proxy/logs/log_reader.h"

#define PIECE_BYTES	(16u * 1024u) /* a piece ends with the record that reaches this size */
#define RECORD_MAX	(128u * 1024u)
#define TICK_MS		500u /* interval of checks for new lines */
#define TICKS_TO_LOOK	2u   /* interval of checks for new, replaced and truncated files */
#define CHANGED_MS	100u /* delay after inotify reported a change */
#define BUSY_MS		1u   /* pause between steps, for other work of the event loop */
#define RATE_MS		250u /* delay when the rate limit is reached */
#define HEARTBEAT_TICKS 30u

enum form { FORM_NDJSON, FORM_TEXT, FORM_EVENTS };

struct log_stream {
	struct exchange *exchange;
	struct log_reader *reader;
	enum form form;
	struct loop_timer timer;
	struct loop_io changes; /* inotify; watched once all existing lines were sent */
	bool has_changes;	/* changes is initialized */
	unsigned ticks;
	unsigned quiet_ticks; /* since the last event or comment */
	uint64_t tokens;      /* bytes that may be sent now (token bucket) */
	uint64_t refilled_ms;
	struct buf out;
};

static void step(struct log_stream *l);

/* Whether the response waits for new lines, and has no end of its own. */
static bool
follows(const struct log_stream *l)
{
	return l->form == FORM_EVENTS;
}

static void
on_changed(void *arg, unsigned ready)
{
	struct log_stream *l = arg;

	(void)ready;
	loop_io_want(&l->changes, 0);
	loop_timer_start(&l->timer, CHANGED_MS);
}

static void
refill(struct log_stream *l)
{
	uint64_t now_ms = loop_now_ms(l->exchange->proxy->loop);

	l->tokens += (now_ms - l->refilled_ms) * LOG_STREAM_BYTES_PER_S / 1000;
	l->tokens = l->tokens < LOG_STREAM_BYTES_PER_S ? l->tokens : LOG_STREAM_BYTES_PER_S;
	l->refilled_ms = now_ms;
}

static void
add_record(struct log_stream *l, const struct log_record *record)
{
	struct buf *out = &l->out;

	switch (l->form) {
	case FORM_NDJSON:
		log_record_write_json(record, out);
		buf_add_byte(out, '\n');
		return;
	case FORM_TEXT:
		log_record_write_text(record, out);
		buf_add_byte(out, '\n');
		return;
	case FORM_EVENTS:
		buf_add_str(out, STR("data: "));
		log_record_write_json(record, out);
		buf_add_str(out, STR("\n\n"));
		return;
	}
}

static void
send_out(struct log_stream *l)
{
	struct exchange *x = l->exchange;
	size_t bytes = l->out.len;

	if (bytes == 0)
		return;
	exchange_send_body(x, buf_view(&l->out));
	x->stream->ops->flush(x->stream);
	l->tokens -= bytes < l->tokens ? bytes : l->tokens;
	l->quiet_ticks = 0;
	buf_clear(&l->out);
}

/* Fills a piece with records. */
static enum log_reader_result
gather(struct log_stream *l)
{
	enum log_reader_result result = LOG_READER_RECORD;
	struct log_record record;

	while (l->out.len < PIECE_BYTES && l->out.len < l->tokens) {
		result = log_reader_next(l->reader, &record);
		if (result != LOG_READER_RECORD)
			break;
		add_record(l, &record);
	}
	return result;
}

static void
watch_changes(struct log_stream *l)
{
	int fd = log_reader_events(l->reader);

	if (!l->has_changes && fd >= 0) {
		loop_io_init(&l->changes, l->exchange->proxy->loop, fd, on_changed, l);
		l->has_changes = true;
	}
	if (l->has_changes) {
		log_reader_clear_events(l->reader);
		loop_io_want(&l->changes, LOOP_READ);
	}
}

/* All lines were sent: ends the response, or waits for new lines. */
static void
on_all_sent(struct log_stream *l)
{
	if (!follows(l)) {
		exchange_end(l->exchange, NULL);
		return;
	}
	watch_changes(l);
	if (++l->quiet_ticks > HEARTBEAT_TICKS) {
		buf_add_str(&l->out, STR(":\n\n"));
		send_out(l);
	}
	loop_timer_start(&l->timer, TICK_MS);
}

/* Sends what it can, and schedules the next step. May finish the exchange. */
static void
step(struct log_stream *l)
{
	struct stream *s = l->exchange->stream;
	enum log_reader_result result = LOG_READER_RECORD;

	refill(l);
	log_reader_begin_step(l->reader);
	while (result == LOG_READER_RECORD && l->tokens > 0 && !s->ops->is_blocked(s)) {
		result = gather(l);
		send_out(l);
	}
	if (s->ops->is_blocked(s))
		return; /* until on_drained */
	if (result == LOG_READER_END)
		on_all_sent(l);
	else
		loop_timer_start(&l->timer, result == LOG_READER_BUSY ? BUSY_MS : RATE_MS);
}

static void
on_timer(void *arg)
{
	struct log_stream *l = arg;

	if (++l->ticks % TICKS_TO_LOOK == 0 || l->has_changes)
		log_reader_refresh(l->reader);
	step(l);
}

static void
on_drained(struct exchange *x)
{
	step(x->log_stream);
}

static void
close_log(struct exchange *x, unsigned close_code)
{
	/* The response ends by itself unless it follows; if it is cut short, the client must
	 * notice. */
	if (follows(x->log_stream))
		exchange_end(x, NULL);
	else if (close_code != WEBSOCKET_GOING_AWAY)
		exchange_abort(x);
}

static void
free_log(struct exchange *x)
{
	struct log_stream *l = x->log_stream;

	x->proxy->log_viewers_count--;
	if (l->has_changes)
		loop_io_fini(&l->changes);
	loop_timer_fini(&l->timer);
	log_reader_free(l->reader);
	buf_fini(&l->out);
	free(l);
	x->log_stream = NULL;
}

static const struct exchange_part log_part = {
	.on_drained = on_drained,
	.close = close_log,
	.free = free_log,
};

static enum form
choose_form(const struct exchange *x)
{
	if (exchange_accepts_events(x))
		return FORM_EVENTS;
	return exchange_is_for_person(x) ? FORM_TEXT : FORM_NDJSON;
}

static struct log_stream *
log_stream_new(struct exchange *x, const struct log_query *query)
{
	struct proxy *p = x->proxy;
	struct log_stream *l = calloc(1, sizeof(*l));
	const struct log_reader_options options = {
		.ring = p->log_ring,
		.patterns = &p->settings->log_files,
		.follows = choose_form(x) == FORM_EVENTS,
		.window_bytes = LOG_FILES_WINDOW,
	};

	if (l == NULL)
		return NULL;
	l->exchange = x;
	l->form = choose_form(x);
	l->tokens = LOG_STREAM_BYTES_PER_S;
	l->refilled_ms = loop_now_ms(p->loop);
	l->reader = log_reader_new(&options, query);
	buf_init(&l->out, RECORD_MAX);
	if (l->reader == NULL) {
		free(l);
		return NULL;
	}
	loop_timer_init(&l->timer, p->loop, on_timer, l);
	p->log_viewers_count++;
	return l;
}

static void
start(struct exchange *x, struct log_stream *l)
{
	static const char *const types[] = {
		[FORM_NDJSON] = "application/x-ndjson",
		[FORM_TEXT] = "text/plain; charset=utf-8",
		[FORM_EVENTS] = "text/event-stream",
	};

	x->state = EXCHANGE_EVENTS;
	x->log_stream = l;
	x->part = &log_part;
	exchange_watch_session(x);
	reply_stream_head(x, types[l->form]);
	/* Tells a page that has reconnected to discard its lines: it gets the last lines again. */
	if (l->form == FORM_EVENTS) {
		buf_add_str(&l->out, STR("event: begin\ndata: {}\n\n"));
		send_out(l);
	}
	if (x->proxy->draining && follows(l))
		exchange_close(x, WEBSOCKET_GOING_AWAY);
	else
		loop_timer_start(&l->timer, 0);
}

void
log_stream_answer(struct exchange *x)
{
	struct proxy *p = x->proxy;
	struct log_stream *l;
	struct log_query query;
	struct err e = ERR_INIT;

	if (!str_equal(x->request.method, STR("GET")) && !x->request.is_head) {
		reply_wrong_method(x, "GET, HEAD");
		return;
	}
	if (!log_query_parse(&query, x->request.query, &e)) {
		reply_detail(x, 400, e.text);
		return;
	}
	if (x->request.is_head) {
		reply_body(x, 200, "application/x-ndjson", STR_NONE);
		return;
	}
	if (p->log_viewers_count >= LOG_STREAM_VIEWERS_MAX) {
		reply_detail(x, 429,
			     "four viewers are already connected to the log: close one of their "
			     "pages, or try again later");
		return;
	}
	l = p->log_ring == NULL ? NULL : log_stream_new(x, &query);
	if (l == NULL)
		reply_status(x, 500);
	else
		start(x, l);
}
