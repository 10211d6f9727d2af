/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to base/http/service that are answered later, or whose client goes before that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/http/service.h"
#include "tests/unit/loop_guard.h"

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n"
#define HEAD(path) "HEAD " path " HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n"
#define POST(path, more)                                                                           \
	"POST " path " HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n" more "\r\nbody"
#define CLOSE "Connection: close\r\n"

struct fixture {
	struct loop *loop;
	struct loop_timer guard;
	struct loop_defer answer;
	struct service *service;
	struct service_wait *wait;
	unsigned cancelled;
	int fd;
	struct loop_io io;
	char received[4096];
	size_t len;
	const char *next;   /* is sent after the first answer */
	const char *behind; /* is sent before it */
	struct loop_timer echo;
};

static void
on_answer_due(void *arg)
{
	struct fixture *f = arg;

	service_answer(f->wait, 200, "text/plain", STR("later\n"));
}

static void *
on_later(struct service_wait *wait, const struct service_request *request, void *arg)
{
	struct fixture *f = arg;

	(void)request;
	f->wait = wait;
	loop_defer_call(&f->answer);
	return f;
}

/* The client disconnects. */
static void *
on_never(struct service_wait *wait, const struct service_request *request, void *arg)
{
	struct fixture *f = arg;

	(void)wait;
	(void)request;
	(void)shutdown(f->fd, SHUT_RDWR);
	return f;
}

static void *
on_no_work(struct service_wait *wait, const struct service_request *request, void *arg)
{
	(void)request;
	(void)wait;
	(void)arg;
	return NULL;
}

static void *
on_now(struct service_wait *wait, const struct service_request *request, void *arg)
{
	(void)arg;
	service_answer(wait, 200, "application/json", request->body);
	return NULL;
}

static void
on_cancel(void *work)
{
	struct fixture *f = work;

	f->cancelled++;
	loop_stop(f->loop);
}

/* The body stays valid until the answer, even if more bytes follow the request. */
static void *
on_echo(struct service_wait *wait, const struct service_request *request, void *arg)
{
	struct fixture *f = arg;

	assert_true(str_equal(request->body, service_wait_body(wait)));
	f->wait = wait;
	if (f->behind != NULL) {
		assert_int_equal(send(f->fd, f->behind, strlen(f->behind), MSG_NOSIGNAL),
				 strlen(f->behind));
		f->behind = NULL;
	}
	loop_timer_start(&f->echo, 20);
	return f;
}

static void
on_echo_due(void *arg)
{
	struct fixture *f = arg;

	service_answer(f->wait, 200, "text/plain", service_wait_body(f->wait));
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct service_options options = {.passed_fd = -1,
						.idle_timeout_ms = 15000,
						.keep_alive_ms = 15000,
						.body_max_bytes = 100,
						.connections_max = 10};
	struct address a;
	struct err e = ERR_INIT;

	f->loop = loop_new(&e);
	assert_non_null(f->loop);
	loop_timer_init(&f->guard, f->loop, on_guard, NULL);
	loop_timer_start(&f->guard, 60000);
	loop_defer_init(&f->answer, f->loop, on_answer_due, f);
	loop_timer_init(&f->echo, f->loop, on_echo_due, f);
	assert_true(address_parse(&a, STR("127.0.0.1:0"), &e));
	f->service = service_new(f->loop, &a, &options, &e);
	assert_non_null(f->service);
	assert_true(service_route_later(f->service, "GET", "/later", on_later, on_cancel, f, &e));
	assert_true(service_route_later(f->service, "GET", "/never", on_never, on_cancel, f, &e));
	assert_true(
		service_route_later(f->service, "GET", "/no-work", on_no_work, on_cancel, f, &e));
	assert_true(service_route_later(f->service, "POST", "/now", on_now, on_cancel, f, &e));
	assert_true(service_route_later(f->service, "POST", "/echo", on_echo, on_cancel, f, &e));
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	service_free(f->service);
	loop_defer_fini(&f->answer);
	loop_timer_fini(&f->echo);
	loop_timer_fini(&f->guard);
	loop_free(f->loop);
	free(f);
	return 0;
}

static void
on_bytes(void *arg, unsigned ready)
{
	struct fixture *f = arg;
	ssize_t n = recv(f->fd, f->received + f->len, sizeof(f->received) - 1 - f->len, 0);

	(void)ready;
	if (n <= 0) {
		loop_io_want(&f->io, 0);
		loop_stop(f->loop);
	} else {
		f->len += (size_t)n;
		f->received[f->len] = '\0';
		if (f->next != NULL && strstr(f->received, "\r\n\r\n") != NULL) {
			assert_int_equal(send(f->fd, f->next, strlen(f->next), MSG_NOSIGNAL),
					 strlen(f->next));
			f->next = NULL;
		}
	}
}

/* Returns what the service sends until it closes. */
static const char *
ask(struct fixture *f, const char *request)
{
	const struct address *a = service_address(f->service);
	struct err e = ERR_INIT;

	f->len = 0;
	f->fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(f->fd, (const struct sockaddr *)&a->sa, a->len), 0);
	assert_int_equal(send(f->fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	loop_io_init(&f->io, f->loop, f->fd, on_bytes, f);
	loop_io_want(&f->io, LOOP_READ);
	assert_true(loop_run(f->loop, &e));
	loop_io_fini(&f->io);
	close(f->fd);
	f->received[f->len] = '\0';
	return f->received;
}

static void
assert_said(const char *answer, const char *status, const char *end)
{
	if (strncmp(answer, "HTTP/1.1 ", 9) != 0 || strncmp(answer + 9, status, 3) != 0 ||
	    !str_ends_with(str_from(answer), str_from(end)))
		fail_msg("%s", answer);
}

static void
test_answers(void **state)
{
	struct fixture *f = *state;

	assert_said(ask(f, GET("/later")), "200", "Content-Length: 6\r\n\r\nlater\n");
	assert_said(ask(f, HEAD("/later")), "200", "Content-Length: 6\r\n\r\n");
	assert_said(ask(f, POST("/later", CLOSE)), "405", "\r\n\r\nMethod Not Allowed\n");
	assert_int_equal(f->cancelled, 0);
}

/* Answers within start, and with a body. The connection is kept. */
static void
test_kept_connections(void **state)
{
	struct fixture *f = *state;
	const char *said;

	f->next = GET("/later");
	said = ask(f, POST("/now", ""));
	assert_said(said, "200", "Content-Length: 6\r\n\r\nlater\n");
	assert_non_null(strstr(said, "application/json"));
	assert_non_null(strstr(said, "Content-Length: 4\r\n\r\nbodyHTTP/1.1 200"));
	f->next = POST("/now", CLOSE);
	said = ask(f, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_said(said, "200", "Content-Length: 4\r\n\r\nbody");
	assert_non_null(strstr(said, "\r\n\r\nlater\nHTTP/1.1 200"));
	f->next = GET("/later");
	said = ask(f, "GET /unknown HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_said(said, "404", "Content-Length: 6\r\n\r\nlater\n");
	/* Nothing of an answer is left for the next one. */
	f->next = GET("/no-work");
	assert_said(ask(f, "HEAD /later HTTP/1.1\r\nHost: x\r\n\r\n"), "200",
		    "\r\n\r\nService Unavailable\n");
	assert_int_equal(f->cancelled, 0);
}

static void
test_no_work(void **state)
{
	assert_said(ask(*state, GET("/no-work")), "503", "\r\n\r\nService Unavailable\n");
}

/* Repeats until the work is cancelled: the client may notice its own end first. */
static void
test_client_disconnects(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;

	(void)ask(f, GET("/never"));
	while (f->cancelled == 0)
		assert_true(loop_run(f->loop, &e));
	assert_int_equal(f->cancelled, 1);
}

static void
test_bodies_stay(void **state)
{
	struct fixture *f = *state;
	const char *said;

	f->behind = GET("/later");
	said = ask(f, POST("/echo", ""));
	assert_said(said, "200", "Content-Length: 6\r\n\r\nlater\n");
	assert_non_null(strstr(said, "Content-Length: 4\r\n\r\nbodyHTTP/1.1 200"));
	f->behind = GET("/later");
	assert_said(ask(f, POST("/echo", CLOSE)), "200", "Content-Length: 4\r\n\r\nbody");
	assert_int_equal(f->cancelled, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kept_connections, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_work, setup, teardown),
		cmocka_unit_test_setup_teardown(test_client_disconnects, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bodies_stay, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
