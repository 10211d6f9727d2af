/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cryptographic primitives of the program. Missing entropy or a failed digest aborts the
 * process; other failures are reported.
 */
#ifndef BASE_CRYPTO_CRYPTO_H
#define BASE_CRYPTO_CRYPTO_H

#include "base/secret.h"
#include "base/str.h"

#define CRYPTO_KEY_BYTES    32
#define CRYPTO_NONCE_BYTES  12
#define CRYPTO_TAG_BYTES    16
#define CRYPTO_SHA256_BYTES 32
#define CRYPTO_SHA1_BYTES   20
/* What sealing adds to the plaintext. */
#define CRYPTO_SEAL_OVERHEAD (CRYPTO_NONCE_BYTES + CRYPTO_TAG_BYTES)

/* Fills data from the system's random generator; aborts the process if that fails. */
void crypto_random(void *data, size_t len);

/* SHA-256 (FIPS 180-4). */
void crypto_sha256(struct str data, uint8_t digest[CRYPTO_SHA256_BYTES]);

/* An incremental digest (FIPS 180-4). SHA-1 only detects accidental corruption: it is not
 * collision-resistant and must not be used to identify content. */
struct crypto_digest;
struct crypto_digest *crypto_sha1_new(void) MUST_CHECK;	  /* NULL: out of memory */
struct crypto_digest *crypto_sha256_new(void) MUST_CHECK; /* NULL: out of memory */
void crypto_digest_add(struct crypto_digest *d, const void *data, size_t len);
/* Writes CRYPTO_SHA1_BYTES or CRYPTO_SHA256_BYTES, and starts a new digest. */
void crypto_digest_end(struct crypto_digest *d, uint8_t *digest);
void crypto_digest_free(struct crypto_digest *d); /* does nothing for NULL */

/* HMAC-SHA-256 (RFC 2104). */
bool crypto_hmac_sha256(struct str key, struct str data, uint8_t mac[CRYPTO_SHA256_BYTES],
			struct err *e) MUST_CHECK;

/* HKDF-SHA-256, extract and expand (RFC 5869), to a key of out_len bytes (at most 255*32). */
bool crypto_hkdf_sha256(struct str key, struct str salt, struct str info, void *out, size_t out_len,
			struct err *e) MUST_CHECK;

/* As crypto_hkdf_sha256, to a key of CRYPTO_KEY_BYTES. NULL on failure. */
struct secret *crypto_derive_key(const struct secret *master, struct str salt, struct str info,
				 struct err *e) MUST_CHECK;

/* AES-256-GCM (NIST SP 800-38D) with a fresh random nonce; appends nonce || ciphertext || tag to
 * out. The associated data says what the seal is for and must be the same when it is opened. */
bool crypto_seal(const struct secret *key, struct str plain, struct str associated, struct buf *out,
		 struct err *e) MUST_CHECK;

/* Appends the plaintext to out. ERR_CRYPTO when the key is wrong or a bit anywhere was changed. */
bool crypto_open(const struct secret *key, struct str sealed, struct str associated,
		 struct buf *out, struct err *e) MUST_CHECK;

/* base64url without padding (RFC 4648 section 5). Decoding refuses padding, white space,
 * non-canonical ends. */
bool crypto_base64url_encode(struct buf *out, struct str data);
bool crypto_base64url_decode(struct buf *out, struct str text) MUST_CHECK;

/* Writes base64url that is known to fit, NUL-terminated. */
void crypto_base64url_text(struct str data, char *out, size_t size);

/* Write 32 random bytes, and SHA-256 (RFC 7636 section 4.2), as base64url, NUL-terminated. */
#define CRYPTO_TEXT_LEN 43u /* base64url of 32 bytes */
void crypto_random_text(char out[CRYPTO_TEXT_LEN + 1]);
void crypto_sha256_text(struct str data, char out[CRYPTO_TEXT_LEN + 1]);

/* Lower-case hexadecimal; decoding takes both cases. */
bool crypto_hex_encode(struct buf *out, struct str data);
bool crypto_hex_decode(struct buf *out, struct str text) MUST_CHECK;

/* base64 with padding (RFC 4648 section 4), for Basic credentials, WebSocket keys and Kubernetes'
 * secrets. Decoding is as strict as above, and requires the padding. */
bool crypto_base64_encode(struct buf *out, struct str data);
bool crypto_base64_decode(struct buf *out, struct str text) MUST_CHECK;

#endif
