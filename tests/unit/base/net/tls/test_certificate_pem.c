/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates that were made here and by the openssl command, read again.
 */
#include "base/net/tls/certificate_pem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/conf/conf.h"
#include "base/net/tls/certificate.h"
#include "base/net/tls/tls.h"
#include "tests/unit/base/net/tls/certs.h"

#define DAY 86400

struct made {
	struct buf authority;
	struct buf server;
	struct secret *key;
};

static void
make(struct made *m, uint64_t lifetime_s)
{
	const char *const names[] = {"one.test", "two.test"};
	struct err e = ERR_INIT;
	struct certificate *authority = certificate_new_authority("Tests", lifetime_s, &e);
	struct certificate *server = certificate_new_server(authority, names, 2, lifetime_s, &e);
	struct buf key;

	assert_non_null(server);
	buf_init(&m->authority, 10000);
	buf_init(&m->server, 10000);
	buf_init(&key, 10000);
	assert_true(certificate_write(authority, &m->authority, &e));
	assert_true(certificate_write(server, &m->server, &e));
	assert_true(certificate_write_key(server, &key, &e));
	m->key = secret_from_str(buf_view(&key));
	buf_wipe_fini(&key);
	certificate_free(server);
	certificate_free(authority);
}

static void
unmake(struct made *m)
{
	buf_fini(&m->authority);
	buf_fini(&m->server);
	secret_free(m->key);
}

static void
test_dates_of_a_new_certificate(void **state)
{
	struct made a;
	struct made b;
	int64_t begin_s;
	int64_t end_s;
	int64_t now_s = clock_wall_s();

	(void)state;
	make(&a, DAY);
	make(&b, 2 * DAY);
	assert_true(certificate_pem_dates(buf_view(&a.server), &begin_s, &end_s));
	assert_in_range(now_s - begin_s, 200, 400);
	assert_in_range(end_s - now_s, DAY - 100, DAY + 100);
	assert_true(certificate_pem_is_signed_by(buf_view(&a.server), buf_view(&a.authority)));
	assert_true(certificate_pem_is_signed_by(buf_view(&a.authority), buf_view(&a.authority)));
	/* All authorities have the same name. */
	assert_false(certificate_pem_is_signed_by(buf_view(&a.server), buf_view(&b.authority)));
	assert_false(certificate_pem_is_signed_by(buf_view(&a.authority), buf_view(&a.server)));
	assert_true(certificate_pem_names(buf_view(&a.server), "one.test"));
	assert_true(certificate_pem_names(buf_view(&a.server), "two.test"));
	assert_false(certificate_pem_names(buf_view(&a.server), "three.test"));
	assert_true(certificate_pem_has_key(buf_view(&a.server), a.key));
	assert_false(certificate_pem_has_key(buf_view(&a.server), b.key));
	assert_false(certificate_pem_has_key(buf_view(&a.server), NULL));
	unmake(&a);
	unmake(&b);
}

static void
test_malformed_certificates(void **state)
{
	static const char *const texts[] = {
		"", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
		"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"};
	struct made a;
	int64_t at_s;

	(void)state;
	make(&a, DAY);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct str text = str_from(texts[i]);

		assert_false(certificate_pem_dates(text, &at_s, &at_s));
		assert_false(certificate_pem_names(text, "one.test"));
		assert_false(certificate_pem_has_key(text, a.key));
		assert_false(certificate_pem_is_signed_by(text, buf_view(&a.authority)));
		assert_false(certificate_pem_is_signed_by(buf_view(&a.server), text));
	}
	unmake(&a);
}

static void
test_keys_are_not_asked_for_on_the_terminal(void **state)
{
	struct certs certs;
	struct err e = ERR_INIT;
	struct buf pem;
	struct buf key;

	(void)state;
	certs_init(&certs);
	certs_make(&certs, "one", "DNS:one.test", 7);
	certs_run(&certs, "openssl ec -in one.key -aes128 -passout pass:x -out locked.key");
	buf_init(&pem, 10000);
	buf_init(&key, 10000);
	assert_true(conf_read_file(certs_path(&certs, "one.pem").text, &pem, &e));
	assert_true(conf_read_file(certs_path(&certs, "locked.key").text, &key, &e));
	struct secret *locked = secret_from_str(buf_view(&key));
	assert_false(certificate_pem_has_key(buf_view(&pem), locked));
	assert_null(tls_context_new_pem(buf_view(&pem), locked, &e));
	secret_free(locked);
	buf_fini(&pem);
	buf_fini(&key);
	certs_fini(&certs);
}

static void
test_several_in_one_text(void **state)
{
	struct str rest = STR("noise\n-----BEGIN CERTIFICATE-----\na\n-----END CERTIFICATE-----\n\n"
			      "-----BEGIN CERTIFICATE-----b-----END CERTIFICATE-----"
			      "-----BEGIN CERTIFICATE-----c");
	struct str pem;

	(void)state;
	assert_true(certificate_pem_next(&rest, &pem));
	assert_true(
		str_equal(pem, STR("-----BEGIN CERTIFICATE-----\na\n-----END CERTIFICATE-----")));
	assert_true(certificate_pem_next(&rest, &pem));
	assert_true(str_equal(pem, STR("-----BEGIN CERTIFICATE-----b-----END CERTIFICATE-----")));
	assert_false(certificate_pem_next(&rest, &pem));
	rest = STR_NONE;
	assert_false(certificate_pem_next(&rest, &pem));
}

static void
test_tls_from_memory(void **state)
{
	struct made a;
	struct made b;
	struct err e = ERR_INIT;

	(void)state;
	make(&a, DAY);
	make(&b, 2 * DAY);
	assert_null(tls_context_new_pem(buf_view(&a.server), b.key, &e));
	assert_int_equal(e.code, ERR_CONFIG);
	assert_null(tls_context_new_pem(STR("x"), a.key, &e));
	struct tls_context *c = tls_context_new_pem(buf_view(&a.server), a.key, &e);
	assert_non_null(c);
	assert_true(tls_context_names(c, "one.test"));
	int64_t first_s = tls_context_expires_at_s(c);
	assert_false(tls_context_reload_pem(c, buf_view(&b.server), a.key, &e));
	assert_int_equal(tls_context_expires_at_s(c), first_s);
	assert_true(tls_context_reload_pem(c, buf_view(&b.server), b.key, &e));
	assert_true(tls_context_expires_at_s(c) > first_s);
	tls_context_free(c);
	unmake(&a);
	unmake(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dates_of_a_new_certificate),
		cmocka_unit_test(test_malformed_certificates),
		cmocka_unit_test(test_keys_are_not_asked_for_on_the_terminal),
		cmocka_unit_test(test_several_in_one_text),
		cmocka_unit_test(test_tls_from_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
