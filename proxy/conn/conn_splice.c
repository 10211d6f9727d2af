/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splices from socket to socket through one pipe of the event loop, which all connections share: it
 * is always empty when conn_splice returns. Bytes that the receiver's socket did not take are read
 * from the pipe into the conn's send buffer.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/conn/conn_splice.h"

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
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return CONN_READ_AGAIN;
	if (n < 0 && (errno == EINVAL || errno == ENOSYS || errno == EPERM)) {
		loop_pipe_give_up(from->loop);
		return CONN_READ_AGAIN;
	}
	if (n < 0) {
		err_set_errno(e, errno, "receive");
		e->code = ERR_CONNECT;
		return CONN_READ_FAILED;
	}
	*got = (size_t)n;
	from->received_bytes += *got;
	size_t sent = send_from_pipe(ends[0], to, *got);
	buffer_from_pipe(ends[0], to, *got - sent);
	return CONN_READ_SOME;
}
