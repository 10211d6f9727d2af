/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/process/notify: what a service manager hears, over a path and over an abstract name; what
 * happens with names that are none, and with nobody there.
 */
#include "base/process/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

struct fixture {
	struct loop *loop;
	struct notify notify;
	int manager;
	char directory[64];
	char name[96];
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err e;

	assert_non_null(f);
	f->loop = loop_new(&e);
	assert_non_null(f->loop);
	f->manager = -1;
	(void)snprintf(f->directory, sizeof(f->directory), "/tmp/test-notify-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	notify_fini(&f->notify);
	if (f->manager >= 0)
		close(f->manager);
	if (f->name[0] == '/')
		(void)unlink(f->name);
	assert_int_equal(rmdir(f->directory), 0);
	loop_free(f->loop);
	free(f);
	return 0;
}

/* Starts a manager that listens; f->name is its name as in the environment. */
static void
listen_at(struct fixture *f, bool is_abstract)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int len;

	(void)snprintf(f->name, sizeof(f->name), "%s%s/socket", is_abstract ? "@" : "",
		       f->directory);
	len = snprintf(address.sun_path, sizeof(address.sun_path), "%s", f->name);
	if (is_abstract)
		address.sun_path[0] = '\0';
	f->manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(f->manager >= 0);
	assert_int_equal(bind(f->manager, (const struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len +
					  (is_abstract ? 0 : 1))),
			 0);
}

static void
begin(struct fixture *f, const struct notify_environment *environment)
{
	struct err e = ERR_INIT;

	if (!notify_init(&f->notify, f->loop, environment, &e))
		fail_msg("%s", e.text);
}

/* Returns the next datagram, which has already arrived; "": there is none. */
static const char *
heard(const struct fixture *f)
{
	static char message[1024];
	ssize_t n = recv(f->manager, message, sizeof(message) - 1, 0);

	message[n < 0 ? 0 : n] = '\0';
	return message;
}

static void
check_life(struct fixture *f)
{
	const char *message;
	unsigned long long us = 0;
	uint64_t before_us = clock_monotonic_us();

	begin(f, &(struct notify_environment){.socket = f->name});
	assert_string_equal(heard(f), "");
	notify_ready(&f->notify, "Serving https://kiwi.example");
	assert_string_equal(heard(f), "READY=1\nSTATUS=Serving https://kiwi.example");
	notify_reloading(&f->notify);
	message = heard(f);
	assert_int_equal(sscanf(message, "RELOADING=1\nMONOTONIC_USEC=%llu", &us), 1);
	assert_true(us >= before_us && us <= clock_monotonic_us());
	notify_stopping(&f->notify, 30000);
	assert_string_equal(heard(f), "STOPPING=1\nSTATUS=Draining\nEXTEND_TIMEOUT_USEC=35000000");
	assert_string_equal(heard(f), "");
}

static void
test_over_a_path(void **state)
{
	struct fixture *f = *state;

	listen_at(f, false);
	check_life(f);
}

static void
test_over_an_abstract_name(void **state)
{
	struct fixture *f = *state;

	listen_at(f, true);
	check_life(f);
}

static void
test_without_a_manager(void **state)
{
	struct fixture *f = *state;

	begin(f, &(struct notify_environment){.socket = NULL});
	notify_ready(&f->notify, "x");
	notify_reloading(&f->notify);
	notify_stopping(&f->notify, 1);
	notify_fini(&f->notify);
	begin(f, &(struct notify_environment){.socket = "", .watchdog_us = "1000"});
	assert_int_equal(f->notify.alive_every_ms, 0);
}

static void
test_nobody_listens(void **state)
{
	struct fixture *f = *state;

	begin(f, &(struct notify_environment){.socket = "/nonexistent/socket"});
	notify_ready(&f->notify, "x");
	assert_true(f->notify.failed);
	notify_stopping(&f->notify, 1);
}

/* A manager that does not read costs a datagram, never time. */
static void
test_a_full_queue_does_not_block(void **state)
{
	struct fixture *f = *state;

	listen_at(f, false);
	begin(f, &(struct notify_environment){.socket = f->name});
	for (unsigned i = 0; i < 4096 && !f->notify.failed; i++)
		notify_ready(&f->notify, "x");
	assert_true(f->notify.failed);
}

static void
test_names_that_are_none(void **state)
{
	struct fixture *f = *state;
	char text[200];
	struct err e = ERR_INIT;
	const char *const names[] = {"relative/socket", "vsock:2:1", "/", "@", text};

	memset(text, 'x', sizeof(text));
	text[0] = '/';
	text[109] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct notify_environment environment = {.socket = names[i]};

		assert_false(notify_init(&f->notify, f->loop, &environment, &e));
		assert_non_null(strstr(e.text, "NOTIFY_SOCKET: "));
		notify_ready(&f->notify, "x");
		notify_fini(&f->notify);
	}
	/* Paths of maximum length. */
	text[107] = '\0';
	begin(f, &(struct notify_environment){.socket = text});
	notify_fini(&f->notify);
	text[107] = 'x';
	text[108] = '\0';
	text[0] = '@';
	begin(f, &(struct notify_environment){.socket = text});
}

static void
expect_watchdog(struct fixture *f, const char *us, const char *pid, uint64_t every_ms)
{
	begin(f, &(struct notify_environment){"@none", us, pid});
	assert_int_equal(f->notify.alive_every_ms, every_ms);
	notify_fini(&f->notify);
}

static void
test_watchdog_period(void **state)
{
	struct fixture *f = *state;
	char own[32];

	(void)snprintf(own, sizeof(own), "%d", (int)getpid());
	expect_watchdog(f, "30000000", own, 15000);
	expect_watchdog(f, "30000000", NULL, 15000);
	expect_watchdog(f, "1", own, 1);
	expect_watchdog(f, "30000000", "1", 0);
	expect_watchdog(f, "30000000", "me", 0);
	expect_watchdog(f, NULL, own, 0);
	expect_watchdog(f, "0", own, 0);
	expect_watchdog(f, "-5", own, 0);
	expect_watchdog(f, "5s", own, 0);
}

static void
on_enough(void *arg)
{
	loop_stop(((struct fixture *)arg)->loop);
}

static void
on_heard(void *arg, unsigned ready)
{
	struct fixture *f = arg;
	static unsigned signs;

	(void)ready;
	for (const char *message = heard(f); message[0] != '\0'; message = heard(f))
		if (strcmp(message, "WATCHDOG=1") == 0)
			signs++;
	if (signs >= 3)
		on_enough(f);
}

static void
test_watchdog_notifications_come_from_the_loop(void **state)
{
	struct fixture *f = *state;
	struct loop_timer guard;
	struct loop_io io;
	struct err e;

	listen_at(f, false);
	begin(f, &(struct notify_environment){f->name, "20000", NULL});
	notify_ready(&f->notify, "x");
	loop_timer_init(&guard, f->loop, on_enough, f);
	loop_timer_start(&guard, 60000);
	loop_io_init(&io, f->loop, f->manager, on_heard, f);
	loop_io_want(&io, LOOP_READ);
	assert_true(loop_run(f->loop, &e));
	assert_true(loop_timer_is_running(&guard));
	loop_io_fini(&io);
	loop_timer_fini(&guard);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_over_a_path, setup, teardown),
		cmocka_unit_test_setup_teardown(test_over_an_abstract_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_a_manager, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_listens, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_full_queue_does_not_block, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_that_are_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watchdog_period, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watchdog_notifications_come_from_the_loop,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
