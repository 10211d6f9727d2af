/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines of an HTTP/2 connection and of its streams.
 */
#ifndef PROXY_DOWNSTREAM_HTTP2_HTTP2_CONNECTION_TIMER_H
#define PROXY_DOWNSTREAM_HTTP2_HTTP2_CONNECTION_TIMER_H

#include "proxy/downstream/http2/http2_connection_private.h"

/* Time for the peer of a tunnel to end its side as well. */
#define HTTP2_LINGER_MS 2000u

/* Time without exchanges after which memory is freed. */
#define HTTP2_IDLE_TRIM_MS 250u

/* A check of all deadlines: finds the time until the next one. */
struct http2_deadline_check {
	uint64_t now_ms;
	uint64_t next_ms;
};

/* Checks all deadlines after at most delay_ms. */
void http2_timer_check_within(struct http2_connection *c, uint64_t delay_ms);

/* Record what is waited for; idle: a request. */
void http2_timer_note_idle(struct http2_connection *c);
void http2_timer_note_body(struct http2_exchange *x);
void http2_timer_note_sending(struct http2_exchange *x);
void http2_timer_note_connection(struct http2_connection *c);

bool http2_exchange_waits_for_body(const struct http2_exchange *x);

/* Whether a time has passed; else includes it in the next check. */
bool http2_timer_has_passed(struct http2_deadline_check *check, uint64_t since_ms,
			    uint64_t timeout_ms);

/* Return why the connection or a stream has to end, or NULL. */
const char *http2_timer_find_timeout(struct http2_connection *c,
				     struct http2_deadline_check *check);
const char *http2_timer_find_stream_timeout(struct http2_exchange *x,
					    struct http2_deadline_check *check);

#endif
