/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads certificates with OpenSSL, one at a time.
 */
#include "base/net/tls/certificate_pem.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

bool
certificate_pem_next(struct str *rest, struct str *pem)
{
	struct str end = STR("-----END CERTIFICATE-----");
	struct str from = str_skip(*rest, str_find(*rest, STR("-----BEGIN CERTIFICATE-----")));
	size_t length = str_find(from, end);

	if (from.len == 0 || length == SIZE_MAX)
		return false;
	*pem = str_take(from, length + end.len);
	*rest = str_skip(from, pem->len);
	return true;
}

int
certificate_pem_refuse_password(char *buffer, int size, int for_writing, void *arg)
{
	(void)buffer;
	(void)size;
	(void)for_writing;
	(void)arg;
	return -1;
}

static BIO *
open_text(struct str text)
{
	return text.len == 0 || text.len > INT_MAX ? NULL
						   : BIO_new_mem_buf(text.data, (int)text.len);
}

static X509 *
read_certificate(struct str pem)
{
	BIO *bio = open_text(pem);
	X509 *x509 = bio == NULL
			     ? NULL
			     : PEM_read_bio_X509(bio, NULL, certificate_pem_refuse_password, NULL);

	BIO_free(bio);
	ERR_clear_error();
	return x509;
}

static bool
read_time(const ASN1_TIME *time, int64_t *at_s)
{
	struct tm parts;

	if (ASN1_TIME_to_tm(time, &parts) != 1)
		return false;
	*at_s = (int64_t)timegm(&parts);
	return true;
}

bool
certificate_pem_dates(struct str pem, int64_t *begins_at_s, int64_t *ends_at_s)
{
	X509 *x509 = read_certificate(pem);
	bool ok = x509 != NULL && read_time(X509_get0_notBefore(x509), begins_at_s) &&
		  read_time(X509_get0_notAfter(x509), ends_at_s);

	X509_free(x509);
	return ok;
}

bool
certificate_pem_is_signed_by(struct str pem, struct str authority)
{
	X509 *x509 = read_certificate(pem);
	X509 *issuer = read_certificate(authority);
	bool ok = x509 != NULL && issuer != NULL && X509_check_issued(issuer, x509) == X509_V_OK &&
		  X509_verify(x509, X509_get0_pubkey(issuer)) == 1;

	X509_free(x509);
	X509_free(issuer);
	ERR_clear_error();
	return ok;
}

bool
certificate_pem_names(struct str pem, const char *host)
{
	X509 *x509 = read_certificate(pem);
	bool ok = x509 != NULL && X509_check_host(x509, host, strlen(host), 0, NULL) == 1;

	X509_free(x509);
	return ok;
}

bool
certificate_pem_has_key(struct str pem, const struct secret *key)
{
	X509 *x509 = read_certificate(pem);
	BIO *bio = open_text(secret_view(key));
	EVP_PKEY *own =
		bio == NULL
			? NULL
			: PEM_read_bio_PrivateKey(bio, NULL, certificate_pem_refuse_password, NULL);
	bool ok = x509 != NULL && own != NULL && X509_check_private_key(x509, own) == 1;

	EVP_PKEY_free(own);
	BIO_free(bio);
	X509_free(x509);
	ERR_clear_error();
	return ok;
}
