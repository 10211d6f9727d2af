/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/upstream/upstream_name and base/net/resolver with name servers that this program runs:
 * which addresses are used, for how long, and that a slow name server blocks nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log/log.h"
#include "base/process/thread.h"
#include "proxy/upstream/upstream_name.h"
#include "tests/unit/loop_guard.h"

/* --- name servers --- */

static const char *answer; /* addresses with spaces between; NULL: error */
static int error;
static int hang[2] = {-1, -1}; /* a look-up waits until the writing end is closed */
static atomic_uint lookups;
static atomic_uint running;

__attribute__((visibility("default"))) int
getaddrinfo(const char *restrict node, const char *restrict service,
	    const struct addrinfo *restrict hints, struct addrinfo **restrict list)
{
	struct str rest = str_from(answer == NULL ? "" : answer);
	struct pollfd wait = {.fd = hang[0], .events = POLLIN};
	struct str text;

	assert_string_equal(node, "ide");
	assert_null(service);
	assert_int_equal(hints->ai_socktype, SOCK_STREAM);
	atomic_fetch_add(&lookups, 1);
	atomic_fetch_add(&running, 1);
	if (wait.fd >= 0)
		(void)poll(&wait, 1, 120000);
	atomic_fetch_sub(&running, 1);
	if (answer == NULL)
		return error;
	while (str_next(&rest, ' ', &text)) {
		struct addrinfo *info = calloc(1, sizeof(*info) + sizeof(struct address));
		struct address *a = (struct address *)(void *)(info + 1);
		struct ip ip;

		assert_true(ip_parse(&ip, text));
		address_set_ip(a, &ip, 0);
		info->ai_family = a->sa.ss_family;
		info->ai_addrlen = a->len;
		info->ai_addr = (struct sockaddr *)&a->sa;
		info->ai_next = *list;
		*list = info;
	}
	return 0;
}

__attribute__((visibility("default"))) void
freeaddrinfo(struct addrinfo *list)
{
	while (list != NULL) {
		struct addrinfo *next = list->ai_next;
		free(list);
		list = next;
	}
}

/* --- one name --- */

#define INTERVAL_MS 40u

static struct loop *loop;
static struct upstream_name *name;
static struct cidr_set allowed;
static char known[512]; /* the addresses that were told last, with spaces between */
static unsigned told;
static unsigned awaited;

static void
on_named(const struct address *addresses, size_t count, void *arg)
{
	char text[ADDRESS_TEXT_MAX];
	size_t len = 0;

	assert_null(arg);
	known[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		address_format(&addresses[i], text, sizeof(text));
		len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s", i > 0 ? " " : "",
					text);
	}
	if (++told == awaited)
		loop_stop(loop);
}

static void
on_stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static void
run(loop_timer_fn *fn, uint64_t delay_ms)
{
	struct loop_timer timer;
	struct err e = ERR_INIT;

	loop_timer_init(&timer, loop, fn, NULL);
	loop_timer_start(&timer, delay_ms);
	assert_true(loop_run(loop, &e));
	loop_timer_fini(&timer);
}

static void
run_until_told(unsigned count)
{
	awaited = told + count;
	run(on_guard, 60000);
}

static void
open_name(uint64_t stale_ms)
{
	const struct upstream_name_options options = {
		.host = "ide",
		.port = 8080,
		.allowed = &allowed,
		.timeout_ms = 60,
		.interval_ms = INTERVAL_MS,
		.retry_ms = INTERVAL_MS,
		.stale_ms = stale_ms,
	};
	struct err e = ERR_INIT;

	name = upstream_name_new(loop, &options, on_named, NULL, &e);
	assert_non_null(name);
}

static int
setup(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	log_configure(LOG_OFF, LOG_JSON, 2);
	loop = loop_new(&e);
	assert_non_null(loop);
	answer = NULL;
	error = EAI_AGAIN;
	told = awaited = 0;
	known[0] = '\0';
	allowed.count = 0;
	atomic_store(&lookups, 0);
	return 0;
}

static void
end_hang(void)
{
	if (hang[0] < 0)
		return;
	close(hang[1]);
	while (atomic_load(&running) > 0)
		(void)poll(NULL, 0, 1);
	close(hang[0]);
	hang[0] = -1;
}

static int
teardown(void **state)
{
	(void)state;
	upstream_name_free(name);
	name = NULL;
	end_hang();
	loop_free(loop);
	return 0;
}

static void
test_names_are_looked_up_again(void **state)
{
	(void)state;
	answer = "192.0.2.7 2001:db8::1 192.0.2.3";
	open_name(10000);
	run_until_told(1);
	assert_string_equal(known, "192.0.2.3:8080 192.0.2.7:8080 [2001:db8::1]:8080");
	answer = "192.0.2.3 192.0.2.7 2001:db8::1"; /* the order of name servers is no change */
	run_until_told(1);
	assert_string_equal(known, "192.0.2.3:8080 192.0.2.7:8080 [2001:db8::1]:8080");
	answer = "198.51.100.1";
	run_until_told(1);
	assert_string_equal(known, "198.51.100.1:8080");
	answer = "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5";
	run_until_told(1);
	assert_string_equal(known, "10.0.0.1:8080 10.0.0.2:8080 10.0.0.3:8080 10.0.0.4:8080");
}

static void
test_addresses_that_no_name_may_lead_to(void **state)
{
	static const char *const never[] = {"127.0.0.1",	 "::1",
					    "0.0.0.0",		 "::",
					    "169.254.169.254",	 "fe80::1",
					    "fe80::a9fe:a9fe",	 "100.100.100.200",
					    "168.63.129.16",	 "fd00:ec2::254",
					    "fd20:ce::254",	 "224.0.0.1",
					    "255.255.255.255",	 "ff02::1",
					    "::ffff:127.0.0.1",	 "::ffff:169.254.169.254",
					    "::169.254.169.254", "64:ff9b::a9fe:a9fe",
					    "2002:a9fe:a9fe::",	 "169.254.170.2"};

	(void)state;
	answer = "192.0.2.1";
	open_name(10000);
	run_until_told(1);
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		answer = never[i];
		run_until_told(1);
		assert_string_equal(known, "");
		answer = "172.18.0.2";
		run_until_told(1);
		assert_string_equal(known, "172.18.0.2:8080");
	}
	answer = "127.0.0.1 172.18.0.2 169.254.169.254 fd12::1";
	run_until_told(1);
	assert_string_equal(known, "172.18.0.2:8080 [fd12::1]:8080");
}

static void
test_exceptions(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_true(cidr_parse(&allowed, STR("127.0.0.1,169.254.7.7"), &e));
	answer = "127.0.0.1 169.254.7.7 127.0.0.2 169.254.169.254";
	open_name(10000);
	run_until_told(1);
	assert_string_equal(known, "127.0.0.1:8080 169.254.7.7:8080");
}

/* The addresses are dropped immediately: another host may have them now. */
static void
test_no_such_name(void **state)
{
	(void)state;
	answer = "192.0.2.1";
	open_name(10000);
	run_until_told(1);
	answer = NULL;
	error = EAI_NONAME;
	run_until_told(1);
	assert_string_equal(known, "");
	answer = "192.0.2.2";
	run_until_told(1);
	assert_string_equal(known, "192.0.2.2:8080");
}

/* While name servers fail, the last addresses are used for a limited time. */
static void
test_failing_name_servers(void **state)
{
	unsigned before;

	(void)state;
	answer = "192.0.2.1";
	open_name(2000);
	run_until_told(1);
	before = atomic_load(&lookups);
	answer = NULL;
	error = EAI_AGAIN;
	while (atomic_load(&lookups) <= before + 1)
		run(on_stop, 5);
	assert_string_equal(known, "192.0.2.1:8080");
	run_until_told(1);
	assert_string_equal(known, "");
}

/* A look-up that hangs blocks nothing, and is not repeated while its thread lives. */
static void
test_hanging_name_servers(void **state)
{
	(void)state;
	assert_int_equal(pipe2(hang, O_CLOEXEC), 0);
	answer = "192.0.2.1";
	open_name(10000);
	run(on_stop, 300);
	for (unsigned i = 0; i < 100; i++)
		upstream_name_hurry(name);
	assert_int_equal(atomic_load(&lookups), 1);
	assert_int_equal(told, 0);
	end_hang();
	run_until_told(1);
	assert_string_equal(known, "192.0.2.1:8080");
	assert_int_equal(atomic_load(&lookups), 2);
}

/* Landlock does not restrict threads that run before the process enters the sandbox. */
static void
test_no_thread_before_the_loop_runs(void **state)
{
	(void)state;
	while (!thread_is_only()) /* those of other tests may just be ending */
		(void)poll(NULL, 0, 1);
	assert_int_equal(pipe2(hang, O_CLOEXEC), 0);
	answer = "192.0.2.1";
	open_name(10000);
	assert_true(thread_is_only());
	while (atomic_load(&lookups) == 0)
		run(on_stop, 1);
	assert_false(thread_is_only());
}

static void
test_free_during_a_look_up(void **state)
{
	(void)state;
	assert_int_equal(pipe2(hang, O_CLOEXEC), 0);
	answer = "192.0.2.1";
	open_name(100);
	while (atomic_load(&lookups) == 0)
		run(on_stop, 1);
	upstream_name_free(name);
	name = NULL;
	end_hang();
	run(on_stop, 20);
	assert_int_equal(told, 0);
}

static void
test_hurry(void **state)
{
	unsigned before;

	(void)state;
	answer = "192.0.2.1";
	open_name(10000);
	run_until_told(1);
	before = atomic_load(&lookups);
	for (unsigned i = 0; i < 1000; i++)
		upstream_name_hurry(name);
	assert_in_range(atomic_load(&lookups), before, before + 1);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_names_are_looked_up_again),
		T(test_addresses_that_no_name_may_lead_to),
		T(test_exceptions),
		T(test_no_such_name),
		T(test_failing_name_servers),
		T(test_hanging_name_servers),
		T(test_no_thread_before_the_loop_runs),
		T(test_free_during_a_look_up),
		T(test_hurry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
