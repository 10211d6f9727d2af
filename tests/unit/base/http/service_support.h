/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of base/http/service share: a service, and clients that are threads with blocking
 * sockets.
 */
#ifndef TESTS_UNIT_BASE_HTTP_SERVICE_SUPPORT_H
#define TESTS_UNIT_BASE_HTTP_SERVICE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/http/service.h"
#include "tests/unit/loop_guard.h"

#define ANSWER_MAX 65536u

struct fixture {
	struct loop *loop;
	struct loop_timer guard;
	struct service *service;
	unsigned handled;
	struct buf seen; /* method, path and body of the last request */
};

/* A connection of a thread: sends the bytes, then reads until the end. */
struct client {
	struct address address;
	struct str bytes;
	struct str later; /* sent when something was received */
	size_t piece;	  /* bytes per send; 0: all */
	int fd;
	int wake[2];
	struct loop_io io;
	struct loop *loop;
	char answer[ANSWER_MAX];
	size_t answer_len;
	bool was_reset;
};

static inline void
on_echo(const struct service_request *request, struct service_reply *reply, void *arg)
{
	struct fixture *f = arg;

	f->handled++;
	buf_clear(&f->seen);
	buf_addf(&f->seen, "%.*s %.*s ", STR_FMT(request->method), STR_FMT(request->path));
	buf_add_str(&f->seen, request->body);
	reply->status = 200;
	reply->content_type = "application/json";
	buf_add_str(&reply->body, STR("{\"ok\":true}"));
}

static inline void
on_huge(const struct service_request *request, struct service_reply *reply, void *arg)
{
	(void)request;
	(void)arg;
	reply->status = 200;
	while (buf_add_str(&reply->body, STR("0123456789")))
		;
}

static inline void
on_teapot(const struct service_request *request, struct service_reply *reply, void *arg)
{
	(void)request;
	(void)arg;
	reply->status = 503;
}

/* A body that comes in pieces, with pauses. */
struct long_body {
	struct loop *loop;
	unsigned pieces; /* 0: no end */
	unsigned asked;
	unsigned closed;
	size_t bytes;
};

static struct long_body long_body;

static inline enum service_piece
fill_long(void *arg, struct buf *out)
{
	struct long_body *b = arg;

	b->asked++;
	if (b->pieces > 0 && b->asked > 2 * b->pieces)
		return SERVICE_END;
	if (b->pieces > 0 && b->asked % 2 == 0)
		return SERVICE_MORE; /* nothing yet */
	for (unsigned i = 0; i < 1000; i++)
		buf_add_str(out, STR("0123456789"));
	b->bytes += out->len;
	return SERVICE_MORE;
}

static inline void
close_long(void *arg)
{
	struct long_body *b = arg;

	b->closed++;
	if (b->pieces == 0)
		loop_stop(b->loop);
}

static inline void
on_long(const struct service_request *request, struct service_reply *reply, void *arg)
{
	(void)arg;
	if (request->query.len > 0) {
		reply->status = 503;
		buf_add_str(&reply->body, STR("busy"));
		return;
	}
	reply->source = (struct service_source){fill_long, close_long, &long_body};
}

static inline void
open_service(struct fixture *f, const struct service_options *options)
{
	struct address a;
	struct err e;

	service_free(f->service);
	assert_true(address_parse(&a, STR("127.0.0.1:0"), &e));
	f->service = service_new(f->loop, &a, options, &e);
	if (f->service == NULL)
		fail_msg("%s", e.text);
	assert_true(service_route(f->service, "GET", "/ping", on_echo, f, &e));
	assert_true(service_route(f->service, "POST", "/echo", on_echo, f, &e));
	assert_true(service_route(f->service, "GET", "/echo", on_echo, f, &e));
	assert_true(service_route(f->service, "GET", "/huge", on_huge, f, &e));
	assert_true(service_route(f->service, "GET", "/teapot", on_teapot, f, &e));
	assert_true(service_route_long(f->service, "/long", on_long, f, &e));
}

static const struct service_options usual_options = {
	.passed_fd = -1,
	.body_max_bytes = 100000,
	.idle_timeout_ms = 15000,
	.connections_max = 100,
};

static inline int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err e;

	f->loop = loop_new(&e);
	assert_non_null(f->loop);
	buf_init(&f->seen, 1u << 20);
	loop_timer_init(&f->guard, f->loop, on_guard, NULL);
	loop_timer_start(&f->guard, 60000);
	open_service(f, &usual_options);
	*state = f;
	return 0;
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;

	service_free(f->service);
	loop_timer_fini(&f->guard);
	loop_free(f->loop);
	buf_fini(&f->seen);
	free(f);
	return 0;
}

static inline int
connect_to(const struct address *a)
{
	const int on = 1;
	int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&a->sa, a->len), 0);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static inline void
send_pieces(struct client *c)
{
	struct str rest = c->bytes;

	while (rest.len > 0) {
		struct str piece = c->piece == 0 ? rest : str_take(rest, c->piece);
		ssize_t n = send(c->fd, piece.data, piece.len, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		rest = str_skip(rest, (size_t)n);
		if (c->piece != 0)
			usleep(200); /* so that pieces arrive apart; nothing depends on it */
	}
}

static inline void *
run_client(void *arg)
{
	struct client *c = arg;
	ssize_t n;

	send_pieces(c);
	if (c->later.len > 0) {
		n = recv(c->fd, c->answer, ANSWER_MAX / 2, 0);
		c->answer_len = n > 0 ? (size_t)n : 0;
		(void)send(c->fd, c->later.data, c->later.len, MSG_NOSIGNAL);
	}
	while ((n = recv(c->fd, c->answer + c->answer_len, ANSWER_MAX - 1 - c->answer_len, 0)) > 0)
		c->answer_len += (size_t)n;
	c->was_reset = n < 0;
	c->answer[c->answer_len] = '\0';
	close(c->fd);
	(void)!write(c->wake[1], "x", 1);
	return NULL;
}

static inline void
on_client_done(void *arg, unsigned ready)
{
	struct client *c = arg;

	(void)ready;
	loop_stop(c->loop);
}

/* The answer is valid until the next call. */
static inline const struct client *
ask_client(struct fixture *f, const struct client *how)
{
	static struct client c;
	pthread_t thread;
	struct err e;

	c = *how;
	c.loop = f->loop;
	c.address = *service_address(f->service);
	c.fd = connect_to(&c.address);
	assert_int_equal(pipe2(c.wake, O_CLOEXEC), 0);
	loop_io_init(&c.io, f->loop, c.wake[0], on_client_done, &c);
	loop_io_want(&c.io, LOOP_READ);
	assert_int_equal(pthread_create(&thread, NULL, run_client, &c), 0);
	assert_true(loop_run(f->loop, &e));
	assert_int_equal(pthread_join(thread, NULL), 0);
	loop_io_fini(&c.io);
	close(c.wake[0]);
	close(c.wake[1]);
	return &c;
}

static inline const struct client *
ask_in_pieces(struct fixture *f, struct str bytes, size_t piece)
{
	const struct client how = {.bytes = bytes, .piece = piece};

	return ask_client(f, &how);
}

static inline const char *
ask(struct fixture *f, const char *request)
{
	return ask_in_pieces(f, str_from(request), 0)->answer;
}

static inline void
assert_has(const char *answer, const char *words)
{
	if (strstr(answer, words) == NULL)
		fail_msg("no \"%s\" in: %s", words, answer);
}

static inline void
assert_status(const char *answer, unsigned status)
{
	unsigned got = 0;

	if (sscanf(answer, "HTTP/1.%*1[01] %u ", &got) != 1 || got != status)
		fail_msg("status %u is not %u: %s", got, status, answer);
	if (status == 100)
		return;
	assert_has(answer, "\r\nContent-Length: ");
	assert_has(answer, "\r\nDate: ");
	assert_has(answer, "\r\nCache-Control: no-store\r\n");
	assert_has(answer, "\r\nX-Content-Type-Options: nosniff\r\n");
}

#endif
