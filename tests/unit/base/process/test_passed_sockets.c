/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/process/passed_sockets: names and descriptors of a service manager, and what is refused.
 */
#include "base/process/passed_sockets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST 200

struct fixture {
	struct passed_sockets sockets;
};

/* A socket with the descriptor FIRST + index. */
static void
place(int index, int type, bool listens)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	int fd = socket(AF_INET, type, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	if (listens)
		assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(dup2(fd, FIRST + index), FIRST + index);
	close(fd);
}

static int
setup(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state == NULL;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	passed_sockets_fini(&f->sockets);
	for (int i = 0; i < 4; i++)
		(void)close(FIRST + i);
	free(f);
	return 0;
}

static void
test_taken_by_name(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;

	place(0, SOCK_STREAM, true);
	place(1, SOCK_STREAM, true);
	assert_true(passed_sockets_parse(&f->sockets, "2", "https:admin", FIRST, &e));
	assert_int_equal(fcntl(FIRST, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(FIRST, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	assert_int_equal(passed_sockets_take(&f->sockets, "http"), -1);
	assert_int_equal(passed_sockets_take(&f->sockets, "admin"), FIRST + 1);
	assert_int_equal(passed_sockets_take(&f->sockets, "admin"), -1);
	assert_false(passed_sockets_are_taken(&f->sockets, &e));
	assert_non_null(strstr(e.text, "\"https\""));
	assert_int_equal(passed_sockets_take(&f->sockets, "https"), FIRST);
	assert_true(passed_sockets_are_taken(&f->sockets, &e));
	passed_sockets_fini(&f->sockets);
	assert_true(fcntl(FIRST, F_GETFD) >= 0);
}

static void
test_untaken_are_closed(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;

	place(0, SOCK_STREAM, true);
	assert_true(passed_sockets_parse(&f->sockets, "1", "https", FIRST, &e));
	passed_sockets_fini(&f->sockets);
	assert_int_equal(fcntl(FIRST, F_GETFD), -1);
}

static void
test_mistakes(void **state)
{
	static const char *const cases[][3] = {
		{"", "", "expected 1 to 8"},
		{"0", "", "expected 1 to 8"},
		{"9", "", "expected 1 to 8"},
		{"-1", "", "expected 1 to 8"},
		{"1", "", "has no name"},
		{"2", "https", "has no name"},
		{"2", "https:", "has no name"},
		{"1", "https:http", "more names"},
		{"2", "https:https", "two sockets are named \"https\""},
		{"1", "a-name-that-is-longer-than-what-is-taken", "more than 31 bytes"},
		{"3", "https:http:admin", "does not listen"},
		{"4", "https:http:admin:webhook", "does not listen"},
	};
	struct fixture *f = *state;

	place(0, SOCK_STREAM, true);
	place(1, SOCK_STREAM, true);
	place(2, SOCK_STREAM, false);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = ERR_INIT;

		assert_false(
			passed_sockets_parse(&f->sockets, cases[i][0], cases[i][1], FIRST, &e));
		assert_int_equal(e.code, ERR_CONFIG);
		if (strstr(e.text, cases[i][2]) == NULL)
			fail_msg("\"%s\", \"%s\": %s", cases[i][0], cases[i][1], e.text);
	}
}

static void
test_no_sockets(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;

	place(0, SOCK_DGRAM, false);
	assert_false(passed_sockets_parse(&f->sockets, "1", "https", FIRST, &e));
	assert_non_null(strstr(e.text, "not a stream socket"));
	(void)close(FIRST);
	e = ERR_INIT;
	assert_false(passed_sockets_parse(&f->sockets, "1", "https", FIRST, &e));
	assert_non_null(strstr(e.text, strerror(EBADF)));
}

/* Variables for another process: we have no sockets. */
static void
test_environment(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;

	assert_int_equal(setenv("LISTEN_PID", "1", 1), 0);
	assert_int_equal(setenv("LISTEN_FDS", "nonsense", 1), 0);
	assert_int_equal(setenv("LISTEN_FDNAMES", "https", 1), 0);
	assert_true(passed_sockets_receive(&f->sockets, &e));
	assert_int_equal(f->sockets.count, 0);
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_FDS"));
	assert_null(getenv("LISTEN_FDNAMES"));

	char pid[32];
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	assert_int_equal(setenv("LISTEN_PID", pid, 1), 0);
	assert_true(passed_sockets_receive(&f->sockets, &e));
	assert_int_equal(setenv("LISTEN_PID", pid, 1), 0);
	assert_int_equal(setenv("LISTEN_FDS", "nonsense", 1), 0);
	assert_false(passed_sockets_receive(&f->sockets, &e));
	assert_null(getenv("LISTEN_FDS"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_taken_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_untaken_are_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mistakes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_sockets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_environment, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
