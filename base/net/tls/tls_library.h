/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS of other libraries: libevent and libcurl. For base/http only.
 */
#ifndef BASE_NET_TLS_TLS_LIBRARY_H
#define BASE_NET_TLS_TLS_LIBRARY_H

#include "base/err.h"

struct ssl_ctx_st;
struct ssl_st;
struct tls_context;

/* Returns a server's session that reads exactly as much as asked, as libevent needs. NULL: out of
 * memory. */
struct ssl_st *tls_library_session_new(const struct tls_context *c) MUST_CHECK;
void tls_library_session_send_close(struct ssl_st *session); /* sends close_notify */

/* For libcurl's contexts: wipes what was read from OpenSSL's buffers at once. */
void tls_library_context_wipe_reads(struct ssl_ctx_st *ctx);

#endif
