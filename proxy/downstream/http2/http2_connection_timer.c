/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same deadlines as those of HTTP/1.1 connections. Knows when they have passed;
 * http2_connection.c acts on it.
 */
#include "proxy/downstream/http2/http2_connection_timer.h"

static uint64_t
now_of(const struct http2_connection *c)
{
	return loop_now_ms(c->downstream->proxy->loop);
}

static const struct settings *
settings_of(const struct http2_connection *c)
{
	return c->downstream->proxy->settings;
}

void
http2_timer_check_within(struct http2_connection *c, uint64_t delay_ms)
{
	if (c->is_stopped ||
	    (loop_timer_is_running(&c->timer) && c->timer.due_ms <= now_of(c) + delay_ms))
		return;
	loop_timer_start(&c->timer, delay_ms);
}

static struct rate_limit
limit_of(const struct http2_connection *c, uint64_t bytes_per_s)
{
	return (struct rate_limit){bytes_per_s, settings_of(c)->min_rate_period_ms};
}

/* Schedules a check for a timeout or, if it is earlier, the end of a period of a minimum rate. */
static void
arm_deadline(struct http2_connection *c, uint64_t timeout_ms, const struct rate *r,
	     struct rate_limit limit)
{
	uint64_t left_ms = rate_left_ms(r, &limit, now_of(c));

	http2_timer_check_within(c, left_ms < timeout_ms ? left_ms : timeout_ms);
}

bool
http2_exchange_waits_for_body(const struct http2_exchange *x)
{
	return x->has_body && x->codec.wants_data && !x->codec.has_end && !x->awaits_100 &&
	       !x->is_tunnel;
}

void
http2_timer_note_body(struct http2_exchange *x)
{
	struct http2_connection *c = x->connection;
	bool is_waiting = http2_exchange_waits_for_body(x);

	x->body_since_ms = now_of(c);
	rate_wait(&x->body_rate, x->body_since_ms, is_waiting);
	if (is_waiting)
		arm_deadline(c, settings_of(c)->body_timeout_ms, &x->body_rate,
			     limit_of(c, settings_of(c)->body_min_rate));
}

void
http2_timer_note_sending(struct http2_exchange *x)
{
	struct http2_connection *c = x->connection;
	bool is_waiting = http2_stream_waiting(&x->codec) > 0;

	if (!is_waiting) {
		rate_wait(&x->send_rate, now_of(c), false);
		x->send_since_ms = 0;
		return;
	}
	if (x->send_since_ms != 0)
		return;
	x->send_since_ms = now_of(c);
	x->sent_bytes = x->codec.sent_bytes;
	rate_wait(&x->send_rate, now_of(c), !x->is_tunnel);
	arm_deadline(c, settings_of(c)->send_timeout_ms, &x->send_rate,
		     limit_of(c, settings_of(c)->send_min_rate));
}

static void
note_socket(struct http2_connection *c)
{
	struct downstream *d = c->downstream;
	bool is_waiting = conn_is_blocked(&d->conn);

	if (is_waiting == (c->blocked_since_ms != 0))
		return;
	c->blocked_since_ms = is_waiting ? now_of(c) : 0;
	d->unsent_bytes = SIZE_MAX;
	rate_wait(&d->send_rate, now_of(c), is_waiting);
	if (is_waiting)
		arm_deadline(c, settings_of(c)->send_timeout_ms, &d->send_rate,
			     limit_of(c, settings_of(c)->send_min_rate));
}

/* Records when the first bytes of the peer's preface arrived. */
static void
note_start(struct http2_connection *c)
{
	if (c->started_ms != 0)
		return;
	c->started_ms = now_of(c);
	http2_timer_check_within(c, settings_of(c)->head_timeout_ms);
}

void
http2_timer_note_connection(struct http2_connection *c)
{
	bool is_in_head = http2_is_in_head(c->codec);

	note_socket(c);
	if (!http2_has_settings(c->codec) && c->downstream->conn.received_bytes > 0)
		note_start(c);
	if (!is_in_head)
		c->block_since_ms = 0;
	if (!is_in_head || c->block_since_ms != 0)
		return;
	c->block_since_ms = now_of(c);
	http2_timer_check_within(c, settings_of(c)->head_timeout_ms);
}

bool
http2_timer_has_passed(struct http2_deadline_check *check, uint64_t since_ms, uint64_t timeout_ms)
{
	uint64_t passed_ms = check->now_ms - since_ms;

	if (passed_ms >= timeout_ms)
		return true;
	if (timeout_ms - passed_ms < check->next_ms)
		check->next_ms = timeout_ms - passed_ms;
	return false;
}

static bool
is_too_slow(struct http2_deadline_check *check, struct rate *r, struct rate_limit limit,
	    uint64_t bytes)
{
	if (rate_is_too_slow(r, &limit, check->now_ms, bytes))
		return true;
	uint64_t left_ms = rate_left_ms(r, &limit, check->now_ms);
	if (left_ms < check->next_ms)
		check->next_ms = left_ms;
	return false;
}

/* Restarts the timeout of a stream while the socket is blocked, which is not the stream's fault. */
static void
restart_stream_deadlines(struct http2_exchange *x, uint64_t now_ms)
{
	x->body_since_ms = now_ms;
	rate_begin(&x->body_rate, x->codec.received_bytes);
	rate_wait(&x->body_rate, now_ms, http2_exchange_waits_for_body(x));
	rate_begin(&x->send_rate, x->codec.sent_bytes);
	rate_wait(&x->send_rate, now_ms, x->send_since_ms != 0 && !x->is_tunnel);
	if (x->send_since_ms != 0)
		x->send_since_ms = now_ms;
}

static const char *
find_sending_lapse(struct http2_exchange *x, struct http2_deadline_check *check)
{
	const struct settings *settings = settings_of(x->connection);

	if (x->send_since_ms == 0)
		return NULL;
	if (x->sent_bytes != x->codec.sent_bytes) {
		x->sent_bytes = x->codec.sent_bytes;
		x->send_since_ms = check->now_ms;
	}
	if (http2_timer_has_passed(check, x->send_since_ms, settings->send_timeout_ms))
		return "timeout while sending the response";
	return is_too_slow(check, &x->send_rate, limit_of(x->connection, settings->send_min_rate),
			   x->codec.sent_bytes)
		       ? "the response is received more slowly than SEND_MIN_RATE"
		       : NULL;
}

const char *
http2_timer_find_stream_timeout(struct http2_exchange *x, struct http2_deadline_check *check)
{
	struct http2_connection *c = x->connection;
	const struct settings *settings = settings_of(c);

	if (x->linger_ms != 0 && http2_timer_has_passed(check, x->linger_ms, HTTP2_LINGER_MS))
		return "timeout while closing";
	if (conn_is_blocked(&c->downstream->conn)) {
		restart_stream_deadlines(x, check->now_ms);
		return NULL;
	}
	if (http2_exchange_waits_for_body(x)) {
		if (http2_timer_has_passed(check, x->body_since_ms, settings->body_timeout_ms))
			return "timeout while reading the request body";
		if (is_too_slow(check, &x->body_rate, limit_of(c, settings->body_min_rate),
				x->codec.received_bytes))
			return "the request body arrives more slowly than BODY_MIN_RATE";
	}
	return find_sending_lapse(x, check);
}

static bool
carries_response(const struct http2_connection *c)
{
	const struct http2_exchange *x;

	LIST_FOREACH (x, &c->all, entry)
		if (!x->is_tunnel)
			return true;
	return false;
}

static const char *
find_socket_lapse(struct http2_connection *c, struct http2_deadline_check *check)
{
	struct downstream *d = c->downstream;
	const struct settings *settings = settings_of(c);

	if (c->blocked_since_ms == 0)
		return NULL;
	if (http2_timer_has_passed(check, c->blocked_since_ms, settings->send_timeout_ms)) {
		if (!downstream_has_taken_some(d))
			return "timeout while sending";
		c->blocked_since_ms = check->now_ms;
		(void)http2_timer_has_passed(check, c->blocked_since_ms, settings->send_timeout_ms);
	}
	if (!is_too_slow(check, &d->send_rate, limit_of(c, settings->send_min_rate),
			 downstream_count_taken(d)))
		return NULL;
	return carries_response(c) ? "responses are received more slowly than SEND_MIN_RATE" : NULL;
}

const char *
http2_timer_find_timeout(struct http2_connection *c, struct http2_deadline_check *check)
{
	const struct settings *settings = settings_of(c);

	/* Browsers open connections in advance, and send the first bytes with the first request. */
	if (!http2_has_settings(c->codec) && c->started_ms != 0 &&
	    http2_timer_has_passed(check, c->started_ms, settings->head_timeout_ms))
		return "timeout while waiting for SETTINGS";
	if (c->block_since_ms != 0 &&
	    http2_timer_has_passed(check, c->block_since_ms, settings->head_timeout_ms))
		return "timeout while reading a request head";
	if (LIST_EMPTY(&c->all) && c->drain_ms == 0 &&
	    http2_timer_has_passed(check, c->idle_since_ms, settings->idle_timeout_ms))
		return "idle timeout";
	return find_socket_lapse(c, check);
}

void
http2_timer_note_idle(struct http2_connection *c)
{
	uint64_t timeout_ms = settings_of(c)->idle_timeout_ms;

	c->idle_since_ms = c->downstream->waits_since_ms = now_of(c);
	http2_timer_check_within(c,
				 timeout_ms < HTTP2_IDLE_TRIM_MS ? timeout_ms : HTTP2_IDLE_TRIM_MS);
}
