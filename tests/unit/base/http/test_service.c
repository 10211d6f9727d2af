/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/http/service over loopback: routes, bodies, what is refused and how, and that requests in
 * pieces, floods and slow clients do no harm. Clients are threads with blocking sockets.
 */
#include "tests/unit/base/http/service_support.h"

static void
on_stop(void *arg)
{
	loop_stop(arg);
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

/* The source is not asked for pieces that the client does not read, and the connection times
 * out. */
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
	/* The service is freed while a body is being sent. */
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
	assert_status(ask(f, "GET /ping HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n"), 400);
	assert_status(ask(f, "BREW /ping HTTP/1.1\r\nHost: x\r\n\r\n"), 501);
	assert_status(ask(f, "GET /ping HTTP/3.0\r\nHost: x\r\n\r\n"), 505);
	assert_status(ask(f, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
			     "5\r\nhello\r\n0\r\n\r\n"),
		      501);
	assert_status(ask(f, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\nGET /ping HTTP/1.1\r\n\r\n"),
		      400);
	assert_int_equal(f->handled, 0);
	assert_status(ask(f, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
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
		cmocka_unit_test_setup_teardown(test_expect_continue, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
