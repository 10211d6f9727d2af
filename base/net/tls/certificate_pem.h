/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads dates, names and issuers of existing certificates in PEM form. Does not decide whether a
 * peer is trusted; base/net/tls/tls and base/http/fetch do.
 */
#ifndef BASE_NET_TLS_CERTIFICATE_PEM_H
#define BASE_NET_TLS_CERTIFICATE_PEM_H

#include "base/secret.h"
#include "base/str.h"

/* Takes the next certificate, from its first dash to its last one, off *rest. False when there is
 * none. */
bool certificate_pem_next(struct str *rest, struct str *pem);

/* notBefore and notAfter, seconds since 1970 UTC. False when it can't be read. */
bool certificate_pem_dates(struct str pem, int64_t *begins_at_s, int64_t *ends_at_s) MUST_CHECK;

/* Whether the authority has signed the certificate. */
bool certificate_pem_is_signed_by(struct str pem, struct str authority) MUST_CHECK;

/* Whether clients will find the host name in it, and whether the key is its own. */
bool certificate_pem_names(struct str pem, const char *host) MUST_CHECK;
bool certificate_pem_has_key(struct str pem, const struct secret *key) MUST_CHECK;

/* For OpenSSL's readers: encrypted keys are not supported, and without it OpenSSL would ask on the
 * terminal. */
int certificate_pem_refuse_password(char *buffer, int size, int for_writing, void *arg);

#endif
