/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/conn/conn_warm: which connections keep their TLS buffers, how many, and for how long.
 */
#include "proxy/conn/conn_warm.h"

#include <poll.h>

#include "tests/unit/proxy/conn/conn_support.h"

/* One read, and the proxy's end of it. */
static void
send_one(struct fixture *f)
{
	buf_clear(&f->got);
	peer_send(f, "x");
	UNTIL(f, f->got.len == 1);
}

static bool
is_warm(const struct fixture *f)
{
	return tls_session_keeps_buffers(f->conn->tls);
}

/* More than WARM_READS reads in one second, however slow the machine is at first. */
static void
make_busy(struct fixture *f)
{
	uint64_t start_ms = clock_monotonic_ms();

	while (!is_warm(f)) {
		send_one(f);
		check_patience(start_ms, "a warm connection");
	}
}

/* Up to half a second of silence, in which the loop has little to do. */
static void
wait_until_cold(struct fixture *f)
{
	uint64_t start_ms = clock_monotonic_ms();

	while (is_warm(f)) {
		(void)poll(NULL, 0, 1);
		spin(f);
		check_patience(start_ms, "a connection without buffers");
	}
}

static void
open_reading(struct fixture *f)
{
	open_tls(f);
	conn_want_read(f->conn, true);
	UNTIL(f, f->opened == 1);
}

static void
test_few_reads_keep_nothing(void **state)
{
	struct fixture *f = *state;

	open_reading(f);
	for (int i = 0; i < WARM_READS; i++) {
		send_one(f);
		assert_false(is_warm(f));
	}
}

static void
test_busy_until_silent(void **state)
{
	struct fixture *f = *state;

	open_reading(f);
	for (int round = 0; round < 2; round++) {
		make_busy(f);
		send_one(f);
		assert_true(is_warm(f));
		wait_until_cold(f);
		send_one(f);
		assert_false(is_warm(f));
	}
}

/* The buffer of an incomplete record is kept until the rest has arrived. */
static void
test_half_a_record_survives_the_end(void **state)
{
	struct fixture *f = *state;
	BIO *memory = BIO_new(BIO_s_mem());
	char record[64];

	open_reading(f);
	make_busy(f);
	buf_clear(&f->got);
	SSL_set0_wbio(f->client, memory);
	assert_int_equal(SSL_write(f->client, "whole", 5), 5);
	int len = BIO_read(memory, record, sizeof(record));
	assert_true(len > 5);
	assert_int_equal(send(f->peer, record, 4, 0), 4);
	wait_until_cold(f);
	assert_int_equal(send(f->peer, record + 4, (size_t)len - 4, 0), len - 4);
	UNTIL(f, f->got.len == 5);
	assert_got(f, "whole");
}

static void
test_closed_while_warm(void **state)
{
	struct fixture *f = *state;

	open_reading(f);
	make_busy(f);
	conn_close(f->conn);
	close_peer(f);
	f->opened = 0;
	open_reading(f);
	assert_false(is_warm(f));
	make_busy(f);
}

static void
test_at_most_so_many(void **state)
{
	static void *others[WARM_MAX];
	struct fixture *f = *state;

	for (int i = 0; i < WARM_MAX; i++) {
		assert_int_equal(setup(&others[i]), 0);
		open_reading(others[i]);
	}
	open_reading(f);
	/* The timer is in the loop of the first, which does not turn from now on: all stay warm. */
	for (int i = 0; i < WARM_MAX; i++)
		make_busy(others[i]);
	for (int i = 0; i < 4 * WARM_READS; i++)
		send_one(f);
	assert_false(is_warm(f));
	assert_int_equal(teardown(&others[WARM_MAX / 2]), 0);
	make_busy(f);
	conn_close(f->conn);
	for (int i = WARM_MAX - 1; i >= 0; i--)
		if (i != WARM_MAX / 2)
			assert_int_equal(teardown(&others[i]), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_few_reads_keep_nothing),
		TEST(test_busy_until_silent),
		TEST(test_half_a_record_survives_the_end),
		TEST(test_closed_while_warm),
		TEST(test_at_most_so_many),
	};

	return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
