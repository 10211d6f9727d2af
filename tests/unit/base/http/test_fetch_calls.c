/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of base/http/fetch beside each other: cancelling, starting and freeing from within done,
 * many at once, connections that are kept, and a name server that does not answer.
 */
#include "base/clock.h"
#include "tests/unit/base/http/fetch_support.h"

static void
test_cancel(void **state)
{
	struct fixture *f = *state;
	struct outcome *silent =
		start(f, (struct fetch_request){.method = "GET", .url = plain("/silent")});
	struct outcome *ok = start(f, (struct fetch_request){.method = "GET"});

	ok->cancels = silent;
	run(f);
	assert_int_equal(ok->status, 200);
	assert_int_equal(silent->calls, 0);

	struct outcome *at_once = start(f, (struct fetch_request){.method = "GET"});
	fetch_cancel(at_once->call);
	f->waiting--;
	assert_int_equal(at_once->calls, 0);
	free(at_once);
	free(silent);
	free(ok);
}

/* Two calls end at about the same time; the first one cancels the other. */
static void
test_cancel_each_other(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < 20; i++) {
		struct outcome *one = start(f, (struct fetch_request){.method = "GET"});
		struct outcome *two = start(f, (struct fetch_request){.method = "GET"});
		one->cancels = two;
		two->cancels = one;
		run(f);
		assert_int_equal(one->calls + two->calls, 1);
		free(one);
		free(two);
	}
}

static void
test_start_from_done(void **state)
{
	struct fixture *f = *state;
	struct outcome *o = start(f, (struct fetch_request){.method = "GET"});

	o->starts_again = true;
	run(f);
	assert_int_equal(o->calls, 1);
	assert_int_equal(o->cancels->calls, 1);
	assert_int_equal(o->cancels->status, 200);
	free(o->cancels);
	free(o);
}

static void
test_free_from_done(void **state)
{
	struct fixture *f = *state;
	struct outcome *silent =
		start(f, (struct fetch_request){.method = "GET", .url = plain("/silent")});
	struct outcome *o = start(f, (struct fetch_request){.method = "GET"});

	o->frees_client = true;
	run(f);
	assert_int_equal(o->status, 200);
	assert_int_equal(silent->calls, 0);
	free(o);
	free(silent);
}

static void
test_free_with_calls_under_way(void **state)
{
	struct fixture *f = *state;
	struct outcome *silent =
		start(f, (struct fetch_request){.method = "GET", .url = plain("/silent")});
	struct outcome *ok = get(f, plain("/ok?first"));

	fetch_free(f->fetch);
	f->fetch = NULL;
	assert_int_equal(silent->calls, 0);
	free(ok);
	free(silent);
}

#define MANY 60

static void
test_many_at_once(void **state)
{
	struct fixture *f = *state;
	struct fetch_options options = usual_options;
	struct outcome *many[MANY];

	options.connections_max = 3;
	open_client(f, options);
	for (size_t i = 0; i < MANY; i++)
		many[i] = start(f, (struct fetch_request){.method = "GET", .url = plain("/delay")});
	run(f);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(many[i]->calls, 1);
		assert_int_equal(many[i]->status, 200);
		free(many[i]);
	}
	assert_int_equal(ask_number(f, "/peak"), 3);
}

/* Reserved connections and priorities: while slow calls of low priority run, one of high priority
 * starts at once, and waiting calls start by priority. */
static void
test_priorities(void **state)
{
	struct fixture *f = *state;
	struct fetch_options options = usual_options;
	struct outcome *low[4];
	struct outcome *other;

	options.connections_max = 3;
	options.connections_reserved = 1;
	open_client(f, options);
	for (size_t i = 0; i < 4; i++)
		low[i] = start(f, (struct fetch_request){
					  .method = "GET",
					  .url = plain(i < 2 ? "/silent" : "/ok"),
				  });
	other = start(f, (struct fetch_request){
				 .method = "GET", .url = plain("/ok"), .priority = FETCH_NORMAL});
	for (size_t i = 0; i < 20; i++) {
		struct outcome *high = start(f, (struct fetch_request){
							.method = "GET",
							.url = plain("/ok"),
							.priority = FETCH_HIGH,
						});
		high->stops = true;
		run(f);
		assert_int_equal(high->status, 200);
		free(high);
	}
	assert_int_equal(low[2]->calls + low[3]->calls + other->calls, 0);
	low[2]->stops = true;
	other->cancels = low[3]; /* which has not started yet */
	fetch_cancel(low[0]->call);
	f->waiting--;
	run(f);
	assert_int_equal(low[2]->status, 200);
	assert_int_equal(other->status, 200);
	assert_int_equal(low[3]->calls, 0);
	fetch_cancel(low[1]->call);
	f->waiting--;
	for (size_t i = 0; i < 4; i++)
		free(low[i]);
	free(other);
}

/* A call that waits for a connection times out too. */
static void
test_deadline_of_waiting_calls(void **state)
{
	struct fixture *f = *state;
	struct fetch_options options = usual_options;

	options.connections_max = 1;
	options.total_timeout_ms = 300;
	open_client(f, options);
	struct outcome *one =
		start(f, (struct fetch_request){.method = "GET", .url = plain("/silent")});
	struct outcome *two = start(f, (struct fetch_request){.method = "GET"});
	run(f);
	assert_int_equal(one->e.code, ERR_TIMEOUT);
	assert_int_equal(two->calls, 1);
	free(one);
	free(two);
}

static void
test_connections_are_kept(void **state)
{
	struct fixture *f = *state;
	unsigned before = ask_number(f, "/connections");

	for (size_t i = 0; i < 5; i++)
		free(get(f, plain("/ok")));
	assert_int_equal(ask_number(f, "/connections"), before);
}

static void
test_post_is_sent_once(void **state)
{
	struct fixture *f = *state;
	unsigned before = ask_number(f, "/vanished"); /* leaves a connection to reuse */
	struct outcome *o = start(f, (struct fetch_request){.method = "POST",
							    .url = plain("/vanish"),
							    .body = STR("token=canary")});

	run(f);
	assert_int_equal(o->e.code, ERR_CONNECT);
	assert_true(o->request_sent);
	assert_int_equal(ask_number(f, "/vanished"), before + 1);
	free(o);
}

/* A name server that does not answer blocks neither the loop nor the end. */
static void
test_slow_name_does_not_block(void **state)
{
	struct fixture *f = *state;
	struct fetch_options options = usual_options;
	uint64_t start_ms = clock_monotonic_ms();

	options.connect_timeout_ms = 200;
	open_client(f, options);
	struct outcome *slow =
		start(f, (struct fetch_request){.method = "GET", .url = "http://slow.test/"});
	struct outcome *ok = start(f, (struct fetch_request){.method = "GET"});
	run(f);
	assert_int_equal(ok->status, 200);
	assert_int_equal(slow->e.code, ERR_TIMEOUT);
	assert_false(slow->request_sent);
	free(slow);
	slow = start(f, (struct fetch_request){.method = "GET", .url = "http://slow.test/"});
	free(get(f, plain("/ok?second")));
	fetch_free(f->fetch);
	f->fetch = NULL;
	assert_true(clock_monotonic_ms() - start_ms < PATIENCE_MS);
	free(slow);
	free(ok);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel_each_other, setup, teardown),
		cmocka_unit_test_setup_teardown(test_start_from_done, setup, teardown),
		cmocka_unit_test_setup_teardown(test_free_from_done, setup, teardown),
		cmocka_unit_test_setup_teardown(test_free_with_calls_under_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_priorities, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deadline_of_waiting_calls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connections_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_post_is_sent_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_name_does_not_block, setup, teardown),
	};

	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
