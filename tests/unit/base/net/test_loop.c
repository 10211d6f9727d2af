/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/net/loop: readiness, lazy timers, deferred calls, signals; and that callbacks may free their
 * own objects (ASan sees it when they may not).
 */
#include "tests/unit/base/net/loop_support.h"

struct reader {
	struct loop_io io;
	struct fixture *f;
	unsigned ready;
	unsigned reads;
	unsigned writes;
};

static void
on_ready_free(void *arg, unsigned ready)
{
	struct reader *r = arg;

	assert_int_equal(ready, LOOP_READ);
	loop_io_fini(&r->io);
	loop_stop(r->f->loop);
	free(r);
}

static void
test_io_callback_frees_its_object(void **state)
{
	struct fixture *f = *state;
	struct reader *r = calloc(1, sizeof(*r));

	r->f = f;
	loop_io_init(&r->io, f->loop, f->pair[0], on_ready_free, r);
	loop_io_want(&r->io, LOOP_READ);
	assert_int_equal(write(f->pair[1], "x", 1), 1);
	run(f);
}

/* The descriptor is readable and writable in the same round; the first callback frees both. */
static void
on_any_free(void *arg, unsigned ready)
{
	struct reader *r = arg;

	assert_true(ready == LOOP_READ || ready == LOOP_WRITE);
	r->f->calls++;
	loop_io_fini(&r->io);
	loop_stop(r->f->loop);
	free(r);
}

static void
test_io_both_ready_freed_by_first(void **state)
{
	struct fixture *f = *state;
	struct reader *r = calloc(1, sizeof(*r));

	r->f = f;
	loop_io_init(&r->io, f->loop, f->pair[0], on_any_free, r);
	loop_io_want(&r->io, LOOP_READ | LOOP_WRITE);
	assert_int_equal(write(f->pair[1], "x", 1), 1);
	run(f);
	assert_int_equal(f->calls, 1);
}

struct two_readers {
	struct loop_io io[2];
	struct fixture *f;
};

/* The callback that runs first sees that the other one is still pending. */
static void
on_first_of_two(void *arg, unsigned ready)
{
	struct two_readers *two = arg;

	assert_int_equal(ready, LOOP_READ);
	assert_true(loop_io_is_readable(&two->io[0]) != loop_io_is_readable(&two->io[1]));
	loop_io_fini(&two->io[0]);
	loop_io_fini(&two->io[1]);
	loop_stop(two->f->loop);
}

static void
test_io_is_readable_until_its_callback_runs(void **state)
{
	struct fixture *f = *state;
	struct two_readers two = {.f = f};

	for (size_t i = 0; i < 2; i++) {
		loop_io_init(&two.io[i], f->loop, f->pair[i], on_first_of_two, &two);
		loop_io_want(&two.io[i], LOOP_READ);
	}
	assert_false(loop_io_is_readable(&two.io[0]));
	assert_int_equal(write(f->pair[0], "x", 1), 1);
	assert_int_equal(write(f->pair[1], "x", 1), 1);
	assert_false(loop_io_is_readable(&two.io[0]));
	run(f);
}

static void
on_ready_count(void *arg, unsigned ready)
{
	struct reader *r = arg;
	char byte;

	if ((ready & LOOP_WRITE) != 0) {
		r->writes++;
		loop_io_want(&r->io, LOOP_READ);
		assert_int_equal(write(r->f->pair[1], "x", 1), 1);
	}
	if ((ready & LOOP_READ) != 0) {
		assert_int_equal(read(r->f->pair[0], &byte, 1), 1);
		if (++r->reads < 3)
			loop_io_want(&r->io, LOOP_WRITE);
		else
			loop_stop(r->f->loop);
	}
}

static void
test_io_want_switches(void **state)
{
	struct fixture *f = *state;
	struct reader r = {.f = f};

	loop_io_init(&r.io, f->loop, f->pair[0], on_ready_count, &r);
	loop_io_want(&r.io, LOOP_WRITE);
	run(f);
	assert_int_equal(r.reads, 3);
	assert_int_equal(r.writes, 3);
	loop_io_fini(&r.io);
	loop_io_fini(&r.io);
}

static void
on_ready_never(void *arg, unsigned ready)
{
	(void)arg;
	(void)ready;
	fail_msg("nothing was wanted");
}

static void
test_io_not_wanted_is_silent(void **state)
{
	struct fixture *f = *state;
	struct loop_io io;
	struct loop_timer timer;

	loop_io_init(&io, f->loop, f->pair[0], on_ready_never, NULL);
	loop_io_want(&io, LOOP_READ | LOOP_WRITE);
	loop_io_want(&io, 0);
	assert_int_equal(write(f->pair[1], "x", 1), 1);
	loop_timer_init(&timer, f->loop, on_stop, f);
	loop_timer_start(&timer, 10);
	run(f);
	loop_timer_fini(&timer);
	loop_io_fini(&io);
}

struct deferring {
	struct fixture *f;
	struct loop_defer defer;
	struct loop_io io;
	unsigned calls;
	bool inside;
};

static void
on_deferred(void *arg)
{
	struct deferring *d = arg;

	assert_false(d->inside);
	d->calls++;
	loop_stop(d->f->loop);
}

static void
on_defer_twice(void *arg)
{
	struct deferring *d = arg;

	d->inside = true;
	loop_defer_call(&d->defer);
	loop_defer_call(&d->defer);
	assert_int_equal(d->calls, 0);
	d->inside = false;
}

static void
test_defer_runs_after_the_callback_once(void **state)
{
	struct fixture *f = *state;
	struct deferring d = {.f = f};
	struct loop_timer timer;

	loop_defer_init(&d.defer, f->loop, on_deferred, &d);
	loop_timer_init(&timer, f->loop, on_defer_twice, &d);
	loop_timer_start(&timer, 0);
	run(f);
	assert_int_equal(d.calls, 1);
	loop_timer_fini(&timer);
	loop_defer_fini(&d.defer);
}

static void
test_defer_fini_drops_the_call(void **state)
{
	struct fixture *f = *state;
	struct loop_defer defer;
	struct loop_timer timer;

	loop_defer_init(&defer, f->loop, on_never, NULL);
	loop_defer_call(&defer);
	loop_defer_fini(&defer);
	loop_defer_fini(&defer);
	loop_timer_init(&timer, f->loop, on_stop, f);
	loop_timer_start(&timer, 5);
	run(f);
	loop_timer_fini(&timer);
}

static void
on_defer_again(void *arg)
{
	struct deferring *d = arg;

	d->calls++;
	loop_defer_call(&d->defer);
}

static void
on_ready_stop(void *arg, unsigned ready)
{
	struct deferring *d = arg;

	(void)ready;
	loop_stop(d->f->loop);
}

static void
test_defer_does_not_starve_descriptors(void **state)
{
	struct fixture *f = *state;
	struct deferring d = {.f = f};

	loop_defer_init(&d.defer, f->loop, on_defer_again, &d);
	loop_io_init(&d.io, f->loop, f->pair[0], on_ready_stop, &d);
	loop_io_want(&d.io, LOOP_READ);
	assert_int_equal(write(f->pair[1], "x", 1), 1);
	loop_defer_call(&d.defer);
	run(f);
	assert_true(d.calls < 10000);
	loop_io_fini(&d.io);
	loop_defer_fini(&d.defer);
}

static void
on_signal_stop(void *arg, int signal_number)
{
	struct fixture *f = arg;

	assert_int_equal(signal_number, SIGUSR1);
	on_stop(f);
}

static void
test_signal(void **state)
{
	struct fixture *f = *state;
	struct loop_signal s;
	struct err e;

	assert_true(loop_signal_init(&s, f->loop, SIGUSR1, on_signal_stop, f, &e));
	assert_int_equal(raise(SIGUSR1), 0);
	run(f);
	assert_int_equal(f->calls, 1);
	loop_signal_fini(&s);
	loop_signal_fini(&s);
}

struct timed {
	struct fixture *f;
	struct loop_timer timer;
	uint64_t first_ms;
};

static void
on_time(void *arg)
{
	struct timed *t = arg;
	uint64_t now_ms = loop_now_ms(t->f->loop);

	if (t->first_ms != 0) {
		assert_true(now_ms >= t->first_ms + 20);
		loop_stop(t->f->loop);
		return;
	}
	t->first_ms = now_ms;
	while (clock_monotonic_ms() < now_ms + 20)
		;
	assert_int_equal(loop_now_ms(t->f->loop), now_ms);
	loop_timer_start(&t->timer, 1);
}

static void
test_time_stands_still_within_a_round(void **state)
{
	struct fixture *f = *state;
	struct timed t = {.f = f};

	loop_timer_init(&t.timer, f->loop, on_time, &t);
	loop_timer_start(&t.timer, 1);
	run(f);
	loop_timer_fini(&t.timer);
}

static void
test_stop_before_run(void **state)
{
	struct fixture *f = *state;
	struct loop_timer timer;

	loop_stop(f->loop);
	run(f);
	loop_timer_init(&timer, f->loop, on_stop, f);
	loop_timer_start(&timer, 0);
	run(f);
	assert_int_equal(f->calls, 1);
	loop_timer_fini(&timer);
}

static void
test_broken_pipe_does_not_kill(void **state)
{
	struct fixture *f = *state;

	shutdown(f->pair[1], SHUT_RD);
	assert_int_equal(write(f->pair[0], "x", 1), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_io_callback_frees_its_object, setup, teardown),
		cmocka_unit_test_setup_teardown(test_io_both_ready_freed_by_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_io_is_readable_until_its_callback_runs, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_io_want_switches, setup, teardown),
		cmocka_unit_test_setup_teardown(test_io_not_wanted_is_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_defer_runs_after_the_callback_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_defer_fini_drops_the_call, setup, teardown),
		cmocka_unit_test_setup_teardown(test_defer_does_not_starve_descriptors, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_signal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_time_stands_still_within_a_round, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_stop_before_run, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_pipe_does_not_kill, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
