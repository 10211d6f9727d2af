/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system's trusted certificate authorities. Reading all of them takes longer than a TLS
 * handshake, so only the required one is read where the system allows it.
 */
#ifndef BASE_HTTP_SYSTEM_AUTHORITIES_H
#define BASE_HTTP_SYSTEM_AUTHORITIES_H

#include "base/str.h"

struct ssl_ctx_st;

/* Makes the context verify servers by the system's certificate authorities. SSL_CERT_FILE and
 * SSL_CERT_DIR work as in OpenSSL. */
bool system_authorities_use(struct ssl_ctx_st *context) MUST_CHECK;

#endif
