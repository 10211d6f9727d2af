/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life cycle and sending side of a conn. Sends buffered and new plain data with one system call.
 * TLS encrypts into memory and sends several records at once. Waits for writability only after a
 * short write.
 */
#include "proxy/conn/conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

/* Data up to this size is appended to buffered data, so that both share a TLS record. */
#define COALESCE_MAX 4096u

/* Receive buffer of connections to servers in the same pod. Fixed, because the kernel would grow it
 * to tens of megabytes if the browser is slower than the server. */
#define RECEIVE_BUFFER_BYTES (512 * 1024)

static void on_io(void *arg, unsigned ready);

void
conn_init(struct conn *c, struct loop *l, const struct conn_ops *ops, void *arg)
{
	*c = (struct conn){
		.loop = l,
		.ops = ops,
		.arg = arg,
		.fd = -1,
		.state = CONN_CLOSED,
		.read_max = LOOP_SCRATCH_BYTES,
	};
	buf_init(&c->out, CONN_OUT_MAX);
}

static void
update_interest(struct conn *c)
{
	unsigned wanted = 0;

	if (c->state == CONN_FAILED || c->state == CONN_CLOSED)
		return;
	if (c->reading || c->state == CONN_HANDSHAKING)
		wanted |= LOOP_READ;
	if (c->blocked || c->state == CONN_CONNECTING)
		wanted |= LOOP_WRITE;
	if (c->state == CONN_CONNECTING)
		wanted = LOOP_WRITE;
	loop_io_want(&c->io, wanted);
}

/* Reports the failure from the event loop: a send must not free the conn while its caller uses it.
 */
static void
fail_deferred(struct conn *c, enum err_code code)
{
	if (!conn_is_usable(c))
		return;
	c->state = CONN_FAILED;
	c->error_code = code;
	c->blocked = false;
	loop_io_want(&c->io, 0);
	loop_io_poke(&c->io);
}

static void
attach_fd(struct conn *c, int fd, enum conn_state state)
{
	c->fd = fd;
	c->state = state;
	loop_io_init(&c->io, c->loop, fd, on_io, c);
	update_interest(c);
}

/* Unix sockets refuse the option: their buffer has a fixed size. */
void
conn_limit_unsent(const struct conn *c, int bytes)
{
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof(bytes));
}

bool
conn_accept(struct conn *c, int fd, struct tls_context *tls, struct err *e)
{
	if (tls != NULL) {
		c->tls = tls_session_new(tls, fd, e);
		if (c->tls == NULL) {
			close(fd);
			return false;
		}
	}
	attach_fd(c, fd, tls == NULL ? CONN_OPEN : CONN_HANDSHAKING);
	conn_limit_unsent(c, CONN_UNSENT_MAX);
	return true;
}

bool
conn_connect(struct conn *c, const struct address *address, struct tls_context *tls, struct err *e)
{
	int one = 1;
	int received_max = RECEIVE_BUFFER_BYTES;
	int fd = socket(address->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_set_errno(e, errno, "socket");
	if (!address_is_unix(address)) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &received_max, sizeof(received_max));
	}
	/* Unix sockets connect immediately; on_open is still called from the event loop. */
	if (connect(fd, (const struct sockaddr *)&address->sa, address->len) != 0 &&
	    errno != EINPROGRESS) {
		int error = errno;
		close(fd);
		err_set_errno(e, error, "connect");
		e->code = ERR_CONNECT;
		return false;
	}
	attach_fd(c, fd, CONN_CONNECTING);
	if (!address_is_unix(address))
		conn_limit_unsent(c, CONN_UNSENT_MAX);
	c->tls_client = tls;
	return true;
}

void
conn_close(struct conn *c)
{
	if (c->state != CONN_CLOSED) {
		loop_io_fini(&c->io);
		conn_warm_forget(c);
		tls_session_free(c->tls);
		close(c->fd);
	}
	c->tls = NULL;
	c->tls_client = NULL;
	c->fd = -1;
	c->state = CONN_CLOSED;
	c->blocked = false;
	buf_wipe_fini(&c->out);
}

void
conn_reset(struct conn *c)
{
	struct linger none = {.l_onoff = 1, .l_linger = 0};

	if (c->state != CONN_CLOSED)
		(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	conn_close(c);
}

void
conn_shutdown(struct conn *c)
{
	if (c->state != CONN_OPEN)
		return;
	conn_flush(c);
	if (c->state == CONN_OPEN && !c->blocked && c->tls != NULL) {
		tls_session_close(c->tls);
		conn_flush(c);
	}
	if (c->state == CONN_OPEN && !c->blocked)
		(void)shutdown(c->fd, SHUT_WR);
}

void
conn_want_read(struct conn *c, bool wanted)
{
	if (c->reading == wanted)
		return;
	c->reading = wanted;
	update_interest(c);
	if (wanted && c->state == CONN_OPEN && c->tls != NULL &&
	    (c->may_hold_bytes || tls_session_has_buffered(c->tls)))
		loop_io_poke(&c->io);
}

struct buf *
conn_out(struct conn *c)
{
	return &c->out;
}

void
conn_queue(struct conn *c, struct str data)
{
	if (!conn_is_usable(c))
		return;
	if (!buf_add_str(&c->out, data))
		fail_deferred(c, ERR_MEMORY);
}

/* Sends buffered bytes and data with one system call, and buffers the rest. False if blocked or
 * failed. */
static bool
send_plain(struct conn *c, struct str data)
{
	const char *parts[2] = {c->out.data, data.data};
	struct iovec iov[2];
	int count = 0;

	for (int i = 0; i < 2; i++) {
		size_t len = i == 0 ? c->out.len : data.len;
		if (len > 0) {
			memcpy(&iov[count].iov_base, &parts[i], sizeof(parts[i]));
			iov[count++].iov_len = len;
		}
	}
	if (count == 0)
		return true;
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = (size_t)count};
	ssize_t n = count == 1 ? send(c->fd, iov[0].iov_base, iov[0].iov_len, MSG_NOSIGNAL)
			       : sendmsg(c->fd, &message, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		fail_deferred(c, ERR_CONNECT);
		return false;
	}

	size_t sent = n < 0 ? 0 : (size_t)n;
	size_t of_out = sent < c->out.len ? sent : c->out.len;
	c->sent_bytes += sent;
	buf_wipe_consume(&c->out, of_out);
	struct str rest = str_skip(data, sent - of_out);
	if (!buf_add_str(&c->out, rest)) {
		fail_deferred(c, ERR_MEMORY);
		return false;
	}
	return c->out.len == 0;
}

/* Encrypts buffered bytes and data. Small data shares a record with the buffered bytes. */
static bool
encrypt(struct conn *c, struct str data)
{
	struct err e = ERR_INIT;

	if (c->out.len > 0 && data.len <= COALESCE_MAX) {
		if (!buf_add_str(&c->out, data)) {
			fail_deferred(c, ERR_MEMORY);
			return false;
		}
		data = STR_NONE;
	}
	if ((c->out.len > 0 && !tls_session_write(c->tls, buf_view(&c->out), &e)) ||
	    (data.len > 0 && !tls_session_write(c->tls, data, &e))) {
		fail_deferred(c, e.code);
		return false;
	}
	c->sent_bytes += c->out.len + data.len;
	buf_wipe_consume(&c->out, c->out.len);
	return true;
}

static bool
send_records(struct conn *c)
{
	struct str records;

	while ((records = tls_session_output(c->tls)).len > 0) {
		ssize_t n = send(c->fd, records.data, records.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			fail_deferred(c, ERR_CONNECT);
		tls_session_sent(c->tls, n < 0 ? 0 : (size_t)n);
		if (n < (ssize_t)records.len)
			return false;
	}
	return true;
}

static bool
send_tls(struct conn *c, struct str data)
{
	/* While records are unsent, buffers plaintext: encrypting it now would only copy it twice.
	 */
	if (c->blocked)
		return send_records(c) && encrypt(c, STR_NONE) && send_records(c);
	return encrypt(c, data) && send_records(c);
}

static void
send_now(struct conn *c, struct str data)
{
	bool sent_all;

	if (!buf_is_ok(&c->out)) {
		fail_deferred(c, ERR_MEMORY);
		return;
	}
	sent_all = c->tls != NULL ? send_tls(c, data) : send_plain(c, data);
	if (c->state != CONN_OPEN || c->blocked == !sent_all)
		return;
	c->blocked = !sent_all;
	update_interest(c);
}

/* While blocked, only on_writable sends, which then calls on_drained. */
void
conn_send(struct conn *c, struct str data)
{
	if (c->state == CONN_OPEN && !c->blocked)
		send_now(c, data);
	else
		conn_queue(c, data);
}

void
conn_flush(struct conn *c)
{
	if (c->state == CONN_OPEN && !c->blocked &&
	    (c->out.len > 0 || !buf_is_ok(&c->out) ||
	     (c->tls != NULL && tls_session_output(c->tls).len > 0)))
		send_now(c, STR_NONE);
}

void
conn_send_unencrypted(const struct conn *c, struct str data)
{
	if (c->fd >= 0)
		(void)!send(c->fd, data.data, data.len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

size_t
conn_count_unsent(const struct conn *c)
{
	int in_kernel = 0;

	if (c->state == CONN_CLOSED || ioctl(c->fd, TIOCOUTQ, &in_kernel) != 0)
		in_kernel = 0;
	return c->out.len + (c->tls != NULL ? tls_session_output(c->tls).len : 0) +
	       (size_t)in_kernel;
}

void
conn_trim(struct conn *c)
{
	if (c->out.len == 0 && c->out.size > 0)
		buf_fini(&c->out);
}

static void
report_failure(struct conn *c)
{
	struct err e = ERR_INIT;

	err_set(&e, c->error_code == ERR_NONE ? ERR_CONNECT : c->error_code, "%s",
		c->error_code == ERR_MEMORY ? "send buffer limit exceeded"
					    : "send: connection lost");
	c->ops->on_failed(&e, c->arg);
}

static void
fail_opening(struct conn *c, const struct err *e)
{
	c->state = CONN_FAILED;
	loop_io_want(&c->io, 0);
	c->ops->on_failed(e, c->arg);
}

static void
finish_opening(struct conn *c)
{
	c->state = CONN_OPEN;
	conn_flush(c);
	update_interest(c);
	if (c->ops->on_open != NULL)
		c->ops->on_open(c->arg);
}

static void
on_handshake(struct conn *c)
{
	struct err e = ERR_INIT;
	enum tls_result result = tls_session_handshake(c->tls, &e);
	bool sent_all = send_records(c);

	if (c->state == CONN_FAILED)
		return;
	c->blocked = !sent_all;
	if (result == TLS_WANT_READ) {
		update_interest(c);
		return;
	}
	if (result != TLS_DONE) {
		if (result != TLS_FAILED)
			err_set(&e, ERR_CONNECT, "closed during the TLS handshake");
		fail_opening(c, &e);
		return;
	}
	/* The first request may have arrived with the last handshake message. */
	c->may_hold_bytes = true;
	if (c->reading)
		loop_io_poke(&c->io);
	finish_opening(c);
}

static void
start_handshake(struct conn *c)
{
	struct err e = ERR_INIT;

	c->tls = tls_session_new(c->tls_client, c->fd, &e);
	if (c->tls == NULL) {
		fail_opening(c, &e);
		return;
	}
	c->state = CONN_HANDSHAKING;
	on_handshake(c);
}

static void
on_connected(struct conn *c)
{
	struct err e = ERR_INIT;
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error != 0) {
		err_set_errno(&e, error, "connect");
		e.code = ERR_CONNECT;
		fail_opening(c, &e);
		return;
	}
	if (c->tls_client != NULL) {
		start_handshake(c);
		return;
	}
	finish_opening(c);
}

static void
on_writable(struct conn *c)
{
	send_now(c, STR_NONE);
	if (c->state != CONN_OPEN || c->blocked)
		return;
	conn_trim(c);
	if (c->ops->on_drained != NULL)
		c->ops->on_drained(c->arg);
}

static void
on_io(void *arg, unsigned ready)
{
	struct conn *c = arg;

	switch (c->state) {
	case CONN_CLOSED:
		return;
	case CONN_FAILED:
		report_failure(c);
		return;
	case CONN_CONNECTING:
		on_connected(c);
		return;
	case CONN_HANDSHAKING:
		on_handshake(c);
		return;
	case CONN_OPEN:
		if (ready == LOOP_WRITE)
			on_writable(c);
		else if (c->reading)
			c->ops->on_readable(c->arg);
		return;
	}
}
