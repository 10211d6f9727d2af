/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What contexts and sessions of TLS share: for base/net/tls/tls_context.c and
 * base/net/tls/tls_session.c only.
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
	char *cert_file; /* NULL where the certificate is our own, or comes as text */
	char *key_file;
	const struct tls_names *names; /* of our own certificate */
	const struct tls_pem *pem;     /* only while it is loaded */
	int64_t expires_at_s;
};

/* Makes a key and a certificate for the names and lets ctx use them. */
bool tls_self_load(SSL_CTX *ctx, const struct tls_names *names, struct err *e) MUST_CHECK;

/* How sessions receive and send. NULL without memory; BIO_meth_free frees it. */
BIO_METHOD *tls_session_bio_method_new(void) MUST_CHECK;

#endif
