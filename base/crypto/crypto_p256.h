/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECDSA on the curve P-256 with SHA-256 (FIPS 186-5), with keys that are derived from a secret:
 * the same secret gives the same key in every process, so no key has to be stored.
 */
#ifndef BASE_CRYPTO_CRYPTO_P256_H
#define BASE_CRYPTO_CRYPTO_P256_H

#include "base/str.h"

#define CRYPTO_P256_COORDINATE_BYTES 32
#define CRYPTO_P256_SIGNATURE_BYTES  64

struct crypto_p256; /* a key pair */

/*
 * Derives a key pair from secret, salt and info with HKDF-SHA-256 (RFC 5869). Its output has 128
 * bits more than a private key, so that reducing it leaves no measurable bias (FIPS 186-5, A.2.1).
 * NULL on failure.
 */
struct crypto_p256 *crypto_p256_derive(struct str secret, struct str salt, struct str info,
				       struct err *e) MUST_CHECK;
void crypto_p256_free(struct crypto_p256 *key); /* does nothing for NULL */

/* The public key's affine coordinates, big-endian, valid as long as the key. */
struct str crypto_p256_x(const struct crypto_p256 *key);
struct str crypto_p256_y(const struct crypto_p256 *key);

/* Signs; the signature is r and s, big-endian, as in JWS (RFC 7518 section 3.4). */
bool crypto_p256_sign(const struct crypto_p256 *key, struct str data,
		      uint8_t signature[CRYPTO_P256_SIGNATURE_BYTES], struct err *e) MUST_CHECK;

#endif
