/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peeks at the header in the socket's buffer and removes it when it is complete, so that no byte
 * after it is consumed. SO_RCVLOWAT suppresses wake-ups until new bytes arrive.
 */
#include "proxy/downstream/proxy_header.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/downstream/downstream.h"
#include "proxy/downstream/proxy_protocol.h"

struct proxy_header {
	LIST_ENTRY(proxy_header) entry;
	struct proxy *proxy;
	struct tls_context *tls;
	struct loop_io io;
	struct loop_timer timer;
	int fd;
	size_t seen; /* bytes that were pending at the last event */
	struct address peer;
};

/* Frees f. The caller owns the descriptor. */
static void
proxy_header_free(struct proxy_header *f)
{
	LIST_REMOVE(f, entry);
	f->proxy->downstreams_count--;
	loop_io_fini(&f->io);
	loop_timer_fini(&f->timer);
	free(f);
}

static void
announce_capacity(const struct proxy *p)
{
	if (p->on_capacity != NULL)
		p->on_capacity(p->on_capacity_arg);
}

static void
reject_connection(struct proxy_header *f, const struct err *e)
{
	struct proxy *p = f->proxy;
	char ip[ADDRESS_TEXT_MAX];

	address_format_ip(&f->peer, ip, sizeof(ip));
	log_info(NULL, "connection refused", log_cstr("peer", ip), log_err(e));
	close(f->fd);
	proxy_header_free(f);
	announce_capacity(p);
}

static void
reject_because(struct proxy_header *f, enum err_code code, const char *reason)
{
	struct err e = ERR_INIT;

	err_set(&e, code, "PROXY header: %s", reason);
	reject_connection(f, &e);
}

static void
want_bytes(int fd, size_t count)
{
	int low = (int)count;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low));
}

static void
start_downstream(struct proxy_header *f, size_t header_len, const struct address *client)
{
	char header[PROXY_PROTOCOL_MAX];
	struct proxy_header copy = *f;

	if (recv(f->fd, header, header_len, 0) != (ssize_t)header_len) {
		reject_because(f, ERR_CONNECT, "lost");
		return;
	}
	want_bytes(f->fd, 1);
	proxy_header_free(f);
	downstream_accept(copy.proxy, copy.fd, address_is_set(client) ? client : &copy.peer,
			  copy.tls);
	announce_capacity(copy.proxy); /* the connection may have been refused */
}

static bool
has_ended(int fd)
{
	struct pollfd look = {.fd = fd, .events = POLLRDHUP};

	return poll(&look, 1, 0) > 0;
}

/* At the end of the stream the socket remains readable, whatever SO_RCVLOWAT is. */
static void
wait_for_more(struct proxy_header *f, size_t len)
{
	if (len == f->seen && has_ended(f->fd)) {
		reject_because(f, ERR_CONNECT, "incomplete when the peer closed");
		return;
	}
	f->seen = len;
	want_bytes(f->fd, len + 1);
}

static void
on_readable(void *arg, unsigned ready)
{
	struct proxy_header *f = arg;
	struct err e = ERR_INIT;
	char data[PROXY_PROTOCOL_MAX];
	struct address client;
	size_t used;
	ssize_t n = recv(f->fd, data, sizeof(data), MSG_PEEK);

	(void)ready;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		reject_because(f, ERR_CONNECT, "the peer closed without one");
		return;
	}
	switch (proxy_protocol_parse((struct str){data, (size_t)n}, &used, &client, &e)) {
	case PROXY_PROTOCOL_MORE:
		wait_for_more(f, (size_t)n);
		return;
	case PROXY_PROTOCOL_COMPLETE:
		start_downstream(f, used, &client);
		return;
	case PROXY_PROTOCOL_BAD:
		reject_connection(f, &e);
		return;
	}
}

static void
on_timer(void *arg)
{
	reject_because(arg, ERR_TIMEOUT, "timed out");
}

void
proxy_header_start(struct proxy *p, int fd, const struct address *peer, struct tls_context *tls)
{
	struct proxy_header *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		close(fd);
		return;
	}
	f->proxy = p;
	f->tls = tls;
	f->fd = fd;
	f->peer = *peer;
	LIST_INSERT_HEAD(&p->proxy_headers, f, entry);
	p->downstreams_count++;
	loop_timer_init(&f->timer, p->loop, on_timer, f);
	loop_timer_start(&f->timer, p->settings->handshake_timeout_ms);
	loop_io_init(&f->io, p->loop, fd, on_readable, f);
	loop_io_want(&f->io, LOOP_READ);
}

void
proxy_header_drain_all(struct proxy *p)
{
	struct proxy_header *f;

	LIST_FOREACH (f, &p->proxy_headers, entry)
		loop_timer_start(&f->timer, DOWNSTREAM_LAST_REQUEST_MS);
}

void
proxy_header_close_all(struct proxy *p)
{
	struct proxy_header *f;
	struct proxy_header *next;

	LIST_FOREACH_SAFE (f, &p->proxy_headers, entry, next) {
		close(f->fd);
		proxy_header_free(f);
	}
}
