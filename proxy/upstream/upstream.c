/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens connections, sends requests, and handles the events of connections.
 */
#include "proxy/upstream/upstream.h"

#include <stdlib.h>

#include "proxy/upstream/upstream_private.h"

#define RELIABLE_MS	   100	    /* servers keep idle connections for longer than this */
#define EARLY_ANSWER_BYTES 1048576u /* to read of a response after a send error */
#define SHORT_BODY_BYTES   16384u   /* bodies up to this size are sent together with the head */

void
upstream_free(struct upstream *u)
{
	if (u == NULL)
		return;
	upstream_discard_idle(u);
	upstream_name_free(u->name);
	probe_fini(&u->probe);
	arena_fini(&u->arena);
	free(u);
}

/* Uses new addresses for new connections; open connections are kept. */
static void
on_named(const struct address *addresses, size_t count, void *arg)
{
	struct upstream *u = arg;
	size_t size = count * sizeof(*addresses);

	if (count == u->options.addresses_count &&
	    (count == 0 || memcmp(u->options.addresses, addresses, size) == 0))
		return;
	if (count > 0)
		memcpy(u->options.addresses, addresses, size);
	u->options.addresses_count = count;
	probe_restart(&u->probe, count);
	upstream_discard_idle(u);
	probe_ask(&u->probe);
}

struct upstream *
upstream_new(struct loop *l, struct deferred_free_queue *deferred_frees,
	     const struct upstream_options *options, struct err *e)
{
	struct upstream *u = err_alloc(e, sizeof(*u), "out of memory for the upstream");

	if (u == NULL)
		return NULL;
	u->loop = l;
	u->deferred_frees = deferred_frees;
	u->options = *options;
	arena_init(&u->arena, (options->limits.headers_max + 16) * sizeof(struct header) + 4096);
	u->reliable_ms = RELIABLE_MS;
	probe_init(&u->probe, l, u->options.addresses, u->options.addresses_count, u->options.tls);
	if (options->name.host == NULL)
		return u;
	u->name = upstream_name_new(l, &options->name, on_named, u, e);
	if (u->name == NULL) {
		upstream_free(u);
		return NULL;
	}
	return u;
}

static void
hurry_name(struct upstream *u)
{
	if (u->name != NULL && !u->probe.is_ready)
		upstream_name_hurry(u->name);
}

/* Tries the next address if connecting fails immediately, as it does on loopback. */
static bool
connect_somewhere(struct upstream_conn *c, struct err *e)
{
	struct upstream *u = c->upstream;

	hurry_name(u);
	if (u->options.addresses_count == 0)
		return err_set(e, ERR_CONNECT, "%s: the name is not resolved",
			       u->options.name.host);
	for (size_t i = 0; i < u->options.addresses_count; i++) {
		c->address_index = probe_choose(&u->probe);
		if (conn_connect(&c->conn, &u->options.addresses[c->address_index], u->options.tls,
				 e))
			return true;
		probe_note(&u->probe, c->address_index, false);
	}
	return false;
}

static bool
can_be_reused(const struct upstream_conn *c)
{
	const size_t *idles_count = c->upstream->options.idles_count;

	return c->state == UPSTREAM_COMPLETE && c->request_ended && c->keep_alive &&
	       conn_is_usable(&c->conn) && !conn_is_blocked(&c->conn) && c->in.len == 0 &&
	       c->upstream->idle_count < UPSTREAM_IDLE_MAX &&
	       (idles_count == NULL || *idles_count < UPSTREAM_IDLES_MAX);
}

void
upstream_release(struct upstream_conn *c)
{
	struct upstream *u = c->upstream;

	u->in_use_count--;
	if (!can_be_reused(c)) {
		upstream_discard(c);
		return;
	}
	upstream_put_idle(c);
}

struct buf *
upstream_begin(struct upstream_conn *c, const struct request_head *r)
{
	c->is_to_head = r->is_head;
	c->has_body = c->is_head_open = r->body != BODY_NONE;
	c->has_stray_body = request_has_stray_body(r);
	c->body_length = r->body == BODY_LENGTH ? r->length : UINT64_MAX;
	c->awaits_100 = headers_has(&r->headers, HEADER_EXPECT);
	c->waits_for_body = c->body_length <= SHORT_BODY_BYTES && !c->awaits_100;
	c->closes = false;
	response_check_init(&c->check, r);
	c->accepts_trailers = r->accepts_trailers;
	c->sends_chunks = r->body == BODY_STREAM;
	c->state = UPSTREAM_HEAD;
	conn_want_read(&c->conn, true);
	upstream_touch(c);
	return conn_out(&c->conn);
}

/* Whether the body could be parsed as a request. If the application does not read the body, some
 * servers take it for the next request, with identity headers that the client has written, although
 * RFC 9112 section 9.3 requires them to read the body or close. A body without line breaks can't be
 * a request. */
static bool
may_be_request(const struct upstream_conn *c, struct str data)
{
	return data.len < c->body_length || data.len > SHORT_BODY_BYTES ||
	       str_find_byte(data, '\n') != SIZE_MAX || str_find_byte(data, '\r') != SIZE_MAX;
}

/* Writes the end of the request head. data: the first piece of the body. */
static void
finish_head(struct upstream_conn *c, struct str data)
{
	struct buf *out = conn_out(&c->conn);

	if (!c->is_head_open)
		return;
	c->is_head_open = false;
	c->closes = c->has_stray_body || may_be_request(c, data) || c->check.upgrade.len > 0;
	if (c->check.upgrade.len > 0)
		http1_write_upgrade(out, c->check.upgrade);
	else if (c->closes || c->accepts_trailers)
		http1_write_field(out, STR("Connection"),
				  !c->accepts_trailers ? STR("close")
				  : c->closes	       ? STR("close, TE")
						       : STR("TE"));
	http1_write_end(out);
}

void
upstream_send_body(struct upstream_conn *c, struct str data)
{
	char line[HTTP1_CHUNK_LINE_MAX];

	if (data.len == 0)
		return;
	finish_head(c, data);
	if (c->sends_chunks && c->state != UPSTREAM_TUNNEL) {
		conn_queue(&c->conn, (struct str){line, http1_chunk_line(data.len, line)});
		conn_send(&c->conn, data);
		conn_queue(&c->conn, STR("\r\n"));
	} else {
		conn_send(&c->conn, data);
	}
	upstream_on_spliced(c);
}

void
upstream_on_spliced(struct upstream_conn *c)
{
	c->awaits_100 = false;
	upstream_touch(c);
}

struct conn *
upstream_sink(struct upstream_conn *c)
{
	bool in_request = c->state == UPSTREAM_HEAD || c->state == UPSTREAM_BODY;

	return in_request && !c->is_head_open && !c->sends_chunks ? &c->conn : NULL;
}

void
upstream_send_end(struct upstream_conn *c)
{
	finish_head(c, STR_NONE);
	if (c->sends_chunks)
		conn_queue(&c->conn, STR("0\r\n\r\n"));
	c->request_ended = true;
	upstream_touch(c);
}

void
upstream_half_close(struct upstream_conn *c)
{
	c->is_half_closed = true;
	if (!conn_is_blocked(&c->conn))
		conn_shutdown(&c->conn);
}

void
upstream_flush(struct upstream_conn *c)
{
	if (c->is_head_open && c->waits_for_body)
		return;
	finish_head(c, STR_NONE);
	conn_flush(&c->conn);
}

bool
upstream_wants_body(const struct upstream_conn *c)
{
	return !conn_is_blocked(&c->conn) || (c->is_head_open && c->waits_for_body);
}

bool
upstream_is_blocked(const struct upstream_conn *c)
{
	return conn_is_blocked(&c->conn);
}

void
upstream_want_read(struct upstream_conn *c, bool wanted)
{
	conn_want_read(&c->conn, wanted && !c->has_ended);
	if (wanted)
		upstream_touch(c);
	else
		conn_read_shrink(&c->conn);
}

void
upstream_limit_reads(struct upstream_conn *c, size_t bytes_max)
{
	c->read_limit = bytes_max;
}

static void
on_readable(void *arg)
{
	struct upstream_conn *c = arg;

	upstream_read(c, CONN_READ_ROUND);
	if (c->handler == NULL || c->state == UPSTREAM_CLOSED)
		return;
	if (c->conn.reading && c->state != UPSTREAM_HEAD) /* a head has one deadline */
		upstream_touch(c);
	c->handler->on_read_done(c->arg);
}

static void
on_open(void *arg)
{
	struct upstream_conn *c = arg;

	probe_note(&c->upstream->probe, c->address_index, true);
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
	if (c->is_half_closed)
		conn_shutdown(&c->conn);
	c->handler->on_drained(c->arg);
}

static void
on_conn_failed(const struct err *e, void *arg)
{
	struct upstream_conn *c = arg;

	if (c->conn.sent_bytes == 0 && c->conn.received_bytes == 0) {
		probe_note(&c->upstream->probe, c->address_index, false);
		upstream_fail(c, c->conn.tls != NULL ? UPSTREAM_NO_TLS : UPSTREAM_UNREACHABLE, e);
		return;
	}
	/* The server may have responded before it closed without reading the whole request. */
	if (c->handler != NULL && c->state == UPSTREAM_HEAD) {
		c->request_ended = false;
		upstream_read(c, EARLY_ANSWER_BYTES);
	}
	if (c->state == UPSTREAM_COMPLETE && c->handler != NULL)
		c->handler->on_read_done(c->arg);
	else if (!deferred_free_is_due(&c->deferred_free) && c->state != UPSTREAM_CLOSED)
		upstream_fail_as_broken(c, e);
}

static const struct conn_ops conn_ops = {
	.on_open = on_open,
	.on_readable = on_readable,
	.on_drained = on_drained,
	.on_failed = on_conn_failed,
};

static struct upstream_conn *
connect_new(struct upstream *u, struct err *e)
{
	struct upstream_conn *c =
		err_alloc(e, sizeof(*c), "out of memory for an upstream connection");

	if (c == NULL)
		return NULL;
	u->connects++;
	c->upstream = u;
	conn_init(&c->conn, u->loop, &conn_ops, c);
	buf_init(&c->in, u->options.limits.head_max_bytes + LOOP_SCRATCH_BYTES);
	buf_init(&c->trailers, HTTP1_TRAILERS_MAX + 4 * HTTP1_TRAILERS_COUNT_MAX);
	loop_timer_init(&c->timer, u->loop, upstream_on_timer, c);
	if (!connect_somewhere(c, e)) {
		upstream_discard(c);
		return NULL;
	}
	loop_timer_start(&c->timer, u->options.connect_timeout_ms);
	return c;
}

struct upstream_conn *
upstream_acquire(struct upstream *u, enum upstream_freshness freshness,
		 const struct upstream_handler *handler, void *arg, struct err *e)
{
	struct upstream_conn *c = upstream_take_idle(u, freshness);

	if (c != NULL) {
		conn_read_reset(&c->conn);
		c->is_reused = true;
	} else {
		c = connect_new(u, e);
		if (c == NULL)
			return NULL;
	}
	u->in_use_count++;
	c->handler = handler;
	c->arg = arg;
	c->read_limit = LOOP_SCRATCH_BYTES;
	c->state = UPSTREAM_BEGUN;
	c->has_received = c->request_ended = c->keep_alive = c->is_head_open = false;
	c->is_half_closed = c->has_ended = false;
	c->scan = (struct http1_scan){0};
	return c;
}

struct upstream_figures
upstream_figures(const struct upstream *u)
{
	return (struct upstream_figures){
		.idle = u->idle_count,
		.in_use = u->in_use_count,
		.connects = u->connects,
		.changed_ms = u->probe.changed_ms,
		.first_ready_ms = u->probe.first_ready_ms,
	};
}

bool
upstream_is_ready(const struct upstream *u)
{
	return u->probe.is_ready;
}

void
upstream_probe(struct upstream *u)
{
	hurry_name(u);
	probe_ask(&u->probe);
}
