/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/net/listen: what libevhtp accepts reaches us with its descriptor open, marked and unshared,
 * and nothing leaks over many connections; families, unix sockets, pausing, and want of
 * descriptors.
 */
#include "tests/unit/base/net/listen_support.h"
#include "tests/unit/loop_guard.h"

#define CLIENTS_MAX 64

static int
connect_to_text(const char *host, uint16_t port)
{
	struct address a;
	struct err e;

	assert_true(address_from_host(&a, str_from(host), port, &e));
	return connect_to(&a);
}

static void
run_for(struct fixture *f, uint64_t ms)
{
	loop_timer_start(&f->pause, ms);
	run(f);
}

static int
option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static void
test_descriptor_is_ours(void **state)
{
	struct fixture *f = *state;
	char ip[ADDRESS_TEXT_MAX];
	char byte;

	f->keep = true;
	listen_on_address(f, "127.0.0.1:0");
	assert_int_not_equal(address_port(listen_address(f->listen)), 0);
	int client = connect_to(listen_address(f->listen));
	assert_int_equal(write(client, "x", 1), 1);
	run(f);
	assert_true((fcntl(f->fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_true((fcntl(f->fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_int_not_equal(option(f->fd, IPPROTO_TCP, TCP_NODELAY), 0);
	assert_int_not_equal(option(f->fd, SOL_SOCKET, SO_KEEPALIVE), 0);
	address_format_ip(&f->peer, ip, sizeof(ip));
	assert_string_equal(ip, "127.0.0.1");
	assert_int_not_equal(address_port(&f->peer), 0);

	/* No other code reads from it or closes it. */
	run_for(f, 10);
	assert_int_equal(recv(f->fd, &byte, 1, 0), 1);
	assert_int_equal(send(f->fd, "y", 1, 0), 1);
	assert_int_equal(read(client, &byte, 1), 1);
	assert_int_equal(byte, 'y');
	close(client);
}

static void
test_many_connections_leak_nothing(void **state)
{
	struct fixture *f = *state;

	listen_on_address(f, "127.0.0.1:0");
	size_t before = count_descriptors();
	for (unsigned round = 0; round < 40; round++) {
		int clients[CLIENTS_MAX];
		for (size_t i = 0; i < CLIENTS_MAX; i++)
			clients[i] = connect_to(listen_address(f->listen));
		f->stop_after = f->accepted + CLIENTS_MAX;
		run(f);
		for (size_t i = 0; i < CLIENTS_MAX; i++)
			close(clients[i]);
	}
	assert_int_equal(f->accepted, 40 * CLIENTS_MAX);
	assert_int_equal(count_descriptors(), before);
}

static void
skip_without_ipv6(void)
{
	const struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has_ipv6 = fd >= 0 && bind(fd, (const struct sockaddr *)&in6, sizeof(in6)) == 0;

	if (fd >= 0)
		close(fd);
	if (!has_ipv6)
		skip();
}

static void
test_ipv6(void **state)
{
	struct fixture *f = *state;
	char ip[ADDRESS_TEXT_MAX];

	skip_without_ipv6();
	listen_on_address(f, "[::1]:0");
	int client = connect_to(listen_address(f->listen));
	run(f);
	address_format_ip(&f->peer, ip, sizeof(ip));
	assert_string_equal(ip, "::1");
	close(client);
}

static void
test_wildcard_takes_both_families(void **state)
{
	struct fixture *f = *state;
	char ip[ADDRESS_TEXT_MAX];

	skip_without_ipv6();
	listen_on_address(f, ":0");
	uint16_t port = address_port(listen_address(f->listen));
	assert_int_not_equal(port, 0);
	int client = connect_to_text("127.0.0.1", port);
	run(f);
	address_format_ip(&f->peer, ip, sizeof(ip));
	assert_string_equal(ip, "127.0.0.1");
	close(client);
	f->stop_after = 2;
	client = connect_to_text("::1", port);
	run(f);
	address_format_ip(&f->peer, ip, sizeof(ip));
	assert_string_equal(ip, "::1");
	close(client);
}

static void
test_address_in_use(void **state)
{
	struct fixture *f = *state;
	struct address a = {.len = 0};
	struct err e = ERR_INIT;
	int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in in = {.sin_family = AF_INET};

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(taken, (struct sockaddr *)&in, sizeof(in)), 0);
	a.len = sizeof(a.sa);
	assert_int_equal(getsockname(taken, (struct sockaddr *)&a.sa, &a.len), 0);
	assert_int_equal(listen(taken, 1), 0);
	assert_null(listen_new(f->loop, &a, -1, on_accept, f, &e));
	assert_int_equal(e.code, ERR_SYSTEM);
	assert_non_null(strstr(e.text, "127.0.0.1:"));
	assert_non_null(strstr(e.text, strerror(EADDRINUSE)));
	close(taken);
}

static void
test_pause_and_resume(void **state)
{
	struct fixture *f = *state;

	listen_on_address(f, "127.0.0.1:0");
	listen_pause(f->listen);
	int client = connect_to(listen_address(f->listen));
	run_for(f, 20);
	assert_int_equal(f->accepted, 0);
	listen_resume(f->listen);
	run(f);
	assert_int_equal(f->accepted, 1);
	close(client);
}

static void
test_waiting_connections_are_accepted_first(void **state)
{
	struct fixture *f = *state;
	int clients[3];

	listen_on_address(f, "127.0.0.1:0");
	for (size_t i = 0; i < 3; i++)
		clients[i] = connect_to(listen_address(f->listen));
	struct address address = *listen_address(f->listen);
	listen_free_after_backlog(f->listen);
	f->listen = NULL;
	assert_int_equal(f->accepted, 3);
	assert_int_equal(f->peer.sa.ss_family, AF_INET);
	int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(late, (const struct sockaddr *)&address.sa, address.len), -1);
	close(late);
	for (size_t i = 0; i < 3; i++)
		close(clients[i]);
}

static void
test_free_in_callback(void **state)
{
	struct fixture *f = *state;

	f->free_in_callback = true;
	listen_on_address(f, "127.0.0.1:0");
	int one = connect_to(listen_address(f->listen));
	int two = connect_to(listen_address(f->listen));
	run(f);
	run_for(f, 10);
	assert_int_equal(f->accepted, 1);
	close(one);
	close(two);
}

static uint64_t
cpu_ms(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Without free descriptors accepting pauses instead of spinning, and continues later. */
static void
test_no_descriptors_left(void **state)
{
	struct fixture *f = *state;
	struct rlimit usual;
	struct rlimit low;

	listen_on_address(f, "127.0.0.1:0");
	int client = connect_to(listen_address(f->listen));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
	low = usual;
	low.rlim_cur = 3; /* open descriptors stay; no new ones are possible */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	uint64_t cpu_before_ms = cpu_ms();
	run_for(f, 300);
	uint64_t cpu_spent_ms = cpu_ms() - cpu_before_ms;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
	assert_int_equal(f->accepted, 0);
	assert_true(cpu_spent_ms < 100);
	loop_timer_stop(&f->pause);
	run(f);
	assert_int_equal(f->accepted, 1);
	close(client);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_descriptor_is_ours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_connections_leak_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_ipv6, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wildcard_takes_both_families, setup, teardown),
		cmocka_unit_test_setup_teardown(test_address_in_use, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pause_and_resume, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waiting_connections_are_accepted_first, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_free_in_callback, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_descriptors_left, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
