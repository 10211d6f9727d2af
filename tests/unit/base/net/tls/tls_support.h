/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of base/net/tls/tls share: certificates, and a session with OpenSSL's client at
 * the other end of a socket pair.
 */
#ifndef TESTS_UNIT_BASE_NET_TLS_TLS_SUPPORT_H
#define TESTS_UNIT_BASE_NET_TLS_TLS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/net/tls/tls.h"
#include "tests/unit/base/net/tls/certs.h"

static struct certs certs;

/* A session and its client, each with one end of a socket pair. */
struct peers {
	struct tls_session *session;
	SSL *client;
	int fds[2]; /* ours, the client's */
	struct err e;
};

static inline int
setup_certs(void **state)
{
	(void)state;
	certs_init(&certs);
	certs_make(&certs, "one", "DNS:one.test", 7);
	certs_make(&certs, "two", "DNS:two.test", 8);
	certs_run(&certs, "openssl ec -in one.key -aes128 -passout pass:x -out locked.key");
	certs_run(&certs, "echo nonsense >nonsense.pem");
	certs_run(&certs, "cp one.pem live.pem; cp one.key live.key");
	return 0;
}

static inline int
teardown_certs(void **state)
{
	(void)state;
	certs_fini(&certs);
	return 0;
}

static inline struct tls_context *
context_of(const char *cert_file, const char *key_file)
{
	struct err e;
	struct tls_context *c = tls_context_new(certs_path(&certs, cert_file).text,
						certs_path(&certs, key_file).text, &e);

	if (c == NULL)
		fail_msg("%s", e.text);
	return c;
}

static inline SSL_CTX *
client_ctx_new(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	assert_non_null(ctx);
	return ctx;
}

static inline void
peers_open(struct peers *p, struct tls_context *c, SSL_CTX *client_ctx)
{
	*p = (struct peers){.fds = {-1, -1}};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, p->fds),
			 0);
	p->session = tls_session_new(c, p->fds[0], &p->e);
	assert_non_null(p->session);
	p->client = SSL_new(client_ctx);
	assert_non_null(p->client);
	assert_int_equal(SSL_set_fd(p->client, p->fds[1]), 1);
	SSL_set_connect_state(p->client);
}

static inline void
peers_close(struct peers *p)
{
	tls_session_free(p->session);
	SSL_free(p->client);
	close(p->fds[0]);
	if (p->fds[1] >= 0)
		close(p->fds[1]);
	ERR_clear_error();
}

/* Sends as much of the output as fits. */
static inline void
flush(struct peers *p)
{
	struct str out = tls_session_output(p->session);

	while (out.len > 0) {
		ssize_t n = send(p->fds[0], out.data, out.len, MSG_NOSIGNAL);
		if (n < 0)
			return;
		tls_session_sent(p->session, (size_t)n);
		out = tls_session_output(p->session);
	}
	assert_null(out.data);
}

/* Runs both sides until ours is done or has failed, or nothing happens any more. */
static inline enum tls_result
handshake(struct peers *p)
{
	enum tls_result result = TLS_WANT_READ;
	int client = 0;

	for (int i = 0; i < 20 && (result == TLS_WANT_READ || client != 1); i++) {
		client = SSL_do_handshake(p->client);
		if (result == TLS_WANT_READ)
			result = tls_session_handshake(p->session, &p->e);
		flush(p);
		if (result != TLS_WANT_READ && result != TLS_DONE)
			break;
	}
	if (result != TLS_DONE || client != 1)
		return result == TLS_DONE ? TLS_FAILED : result;
	return TLS_DONE;
}

static inline enum tls_result
read_some(struct peers *p, char *data, size_t size, size_t *got)
{
	return tls_session_read(p->session, data, size, got, &p->e);
}

static inline void
assert_echo(struct peers *p)
{
	char data[64];
	size_t got;

	assert_int_equal(SSL_write(p->client, "ping", 4), 4);
	assert_int_equal(read_some(p, data, sizeof(data), &got), TLS_DONE);
	assert_int_equal(got, 4);
	assert_memory_equal(data, "ping", 4);
	assert_false(tls_session_has_buffered(p->session));
	assert_true(tls_session_write(p->session, STR("pong!"), &p->e));
	flush(p);
	assert_int_equal(SSL_read(p->client, data, sizeof(data)), 5);
	assert_memory_equal(data, "pong!", 5);
	assert_int_equal(read_some(p, data, sizeof(data), &got), TLS_WANT_READ);
}

#endif
