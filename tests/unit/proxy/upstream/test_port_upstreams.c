/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/upstream/probe and proxy/upstream/port_upstreams: the next address if one refuses, and the
 * limit of pools.
 */
#include "proxy/upstream/port_upstreams.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "proxy/upstream/probe.h"

static struct loop *loop;
static struct deferred_free_queue deferred_frees;
static struct loop_timer deadline;

static void
on_deadline(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static int
setup(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	loop = loop_new(&e);
	assert_non_null(loop);
	deferred_free_init(&deferred_frees, loop);
	loop_timer_init(&deadline, loop, on_deadline, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	loop_timer_fini(&deadline);
	deferred_free_fini(&deferred_frees);
	loop_free(loop);
	return 0;
}

/* A listener on 127.0.0.1, at a port where 127.0.0.2 refuses. */
static int
listen_at(struct address addresses[2])
{
	struct err e = ERR_INIT;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint16_t port;

	assert_true(address_parse(&addresses[1], STR("127.0.0.1:0"), &e));
	assert_int_equal(bind(fd, (struct sockaddr *)&addresses[1].sa, addresses[1].len), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addresses[1].sa, &addresses[1].len),
			 0);
	port = address_port(&addresses[1]);
	assert_true(address_from_host(&addresses[0], STR("127.0.0.2"), port, &e));
	return fd;
}

static void
run_until_ready(const struct probe *p)
{
	struct err e = ERR_INIT;

	for (unsigned i = 0; i < 1000 && !p->is_ready; i++) {
		loop_timer_start(&deadline, 5);
		assert_true(loop_run(loop, &e));
	}
	assert_true(p->is_ready);
}

static void
test_a_probe_finds_the_address_that_answers(void **state)
{
	struct address addresses[2];
	struct probe p;
	int fd = listen_at(addresses);

	(void)state;
	probe_init(&p, loop, addresses, 2, NULL);
	assert_false(p.is_ready);
	probe_ask(&p);
	run_until_ready(&p);
	assert_int_equal(probe_choose(&p), 1);
	/* A failure of another address does not matter. */
	probe_note(&p, 0, false);
	assert_true(p.is_ready);
	assert_int_equal(probe_choose(&p), 1);
	probe_note(&p, 1, false);
	assert_false(p.is_ready);
	assert_int_equal(probe_choose(&p), 0);
	probe_note(&p, 1, false);
	assert_int_equal(probe_choose(&p), 0);
	probe_fini(&p);
	(void)close(fd);
}

/* How long a server has been away is measured from the moment at which its addresses changed. */
static void
test_new_addresses_are_not_ready_from_now_on(void **state)
{
	struct err e = ERR_INIT;
	struct address address;
	struct probe p;
	uint64_t ready_ms;

	(void)state;
	assert_true(address_parse(&address, STR("127.0.0.1:1"), &e));
	probe_init(&p, loop, &address, 1, NULL);
	probe_note(&p, 0, true);
	ready_ms = p.changed_ms;
	loop_timer_start(&deadline, 5);
	assert_true(loop_run(loop, &e));
	probe_restart(&p, 1);
	assert_false(p.is_ready);
	assert_true(p.changed_ms > ready_ms);
	assert_int_equal(p.changed_ms, loop_now_ms(loop));
	probe_fini(&p);
}

static void
tell(uint16_t port, bool is_ready, void *arg)
{
	unsigned *count = arg;

	assert_in_range(port, 1000, 1100);
	assert_false(is_ready);
	++*count;
}

static void
test_pools_are_bounded(void **state)
{
	const struct upstream_options options = {
		.limits = {.head_max_bytes = 4096, .headers_max = 16}, .connect_timeout_ms = 1000};
	const struct ports ports = {.count = 0};
	struct port_upstream *all[64];
	struct err e = ERR_INIT;
	struct port_upstreams *t = port_upstreams_new(loop, &deferred_frees, &options, &ports, &e);
	unsigned count = 0;
	unsigned told = 0;

	(void)state;
	assert_non_null(t);
	while (count < 64 &&
	       (all[count] = port_upstreams_acquire(t, (uint16_t)(1000 + count))) != NULL)
		count++;
	assert_in_range(count, 16, 63);
	port_upstreams_probe(t, tell, &told);
	assert_int_equal(told, count);
	/* One port, one pool. */
	assert_ptr_equal(port_upstreams_acquire(t, 1003), all[3]);
	port_upstreams_release(t, all[3]);
	/* A pool without users is replaced. */
	port_upstreams_release(t, all[5]);
	all[5] = port_upstreams_acquire(t, 1100);
	assert_non_null(all[5]);
	assert_null(port_upstreams_acquire(t, 1005));
	for (unsigned i = 0; i < count; i++)
		port_upstreams_release(t, all[i]);
	port_upstreams_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_probe_finds_the_address_that_answers, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_new_addresses_are_not_ready_from_now_on, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_pools_are_bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
