/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context of TLS clients. Development servers have self-signed certificates and old TLS
 * libraries, so everything that OpenSSL supports from TLS 1.2 on is accepted.
 */
#include <stdlib.h>

#include "base/net/tls/tls.h"
#include "base/net/tls/tls_error.h"
#include "base/net/tls/tls_private.h"

static bool
configure(SSL_CTX *ctx)
{
	static const unsigned char protocols[] = "\x08http/1.1";

	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_CLEANSE_PLAINTEXT);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_alpn_protos(ctx, protocols, sizeof(protocols) - 1) == 0;
}

struct tls_context *
tls_client_context_new(struct err *e)
{
	struct tls_context *c = err_alloc(e, sizeof(*c), "out of memory for TLS");

	if (c == NULL)
		return NULL;
	c->is_client = true;
	c->bio_method = tls_session_bio_method_new();
	c->ssl_ctx = SSL_CTX_new(TLS_client_method());
	if (c->bio_method == NULL || c->ssl_ctx == NULL || !configure(c->ssl_ctx)) {
		tls_error_set(e, ERR_MEMORY, "TLS can't be set up");
		tls_context_free(c);
		return NULL;
	}
	return c;
}
