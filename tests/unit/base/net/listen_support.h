/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of base/net/listen share: a loop with listeners, and clients.
 */
#ifndef TESTS_UNIT_BASE_NET_LISTEN_SUPPORT_H
#define TESTS_UNIT_BASE_NET_LISTEN_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/net/listen.h"
#include "base/net/listen_socket.h"
#include "tests/unit/loop_guard.h"

struct fixture {
	struct loop *loop;
	struct loop_timer guard;
	struct loop_timer pause;
	struct listen *listen;
	unsigned accepted;
	unsigned stop_after;
	int fd; /* the last one accepted, when kept */
	bool keep;
	bool free_in_callback;
	struct address peer;
};

static inline void
on_pause(void *arg)
{
	struct fixture *f = arg;

	loop_stop(f->loop);
}

static inline int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err e;

	f->loop = loop_new(&e);
	assert_non_null(f->loop);
	f->fd = -1;
	f->stop_after = 1;
	loop_timer_init(&f->guard, f->loop, on_guard, NULL);
	loop_timer_init(&f->pause, f->loop, on_pause, f);
	loop_timer_start(&f->guard, 60000);
	*state = f;
	return 0;
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;

	if (f->fd >= 0)
		close(f->fd);
	listen_free(f->listen);
	loop_timer_fini(&f->guard);
	loop_timer_fini(&f->pause);
	loop_free(f->loop);
	free(f);
	return 0;
}

static inline void
on_accept(int fd, const struct address *peer, void *arg)
{
	struct fixture *f = arg;

	f->peer = *peer;
	if (f->keep)
		f->fd = fd;
	else
		close(fd);
	if (f->free_in_callback) {
		listen_free(f->listen);
		f->listen = NULL;
	}
	if (++f->accepted == f->stop_after)
		loop_stop(f->loop);
}

static inline void
listen_on_address(struct fixture *f, const char *text)
{
	struct address a;
	struct err e = ERR_INIT;

	assert_true(address_parse(&a, str_from(text), &e));
	f->listen = listen_new(f->loop, &a, -1, on_accept, f, &e);
	if (f->listen == NULL)
		fail_msg("%s", e.text);
}

static inline int
connect_to(const struct address *a)
{
	int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&a->sa, a->len), 0);
	return fd;
}

static inline void
run(struct fixture *f)
{
	struct err e;

	assert_true(loop_run(f->loop, &e));
}

#endif
