/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes certificates (RFC 5280): an authority, and servers' certificates that it signs. Keys are on
 * P-256.
 */
#ifndef BASE_NET_TLS_CERTIFICATE_H
#define BASE_NET_TLS_CERTIFICATE_H

#include "base/str.h"

#define CERTIFICATE_DAYS_MAX 825u
#define CERTIFICATE_DAY_S    UINT64_C(86400)

struct certificate; /* with its private key */

/*
 * Valid from a few minutes ago, because clocks differ, until `lifetime_s` from now, at most
 * CERTIFICATE_DAYS_MAX. names are checked host names and IP addresses; the first one is also the
 * subject if it is short enough. A server's certificate without an authority is self-signed.
 */
struct certificate *certificate_new_authority(const char *name, uint64_t lifetime_s,
					      struct err *e) MUST_CHECK;
struct certificate *certificate_new_server(const struct certificate *authority,
					   const char *const *names, size_t count,
					   uint64_t lifetime_s, struct err *e) MUST_CHECK;
void certificate_free(struct certificate *c);

/* For base/net/tls/tls: OpenSSL's objects, borrowed. */
struct x509_st *certificate_x509(const struct certificate *c);
struct evp_pkey_st *certificate_key(const struct certificate *c);

/* Writes PEM. Wipe the buffer of the key afterwards. */
bool certificate_write(const struct certificate *c, struct buf *out, struct err *e) MUST_CHECK;
bool certificate_write_key(const struct certificate *c, struct buf *out, struct err *e) MUST_CHECK;

#endif
