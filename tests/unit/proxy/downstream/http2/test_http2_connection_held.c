/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/downstream/http2/http2_connection_held: limits of one connection and of all together, with
 * and without users, and that bytes are counted in one pool at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "proxy/downstream/http2/http2_connection_private.h"

#define KIB	    1024u
#define MIB	    (1024u * KIB)
#define POOL	    (2 * MIB) /* without users */
#define USER_POOL   (32 * MIB)
#define LEAST	    (8 * KIB)
#define USER_LEAST  (64 * KIB)
#define CONNECTIONS 400u
#define HEAD_BYTES  4000u

#define GET_FRAME "\0\0\6\1\5\0\0\0\1\x82\x84\x87\x41\1a"

struct one {
	struct http2_connection connection;
	struct downstream downstream;
	struct http2_stream stream;
};

struct fixture {
	struct proxy proxy;
	struct one all[CONNECTIONS];
};

static struct http2_stream *
on_open(void *arg)
{
	return &((struct one *)arg)->stream;
}

static bool
may_be_large(void *arg)
{
	(void)arg;
	return false;
}

static void
on_write(struct str data, void *arg)
{
	(void)data;
	(void)arg;
}

static bool
is_blocked(void *arg)
{
	(void)arg;
	return true;
}

static const struct http2_ops ops = {on_open, may_be_large, on_write, is_blocked};

static void
init(struct fixture *f, struct one *o)
{
	static const struct http2_options options = {
		.limits = {.head_max_bytes = KIB, .large_head_max_bytes = KIB, .headers_max = 16},
		.response_head_max_bytes = KIB};
	struct err e = ERR_INIT;

	o->downstream.proxy = &f->proxy;
	o->connection.downstream = &o->downstream;
	o->connection.codec = http2_new(&options, &ops, o, &e);
	assert_non_null(o->connection.codec);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	for (size_t i = 0; i < CONNECTIONS; i++)
		init(f, &f->all[i]);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < CONNECTIONS; i++) {
		http2_free(f->all[i].connection.codec);
		http2_stream_fini(&f->all[i].stream);
	}
	free(f);
	return 0;
}

/* How much more than it holds a connection may. */
static size_t
room(struct http2_connection *c)
{
	size_t most = 0;

	for (size_t step = 64 * MIB; step > 0; step /= 2)
		if (http2_held_has_room(c, most + step))
			most += step;
	return most;
}

static void
test_one_connection(void **state)
{
	struct fixture *f = *state;
	struct http2_connection *c = &f->all[0].connection;

	/* Any head, where there is nothing yet. */
	assert_true(http2_held_has_room(c, POOL * 2));
	c->head_bytes = 1;
	assert_int_equal(room(c), 256 * KIB - 1);
	c->head_bytes = 100 * KIB;
	assert_int_equal(room(c), 156 * KIB);
	c->downstream->stream.has_user = true;
	assert_int_equal(room(c), 4 * MIB - 100 * KIB);
}

/* A quarter of the free memory, and always a minimum. */
static void
test_a_quarter_of_free_memory(void **state)
{
	struct fixture *f = *state;
	struct http2_connection *c = &f->all[0].connection;
	size_t *held = f->proxy.http2_held;

	c->head_bytes = KIB;
	http2_held_note(c);
	held[0] += POOL - 400 * KIB;
	assert_int_equal(room(c), 99 * KIB);
	held[0] += 400 * KIB;
	assert_int_equal(room(c), LEAST - KIB);
	held[0] += POOL;
	assert_int_equal(room(c), LEAST - KIB);

	/* This does not affect users. */
	c->downstream->stream.has_user = true;
	assert_int_equal(room(c), 4 * MIB - KIB);
	held[1] += USER_POOL - 8 * MIB;
	assert_int_equal(room(c), 2 * MIB - KIB);
	held[1] += 8 * MIB;
	assert_int_equal(room(c), USER_LEAST - KIB);
}

/* Of all connections, when each takes what it gets. */
static size_t
fill(struct fixture *f, bool has_user)
{
	size_t sum = 0;

	for (size_t i = 0; i < CONNECTIONS; i++) {
		struct http2_connection *c = &f->all[i].connection;

		c->downstream->stream.has_user = has_user;
		while (http2_held_has_room(c, HEAD_BYTES))
			c->head_bytes += HEAD_BYTES;
		http2_held_note(c);
		assert_true(c->head_bytes > 0);
		sum += c->head_bytes;
	}
	assert_int_equal(f->proxy.http2_held[has_user], sum);
	assert_int_equal(f->proxy.http2_held[!has_user], 0);
	return sum;
}

static void
test_all_connections(void **state)
{
	assert_in_range(fill(*state, false), POOL - POOL / 8, POOL + CONNECTIONS * LEAST);
}

static void
test_all_users(void **state)
{
	assert_in_range(fill(*state, true), USER_POOL - USER_POOL / 8,
			USER_POOL + CONNECTIONS * USER_LEAST);
}

static void
test_pools(void **state)
{
	struct fixture *f = *state;
	struct http2_connection *c = &f->all[0].connection;
	size_t *held = f->proxy.http2_held;

	c->head_bytes = 5000;
	http2_held_note(c);
	http2_held_note(c);
	assert_int_equal(held[0], 5000);
	c->downstream->stream.has_user = true;
	http2_held_note(c);
	assert_int_equal(held[0], 0);
	assert_int_equal(held[1], 5000);
	c->head_bytes = 7000;
	http2_held_note(c);
	assert_int_equal(held[1], 7000);
	c->is_stopped = true;
	http2_held_note(c);
	assert_int_equal(held[0], 0);
	assert_int_equal(held[1], 0);
}

/* Holds the bytes of a response, since nothing can be written. */
static void
hold(struct one *o, size_t len)
{
	static char bytes[64 * KIB];

	while (len > 0) {
		size_t part = len < sizeof(bytes) ? len : sizeof(bytes);
		assert_true(http2_send(&o->stream, (struct str){bytes, part}));
		len -= part;
	}
}

static void
begin_response(struct one *o)
{
	char data[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0" GET_FRAME;
	const struct response_head head = {.status = 200, .body = BODY_STREAM};
	struct http2_event event;
	struct err e = ERR_INIT;
	size_t used;

	assert_true(http2_receive(o->connection.codec, data, sizeof(data) - 1, &used, 1, &e));
	assert_int_equal(used, sizeof(data) - 1);
	assert_true(http2_next_event(o->connection.codec, &event));
	assert_int_equal(event.kind, HTTP2_EVENT_HEAD);
	arena_fini(&event.arena);
	assert_true(http2_send_head(&o->stream, &head));
}

static void
test_bytes_of_responses(void **state)
{
	struct fixture *f = *state;
	struct one *o = &f->all[0];
	struct http2_connection *c = &o->connection;

	begin_response(o);
	assert_false(http2_held_is_full(c));
	hold(o, 128 * KIB);
	http2_held_note(c);
	assert_int_equal(f->proxy.http2_held[0], 128 * KIB);
	assert_false(http2_held_is_full(c));
	hold(o, 1);
	assert_true(http2_held_is_full(c));
	assert_int_equal(room(c), 128 * KIB - 1);

	c->downstream->stream.has_user = true;
	assert_false(http2_held_is_full(c));
	http2_held_note(c);
	f->proxy.http2_held[1] += USER_POOL;
	assert_true(http2_held_is_full(c));
	f->proxy.http2_held[1] -= USER_POOL;
	hold(o, 512 * KIB - 128 * KIB - 1);
	assert_false(http2_held_is_full(c));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_quarter_of_free_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_connections, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_users, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pools, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bytes_of_responses, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
