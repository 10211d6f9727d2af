/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Self-made certificates: each has a new key, which is never written to disk, and is valid for a
 * day. Also computes the fingerprint by which others recognise a certificate.
 */
#include <openssl/pem.h>

#include "base/clock.h"
#include "base/net/tls/certificate.h"
#include "base/net/tls/tls_error.h"
#include "base/net/tls/tls_private.h"

#define VALID_S 86400

bool
tls_self_load(SSL_CTX *ctx, const struct tls_names *names, struct err *e)
{
	struct certificate *made =
		certificate_new_server(NULL, names->items, names->count, VALID_S, e);

	if (made == NULL)
		return false;
	bool ok = SSL_CTX_use_certificate(ctx, certificate_x509(made)) == 1 &&
		  SSL_CTX_use_PrivateKey(ctx, certificate_key(made)) == 1;
	certificate_free(made);
	return ok || tls_error_set(e, ERR_CRYPTO, "the certificate can't be used");
}

bool
tls_context_is_due(const struct tls_context *c)
{
	int64_t left_s = c->expires_at_s - clock_wall_s();

	return c->names != NULL && (left_s < VALID_S / 2 || left_s > VALID_S);
}

void
tls_context_fingerprint(const struct tls_context *c, char out[TLS_FINGERPRINT_SIZE])
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	err_assert(X509_digest(SSL_CTX_get0_certificate(c->ssl_ctx), EVP_sha256(), hash, &len) ==
			   1 &&
		   3 * len == TLS_FINGERPRINT_SIZE);
	for (unsigned i = 0; i < len; i++) {
		out[3 * i] = digits[hash[i] >> 4];
		out[3 * i + 1] = digits[hash[i] & 0x0f];
		out[3 * i + 2] = i + 1 < len ? ':' : '\0';
	}
}

bool
tls_context_write(const struct tls_context *c, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL;
	bool ok = bio != NULL && PEM_write_bio_X509(bio, SSL_CTX_get0_certificate(c->ssl_ctx)) == 1;
	long len = ok ? BIO_get_mem_data(bio, &data) : 0;

	ok = len > 0 && buf_add(out, data, (size_t)len);
	BIO_free(bio);
	return ok;
}
