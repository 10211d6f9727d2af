/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/tls against OpenSSL's client over socket pairs: versions, ciphers, ALPN, ends of every kind,
 * tickets, reload, and what an idle session costs in memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/tls.h"
#include "tests/unit/certs.h"

#define BULK_BYTES 300000u

static struct certs certs;

/* A session and its client, each with one end of a socket pair. */
struct peers {
	struct tls_session *session;
	SSL *client;
	int fds[2]; /* ours, the client's */
	struct err e;
};

static int
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

static int
teardown_certs(void **state)
{
	(void)state;
	certs_fini(&certs);
	return 0;
}

static struct tls_context *
context_of(const char *cert_file, const char *key_file)
{
	struct err e;
	struct tls_context *c = tls_context_new(certs_path(&certs, cert_file).text,
						certs_path(&certs, key_file).text, &e);

	if (c == NULL)
		fail_msg("%s", e.text);
	return c;
}

static SSL_CTX *
client_ctx_new(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	assert_non_null(ctx);
	return ctx;
}

static void
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

static void
peers_close(struct peers *p)
{
	tls_session_free(p->session);
	SSL_free(p->client);
	close(p->fds[0]);
	if (p->fds[1] >= 0)
		close(p->fds[1]);
	ERR_clear_error();
}

/* Sends what fits of what waits. */
static void
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

/* Turns both sides until ours is done or failed, or nothing moves any more. */
static enum tls_result
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

static enum tls_result
read_some(struct peers *p, char *data, size_t size, size_t *got)
{
	return tls_session_read(p->session, data, size, got, &p->e);
}

static void
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

static void
test_versions(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	/* Though OpenSSL's client would rather have AES-256. */
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

/* More than a small reader takes: what is left needs no readable socket. */
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

/* Half a record is no reason to read again before the socket is readable. */
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

static SSL_SESSION *ticket;

static int
on_ticket(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(ticket);
	ticket = session;
	return 1;
}

static void
replace_live_pair(const char *name)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "cp %s.pem live.pem; cp %s.key live.key", name,
		       name);
	certs_run(&certs, command);
}

static void
test_tickets_survive_reload(void **state)
{
	struct tls_context *c = context_of("live.pem", "live.key");
	SSL_CTX *client_ctx = client_ctx_new();
	struct peers p;

	(void)state;
	SSL_CTX_set_session_cache_mode(client_ctx, SSL_SESS_CACHE_CLIENT);
	SSL_CTX_sess_set_new_cb(client_ctx, on_ticket);
	peers_open(&p, c, client_ctx);
	assert_int_equal(handshake(&p), TLS_DONE);
	assert_echo(&p);
	assert_false(SSL_session_reused(p.client));
	assert_non_null(ticket);
	SSL_set_shutdown(p.client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	peers_close(&p);

	assert_true(tls_context_reload(c, &p.e));
	peers_open(&p, c, client_ctx);
	assert_int_equal(SSL_set_session(p.client, ticket), 1);
	assert_int_equal(handshake(&p), TLS_DONE);
	assert_true(SSL_session_reused(p.client));
	assert_echo(&p);
	peers_close(&p);
	SSL_SESSION_free(ticket);
	ticket = NULL;
	SSL_CTX_free(client_ctx);
	tls_context_free(c);
}

static void
assert_leaf(SSL *client, const char *name)
{
	X509 *leaf = SSL_get1_peer_certificate(client);

	assert_non_null(leaf);
	assert_int_equal(X509_check_host(leaf, name, 0, 0, NULL), 1);
	X509_free(leaf);
}

static void
test_reload(void **state)
{
	struct tls_context *c = context_of("live.pem", "live.key");
	SSL_CTX *client_ctx = client_ctx_new();
	struct peers before;
	struct peers after;
	struct err e;
	int64_t now_s = (int64_t)time(NULL);

	(void)state;
	assert_true(llabs(tls_context_expires_at_s(c) - now_s - 7 * 86400) < 600);
	assert_true(tls_context_names(c, "one.test"));
	assert_false(tls_context_names(c, "two.test"));
	peers_open(&before, c, client_ctx);
	assert_int_equal(handshake(&before), TLS_DONE);

	certs_run(&certs, "cp two.pem live.pem");
	assert_false(tls_context_reload(c, &e));
	assert_int_equal(e.code, ERR_CONFIG);
	assert_non_null(strstr(e.text, "live.key"));
	peers_open(&after, c, client_ctx);
	assert_int_equal(handshake(&after), TLS_DONE);
	assert_leaf(after.client, "one.test");
	peers_close(&after);

	replace_live_pair("two");
	assert_true(tls_context_reload(c, &e));
	assert_true(llabs(tls_context_expires_at_s(c) - now_s - 8 * 86400) < 600);
	peers_open(&after, c, client_ctx);
	assert_int_equal(handshake(&after), TLS_DONE);
	assert_leaf(after.client, "two.test");
	peers_close(&after);
	assert_echo(&before);
	tls_context_free(c);
	assert_echo(&before);
	peers_close(&before);
	SSL_CTX_free(client_ctx);
	replace_live_pair("one");
}

static void
assert_unusable(const char *cert_file, const char *key_file, const char *words)
{
	struct err e = ERR_INIT;

	assert_null(tls_context_new(certs_path(&certs, cert_file).text,
				    certs_path(&certs, key_file).text, &e));
	assert_int_equal(e.code, ERR_CONFIG);
	if (strstr(e.text, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", e.text, words);
	assert_int_equal(ERR_peek_error(), 0);
}

static void
test_unusable_files(void **state)
{
	(void)state;
	assert_unusable("missing.pem", "one.key", "missing.pem: No such file");
	assert_unusable("one.pem", "missing.key", "missing.key: No such file");
	assert_unusable("nonsense.pem", "one.key", "nonsense.pem: no certificate chain in PEM");
	assert_unusable("one.pem", "nonsense.pem", "nonsense.pem: no unencrypted private key");
	assert_unusable("one.pem", "locked.key", "locked.key: no unencrypted private key");
	assert_unusable("one.pem", "two.key", "two.key: is not the key of the certificate in");
}

#define IDLE_SESSIONS  100
#define IDLE_MAX_BYTES 16000u

/* Clients in a process of their own, so that only our side's memory counts. */
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
		if (i == 0) /* what the library makes once is in here */
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
		cmocka_unit_test(test_tickets_survive_reload),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_unusable_files),
		cmocka_unit_test(test_memory_of_idle_sessions),
	};

	return cmocka_run_group_tests(tests, setup_certs, teardown_certs);
}
