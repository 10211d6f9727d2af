/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/net/deferred_free: what is given up is freed once, later, and from the loop or at the
 * reaper's end.
 */
#include "base/net/deferred_free.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

struct fixture {
	struct loop *loop;
	struct deferred_free_queue reaper;
	unsigned freed;
};

struct object {
	struct deferred_free_entry reap;
	struct fixture *f;
	struct object *child; /* given up when this one is freed */
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err e;

	assert_non_null(f);
	f->loop = loop_new(&e);
	assert_non_null(f->loop);
	deferred_free_init(&f->reaper, f->loop);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	loop_free(f->loop);
	free(f);
	return 0;
}

static struct object *
object_new(struct fixture *f)
{
	struct object *o = calloc(1, sizeof(*o));

	assert_non_null(o);
	o->f = f;
	return o;
}

static void
object_free(struct deferred_free_entry *entry)
{
	struct object *o = (struct object *)(void *)entry;

	o->f->freed++;
	if (o->child != NULL)
		deferred_free_add(&o->f->reaper, &o->child->reap, object_free);
	free(o);
}

static void
spin(const struct fixture *f)
{
	(void)event_base_loop(loop_event_base(f->loop), EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void
test_freed_from_the_loop(void **state)
{
	struct fixture *f = *state;
	struct object *a = object_new(f);
	struct object *b = object_new(f);

	assert_false(deferred_free_is_due(&a->reap));
	deferred_free_add(&f->reaper, &a->reap, object_free);
	assert_true(deferred_free_is_due(&a->reap));
	assert_false(deferred_free_is_due(&b->reap));
	deferred_free_add(&f->reaper, &b->reap, object_free);
	assert_int_equal(f->freed, 0);
	spin(f);
	assert_int_equal(f->freed, 2);
	spin(f);
	assert_int_equal(f->freed, 2);
	/* and again */
	deferred_free_add(&f->reaper, &object_new(f)->reap, object_free);
	spin(f);
	assert_int_equal(f->freed, 3);
	deferred_free_fini(&f->reaper);
}

static void
test_free_function_adds_another(void **state)
{
	struct fixture *f = *state;
	struct object *a = object_new(f);

	a->child = object_new(f);
	a->child->child = object_new(f);
	deferred_free_add(&f->reaper, &a->reap, object_free);
	for (int i = 0; i < 3; i++)
		spin(f);
	assert_int_equal(f->freed, 3);
	deferred_free_fini(&f->reaper);
}

static void
test_the_end_frees_what_waits(void **state)
{
	struct fixture *f = *state;
	struct object *a = object_new(f);

	a->child = object_new(f);
	deferred_free_add(&f->reaper, &a->reap, object_free);
	deferred_free_fini(&f->reaper);
	assert_int_equal(f->freed, 2);
	spin(f);
	assert_int_equal(f->freed, 2);
}

static void
test_empty_queue_ends(void **state)
{
	struct fixture *f = *state;

	deferred_free_fini(&f->reaper);
	spin(f);
	assert_int_equal(f->freed, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_freed_from_the_loop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_free_function_adds_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_end_frees_what_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty_queue_ends, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
