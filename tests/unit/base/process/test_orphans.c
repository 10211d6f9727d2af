/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/process/orphans: whoever nobody started is collected, also many at once, also who ended
 * before; a child of our own is left to its owner, and nobody behind it is forgotten.
 */
#include "base/process/orphans.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY 200

struct fixture {
	struct loop *loop;
	struct loop_timer guard;
	struct loop_timer look;
	struct orphans orphans;
	pid_t ours; /* 0: none */
	uint64_t wanted;
};

static void
on_guard(void *arg)
{
	(void)arg;
	fail_msg("not all were collected");
}

static void
on_look(void *arg)
{
	struct fixture *f = arg;

	if (f->orphans.reaped >= f->wanted)
		loop_stop(f->loop);
	else
		loop_timer_start(&f->look, 2);
}

static bool
is_ours(pid_t pid, void *arg)
{
	const struct fixture *f = arg;

	return pid == f->ours;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err e;

	assert_non_null(f);
	f->loop = loop_new(&e);
	assert_non_null(f->loop);
	loop_timer_init(&f->guard, f->loop, on_guard, f);
	loop_timer_start(&f->guard, 60000);
	loop_timer_init(&f->look, f->loop, on_look, f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	orphans_fini(&f->orphans);
	loop_timer_fini(&f->guard);
	loop_timer_fini(&f->look);
	loop_free(f->loop);
	free(f);
	return 0;
}

static pid_t
child_that_ends(int code)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(code);
	return pid;
}

/* Waits for the end without reaping. */
static void
wait_for_end(pid_t pid)
{
	siginfo_t info;

	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static void
start(struct fixture *f)
{
	struct err e = ERR_INIT;

	if (!orphans_start(&f->orphans, f->loop, is_ours, f, &e))
		fail_msg("%s", e.text);
}

static void
run_until_collected(struct fixture *f, uint64_t wanted)
{
	struct err e;

	f->wanted = wanted;
	loop_timer_start(&f->look, 1);
	assert_true(loop_run(f->loop, &e));
	assert_int_equal(f->orphans.reaped, wanted);
}

static void
expect_nobody_left(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void
test_orphans_are_reaped(void **state)
{
	struct fixture *f = *state;

	start(f);
	(void)child_that_ends(3);
	run_until_collected(f, 1);
	(void)child_that_ends(0);
	(void)child_that_ends(1);
	run_until_collected(f, 3);
	expect_nobody_left();
}

static void
test_children_that_exited_before_are_reaped(void **state)
{
	struct fixture *f = *state;

	wait_for_end(child_that_ends(0));
	start(f);
	run_until_collected(f, 1);
	expect_nobody_left();
}

/* Many children may cause few signals. */
static void
test_many_at_once(void **state)
{
	struct fixture *f = *state;

	start(f);
	for (unsigned i = 0; i < MANY; i++)
		(void)child_that_ends(0);
	run_until_collected(f, MANY);
	expect_nobody_left();
}

static void
on_owner_collects(void *arg)
{
	struct fixture *f = arg;
	int status = 0;

	assert_int_equal(f->orphans.reaped, 0);
	assert_int_equal(waitpid(f->ours, &status, WNOHANG), f->ours);
	assert_int_equal(WEXITSTATUS(status), 7);
	f->ours = 0;
}

/* The kernel reports our child first, whose owner reaps it later; then the orphan is reaped. */
static void
test_our_own_are_left_to_their_owner(void **state)
{
	struct fixture *f = *state;
	struct loop_timer owner;

	f->ours = child_that_ends(7);
	wait_for_end(f->ours);
	wait_for_end(child_that_ends(0));
	start(f);
	loop_timer_init(&owner, f->loop, on_owner_collects, f);
	loop_timer_start(&owner, 50);
	run_until_collected(f, 1);
	assert_int_equal(f->ours, 0);
	expect_nobody_left();
	loop_timer_fini(&owner);
}

static void
test_an_end_without_a_start(void **state)
{
	struct fixture *f = *state;

	orphans_fini(&f->orphans);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_orphans_are_reaped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_children_that_exited_before_are_reaped, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_many_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_our_own_are_left_to_their_owner, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_an_end_without_a_start, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
