/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First searches the directory in which authorities are found by a hash of their names. The file
 * with all authorities is read only if one is not found there.
 */
#include "base/http/system_authorities.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <unistd.h>

/* Tried after the file that this OpenSSL was built or told to use. */
static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt", /* Debian, Alpine, Arch */
	"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora */
	"/etc/ssl/ca-bundle.pem",	      /* SUSE */
	"/etc/ssl/cert.pem",		      /* macOS, BSDs */
};

static const char *
find_bundle(void)
{
	const char *own = X509_get_default_cert_file();

	if (access(own, R_OK) == 0)
		return own;
	for (size_t i = 0; i < sizeof(bundles) / sizeof(bundles[0]); i++)
		if (access(bundles[i], R_OK) == 0)
			return bundles[i];
	return NULL;
}

/* Called for an issuer that was not found elsewhere. The store keeps the certificate, as with
 * OpenSSL's own look-ups. */
static int
on_lookup(X509_LOOKUP *lookup, X509_LOOKUP_TYPE type, const X509_NAME *name, X509_OBJECT *result)
{
	static char is_loaded;
	X509_STORE *store = X509_LOOKUP_get_store(lookup);
	const char *bundle = find_bundle();
	X509_OBJECT *found;
	X509 *certificate;

	if (type != X509_LU_X509 || X509_LOOKUP_get_method_data(lookup) != NULL || bundle == NULL)
		return 0;
	(void)X509_LOOKUP_set_method_data(lookup, &is_loaded);
	(void)X509_load_cert_crl_file(lookup, bundle, X509_FILETYPE_PEM);
	ERR_clear_error();
	found = X509_OBJECT_retrieve_by_subject(X509_STORE_get0_objects(store), type, name);
	certificate = found != NULL ? X509_OBJECT_get0_X509(found) : NULL;
	if (certificate == NULL || X509_OBJECT_set1_X509(result, certificate) != 1)
		return 0;
	X509_free(certificate);
	return 1;
}

/* Created once, and valid as long as the program runs. */
static X509_LOOKUP_METHOD *
lookup_method(void)
{
	static X509_LOOKUP_METHOD *method;

	if (method == NULL) {
		method = X509_LOOKUP_meth_new("file of all certificate authorities");
		if (method != NULL)
			(void)X509_LOOKUP_meth_set_get_by_subject(method, on_lookup);
	}
	return method;
}

bool
system_authorities_use(struct ssl_ctx_st *context)
{
	X509_LOOKUP_METHOD *method = lookup_method();

	if (getenv(X509_get_default_cert_file_env()) != NULL)
		return SSL_CTX_set_default_verify_paths(context) == 1;
	return SSL_CTX_set_default_verify_dir(context) == 1 && method != NULL &&
	       X509_STORE_add_lookup(SSL_CTX_get_cert_store(context), method) != NULL;
}
