/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receives responses: turns bytes into heads, bodies and a tunnel's data, and reports them to the
 * user of the connection. A malformed response fails the exchange; unexpected bytes end the
 * connection.
 */
#include "proxy/http/trailers.h"
#include "proxy/upstream/upstream_private.h"

#define IDLE_MARGIN_MS	 1000u /* before the server's announced timeout */
#define KEEP_ALIVE_MAX_S 86400u

/* Discards the trailers if there is no memory for them, as RFC 9110 section 6.5.1 allows. */
static void
end_response(struct upstream_conn *c)
{
	struct arena *arena = &c->upstream->arena;
	struct headers trailers = {.count = 0};

	c->state = UPSTREAM_COMPLETE;
	if (c->trailers.len > 0 &&
	    !(buf_is_ok(&c->trailers) &&
	      trailers_parse(buf_view(&c->trailers), c->body.trailers_count, &trailers, arena)))
		trailers.count = 0;
	c->handler->on_end(&trailers, c->arg);
	if (c->trailers.len > 0) {
		buf_fini(&c->trailers);
		arena_reset(arena);
	}
}

/* Finds the idle timeout in seconds of "Keep-Alive: timeout=5, max=100". */
static bool
find_keep_alive_timeout(const struct headers *h, uint64_t *seconds)
{
	static const struct str name = {"timeout=", 8};
	struct str value;
	struct str part;

	if (headers_find(h, HEADER_KEEP_ALIVE, &value) == 0)
		return false;
	while (str_next(&value, ',', &part)) {
		part = str_trim(part);
		if (str_equal_nocase(str_take(part, name.len), name) &&
		    str_to_u64(str_skip(part, name.len), 0, KEEP_ALIVE_MAX_S, seconds))
			return true;
	}
	return false;
}

static void
read_keep_alive(struct upstream_conn *c, const struct headers *h)
{
	uint64_t seconds;

	c->is_announced = find_keep_alive_timeout(h, &seconds);
	if (!c->is_announced)
		return;
	c->announced_ms = seconds * 1000 - (seconds > 1 ? IDLE_MARGIN_MS : seconds * 500);
	c->keep_alive = c->keep_alive && seconds > 0;
}

/* Whether the server has probably read the whole request body: otherwise it may take the rest for
 * the next request. Servers often send errors without reading the body. */
static bool
has_read_body(const struct upstream_conn *c, const struct response_head *head)
{
	return !c->has_body ||
	       (!c->closes && c->request_ended && !conn_is_blocked(&c->conn) && head->status < 400);
}

/* A server may respond with another status than 101, and still expect the new protocol. */
static bool
may_have_switched(const struct upstream_conn *c)
{
	return c->check.upgrade.len > 0 && !c->check.is_websocket;
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
		c->keep_alive = p->keep_alive && has_read_body(c, head) && !may_have_switched(c);
		read_keep_alive(c, &head->headers);
		http1_body_init(&c->body, p->framing, head->length);
		/* Connection may name trailers, too: then all are discarded. */
		if (c->accepts_trailers && !headers_nominate_fields(&head->headers))
			c->body.trailers = &c->trailers;
	} else if (head->status == 100) {
		c->awaits_100 = false;
	}
}

/* Checks the chunks that arrived with the head: if they are malformed, the client gets 502 instead
 * of a truncated response. */
static bool
check_first_chunks(const struct response_head *head, const struct http1_persistence *persistence,
		   struct str data, struct err *e)
{
	struct http1_body body;

	http1_body_init(&body, persistence->framing, head->length);
	return http1_body_is_well_formed(body, data) ||
	       err_set(e, ERR_PROTOCOL, "the response body's chunks are malformed");
}

/* The rest of a request's body would become the first bytes in the tunnel. */
static bool
check_request_ended(const struct upstream_conn *c, const struct response_head *head, struct err *e)
{
	return head->status != 101 || c->request_ended ||
	       err_set(e, ERR_PROTOCOL, "status 101 before the end of the request");
}

/* Calls on_head if the head is complete. Returns the number of bytes consumed; 0 if more are needed
 * or the exchange failed. */
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
		upstream_fail_with(c, UPSTREAM_BAD_ANSWER, ERR_PROTOCOL,
				   "the response head is malformed or too large");
		return 0;
	}
	size_t used = c->scan.at;
	if (!http1_parse_response(str_take(data, used), &c->scan, c->is_to_head, &head,
				  &persistence, &u->arena, &e) ||
	    !response_check_head(&c->check, &head, &e) || !check_request_ended(c, &head, &e) ||
	    !check_first_chunks(&head, &persistence, str_skip(data, used), &e)) {
		arena_reset(&u->arena);
		upstream_fail(c, UPSTREAM_BAD_ANSWER, &e);
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
	size_t consumed;
	size_t produced;
	enum http1_found found = http1_body_decode(&c->body, data, len, &consumed, &produced);

	if (found == HTTP1_BAD) {
		upstream_fail_with(c, UPSTREAM_BROKEN, ERR_PROTOCOL,
				   "the response body's chunks are malformed");
		return 0;
	}
	if (produced > 0)
		c->handler->on_body((struct str){data, produced}, c->arg);
	if (found == HTTP1_COMPLETE && c->state == UPSTREAM_BODY)
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
	case UPSTREAM_COMPLETE:
	case UPSTREAM_CLOSED:
		break;
	}
	return 0;
}

/* Returns the number of bytes consumed; the rest is an incomplete head, or unexpected. */
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

/* After unexpected bytes the connection is not reused. */
static void
on_surplus(struct upstream_conn *c)
{
	c->keep_alive = false;
	if (c->state == UPSTREAM_IDLE)
		upstream_fail_with(c, UPSTREAM_STALE, ERR_PROTOCOL, "bytes on an idle connection");
}

static void
fail_without_memory(struct upstream_conn *c)
{
	upstream_fail_with(c, UPSTREAM_BAD_ANSWER, ERR_MEMORY, "out of memory for a response head");
}

/* Processes received bytes, after those of an incomplete head in c->in. Keeps the start of a head
 * that is still incomplete there. */
static void
on_bytes(struct upstream_conn *c, char *scratch, size_t len)
{
	struct buf held = c->in;
	char *data = scratch;

	buf_init(&c->in, held.max);
	if (held.len > 0) {
		if (!buf_add(&held, scratch, len)) {
			fail_without_memory(c);
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
	if (used < len && c->state == UPSTREAM_HEAD && !buf_add(&c->in, data + used, len - used))
		fail_without_memory(c);
	if (used < len && (c->state == UPSTREAM_COMPLETE || c->state == UPSTREAM_IDLE))
		on_surplus(c);
	buf_fini(&held);
}

/* Handles an unexpected end of the connection. After a complete response it is no failure: many
 * servers close TLS without close_notify. */
static void
on_broken_off(struct upstream_conn *c, const struct err *e)
{
	if (c->state == UPSTREAM_COMPLETE) {
		c->keep_alive = false;
		conn_want_read(&c->conn, false);
		return;
	}
	if (c->state == UPSTREAM_IDLE)
		upstream_note_idle_end(c);
	upstream_fail_as_broken(c, e);
}

static void
on_end_of_stream(struct upstream_conn *c)
{
	struct err e = ERR_INIT;

	if (c->state == UPSTREAM_TUNNEL && !c->check.is_websocket) {
		c->has_ended = true;
		conn_want_read(&c->conn, false);
		c->handler->on_half_close(c->arg);
		return;
	}
	if (c->state == UPSTREAM_TUNNEL ||
	    (c->state == UPSTREAM_BODY && http1_body_may_end(&c->body))) {
		c->keep_alive = false;
		conn_want_read(&c->conn, false);
		end_response(c);
		return;
	}
	err_set(&e, ERR_CONNECT, "the upstream closed the connection");
	on_broken_off(c, &e);
}

/* Returns the connection to which the rest of a large plain body can be spliced, or NULL. */
static struct conn *
sink_of(const struct upstream_conn *c)
{
	if (c->state != UPSTREAM_BODY || http1_body_bytes_left(&c->body) < CONN_SPLICE_MIN)
		return NULL;
	struct conn *to = c->handler->sink(c->arg);
	return to != NULL && conn_can_splice(&c->conn, to) ? to : NULL;
}

static void
on_spliced(struct upstream_conn *c, size_t len)
{
	http1_body_consume(&c->body, len);
	c->handler->on_spliced(len, c->arg);
	if (c->state == UPSTREAM_BODY && http1_body_is_done(&c->body))
		end_response(c);
}

static enum conn_read_result
read_once(struct upstream_conn *c, size_t *got, struct err *e)
{
	char *scratch = loop_scratch(c->upstream->loop);
	struct conn *to = sink_of(c);
	enum conn_read_result result =
		to != NULL ? conn_splice(&c->conn, to, http1_body_bytes_left(&c->body), got, e)
			   : conn_read(&c->conn, scratch, c->read_limit, got, e);

	if (result == CONN_READ_SOME && to != NULL)
		on_spliced(c, *got);
	else if (result == CONN_READ_SOME)
		on_bytes(c, scratch, *got);
	return result;
}

void
upstream_read(struct upstream_conn *c, size_t enough)
{
	struct err e = ERR_INIT;
	size_t got = 0;

	for (size_t total = 0; total < enough && total < c->read_limit && c->conn.reading;
	     total += got) {
		enum conn_read_result result = read_once(c, &got, &e);
		if (result == CONN_READ_AGAIN)
			break;
		if (result == CONN_READ_END)
			on_end_of_stream(c);
		else if (result == CONN_READ_FAILED)
			on_broken_off(c, &e);
		if (deferred_free_is_due(&c->deferred_free) || result != CONN_READ_SOME ||
		    got == 0 || !c->conn.may_hold_bytes)
			break;
	}
}
