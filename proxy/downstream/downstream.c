/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepts a browser's connection, reads from it, and drains or closes all of them.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wipe.h"
#include "proxy/downstream/downstream_private.h"
#include "proxy/downstream/http2/http2_connection.h"

#define LINGER_MAX_BYTES  1048576u
#define CLOSABLE_AFTER_MS 1000u /* keeps new connections from closing each other */

/* For clients that send HTTP without TLS to the TLS listener. */
#define HTTP_ON_TLS_RESPONSE                                                                       \
	"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"                  \
	"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 29\r\n"     \
	"Connection: close\r\n\r\nThis port only serves HTTPS.\n"

static void
on_end_of_stream(struct downstream *d)
{
	struct exchange *x = d->stream.exchange;

	d->saw_end = true;
	conn_want_read(&d->conn, false);
	/* The response is being sent; if the client is gone, sending fails. */
	if (d->state == DOWNSTREAM_FLUSH)
		return;
	if (d->state == DOWNSTREAM_TUNNEL && x != NULL && exchange_on_half_close(x))
		return;
	/* After "Connection: close" a client may shut down its side and still wait for the
	 * response. */
	if (x != NULL && d->state == DOWNSTREAM_EXCHANGE && d->body_ended &&
	    x->request.half_close_is_end && !d->stream.is_tls)
		return;
	downstream_close(d);
}

static void
drop_bytes(struct downstream *d, char *scratch, size_t len)
{
	wipe_bytes(scratch, len);
	d->lingered_bytes += len;
	if (d->lingered_bytes > LINGER_MAX_BYTES)
		downstream_close(d);
}

/* Limits how much is read beyond the current body, because it has to be buffered. */
static size_t
read_size(const struct downstream *d)
{
	uint64_t body = d->body_wanted ? http1_body_bytes_left(&d->body) : 0;

	if (d->state == DOWNSTREAM_TUNNEL || d->state == DOWNSTREAM_LINGER ||
	    body > LOOP_SCRATCH_BYTES)
		return LOOP_SCRATCH_BYTES;
	if (!d->body_wanted)
		return DOWNSTREAM_AHEAD_BYTES;
	return body > DOWNSTREAM_READ_BYTES ? (size_t)body : DOWNSTREAM_READ_BYTES;
}

static void
read_round(struct downstream *d)
{
	char *scratch = loop_scratch(d->proxy->loop);
	struct err e = ERR_INIT;
	size_t got = 0;

	for (size_t total = 0; total < CONN_READ_ROUND && d->conn.reading; total += got) {
		struct conn *to = downstream_body_sink(d);
		enum conn_read_result result =
			to != NULL ? conn_splice(&d->conn, to, http1_body_bytes_left(&d->body),
						 &got, &e)
				   : conn_read(&d->conn, scratch, read_size(d), &got, &e);
		if (result == CONN_READ_AGAIN)
			return;
		if (result == CONN_READ_END) {
			on_end_of_stream(d);
			return;
		}
		if (result == CONN_READ_FAILED) {
			log_debug(&d->log, "connection lost", log_err(&e));
			downstream_close(d);
			return;
		}
		if (d->state == DOWNSTREAM_LINGER)
			drop_bytes(d, scratch, got);
		else if (to != NULL)
			downstream_on_spliced(d, got);
		else
			downstream_on_bytes(d, scratch, got);
		if (d->state == DOWNSTREAM_CLOSED || got == 0 || !d->conn.may_hold_bytes ||
		    !downstream_may_read_ahead(d))
			return;
	}
}

static void
on_readable(void *arg)
{
	struct downstream *d = arg;

	if (d->in.len > 0 && downstream_can_continue(d)) {
		struct buf held = d->in;
		buf_init(&d->in, held.max);
		size_t used = downstream_process(d, held.data, held.len);
		buf_wipe_consume(&held, used);
		if (held.len > 0 && d->state != DOWNSTREAM_CLOSED) {
			d->in = held;
			if (used > 0 && downstream_can_continue(d) && conn_is_usable(&d->conn))
				loop_io_poke(&d->conn.io);
		} else {
			buf_wipe_fini(&held);
		}
		downstream_stop_reading_ahead(d);
	}
	if (d->state != DOWNSTREAM_CLOSED && d->conn.state == CONN_OPEN &&
	    downstream_may_read_ahead(d))
		read_round(d);
	if (d->state != DOWNSTREAM_CLOSED && d->stream.exchange != NULL)
		exchange_on_read_done(d->stream.exchange);
}

static void
count_handshake(struct downstream *d)
{
	enum metrics_tls_version version =
		str_starts_with(str_from(tls_session_version(d->conn.tls)), STR("TLSv1.3"))
			? METRICS_TLS_1_3
			: METRICS_TLS_1_2;

	d->proxy->metrics.tls_handshakes[version][tls_session_is_resumed(d->conn.tls)]++;
}

static void
on_open(void *arg)
{
	struct downstream *d = arg;

	count_handshake(d);
	if (tls_session_is_http2(d->conn.tls)) {
		(void)http2_connection_start(d);
		return;
	}
	downstream_change_state(d, DOWNSTREAM_IDLE);
}

static void
on_drained(void *arg)
{
	struct downstream *d = arg;

	if (d->state == DOWNSTREAM_FLUSH) {
		downstream_linger(d);
		return;
	}
	d->unsent_bytes = SIZE_MAX;
	downstream_arm(d);
	if (d->is_half_closed)
		conn_shutdown(&d->conn);
	if (d->state == DOWNSTREAM_IDLE)
		downstream_continue(d);
	else if (d->stream.exchange != NULL)
		exchange_on_drained(d->stream.exchange);
}

static void
on_conn_failed(const struct err *e, void *arg)
{
	struct downstream *d = arg;

	if (d->state == DOWNSTREAM_HANDSHAKE)
		d->proxy->metrics.tls_failures[METRICS_TLS_ERROR]++;
	if (d->state == DOWNSTREAM_HANDSHAKE && e->code == ERR_INPUT)
		conn_send_unencrypted(&d->conn, STR(HTTP_ON_TLS_RESPONSE));
	log_debug(&d->log, "connection failed", log_err(e));
	downstream_close(d);
}

static const struct conn_ops conn_ops = {
	.on_open = on_open,
	.on_readable = on_readable,
	.on_drained = on_drained,
	.on_failed = on_conn_failed,
};

/* Detects dead peers, such as sleeping laptops, within two minutes; the kernel's default is two
 * hours. Unix sockets refuse the options, and do not need them. */
static void
enable_keep_alive_probes(int fd)
{
	static const int on = 1;
	static const int idle_s = 60;
	static const int pause_s = 15;
	static const int probes = 4;

	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &pause_s, sizeof(pause_s));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

/* Counts the connection of the address. False at the limit. Trusted proxies are not counted,
 * because they forward for many clients. */
static bool
count_peer(struct proxy *p, const struct address *peer, struct peer **counted)
{
	uint64_t max = p->settings->connections_per_address_max;
	char ip[ADDRESS_TEXT_MAX];
	bool is_first;

	*counted = NULL;
	if (cidr_contains(&p->settings->trusted_proxies, peer))
		return true;
	if (peers_enter(&p->peers, peer, max, counted, &is_first))
		return true;
	address_format_ip(peer, ip, sizeof(ip));
	if (is_first)
		log_warn(NULL, "connections refused: too many of one address", log_cstr("peer", ip),
			 log_int("connections", (int64_t)max));
	return false;
}

void
downstream_accept(struct proxy *p, int fd, const struct address *peer, struct tls_context *tls)
{
	struct peer *counted;
	struct downstream *d = count_peer(p, peer, &counted) ? calloc(1, sizeof(*d)) : NULL;
	struct err e = ERR_INIT;

	if (d == NULL) {
		peers_leave(&p->peers, counted);
		close(fd);
		return;
	}
	d->proxy = p;
	d->counted = counted;
	d->stream.ops = &downstream_stream_ops;
	d->stream.log = &d->log;
	d->stream.is_tls = tls != NULL;
	address_format_ip(peer, d->peer, sizeof(d->peer));
	d->stream.peer_ip = str_from(d->peer);
	d->log.fields[0] = log_cstr("peer", d->peer);
	buf_init(&d->in,
		 p->limits.head_max_bytes + DOWNSTREAM_HEAD_MAX + 2 * DOWNSTREAM_READ_BYTES);
	conn_init(&d->conn, p->loop, &conn_ops, d);
	enable_keep_alive_probes(fd);
	if (!conn_accept(&d->conn, fd, tls, &e)) {
		log_error(&d->log, "connection can't be served", log_err(&e));
		peers_leave(&p->peers, counted);
		free(d);
		return;
	}
	loop_timer_init(&d->timer, p->loop, downstream_on_timer, d);
	LIST_INSERT_HEAD(&p->downstreams, d, entry);
	p->downstreams_count++;
	d->unsent_bytes = SIZE_MAX;
	d->state = DOWNSTREAM_HANDSHAKE;
	if (tls == NULL)
		downstream_change_state(d, DOWNSTREAM_IDLE);
	downstream_arm(d);
	conn_want_read(&d->conn, true);
}

/* Whether all of the last response was sent, and no request is being served. */
static bool
is_idle(const struct downstream *d)
{
	return !conn_is_blocked(&d->conn) &&
	       (d->state == DOWNSTREAM_IDLE ||
		(d->state == DOWNSTREAM_HTTP2 && http2_connection_is_idle(d->http2)));
}

static bool
waits_without_user(const struct downstream *d)
{
	return !d->stream.has_user &&
	       (d->state == DOWNSTREAM_HANDSHAKE || d->state == DOWNSTREAM_HEAD || is_idle(d)) &&
	       loop_now_ms(d->proxy->loop) - d->waits_since_ms >= CLOSABLE_AFTER_MS;
}

bool
downstream_has_idle(const struct proxy *p)
{
	const struct downstream *d;

	LIST_FOREACH (d, &p->downstreams, entry)
		if (waits_without_user(d))
			return true;
	return false;
}

bool
downstream_close_idle(struct proxy *p)
{
	struct downstream *longest = NULL;
	struct downstream *d;

	LIST_FOREACH (d, &p->downstreams, entry)
		if (waits_without_user(d) &&
		    (longest == NULL || d->waits_since_ms <= longest->waits_since_ms))
			longest = d;
	if (longest == NULL)
		return false;
	p->metrics.connections_evicted++;
	log_debug(&longest->log, "idle connection closed to accept a new one");
	downstream_close(longest);
	return true;
}

/* A new connection usually carries a request, which may have arrived but not been read yet. */
static bool
expects_request(const struct downstream *d)
{
	return d->conn.received_bytes == 0 || conn_has_arrived(&d->conn);
}

void
downstream_drain_all(struct proxy *p)
{
	struct downstream *d;
	struct downstream *next;

	LIST_FOREACH_SAFE (d, &p->downstreams, entry, next) {
		if (d->state == DOWNSTREAM_IDLE && conn_is_blocked(&d->conn))
			downstream_close_when_sent(d);
		else if (d->state == DOWNSTREAM_IDLE && !expects_request(d))
			downstream_close(d);
		else if (d->state == DOWNSTREAM_IDLE)
			downstream_arm(d);
		else if (d->state == DOWNSTREAM_HTTP2)
			http2_connection_drain(d->http2);
		else if (d->stream.exchange != NULL)
			exchange_close(d->stream.exchange, WEBSOCKET_GOING_AWAY);
	}
}

void
downstream_close_all(struct proxy *p)
{
	while (!LIST_EMPTY(&p->downstreams))
		downstream_close(LIST_FIRST(&p->downstreams));
}
