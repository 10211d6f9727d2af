/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates that base/net/tls/tls makes itself: names, key, validity, replacement, and what
 * tells them apart.
 */
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "base/clock.h"
#include "tests/unit/base/net/tls/tls_support.h"

static int64_t now_s;

int64_t
clock_wall_s(void)
{
	return now_s;
}

static const struct tls_names names = {
	.items = {"60001-kiwi.ws.test", "*-kiwi.ws.test", "3000-kiwi.ws.test"}, .count = 3};

static int
setup(void **state)
{
	(void)state;
	now_s = (int64_t)time(NULL);
	return 0;
}

static struct tls_context *
make(const struct tls_names *of)
{
	struct err e = ERR_INIT;
	struct tls_context *c = tls_context_new_self(of, &e);

	if (c == NULL)
		fail_msg("%s", e.text);
	return c;
}

static X509 *
leaf_of(struct tls_context *c)
{
	SSL_CTX *client_ctx = client_ctx_new();
	struct peers p;

	peers_open(&p, c, client_ctx);
	assert_int_equal(handshake(&p), TLS_DONE);
	assert_echo(&p);
	X509 *leaf = SSL_get1_peer_certificate(p.client);
	peers_close(&p);
	SSL_CTX_free(client_ctx);
	assert_non_null(leaf);
	return leaf;
}

static void
test_names_and_key(void **state)
{
	struct tls_context *c = make(&names);
	X509 *leaf = leaf_of(c);

	(void)state;
	assert_true(tls_context_names(c, "60001-kiwi.ws.test"));
	assert_true(tls_context_names(c, "3000-kiwi.ws.test"));
	assert_true(tls_context_names(c, "8080-kiwi.ws.test"));
	assert_false(tls_context_names(c, "3000-lime.ws.test"));
	assert_false(tls_context_names(c, "kiwi.ws.test"));
	assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(leaf)), EVP_PKEY_EC);
	assert_int_equal(EVP_PKEY_get_bits(X509_get0_pubkey(leaf)), 256);
	assert_int_equal(X509_self_signed(leaf, 1), 1);
	assert_int_equal(X509_check_ca(leaf), 0);
	X509_free(leaf);
	tls_context_free(c);
}

static void
test_addresses_and_long_names(void **state)
{
	static const struct tls_names addresses = {.items = {"127.0.0.1", "::1"}, .count = 2};
	static const struct tls_names long_name = {
		.items = {"a-name-of-a-workspace-that-is-longer.than-a-subject-may-be.ws.example."
			  "test"},
		.count = 1};
	struct tls_context *c = make(&addresses);
	X509 *leaf = leaf_of(c);

	(void)state;
	assert_int_equal(X509_check_ip_asc(leaf, "127.0.0.1", 0), 1);
	assert_int_equal(X509_check_ip_asc(leaf, "::1", 0), 1);
	X509_free(leaf);
	tls_context_free(c);
	c = make(&long_name);
	assert_true(tls_context_names(c, long_name.items[0]));
	tls_context_free(c);
}

/* The maximum number of names, each of maximum length. */
static void
test_most_names(void **state)
{
	static char texts[TLS_NAMES_MAX][256];
	static struct tls_names most = {.count = TLS_NAMES_MAX};
	static const char label[] =
		"a23456789b123456789c123456789d123456789e123456789f123456789g12";

	(void)state;
	for (size_t i = 0; i < TLS_NAMES_MAX; i++) {
		(void)snprintf(texts[i], sizeof(texts[i]), "n%zu-%s.%s.%s.%s", i, "kiwi", label,
			       label, label);
		most.items[i] = texts[i];
	}
	struct tls_context *c = make(&most);
	assert_true(tls_context_names(c, texts[TLS_NAMES_MAX - 1]));
	X509_free(leaf_of(c));
	tls_context_free(c);
}

static void
test_due(void **state)
{
	struct tls_context *c = make(&names);
	int64_t start_s = now_s;

	(void)state;
	assert_true(llabs(tls_context_expires_at_s(c) - now_s - 86400) < 60);
	assert_false(tls_context_is_due(c));
	now_s = start_s + 11 * 3600;
	assert_false(tls_context_is_due(c));
	now_s = start_s + 13 * 3600;
	assert_true(tls_context_is_due(c));
	now_s = start_s + 30 * 86400; /* after the machine has slept */
	assert_true(tls_context_is_due(c));
	now_s = start_s - 3600; /* not valid yet for clients with the correct time */
	assert_true(tls_context_is_due(c));
	tls_context_free(c);

	now_s = start_s;
	setup_certs(NULL);
	c = context_of("one.pem", "one.key");
	now_s = start_s + 400 * 86400;
	assert_false(tls_context_is_due(c));
	tls_context_free(c);
	teardown_certs(NULL);
}

static void
test_renewal(void **state)
{
	struct tls_context *c = make(&names);
	char before[TLS_FINGERPRINT_SIZE];
	char after[TLS_FINGERPRINT_SIZE];
	SSL_CTX *client_ctx = client_ctx_new();
	struct peers p;

	(void)state;
	peers_open(&p, c, client_ctx);
	assert_int_equal(handshake(&p), TLS_DONE);
	X509 *old = leaf_of(c);
	tls_context_fingerprint(c, before);
	assert_true(tls_context_reload(c, &p.e));
	tls_context_fingerprint(c, after);
	X509 *fresh = leaf_of(c);
	assert_string_not_equal(before, after);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(old), X509_get0_pubkey(fresh)), 0);
	assert_echo(&p);
	peers_close(&p);
	SSL_CTX_free(client_ctx);
	X509_free(old);
	X509_free(fresh);
	tls_context_free(c);
}

/* The format of openssl's tool, and the certificate that clients see. */
static void
test_fingerprint(void **state)
{
	struct tls_context *c = make(&names);
	char fingerprint[TLS_FINGERPRINT_SIZE];
	char expected[128] = "";
	char command[256];
	struct buf pem;

	(void)state;
	certs_init(&certs);
	tls_context_fingerprint(c, fingerprint);
	buf_init(&pem, 32768);
	assert_true(tls_context_write(c, &pem));
	FILE *file = fopen(certs_path(&certs, "leaf.pem").text, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(pem.data, 1, pem.len, file), pem.len);
	(void)fclose(file);
	(void)snprintf(
		command, sizeof(command),
		"openssl x509 -noout -fingerprint -sha256 -in %s | sed 's/.*=//' | tr -d '\\n'",
		certs_path(&certs, "leaf.pem").text);
	FILE *tool = popen(command, "re"); /* NOLINT(cert-env33-c,bugprone-command-processor) */
	assert_non_null(tool);
	assert_non_null(fgets(expected, sizeof(expected), tool));
	(void)pclose(tool);
	assert_string_equal(fingerprint, expected);
	certs_fini(&certs);
	buf_fini(&pem);
	tls_context_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_names_and_key, setup),
		cmocka_unit_test_setup(test_addresses_and_long_names, setup),
		cmocka_unit_test_setup(test_most_names, setup),
		cmocka_unit_test_setup(test_due, setup),
		cmocka_unit_test_setup(test_renewal, setup),
		cmocka_unit_test_setup(test_fingerprint, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
