/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte stream on a socket, plain or TLS, accepted or connected: sends at once and keeps only what
 * the kernel did not take. conn_read.h reads, into the caller's memory.
 *
 * Backpressure is the owner's: while conn_is_blocked, produce no more. Failures are told by
 * on_failed, always from the loop, never from within a call; after it the conn is dead. Deadlines
 * are the owner's as well.
 */
#ifndef PROXY_CONN_CONN_H
#define PROXY_CONN_CONN_H

#include "base/net/address.h"
#include "base/net/loop.h"
#include "base/net/tls.h"
#include "base/str.h"

enum conn_state {
	CONN_CLOSED,
	CONN_CONNECTING,
	CONN_HANDSHAKING,
	CONN_OPEN,
	CONN_FAILED, /* on_failed was called or is about to be */
};

/* All are called from the loop. Each may close and free the conn. */
struct conn_ops {
	void (*on_open)(void *arg);	/* connected and, with TLS, shaken hands */
	void (*on_readable)(void *arg); /* call conn_read */
	void (*on_drained)(void *arg);	/* was blocked, is no longer */
	void (*on_failed)(const struct err *e, void *arg);
};

struct conn {
	struct loop_io io;
	struct loop *loop;
	const struct conn_ops *ops;
	void *arg;
	struct tls_session *tls; /* NULL: plain */
	struct buf
		out; /* bytes not sent: of the application, or those that TLS will encrypt next */
	int fd;
	enum conn_state state;
	bool reading;	     /* the owner wants on_readable */
	bool blocked;	     /* the kernel did not take everything */
	bool may_hold_bytes; /* the last read stopped before the socket was empty */
	enum err_code error_code;
	uint32_t read_max;	 /* bytes for one read */
	uint64_t received_bytes; /* application bytes */
	uint64_t sent_bytes;
};

/* Application bytes that may wait in out; callers stop long before, at conn_is_blocked. */
#define CONN_OUT_MAX (1024u * 1024u)

/* A closed conn that conn_close accepts. */
void conn_init(struct conn *c, struct loop *l, const struct conn_ops *ops, void *arg);

/* Takes over an accepted descriptor, also when it fails. With tls, a handshake and on_open come
 * first; plain, it is open at once. */
bool conn_accept(struct conn *c, int fd, struct tls_context *tls, struct err *e) MUST_CHECK;

/* Starts connecting. What is sent before on_open waits. */
bool conn_connect(struct conn *c, const struct address *address, struct err *e) MUST_CHECK;

/* Closes at once; queued bytes are lost. Twice is fine. */
void conn_close(struct conn *c);

/* As conn_close, and the peer sees a reset rather than an end. */
void conn_reset(struct conn *c);

/* Sends what is queued and says that nothing more will come (TLS close_notify, then FIN). While
 * that is blocked nothing is said: ask again when drained. */
void conn_shutdown(struct conn *c);

/* Whether on_readable is wanted. Turning it on also tells of bytes that TLS holds. */
void conn_want_read(struct conn *c, bool wanted);

/* Adds bytes that leave with the next conn_send or conn_flush. */
void conn_queue(struct conn *c, struct str data);

/* The buffer behind conn_queue, for writers; flush afterwards. */
struct buf *conn_out(struct conn *c);

/* Sends what is queued and then data, as far as the kernel takes it; copies the rest. */
void conn_send(struct conn *c, struct str data);
void conn_flush(struct conn *c);

/* Bytes of all that was sent which the peer has not acknowledged. */
size_t conn_count_unsent(const struct conn *c);

/* Gives back memory that an idle connection does not need. */
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
