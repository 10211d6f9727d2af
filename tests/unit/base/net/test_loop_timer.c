/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers of the event loop.
 */
#include "tests/unit/base/net/loop_support.h"

static void
test_timer_fires_when_due(void **state)
{
	struct fixture *f = *state;
	struct loop_timer timer;
	uint64_t start_ms = clock_monotonic_ms();

	loop_timer_init(&timer, f->loop, on_stop, f);
	assert_false(loop_timer_is_running(&timer));
	loop_timer_start(&timer, 30);
	assert_true(loop_timer_is_running(&timer));
	run(f);
	assert_false(loop_timer_is_running(&timer));
	assert_true(clock_monotonic_ms() - start_ms >= 30);
	assert_int_equal(f->calls, 1);
	loop_timer_fini(&timer);
	loop_timer_fini(&timer);
}

static void
test_timer_moves_later_without_libevent(void **state)
{
	struct fixture *f = *state;
	struct loop_timer timer;
	uint64_t start_ms = clock_monotonic_ms();

	loop_timer_init(&timer, f->loop, on_stop, f);
	loop_timer_start(&timer, 10);
	uint64_t armed_ms = timer.armed_ms;
	loop_timer_start(&timer, 60);
	assert_int_equal(timer.armed_ms, armed_ms);
	run(f);
	assert_true(clock_monotonic_ms() - start_ms >= 60);
	assert_int_equal(f->calls, 1);
	loop_timer_fini(&timer);
}

static void
test_timer_moves_earlier(void **state)
{
	struct fixture *f = *state;
	struct loop_timer timer;
	uint64_t start_ms = clock_monotonic_ms();

	loop_timer_init(&timer, f->loop, on_stop, f);
	loop_timer_start(&timer, 15000);
	loop_timer_start(&timer, 5);
	run(f);
	assert_true(clock_monotonic_ms() - start_ms < 15000);
	loop_timer_fini(&timer);
}

static void
test_timer_stopped_and_started_again(void **state)
{
	struct fixture *f = *state;
	struct loop_timer stopped;
	struct loop_timer timer;

	loop_timer_init(&stopped, f->loop, on_never, NULL);
	loop_timer_start(&stopped, 5);
	loop_timer_stop(&stopped);
	assert_false(loop_timer_is_running(&stopped));
	loop_timer_init(&timer, f->loop, on_stop, f);
	loop_timer_start(&timer, 5);
	loop_timer_stop(&timer);
	loop_timer_start(&timer, 20);
	run(f);
	assert_int_equal(f->calls, 1);
	loop_timer_fini(&timer);
	loop_timer_fini(&stopped);
}

static void
test_timer_far_away(void **state)
{
	struct fixture *f = *state;
	struct loop_timer far;
	struct loop_timer timer;

	loop_timer_init(&far, f->loop, on_never, NULL);
	loop_timer_start(&far, UINT64_MAX);
	loop_timer_init(&timer, f->loop, on_stop, f);
	loop_timer_start(&timer, 5);
	run(f);
	assert_true(loop_timer_is_running(&far));
	loop_timer_fini(&timer);
	loop_timer_fini(&far);
}

struct own_timer {
	struct loop_timer timer;
	struct loop *loop;
};

static void
on_timer_free(void *arg)
{
	struct own_timer *t = arg;

	loop_timer_fini(&t->timer);
	loop_stop(t->loop);
	free(t);
}

static void
test_timer_callback_frees_its_object(void **state)
{
	struct fixture *f = *state;
	struct own_timer *t = calloc(1, sizeof(*t));

	t->loop = f->loop;
	loop_timer_init(&t->timer, f->loop, on_timer_free, t);
	loop_timer_start(&t->timer, 0);
	run(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_timer_fires_when_due, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timer_moves_later_without_libevent, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_timer_moves_earlier, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timer_stopped_and_started_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_timer_far_away, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timer_callback_frees_its_object, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
