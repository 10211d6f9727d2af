/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/http/system_authorities: file of all certificate authorities is read only for one that the
 * directory lacks. Uses what this machine trusts.
 */
#include "base/http/system_authorities.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BUNDLE	   "/etc/ssl/certs/ca-certificates.crt"
#define PATH_BYTES 256

static char directory[] = "/tmp/authorities-XXXXXX";
static char first_path[PATH_BYTES]; /* in the directory, by its hash */
static X509 *first;
static X509 *second; /* only in the bundle */

static int
set_up(void **state)
{
	FILE *bundle = fopen(BUNDLE, "re");
	FILE *file;

	(void)state;
	if (bundle == NULL)
		return 0;
	first = PEM_read_X509(bundle, NULL, NULL, NULL);
	second = PEM_read_X509(bundle, NULL, NULL, NULL);
	assert_int_equal(fclose(bundle), 0);
	assert_non_null(mkdtemp(directory));
	(void)snprintf(first_path, sizeof(first_path), "%s/%08lx.0", directory,
		       X509_NAME_hash_ex(X509_get_subject_name(first), NULL, NULL, NULL));
	file = fopen(first_path, "we");
	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, first), 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
	assert_int_equal(setenv("SSL_CERT_DIR", directory, 1), 0);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	if (first == NULL)
		return 0;
	X509_free(first);
	X509_free(second);
	(void)unlink(first_path);
	(void)rmdir(directory);
	return 0;
}

static bool
finds(SSL_CTX *context, const X509_NAME *name)
{
	X509_STORE_CTX *lookup = X509_STORE_CTX_new();
	X509_OBJECT *found = X509_OBJECT_new();

	assert_int_equal(X509_STORE_CTX_init(lookup, SSL_CTX_get_cert_store(context), NULL, NULL),
			 1);
	bool ok = X509_STORE_CTX_get_by_subject(lookup, X509_LU_X509, name, found) == 1;
	X509_OBJECT_free(found);
	X509_STORE_CTX_free(lookup);
	return ok;
}

static int
count(SSL_CTX *context)
{
	return sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(context)));
}

static SSL_CTX *
new_context(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	if (first == NULL)
		skip();
	assert_true(system_authorities_use(context));
	assert_int_equal(count(context), 0);
	return context;
}

static void
test_one_at_a_time(void **state)
{
	SSL_CTX *context = new_context();
	X509_NAME *unknown = X509_NAME_new();

	(void)state;
	assert_true(finds(context, X509_get_subject_name(first)));
	assert_int_equal(count(context), 1);
	assert_true(finds(context, X509_get_subject_name(second)));
	int all = count(context);
	assert_true(all > 1);
	assert_true(finds(context, X509_get_subject_name(second)));
	assert_int_equal(X509_NAME_add_entry_by_txt(unknown, "CN", MBSTRING_ASC,
						    (const unsigned char *)"nobody", -1, -1, 0),
			 1);
	assert_false(finds(context, unknown));
	assert_int_equal(count(context), all);
	X509_NAME_free(unknown);
	SSL_CTX_free(context);
}

static void
test_a_file_that_the_user_names(void **state)
{
	SSL_CTX *context;

	(void)state;
	if (first == NULL)
		skip();
	assert_int_equal(setenv("SSL_CERT_FILE", first_path, 1), 0);
	context = SSL_CTX_new(TLS_client_method());
	assert_true(system_authorities_use(context));
	assert_true(finds(context, X509_get_subject_name(first)));
	assert_false(finds(context, X509_get_subject_name(second)));
	assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
	SSL_CTX_free(context);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_a_file_that_the_user_names),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
