/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/net/tls/tls_client against OpenSSL's server over socket pairs: what the hello offers,
 * servers of either version with a certificate that nobody knows, and servers that refuse or speak
 * something else.
 */
#include "tests/unit/base/net/tls/tls_support.h"

static SSL_CTX *server_ctx;

static int
setup_server(void **state)
{
	assert_int_equal(setup_certs(state), 0);
	server_ctx = SSL_CTX_new(TLS_server_method());
	assert_non_null(server_ctx);
	assert_int_equal(
		SSL_CTX_use_certificate_chain_file(server_ctx, certs_path(&certs, "one.pem").text),
		1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(server_ctx, certs_path(&certs, "one.key").text,
						     SSL_FILETYPE_PEM),
			 1);
	return 0;
}

static int
teardown_server(void **state)
{
	SSL_CTX_free(server_ctx);
	return teardown_certs(state);
}

/* Our session is the client, and the peer is the server. */
static void
open_client(struct peers *p, struct tls_context *c, int version)
{
	peers_open(p, c, server_ctx);
	SSL_set_accept_state(p->client);
	assert_int_equal(SSL_set_min_proto_version(p->client, version), 1);
	assert_int_equal(SSL_set_max_proto_version(p->client, version), 1);
}

static struct tls_context *
client_context(void)
{
	struct err e = ERR_INIT;
	struct tls_context *c = tls_client_context_new(&e);

	assert_non_null(c);
	return c;
}

static int
choose_http11(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
	      const unsigned char *offered, unsigned offered_len, void *arg)
{
	(void)ssl;
	(void)arg;
	assert_int_equal(offered_len, 9);
	assert_memory_equal(offered, "\x08http/1.1", 9);
	*chosen = offered + 1;
	*chosen_len = offered[0];
	return SSL_TLSEXT_ERR_OK;
}

static void
test_versions_name_and_protocol(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	static const char *const names[] = {"TLSv1.2 ", "TLSv1.3 "};
	struct tls_context *c = client_context();

	(void)state;
	SSL_CTX_set_alpn_select_cb(server_ctx, choose_http11, NULL);
	for (size_t i = 0; i < 2; i++) {
		struct peers p;
		open_client(&p, c, versions[i]);
		assert_int_equal(handshake(&p), TLS_DONE);
		assert_string_equal(SSL_get_servername(p.client, TLSEXT_NAMETYPE_host_name),
				    "localhost");
		assert_ptr_equal(strstr(tls_session_version(p.session), names[i]),
				 tls_session_version(p.session));
		assert_echo(&p);
		peers_close(&p);
	}
	tls_context_free(c);
}

/* Runs our side with bytes in place of a server's hello. */
static void
assert_no_tls(const char *bytes)
{
	struct tls_context *c = client_context();
	struct peers p;

	open_client(&p, c, TLS1_3_VERSION);
	assert_int_equal(tls_session_handshake(p.session, &p.e), TLS_WANT_READ);
	assert_int_equal(send(p.fds[1], bytes, strlen(bytes), 0), strlen(bytes));
	assert_int_equal(tls_session_handshake(p.session, &p.e), TLS_FAILED);
	assert_int_equal(p.e.code, ERR_TLS);
	assert_string_equal(p.e.text, "TLS handshake: the server does not speak TLS");
	peers_close(&p);
	tls_context_free(c);
}

static void
test_servers_without_tls_are_named(void **state)
{
	(void)state;
	assert_no_tls("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
	assert_no_tls("SSH-2.0-OpenSSH_9.9\r\n");
}

static void
test_old_servers_are_refused(void **state)
{
	struct tls_context *c = client_context();
	struct peers p;

	(void)state;
	open_client(&p, c, TLS1_1_VERSION);
	assert_int_not_equal(handshake(&p), TLS_DONE);
	peers_close(&p);
	tls_context_free(c);
}

static void
test_no_server_renegotiates(void **state)
{
	struct tls_context *c = client_context();
	struct peers p;
	char data[16];
	size_t got;

	(void)state;
	open_client(&p, c, TLS1_2_VERSION);
	assert_int_equal(handshake(&p), TLS_DONE);
	assert_int_equal(SSL_renegotiate(p.client), 1);
	ERR_clear_error();
	(void)SSL_do_handshake(p.client);
	assert_int_equal(tls_session_read(p.session, data, sizeof(data), &got, &p.e),
			 TLS_WANT_READ);
	/* The answer is a warning, which OpenSSL's servers treat as an error. */
	flush(&p);
	ERR_clear_error();
	assert_true(SSL_read(p.client, data, sizeof(data)) < 0);
	assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_NO_RENEGOTIATION);
	peers_close(&p);
	tls_context_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions_name_and_protocol),
		cmocka_unit_test(test_servers_without_tls_are_named),
		cmocka_unit_test(test_old_servers_are_refused),
		cmocka_unit_test(test_no_server_renegotiates),
	};

	return cmocka_run_group_tests(tests, setup_server, teardown_server);
}
