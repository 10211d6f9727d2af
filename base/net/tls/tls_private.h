/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of base/net/tls share.
 */
#ifndef BASE_NET_TLS_TLS_PRIVATE_H
#define BASE_NET_TLS_TLS_PRIVATE_H

#include <openssl/ssl.h>

#include "base/net/tls/tls.h"

struct tls_pem {
	struct str certificate;
	const struct secret *key;
};

struct tls_context {
	SSL_CTX *ssl_ctx;
	BIO_METHOD *bio_method;
	bool is_client;
	bool offers_http2;
	char *cert_file; /* NULL: self-signed, or from PEM text */
	char *key_file;
	const struct tls_names *names; /* of our own certificate */
	const struct tls_pem *pem;     /* set only during loading */
	int64_t expires_at_s;
};

/* Creates a key and a certificate for the names, and sets both in ctx. */
bool tls_self_load(SSL_CTX *ctx, const struct tls_names *names, struct err *e) MUST_CHECK;

/* The BIO through which sessions send and receive. NULL: out of memory. Free with BIO_meth_free. */
BIO_METHOD *tls_session_bio_method_new(void) MUST_CHECK;

#endif
