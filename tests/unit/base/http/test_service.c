/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/http/service over loopback: routes, bodies, what is refused and how, and that requests in
 * pieces, floods and slow clients do no harm. Clients are threads with blocking sockets.
 */
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

#define ANSWER_MAX 65536u

struct fixture {
	struct loop *loop;
	struct loop_timer guard;
	struct service *service;
	unsigned handled;
	struct buf seen; /* method, path and body of the last request */
};

/* One connection by a thread: sends the bytes, reads until the end. */
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

static void
on_guard(void *arg)
{
	(void)arg;
	fail_msg("the loop waited for something that did not happen");
}

static void
on_stop(void *arg)
{
	loop_stop(arg);
}

static void
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

static void
on_huge(const struct service_request *request, struct service_reply *reply, void *arg)
{
	(void)request;
	(void)arg;
	reply->status = 200;
	while (buf_add_str(&reply->body, STR("0123456789")))
		;
}

static void
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

static enum service_piece
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

static void
close_long(void *arg)
{
	struct long_body *b = arg;

	b->closed++;
	if (b->pieces == 0)
		loop_stop(b->loop);
}

static void
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

static void
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

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err e;

	f->loop = loop_new(&e);
	assert_non_null(f->loop);
	buf_init(&f->seen, 1u << 20);
	loop_timer_init(&f->guard, f->loop, on_guard, NULL);
	loop_timer_start(&f->guard, 20000);
	open_service(f, &usual_options);
	*state = f;
	return 0;
}

static int
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

static int
connect_to(const struct address *a)
{
	const int on = 1;
	int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&a->sa, a->len), 0);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void
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

static void *
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

static void
on_client_done(void *arg, unsigned ready)
{
	struct client *c = arg;

	(void)ready;
	loop_stop(c->loop);
}

/* The answer is valid until the next call. */
static const struct client *
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

static const struct client *
ask_in_pieces(struct fixture *f, struct str bytes, size_t piece)
{
	const struct client how = {.bytes = bytes, .piece = piece};

	return ask_client(f, &how);
}

static const char *
ask(struct fixture *f, const char *request)
{
	return ask_in_pieces(f, str_from(request), 0)->answer;
}

static void
assert_has(const char *answer, const char *words)
{
	if (strstr(answer, words) == NULL)
		fail_msg("no \"%s\" in: %s", words, answer);
}

static void
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

static void
assert_seen(const struct fixture *f, const char *text)
{
	if (!str_equal(buf_view(&f->seen), str_from(text)))
		fail_msg("the handler saw: %.*s", STR_FMT(buf_view(&f->seen)));
}

static void
test_get_and_head(void **state)
{
	struct fixture *f = *state;
	const char *answer = ask(f, "GET /ping?a=b HTTP/1.1\r\nHost: x\r\n\r\n");

	assert_status(answer, 200);
	assert_has(answer, "\r\nContent-Type: application/json\r\n");
	assert_has(answer, "\r\nContent-Length: 11\r\n");
	assert_has(answer, "\r\nConnection: close\r\n");
	assert_has(answer, "\r\n\r\n{\"ok\":true}");
	assert_seen(f, "GET /ping ");

	answer = ask(f, "HEAD /ping HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_status(answer, 200);
	assert_has(answer, "\r\nContent-Length: 11\r\n");
	assert_null(strstr(answer, "{\"ok\""));
	assert_seen(f, "HEAD /ping ");

	assert_status(ask(f, "GET /ping HTTP/1.0\r\n\r\n"), 200);
	assert_status(ask(f, "GET /teapot HTTP/1.1\r\nHost: x\r\n\r\n"), 503);
	assert_status(ask(f, "GET /huge HTTP/1.1\r\nHost: x\r\n\r\n"), 500);
}

static size_t
count_digits(const char *answer)
{
	size_t count = 0;

	for (const char *at = answer; (at = strstr(at, "0123456789")) != NULL; at += 10)
		count++;
	return count;
}

static void
test_long_bodies(void **state)
{
	struct fixture *f = *state;

	long_body = (struct long_body){.pieces = 5};
	const char *answer = ask(f, "GET /long HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_has(answer, "HTTP/1.1 200 OK\r\n");
	assert_has(answer, "\r\nTransfer-Encoding: chunked\r\n");
	assert_has(answer, "\r\nCache-Control: no-store\r\n");
	assert_has(answer, "\r\n\r\n2710\r\n0123456789");
	assert_int_equal(count_digits(answer), 5000);
	assert_string_equal(answer + strlen(answer) - 7, "\r\n0\r\n\r\n");
	assert_int_equal(long_body.closed, 1);

	long_body = (struct long_body){.pieces = 2};
	answer = ask(f, "GET /long HTTP/1.0\r\n\r\n");
	assert_null(strstr(answer, "chunked"));
	assert_has(answer, "\r\n\r\n0123456789");
	assert_int_equal(count_digits(answer), 2000);
	assert_string_equal(answer + strlen(answer) - 10, "0123456789");
	assert_int_equal(long_body.closed, 1);

	long_body = (struct long_body){.pieces = 2};
	answer = ask(f, "HEAD /long HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_has(answer, "HTTP/1.1 200 OK\r\n");
	assert_string_equal(answer + strlen(answer) - 4, "\r\n\r\n");
	assert_int_equal(long_body.asked, 0);
	assert_int_equal(long_body.closed, 1);

	answer = ask(f, "GET /long?x HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_has(answer, "HTTP/1.1 503 Service Unavailable\r\n");
	assert_has(answer, "\r\n\r\n4\r\nbusy\r\n0\r\n\r\n");
	answer = ask(f, "POST /long HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
	assert_status(answer, 405);
	assert_has(answer, "\r\nAllow: GET, HEAD\r\n");
}

/* The source is not asked for what nobody reads, and the connection ends at its deadline. */
static void
test_a_client_who_does_not_read_a_long_body(void **state)
{
	struct service_options options = usual_options;
	struct fixture *f = *state;
	struct str request = STR("GET /long HTTP/1.1\r\nHost: x\r\n\r\n");
	struct err e;

	options.idle_timeout_ms = 300;
	open_service(f, &options);
	long_body = (struct long_body){.loop = f->loop};
	int fd = connect_to(service_address(f->service));
	assert_int_equal(send(fd, request.data, request.len, 0), request.len);
	assert_true(loop_run(f->loop, &e));
	assert_int_equal(long_body.closed, 1);
	assert_true(long_body.asked > 1);
	assert_true(long_body.bytes < (size_t)32 * 1024 * 1024);
	close(fd);
	/* The service ends while a body goes on. */
	long_body = (struct long_body){.loop = f->loop};
	fd = connect_to(service_address(f->service));
	assert_int_equal(send(fd, request.data, request.len, 0), request.len);
	struct loop_timer stop;
	loop_timer_init(&stop, f->loop, on_stop, f->loop);
	loop_timer_start(&stop, 50);
	assert_true(loop_run(f->loop, &e));
	loop_timer_fini(&stop);
	open_service(f, &usual_options);
	assert_int_equal(long_body.closed, long_body.asked > 0);
	close(fd);
}

static void
test_post(void **state)
{
	struct fixture *f = *state;

	assert_status(ask(f, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"),
		      200);
	assert_seen(f, "POST /echo hello");
	assert_status(ask(f, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), 200);
	assert_seen(f, "POST /echo ");
	assert_status(ask(f, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\nContent-Type: "
			     "application/x-www-form-urlencoded\r\n\r\na=b&%zz"),
		      200);
	assert_seen(f, "POST /echo a=b&%zz");
}

static void
test_only_exact_routes(void **state)
{
	static const char *const paths[] = {"/",      "/ping/",	 "/pingx",	  "/pin",
					    "//ping", "/%70ing", "/ping/../ping", "/PING"};
	struct fixture *f = *state;
	char request[128];

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		(void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n",
			       paths[i]);
		assert_status(ask(f, request), 404);
	}
	const char *answer = ask(f, "DELETE /echo HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_status(answer, 405);
	assert_has(answer, "\r\nAllow: POST, GET, HEAD\r\n");
	answer = ask(f, "POST /ping HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
	assert_status(answer, 405);
	assert_has(answer, "\r\nAllow: GET, HEAD\r\n");
	assert_int_equal(f->handled, 0);
}

static void
test_requests_in_pieces(void **state)
{
	static const char request[] = "POST /echo?abcdefghijkl HTTP/1.1\r\nHost: example.test\r\n"
				      "Content-Length: 10\r\n\r\n0123456789";
	struct fixture *f = *state;

	for (size_t piece = 1; piece < 20; piece += 3) {
		const struct client *c = ask_in_pieces(f, str_from(request), piece);
		assert_status(c->answer, 200);
		assert_seen(f, "POST /echo 0123456789");
	}
}

static void
test_refused(void **state)
{
	struct fixture *f = *state;

	assert_status(ask(f, "nonsense\r\n\r\n"), 400);
	assert_status(ask(f, "GET /ping HTTP/1.1\r\nA : b\r\n\r\n"), 400);
	assert_status(ask(f, "BREW /ping HTTP/1.1\r\nHost: x\r\n\r\n"), 501);
	assert_status(ask(f, "GET /ping HTTP/3.0\r\nHost: x\r\n\r\n"), 505);
	assert_status(ask(f, "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
			     "5\r\nhello\r\n0\r\n\r\n"),
		      501);
	assert_status(ask(f, "GET /ping HTTP/1.1\r\n\r\nGET /ping HTTP/1.1\r\n\r\n"), 400);
	assert_int_equal(f->handled, 0);
	assert_status(ask(f, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
}

/* The whole answer arrives, although much of the request was never wanted. */
static void
test_bodies_past_the_maximum(void **state)
{
	struct fixture *f = *state;
	struct buf request;

	buf_init(&request, 8u << 20);
	buf_addf(&request, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %u\r\n\r\n",
		 6u << 20);
	while (request.len < 6u << 20)
		buf_add_str(&request, STR("0123456789abcdef0123456789abcdef0123456789abcdef"));
	const struct client *c = ask_in_pieces(f, buf_view(&request), 0);
	assert_status(c->answer, 413);
	assert_false(c->was_reset);
	assert_int_equal(f->handled, 0);

	buf_clear(&request);
	buf_addf(&request, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %u\r\n\r\n", 100000u);
	size_t head_len = request.len;
	while (request.len < head_len + 100000)
		buf_add_byte(&request, 'x');
	assert_status(ask_in_pieces(f, buf_view(&request), 0)->answer, 200);
	assert_int_equal(f->seen.len, strlen("POST /echo ") + 100000);
	buf_fini(&request);
}

static void
test_head_past_the_maximum(void **state)
{
	struct fixture *f = *state;
	struct buf request;

	buf_init(&request, 1u << 20);
	buf_add_str(&request, STR("GET /ping HTTP/1.1\r\n"));
	while (request.len < 500000)
		buf_add_str(&request, STR("X-Padding: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"));
	const struct client *c = ask_in_pieces(f, buf_view(&request), 0);
	assert_status(c->answer, 431);
	buf_fini(&request);
}

static void
test_expect_continue(void **state)
{
	struct fixture *f = *state;
	const struct client how = {
		.bytes = STR("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
			     "Content-Length: 4\r\n\r\n"),
		.later = STR("body"),
	};
	const struct client *c = ask_client(f, &how);

	assert_status(c->answer, 100);
	assert_has(c->answer, "\r\n\r\nHTTP/1.1 200 OK\r\n");
	assert_null(strstr(strstr(c->answer, "200 OK"), "100 Continue"));
	assert_seen(f, "POST /echo body");
}

static void
test_slow_requests_are_closed(void **state)
{
	struct fixture *f = *state;
	struct service_options options = usual_options;
	uint64_t start_ms = clock_monotonic_ms();

	options.idle_timeout_ms = 200;
	open_service(f, &options);
	assert_string_equal(ask(f, "GET /ping HTTP/1.1\r\nHost:"), "");
	assert_string_equal(ask(f, ""), "");
	assert_string_equal(ask(f, "POST /echo HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf"), "");
	assert_true(clock_monotonic_ms() - start_ms >= 600);
	assert_int_equal(f->handled, 0);
}

static void
test_connections_max(void **state)
{
	struct fixture *f = *state;
	struct service_options options = usual_options;
	int idle[2];

	options.connections_max = 2;
	open_service(f, &options);
	for (size_t i = 0; i < 2; i++)
		idle[i] = connect_to(service_address(f->service));
	assert_string_equal(ask(f, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"), "");
	close(idle[0]);
	/* The end of that one may be seen after the next is accepted. */
	const char *answer = "";
	for (size_t i = 0; i < 100 && answer[0] == '\0'; i++)
		answer = ask(f, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_status(answer, 200);
	close(idle[1]);
}

/* What all have sent so far is bounded, and what fits is still served. */
static void
test_bodies_of_all(void **state)
{
	struct fixture *f = *state;
	struct service_options options = usual_options;
	struct buf request;

	options.bodies_max_bytes = 50000;
	open_service(f, &options);
	buf_init(&request, 1u << 20);
	buf_addf(&request, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %u\r\n\r\n", 80000u);
	while (request.len < 80000)
		buf_add_byte(&request, 'x');
	for (size_t i = 0; i < 3; i++)
		assert_status(ask_in_pieces(f, buf_view(&request), 1000)->answer, 503);
	assert_int_equal(f->handled, 0);
	buf_fini(&request);
	assert_status(ask(f, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"), 200);
}

static size_t
count_descriptors(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void
on_settled(void *arg)
{
	loop_stop(arg);
}

/* libevent closes descriptors from the loop. */
static void
settle(struct fixture *f)
{
	struct loop_timer timer;
	struct err e;

	loop_timer_init(&timer, f->loop, on_settled, f->loop);
	loop_timer_start(&timer, 20);
	assert_true(loop_run(f->loop, &e));
	loop_timer_fini(&timer);
}

static void
test_many_requests_leak_nothing(void **state)
{
	struct fixture *f = *state;
	size_t before = count_descriptors();

	for (size_t i = 0; i < 300; i++)
		assert_status(ask(f, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
	settle(f);
	assert_int_equal(count_descriptors(), before);
	assert_int_equal(f->handled, 300);
}

static void
test_free_with_open_connections(void **state)
{
	struct fixture *f = *state;
	int idle = connect_to(service_address(f->service));
	char byte;

	assert_status(ask(f, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
	service_free(f->service);
	f->service = NULL;
	settle(f);
	assert_int_equal(recv(idle, &byte, 1, 0), 0);
	close(idle);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_get_and_head, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_bodies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_client_who_does_not_read_a_long_body, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_post, setup, teardown),
		cmocka_unit_test_setup_teardown(test_only_exact_routes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_requests_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bodies_past_the_maximum, setup, teardown),
		cmocka_unit_test_setup_teardown(test_head_past_the_maximum, setup, teardown),
		cmocka_unit_test_setup_teardown(test_expect_continue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_requests_are_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connections_max, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bodies_of_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_requests_leak_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_free_with_open_connections, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
