/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/conn/conn without TLS, over socket pairs and loopback: blocking and draining, every kind of
 * end, connecting, and callbacks that free their conn. With TLS: test_conn_tls.c.
 */
#include "proxy/conn/conn.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/proxy/conn/conn_support.h"

static void
test_bytes_both_ways(void **state)
{
	struct fixture *f = *state;

	open_pair(f, NULL);
	assert_int_equal(f->conn->state, CONN_OPEN);
	peer_send(f, "hello");
	settle(f);
	assert_int_equal(f->readable, 0);
	conn_want_read(f->conn, true);
	UNTIL(f, f->got.len == 5);
	assert_got(f, "hello");
	assert_int_equal(f->conn->received_bytes, 5);
	send_all(f, STR("world"));
	peer_expect(f, "world");
	assert_int_equal(f->conn->sent_bytes, 5);
	conn_want_read(f->conn, false);
	peer_send(f, "more");
	settle(f);
	assert_got(f, "hello");
	conn_want_read(f->conn, true);
	UNTIL(f, f->got.len == 9);
	assert_int_equal(f->drained + f->failed + f->opened, 0);
}

static void
test_queued_bytes_leave_together(void **state)
{
	struct fixture *f = *state;
	char data[64];
	size_t got;

	open_pair(f, NULL);
	conn_queue(f->conn, STR("one "));
	buf_add_str(conn_out(f->conn), STR("two "));
	settle(f);
	assert_true(peer_read(f, data, sizeof(data), &got));
	assert_int_equal(got, 0);
	send_all(f, STR("three"));
	assert_true(peer_read(f, data, sizeof(data), &got));
	assert_int_equal(got, 13);
	assert_memory_equal(data, "one two three", 13);
	conn_queue(f->conn, STR("four"));
	conn_flush(f->conn);
	assert_true(peer_read(f, data, sizeof(data), &got));
	assert_int_equal(got, 4);
	conn_trim(f->conn);
	assert_int_equal(f->conn->out.size, 0);
}

static void
test_blocked_bytes_are_buffered(void **state)
{
	open_pair(*state, NULL);
	check_blocking(*state);
}

static void
test_drained_is_always_reported(void **state)
{
	struct fixture *f = *state;

	for (int flushes = 0; flushes < 2; flushes++) {
		f->drained = 0;
		open_pair(f, NULL);
		check_sends_after_the_peer_read(f, flushes == 1);
		conn_close(f->conn);
		close_peer(f);
	}
}

static void
test_full_buffer_fails_from_the_loop(void **state)
{
	open_pair(*state, NULL);
	check_overflow(*state);
}

/* Bytes that exceed the kernel's buffer must be sent later, even if the caller does nothing. */
static void
test_a_writer_that_overflows(void **state)
{
	struct fixture *f = *state;
	static char large[CONN_OUT_MAX + 1];

	open_pair(f, NULL);
	assert_false(buf_add(conn_out(f->conn), large, sizeof(large)));
	f->in_call = true;
	conn_flush(f->conn);
	f->in_call = false;
	UNTIL(f, f->failed == 1);
	assert_int_equal(f->failure, ERR_MEMORY);
}

static void
test_a_lost_peer_fails_from_the_loop(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	char data[16];
	size_t got;

	open_pair(f, NULL);
	peer_send(f, "answer");
	close_peer(f);
	send_all(f, STR("x"));
	assert_false(conn_is_usable(f->conn));
	assert_int_equal(f->failed, 0);
	send_all(f, STR("y"));
	conn_queue(f->conn, STR("z"));
	conn_flush(f->conn);
	conn_shutdown(f->conn);
	conn_want_read(f->conn, true);
	UNTIL(f, f->failed == 1);
	assert_int_equal(f->failure, ERR_CONNECT);
	/* what came before is still there */
	assert_int_equal(conn_read(f->conn, data, sizeof(data), &got, &e), CONN_READ_SOME);
	assert_int_equal(got, 6);
	settle(f);
	assert_int_equal(f->failed, 1);
}

static void
test_half_closed_by_the_peer(void **state)
{
	struct fixture *f = *state;

	open_pair(f, NULL);
	peer_send(f, "last");
	assert_int_equal(shutdown(f->peer, SHUT_WR), 0);
	conn_want_read(f->conn, true);
	UNTIL(f, f->last == CONN_READ_END);
	assert_got(f, "last");
	send_all(f, STR("answer"));
	peer_expect(f, "answer");
}

static void
test_half_closed_by_us(void **state)
{
	struct fixture *f = *state;

	open_pair(f, NULL);
	conn_queue(f->conn, STR("bye"));
	conn_shutdown(f->conn);
	peer_expect(f, "bye");
	peer_expect_end(f);
	peer_send(f, "and you");
	conn_want_read(f->conn, true);
	UNTIL(f, f->got.len == 7);
}

static void
test_closing_twice_and_never_opened(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	char data[4];
	size_t got;

	conn_close(f->conn);
	open_pair(f, NULL);
	conn_close(f->conn);
	conn_close(f->conn);
	conn_reset(f->conn);
	conn_send(f->conn, STR("x"));
	conn_flush(f->conn);
	conn_shutdown(f->conn);
	assert_int_equal(conn_read(f->conn, data, sizeof(data), &got, &e), CONN_READ_AGAIN);
	assert_int_equal(f->conn->out.size, 0);
	peer_expect_end(f);
	/* and it can be used anew */
	close_peer(f);
	open_pair(f, NULL);
	send_all(f, STR("again"));
	peer_expect(f, "again");
}

static void
test_callbacks_may_free_the_conn(void **state)
{
	struct fixture *f = *state;

	open_pair(f, NULL);
	size_t sent = send_until_blocked(f);
	f->free_in_callback = true;
	peer_receive(f, sent);
	UNTIL(f, f->conn == NULL);
	assert_int_equal(f->drained, 1);
	settle(f);
}

static void
test_on_readable_may_free_the_conn(void **state)
{
	struct fixture *f = *state;

	open_pair(f, NULL);
	f->free_in_callback = true;
	conn_want_read(f->conn, true);
	peer_send(f, "x");
	UNTIL(f, f->conn == NULL);
	settle(f);
}

static void
test_on_failed_may_free_the_conn(void **state)
{
	struct fixture *f = *state;

	open_pair(f, NULL);
	f->free_in_callback = true;
	close_peer(f);
	send_all(f, STR("x"));
	UNTIL(f, f->conn == NULL);
	settle(f);
	assert_int_equal(f->failed, 1);
}

/* Connecting */

static int
listen_on(struct address *a, const char *text)
{
	struct err e = ERR_INIT;

	assert_true(address_parse(a, str_from(text), &e));
	int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a->sa, a->len), 0);
	assert_int_equal(listen(fd, 4), 0);
	a->len = sizeof(a->sa);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a->sa, &a->len), 0);
	return fd;
}

/* Loopback and unix sockets connect at once or a little later: both look the same. */
static void
check_connect(struct fixture *f, const char *text)
{
	struct address a;
	struct err e = ERR_INIT;
	int listener = listen_on(&a, text);

	f->in_call = true;
	assert_true(conn_connect(f->conn, &a, NULL, &e));
	assert_true(conn_is_blocked(f->conn));
	conn_send(f->conn, STR("before "));
	conn_want_read(f->conn, true);
	f->in_call = false;
	assert_int_equal(f->opened, 0);
	UNTIL(f, f->opened > 0);
	assert_false(conn_is_blocked(f->conn));
	UNTIL(f, (f->peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
	send_all(f, STR("after"));
	peer_expect(f, "before after");
	peer_send(f, "hello");
	UNTIL(f, f->got.len == 5);
	assert_int_equal(f->opened, 1);
	close(listener);
}

static void
test_connecting_over_tcp(void **state)
{
	check_connect(*state, "127.0.0.1:0");
}

static void
test_connecting_over_a_unix_socket(void **state)
{
	struct certs_path path = certs_path(&certs, "socket");
	char text[CERTS_PATH_MAX + 8];

	(void)snprintf(text, sizeof(text), "unix:%s", path.text);
	check_connect(*state, text);
	assert_int_equal(unlink(path.text), 0);
}

static void
test_nobody_listens(void **state)
{
	struct fixture *f = *state;
	struct address a;
	struct err e = ERR_INIT;

	close(listen_on(&a, "127.0.0.1:0"));
	if (conn_connect(f->conn, &a, NULL, &e)) {
		conn_send(f->conn, STR("x"));
		UNTIL(f, f->failed == 1);
		assert_int_equal(f->failure, ERR_CONNECT);
		conn_close(f->conn);
	} else {
		assert_int_equal(e.code, ERR_CONNECT);
	}
	assert_true(address_parse(&a, STR("unix:/nonexistent/socket"), &e));
	assert_false(conn_connect(f->conn, &a, NULL, &e));
	assert_int_equal(e.code, ERR_CONNECT);
	assert_int_equal(f->opened, 0);
	assert_int_equal(f->conn->state, CONN_CLOSED);
}

static void
test_a_reset_is_no_end(void **state)
{
	struct fixture *f = *state;
	struct address a;
	struct err e = ERR_INIT;
	char data[4];
	int listener = listen_on(&a, "127.0.0.1:0");

	assert_true(conn_connect(f->conn, &a, NULL, &e));
	UNTIL(f, f->opened == 1);
	UNTIL(f, (f->peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
	conn_reset(f->conn);
	UNTIL(f, recv(f->peer, data, sizeof(data), 0) == 0 || errno != EAGAIN);
	assert_int_equal(errno, ECONNRESET);
	close_peer(f);

	/* and the same from the peer */
	assert_true(conn_connect(f->conn, &a, NULL, &e));
	UNTIL(f, f->opened == 2);
	UNTIL(f, (f->peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
	struct linger none = {.l_onoff = 1, .l_linger = 0};
	assert_int_equal(setsockopt(f->peer, SOL_SOCKET, SO_LINGER, &none, sizeof(none)), 0);
	close_peer(f);
	conn_want_read(f->conn, true);
	UNTIL(f, f->last == CONN_READ_FAILED);
	assert_int_equal(f->read_error, ERR_CONNECT);
	assert_int_equal(f->failed, 0);
	close(listener);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bytes_both_ways),
		TEST(test_queued_bytes_leave_together),
		TEST(test_blocked_bytes_are_buffered),
		TEST(test_drained_is_always_reported),
		TEST(test_full_buffer_fails_from_the_loop),
		TEST(test_a_writer_that_overflows),
		TEST(test_a_lost_peer_fails_from_the_loop),
		TEST(test_half_closed_by_the_peer),
		TEST(test_half_closed_by_us),
		TEST(test_closing_twice_and_never_opened),
		TEST(test_callbacks_may_free_the_conn),
		TEST(test_on_readable_may_free_the_conn),
		TEST(test_on_failed_may_free_the_conn),
		TEST(test_connecting_over_tcp),
		TEST(test_connecting_over_a_unix_socket),
		TEST(test_nobody_listens),
		TEST(test_a_reset_is_no_end),
	};

	return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
