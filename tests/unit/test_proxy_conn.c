/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/conn over socket pairs and loopback, plain and against OpenSSL's client: what blocks and
 * drains, ends of every kind, bytes that TLS holds, and callbacks that free their conn.
 */
#include "proxy/conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "proxy/conn_read.h"
#include "tests/unit/certs.h"

#define PATIENCE_MS 20000u
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

static void
maybe_free(struct fixture *f)
{
	assert_false(f->in_call);
	if (!f->free_in_callback)
		return;
	conn_close(f->conn);
	free(f->conn);
	f->conn = NULL;
}

static void
on_open(void *arg)
{
	struct fixture *f = arg;

	f->opened++;
	if (f->want_read_on_open)
		conn_want_read(f->conn, true);
	maybe_free(f);
}

/* One read per call: what is left must bring another call. */
static void
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

static void
on_drained(void *arg)
{
	struct fixture *f = arg;

	f->drained++;
	assert_false(conn_is_blocked(f->conn));
	maybe_free(f);
}

static void
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

static int
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

static void
close_peer(struct fixture *f)
{
	SSL_free(f->client);
	f->client = NULL;
	if (f->peer >= 0)
		close(f->peer);
	f->peer = -1;
}

static int
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

static int
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

static int
teardown_group(void **state)
{
	(void)state;
	tls_context_free(tls_context);
	SSL_CTX_free(client_ctx);
	certs_fini(&certs);
	return 0;
}

static void
spin(struct fixture *f)
{
	assert_true(event_base_loop(loop_event_base(f->loop), EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
}

/* Rounds enough for all that is due. */
static void
settle(struct fixture *f)
{
	for (int i = 0; i < 20; i++)
		spin(f);
}

static void
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

static void
open_pair(struct fixture *f, struct tls_context *tls)
{
	struct err e = ERR_INIT;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
			 0);
	f->peer = fds[1];
	assert_true(conn_accept(f->conn, fds[0], tls, &e));
}

static void
send_all(struct fixture *f, struct str data)
{
	f->in_call = true;
	conn_send(f->conn, data);
	f->in_call = false;
}

/* Bytes that tell their place. */
static void
fill(char *data, size_t len, size_t from)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (char)((from + i) * 2654435761u >> 13 & 0xff);
}

static void
assert_filled(const char *data, size_t len, size_t from)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != (char)((from + i) * 2654435761u >> 13 & 0xff))
			fail_msg("byte %zu is wrong", from + i);
}

/* Sends until the kernel takes no more, and a piece beyond that. Returns how much. */
static size_t
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

/* Reads what there is for the peer; false at the end. */
static bool
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

static void
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

static void
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

static void
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

static void
peer_send(const struct fixture *f, const char *text)
{
	if (f->client != NULL)
		assert_int_equal(SSL_write(f->client, text, (int)strlen(text)), (int)strlen(text));
	else
		assert_int_equal(send(f->peer, text, strlen(text), 0), (ssize_t)strlen(text));
}

static void
assert_got(const struct fixture *f, const char *text)
{
	if (!str_equal(buf_view(&f->got), str_from(text)))
		fail_msg("got \"%.*s\"", STR_FMT(buf_view(&f->got)));
}

static void
start_client(struct fixture *f)
{
	f->client = SSL_new(client_ctx);
	assert_non_null(f->client);
	assert_int_equal(SSL_set_fd(f->client, f->peer), 1);
	SSL_set_connect_state(f->client);
}

static void
open_tls(struct fixture *f)
{
	open_pair(f, tls_context);
	start_client(f);
	UNTIL(f, SSL_do_handshake(f->client) == 1);
}

/* Plain */

static void
test_bytes_both_ways(void **state)
{
	struct fixture *f = *state;

	open_pair(f, NULL);
	assert_int_equal(f->conn->state, CONN_OPEN);
	peer_send(f, "hello");
	settle(f);
	assert_int_equal(f->readable, 0);
	conn_want_read(f->conn, true);
	UNTIL(f, f->got.len == 5);
	assert_got(f, "hello");
	assert_int_equal(f->conn->received_bytes, 5);
	send_all(f, STR("world"));
	peer_expect(f, "world");
	assert_int_equal(f->conn->sent_bytes, 5);
	conn_want_read(f->conn, false);
	peer_send(f, "more");
	settle(f);
	assert_got(f, "hello");
	conn_want_read(f->conn, true);
	UNTIL(f, f->got.len == 9);
	assert_int_equal(f->drained + f->failed + f->opened, 0);
}

static void
test_queued_bytes_leave_together(void **state)
{
	struct fixture *f = *state;
	char data[64];
	size_t got;

	open_pair(f, NULL);
	conn_queue(f->conn, STR("one "));
	buf_add_str(conn_out(f->conn), STR("two "));
	settle(f);
	assert_true(peer_read(f, data, sizeof(data), &got));
	assert_int_equal(got, 0);
	send_all(f, STR("three"));
	assert_true(peer_read(f, data, sizeof(data), &got));
	assert_int_equal(got, 13);
	assert_memory_equal(data, "one two three", 13);
	conn_queue(f->conn, STR("four"));
	conn_flush(f->conn);
	assert_true(peer_read(f, data, sizeof(data), &got));
	assert_int_equal(got, 4);
	conn_trim(f->conn);
	assert_int_equal(f->conn->out.size, 0);
}

static void
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

static void
test_what_blocks_is_kept(void **state)
{
	open_pair(*state, NULL);
	check_blocking(*state);
}

/* The peer has taken everything, and the loop had no chance to see it: whoever sends or flushes now
 * must not swallow the news. */
static void
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

static void
test_a_drain_is_always_told(void **state)
{
	struct fixture *f = *state;

	for (int flushes = 0; flushes < 2; flushes++) {
		f->drained = 0;
		open_pair(f, NULL);
		check_sends_after_the_peer_read(f, flushes == 1);
		conn_close(f->conn);
		close_peer(f);
	}
}

static void
test_tls_a_drain_is_always_told(void **state)
{
	struct fixture *f = *state;

	for (int flushes = 0; flushes < 2; flushes++) {
		f->opened = f->drained = 0;
		open_tls(f);
		UNTIL(f, f->opened == 1);
		check_sends_after_the_peer_read(f, flushes == 1);
		conn_close(f->conn);
		close_peer(f);
	}
}

static void
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

static void
test_too_much_fails_from_the_loop(void **state)
{
	open_pair(*state, NULL);
	check_overflow(*state);
}

/* Writers don't look: whatever did not fit must come out, also when nothing else waits. */
static void
test_a_writer_that_overflows(void **state)
{
	struct fixture *f = *state;
	static char large[CONN_OUT_MAX + 1];

	open_pair(f, NULL);
	assert_false(buf_add(conn_out(f->conn), large, sizeof(large)));
	f->in_call = true;
	conn_flush(f->conn);
	f->in_call = false;
	UNTIL(f, f->failed == 1);
	assert_int_equal(f->failure, ERR_MEMORY);
}

static void
test_a_lost_peer_fails_from_the_loop(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	char data[16];
	size_t got;

	open_pair(f, NULL);
	peer_send(f, "answer");
	close_peer(f);
	send_all(f, STR("x"));
	assert_false(conn_is_usable(f->conn));
	assert_int_equal(f->failed, 0);
	send_all(f, STR("y"));
	conn_queue(f->conn, STR("z"));
	conn_flush(f->conn);
	conn_shutdown(f->conn);
	conn_want_read(f->conn, true);
	UNTIL(f, f->failed == 1);
	assert_int_equal(f->failure, ERR_CONNECT);
	/* what came before is still there */
	assert_int_equal(conn_read(f->conn, data, sizeof(data), &got, &e), CONN_READ_SOME);
	assert_int_equal(got, 6);
	settle(f);
	assert_int_equal(f->failed, 1);
}

static void
test_half_closed_by_the_peer(void **state)
{
	struct fixture *f = *state;

	open_pair(f, NULL);
	peer_send(f, "last");
	assert_int_equal(shutdown(f->peer, SHUT_WR), 0);
	conn_want_read(f->conn, true);
	UNTIL(f, f->last == CONN_READ_END);
	assert_got(f, "last");
	send_all(f, STR("answer"));
	peer_expect(f, "answer");
}

static void
test_half_closed_by_us(void **state)
{
	struct fixture *f = *state;

	open_pair(f, NULL);
	conn_queue(f->conn, STR("bye"));
	conn_shutdown(f->conn);
	peer_expect(f, "bye");
	peer_expect_end(f);
	peer_send(f, "and you");
	conn_want_read(f->conn, true);
	UNTIL(f, f->got.len == 7);
}

static void
test_closing_twice_and_never_opened(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	char data[4];
	size_t got;

	conn_close(f->conn);
	open_pair(f, NULL);
	conn_close(f->conn);
	conn_close(f->conn);
	conn_reset(f->conn);
	conn_send(f->conn, STR("x"));
	conn_flush(f->conn);
	conn_shutdown(f->conn);
	assert_int_equal(conn_read(f->conn, data, sizeof(data), &got, &e), CONN_READ_AGAIN);
	assert_int_equal(f->conn->out.size, 0);
	peer_expect_end(f);
	/* and it can be used anew */
	close_peer(f);
	open_pair(f, NULL);
	send_all(f, STR("again"));
	peer_expect(f, "again");
}

static void
test_callbacks_may_free_the_conn(void **state)
{
	struct fixture *f = *state;

	open_pair(f, NULL);
	size_t sent = send_until_blocked(f);
	f->free_in_callback = true;
	peer_receive(f, sent);
	UNTIL(f, f->conn == NULL);
	assert_int_equal(f->drained, 1);
	settle(f);
}

static void
test_on_readable_may_free_the_conn(void **state)
{
	struct fixture *f = *state;

	open_pair(f, NULL);
	f->free_in_callback = true;
	conn_want_read(f->conn, true);
	peer_send(f, "x");
	UNTIL(f, f->conn == NULL);
	settle(f);
}

static void
test_on_failed_may_free_the_conn(void **state)
{
	struct fixture *f = *state;

	open_pair(f, NULL);
	f->free_in_callback = true;
	close_peer(f);
	send_all(f, STR("x"));
	UNTIL(f, f->conn == NULL);
	settle(f);
	assert_int_equal(f->failed, 1);
}

/* Connecting */

static int
listen_on(struct address *a, const char *text)
{
	struct err e = ERR_INIT;

	assert_true(address_parse(a, str_from(text), &e));
	int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a->sa, a->len), 0);
	assert_int_equal(listen(fd, 4), 0);
	a->len = sizeof(a->sa);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a->sa, &a->len), 0);
	return fd;
}

/* Loopback and unix sockets connect at once or a little later: both look the same. */
static void
check_connect(struct fixture *f, const char *text)
{
	struct address a;
	struct err e = ERR_INIT;
	int listener = listen_on(&a, text);

	f->in_call = true;
	assert_true(conn_connect(f->conn, &a, &e));
	assert_true(conn_is_blocked(f->conn));
	conn_send(f->conn, STR("before "));
	conn_want_read(f->conn, true);
	f->in_call = false;
	assert_int_equal(f->opened, 0);
	UNTIL(f, f->opened > 0);
	assert_false(conn_is_blocked(f->conn));
	UNTIL(f, (f->peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
	send_all(f, STR("after"));
	peer_expect(f, "before after");
	peer_send(f, "hello");
	UNTIL(f, f->got.len == 5);
	assert_int_equal(f->opened, 1);
	close(listener);
}

static void
test_connecting_over_tcp(void **state)
{
	check_connect(*state, "127.0.0.1:0");
}

static void
test_connecting_over_a_unix_socket(void **state)
{
	struct certs_path path = certs_path(&certs, "socket");
	char text[CERTS_PATH_MAX + 8];

	(void)snprintf(text, sizeof(text), "unix:%s", path.text);
	check_connect(*state, text);
	assert_int_equal(unlink(path.text), 0);
}

static void
test_nobody_listens(void **state)
{
	struct fixture *f = *state;
	struct address a;
	struct err e = ERR_INIT;

	close(listen_on(&a, "127.0.0.1:0"));
	if (conn_connect(f->conn, &a, &e)) {
		conn_send(f->conn, STR("x"));
		UNTIL(f, f->failed == 1);
		assert_int_equal(f->failure, ERR_CONNECT);
		conn_close(f->conn);
	} else {
		assert_int_equal(e.code, ERR_CONNECT);
	}
	assert_true(address_parse(&a, STR("unix:/nonexistent/socket"), &e));
	assert_false(conn_connect(f->conn, &a, &e));
	assert_int_equal(e.code, ERR_CONNECT);
	assert_int_equal(f->opened, 0);
	assert_int_equal(f->conn->state, CONN_CLOSED);
}

static void
test_a_reset_is_no_end(void **state)
{
	struct fixture *f = *state;
	struct address a;
	struct err e = ERR_INIT;
	char data[4];
	int listener = listen_on(&a, "127.0.0.1:0");

	assert_true(conn_connect(f->conn, &a, &e));
	UNTIL(f, f->opened == 1);
	UNTIL(f, (f->peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
	conn_reset(f->conn);
	UNTIL(f, recv(f->peer, data, sizeof(data), 0) == 0 || errno != EAGAIN);
	assert_int_equal(errno, ECONNRESET);
	close_peer(f);

	/* and the same from the peer */
	assert_true(conn_connect(f->conn, &a, &e));
	UNTIL(f, f->opened == 2);
	UNTIL(f, (f->peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
	struct linger none = {.l_onoff = 1, .l_linger = 0};
	assert_int_equal(setsockopt(f->peer, SOL_SOCKET, SO_LINGER, &none, sizeof(none)), 0);
	close_peer(f);
	conn_want_read(f->conn, true);
	UNTIL(f, f->last == CONN_READ_FAILED);
	assert_int_equal(f->read_error, ERR_CONNECT);
	assert_int_equal(f->failed, 0);
	close(listener);
}

/* TLS */

static void
test_tls_bytes_both_ways(void **state)
{
	struct fixture *f = *state;

	open_pair(f, tls_context);
	assert_true(conn_is_blocked(f->conn));
	/* waits for the handshake */
	send_all(f, STR("before "));
	start_client(f);
	UNTIL(f, SSL_do_handshake(f->client) == 1);
	UNTIL(f, f->opened == 1);
	assert_false(conn_is_blocked(f->conn));
	peer_expect(f, "before ");
	send_all(f, STR("after"));
	peer_expect(f, "after");
	conn_want_read(f->conn, true);
	peer_send(f, "hello");
	UNTIL(f, f->got.len == 5);
	assert_got(f, "hello");
	assert_int_equal(f->opened, 1);
	assert_int_equal(f->conn->received_bytes, 5);
	assert_int_equal(f->conn->sent_bytes, 12);
}

/* The client's last flight and its first request in one segment: no readiness follows it. */
static void
check_early_request(struct fixture *f, bool before_handshake)
{
	open_pair(f, tls_context);
	f->want_read_on_open = !before_handshake;
	if (before_handshake)
		conn_want_read(f->conn, true);
	start_client(f);
	UNTIL(f, SSL_do_handshake(f->client) == 1);
	assert_int_equal(f->opened, 0);
	peer_send(f, "GET / HTTP/1.1");
	UNTIL(f, f->got.len == 14);
	assert_got(f, "GET / HTTP/1.1");
	assert_int_equal(f->opened, 1);
}

static void
test_tls_early_request_wanted_before(void **state)
{
	check_early_request(*state, true);
}

static void
test_tls_early_request_wanted_on_open(void **state)
{
	check_early_request(*state, false);
}

static void
test_tls_early_request_wanted_later(void **state)
{
	struct fixture *f = *state;

	open_tls(f);
	peer_send(f, "early");
	UNTIL(f, f->opened == 1);
	settle(f);
	assert_int_equal(f->readable, 0);
	conn_want_read(f->conn, true);
	UNTIL(f, f->got.len == 5);
}

/* Much less is read at once than a record holds, and more records wait behind it. */
static void
test_tls_holds_bytes(void **state)
{
	struct fixture *f = *state;
	static char data[50000];
	static const size_t sizes[] = {1, 999, 16384, 20000};

	open_tls(f);
	UNTIL(f, f->opened == 1);
	fill(data, sizeof(data), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		bool pauses = i == 1;
		f->read_size = sizes[i];
		buf_clear(&f->got);
		conn_want_read(f->conn, true);
		assert_int_equal(SSL_write(f->client, data, sizeof(data)), sizeof(data));
		uint64_t start_ms = clock_monotonic_ms();
		while (f->got.len < sizeof(data)) {
			spin(f);
			if (pauses) {
				conn_want_read(f->conn, false);
				size_t before = f->got.len;
				spin(f);
				assert_int_equal(f->got.len, before);
				conn_want_read(f->conn, true);
			}
			check_patience(start_ms, "bytes that TLS holds");
		}
		assert_int_equal(f->got.len, sizeof(data));
		assert_filled(f->got.data, sizeof(data), 0);
	}
	/* and then it is quiet */
	settle(f);
	unsigned before = f->readable;
	settle(f);
	assert_int_equal(f->readable, before);
}

static void
test_tls_reads_what_fits_at_once(void **state)
{
	struct fixture *f = *state;
	static char data[50000];

	open_tls(f);
	UNTIL(f, f->opened == 1);
	fill(data, sizeof(data), 0);
	assert_int_equal(SSL_write(f->client, data, sizeof(data)), sizeof(data));
	conn_want_read(f->conn, true);
	UNTIL(f, f->got.len > 0);
	assert_int_equal(f->got.len, sizeof(data));
}

static void
test_tls_what_blocks_is_kept(void **state)
{
	struct fixture *f = *state;

	open_tls(f);
	UNTIL(f, f->opened == 1);
	check_blocking(f);
}

static void
test_tls_too_much_fails_from_the_loop(void **state)
{
	struct fixture *f = *state;

	open_tls(f);
	UNTIL(f, f->opened == 1);
	check_overflow(f);
}

static void
test_tls_small_sends_while_blocked(void **state)
{
	struct fixture *f = *state;
	size_t sent;
	char piece[100];

	open_tls(f);
	UNTIL(f, f->opened == 1);
	sent = send_until_blocked(f);
	for (int i = 0; i < 50; i++) {
		fill(piece, sizeof(piece), sent);
		if (i % 2 == 0)
			conn_queue(f->conn, (struct str){piece, sizeof(piece)});
		else
			send_all(f, (struct str){piece, sizeof(piece)});
		sent += sizeof(piece);
	}
	peer_receive(f, sent);
	UNTIL(f, f->drained == 1);
	send_all(f, STR("end"));
	peer_expect(f, "end");
}

/* A session that was read until it held nothing: what follows must be noticed by itself. */
static void
open_and_settle(struct fixture *f)
{
	open_tls(f);
	conn_want_read(f->conn, true);
	peer_send(f, "first");
	UNTIL(f, f->got.len == 5);
	settle(f);
	assert_false(f->conn->may_hold_bytes);
	buf_clear(&f->got);
}

static void
test_tls_end_behind_bytes(void **state)
{
	struct fixture *f = *state;

	open_and_settle(f);
	peer_send(f, "last words");
	assert_int_equal(SSL_shutdown(f->client), 0);
	f->read_size = 4;
	UNTIL(f, f->last == CONN_READ_END);
	assert_got(f, "last words");
	/* a half-closed session can still be answered */
	send_all(f, STR("answer"));
	peer_expect(f, "answer");
	conn_shutdown(f->conn);
	peer_expect_end(f);
}

static void
test_tls_cut_without_an_end(void **state)
{
	struct fixture *f = *state;

	open_and_settle(f);
	peer_send(f, "last words");
	SSL_set_quiet_shutdown(f->client, 1);
	close_peer(f);
	UNTIL(f, f->last == CONN_READ_FAILED);
	assert_got(f, "last words");
	assert_int_equal(f->read_error, ERR_CONNECT);
	settle(f);
	assert_int_equal(f->failed, 0);
}

static void
test_tls_bytes_that_are_no_record(void **state)
{
	struct fixture *f = *state;

	open_and_settle(f);
	peer_send(f, "good");
	assert_int_equal(send(f->peer, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
	UNTIL(f, f->last == CONN_READ_FAILED);
	assert_got(f, "good");
	assert_int_equal(f->read_error, ERR_TLS);
}

static void
test_tls_shutdown_comes_behind_what_is_queued(void **state)
{
	struct fixture *f = *state;

	open_tls(f);
	UNTIL(f, f->opened == 1);
	conn_queue(f->conn, STR("bye"));
	conn_shutdown(f->conn);
	peer_expect(f, "bye");
	peer_expect_end(f);
	assert_int_equal(f->failed, 0);
}

/* While blocked nothing is cut off: the owner asks again once it has drained. */
static void
test_tls_shutdown_while_blocked(void **state)
{
	struct fixture *f = *state;

	open_tls(f);
	UNTIL(f, f->opened == 1);
	size_t sent = send_until_blocked(f);
	f->in_call = true;
	conn_shutdown(f->conn);
	f->in_call = false;
	peer_receive(f, sent);
	UNTIL(f, f->drained == 1);
	conn_shutdown(f->conn);
	peer_expect_end(f);
	assert_int_equal(f->failed, 0);
}

static void
test_tls_handshakes_that_fail(void **state)
{
	struct fixture *f = *state;

	open_pair(f, tls_context);
	peer_send(f, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	UNTIL(f, f->failed == 1);
	assert_int_equal(f->failure, ERR_TLS);
	conn_close(f->conn);
	close_peer(f);

	open_pair(f, tls_context);
	start_client(f);
	assert_int_equal(SSL_do_handshake(f->client), -1);
	SSL_set_quiet_shutdown(f->client, 1);
	spin(f);
	close_peer(f);
	UNTIL(f, f->failed == 2);
	assert_int_equal(f->failure, ERR_CONNECT);
	assert_int_equal(f->opened, 0);
}

static void
test_tls_on_open_may_free_the_conn(void **state)
{
	struct fixture *f = *state;

	f->free_in_callback = true;
	open_pair(f, tls_context);
	conn_want_read(f->conn, true);
	start_client(f);
	UNTIL(f, SSL_do_handshake(f->client) == 1);
	peer_send(f, "early");
	UNTIL(f, f->conn == NULL);
	settle(f);
	assert_int_equal(f->opened, 1);
	assert_int_equal(f->readable, 0);
}

static void
test_tls_failed_handshake_may_free_the_conn(void **state)
{
	struct fixture *f = *state;

	f->free_in_callback = true;
	open_pair(f, tls_context);
	peer_send(f, "no TLS at all");
	UNTIL(f, f->conn == NULL);
	settle(f);
	assert_int_equal(f->failed, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bytes_both_ways),
		TEST(test_queued_bytes_leave_together),
		TEST(test_what_blocks_is_kept),
		TEST(test_a_drain_is_always_told),
		TEST(test_tls_a_drain_is_always_told),
		TEST(test_too_much_fails_from_the_loop),
		TEST(test_a_writer_that_overflows),
		TEST(test_a_lost_peer_fails_from_the_loop),
		TEST(test_half_closed_by_the_peer),
		TEST(test_half_closed_by_us),
		TEST(test_closing_twice_and_never_opened),
		TEST(test_callbacks_may_free_the_conn),
		TEST(test_on_readable_may_free_the_conn),
		TEST(test_on_failed_may_free_the_conn),
		TEST(test_connecting_over_tcp),
		TEST(test_connecting_over_a_unix_socket),
		TEST(test_nobody_listens),
		TEST(test_a_reset_is_no_end),
		TEST(test_tls_bytes_both_ways),
		TEST(test_tls_early_request_wanted_before),
		TEST(test_tls_early_request_wanted_on_open),
		TEST(test_tls_early_request_wanted_later),
		TEST(test_tls_holds_bytes),
		TEST(test_tls_reads_what_fits_at_once),
		TEST(test_tls_what_blocks_is_kept),
		TEST(test_tls_too_much_fails_from_the_loop),
		TEST(test_tls_small_sends_while_blocked),
		TEST(test_tls_end_behind_bytes),
		TEST(test_tls_cut_without_an_end),
		TEST(test_tls_bytes_that_are_no_record),
		TEST(test_tls_shutdown_comes_behind_what_is_queued),
		TEST(test_tls_shutdown_while_blocked),
		TEST(test_tls_handshakes_that_fail),
		TEST(test_tls_on_open_may_free_the_conn),
		TEST(test_tls_failed_handshake_may_free_the_conn),
	};

	return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
