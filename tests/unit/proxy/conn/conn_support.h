/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helpers for tests of proxy/conn/conn: one connection in an event loop that the test runs, its
 * peer (a plain socket or OpenSSL's client), callbacks that count, and checks for plain connections
 * and TLS.
 */
#ifndef TESTS_UNIT_PROXY_CONN_CONN_SUPPORT_H
#define TESTS_UNIT_PROXY_CONN_CONN_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "proxy/conn/conn.h"
#include "proxy/conn/conn_read.h"
#include "tests/unit/base/net/tls/certs.h"

#define PATIENCE_MS 60000u
#define PIECE_BYTES 65536u

static struct certs certs;
static struct tls_context *tls_context;
static SSL_CTX *client_ctx;

struct fixture {
	struct loop *loop;
	struct conn *conn; /* NULL: freed by a callback */
	int peer;
	SSL *client; /* on peer; NULL: plain */
	size_t read_size;
	unsigned opened, readable, drained, failed;
	enum err_code failure;
	enum conn_read_result last; /* of the reads in on_readable */
	enum err_code read_error;
	bool keeps_quiet; /* on_readable reads nothing */
	bool want_read_on_open;
	bool free_in_callback;
	bool in_call; /* a function of conn is on the stack: no callback may run */
	struct buf got;
};

static inline void
maybe_free(struct fixture *f)
{
	assert_false(f->in_call);
	if (!f->free_in_callback)
		return;
	conn_close(f->conn);
	free(f->conn);
	f->conn = NULL;
}

static inline void
on_open(void *arg)
{
	struct fixture *f = arg;

	f->opened++;
	if (f->want_read_on_open)
		conn_want_read(f->conn, true);
	maybe_free(f);
}

/* Reads once per call: remaining bytes must cause another call. */
static inline void
on_readable(void *arg)
{
	struct fixture *f = arg;
	struct err e = ERR_INIT;
	char data[PIECE_BYTES];
	size_t got;

	f->readable++;
	assert_true(f->conn->reading);
	if (!f->keeps_quiet && !f->free_in_callback) {
		f->last = conn_read(f->conn, data, f->read_size, &got, &e);
		assert_int_equal(got > 0, f->last == CONN_READ_SOME);
		assert_true(buf_add(&f->got, data, got));
		if (f->last == CONN_READ_END || f->last == CONN_READ_FAILED) {
			f->read_error = e.code;
			conn_want_read(f->conn, false);
		}
	}
	maybe_free(f);
}

static inline void
on_drained(void *arg)
{
	struct fixture *f = arg;

	f->drained++;
	assert_false(conn_is_blocked(f->conn));
	maybe_free(f);
}

static inline void
on_failed(const struct err *e, void *arg)
{
	struct fixture *f = arg;

	f->failed++;
	f->failure = e->code;
	assert_true(e->text[0] != '\0');
	assert_false(conn_is_usable(f->conn));
	maybe_free(f);
}

static const struct conn_ops ops = {
	.on_open = on_open,
	.on_readable = on_readable,
	.on_drained = on_drained,
	.on_failed = on_failed,
};

static inline int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err e;

	assert_non_null(f);
	f->loop = loop_new(&e);
	assert_non_null(f->loop);
	f->conn = calloc(1, sizeof(*f->conn));
	assert_non_null(f->conn);
	conn_init(f->conn, f->loop, &ops, f);
	f->peer = -1;
	f->read_size = PIECE_BYTES;
	buf_init(&f->got, 16u << 20);
	*state = f;
	return 0;
}

static inline void
close_peer(struct fixture *f)
{
	SSL_free(f->client);
	f->client = NULL;
	if (f->peer >= 0)
		close(f->peer);
	f->peer = -1;
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;

	close_peer(f);
	if (f->conn != NULL)
		conn_close(f->conn);
	free(f->conn);
	loop_free(f->loop);
	buf_fini(&f->got);
	free(f);
	return 0;
}

static inline int
setup_group(void **state)
{
	struct err e;

	(void)state;
	certs_init(&certs);
	certs_make(&certs, "one", "DNS:one.test", 7);
	tls_context = tls_context_new(certs_path(&certs, "one.pem").text,
				      certs_path(&certs, "one.key").text, &e);
	client_ctx = SSL_CTX_new(TLS_client_method());
	return tls_context == NULL || client_ctx == NULL;
}

static inline int
teardown_group(void **state)
{
	(void)state;
	tls_context_free(tls_context);
	SSL_CTX_free(client_ctx);
	certs_fini(&certs);
	return 0;
}

static inline void
spin(struct fixture *f)
{
	assert_true(event_base_loop(loop_event_base(f->loop), EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
}

/* Runs the event loop often enough for all pending events. */
static inline void
settle(struct fixture *f)
{
	for (int i = 0; i < 20; i++)
		spin(f);
}

static inline void
check_patience(uint64_t start_ms, const char *what)
{
	if (clock_monotonic_ms() - start_ms > PATIENCE_MS)
		fail_msg("waited in vain for: %s", what);
}

#define UNTIL(f, condition)                                                                        \
	do {                                                                                       \
		uint64_t start_ms = clock_monotonic_ms();                                          \
		while (!(condition)) {                                                             \
			spin(f);                                                                   \
			check_patience(start_ms, #condition);                                      \
		}                                                                                  \
	} while (false)

static inline void
open_pair(struct fixture *f, struct tls_context *tls)
{
	struct err e = ERR_INIT;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
			 0);
	f->peer = fds[1];
	assert_true(conn_accept(f->conn, fds[0], tls, &e));
}

static inline void
send_all(struct fixture *f, struct str data)
{
	f->in_call = true;
	conn_send(f->conn, data);
	f->in_call = false;
}

/* Bytes that depend on their position. */
static inline void
fill(char *data, size_t len, size_t from)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (char)((from + i) * 2654435761u >> 13 & 0xff);
}

static inline void
assert_filled(const char *data, size_t len, size_t from)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != (char)((from + i) * 2654435761u >> 13 & 0xff))
			fail_msg("byte %zu is wrong", from + i);
}

/* Sends until the kernel's buffer is full, and a piece more. Returns the number of bytes. */
static inline size_t
send_until_blocked(struct fixture *f)
{
	char piece[PIECE_BYTES];
	size_t sent = 0;

	for (bool blocked = false; !blocked;) {
		blocked = conn_is_blocked(f->conn);
		fill(piece, sizeof(piece), sent);
		send_all(f, (struct str){piece, sizeof(piece)});
		sent += sizeof(piece);
		assert_true(sent < 64u << 20);
	}
	return sent;
}

/* Reads all pending bytes as the peer. False at the end of the stream. */
static inline bool
peer_read(const struct fixture *f, char *data, size_t size, size_t *got)
{
	if (f->client != NULL) {
		ERR_clear_error();
		int result = SSL_read_ex(f->client, data, size, got);
		if (result == 1)
			return true;
		*got = 0;
		return SSL_get_error(f->client, result) == SSL_ERROR_WANT_READ;
	}
	ssize_t n = recv(f->peer, data, size, 0);
	*got = n > 0 ? (size_t)n : 0;
	return n > 0 || (n < 0 && errno == EAGAIN);
}

static inline void
peer_receive(struct fixture *f, size_t total)
{
	char data[PIECE_BYTES];
	uint64_t start_ms = clock_monotonic_ms();

	for (size_t at = 0, got; at < total; at += got) {
		size_t left = total - at;
		assert_true(peer_read(f, data, left < sizeof(data) ? left : sizeof(data), &got));
		assert_filled(data, got, at);
		spin(f);
		check_patience(start_ms, "bytes for the peer");
	}
}

static inline void
peer_expect(struct fixture *f, const char *text)
{
	char data[256];
	uint64_t start_ms = clock_monotonic_ms();

	for (size_t at = 0, got; at < strlen(text); at += got) {
		assert_true(peer_read(f, data, strlen(text) - at, &got));
		assert_memory_equal(data, text + at, got);
		spin(f);
		check_patience(start_ms, text);
	}
}

static inline void
peer_expect_end(struct fixture *f)
{
	char data[16];
	size_t got;

	UNTIL(f, !peer_read(f, data, sizeof(data), &got));
	assert_int_equal(got, 0);
	if (f->client != NULL)
		assert_int_equal(SSL_get_shutdown(f->client) & SSL_RECEIVED_SHUTDOWN,
				 SSL_RECEIVED_SHUTDOWN);
}

static inline void
peer_send(const struct fixture *f, const char *text)
{
	if (f->client != NULL)
		assert_int_equal(SSL_write(f->client, text, (int)strlen(text)), (int)strlen(text));
	else
		assert_int_equal(send(f->peer, text, strlen(text), 0), (ssize_t)strlen(text));
}

static inline void
assert_got(const struct fixture *f, const char *text)
{
	if (!str_equal(buf_view(&f->got), str_from(text)))
		fail_msg("got \"%.*s\"", STR_FMT(buf_view(&f->got)));
}

static inline void
start_client(struct fixture *f)
{
	f->client = SSL_new(client_ctx);
	assert_non_null(f->client);
	assert_int_equal(SSL_set_fd(f->client, f->peer), 1);
	SSL_set_connect_state(f->client);
}

static inline void
open_tls(struct fixture *f)
{
	open_pair(f, tls_context);
	start_client(f);
	UNTIL(f, SSL_do_handshake(f->client) == 1);
}

static inline void
check_blocking(struct fixture *f)
{
	for (int round = 0; round < 2; round++) {
		size_t before = f->conn->sent_bytes;
		size_t sent = send_until_blocked(f);
		settle(f);
		assert_int_equal(f->drained, round);
		peer_receive(f, sent);
		UNTIL(f, f->drained == (unsigned)round + 1);
		assert_false(conn_is_blocked(f->conn));
		assert_int_equal(f->conn->sent_bytes - before, sent);
		assert_int_equal(f->conn->out.size, 0);
	}
	settle(f);
	assert_int_equal(f->drained, 2);
	assert_int_equal(f->failed, 0);
}

/* The peer has taken everything, and the loop had no chance to see it: whoever sends or flushes now
 * must not swallow the news. */
static inline void
check_sends_after_the_peer_read(struct fixture *f, bool flushes)
{
	char data[PIECE_BYTES];
	size_t got, total = 0;
	size_t sent = send_until_blocked(f);

	do {
		assert_true(peer_read(f, data, sizeof(data), &got));
		total += got;
	} while (got > 0);
	assert_true(total < sent);
	if (flushes)
		conn_flush(f->conn);
	else
		send_all(f, STR("more"));
	assert_true(conn_is_blocked(f->conn));
	uint64_t read_ms = clock_monotonic_ms();
	for (sent += flushes ? 0 : 4; total < sent; total += got) {
		assert_true(peer_read(f, data, sizeof(data), &got));
		spin(f);
		check_patience(read_ms, "the rest");
	}
	UNTIL(f, f->drained == 1);
	assert_false(conn_is_blocked(f->conn));
}

static inline void
check_overflow(struct fixture *f)
{
	char piece[PIECE_BYTES] = {0};

	for (size_t sent = 0; conn_is_usable(f->conn); sent += sizeof(piece)) {
		send_all(f, (struct str){piece, sizeof(piece)});
		assert_true(sent < 64u << 20);
	}
	assert_true(f->conn->out.size <= CONN_OUT_MAX);
	assert_int_equal(f->failed, 0);
	send_all(f, STR("more"));
	UNTIL(f, f->failed > 0);
	assert_int_equal(f->failure, ERR_MEMORY);
	settle(f);
	assert_int_equal(f->failed, 1);
	assert_int_equal(f->drained, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
