/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/conn/conn against OpenSSL's client over socket pairs: handshakes, data that arrives with
 * their last message, bytes that TLS buffers, blocking and draining, every kind of end, and
 * callbacks that free their conn. Without TLS: test_conn.c.
 */
#include "tests/unit/proxy/conn/conn_support.h"

static void
test_tls_drained_is_always_reported(void **state)
{
	struct fixture *f = *state;

	for (int flushes = 0; flushes < 2; flushes++) {
		f->opened = f->drained = 0;
		open_tls(f);
		UNTIL(f, f->opened == 1);
		check_sends_after_the_peer_read(f, flushes == 1);
		conn_close(f->conn);
		close_peer(f);
	}
}

static void
test_tls_bytes_both_ways(void **state)
{
	struct fixture *f = *state;

	open_pair(f, tls_context);
	assert_true(conn_is_blocked(f->conn));
	/* waits for the handshake */
	send_all(f, STR("before "));
	start_client(f);
	UNTIL(f, SSL_do_handshake(f->client) == 1);
	UNTIL(f, f->opened == 1);
	assert_false(conn_is_blocked(f->conn));
	peer_expect(f, "before ");
	send_all(f, STR("after"));
	peer_expect(f, "after");
	conn_want_read(f->conn, true);
	peer_send(f, "hello");
	UNTIL(f, f->got.len == 5);
	assert_got(f, "hello");
	assert_int_equal(f->opened, 1);
	assert_int_equal(f->conn->received_bytes, 5);
	assert_int_equal(f->conn->sent_bytes, 12);
}

/* The client's last flight and its first request in one segment: no readiness follows it. */
static void
check_early_request(struct fixture *f, bool before_handshake)
{
	open_pair(f, tls_context);
	f->want_read_on_open = !before_handshake;
	if (before_handshake)
		conn_want_read(f->conn, true);
	start_client(f);
	UNTIL(f, SSL_do_handshake(f->client) == 1);
	assert_int_equal(f->opened, 0);
	peer_send(f, "GET / HTTP/1.1");
	UNTIL(f, f->got.len == 14);
	assert_got(f, "GET / HTTP/1.1");
	assert_int_equal(f->opened, 1);
}

static void
test_tls_early_request_wanted_before(void **state)
{
	check_early_request(*state, true);
}

static void
test_tls_early_request_wanted_on_open(void **state)
{
	check_early_request(*state, false);
}

static void
test_tls_early_request_wanted_later(void **state)
{
	struct fixture *f = *state;

	open_tls(f);
	peer_send(f, "early");
	UNTIL(f, f->opened == 1);
	settle(f);
	assert_int_equal(f->readable, 0);
	conn_want_read(f->conn, true);
	UNTIL(f, f->got.len == 5);
}

/* Reads much less than a record at once, while more records wait. */
static void
test_tls_buffers_bytes(void **state)
{
	struct fixture *f = *state;
	static char data[50000];
	static const size_t sizes[] = {1, 999, 16384, 20000};

	open_tls(f);
	UNTIL(f, f->opened == 1);
	fill(data, sizeof(data), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		bool pauses = i == 1;
		f->read_size = sizes[i];
		buf_clear(&f->got);
		conn_want_read(f->conn, true);
		assert_int_equal(SSL_write(f->client, data, sizeof(data)), sizeof(data));
		uint64_t start_ms = clock_monotonic_ms();
		while (f->got.len < sizeof(data)) {
			spin(f);
			if (pauses) {
				conn_want_read(f->conn, false);
				size_t before = f->got.len;
				spin(f);
				assert_int_equal(f->got.len, before);
				conn_want_read(f->conn, true);
			}
			check_patience(start_ms, "bytes that TLS holds");
		}
		assert_int_equal(f->got.len, sizeof(data));
		assert_filled(f->got.data, sizeof(data), 0);
	}
	/* and then it is quiet */
	settle(f);
	unsigned before = f->readable;
	settle(f);
	assert_int_equal(f->readable, before);
}

static void
test_tls_reads_what_fits_at_once(void **state)
{
	struct fixture *f = *state;
	static char data[50000];

	open_tls(f);
	UNTIL(f, f->opened == 1);
	fill(data, sizeof(data), 0);
	assert_int_equal(SSL_write(f->client, data, sizeof(data)), sizeof(data));
	conn_want_read(f->conn, true);
	UNTIL(f, f->got.len > 0);
	assert_int_equal(f->got.len, sizeof(data));
}

static void
test_tls_blocked_bytes_are_buffered(void **state)
{
	struct fixture *f = *state;

	open_tls(f);
	UNTIL(f, f->opened == 1);
	check_blocking(f);
}

static void
test_tls_full_buffer_fails_from_the_loop(void **state)
{
	struct fixture *f = *state;

	open_tls(f);
	UNTIL(f, f->opened == 1);
	check_overflow(f);
}

static void
test_tls_small_sends_while_blocked(void **state)
{
	struct fixture *f = *state;
	size_t sent;
	char piece[100];

	open_tls(f);
	UNTIL(f, f->opened == 1);
	sent = send_until_blocked(f);
	for (int i = 0; i < 50; i++) {
		fill(piece, sizeof(piece), sent);
		if (i % 2 == 0)
			conn_queue(f->conn, (struct str){piece, sizeof(piece)});
		else
			send_all(f, (struct str){piece, sizeof(piece)});
		sent += sizeof(piece);
	}
	peer_receive(f, sent);
	UNTIL(f, f->drained == 1);
	send_all(f, STR("end"));
	peer_expect(f, "end");
}

/* After all buffered bytes were read, new records must be noticed. */
static void
open_and_settle(struct fixture *f)
{
	open_tls(f);
	conn_want_read(f->conn, true);
	peer_send(f, "first");
	UNTIL(f, f->got.len == 5);
	settle(f);
	assert_false(f->conn->may_hold_bytes);
	buf_clear(&f->got);
}

static void
test_tls_end_behind_bytes(void **state)
{
	struct fixture *f = *state;

	open_and_settle(f);
	peer_send(f, "last words");
	assert_int_equal(SSL_shutdown(f->client), 0);
	f->read_size = 4;
	UNTIL(f, f->last == CONN_READ_END);
	assert_got(f, "last words");
	/* a half-closed session can still be answered */
	send_all(f, STR("answer"));
	peer_expect(f, "answer");
	conn_shutdown(f->conn);
	peer_expect_end(f);
}

static void
test_tls_end_without_close_notify(void **state)
{
	struct fixture *f = *state;

	open_and_settle(f);
	peer_send(f, "last words");
	SSL_set_quiet_shutdown(f->client, 1);
	close_peer(f);
	UNTIL(f, f->last == CONN_READ_FAILED);
	assert_got(f, "last words");
	assert_int_equal(f->read_error, ERR_CONNECT);
	settle(f);
	assert_int_equal(f->failed, 0);
}

static void
test_tls_bytes_that_are_no_record(void **state)
{
	struct fixture *f = *state;

	open_and_settle(f);
	peer_send(f, "good");
	assert_int_equal(send(f->peer, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
	UNTIL(f, f->last == CONN_READ_FAILED);
	assert_got(f, "good");
	assert_int_equal(f->read_error, ERR_TLS);
}

static void
test_tls_shutdown_comes_behind_what_is_queued(void **state)
{
	struct fixture *f = *state;

	open_tls(f);
	UNTIL(f, f->opened == 1);
	conn_queue(f->conn, STR("bye"));
	conn_shutdown(f->conn);
	peer_expect(f, "bye");
	peer_expect_end(f);
	assert_int_equal(f->failed, 0);
}

/* While blocked, a shutdown does nothing; the owner repeats it from on_drained. */
static void
test_tls_shutdown_while_blocked(void **state)
{
	struct fixture *f = *state;

	open_tls(f);
	UNTIL(f, f->opened == 1);
	size_t sent = send_until_blocked(f);
	f->in_call = true;
	conn_shutdown(f->conn);
	f->in_call = false;
	peer_receive(f, sent);
	UNTIL(f, f->drained == 1);
	conn_shutdown(f->conn);
	peer_expect_end(f);
	assert_int_equal(f->failed, 0);
}

static void
test_tls_handshakes_that_fail(void **state)
{
	struct fixture *f = *state;

	open_pair(f, tls_context);
	peer_send(f, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	UNTIL(f, f->failed == 1);
	/* HTTP without TLS is told apart, and can be answered. */
	assert_int_equal(f->failure, ERR_INPUT);
	conn_send_unencrypted(f->conn, STR("no"));
	char answer[2];
	assert_int_equal(recv(f->peer, answer, sizeof(answer), 0), 2);
	assert_memory_equal(answer, "no", 2);
	conn_close(f->conn);
	close_peer(f);

	open_pair(f, tls_context);
	start_client(f);
	assert_int_equal(SSL_do_handshake(f->client), -1);
	SSL_set_quiet_shutdown(f->client, 1);
	spin(f);
	close_peer(f);
	UNTIL(f, f->failed == 2);
	assert_int_equal(f->failure, ERR_CONNECT);
	assert_int_equal(f->opened, 0);
}

static void
test_tls_on_open_may_free_the_conn(void **state)
{
	struct fixture *f = *state;

	f->free_in_callback = true;
	open_pair(f, tls_context);
	conn_want_read(f->conn, true);
	start_client(f);
	UNTIL(f, SSL_do_handshake(f->client) == 1);
	peer_send(f, "early");
	UNTIL(f, f->conn == NULL);
	settle(f);
	assert_int_equal(f->opened, 1);
	assert_int_equal(f->readable, 0);
}

static void
test_tls_failed_handshake_may_free_the_conn(void **state)
{
	struct fixture *f = *state;

	f->free_in_callback = true;
	open_pair(f, tls_context);
	peer_send(f, "no TLS at all");
	UNTIL(f, f->conn == NULL);
	settle(f);
	assert_int_equal(f->failed, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tls_drained_is_always_reported),
		TEST(test_tls_bytes_both_ways),
		TEST(test_tls_early_request_wanted_before),
		TEST(test_tls_early_request_wanted_on_open),
		TEST(test_tls_early_request_wanted_later),
		TEST(test_tls_buffers_bytes),
		TEST(test_tls_reads_what_fits_at_once),
		TEST(test_tls_blocked_bytes_are_buffered),
		TEST(test_tls_full_buffer_fails_from_the_loop),
		TEST(test_tls_small_sends_while_blocked),
		TEST(test_tls_end_behind_bytes),
		TEST(test_tls_end_without_close_notify),
		TEST(test_tls_bytes_that_are_no_record),
		TEST(test_tls_shutdown_comes_behind_what_is_queued),
		TEST(test_tls_shutdown_while_blocked),
		TEST(test_tls_handshakes_that_fail),
		TEST(test_tls_on_open_may_free_the_conn),
		TEST(test_tls_failed_handshake_may_free_the_conn),
	};

	return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
