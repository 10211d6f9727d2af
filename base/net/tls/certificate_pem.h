/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads dates, names and issuers of existing certificates in PEM form. Does not decide whether a
 * peer is trusted; base/net/tls/tls and base/http/fetch do.
 */
#ifndef BASE_NET_TLS_CERTIFICATE_PEM_H
#define BASE_NET_TLS_CERTIFICATE_PEM_H

#include "base/secret.h"
#include "base/str.h"

/* Removes the next certificate, from its first to its last dash, from *rest. False: there is
 * none. */
bool certificate_pem_next(struct str *rest, struct str *pem);

/* Reads notBefore and notAfter as seconds since 1970 UTC. False: the certificate can't be read. */
bool certificate_pem_dates(struct str pem, int64_t *begins_at_s, int64_t *ends_at_s) MUST_CHECK;

/* Whether the authority has signed the certificate. */
bool certificate_pem_is_signed_by(struct str pem, struct str authority) MUST_CHECK;

/* Whether clients find the host name in the certificate; and whether the key belongs to it. */
bool certificate_pem_names(struct str pem, const char *host) MUST_CHECK;
bool certificate_pem_has_key(struct str pem, const struct secret *key) MUST_CHECK;

/* A password callback for OpenSSL, which would otherwise ask on the terminal. Encrypted keys are
 * not supported. */
int certificate_pem_refuse_password(char *buffer, int size, int for_writing, void *arg);

#endif
