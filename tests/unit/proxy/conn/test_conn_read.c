/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The read size of a connection: large at first, halved after the receiver was blocked, then
 * growing slowly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/conn/conn_read.h"

struct fixture {
	struct loop *loop;
	struct conn conn;
	int peer;
};

static char bulk[LOOP_SCRATCH_BYTES];

static void
ignore(void *arg)
{
	(void)arg;
}

static void
ignore_failure(const struct err *e, void *arg)
{
	(void)e;
	(void)arg;
}

static const struct conn_ops ops = {
	.on_open = ignore,
	.on_readable = ignore,
	.on_drained = ignore,
	.on_failed = ignore_failure,
};

static int
setup(void **state)
{
	static struct fixture f;
	struct err e;
	int ends[2];
	int room = 2 * LOOP_SCRATCH_BYTES;

	f.loop = loop_new(&e);
	assert_non_null(f.loop);
	conn_init(&f.conn, f.loop, &ops, &f);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	f.peer = ends[0];
	assert_int_equal(setsockopt(f.peer, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
	assert_true(conn_accept(&f.conn, ends[1], NULL, &e));
	conn_want_read(&f.conn, true);
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	conn_close(&f->conn);
	close(f->peer);
	loop_free(f->loop);
	return 0;
}

/* Fills the socket again before each read. Returns what one read gives. */
static size_t
read_from_full(struct fixture *f)
{
	struct err e;
	size_t got = 0;

	while (send(f->peer, bulk, 4096, MSG_NOSIGNAL) > 0)
		continue;
	assert_int_equal(conn_read(&f->conn, loop_scratch(f->loop), LOOP_SCRATCH_BYTES, &got, &e),
			 CONN_READ_SOME);
	return got;
}

static void
fresh_connection_reads_all_that_fits(void **state)
{
	struct fixture *f = *state;

	assert_true(read_from_full(f) > 2 * (size_t)CONN_READ_MIN);
	assert_true(f->conn.may_hold_bytes);
}

static void
reads_less_after_a_stop_and_slowly_more(void **state)
{
	struct fixture *f = *state;

	conn_read_shrink(&f->conn);
	size_t first = read_from_full(f);
	assert_int_equal(first, LOOP_SCRATCH_BYTES / 2);
	assert_true(f->conn.may_hold_bytes);
	size_t last = first;
	for (int i = 0; i < 4; i++) {
		size_t next = read_from_full(f);
		assert_true(next > last && next - last <= first / 16);
		last = next;
	}
	for (int i = 0; i < 4; i++)
		conn_read_shrink(&f->conn);
	assert_int_equal(read_from_full(f), CONN_READ_MIN);
	conn_read_reset(&f->conn);
	assert_true(read_from_full(f) > 2 * (size_t)CONN_READ_MIN);
}

/* As for a new request's body. */
static void
wanting_nothing_for_a_while_is_no_stop(void **state)
{
	struct fixture *f = *state;

	conn_want_read(&f->conn, false);
	conn_want_read(&f->conn, true);
	assert_true(read_from_full(f) > 2 * (size_t)CONN_READ_MIN);
}

static void
grows_to_the_whole_scratch_and_no_further(void **state)
{
	struct fixture *f = *state;

	conn_read_shrink(&f->conn);
	for (size_t i = 0; i < LOOP_SCRATCH_BYTES / 1024u; i++)
		assert_true(read_from_full(f) <= LOOP_SCRATCH_BYTES);
	assert_int_equal(read_from_full(f), LOOP_SCRATCH_BYTES);
}

static void
short_read_is_no_reason_for_more(void **state)
{
	struct fixture *f = *state;
	struct err e;
	size_t got;

	for (int i = 0; i < 4; i++)
		conn_read_shrink(&f->conn);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(send(f->peer, bulk, 100, MSG_NOSIGNAL), 100);
		assert_int_equal(
			conn_read(&f->conn, loop_scratch(f->loop), LOOP_SCRATCH_BYTES, &got, &e),
			CONN_READ_SOME);
		assert_int_equal(got, 100);
		assert_false(f->conn.may_hold_bytes);
	}
	assert_int_equal(read_from_full(f), CONN_READ_MIN);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(fresh_connection_reads_all_that_fits),
		TEST(reads_less_after_a_stop_and_slowly_more),
		TEST(wanting_nothing_for_a_while_is_no_stop),
		TEST(grows_to_the_whole_scratch_and_no_further),
		TEST(short_read_is_no_reason_for_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
