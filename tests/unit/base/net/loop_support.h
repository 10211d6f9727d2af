/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the event loop share: a loop, a guard against waiting forever, and two ends of
 * a socket pair.
 */
#ifndef TESTS_UNIT_BASE_NET_LOOP_SUPPORT_H
#define TESTS_UNIT_BASE_NET_LOOP_SUPPORT_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/net/loop.h"
#include "tests/unit/loop_guard.h"

struct fixture {
	struct loop *loop;
	struct loop_timer guard; /* a test that waits for ever fails */
	int pair[2];
	unsigned calls;
};

static inline int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err e;

	f->loop = loop_new(&e);
	assert_non_null(f->loop);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, f->pair), 0);
	loop_timer_init(&f->guard, f->loop, on_guard, NULL);
	loop_timer_start(&f->guard, 60000);
	*state = f;
	return 0;
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;

	loop_timer_fini(&f->guard);
	close(f->pair[0]);
	close(f->pair[1]);
	loop_free(f->loop);
	free(f);
	return 0;
}

static inline void
run(struct fixture *f)
{
	struct err e;

	assert_true(loop_run(f->loop, &e));
}

static inline void
on_stop(void *arg)
{
	struct fixture *f = arg;

	f->calls++;
	loop_stop(f->loop);
}

static inline void
on_never(void *arg)
{
	(void)arg;
	fail_msg("a stopped timer or a dropped call ran");
}

#endif
