/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access to TLS contexts for libraries that create their own sessions; for base/http only.
 */
#ifndef BASE_NET_TLS_TLS_FOREIGN_H
#define BASE_NET_TLS_TLS_FOREIGN_H

struct ssl_ctx_st;
struct ssl_st;
struct tls_context;

/*
 * For base/http/service: the context as libssl knows it, to be given back. It reads no further than
 * it is asked to, as that library needs; do not use the context for a tls_session then. After a
 * reload it has to be taken again.
 */
struct ssl_ctx_st *tls_context_lend(struct tls_context *c);
void tls_context_give_back(struct ssl_ctx_st *lent);
void tls_lent_say_close(struct ssl_st *session); /* close_notify */

/* For a context of libcurl's: what it reads is wiped from OpenSSL's buffers at once. */
void tls_foreign_context_wipe_reads(struct ssl_ctx_st *ctx);

#endif
