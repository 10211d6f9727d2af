/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/net/dial: names and addresses of this machine, and servers that refuse or do not answer.
 */
#include "base/net/dial.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

#define PATIENCE_MS 60000u

static int
listen_on_loopback(uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static int
dial(const char *host, uint16_t port, struct err *e)
{
	return dial_tcp(host, port, clock_monotonic_ms() + PATIENCE_MS, e);
}

static void
test_connects(void **state)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost", "kiwi.localhost"};
	struct err e = ERR_INIT;
	uint16_t port;
	int server = listen_on_loopback(&port);

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		int fd = dial(hosts[i], port, &e);
		int accepted = accept(server, NULL, NULL);

		if (fd < 0 || accepted < 0)
			fail_msg("%s: %s", hosts[i], e.text);
		assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_int_equal(send(accepted, "x", 1, 0), 1);
		assert_true(dial_wait(fd, POLLIN, clock_monotonic_ms() + PATIENCE_MS, &e));
		assert_false(dial_wait(accepted, POLLIN, clock_monotonic_ms(), &e));
		assert_int_equal(e.code, ERR_TIMEOUT);
		close(fd);
		close(accepted);
	}
	close(server);
}

static void
test_refused(void **state)
{
	struct err e = ERR_INIT;
	uint16_t port;

	(void)state;
	close(listen_on_loopback(&port));
	assert_int_equal(dial("localhost", port, &e), -1);
	assert_int_equal(e.code, ERR_CONNECT);
	assert_non_null(strstr(e.text, "localhost"));
	assert_non_null(strstr(e.text, "refused"));
}

static void
test_unknown_names(void **state)
{
	static char too_long[300];
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(dial("no such name", 443, &e), -1);
	assert_int_equal(e.code, ERR_CONNECT);
	memset(too_long, 'a', sizeof(too_long) - 1);
	assert_int_equal(dial(too_long, 443, &e), -1);
	assert_int_equal(e.code, ERR_CONNECT);
}

/* A full backlog drops connections. */
static void
test_no_answer(void **state)
{
	int fds[64];
	struct err e = ERR_INIT;
	uint16_t port;
	int server = listen_on_loopback(&port);
	bool is_late = false;
	size_t count = 0;

	(void)state;
	while (!is_late && count < sizeof(fds) / sizeof(fds[0])) {
		fds[count] = dial_tcp("127.0.0.1", port, clock_monotonic_ms() + 300, &e);
		is_late = fds[count] < 0;
		if (!is_late)
			count++;
	}
	assert_true(is_late);
	assert_int_equal(e.code, ERR_TIMEOUT);
	assert_non_null(strstr(e.text, "in time"));
	while (count > 0)
		close(fds[--count]);
	close(server);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connects),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_unknown_names),
		cmocka_unit_test(test_no_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
