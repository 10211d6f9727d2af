/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives libraries that create their own TLS sessions access to a context.
 */
#include "base/net/tls/tls_foreign.h"

#include <openssl/err.h>

#include "base/net/tls/tls_private.h"

struct ssl_ctx_st *
tls_context_lend(struct tls_context *c)
{
	SSL_CTX_set_read_ahead(c->ssl_ctx, 0);
	err_assert(SSL_CTX_up_ref(c->ssl_ctx) == 1);
	return c->ssl_ctx;
}

void
tls_context_give_back(struct ssl_ctx_st *lent)
{
	SSL_CTX_free(lent);
}

void
tls_lent_say_close(struct ssl_st *session)
{
	ERR_clear_error();
	(void)SSL_shutdown(session);
	ERR_clear_error();
}

void
tls_foreign_context_wipe_reads(struct ssl_ctx_st *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_CLEANSE_PLAINTEXT);
}
