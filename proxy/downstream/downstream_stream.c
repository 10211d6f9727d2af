/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream interface (stream.h) of a browser's HTTP/1.1 connection. Frames the response and
 * decides after its end whether the connection is kept.
 */
#include "proxy/downstream/downstream_private.h"
#include "proxy/http/upgrade.h"

#define OWN_FIELDS_BYTES 192u /* typical size of the status line and the fields that we add */

static struct downstream *
of_stream(struct stream *s)
{
	return (struct downstream *)(void *)((char *)s - offsetof(struct downstream, stream));
}

static void
choose_framing(struct downstream *d, const struct response_head *head)
{
	d->keep_alive = d->request.keep_alive && !d->proxy->is_shutting_down && !d->saw_end &&
			d->body_ended;
	switch (head->body) {
	case BODY_NONE:
		d->response = HTTP1_FRAMING_NONE;
		break;
	case BODY_LENGTH:
		d->response = HTTP1_FRAMING_LENGTH;
		break;
	case BODY_STREAM:
		d->response = d->request.is_http10 ? HTTP1_FRAMING_CLOSE : HTTP1_FRAMING_CHUNKED;
		break;
	}
	/* A tunnel ends with its connection, unless its protocol has close frames. */
	if (head->status == 101 && !str_equal(head->upgrade, UPGRADE_WEBSOCKET))
		d->response = HTTP1_FRAMING_CLOSE;
	if (d->response == HTTP1_FRAMING_CLOSE)
		d->keep_alive = false;
}

static void
write_framing(const struct downstream *d, const struct response_head *head, struct buf *out)
{
	if (head->status == 101) {
		http1_write_upgrade(out, head->upgrade);
		return;
	}
	if (d->response == HTTP1_FRAMING_CHUNKED)
		buf_add_str(out, STR("Transfer-Encoding: chunked\r\n"));
	else if (head->has_length || d->response == HTTP1_FRAMING_LENGTH)
		http1_write_field_u64(out, STR("Content-Length"), head->length);
	if (head->status == 426 && headers_has(&head->headers, HEADER_UPGRADE))
		buf_add_str(out, STR("Connection: Upgrade\r\n"));
	if (!d->keep_alive)
		buf_add_str(out, STR("Connection: close\r\n"));
	else if (d->request.is_http10)
		buf_add_str(out, STR("Connection: keep-alive\r\n"));
}

static void
send_head(struct stream *s, const struct response_head *head)
{
	struct downstream *d = of_stream(s);
	struct buf *out = conn_out(&d->conn);
	bool is_interim = head->status < 200 && head->status != 101;

	if (is_interim && d->request.is_http10)
		return;
	(void)buf_reserve(out, headers_size(&head->headers) + OWN_FIELDS_BYTES);
	http1_write_status_line(out, head->status);
	http1_write_fields(out, &head->headers);
	if (!is_interim) {
		choose_framing(d, head);
		write_framing(d, head, out);
		d->head_sent = true;
	}
	http1_write_end(out);
	if (head->status == 101)
		downstream_change_state(d, DOWNSTREAM_TUNNEL);
	if (head->status == 100 && d->awaits_100) {
		d->awaits_100 = false;
		downstream_arm(d);
	}
	if (is_interim || head->status == 101) {
		conn_flush(&d->conn);
		conn_trim(&d->conn);
	}
}

static void
send_body(struct stream *s, struct str data)
{
	struct downstream *d = of_stream(s);
	char line[HTTP1_CHUNK_LINE_MAX];

	if (data.len == 0)
		return;
	if (d->state == DOWNSTREAM_EXCHANGE && d->response == HTTP1_FRAMING_CHUNKED) {
		conn_queue(&d->conn, (struct str){line, http1_chunk_line(data.len, line)});
		conn_send(&d->conn, data);
		conn_queue(&d->conn, STR("\r\n"));
	} else {
		conn_send(&d->conn, data);
	}
	if (conn_is_blocked(&d->conn))
		downstream_arm(d);
}

/* Pipelined requests are buffered up to this size; more wait in the kernel. A head may be longer.
 */
bool
downstream_may_read_ahead(const struct downstream *d)
{
	return d->in.len < DOWNSTREAM_AHEAD_BYTES / 2 ||
	       (d->state != DOWNSTREAM_EXCHANGE && d->state != DOWNSTREAM_IDLE);
}

void
downstream_continue(struct downstream *d)
{
	bool is_blocked = conn_is_blocked(&d->conn);

	conn_want_read(&d->conn, !is_blocked || downstream_may_read_ahead(d));
	if (!is_blocked && d->in.len > 0 && !d->is_processing && conn_is_usable(&d->conn))
		loop_io_poke(&d->conn.io);
}

static struct conn *
sink(struct stream *s)
{
	struct downstream *d = of_stream(s);
	bool is_as_it_is = d->state == DOWNSTREAM_EXCHANGE && d->head_sent &&
			   d->response == HTTP1_FRAMING_LENGTH;

	return is_as_it_is ? &d->conn : NULL;
}

static void
finish_response(struct downstream *d)
{
	d->stream.exchange = NULL;
	if (!d->keep_alive || d->state == DOWNSTREAM_TUNNEL || d->proxy->draining) {
		downstream_close_when_sent(d);
		return;
	}
	conn_flush(&d->conn);
	if (!conn_is_blocked(&d->conn))
		conn_trim(&d->conn);
	downstream_change_state(d, DOWNSTREAM_IDLE);
	downstream_continue(d);
}

static void
queue_last_chunk(struct downstream *d, const struct headers *trailers)
{
	struct buf *out = conn_out(&d->conn);

	if (trailers == NULL || trailers->count == 0) {
		conn_queue(&d->conn, STR("0\r\n\r\n"));
		return;
	}
	buf_add_str(out, STR("0\r\n"));
	http1_write_fields(out, trailers);
	http1_write_end(out);
}

static void
send_end(struct stream *s, const struct headers *trailers)
{
	struct downstream *d = of_stream(s);

	if (d->state == DOWNSTREAM_EXCHANGE && d->response == HTTP1_FRAMING_CHUNKED)
		queue_last_chunk(d, trailers);
	finish_response(d);
}

static void
half_close(struct stream *s)
{
	struct downstream *d = of_stream(s);

	d->is_half_closed = true;
	if (!conn_is_blocked(&d->conn))
		conn_shutdown(&d->conn);
}

static void
flush(struct stream *s)
{
	struct downstream *d = of_stream(s);

	conn_flush(&d->conn);
	if (conn_is_blocked(&d->conn))
		downstream_arm(d);
}

/* Closes without the last chunk or the rest of the length, and without close_notify, so that the
 * browser notices the failure. */
static void
abort_stream(struct stream *s)
{
	struct downstream *d = of_stream(s);

	d->stream.exchange = NULL;
	conn_flush(&d->conn);
	/* If the body ends with the connection, only a reset shows that it is incomplete. */
	if (d->response == HTTP1_FRAMING_CLOSE)
		conn_reset(&d->conn);
	downstream_close(d);
}

static bool
is_blocked(struct stream *s)
{
	return conn_is_blocked(&of_stream(s)->conn);
}

static void
want_body(struct stream *s, bool wanted)
{
	struct downstream *d = of_stream(s);

	if (d->body_wanted == wanted)
		return;
	d->body_wanted = wanted;
	if (!wanted)
		conn_read_shrink(&d->conn);
	conn_want_read(&d->conn, wanted || (d->body_ended && d->state == DOWNSTREAM_EXCHANGE &&
					    downstream_may_read_ahead(d)));
	if (wanted && d->in.len > 0 && !d->is_processing && conn_is_usable(&d->conn))
		loop_io_poke(&d->conn.io);
	downstream_arm(d);
}

const struct stream_ops downstream_stream_ops = {
	.send_head = send_head,
	.send_body = send_body,
	.sink = sink,
	.send_end = send_end,
	.half_close = half_close,
	.flush = flush,
	.abort = abort_stream,
	.is_blocked = is_blocked,
	.want_body = want_body,
};
