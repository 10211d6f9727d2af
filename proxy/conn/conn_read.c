/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receiving side of a conn. Large reads forward large bodies with few system calls, but bytes that
 * the receiver can't take must be buffered. So the read size is halved when the receiver is
 * blocked, and grows again slowly: a kernel buffers a megabyte or more before it blocks.
 *
 * Splices from socket to socket through one pipe of the event loop, which all connections share: it
 * is always empty when conn_splice returns. Bytes that the receiver's socket did not take are read
 * from the pipe into the conn's send buffer.
 */
#include "proxy/conn/conn_read.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_STEP 1024u

/* Returns the result for errno. */
static enum conn_read_result
find_failure(struct err *e)
{
	if (errno == EAGAIN || errno == EINTR)
		return CONN_READ_AGAIN;
	err_set_errno(e, errno, "receive");
	e->code = ERR_CONNECT;
	return CONN_READ_FAILED;
}

static enum conn_read_result
read_plain(struct conn *c, char *data, size_t size, size_t *got, struct err *e)
{
	ssize_t n = recv(c->fd, data, size, 0);

	c->may_hold_bytes = n == (ssize_t)size;
	if (n > 0) {
		*got = (size_t)n;
		return CONN_READ_SOME;
	}
	return n == 0 ? CONN_READ_END : find_failure(e);
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

bool
conn_can_splice(const struct conn *from, const struct conn *to)
{
	return from->tls == NULL && to->tls == NULL && from->state == CONN_OPEN &&
	       to->state == CONN_OPEN && !to->blocked && loop_pipe(from->loop) != NULL;
}

/* Estimates how many bytes the socket takes before it blocks; the rest would have to be copied. */
static size_t
find_room(const struct conn *to)
{
	uint32_t memory[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof(memory);
	int unsent = 0;

	if (getsockopt(to->fd, SOL_SOCKET, SO_MEMINFO, memory, &len) != 0)
		return CONN_SPLICE_MIN;
	uint32_t used = memory[SK_MEMINFO_WMEM_QUEUED] > memory[SK_MEMINFO_WMEM_ALLOC]
				? memory[SK_MEMINFO_WMEM_QUEUED]
				: memory[SK_MEMINFO_WMEM_ALLOC];
	size_t room = memory[SK_MEMINFO_SNDBUF] > used ? memory[SK_MEMINFO_SNDBUF] - used : 0;
	if (ioctl(to->fd, SIOCOUTQNSD, &unsent) == 0) {
		size_t left = unsent < CONN_UNSENT_MAX ? (size_t)(CONN_UNSENT_MAX - unsent) : 0;
		room = left < room ? left : room;
	}
	if (room < CONN_SPLICE_MIN)
		return CONN_SPLICE_MIN;
	return room < LOOP_PIPE_BYTES ? room : LOOP_PIPE_BYTES;
}

/* Returns the number of bytes that the socket took from the pipe. */
static size_t
send_from_pipe(int pipe_fd, struct conn *to, size_t len)
{
	size_t sent = 0;

	while (sent < len) {
		ssize_t n = splice(pipe_fd, NULL, to->fd, NULL, len - sent,
				   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	to->sent_bytes += sent;
	return sent;
}

/* If the socket took less because of an error, conn_send reports it. */
static void
buffer_from_pipe(int pipe_fd, struct conn *to, size_t len)
{
	char *scratch = loop_scratch(to->loop);

	while (len > 0) {
		size_t part = len < LOOP_SCRATCH_BYTES ? len : LOOP_SCRATCH_BYTES;
		ssize_t n = read(pipe_fd, scratch, part);
		err_assert(n > 0);
		conn_send(to, (struct str){scratch, (size_t)n});
		len -= (size_t)n;
	}
}

enum conn_read_result
conn_splice(struct conn *from, struct conn *to, uint64_t max, size_t *got, struct err *e)
{
	const int *ends = loop_pipe(from->loop);

	*got = 0;
	conn_flush(to);
	if (to->state != CONN_OPEN || to->blocked)
		return CONN_READ_SOME;
	size_t room = find_room(to);
	size_t wanted = max < room ? (size_t)max : room;
	ssize_t n =
		splice(from->fd, NULL, ends[1], NULL, wanted, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	from->may_hold_bytes = n == (ssize_t)wanted;
	if (n == 0)
		return CONN_READ_END;
	if (n < 0 && (errno == EINVAL || errno == ENOSYS || errno == EPERM)) {
		loop_pipe_disable(from->loop);
		return CONN_READ_AGAIN;
	}
	if (n < 0)
		return find_failure(e);
	*got = (size_t)n;
	from->received_bytes += *got;
	size_t sent = send_from_pipe(ends[0], to, *got);
	buffer_from_pipe(ends[0], to, *got - sent);
	return CONN_READ_SOME;
}
