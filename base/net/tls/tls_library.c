/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creates TLS sessions for other libraries, and sets options of their contexts.
 */
#include "base/net/tls/tls_library.h"

#include <openssl/err.h>

#include "base/net/tls/tls_private.h"

struct ssl_st *
tls_library_session_new(const struct tls_context *c)
{
	SSL *session = SSL_new(c->ssl_ctx);

	if (session != NULL)
		SSL_set_read_ahead(session, 0);
	ERR_clear_error();
	return session;
}

void
tls_library_session_send_close(struct ssl_st *session)
{
	ERR_clear_error();
	(void)SSL_shutdown(session);
	ERR_clear_error();
}

void
tls_library_context_wipe_reads(struct ssl_ctx_st *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_CLEANSE_PLAINTEXT);
}
