/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splicing from one connection to another through the event loop's pipe: limits, order after queued
 * bytes, a receiver that is slow or has disconnected, and ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "proxy/conn/conn_read.h"

#define BULK_BYTES 1000000u

struct fixture {
	struct loop *loop;
	struct conn from;
	struct conn to;
	int sender;
	int receiver;
	unsigned drained;
	unsigned failed;
	struct err e;
};

static char bulk[BULK_BYTES];
static char received[2 * BULK_BYTES];

static void
ignore(void *arg)
{
	(void)arg;
}

static void
on_drained(void *arg)
{
	struct fixture *f = arg;

	f->drained++;
}

static void
on_failed(const struct err *e, void *arg)
{
	struct fixture *f = arg;

	(void)e;
	f->failed++;
}

static const struct conn_ops ops = {
	.on_open = ignore,
	.on_readable = ignore,
	.on_drained = on_drained,
	.on_failed = on_failed,
};

static int
setup(void **state)
{
	static struct fixture f;
	int from[2];
	int to[2];

	f = (struct fixture){.e = ERR_INIT};
	for (size_t i = 0; i < sizeof(bulk); i++)
		bulk[i] = (char)(i * 7 + i / 251);
	f.loop = loop_new(&f.e);
	if (f.loop == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, from) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, to) != 0)
		return 1;
	conn_init(&f.from, f.loop, &ops, &f);
	conn_init(&f.to, f.loop, &ops, &f);
	if (!conn_accept(&f.from, from[0], NULL, &f.e) || !conn_accept(&f.to, to[0], NULL, &f.e))
		return 1;
	f.sender = from[1];
	f.receiver = to[1];
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	conn_close(&f->from);
	conn_close(&f->to);
	close(f->sender);
	close(f->receiver);
	loop_free(f->loop);
	return 0;
}

static void
turn(struct fixture *f)
{
	assert_int_not_equal(
		event_base_loop(loop_event_base(f->loop), EVLOOP_ONCE | EVLOOP_NONBLOCK), -1);
}

/* Adds what is there to received; returns how much is in it then. */
static size_t
receive(const struct fixture *f, size_t at)
{
	ssize_t n;

	while ((n = recv(f->receiver, received + at, sizeof(received) - at, 0)) > 0)
		at += (size_t)n;
	return at;
}

static void
test_moves_no_more_than_asked_for(void **state)
{
	struct fixture *f = *state;
	char rest[16];
	size_t got;

	assert_int_equal(send(f->sender, "0123456789", 10, 0), 10);
	assert_true(conn_can_splice(&f->from, &f->to));
	assert_int_equal(conn_splice(&f->from, &f->to, 4, &got, &f->e), CONN_READ_SOME);
	assert_int_equal(got, 4);
	assert_int_equal(receive(f, 0), 4);
	assert_memory_equal(received, "0123", 4);
	assert_int_equal(conn_read(&f->from, rest, sizeof(rest), &got, &f->e), CONN_READ_SOME);
	assert_int_equal(got, 6);
	assert_memory_equal(rest, "456789", 6);
	assert_int_equal(conn_splice(&f->from, &f->to, 4, &got, &f->e), CONN_READ_AGAIN);
	assert_int_equal(got, 0);
	assert_int_equal(f->from.received_bytes, 10);
	assert_int_equal(f->to.sent_bytes, 4);
}

static void
test_moves_behind_what_is_queued(void **state)
{
	struct fixture *f = *state;
	size_t got;

	conn_queue(&f->to, STR("head "));
	assert_int_equal(send(f->sender, "body", 4, 0), 4);
	assert_int_equal(conn_splice(&f->from, &f->to, 100, &got, &f->e), CONN_READ_SOME);
	assert_int_equal(got, 4);
	assert_int_equal(receive(f, 0), 9);
	assert_memory_equal(received, "head body", 9);
}

/* A receiver that reads only after its buffer is full gets all bytes in order. */
static void
test_slow_receiver(void **state)
{
	struct fixture *f = *state;
	size_t fed = 0;
	size_t at = 0;
	size_t got;

	while (at < BULK_BYTES) {
		ssize_t n = send(f->sender, bulk + fed, BULK_BYTES - fed, 0);
		fed += n > 0 ? (size_t)n : 0;
		if (conn_can_splice(&f->from, &f->to)) {
			enum conn_read_result result =
				conn_splice(&f->from, &f->to, BULK_BYTES, &got, &f->e);
			assert_true(result == CONN_READ_SOME || result == CONN_READ_AGAIN);
		}
		if (conn_is_blocked(&f->to) || fed == BULK_BYTES) {
			at = receive(f, at);
			turn(f);
		}
	}
	assert_int_equal(receive(f, at), BULK_BYTES);
	assert_memory_equal(received, bulk, BULK_BYTES);
	assert_true(f->drained > 0);
	assert_int_equal(f->failed, 0);
	assert_int_equal(f->to.sent_bytes, BULK_BYTES);
}

static void
test_nothing_is_read_while_what_is_queued_is_stuck(void **state)
{
	struct fixture *f = *state;
	size_t got;

	while (!conn_is_blocked(&f->to))
		conn_send(&f->to, (struct str){bulk, 65536});
	assert_false(conn_can_splice(&f->from, &f->to));
	assert_int_equal(send(f->sender, "body", 4, 0), 4);
	assert_int_equal(conn_splice(&f->from, &f->to, 100, &got, &f->e), CONN_READ_SOME);
	assert_int_equal(got, 0);
	assert_int_equal(f->from.received_bytes, 0);
}

static void
test_receiver_is_gone(void **state)
{
	struct fixture *f = *state;
	size_t got;

	shutdown(f->receiver, SHUT_RDWR);
	assert_int_equal(send(f->sender, "body", 4, 0), 4);
	assert_int_equal(conn_splice(&f->from, &f->to, 100, &got, &f->e), CONN_READ_SOME);
	assert_int_equal(f->failed, 0); /* told from the loop */
	turn(f);
	assert_int_equal(f->failed, 1);
	assert_true(conn_is_usable(&f->from));
	/* The pipe was left empty. */
	conn_close(&f->to);
	conn_init(&f->to, f->loop, &ops, f);
	close(f->receiver);
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	f->receiver = pair[1];
	assert_true(conn_accept(&f->to, pair[0], NULL, &f->e));
	assert_int_equal(send(f->sender, "next", 4, 0), 4);
	assert_int_equal(conn_splice(&f->from, &f->to, 100, &got, &f->e), CONN_READ_SOME);
	assert_int_equal(receive(f, 0), 4);
	assert_memory_equal(received, "next", 4);
}

static void
test_sender_ends(void **state)
{
	struct fixture *f = *state;
	size_t got;

	assert_int_equal(send(f->sender, "last", 4, 0), 4);
	shutdown(f->sender, SHUT_WR);
	assert_int_equal(conn_splice(&f->from, &f->to, 100, &got, &f->e), CONN_READ_SOME);
	assert_int_equal(got, 4);
	assert_int_equal(conn_splice(&f->from, &f->to, 100, &got, &f->e), CONN_READ_END);
	assert_int_equal(got, 0);
}

static void
test_without_a_pipe(void **state)
{
	struct fixture *f = *state;

	loop_pipe_disable(f->loop);
	assert_false(conn_can_splice(&f->from, &f->to));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_moves_no_more_than_asked_for, setup, teardown),
		cmocka_unit_test_setup_teardown(test_moves_behind_what_is_queued, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_receiver, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_is_read_while_what_is_queued_is_stuck,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_receiver_is_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sender_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_a_pipe, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
