/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/http/service: maxima of heads, bodies and connections, timeouts, and that nothing leaks.
 */
#include "tests/unit/base/http/service_support.h"
#include "tests/unit/loop_guard.h"

/* The whole response arrives although most of the request is discarded. */
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
	buf_add_str(&request, STR("GET /ping HTTP/1.1\r\nHost: x\r\n"));
	while (request.len < 500000)
		buf_add_str(&request, STR("X-Padding: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"));
	const struct client *c = ask_in_pieces(f, buf_view(&request), 0);
	assert_status(c->answer, 431);
	buf_fini(&request);
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
	assert_string_equal(
		ask(f, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"), "");
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
	/* The next connection may be accepted before the end of that one is noticed. */
	const char *answer = "";
	for (size_t i = 0; i < 100 && answer[0] == '\0'; i++)
		answer = ask(f, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_status(answer, 200);
	close(idle[1]);
}

/* The sum of received bytes is bounded, and requests that fit are still served. */
static void
test_sum_of_unfinished_bodies(void **state)
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
		cmocka_unit_test_setup_teardown(test_bodies_past_the_maximum, setup, teardown),
		cmocka_unit_test_setup_teardown(test_head_past_the_maximum, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_requests_are_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connections_max, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sum_of_unfinished_bodies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_requests_leak_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_free_with_open_connections, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
