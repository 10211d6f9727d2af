/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See upstream.h. One connection's states: connecting or pooled, awaiting a head, in a body,
 * tunnelling, whole. A connection that was given up is freed after the current callback, so that
 * loops here may look at it.
 */
#include "proxy/upstream.h"

#include <stdlib.h>

#include "proxy/conn.h"
#include "proxy/probe.h"

#define READ_ROUNDS_MAX		4    /* reads per wake-up, for fairness among connections */
#define RECENT_MS		1000 /* servers keep idle connections for longer than this */
#define EARLY_ANSWER_ROUNDS_MAX 16

enum upstream_state {
	UPSTREAM_IDLE,	/* in the pool, or on the way out */
	UPSTREAM_BEGUN, /* connecting, or the request is being written */
	UPSTREAM_HEAD,	/* waiting for a response head */
	UPSTREAM_BODY,
	UPSTREAM_TUNNEL,
	UPSTREAM_WHOLE, /* the response has ended */
	UPSTREAM_GONE,	/* failed or closed */
};

struct upstream_conn {
	struct reap_entry reap;
	struct upstream *upstream;
	struct upstream_conn *next; /* in the pool */
	struct conn conn;
	struct loop_timer timer;
	const struct upstream_handler *handler; /* NULL: nobody uses it */
	void *arg;
	enum upstream_state state;
	struct buf in; /* an incomplete response head */
	struct http1_scan scan;
	struct http1_body body;
	uint64_t idle_since_ms;
	bool is_reused;
	bool has_received; /* a byte of this response */
	bool is_to_head;
	bool asks_upgrade;
	bool sends_chunks;
	bool request_ended;
	bool keep_alive;
};

struct upstream {
	struct loop *loop;
	struct reaper *reaper;
	struct upstream_options options;
	struct arena arena; /* header lists of the response head that is being told */
	struct upstream_conn *idle;
	size_t idle_count;
	struct probe probe;
};

static void on_open(void *arg);
static void on_readable(void *arg);
static void on_drained(void *arg);
static void on_conn_failed(const struct err *e, void *arg);
static void on_timer(void *arg);

static const struct conn_ops conn_ops = {
	.on_open = on_open,
	.on_readable = on_readable,
	.on_drained = on_drained,
	.on_failed = on_conn_failed,
};

struct upstream *
upstream_new(struct loop *l, struct reaper *reaper, const struct upstream_options *options,
	     struct err *e)
{
	struct upstream *u = calloc(1, sizeof(*u));

	if (u == NULL) {
		err_set(e, ERR_MEMORY, "no memory for the upstream");
		return NULL;
	}
	u->loop = l;
	u->reaper = reaper;
	u->options = *options;
	arena_init(&u->arena, (options->limits.headers_max + 16) * sizeof(struct header) + 4096);
	probe_init(&u->probe, l, &u->options.address);
	return u;
}

static void
free_conn(struct reap_entry *entry)
{
	struct upstream_conn *c = (struct upstream_conn *)(void *)entry; /* its first member */

	buf_fini(&c->in);
	free(c);
}

/* Closes now, frees when the stack is gone. */
static void
discard(struct upstream_conn *c)
{
	if (reap_is_due(&c->reap))
		return;
	c->state = UPSTREAM_GONE;
	c->handler = NULL;
	conn_close(&c->conn);
	loop_timer_fini(&c->timer);
	reap_later(c->upstream->reaper, &c->reap, free_conn);
}

static void
remove_idle(struct upstream_conn *c)
{
	struct upstream_conn **link = &c->upstream->idle;

	while (*link != NULL && *link != c)
		link = &(*link)->next;
	if (*link == c) {
		*link = c->next;
		c->upstream->idle_count--;
	}
}

void
upstream_free(struct upstream *u)
{
	if (u == NULL)
		return;
	while (u->idle != NULL) {
		struct upstream_conn *c = u->idle;
		remove_idle(c);
		discard(c);
	}
	probe_fini(&u->probe);
	arena_fini(&u->arena);
	free(u);
}

static struct upstream_conn *
connect_new(struct upstream *u, struct err *e)
{
	struct upstream_conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		err_set(e, ERR_MEMORY, "no memory for an upstream connection");
		return NULL;
	}
	c->upstream = u;
	conn_init(&c->conn, u->loop, &conn_ops, c);
	buf_init(&c->in, u->options.limits.head_max_bytes + LOOP_SCRATCH_BYTES);
	loop_timer_init(&c->timer, u->loop, on_timer, c);
	if (!conn_connect(&c->conn, &u->options.address, e)) {
		u->probe.is_ready = false;
		discard(c);
		return NULL;
	}
	if (c->conn.state == CONN_OPEN)
		u->probe.is_ready = true;
	loop_timer_start(&c->timer, u->options.connect_timeout_ms);
	return c;
}

static struct upstream_conn *
pick_idle(const struct upstream *u, enum upstream_wish wish)
{
	struct upstream_conn *c = u->idle;

	if (c == NULL || wish == UPSTREAM_FRESH)
		return NULL;
	if (wish == UPSTREAM_RECENT && loop_now_ms(u->loop) - c->idle_since_ms > RECENT_MS)
		return NULL;
	return c;
}

struct upstream_conn *
upstream_acquire(struct upstream *u, enum upstream_wish wish,
		 const struct upstream_handler *handler, void *arg, struct err *e)
{
	struct upstream_conn *c = pick_idle(u, wish);

	if (c != NULL) {
		remove_idle(c);
		c->is_reused = true;
	} else {
		c = connect_new(u, e);
		if (c == NULL)
			return NULL;
	}
	c->handler = handler;
	c->arg = arg;
	c->state = UPSTREAM_BEGUN;
	c->has_received = c->request_ended = c->keep_alive = false;
	c->scan = (struct http1_scan){0};
	return c;
}

static bool
can_be_reused(const struct upstream_conn *c)
{
	return c->state == UPSTREAM_WHOLE && c->request_ended && c->keep_alive &&
	       conn_is_usable(&c->conn) && !conn_is_blocked(&c->conn) && c->in.len == 0 &&
	       c->upstream->idle_count < c->upstream->options.idle_max;
}

void
upstream_release(struct upstream_conn *c)
{
	struct upstream *u = c->upstream;

	if (!can_be_reused(c)) {
		discard(c);
		return;
	}
	c->handler = NULL;
	c->state = UPSTREAM_IDLE;
	c->next = u->idle;
	u->idle = c;
	u->idle_count++;
	conn_want_read(&c->conn, true);
	conn_trim(&c->conn);
	c->idle_since_ms = loop_now_ms(u->loop);
	loop_timer_start(&c->timer, u->options.idle_timeout_ms);
}

struct buf *
upstream_begin(struct upstream_conn *c, const struct request_head *r, bool asks_upgrade)
{
	c->is_to_head = r->is_head;
	c->asks_upgrade = asks_upgrade;
	c->sends_chunks = r->body == BODY_STREAM;
	c->state = UPSTREAM_HEAD;
	conn_want_read(&c->conn, true);
	upstream_touch(c);
	return conn_out(&c->conn);
}

void
upstream_touch(struct upstream_conn *c)
{
	const struct upstream_options *options = &c->upstream->options;

	if (c->conn.state == CONN_CONNECTING)
		return;
	loop_timer_start(&c->timer, c->state == UPSTREAM_HEAD ? options->response_timeout_ms
							      : options->stream_timeout_ms);
}

void
upstream_send_body(struct upstream_conn *c, struct str data)
{
	char line[HTTP1_CHUNK_LINE_MAX];

	if (data.len == 0)
		return;
	if (c->sends_chunks && c->state != UPSTREAM_TUNNEL) {
		conn_queue(&c->conn, (struct str){line, http1_chunk_line(data.len, line)});
		conn_send(&c->conn, data);
		conn_queue(&c->conn, STR("\r\n"));
	} else {
		conn_send(&c->conn, data);
	}
	upstream_touch(c);
}

struct conn *
upstream_sink(struct upstream_conn *c)
{
	bool in_request = c->state == UPSTREAM_HEAD || c->state == UPSTREAM_BODY;

	return in_request && !c->sends_chunks ? &c->conn : NULL;
}

void
upstream_send_end(struct upstream_conn *c)
{
	if (c->sends_chunks)
		conn_queue(&c->conn, STR("0\r\n\r\n"));
	c->request_ended = true;
}

void
upstream_flush(struct upstream_conn *c)
{
	conn_flush(&c->conn);
}

bool
upstream_is_blocked(const struct upstream_conn *c)
{
	return conn_is_blocked(&c->conn);
}

void
upstream_want_read(struct upstream_conn *c, bool wanted)
{
	conn_want_read(&c->conn, wanted);
	if (wanted)
		upstream_touch(c);
}

static void
fail(struct upstream_conn *c, enum upstream_failure failure, const struct err *e)
{
	const struct upstream_handler *handler = c->handler;
	void *arg = c->arg;

	if (handler == NULL)
		remove_idle(c);
	if (handler == NULL || c->state == UPSTREAM_GONE) {
		discard(c);
		return;
	}
	c->state = UPSTREAM_GONE;
	conn_want_read(&c->conn, false);
	handler->on_failed(failure, e, arg);
}

/* Something ended the connection: what that means depends on how far the exchange came. */
static void
fail_as_broken(struct upstream_conn *c, const struct err *e)
{
	if (c->state == UPSTREAM_BODY || c->state == UPSTREAM_TUNNEL)
		fail(c, UPSTREAM_BROKEN, e);
	else if (c->is_reused && !c->has_received)
		fail(c, UPSTREAM_STALE, e);
	else
		fail(c, UPSTREAM_BAD_ANSWER, e);
}

static void
end_response(struct upstream_conn *c)
{
	c->state = UPSTREAM_WHOLE;
	c->handler->on_end(c->arg);
}

static bool
check_status(const struct upstream_conn *c, const struct response_head *head, struct err *e)
{
	if (head->status != 101)
		return true;
	if (!c->asks_upgrade || !head->upgrades)
		return err_set(e, ERR_PROTOCOL, "status 101 that nobody asked for");
	return true;
}

static void
begin_body(struct upstream_conn *c, const struct response_head *head,
	   const struct http1_persistence *p)
{
	c->scan = (struct http1_scan){0};
	if (head->status == 101) {
		c->state = UPSTREAM_TUNNEL;
		conn_trim(&c->conn);
	} else if (head->status >= 200) {
		c->state = UPSTREAM_BODY;
		c->keep_alive = p->keep_alive;
		http1_body_init(&c->body, p->framing, head->length);
	}
}

/* Tells a head when it is whole. Returns the bytes that it used; 0 when more are needed or it
 * failed. */
static size_t
take_head(struct upstream_conn *c, struct str data)
{
	struct upstream *u = c->upstream;
	struct http1_persistence persistence;
	struct response_head head;
	struct err e = ERR_INIT;
	unsigned unused;
	enum http1_found found = http1_scan_head(&c->scan, data, &u->options.limits, &unused);

	c->has_received = true;
	if (found == HTTP1_MORE)
		return 0;
	if (found == HTTP1_BAD) {
		err_set(&e, ERR_PROTOCOL, "the response head is malformed or too large");
		fail(c, UPSTREAM_BAD_ANSWER, &e);
		return 0;
	}
	size_t used = c->scan.at;
	if (!http1_parse_response(str_take(data, used), &c->scan, c->is_to_head, &head,
				  &persistence, &u->arena, &e) ||
	    !check_status(c, &head, &e)) {
		arena_reset(&u->arena);
		fail(c, UPSTREAM_BAD_ANSWER, &e);
		return 0;
	}
	begin_body(c, &head, &persistence);
	upstream_touch(c);
	c->handler->on_head(&head, c->arg);
	arena_reset(&u->arena);
	if (c->state == UPSTREAM_BODY && http1_body_is_done(&c->body))
		end_response(c);
	return used;
}

static size_t
take_body(struct upstream_conn *c, char *data, size_t len)
{
	struct err e = ERR_INIT;
	size_t consumed;
	size_t produced;
	enum http1_found found = http1_body_decode(&c->body, data, len, &consumed, &produced);

	if (found == HTTP1_BAD) {
		err_set(&e, ERR_PROTOCOL, "the response body's chunks are malformed");
		fail(c, UPSTREAM_BROKEN, &e);
		return 0;
	}
	if (produced > 0)
		c->handler->on_body((struct str){data, produced}, c->arg);
	if (found == HTTP1_WHOLE && c->state == UPSTREAM_BODY)
		end_response(c);
	return consumed;
}

static size_t
take(struct upstream_conn *c, char *data, size_t len)
{
	switch (c->state) {
	case UPSTREAM_HEAD:
		return take_head(c, (struct str){data, len});
	case UPSTREAM_BODY:
		return take_body(c, data, len);
	case UPSTREAM_TUNNEL:
		c->handler->on_body((struct str){data, len}, c->arg);
		return len;
	case UPSTREAM_IDLE:
	case UPSTREAM_BEGUN:
	case UPSTREAM_WHOLE:
	case UPSTREAM_GONE:
		break;
	}
	return 0;
}

/* Returns how many bytes were used; the rest is an incomplete head, or nobody's. */
static size_t
process(struct upstream_conn *c, char *data, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t used = take(c, data + at, len - at);
		if (used == 0)
			break;
		at += used;
	}
	return at;
}

/* Bytes that nobody waits for: the connection can't be trusted any more. */
static void
on_surplus(struct upstream_conn *c)
{
	struct err e = ERR_INIT;

	c->keep_alive = false;
	if (c->state == UPSTREAM_IDLE) {
		err_set(&e, ERR_PROTOCOL, "bytes on an idle connection");
		fail(c, UPSTREAM_STALE, &e);
	}
}

/* Joins what was held of an incomplete head with what came; leaves in what is still incomplete. */
static void
on_bytes(struct upstream_conn *c, char *scratch, size_t len)
{
	struct buf held = c->in;
	char *data = scratch;

	buf_init(&c->in, held.max);
	if (held.len > 0) {
		if (!buf_add(&held, scratch, len)) {
			struct err e = ERR_INIT;
			err_set(&e, ERR_MEMORY, "no memory for a response head");
			fail(c, UPSTREAM_BAD_ANSWER, &e);
			buf_fini(&held);
			return;
		}
		data = held.data;
		len = held.len;
	}
	size_t used = process(c, data, len);
	if (used == 0 && c->state == UPSTREAM_HEAD && held.len > 0) {
		c->in = held;
		return;
	}
	if (used < len && c->state == UPSTREAM_HEAD && !buf_add(&c->in, data + used, len - used)) {
		struct err e = ERR_INIT;
		err_set(&e, ERR_MEMORY, "no memory for a response head");
		fail(c, UPSTREAM_BAD_ANSWER, &e);
	}
	if (used < len && (c->state == UPSTREAM_WHOLE || c->state == UPSTREAM_IDLE))
		on_surplus(c);
	buf_fini(&held);
}

static void
on_end_of_stream(struct upstream_conn *c)
{
	struct err e = ERR_INIT;

	if (c->state == UPSTREAM_TUNNEL ||
	    (c->state == UPSTREAM_BODY && http1_body_may_end(&c->body))) {
		c->keep_alive = false;
		conn_want_read(&c->conn, false);
		end_response(c);
		return;
	}
	if (c->state == UPSTREAM_WHOLE) {
		c->keep_alive = false;
		conn_want_read(&c->conn, false);
		return;
	}
	err_set(&e, ERR_CONNECT, "the upstream closed the connection");
	fail_as_broken(c, &e);
}

/* Where the rest of a large plain body can go without a copy, or NULL. */
static struct conn *
sink_of(const struct upstream_conn *c)
{
	if (c->state != UPSTREAM_BODY || http1_body_plain(&c->body) < CONN_MOVE_MIN)
		return NULL;
	struct conn *to = c->handler->sink(c->arg);
	return to != NULL && conn_can_move(&c->conn, to) ? to : NULL;
}

static void
on_moved(struct upstream_conn *c, size_t len)
{
	http1_body_pass(&c->body, len);
	c->handler->on_moved(len, c->arg);
	if (c->state == UPSTREAM_BODY && http1_body_is_done(&c->body))
		end_response(c);
}

static enum conn_read_result
read_once(struct upstream_conn *c, struct err *e)
{
	char *scratch = loop_scratch(c->upstream->loop);
	struct conn *to = sink_of(c);
	size_t got;
	enum conn_read_result result =
		to != NULL ? conn_move(&c->conn, to, http1_body_plain(&c->body), &got, e)
			   : conn_read(&c->conn, scratch, LOOP_SCRATCH_BYTES, &got, e);

	if (result == CONN_READ_SOME && to != NULL)
		on_moved(c, got);
	else if (result == CONN_READ_SOME)
		on_bytes(c, scratch, got);
	return result;
}

/* Reads a few times, as long as there is something and the exchange goes on. */
static void
read_rounds(struct upstream_conn *c, int rounds)
{
	struct err e = ERR_INIT;

	while (rounds-- > 0 && c->conn.reading) {
		enum conn_read_result result = read_once(c, &e);
		if (result == CONN_READ_AGAIN)
			break;
		if (result == CONN_READ_END)
			on_end_of_stream(c);
		else if (result == CONN_READ_FAILED)
			fail_as_broken(c, &e);
		if (reap_is_due(&c->reap) || result != CONN_READ_SOME || !c->conn.may_hold_bytes)
			break;
	}
}

static void
on_readable(void *arg)
{
	struct upstream_conn *c = arg;

	read_rounds(c, READ_ROUNDS_MAX);
	if (c->handler == NULL || c->state == UPSTREAM_GONE)
		return;
	if (c->conn.reading)
		upstream_touch(c);
	c->handler->on_round(c->arg);
}

static void
on_open(void *arg)
{
	struct upstream_conn *c = arg;

	c->upstream->probe.is_ready = true;
	upstream_touch(c);
	if (c->handler != NULL)
		c->handler->on_drained(c->arg);
}

static void
on_drained(void *arg)
{
	struct upstream_conn *c = arg;

	if (c->handler == NULL)
		return;
	upstream_touch(c);
	c->handler->on_drained(c->arg);
}

static void
on_conn_failed(const struct err *e, void *arg)
{
	struct upstream_conn *c = arg;

	if (c->conn.sent_bytes == 0 && c->conn.received_bytes == 0) {
		c->upstream->probe.is_ready = false;
		fail(c, UPSTREAM_UNREACHABLE, e);
		return;
	}
	/* It may have answered before it closed on the rest of the request. */
	if (c->handler != NULL && c->state == UPSTREAM_HEAD) {
		c->request_ended = false;
		read_rounds(c, EARLY_ANSWER_ROUNDS_MAX);
	}
	if (c->state == UPSTREAM_WHOLE && c->handler != NULL)
		c->handler->on_round(c->arg);
	else if (!reap_is_due(&c->reap) && c->state != UPSTREAM_GONE)
		fail_as_broken(c, e);
}

static void
on_timer(void *arg)
{
	struct upstream_conn *c = arg;
	struct err e = ERR_INIT;

	if (c->state == UPSTREAM_IDLE) {
		remove_idle(c);
		discard(c);
		return;
	}
	if (c->conn.state == CONN_CONNECTING) {
		err_set(&e, ERR_TIMEOUT, "connect: timed out");
		c->upstream->probe.is_ready = false;
		fail(c, UPSTREAM_UNREACHABLE, &e);
		return;
	}
	/* Held back by a slow browser, whose own deadline runs. */
	if (!c->conn.reading) {
		upstream_touch(c);
		return;
	}
	err_set(&e, ERR_TIMEOUT, "nothing moved for too long");
	if (c->state == UPSTREAM_BODY || c->state == UPSTREAM_TUNNEL)
		fail(c, UPSTREAM_BROKEN, &e);
	else
		fail(c, UPSTREAM_TIMEOUT, &e);
}

bool
upstream_is_ready(const struct upstream *u)
{
	return u->probe.is_ready;
}

void
upstream_probe(struct upstream *u)
{
	probe_ask(&u->probe);
}
