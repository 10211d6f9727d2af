/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte stream on a socket, plain or TLS, accepted or connected. Sends at once and buffers only
 * what the kernel did not take; conn_read.h receives.
 *
 * Flow control is up to the owner: while conn_is_blocked, send no more. Failures are reported by
 * on_failed, from the event loop, never from within a call; after that the conn can only be closed.
 * The owner sets timeouts as well.
 */
#ifndef PROXY_CONN_CONN_H
#define PROXY_CONN_CONN_H

#include "base/net/address.h"
#include "base/net/loop.h"
#include "base/net/tls/tls.h"
#include "base/str.h"
#include "proxy/conn/conn_warm.h"

enum conn_state {
	CONN_CLOSED,
	CONN_CONNECTING,
	CONN_HANDSHAKING,
	CONN_OPEN,
	CONN_FAILED, /* on_failed was called or will be */
};

/* Called from the event loop. Each may close and free the conn. */
struct conn_ops {
	void (*on_open)(void *arg);	/* connected, TLS handshake done; or NULL */
	void (*on_readable)(void *arg); /* call conn_read; or NULL: never wanted */
	void (*on_drained)(void *arg);	/* no longer blocked; or NULL */
	void (*on_failed)(const struct err *e, void *arg);
};

struct conn {
	struct loop_io io;
	struct loop *loop;
	const struct conn_ops *ops;
	void *arg;
	struct tls_session *tls;	/* NULL: plain, or not connected yet */
	struct tls_context *tls_client; /* for the handshake after connecting; NULL: plain */
	struct buf out;			/* bytes not sent yet; with TLS, not encrypted yet */
	int fd;
	enum conn_state state;
	bool reading;	     /* on_readable is enabled */
	bool blocked;	     /* the kernel's send buffer is full */
	bool may_hold_bytes; /* the last read may have left bytes unread */
	enum err_code error_code;
	uint32_t read_max;	 /* bytes per read */
	uint64_t received_bytes; /* application bytes */
	uint64_t sent_bytes;
	struct conn_warm warm; /* with TLS */
};

#define CONN_OUT_MAX (1024u * 1024u) /* limit of out; callers stop earlier, at conn_is_blocked */

/* Limit of bytes that the kernel buffers for a slow receiver, without those in flight. */
#define CONN_UNSENT_MAX (512 * 1024)

/* Initializes a closed conn. */
void conn_init(struct conn *c, struct loop *l, const struct conn_ops *ops, void *arg);

/* Takes ownership of the accepted descriptor, even on failure. With tls, on_open is called after
 * the handshake; with NULL the conn is open at once. */
bool conn_accept(struct conn *c, int fd, struct tls_context *tls, struct err *e) MUST_CHECK;

/* Starts connecting, with tls NULL for a plain connection. on_open is called after the TLS
 * handshake. Buffers data that is sent before. The context outlives the conn. */
bool conn_connect(struct conn *c, const struct address *address, struct tls_context *tls,
		  struct err *e) MUST_CHECK;

/* Closes immediately and discards unsent data. May be called twice. */
void conn_close(struct conn *c);

/* As conn_close, but the peer receives a reset. */
void conn_reset(struct conn *c);

/* Sends buffered data, then close_notify and FIN. While blocked it can't: call it again from
 * on_drained. */
void conn_shutdown(struct conn *c);

/* Enables or disables on_readable. Enabling also reports bytes that TLS has buffered. */
void conn_want_read(struct conn *c, bool wanted);

/* Queues bytes, which the next conn_send or conn_flush sends. */
void conn_queue(struct conn *c, struct str data);

/* Returns the buffer of conn_queue, to append to. Call conn_flush afterwards. */
struct buf *conn_out(struct conn *c);

/* Send queued bytes, then data, until the kernel's buffer is full; buffer the rest. */
void conn_send(struct conn *c, struct str data);
void conn_flush(struct conn *c);

/* Sends bytes without TLS and without a retry, to a peer after a failed handshake. */
void conn_send_unencrypted(const struct conn *c, struct str data);

/* Returns the number of bytes, buffered here or in the kernel, that the peer has not acknowledged.
 */
size_t conn_count_unsent(const struct conn *c);

/* Replaces CONN_UNSENT_MAX: a lower limit shortens the queue ahead of more urgent data. */
void conn_limit_unsent(const struct conn *c, int bytes);

/* Frees memory that an idle connection does not need. */
void conn_trim(struct conn *c);

static inline bool
conn_is_blocked(const struct conn *c)
{
	return c->blocked || c->state == CONN_CONNECTING || c->state == CONN_HANDSHAKING;
}

static inline bool
conn_is_usable(const struct conn *c)
{
	return c->state != CONN_CLOSED && c->state != CONN_FAILED;
}

#endif
