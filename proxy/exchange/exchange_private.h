/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions between the files of an exchange. Calls go one way: exchange.c, exchange_admit.c,
 * exchange_upstream.c, exchange_close.c, exchange_tunnel.c, exchange_end.c.
 */
#ifndef PROXY_EXCHANGE_EXCHANGE_PRIVATE_H
#define PROXY_EXCHANGE_EXCHANGE_PRIVATE_H

#include "proxy/exchange/exchange.h"

/* All zero; exchange_finish frees it. NULL: no memory. */
struct exchange *exchange_alloc(void) MUST_CHECK;

/* x->verdict is complete: answers, or forwards the request. */
void exchange_act_on_verdict(struct exchange *x);

/* Of an allowed request: whether it is of a user of the workspace, and neither of a guest of the
 * port nor of anybody. */
static inline bool
exchange_is_of_user(const struct exchange *x)
{
	return x->verdict.session != NULL && !x->verdict.is_guest;
}

/* Whether a request body of this size is over the limit. */
bool exchange_is_too_big(const struct exchange *x, uint64_t body_bytes);

/* Forwards an admitted request to the upstream, and the response to the browser. */
void exchange_forward(struct exchange *x);

/* Counts bytes of the response's body that went to the stream, here or by conn_splice. */
static inline void
exchange_count_response(struct exchange *x, size_t len)
{
	x->response_bytes += len;
	x->proxy->metrics.response_bytes += len;
}

static inline void
exchange_send_body(struct exchange *x, struct str data)
{
	exchange_count_response(x, data.len);
	x->stream->ops->send_body(x->stream, data);
}

/* Ends the exchange when the session of x->verdict ends, or the share that lets everybody in. */
void exchange_watch_session(struct exchange *x);

/* The 101 response head was sent. */
void exchange_open_tunnel(struct exchange *x);

/* A tunnel may idle for days: keeps only what the access log line needs of the request head. */
void exchange_free_head(struct exchange *x);

/* Bytes from the upstream's side of the tunnel. */
void exchange_pass_to_client(struct exchange *x, struct str data);

/* Sends a close frame at the next frame boundary; cuts a tunnel that has no frames. Only the first
 * call counts. */
void exchange_close_tunnel(struct exchange *x, unsigned close_code);

#endif
