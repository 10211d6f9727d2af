/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files behind base/net/tls/tls: what is reloaded, what of that sessions and tickets notice,
 * and files that can't be used.
 */
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/base/net/tls/tls_support.h"

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
	assert_unusable("one.pem", "two.key", "two.key: does not match the certificate in");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tickets_survive_reload),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_unusable_files),
	};

	return cmocka_run_group_tests(tests, setup_certs, teardown_certs);
}
