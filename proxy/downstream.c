/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See downstream.h. change_state is the only place where the state changes; it arms the state's
 * deadline.
 */
#include "proxy/downstream.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/stream.h"

#define REQUESTS_PER_WAKE_UP 16
#define READ_ROUNDS_MAX	     4
#define LINGER_MS	     2000u /* for a browser to read an answer that came before its body ended */
#define LINGER_MAX_BYTES     1048576u
#define PEER_SIZE	     64
#define OWN_FIELDS_BYTES     192u  /* the status line and what we add to a head, mostly */
#define ARENA_SPARE_BYTES    8192u /* for what an exchange makes besides the head */

enum downstream_state {
	DOWNSTREAM_HANDSHAKE,
	DOWNSTREAM_IDLE,     /* between requests */
	DOWNSTREAM_HEAD,     /* some bytes of a request head are here */
	DOWNSTREAM_EXCHANGE, /* a request is being served */
	DOWNSTREAM_TUNNEL,
	DOWNSTREAM_FLUSH,  /* nothing follows but what is queued */
	DOWNSTREAM_LINGER, /* our side is shut; what still comes is dropped */
	DOWNSTREAM_CLOSED,
};

struct downstream {
	struct reap_entry reap;
	struct stream stream;
	struct proxy *proxy;
	struct downstream *next;
	struct downstream **link;
	struct conn conn;
	struct loop_timer timer;
	enum downstream_state state;
	struct buf in; /* received, not used yet */
	struct http1_scan scan;
	struct http1_body body;		  /* of the request */
	struct http1_persistence request; /* what the current request said of the connection */
	enum http1_framing response;	  /* how the current response is framed */
	bool body_wanted;
	bool body_ended;
	bool head_sent;
	bool keep_alive;
	bool is_processing; /* process is on the stack: it goes on by itself */
	bool saw_end;	    /* the browser sends nothing more */
	uint64_t lingered_bytes;
	size_t unsent_bytes; /* when the deadline for sending was last looked at */
	struct log_context log;
	char peer[PEER_SIZE];
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

static const bool may_follow[][DOWNSTREAM_CLOSED + 1] = {
	[DOWNSTREAM_HANDSHAKE] = {[DOWNSTREAM_IDLE] = true},
	[DOWNSTREAM_IDLE] = {[DOWNSTREAM_HEAD] = true, [DOWNSTREAM_EXCHANGE] = true},
	[DOWNSTREAM_HEAD] = {[DOWNSTREAM_EXCHANGE] = true},
	[DOWNSTREAM_EXCHANGE] = {[DOWNSTREAM_IDLE] = true,
				 [DOWNSTREAM_TUNNEL] = true,
				 [DOWNSTREAM_FLUSH] = true,
				 [DOWNSTREAM_LINGER] = true},
	[DOWNSTREAM_TUNNEL] = {[DOWNSTREAM_FLUSH] = true, [DOWNSTREAM_LINGER] = true},
	[DOWNSTREAM_FLUSH] = {[DOWNSTREAM_LINGER] = true},
	[DOWNSTREAM_LINGER] = {false},
	[DOWNSTREAM_CLOSED] = {false},
};

/* In an exchange the deadline depends on who is waited for: nobody, while the upstream is (it has
 * its own). */
static void
arm(struct downstream *d)
{
	const struct settings *settings = d->proxy->settings;
	uint64_t delay_ms = 0;

	switch (d->state) {
	case DOWNSTREAM_HANDSHAKE:
		delay_ms = settings->handshake_timeout_ms;
		break;
	case DOWNSTREAM_IDLE:
		delay_ms = conn_is_blocked(&d->conn) ? settings->send_timeout_ms
						     : settings->idle_timeout_ms;
		break;
	case DOWNSTREAM_HEAD:
		delay_ms = settings->head_timeout_ms;
		break;
	case DOWNSTREAM_EXCHANGE:
	case DOWNSTREAM_TUNNEL:
		if (conn_is_blocked(&d->conn))
			delay_ms = settings->send_timeout_ms;
		else if (d->state == DOWNSTREAM_EXCHANGE && d->body_wanted)
			delay_ms = settings->body_timeout_ms;
		break;
	case DOWNSTREAM_FLUSH:
		delay_ms = settings->send_timeout_ms;
		break;
	case DOWNSTREAM_LINGER:
		delay_ms = LINGER_MS;
		break;
	case DOWNSTREAM_CLOSED:
		break;
	}
	if (delay_ms > 0)
		loop_timer_start(&d->timer, delay_ms);
	else
		loop_timer_stop(&d->timer);
}

static void
change_state(struct downstream *d, enum downstream_state state)
{
	err_assert(may_follow[d->state][state]);
	d->state = state;
	arm(d);
}

static void
free_downstream(struct reap_entry *entry)
{
	struct downstream *d = (struct downstream *)(void *)entry; /* its first member */

	buf_fini(&d->in);
	free(d);
}

/* From any state, once. */
static void
close_now(struct downstream *d)
{
	struct proxy *p = d->proxy;

	if (d->state == DOWNSTREAM_CLOSED)
		return;
	d->state = DOWNSTREAM_CLOSED;
	if (d->stream.exchange != NULL)
		exchange_on_lost(d->stream.exchange);
	conn_close(&d->conn);
	loop_timer_fini(&d->timer);
	*d->link = d->next;
	if (d->next != NULL)
		d->next->link = d->link;
	p->downstreams_count--;
	reap_later(&p->reaper, &d->reap, free_downstream);
	if (p->on_capacity != NULL)
		p->on_capacity(p->on_capacity_arg);
}

/* Closes so that what was sent can still be read: our side first, then what comes is dropped for a
 * while. */
static void
linger(struct downstream *d)
{
	conn_shutdown(&d->conn);
	if (d->saw_end || !conn_is_usable(&d->conn)) {
		close_now(d);
		return;
	}
	buf_fini(&d->in);
	change_state(d, DOWNSTREAM_LINGER);
	conn_want_read(&d->conn, true);
}

static void
close_when_sent(struct downstream *d)
{
	conn_flush(&d->conn);
	if (conn_is_blocked(&d->conn))
		change_state(d, DOWNSTREAM_FLUSH);
	else
		linger(d);
}

/* What the stream offers to the exchange */

static struct downstream *
of_stream(struct stream *s)
{
	return (struct downstream *)(void *)((char *)s - offsetof(struct downstream, stream));
}

static const struct downstream *
of_const_stream(const struct stream *s)
{
	return (const struct downstream *)(const void *)((const char *)s -
							 offsetof(struct downstream, stream));
}

static void
choose_framing(struct downstream *d, const struct response_head *head)
{
	d->keep_alive =
		d->request.keep_alive && !d->proxy->draining && !d->saw_end && d->body_ended;
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
	if (d->response == HTTP1_FRAMING_CLOSE)
		d->keep_alive = false;
}

static void
write_framing(const struct downstream *d, const struct response_head *head, struct buf *out)
{
	if (head->status == 101) {
		buf_add_str(out, STR("Connection: Upgrade\r\nUpgrade: websocket\r\n"));
		return;
	}
	if (d->response == HTTP1_FRAMING_CHUNKED)
		buf_add_str(out, STR("Transfer-Encoding: chunked\r\n"));
	else if (head->has_length || d->response == HTTP1_FRAMING_LENGTH)
		http1_write_field_u64(out, STR("Content-Length"), head->length);
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
	for (size_t i = 0; i < head->headers.count; i++)
		http1_write_field(out, head->headers.items[i].name, head->headers.items[i].value);
	if (!is_interim) {
		choose_framing(d, head);
		write_framing(d, head, out);
		d->head_sent = true;
	}
	http1_write_end(out);
	if (head->status == 101)
		change_state(d, DOWNSTREAM_TUNNEL);
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
		arm(d);
}

/* Pipelined bytes wait in the kernel once one buffer of them is here. A head may be longer. */
static bool
may_read_ahead(const struct downstream *d)
{
	return d->in.len < LOOP_SCRATCH_BYTES / 2 ||
	       (d->state != DOWNSTREAM_EXCHANGE && d->state != DOWNSTREAM_IDLE);
}

/* With the next request, once the answers before it have left. */
static void
go_on(struct downstream *d)
{
	bool is_blocked = conn_is_blocked(&d->conn);

	conn_want_read(&d->conn, !is_blocked || may_read_ahead(d));
	if (!is_blocked && d->in.len > 0 && !d->is_processing && conn_is_usable(&d->conn))
		loop_io_poke(&d->conn.io);
}

static void
finish_response(struct downstream *d)
{
	d->stream.exchange = NULL;
	if (!d->keep_alive || d->state == DOWNSTREAM_TUNNEL || d->proxy->draining) {
		close_when_sent(d);
		return;
	}
	conn_flush(&d->conn);
	if (!conn_is_blocked(&d->conn))
		conn_trim(&d->conn);
	change_state(d, DOWNSTREAM_IDLE);
	go_on(d);
}

static void
send_end(struct stream *s)
{
	struct downstream *d = of_stream(s);

	if (d->state == DOWNSTREAM_EXCHANGE && d->response == HTTP1_FRAMING_CHUNKED)
		conn_queue(&d->conn, STR("0\r\n\r\n"));
	finish_response(d);
}

static void
flush(struct stream *s)
{
	struct downstream *d = of_stream(s);

	conn_flush(&d->conn);
	if (conn_is_blocked(&d->conn))
		arm(d);
}

/* Without the last chunk or the rest of the length, and without an orderly TLS end: the browser
 * sees a failure. */
static void
abort_stream(struct stream *s)
{
	struct downstream *d = of_stream(s);

	d->stream.exchange = NULL;
	conn_flush(&d->conn);
	/* Where the end of the connection is the end of the body, only a reset tells them apart. */
	if (d->response == HTTP1_FRAMING_CLOSE)
		conn_reset(&d->conn);
	close_now(d);
}

static bool
is_blocked(const struct stream *s)
{
	return conn_is_blocked(&of_const_stream(s)->conn);
}

static void
want_body(struct stream *s, bool wanted)
{
	struct downstream *d = of_stream(s);

	if (d->body_wanted == wanted)
		return;
	d->body_wanted = wanted;
	conn_want_read(&d->conn, wanted || (d->body_ended && d->state == DOWNSTREAM_EXCHANGE &&
					    may_read_ahead(d)));
	if (wanted && d->in.len > 0 && !d->is_processing && conn_is_usable(&d->conn))
		loop_io_poke(&d->conn.io);
	arm(d);
}

static const struct stream_ops stream_ops = {
	.send_head = send_head,
	.send_body = send_body,
	.send_end = send_end,
	.flush = flush,
	.abort = abort_stream,
	.is_blocked = is_blocked,
	.want_body = want_body,
};

/* From bytes to exchanges */

/* What can't be understood is answered without an exchange: there is no request to speak of. */
static void
refuse(struct downstream *d, unsigned status, const struct err *e)
{
	struct buf *out = conn_out(&d->conn);

	log_info(&d->log, "request refused", log_int("status", status), log_err(e));
	http1_write_status_line(out, status);
	http1_write_field(out, STR("Date"), str_from(proxy_date(d->proxy)));
	buf_add_str(out, STR("Content-Length: 0\r\nConnection: close\r\n\r\n"));
	if (d->state != DOWNSTREAM_EXCHANGE)
		change_state(d, DOWNSTREAM_EXCHANGE);
	close_when_sent(d);
}

static void
begin_exchange(struct downstream *d, const struct request_head *request, struct arena *arena)
{
	struct err e = ERR_INIT;

	http1_body_init(&d->body, d->request.framing, request->length);
	d->body_ended = request->body == BODY_NONE;
	d->body_wanted = false;
	d->head_sent = d->keep_alive = false;
	d->scan = (struct http1_scan){0};
	change_state(d, DOWNSTREAM_EXCHANGE);
	/* After a whole request, reading goes on to see the browser leave. */
	conn_want_read(&d->conn, d->body_ended);
	if (exchange_start(d->proxy, &d->stream, arena, request) == NULL) {
		err_set(&e, ERR_MEMORY, "no memory for a request");
		refuse(d, 500, &e);
	}
}

/* Returns the bytes used, 0 when the head is not whole. */
static size_t
take_head(struct downstream *d, struct str data)
{
	struct proxy *p = d->proxy;
	struct request_head request;
	struct arena arena;
	struct err e = ERR_INIT;
	unsigned status;

	switch (http1_scan_head(&d->scan, data, &p->limits, &status)) {
	case HTTP1_MORE:
		if (d->state == DOWNSTREAM_IDLE)
			change_state(d, DOWNSTREAM_HEAD);
		return 0;
	case HTTP1_BAD:
		err_set(&e, ERR_INPUT, "the request head is malformed or too large");
		refuse(d, status, &e);
		return 0;
	case HTTP1_WHOLE:
		break;
	}
	size_t used = d->scan.at;
	arena_init(&arena, 4 * used + d->scan.lines * sizeof(struct header) + ARENA_SPARE_BYTES);
	char *head = arena_dup(&arena, str_take(data, used));
	if (head == NULL)
		status = (unsigned)err_set(&e, ERR_MEMORY, "no memory for a request head") + 500;
	if (head == NULL || !http1_parse_request((struct str){head, used}, &d->scan, &request,
						 &d->request, &arena, &status, &e)) {
		arena_fini(&arena);
		refuse(d, status, &e);
		return 0;
	}
	begin_exchange(d, &request, &arena);
	return used;
}

static size_t
take_body(struct downstream *d, char *data, size_t len)
{
	struct err e = ERR_INIT;
	size_t consumed;
	size_t produced;
	enum http1_found found = http1_body_decode(&d->body, data, len, &consumed, &produced);

	if (found == HTTP1_BAD) {
		err_set(&e, ERR_INPUT, "the request body's chunks are malformed");
		struct exchange *x = d->stream.exchange;
		bool head_sent = d->head_sent;
		d->stream.exchange = NULL;
		exchange_on_lost(x);
		if (head_sent)
			close_now(d);
		else
			refuse(d, 400, &e);
		return 0;
	}
	arm(d);
	/* Before the last bytes are told: an answer to them may keep the connection. */
	d->body_ended = found == HTTP1_WHOLE;
	if (produced > 0)
		exchange_on_body(d->stream.exchange, (struct str){data, produced});
	if (found == HTTP1_WHOLE && d->stream.exchange != NULL) {
		d->body_wanted = false;
		arm(d);
		exchange_on_body_end(d->stream.exchange);
	}
	return consumed;
}

/* One step; returns how many bytes it used, 0 to wait. */
static size_t
take(struct downstream *d, char *data, size_t len)
{
	switch (d->state) {
	case DOWNSTREAM_IDLE:
		/* Answers that nobody reads must not pile up. */
		if (conn_is_blocked(&d->conn))
			return 0;
		return take_head(d, (struct str){data, len});
	case DOWNSTREAM_HEAD:
		return take_head(d, (struct str){data, len});
	case DOWNSTREAM_EXCHANGE:
		return d->body_wanted && !d->body_ended ? take_body(d, data, len) : 0;
	case DOWNSTREAM_TUNNEL:
		if (!d->body_wanted)
			return 0;
		exchange_on_body(d->stream.exchange, (struct str){data, len});
		return len;
	case DOWNSTREAM_LINGER:
	case DOWNSTREAM_FLUSH:
		return len;
	case DOWNSTREAM_HANDSHAKE:
	case DOWNSTREAM_CLOSED:
		break;
	}
	return 0;
}

static size_t
process(struct downstream *d, char *data, size_t len)
{
	size_t at = 0;

	d->is_processing = true;
	for (int i = 0; at < len; i++) {
		size_t used = i < 4 * REQUESTS_PER_WAKE_UP ? take(d, data + at, len - at) : 0;
		if (used == 0)
			break;
		at += used;
	}
	d->is_processing = false;
	return at;
}

/* Whether process could go on with what is held. */
static bool
can_go_on(const struct downstream *d)
{
	return (d->state == DOWNSTREAM_IDLE && !conn_is_blocked(&d->conn)) ||
	       ((d->state == DOWNSTREAM_EXCHANGE || d->state == DOWNSTREAM_TUNNEL) &&
		d->body_wanted);
}

static void
stop_reading_ahead(struct downstream *d)
{
	if (!may_read_ahead(d) && !can_go_on(d))
		conn_want_read(&d->conn, false);
}

/* Bytes in scratch or, with what was held before, in the buffer. What is left over is held. */
static void
on_bytes(struct downstream *d, char *scratch, size_t len)
{
	struct err e = ERR_INIT;
	struct buf held = d->in;
	char *data = scratch;

	buf_init(&d->in, held.max);
	if (held.len > 0) {
		if (!buf_add(&held, scratch, len)) {
			err_set(&e, ERR_LIMIT, "more was sent ahead than may wait");
			log_info(&d->log, "connection cut", log_err(&e));
			buf_fini(&held);
			close_now(d);
			return;
		}
		data = held.data;
		len = held.len;
	}
	size_t used = process(d, data, len);
	if (used == 0 && held.len > 0 && d->state != DOWNSTREAM_CLOSED) {
		d->in = held;
	} else {
		if (used < len && !buf_add(&d->in, data + used, len - used))
			close_now(d);
		buf_fini(&held);
	}
	stop_reading_ahead(d);
	if (used > 0 && d->in.len > 0 && can_go_on(d) && conn_is_usable(&d->conn))
		loop_io_poke(&d->conn.io);
}

static void
on_end_of_stream(struct downstream *d)
{
	struct exchange *x = d->stream.exchange;

	d->saw_end = true;
	conn_want_read(&d->conn, false);
	/* The answer is on its way; one that is gone makes the sending fail. */
	if (d->state == DOWNSTREAM_FLUSH)
		return;
	/* A client that said "close" may shut its side and still wait for the answer. */
	if (x != NULL && d->state == DOWNSTREAM_EXCHANGE && d->body_ended &&
	    x->request.half_close_is_end && !d->stream.is_tls)
		return;
	close_now(d);
}

static void
drop_bytes(struct downstream *d, size_t len)
{
	d->lingered_bytes += len;
	if (d->lingered_bytes > LINGER_MAX_BYTES)
		close_now(d);
}

static void
read_rounds(struct downstream *d)
{
	char *scratch = loop_scratch(d->proxy->loop);
	struct err e = ERR_INIT;

	for (int round = 0; round < READ_ROUNDS_MAX && d->conn.reading; round++) {
		size_t got;
		enum conn_read_result result =
			conn_read(&d->conn, scratch, LOOP_SCRATCH_BYTES, &got, &e);
		if (result == CONN_READ_AGAIN)
			return;
		if (result == CONN_READ_END) {
			on_end_of_stream(d);
			return;
		}
		if (result == CONN_READ_FAILED) {
			log_debug(&d->log, "connection lost", log_err(&e));
			close_now(d);
			return;
		}
		if (d->state == DOWNSTREAM_LINGER)
			drop_bytes(d, got);
		else
			on_bytes(d, scratch, got);
		if (d->state == DOWNSTREAM_CLOSED || !d->conn.may_hold_bytes || !may_read_ahead(d))
			return;
	}
}

static void
on_readable(void *arg)
{
	struct downstream *d = arg;

	if (d->in.len > 0 && can_go_on(d)) {
		struct buf held = d->in;
		buf_init(&d->in, held.max);
		size_t used = process(d, held.data, held.len);
		buf_consume(&held, used);
		if (held.len > 0 && d->state != DOWNSTREAM_CLOSED) {
			d->in = held;
			if (used > 0 && can_go_on(d) && conn_is_usable(&d->conn))
				loop_io_poke(&d->conn.io);
		} else {
			buf_fini(&held);
		}
		stop_reading_ahead(d);
	}
	if (d->state != DOWNSTREAM_CLOSED && d->conn.state == CONN_OPEN && may_read_ahead(d))
		read_rounds(d);
	if (d->state != DOWNSTREAM_CLOSED && d->stream.exchange != NULL)
		exchange_on_round(d->stream.exchange);
}

static void
on_open(void *arg)
{
	struct downstream *d = arg;

	change_state(d, DOWNSTREAM_IDLE);
	if (d->proxy->draining)
		close_now(d);
}

static void
on_drained(void *arg)
{
	struct downstream *d = arg;

	if (d->state == DOWNSTREAM_FLUSH) {
		linger(d);
		return;
	}
	d->unsent_bytes = SIZE_MAX;
	arm(d);
	if (d->state == DOWNSTREAM_IDLE)
		go_on(d);
	else if (d->stream.exchange != NULL)
		exchange_on_drained(d->stream.exchange);
}

static void
on_conn_failed(const struct err *e, void *arg)
{
	struct downstream *d = arg;

	log_debug(&d->log, "connection failed", log_err(e));
	close_now(d);
}

/* The kernel holds megabytes, and says that there is room again only when much of it has gone: a
 * slow browser takes something all the same. */
static bool
has_taken_some(struct downstream *d)
{
	size_t unsent = conn_count_unsent(&d->conn);
	bool has_taken = unsent < d->unsent_bytes;

	d->unsent_bytes = unsent;
	return has_taken;
}

/* A deadline in an exchange passes when the browser takes nothing or sends nothing of its body. */
static void
on_timer(void *arg)
{
	struct downstream *d = arg;
	struct err e = ERR_INIT;
	struct exchange *x = d->stream.exchange;

	if (d->state != DOWNSTREAM_HANDSHAKE && conn_is_blocked(&d->conn) && has_taken_some(d)) {
		arm(d);
		return;
	}
	err_set(&e, ERR_TIMEOUT, "the request did not arrive in time");
	if (d->state == DOWNSTREAM_HEAD) {
		refuse(d, 408, &e);
	} else if (d->state == DOWNSTREAM_EXCHANGE && x != NULL && !d->head_sent &&
		   !conn_is_blocked(&d->conn)) {
		d->stream.exchange = NULL;
		exchange_on_lost(x);
		refuse(d, 408, &e);
	} else {
		close_now(d);
	}
}

/* Dead peers (a laptop that sleeps) are found within about two minutes. */
static void
keep_alive_probes(int fd)
{
	int on = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

void
downstream_accept(struct proxy *p, int fd, const struct address *peer, struct tls_context *tls)
{
	struct downstream *d = calloc(1, sizeof(*d));
	struct err e = ERR_INIT;

	if (d == NULL) {
		close(fd);
		return;
	}
	d->proxy = p;
	d->stream.ops = &stream_ops;
	d->stream.log = &d->log;
	d->stream.is_tls = tls != NULL;
	address_format_ip(peer, d->peer, sizeof(d->peer));
	d->stream.peer_ip = str_from(d->peer);
	d->log.fields[0] = log_cstr("peer", d->peer);
	buf_init(&d->in, p->limits.head_max_bytes + 2 * LOOP_SCRATCH_BYTES);
	conn_init(&d->conn, p->loop, &conn_ops, d);
	keep_alive_probes(fd);
	if (!conn_accept(&d->conn, fd, tls, &e)) {
		log_error(&d->log, "connection can't be served", log_err(&e));
		free(d);
		return;
	}
	loop_timer_init(&d->timer, p->loop, on_timer, d);
	d->next = p->downstreams;
	d->link = &p->downstreams;
	if (d->next != NULL)
		d->next->link = &d->next;
	p->downstreams = d;
	p->downstreams_count++;
	d->unsent_bytes = SIZE_MAX;
	d->state = DOWNSTREAM_HANDSHAKE;
	if (tls == NULL)
		change_state(d, DOWNSTREAM_IDLE);
	arm(d);
	conn_want_read(&d->conn, true);
}

void
downstream_drain_all(struct proxy *p)
{
	struct downstream *next;

	for (struct downstream *d = p->downstreams; d != NULL; d = next) {
		next = d->next;
		if (d->state == DOWNSTREAM_IDLE || d->state == DOWNSTREAM_HANDSHAKE)
			close_now(d);
		else if (d->stream.exchange != NULL)
			exchange_close(d->stream.exchange, WEBSOCKET_GOING_AWAY);
	}
}

void
downstream_close_all(struct proxy *p)
{
	while (p->downstreams != NULL)
		close_now(p->downstreams);
}
