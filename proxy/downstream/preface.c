/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See preface.h. The header is looked at in the socket's buffer and taken out when it is whole, so
 * that no byte behind it is touched; SO_RCVLOWAT keeps the loop asleep until more than what was
 * seen is there.
 */
#include "proxy/downstream/preface.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/downstream/downstream.h"
#include "proxy/downstream/proxy_protocol.h"

struct preface {
	struct preface *next;
	struct preface **link;
	struct proxy *proxy;
	struct tls_context *tls;
	struct loop_io io;
	struct loop_timer timer;
	int fd;
	size_t seen; /* bytes, when it was looked at last */
	struct address peer;
};

/* The descriptor is the caller's again. */
static void
leave(struct preface *f)
{
	*f->link = f->next;
	if (f->next != NULL)
		f->next->link = f->link;
	f->proxy->downstreams_count--;
	loop_io_fini(&f->io);
	loop_timer_fini(&f->timer);
	free(f);
}

static void
tell_capacity(const struct proxy *p)
{
	if (p->on_capacity != NULL)
		p->on_capacity(p->on_capacity_arg);
}

static void
refuse(struct preface *f, const struct err *e)
{
	struct proxy *p = f->proxy;
	char ip[ADDRESS_TEXT_MAX];

	address_format_ip(&f->peer, ip, sizeof(ip));
	log_info(NULL, "connection refused", log_cstr("peer", ip), log_err(e));
	close(f->fd);
	leave(f);
	tell_capacity(p);
}

static void
want_bytes(int fd, size_t count)
{
	int low = (int)count;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low));
}

static void
hand_on(struct preface *f, size_t header_len, const struct address *client)
{
	char header[PROXY_PROTOCOL_MAX];
	struct preface copy = *f;
	struct err e = ERR_INIT;

	if (recv(f->fd, header, header_len, 0) != (ssize_t)header_len) {
		err_set(&e, ERR_CONNECT, "PROXY header: lost");
		refuse(f, &e);
		return;
	}
	want_bytes(f->fd, 1);
	leave(f);
	downstream_accept(copy.proxy, copy.fd, address_is_set(client) ? client : &copy.peer,
			  copy.tls);
	tell_capacity(copy.proxy); /* where it was not taken */
}

static bool
has_ended(int fd)
{
	struct pollfd look = {.fd = fd, .events = POLLRDHUP};

	return poll(&look, 1, 0) > 0;
}

/* An end makes the socket readable for good, however many bytes are wanted. */
static void
wait_for_more(struct preface *f, size_t len)
{
	struct err e = ERR_INIT;

	if (len == f->seen && has_ended(f->fd)) {
		err_set(&e, ERR_CONNECT, "PROXY header: closed in the middle of it");
		refuse(f, &e);
		return;
	}
	f->seen = len;
	want_bytes(f->fd, len + 1);
}

static void
on_readable(void *arg, unsigned ready)
{
	struct preface *f = arg;
	struct err e = ERR_INIT;
	char data[PROXY_PROTOCOL_MAX];
	struct address client;
	size_t used;
	ssize_t n = recv(f->fd, data, sizeof(data), MSG_PEEK);

	(void)ready;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		err_set(&e, ERR_CONNECT, "PROXY header: closed before it came");
		refuse(f, &e);
		return;
	}
	switch (proxy_protocol_parse((struct str){data, (size_t)n}, &used, &client, &e)) {
	case PROXY_PROTOCOL_MORE:
		wait_for_more(f, (size_t)n);
		return;
	case PROXY_PROTOCOL_WHOLE:
		hand_on(f, used, &client);
		return;
	case PROXY_PROTOCOL_BAD:
		refuse(f, &e);
		return;
	}
}

static void
on_timer(void *arg)
{
	struct preface *f = arg;
	struct err e = ERR_INIT;

	err_set(&e, ERR_TIMEOUT, "PROXY header: did not arrive in time");
	refuse(f, &e);
}

void
preface_start(struct proxy *p, int fd, const struct address *peer, struct tls_context *tls)
{
	struct preface *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		close(fd);
		return;
	}
	f->proxy = p;
	f->tls = tls;
	f->fd = fd;
	f->peer = *peer;
	f->next = p->prefaces;
	f->link = &p->prefaces;
	if (f->next != NULL)
		f->next->link = &f->next;
	p->prefaces = f;
	p->downstreams_count++;
	loop_timer_init(&f->timer, p->loop, on_timer, f);
	loop_timer_start(&f->timer, p->settings->handshake_timeout_ms);
	loop_io_init(&f->io, p->loop, fd, on_readable, f);
	loop_io_want(&f->io, LOOP_READ);
}

void
preface_drain_all(struct proxy *p)
{
	for (struct preface *f = p->prefaces; f != NULL; f = f->next)
		loop_timer_start(&f->timer, DOWNSTREAM_LAST_REQUEST_MS);
}

void
preface_close_all(struct proxy *p)
{
	struct preface *next;

	for (struct preface *f = p->prefaces; f != NULL; f = next) {
		next = f->next;
		close(f->fd);
		leave(f);
	}
}
