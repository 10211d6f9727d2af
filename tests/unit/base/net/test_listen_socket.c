/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unix sockets, sockets that the service manager passed, and ports that others listen on.
 */
#include "tests/unit/base/net/listen_support.h"

struct socket_file {
	char dir[64];
	char path[80];
	char text[96];
};

static void
socket_file_make(struct socket_file *s)
{
	(void)snprintf(s->dir, sizeof(s->dir), "/tmp/workspace-proxy-listen-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	(void)snprintf(s->path, sizeof(s->path), "%s/s", s->dir);
	(void)snprintf(s->text, sizeof(s->text), "unix:%s", s->path);
}

static void
test_unix(void **state)
{
	struct fixture *f = *state;
	struct socket_file s;
	struct stat st;

	socket_file_make(&s);
	listen_on_address(f, s.text);
	assert_true(address_is_unix(listen_address(f->listen)));
	int client = connect_to(listen_address(f->listen));
	run(f);
	assert_true(address_is_unix(&f->peer));
	assert_int_equal(f->accepted, 1);
	assert_true(listen_can_be_reached(f->listen));
	close(client);
	listen_free(f->listen);
	f->listen = NULL;
	assert_int_equal(lstat(s.path, &st), -1);
	assert_int_equal(rmdir(s.dir), 0);
}

static void
test_unix_stale_file_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct socket_file s;
	struct address a;
	struct err e = ERR_INIT;

	socket_file_make(&s);
	assert_true(address_parse(&a, str_from(s.text), &e));
	int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(dead, (struct sockaddr *)&a.sa, a.len), 0);
	close(dead);
	listen_on_address(f, s.text);

	/* A socket file in use is not removed. */
	assert_null(listen_new(f->loop, &a, -1, on_accept, f, &e));
	assert_non_null(strstr(e.text, "in use by another process"));
	close(connect_to(&a));
	run(f);

	/* A file that has replaced ours is not removed. */
	assert_int_equal(unlink(s.path), 0);
	assert_false(listen_can_be_reached(f->listen));
	int other = open(s.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(other);
	assert_false(listen_can_be_reached(f->listen));
	listen_free(f->listen);
	f->listen = NULL;
	assert_null(listen_new(f->loop, &a, -1, on_accept, f, &e));
	assert_non_null(strstr(e.text, "is not a socket"));
	assert_int_equal(unlink(s.path), 0);
	assert_int_equal(rmdir(s.dir), 0);
}

static int
bind_as_thief(const char *host, uint16_t port)
{
	static const int on = 1;
	struct address a;
	struct err e = ERR_INIT;

	assert_true(address_from_host(&a, str_from(host), port, &e));
	int fd = socket(a.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
	int result = bind(fd, (const struct sockaddr *)&a.sa, a.len) == 0 ? listen(fd, 1) : -1;
	int errno_value = errno;
	close(fd);
	errno = errno_value;
	return result;
}

/* Another process of our user can't bind the same port, or a more specific address of it, with any
 * option for sharing. */
static void
test_port_can_not_be_shared(void **state)
{
	static const struct {
		const char *listener;
		const char *thief;
	} cases[] = {
		{":0", "127.0.0.1"},
		{":0", "0.0.0.0"},
		{":0", "::"},
		{":0", "::1"},
		{":0", "127.0.0.9"},
		{"127.0.0.1:0", "127.0.0.1"},
		{"127.0.0.1:0", "0.0.0.0"},
		{"127.0.0.1:0", "::"},
		{"[::1]:0", "::1"},
		{"[::1]:0", "::"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		listen_on_address(f, cases[i].listener);
		if (bind_as_thief(cases[i].thief, address_port(listen_address(f->listen))) == 0)
			fail_msg("%s beside %s", cases[i].thief, cases[i].listener);
		assert_int_equal(errno, EADDRINUSE);
		listen_free(f->listen);
		f->listen = NULL;
	}
}

/* Connections that wait in a passed socket stay there for the next process. */
static void
test_passed_socket(void **state)
{
	struct fixture *f = *state;
	struct address a;
	struct err e = ERR_INIT;

	assert_true(address_parse(&a, STR("127.0.0.1:0"), &e));
	int kept = listen_socket_bind(&a, &e);
	assert_true(kept >= 0);
	assert_false(listen_socket_adopt(kept, &e));
	assert_int_equal(listen(kept, 8), 0);
	assert_true(listen_socket_adopt(kept, &e));
	for (unsigned round = 1; round <= 2; round++) {
		f->listen = listen_new(f->loop, &a, dup(kept), on_accept, f, &e);
		assert_non_null(f->listen);
		f->stop_after = round;
		int client = connect_to(listen_address(f->listen));
		run(f);
		assert_int_equal(f->accepted, round);
		int waiting = connect_to(listen_address(f->listen));
		listen_free_after_backlog(f->listen);
		f->listen = NULL;
		assert_int_equal(f->accepted, round);
		int accepted = accept4(kept, NULL, NULL, SOCK_CLOEXEC);
		assert_true(accepted >= 0);
		close(accepted);
		close(waiting);
		close(client);
	}
	close(kept);
}

static void
test_file_of_a_passed_socket_stays(void **state)
{
	struct fixture *f = *state;
	struct socket_file s;
	struct address a;
	struct err e = ERR_INIT;

	socket_file_make(&s);
	assert_true(address_parse(&a, str_from(s.text), &e));
	int fd = listen_socket_bind(&a, &e);
	assert_true(fd >= 0);
	f->listen = listen_new(f->loop, &a, fd, on_accept, f, &e);
	assert_non_null(f->listen);
	assert_true(address_is_unix(listen_address(f->listen)));
	close(connect_to(&a));
	run(f);
	listen_free(f->listen);
	f->listen = NULL;
	assert_int_equal(unlink(s.path), 0);
	assert_int_equal(rmdir(s.dir), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_port_can_not_be_shared, setup, teardown),
		cmocka_unit_test_setup_teardown(test_passed_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_of_a_passed_socket_stays, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_unix, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unix_stale_file_is_replaced, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
