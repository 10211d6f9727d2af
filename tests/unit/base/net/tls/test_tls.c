/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/net/tls/tls against OpenSSL's client over socket pairs: versions, ciphers, ALPN, ends of
 * every kind, and what an idle session costs in memory. Certificates and their reload are in
 * test_tls_context.c.
 */
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "tests/unit/base/net/tls/tls_support.h"
#include "tests/unit/emulated.h"

#define BULK_BYTES 300000u

static void
test_versions(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	/* OpenSSL's client prefers AES-256. */
	static const char *const names[] = {"-AES128-GCM-SHA256", "TLSv1.3 TLS_AES_128_GCM_SHA256"};
	struct tls_context *c = context_of("one.pem", "one.key");

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct peers p;
		SSL_CTX *client_ctx = client_ctx_new();
		SSL_CTX_set_min_proto_version(client_ctx, versions[i]);
		SSL_CTX_set_max_proto_version(client_ctx, versions[i]);
		peers_open(&p, c, client_ctx);
		assert_int_equal(handshake(&p), TLS_DONE);
		assert_non_null(strstr(tls_session_version(p.session), names[i]));
		assert_echo(&p);
		peers_close(&p);
		SSL_CTX_free(client_ctx);
	}
	tls_context_free(c);
}

static void
assert_refused(struct tls_context *c, int max_version, const char *ciphers)
{
	struct peers p;
	SSL_CTX *client_ctx = client_ctx_new();

	SSL_CTX_set_security_level(client_ctx, 0);
	SSL_CTX_set_min_proto_version(client_ctx, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(client_ctx, max_version);
	assert_int_equal(SSL_CTX_set_cipher_list(client_ctx, ciphers), 1);
	peers_open(&p, c, client_ctx);
	assert_int_equal(handshake(&p), TLS_FAILED);
	assert_int_equal(p.e.code, ERR_TLS);
	assert_false(tls_session_write(p.session, STR("x"), &p.e));
	peers_close(&p);
	SSL_CTX_free(client_ctx);
}

static void
test_weak_clients_are_refused(void **state)
{
	struct tls_context *c = context_of("one.pem", "one.key");

	(void)state;
	assert_refused(c, TLS1_1_VERSION, "ALL:@SECLEVEL=0");
	assert_refused(c, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA");
	assert_refused(c, TLS1_2_VERSION, "AES128-GCM-SHA256");
	tls_context_free(c);
}

static void
test_alpn(void **state)
{
	static const unsigned char both[] = "\x02h2\x08http/1.1";
	static const unsigned char h2[] = "\x02h2";
	struct tls_context *c = context_of("one.pem", "one.key");
	SSL_CTX *client_ctx = client_ctx_new();
	struct peers p;
	const unsigned char *chosen;
	unsigned len;

	(void)state;
	SSL_CTX_set_alpn_protos(client_ctx, both, sizeof(both) - 1);
	peers_open(&p, c, client_ctx);
	assert_int_equal(handshake(&p), TLS_DONE);
	SSL_get0_alpn_selected(p.client, &chosen, &len);
	assert_false(tls_session_is_http2(p.session));
	assert_int_equal(len, 8);
	assert_memory_equal(chosen, "http/1.1", 8);
	peers_close(&p);

	SSL_CTX_set_alpn_protos(client_ctx, h2, sizeof(h2) - 1);
	peers_open(&p, c, client_ctx);
	assert_int_equal(handshake(&p), TLS_FAILED);
	ERR_clear_error();
	assert_int_not_equal(SSL_do_handshake(p.client), 1);
	assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()),
			 SSL_AD_REASON_OFFSET + SSL_AD_NO_APPLICATION_PROTOCOL);
	peers_close(&p);

	tls_context_offer_http2(c);
	assert_true(tls_context_reload(c, &p.e));
	peers_open(&p, c, client_ctx);
	assert_int_equal(handshake(&p), TLS_DONE);
	assert_true(tls_session_is_http2(p.session));
	peers_close(&p);
	SSL_CTX_free(client_ctx);
	tls_context_free(c);
}

static char
pattern_at(size_t i)
{
	return (char)(i * 31 + i / 251);
}

static void
check_pattern(const char *data, size_t len, size_t offset)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != pattern_at(offset + i))
			fail_msg("byte %zu differs", offset + i);
}

static void
upload(struct peers *p, const char *bulk)
{
	static char data[65536];
	size_t sent = 0;
	size_t received = 0;
	size_t got;

	while (received < BULK_BYTES) {
		int n = SSL_write(p->client, bulk + sent, (int)(BULK_BYTES - sent));
		if (n > 0)
			sent += (size_t)n;
		enum tls_result result = read_some(p, data, sizeof(data), &got);
		assert_true(result == TLS_DONE || result == TLS_WANT_READ);
		check_pattern(data, got, received);
		received += got;
	}
}

static void
download(struct peers *p, const char *bulk)
{
	static char data[65536];
	size_t received = 0;

	assert_true(tls_session_write(p->session, (struct str){bulk, 100000}, &p->e));
	flush(p);
	assert_true(tls_session_write(p->session, (struct str){bulk + 100000, BULK_BYTES - 100000},
				      &p->e));
	while (received < BULK_BYTES) {
		flush(p);
		int n = SSL_read(p->client, data, sizeof(data));
		if (n <= 0)
			continue;
		check_pattern(data, (size_t)n, received);
		received += (size_t)n;
	}
	assert_int_equal(tls_session_output(p->session).len, 0);
}

static void
test_bulk_both_ways(void **state)
{
	struct tls_context *c = context_of("one.pem", "one.key");
	SSL_CTX *client_ctx = client_ctx_new();
	char *bulk = malloc(BULK_BYTES);
	struct peers p;

	(void)state;
	for (size_t i = 0; i < BULK_BYTES; i++)
		bulk[i] = pattern_at(i);
	SSL_CTX_set_mode(client_ctx,
			 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	peers_open(&p, c, client_ctx);
	assert_int_equal(handshake(&p), TLS_DONE);
	upload(&p, bulk);
	download(&p, bulk);
	assert_echo(&p);
	peers_close(&p);
	SSL_CTX_free(client_ctx);
	tls_context_free(c);
	free(bulk);
}

/* More than a small reader takes: the rest needs no readable socket. */
static void
test_has_buffered(void **state)
{
	struct tls_context *c = context_of("one.pem", "one.key");
	SSL_CTX *client_ctx = client_ctx_new();
	static const char bulk[40000];
	char data[8];
	size_t got;
	struct peers p;

	(void)state;
	peers_open(&p, c, client_ctx);
	assert_int_equal(handshake(&p), TLS_DONE);
	assert_int_equal(SSL_write(p.client, "0123456789", 10), 10);
	assert_int_equal(SSL_write(p.client, "abcd", 4), 4);
	assert_int_equal(read_some(&p, data, 8, &got), TLS_DONE);
	assert_int_equal(got, 8);
	assert_true(tls_session_has_buffered(p.session));
	assert_int_equal(read_some(&p, data, 8, &got), TLS_DONE);
	assert_int_equal(got, 6);
	assert_memory_equal(data, "89abcd", 6);
	assert_false(tls_session_has_buffered(p.session));
	assert_false(tls_session_may_receive(p.session));
	assert_int_equal(SSL_write(p.client, bulk, sizeof(bulk)), sizeof(bulk));
	assert_int_equal(read_some(&p, data, 8, &got), TLS_DONE);
	assert_true(tls_session_may_receive(p.session));
	peers_close(&p);
	SSL_CTX_free(client_ctx);
	tls_context_free(c);
}

/* A partial record causes no read before the socket is readable again. */
static void
test_partial_record_is_not_buffered(void **state)
{
	struct tls_context *c = context_of("one.pem", "one.key");
	SSL_CTX *client_ctx = client_ctx_new();
	BIO *memory = BIO_new(BIO_s_mem());
	char data[64];
	char *record;
	size_t got;
	struct peers p;

	(void)state;
	peers_open(&p, c, client_ctx);
	assert_int_equal(handshake(&p), TLS_DONE);
	SSL_set0_wbio(p.client, memory);
	assert_int_equal(SSL_write(p.client, "hello", 5), 5);
	long len = BIO_get_mem_data(memory, &record);
	assert_true(len > 10);
	assert_int_equal(send(p.fds[1], record, 10, 0), 10);
	assert_int_equal(read_some(&p, data, sizeof(data), &got), TLS_WANT_READ);
	assert_false(tls_session_has_buffered(p.session));
	assert_int_equal(send(p.fds[1], record + 10, (size_t)len - 10, 0), len - 10);
	assert_int_equal(read_some(&p, data, sizeof(data), &got), TLS_DONE);
	assert_int_equal(got, 5);
	peers_close(&p);
	SSL_CTX_free(client_ctx);
	tls_context_free(c);
}

static void
test_ends(void **state)
{
	struct tls_context *c = context_of("one.pem", "one.key");
	SSL_CTX *client_ctx = client_ctx_new();
	char data[64];
	size_t got;
	struct peers p;

	(void)state;
	peers_open(&p, c, client_ctx);
	assert_int_equal(handshake(&p), TLS_DONE);
	assert_int_equal(SSL_write(p.client, "last", 4), 4);
	SSL_shutdown(p.client);
	assert_int_equal(read_some(&p, data, sizeof(data), &got), TLS_DONE);
	assert_int_equal(got, 4);
	assert_true(tls_session_has_buffered(p.session)); /* the end */
	assert_int_equal(read_some(&p, data, sizeof(data), &got), TLS_CLOSED);
	assert_false(tls_session_has_buffered(p.session));
	assert_true(tls_session_write(p.session, STR("still here"), &p.e));
	tls_session_close(p.session);
	flush(&p);
	assert_int_equal(SSL_read(p.client, data, sizeof(data)), 10);
	assert_int_equal(SSL_get_error(p.client, SSL_read(p.client, data, sizeof(data))),
			 SSL_ERROR_ZERO_RETURN);
	peers_close(&p);

	peers_open(&p, c, client_ctx);
	assert_int_equal(handshake(&p), TLS_DONE);
	close(p.fds[1]);
	p.fds[1] = -1;
	assert_int_equal(read_some(&p, data, sizeof(data), &got), TLS_ABORTED);
	assert_int_equal(read_some(&p, data, sizeof(data), &got), TLS_ABORTED);
	peers_close(&p);

	peers_open(&p, c, client_ctx);
	close(p.fds[1]);
	p.fds[1] = -1;
	assert_int_equal(tls_session_handshake(p.session, &p.e), TLS_ABORTED);
	tls_session_close(p.session);
	assert_int_equal(tls_session_output(p.session).len, 0);
	peers_close(&p);
	SSL_CTX_free(client_ctx);
	tls_context_free(c);
}

static void
test_garbage(void **state)
{
	struct tls_context *c = context_of("one.pem", "one.key");
	SSL_CTX *client_ctx = client_ctx_new();
	char data[64];
	size_t got;
	struct peers p;

	(void)state;
	peers_open(&p, c, client_ctx);
	assert_int_equal(send(p.fds[1], "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
	assert_int_equal(tls_session_handshake(p.session, &p.e), TLS_FAILED);
	assert_non_null(strstr(p.e.text, "http request"));
	peers_close(&p);

	peers_open(&p, c, client_ctx);
	assert_int_equal(handshake(&p), TLS_DONE);
	assert_int_equal(
		send(p.fds[1], "\x17\x03\x03\x00\x20 not what was encrypted here...", 37, 0), 37);
	assert_int_equal(read_some(&p, data, sizeof(data), &got), TLS_FAILED);
	assert_int_equal(p.e.code, ERR_TLS);
	assert_true(tls_session_output(p.session).len > 0); /* the alert */
	assert_false(tls_session_write(p.session, STR("x"), &p.e));
	peers_close(&p);
	SSL_CTX_free(client_ctx);
	tls_context_free(c);
}

static void
test_no_renegotiation(void **state)
{
	struct tls_context *c = context_of("one.pem", "one.key");
	SSL_CTX *client_ctx = client_ctx_new();
	char data[64];
	size_t got;
	struct peers p;

	(void)state;
	SSL_CTX_set_max_proto_version(client_ctx, TLS1_2_VERSION);
	peers_open(&p, c, client_ctx);
	assert_int_equal(handshake(&p), TLS_DONE);
	assert_int_equal(SSL_renegotiate(p.client), 1);
	(void)SSL_do_handshake(p.client);
	assert_int_not_equal(read_some(&p, data, sizeof(data), &got), TLS_DONE);
	flush(&p);
	assert_int_not_equal(SSL_do_handshake(p.client), 1);
	assert_int_equal(SSL_get_error(p.client, -1), SSL_ERROR_SSL);
	peers_close(&p);
	SSL_CTX_free(client_ctx);
	tls_context_free(c);
}

#define IDLE_SESSIONS  UNLESS_EMULATED(100, 20)
#define IDLE_MAX_BYTES 16000u

/* Clients run in another process, so that only our side's memory counts. */
static _Noreturn void
run_clients(int fds[][2])
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	char byte;

	for (size_t i = 0; i < IDLE_SESSIONS; i++) {
		SSL *client = SSL_new(ctx);
		close(fds[i][0]);
		SSL_set_fd(client, fds[i][1]);
		if (SSL_connect(client) != 1 || SSL_write(client, "x", 1) != 1 ||
		    SSL_read(client, &byte, 1) != 1)
			_exit(1);
	}
	(void)!read(fds[0][1], &byte, 1);
	_exit(0);
}

static void
serve_one(struct tls_session *s, int fd)
{
	enum tls_result result;
	struct err e;
	char data[64];
	size_t got = 0;

	while ((result = tls_session_handshake(s, &e)) == TLS_WANT_READ || result == TLS_DONE) {
		struct str out = tls_session_output(s);
		if (out.len > 0)
			assert_int_equal(send(fd, out.data, out.len, 0), out.len);
		tls_session_sent(s, out.len);
		if (result == TLS_DONE)
			break;
	}
	assert_int_equal(result, TLS_DONE);
	while ((result = tls_session_read(s, data, sizeof(data), &got, &e)) == TLS_WANT_READ)
		;
	assert_int_equal(result, TLS_DONE);
	assert_true(tls_session_write(s, STR("y"), &e));
	struct str out = tls_session_output(s);
	assert_int_equal(send(fd, out.data, out.len, 0), out.len);
	tls_session_sent(s, out.len);
}

static void
test_memory_of_idle_sessions(void **state)
{
	static int fds[IDLE_SESSIONS][2];
	static struct tls_session *sessions[IDLE_SESSIONS];
	struct tls_context *c = context_of("one.pem", "one.key");
	struct err e;
	int status;

	(void)state;
	for (size_t i = 0; i < IDLE_SESSIONS; i++)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds[i]), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		run_clients(fds);

	size_t before = 0;
	for (size_t i = 0; i < IDLE_SESSIONS; i++) {
		close(fds[i][1]);
		sessions[i] = tls_session_new(c, fds[i][0], &e);
		assert_non_null(sessions[i]);
		assert_int_equal(fcntl(fds[i][0], F_SETFL, O_NONBLOCK), 0);
		serve_one(sessions[i], fds[i][0]);
		if (i == 0) /* includes what the library allocates once */
			before = mallinfo2().uordblks;
	}
	size_t each = (mallinfo2().uordblks - before) / (IDLE_SESSIONS - 1);
	print_message("an idle session takes %zu bytes\n", each);
#ifndef SANITIZED
	assert_true(each > 0);
#endif
	assert_true(each < IDLE_MAX_BYTES);
	for (size_t i = 0; i < IDLE_SESSIONS; i++) {
		close(fds[i][0]);
		tls_session_free(sessions[i]);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	tls_context_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_weak_clients_are_refused),
		cmocka_unit_test(test_alpn),
		cmocka_unit_test(test_bulk_both_ways),
		cmocka_unit_test(test_has_buffered),
		cmocka_unit_test(test_partial_record_is_not_buffered),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_no_renegotiation),
		cmocka_unit_test(test_memory_of_idle_sessions),
	};

	return cmocka_run_group_tests(tests, setup_certs, teardown_certs);
}
