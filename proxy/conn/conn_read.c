/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receiving side of a conn. Large reads forward large bodies with few system calls, but bytes that
 * the receiver can't take must be buffered. So the read size is halved when the receiver is
 * blocked, and grows again slowly: a kernel buffers a megabyte or more before it blocks.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "proxy/conn/conn_read.h"
#include "proxy/conn/conn_warm.h"

#define READ_STEP 1024u

static enum conn_read_result
read_plain(struct conn *c, char *data, size_t size, size_t *got, struct err *e)
{
	ssize_t n = recv(c->fd, data, size, 0);

	c->may_hold_bytes = n == (ssize_t)size;
	if (n > 0) {
		*got = (size_t)n;
		return CONN_READ_SOME;
	}
	if (n == 0)
		return CONN_READ_END;
	if (errno == EAGAIN || errno == EINTR)
		return CONN_READ_AGAIN;
	err_set_errno(e, errno, "receive");
	e->code = ERR_CONNECT;
	return CONN_READ_FAILED;
}

/* Reads records until size is reached or no record is complete. Calls recv again only if more bytes
 * are likely. */
static enum conn_read_result
read_tls(struct conn *c, char *data, size_t size, size_t *got, struct err *e)
{
	enum tls_result result = TLS_DONE;
	size_t total = 0;

	while (total < size && result == TLS_DONE) {
		size_t part = 0;
		result = tls_session_read(c->tls, data + total, size - total, &part, e);
		total += part;
		if (result == TLS_DONE && !tls_session_has_buffered(c->tls) &&
		    !tls_session_may_receive(c->tls))
			result = TLS_WANT_READ;
	}
	/* If the loop ended with an end or a failure, the next read reports it again. */
	c->may_hold_bytes = result != TLS_WANT_READ;
	*got = total;
	if (total > 0)
		return CONN_READ_SOME;
	switch (result) {
	case TLS_DONE:
	case TLS_WANT_READ:
		return CONN_READ_AGAIN;
	case TLS_CLOSED:
		return CONN_READ_END;
	case TLS_ABORTED:
		err_set(e, ERR_CONNECT, "closed without close_notify");
		return CONN_READ_FAILED;
	case TLS_FAILED:
		return CONN_READ_FAILED;
	}
	return CONN_READ_FAILED;
}

static void
grow_read_size(struct conn *c, size_t got)
{
	if (got == c->read_max && c->read_max < LOOP_SCRATCH_BYTES)
		c->read_max += READ_STEP;
}

enum conn_read_result
conn_read(struct conn *c, char *data, size_t size, size_t *got, struct err *e)
{
	size_t most = size < c->read_max ? size : c->read_max;

	*got = 0;
	/* After a failed send, bytes that arrived before can still be read. */
	if (c->state != CONN_OPEN && c->state != CONN_FAILED)
		return CONN_READ_AGAIN;
	enum conn_read_result result = c->tls != NULL ? read_tls(c, data, most, got, e)
						      : read_plain(c, data, most, got, e);
	c->received_bytes += *got;
	grow_read_size(c, *got);
	if (c->tls != NULL && *got > 0)
		conn_warm_note_read(c);
	if (c->tls != NULL && tls_session_output(c->tls).len > 0)
		conn_flush(c);
	/* Bytes buffered by TLS do not make the socket readable. */
	if (c->tls != NULL && c->may_hold_bytes && c->reading && c->state == CONN_OPEN &&
	    result == CONN_READ_SOME)
		loop_io_poke(&c->io);
	return result;
}

void
conn_read_shrink(struct conn *c)
{
	c->read_max = c->read_max / 2 > CONN_READ_MIN ? c->read_max / 2 : CONN_READ_MIN;
}

void
conn_read_reset(struct conn *c)
{
	c->read_max = LOOP_SCRATCH_BYTES;
}

enum conn_end
conn_find_end(const struct conn *c)
{
	struct pollfd look = {.fd = c->fd, .events = POLLRDHUP};

	if (c->state == CONN_CLOSED || poll(&look, 1, 0) <= 0)
		return CONN_END_NONE;
	return (look.revents & (POLLERR | POLLHUP)) != 0 ? CONN_END_BOTH : CONN_END_PEER;
}

/* Whether TLS has bytes that were read from the socket, but not by conn_read. */
static bool
holds_decrypted(const struct conn *c)
{
	return c->tls != NULL && tls_session_has_buffered(c->tls);
}

bool
conn_has_arrived(const struct conn *c)
{
	char byte;

	return holds_decrypted(c) ||
	       (c->fd >= 0 && recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0);
}

bool
conn_is_quiet(const struct conn *c)
{
	char byte;

	return c->state == CONN_OPEN && !holds_decrypted(c) &&
	       recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       (errno == EAGAIN || errno == EINTR);
}

bool
conn_was_quiet(const struct conn *c)
{
	return c->state == CONN_OPEN && !holds_decrypted(c) && !loop_io_is_readable(&c->io);
}
