/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The states of a browser's connection, and its end. downstream_change_state is the only place
 * where the state changes; it starts the state's deadline. One timer is for that, for the minimum
 * rates, and to detect a browser that disconnects while reading its body is paused.
 */
#include <stdlib.h>

#include "proxy/downstream/downstream_private.h"
#include "proxy/downstream/http2/http2_connection.h"
#include "proxy/downstream/refusal.h"

#define LARGE_HEADS_MAX 16u   /* concurrently; bounds the memory of heads over the limit */
#define LINGER_MS	2000u /* for a browser to read a response sent before its body ended */
#define LOOK_FOR_END_MS 500u  /* interval of checks for a disconnect while reading is paused */

static const bool may_follow[][DOWNSTREAM_CLOSED + 1] = {
	[DOWNSTREAM_HANDSHAKE] = {[DOWNSTREAM_IDLE] = true, [DOWNSTREAM_HTTP2] = true},
	[DOWNSTREAM_IDLE] = {[DOWNSTREAM_HEAD] = true,
			     [DOWNSTREAM_EXCHANGE] = true,
			     [DOWNSTREAM_HTTP2] = true,
			     [DOWNSTREAM_FLUSH] = true},
	[DOWNSTREAM_HEAD] = {[DOWNSTREAM_EXCHANGE] = true, [DOWNSTREAM_HTTP2] = true},
	[DOWNSTREAM_EXCHANGE] = {[DOWNSTREAM_IDLE] = true,
				 [DOWNSTREAM_TUNNEL] = true,
				 [DOWNSTREAM_FLUSH] = true,
				 [DOWNSTREAM_LINGER] = true},
	[DOWNSTREAM_TUNNEL] = {[DOWNSTREAM_FLUSH] = true, [DOWNSTREAM_LINGER] = true},
	[DOWNSTREAM_HTTP2] = {[DOWNSTREAM_FLUSH] = true, [DOWNSTREAM_LINGER] = true},
	[DOWNSTREAM_FLUSH] = {[DOWNSTREAM_LINGER] = true},
	[DOWNSTREAM_LINGER] = {false},
	[DOWNSTREAM_CLOSED] = {false},
};

/* Whether reading the body or tunnel is paused, so that a disconnect is not noticed by reading. */
static bool
is_held_back(const struct downstream *d)
{
	bool may_send = d->state == DOWNSTREAM_TUNNEL ||
			(d->state == DOWNSTREAM_EXCHANGE && !d->body_ended);

	return may_send && !d->body_wanted && !d->saw_end && !conn_is_blocked(&d->conn);
}

static bool
waits_for_body(const struct downstream *d)
{
	return d->state == DOWNSTREAM_EXCHANGE && d->body_wanted && !d->awaits_100 &&
	       !conn_is_blocked(&d->conn);
}

/* In an exchange the deadline depends on which side is waited for. 0: none, because the upstream
 * has its own. */
static uint64_t
deadline_ms(const struct downstream *d)
{
	const struct settings *settings = d->proxy->settings;

	switch (d->state) {
	case DOWNSTREAM_HANDSHAKE:
		return settings->handshake_timeout_ms;
	case DOWNSTREAM_IDLE:
		if (d->proxy->draining)
			return DOWNSTREAM_LAST_REQUEST_MS;
		return conn_is_blocked(&d->conn) ? settings->send_timeout_ms
						 : settings->idle_timeout_ms;
	case DOWNSTREAM_HEAD:
		return settings->head_timeout_ms;
	case DOWNSTREAM_EXCHANGE:
	case DOWNSTREAM_TUNNEL:
		if (conn_is_blocked(&d->conn))
			return settings->send_timeout_ms;
		if (waits_for_body(d))
			return settings->body_timeout_ms;
		return is_held_back(d) ? LOOK_FOR_END_MS : 0;
	case DOWNSTREAM_FLUSH:
		return settings->send_timeout_ms;
	case DOWNSTREAM_LINGER:
		return LINGER_MS;
	case DOWNSTREAM_HTTP2: /* has a timer of its own */
	case DOWNSTREAM_CLOSED:
		break;
	}
	return 0;
}

static struct rate_limit
rate_limit(const struct downstream *d, uint64_t bytes_per_s)
{
	return (struct rate_limit){bytes_per_s, d->proxy->settings->min_rate_period_ms};
}

static bool
waits_for_sending(const struct downstream *d)
{
	return conn_is_blocked(&d->conn) && d->state != DOWNSTREAM_HANDSHAKE &&
	       d->state != DOWNSTREAM_TUNNEL && d->state != DOWNSTREAM_HTTP2;
}

/* Starts the timer for the deadline or, if it is earlier, the end of a period of a minimum rate. */
static void
start_timer(struct downstream *d)
{
	const struct settings *settings = d->proxy->settings;
	struct rate_limit body = rate_limit(d, settings->body_min_rate);
	struct rate_limit sending = rate_limit(d, settings->send_min_rate);
	uint64_t now_ms = loop_now_ms(d->proxy->loop);
	uint64_t delay_ms = deadline_ms(d);
	uint64_t waited_ms = now_ms - d->waits_since_ms;

	if (delay_ms == 0) {
		loop_timer_stop(&d->timer);
		return;
	}
	delay_ms = waited_ms < delay_ms ? delay_ms - waited_ms : 0;
	uint64_t left_ms = rate_left_ms(&d->body_rate, &body, now_ms);
	delay_ms = left_ms < delay_ms ? left_ms : delay_ms;
	left_ms = rate_left_ms(&d->send_rate, &sending, now_ms);
	loop_timer_start(&d->timer, left_ms < delay_ms ? left_ms : delay_ms);
}

void
downstream_arm(struct downstream *d)
{
	uint64_t now_ms = loop_now_ms(d->proxy->loop);

	d->waits_since_ms = now_ms;
	rate_wait(&d->body_rate, now_ms, waits_for_body(d));
	rate_wait(&d->send_rate, now_ms, waits_for_sending(d));
	start_timer(d);
}

bool
downstream_has_taken_some(struct downstream *d)
{
	size_t unsent = conn_count_unsent(&d->conn);
	bool has_taken = unsent < d->unsent_bytes;

	d->unsent_bytes = unsent;
	return has_taken;
}

/* Bytes that TLS or the kernel still buffer do not count. */
uint64_t
downstream_count_taken(const struct downstream *d)
{
	uint64_t on_the_way = conn_count_unsent(&d->conn) - d->conn.out.len;

	return d->conn.sent_bytes > on_the_way ? d->conn.sent_bytes - on_the_way : 0;
}

void
downstream_change_state(struct downstream *d, enum downstream_state state)
{
	err_assert(may_follow[d->state][state]);
	d->state = state;
	downstream_arm(d);
}

void
downstream_release_large_head(struct downstream *d)
{
	d->proxy->large_heads_count -= d->has_large_head;
	d->has_large_head = false;
}

bool
downstream_may_take_large_head(struct downstream *d)
{
	struct proxy *p = d->proxy;

	if (d->has_large_head)
		return true;
	d->has_large_head = p->large_heads_count < LARGE_HEADS_MAX;
	p->large_heads_count += d->has_large_head;
	return d->has_large_head;
}

static void
free_downstream(struct deferred_free_entry *entry)
{
	struct downstream *d = (struct downstream *)(void *)entry; /* its first member */

	if (d->http2 != NULL)
		d->http2_ops->free(d->http2);
	buf_wipe_fini(&d->in);
	free(d);
}

void
downstream_close(struct downstream *d)
{
	struct proxy *p = d->proxy;

	if (d->state == DOWNSTREAM_CLOSED)
		return;
	d->state = DOWNSTREAM_CLOSED;
	if (d->stream.exchange != NULL)
		exchange_on_lost(d->stream.exchange);
	if (d->http2 != NULL)
		d->http2_ops->stop(d->http2);
	conn_close(&d->conn);
	loop_timer_fini(&d->timer);
	LIST_REMOVE(d, entry);
	p->downstreams_count--;
	downstream_release_large_head(d);
	peers_leave(&p->peers, d->counted);
	deferred_free_add(&p->deferred_frees, &d->deferred_free, free_downstream);
	if (p->on_capacity != NULL)
		p->on_capacity(p->on_capacity_arg);
}

/* Closes so that the client can still read what was sent: shuts down our side, then reads and drops
 * bytes for a while, because closing with unread bytes would reset the connection. */
void
downstream_linger(struct downstream *d)
{
	conn_shutdown(&d->conn);
	if (d->saw_end || !conn_is_usable(&d->conn)) {
		downstream_close(d);
		return;
	}
	buf_wipe_fini(&d->in);
	downstream_change_state(d, DOWNSTREAM_LINGER);
	conn_want_read(&d->conn, true);
}

void
downstream_close_when_sent(struct downstream *d)
{
	conn_flush(&d->conn);
	if (conn_is_blocked(&d->conn))
		downstream_change_state(d, DOWNSTREAM_FLUSH);
	else
		downstream_linger(d);
}

/* Writes the response without an exchange, because there is no valid request. */
void
downstream_refuse(struct downstream *d, unsigned status, struct str head, const struct err *e)
{
	struct buf *out = conn_out(&d->conn);
	struct refusal refusal;

	log_info(&d->log, "request refused", log_int("status", status), log_err(e));
	refusal_init(&refusal, d->proxy, status, refusal_is_html(head));
	http1_write_status_line(out, status);
	http1_write_fields(out, &refusal.headers);
	http1_write_field_u64(out, STR("Content-Length"), refusal.body.len);
	buf_add_str(out, STR("Connection: close\r\n\r\n"));
	if (!str_starts_with(head, STR("HEAD ")))
		buf_add_str(out, buf_view(&refusal.body));
	refusal_fini(&refusal);
	if (d->state != DOWNSTREAM_EXCHANGE)
		downstream_change_state(d, DOWNSTREAM_EXCHANGE);
	downstream_close_when_sent(d);
}

/*
 * Whether the browser has disconnected, while its bytes can't be read yet. If it shuts down its
 * side before the end of the request, it has. In a tunnel, and after "Connection: close", a client
 * may do so and still receive, so that only a reset counts.
 */
static bool
has_left(const struct downstream *d)
{
	const struct exchange *x = d->stream.exchange;
	enum conn_end end = conn_find_end(&d->conn);
	bool may_shut = d->state == DOWNSTREAM_TUNNEL ||
			(x != NULL && x->request.half_close_is_end && !d->stream.is_tls);

	return end == CONN_END_BOTH || (end == CONN_END_PEER && !may_shut);
}

/* Returns the message for the expired deadline. */
static const char *
deadline_text(const struct downstream *d)
{
	switch (d->state) {
	case DOWNSTREAM_HANDSHAKE:
		return "timeout in the TLS handshake";
	case DOWNSTREAM_IDLE:
		return "idle timeout";
	case DOWNSTREAM_HEAD:
		return "timeout while reading the request head";
	case DOWNSTREAM_EXCHANGE:
		return conn_is_blocked(&d->conn) ? "timeout while sending the response"
						 : "timeout while reading the request body";
	case DOWNSTREAM_TUNNEL:
	case DOWNSTREAM_FLUSH:
		return "timeout while sending";
	case DOWNSTREAM_HTTP2:
	case DOWNSTREAM_LINGER:
	case DOWNSTREAM_CLOSED:
		break;
	}
	return "timeout while closing";
}

/* Returns why the connection has to be closed, or "" if no limit was exceeded. */
static const char *
find_timeout(struct downstream *d)
{
	const struct settings *settings = d->proxy->settings;
	struct rate_limit body = rate_limit(d, settings->body_min_rate);
	struct rate_limit sending = rate_limit(d, settings->send_min_rate);
	uint64_t now_ms = loop_now_ms(d->proxy->loop);

	if (rate_is_too_slow(&d->send_rate, &sending, now_ms, downstream_count_taken(d)))
		return "the response is received more slowly than SEND_MIN_RATE";
	if (rate_is_too_slow(&d->body_rate, &body, now_ms, d->conn.received_bytes))
		return "the request body arrives more slowly than BODY_MIN_RATE";
	if (deadline_ms(d) == 0 || now_ms - d->waits_since_ms < deadline_ms(d))
		return "";
	if (is_held_back(d))
		return has_left(d) ? "the browser closed the connection while reading was paused"
				   : "";
	if (d->state != DOWNSTREAM_HANDSHAKE && conn_is_blocked(&d->conn) &&
	    downstream_has_taken_some(d))
		return "";
	return deadline_text(d);
}

void
downstream_on_timer(void *arg)
{
	struct downstream *d = arg;
	struct err e = ERR_INIT;
	struct exchange *x = d->stream.exchange;
	const char *timeout = find_timeout(d);

	if (timeout[0] == '\0') {
		if (loop_now_ms(d->proxy->loop) - d->waits_since_ms >= deadline_ms(d))
			d->waits_since_ms = loop_now_ms(d->proxy->loop);
		start_timer(d);
		return;
	}
	err_set(&e, ERR_TIMEOUT, "%s", timeout);
	if (d->state == DOWNSTREAM_HEAD) {
		downstream_refuse(d, 408, buf_view(&d->in), &e);
	} else if (waits_for_body(d) && x != NULL && !d->head_sent) {
		d->stream.exchange = NULL;
		exchange_on_lost(x);
		downstream_refuse(d, 408, STR_NONE, &e);
	} else {
		if (d->state == DOWNSTREAM_HANDSHAKE)
			d->proxy->metrics.tls_failures[METRICS_TLS_TIMEOUT]++;
		log_debug(&d->log, "connection aborted", log_err(&e));
		downstream_close(d);
	}
}
