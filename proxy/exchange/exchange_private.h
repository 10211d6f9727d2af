/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions between the files of an exchange. Each file calls only later ones of this list:
 * exchange.c; exchange_admit.c; exchange_upstream.c, exchange_ssh.c, log_stream.c and workspace.c;
 * exchange_tunnel.c; exchange_watch.c; response/; exchange_end.c and exchange_facts.c;
 * response/response_coding.c.
 */
#ifndef PROXY_EXCHANGE_EXCHANGE_PRIVATE_H
#define PROXY_EXCHANGE_EXCHANGE_PRIVATE_H

#include "proxy/exchange/exchange.h"

/*
 * What a long-lived exchange consists of: a tunnel, an event stream, the log or SSH.
 * exchange_finish calls free; on_drained tells that the stream is no longer blocked. Both may be
 * NULL.
 */
struct exchange_part {
	void (*on_drained)(struct exchange *x);
	void (*close)(struct exchange *x, unsigned close_code); /* see exchange_close */
	void (*free)(struct exchange *x);
};

/* Returns a zeroed exchange, which exchange_finish frees. NULL: out of memory. */
struct exchange *exchange_alloc(void) MUST_CHECK;

/* Answers or forwards the request, once x->verdict is complete. */
void exchange_act_on_verdict(struct exchange *x);

/* Returns the request as auth sees it. Valid as long as x. */
struct auth_facts exchange_facts(const struct exchange *x);

/* Whether the request is a navigation of a browser that accepts HTML. */
bool exchange_is_for_person(const struct exchange *x);

/* Whether the request asks for an event stream. */
bool exchange_accepts_events(const struct exchange *x);

/* Whether an allowed request comes from a user of the workspace, and not from a guest of a port or
 * an anonymous client of a public one. */
static inline bool
exchange_is_of_user(const struct exchange *x)
{
	return x->verdict.session != NULL && !x->verdict.is_guest;
}

/* Whether a request body of this size exceeds BODY_MAX_SIZE. */
bool exchange_is_too_big(const struct exchange *x, uint64_t body_bytes);

/* Forwards an admitted request to the upstream, and the response to the browser. */
void exchange_forward(struct exchange *x);

/* The server of this request: the IDE, or that of a port. */
static inline struct upstream *
exchange_server(const struct exchange *x)
{
	return x->port_upstream == NULL ? x->proxy->upstream : port_upstream_pool(x->port_upstream);
}

/* Counts bytes of the response body that were sent to the stream, or spliced by conn_splice. */
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

/* Ends the response, with trailers (or NULL), and finishes. */
void exchange_end(struct exchange *x, const struct headers *trailers);

/* Ends the exchange when the session of x->verdict ends or, without one, the port is no longer
 * public. */
void exchange_watch_session(struct exchange *x);

/* Starts the tunnel, after the 101 response head was sent. */
void exchange_open_tunnel(struct exchange *x);

/* Frees the request head except what the access log needs, because a tunnel may idle for days. */
void exchange_free_head(struct exchange *x);

/* Sends bytes of the upstream through the tunnel. */
void exchange_pass_to_client(struct exchange *x, struct str data);

/* The upstream has shut down its side of a tunnel other than a WebSocket. */
void exchange_on_upstream_half_close(struct exchange *x);

#endif
