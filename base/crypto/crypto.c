/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's EVP interface behind a few functions of fixed algorithms.
 *
 * Algorithms are looked up once per process, because looking one up costs more than using it.
 * Contexts, which hold keys, live for one call each: OpenSSL wipes them when they are freed.
 */
#include "base/crypto/crypto.h"

#include <errno.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/ascii.h"

#define DATA_MAX_BYTES ((size_t)INT_MAX / 2) /* EVP takes int lengths */
#define ENTROPY_MAX    256u		     /* of one call of getentropy(3) */

/* Filled once, before its first use, and never changed. */
static struct {
	EVP_MD *sha256;
	EVP_CIPHER *gcm;
	EVP_MAC_CTX *hmac; /* has its digest and no key: a template to copy */
	EVP_KDF *hkdf;
} algorithms;

static pthread_once_t algorithms_once = PTHREAD_ONCE_INIT;

static OSSL_PARAM
digest_param(void)
{
	static char name[] = "SHA256";

	return OSSL_PARAM_construct_utf8_string(OSSL_ALG_PARAM_DIGEST, name, 0);
}

static void
fetch_algorithms(void)
{
	OSSL_PARAM params[] = {digest_param(), OSSL_PARAM_construct_end()};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	algorithms.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	algorithms.gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	algorithms.hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	algorithms.hmac = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac);
	err_assert(algorithms.sha256 != NULL && algorithms.gcm != NULL && algorithms.hkdf != NULL);
	err_assert(algorithms.hmac != NULL && EVP_MAC_CTX_set_params(algorithms.hmac, params) == 1);
}

static void
need_algorithms(void)
{
	err_assert(pthread_once(&algorithms_once, fetch_algorithms) == 0);
}

/* For parameters that OpenSSL refuses to take as NULL even when they are empty. */
static const unsigned char *
bytes_of(struct str s)
{
	static const unsigned char none[1] = {0};

	return s.len == 0 ? none : (const unsigned char *)s.data;
}

/* Up to len bytes; how many, or -1. */
static ssize_t
draw_bytes(unsigned char *data, size_t len)
{
#ifdef __linux__
	return getrandom(data, len, 0);
#else
	size_t piece = len < ENTROPY_MAX ? len : ENTROPY_MAX;

	return getentropy(data, piece) == 0 ? (ssize_t)piece : -1;
#endif
}

void
crypto_random(void *data, size_t len)
{
	unsigned char *at = data;

	while (len > 0) {
		ssize_t got = draw_bytes(at, len);

		if (got < 0 && errno == EINTR)
			continue;
		err_assert(got > 0);
		at += got;
		len -= (size_t)got;
	}
}

void
crypto_sha256(struct str data, uint8_t digest[CRYPTO_SHA256_BYTES])
{
	need_algorithms();
	err_assert(EVP_Digest(bytes_of(data), data.len, digest, NULL, algorithms.sha256, NULL) ==
		   1);
}

struct crypto_digest {
	EVP_MD_CTX *context;
};

static struct crypto_digest *
digest_new(const EVP_MD *type)
{
	struct crypto_digest *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->context = EVP_MD_CTX_new();
	if (d->context == NULL || EVP_DigestInit_ex(d->context, type, NULL) != 1) {
		crypto_digest_free(d);
		return NULL;
	}
	return d;
}

struct crypto_digest *
crypto_sha1_new(void)
{
	return digest_new(EVP_sha1());
}

struct crypto_digest *
crypto_sha256_new(void)
{
	return digest_new(EVP_sha256());
}

void
crypto_digest_add(struct crypto_digest *d, const void *data, size_t len)
{
	err_assert(EVP_DigestUpdate(d->context, data, len) == 1);
}

void
crypto_digest_end(struct crypto_digest *d, uint8_t *digest)
{
	err_assert(EVP_DigestFinal_ex(d->context, digest, NULL) == 1);
	err_assert(EVP_DigestInit_ex(d->context, NULL, NULL) == 1);
}

void
crypto_digest_free(struct crypto_digest *d)
{
	if (d == NULL)
		return;
	EVP_MD_CTX_free(d->context);
	free(d);
}

bool
crypto_hmac_sha256(struct str key, struct str data, uint8_t mac[CRYPTO_SHA256_BYTES], struct err *e)
{
	EVP_MAC_CTX *context;
	size_t len = 0;
	bool is_done;

	need_algorithms();
	context = EVP_MAC_CTX_dup(algorithms.hmac);
	is_done = context != NULL && EVP_MAC_init(context, bytes_of(key), key.len, NULL) == 1 &&
		  EVP_MAC_update(context, bytes_of(data), data.len) == 1 &&
		  EVP_MAC_final(context, mac, &len, CRYPTO_SHA256_BYTES) == 1 &&
		  len == CRYPTO_SHA256_BYTES;
	EVP_MAC_CTX_free(context);
	return is_done || err_set(e, ERR_CRYPTO, "HMAC-SHA-256 failed");
}

static OSSL_PARAM
octets_param(const char *name, struct str value)
{
	/* The interface lacks const; the bytes are only read. */
	union {
		const unsigned char *read;
		unsigned char *write;
	} bytes = {.read = bytes_of(value)};

	return OSSL_PARAM_construct_octet_string(name, bytes.write, value.len);
}

bool
crypto_hkdf_sha256(struct str key, struct str salt, struct str info, void *out, size_t out_len,
		   struct err *e)
{
	OSSL_PARAM params[] = {digest_param(), octets_param(OSSL_KDF_PARAM_KEY, key),
			       octets_param(OSSL_KDF_PARAM_SALT, salt),
			       octets_param(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
	EVP_KDF_CTX *context;
	bool is_done;

	if (key.len == 0 || out_len == 0 || out_len > (size_t)255 * CRYPTO_SHA256_BYTES)
		return err_set(e, ERR_CRYPTO, "HKDF-SHA-256: no key, or a length out of range");
	need_algorithms();
	context = EVP_KDF_CTX_new(algorithms.hkdf);
	is_done = context != NULL && EVP_KDF_derive(context, out, out_len, params) == 1;
	EVP_KDF_CTX_free(context);
	return is_done || err_set(e, ERR_CRYPTO, "HKDF-SHA-256 failed");
}

struct secret *
crypto_derive_key(const struct secret *master, struct str salt, struct str info, struct err *e)
{
	uint8_t derived[CRYPTO_KEY_BYTES];
	struct secret *key = NULL;

	if (crypto_hkdf_sha256(secret_view(master), salt, info, derived, sizeof(derived), e)) {
		key = secret_new(derived, sizeof(derived));
		if (key == NULL)
			err_set(e, ERR_MEMORY, "derived key");
	}
	secret_wipe(derived, sizeof(derived));
	return key;
}

static bool
check_seal_input(const struct secret *key, struct str data, struct str associated, struct err *e)
{
	if (secret_view(key).len != CRYPTO_KEY_BYTES)
		return err_set(e, ERR_CRYPTO, "the key does not have %d bytes", CRYPTO_KEY_BYTES);
	if (data.len > DATA_MAX_BYTES || associated.len > DATA_MAX_BYTES)
		return err_set(e, ERR_LIMIT, "too much data to encrypt at once");
	return true;
}

/* Encrypts into out, which has room for nonce, text and tag. */
static bool
encrypt(EVP_CIPHER_CTX *c, const struct secret *key, struct str plain, struct str associated,
	unsigned char *out)
{
	unsigned char *text = out + CRYPTO_NONCE_BYTES;
	int len = 0;

	crypto_random(out, CRYPTO_NONCE_BYTES);
	return EVP_EncryptInit_ex2(c, algorithms.gcm, bytes_of(secret_view(key)), out, NULL) == 1 &&
	       EVP_EncryptUpdate(c, NULL, &len, bytes_of(associated), (int)associated.len) == 1 &&
	       EVP_EncryptUpdate(c, text, &len, bytes_of(plain), (int)plain.len) == 1 &&
	       (size_t)len == plain.len && EVP_EncryptFinal_ex(c, text + plain.len, &len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, CRYPTO_TAG_BYTES, text + plain.len) ==
		       1;
}

bool
crypto_seal(const struct secret *key, struct str plain, struct str associated, struct buf *out,
	    struct err *e)
{
	EVP_CIPHER_CTX *context;
	bool is_done;

	if (!check_seal_input(key, plain, associated, e))
		return false;
	if (!buf_is_ok(out) || !buf_reserve(out, plain.len + CRYPTO_SEAL_OVERHEAD))
		return err_set(e, ERR_MEMORY, "no room for the encrypted data");
	need_algorithms();
	context = EVP_CIPHER_CTX_new();
	is_done = context != NULL &&
		  encrypt(context, key, plain, associated, (unsigned char *)out->data + out->len);
	EVP_CIPHER_CTX_free(context);
	if (!is_done)
		return err_set(e, ERR_CRYPTO, "encryption failed");
	out->len += plain.len + CRYPTO_SEAL_OVERHEAD;
	return true;
}

/* Decrypts into out, which has room for the text; what is there counts only when this is true. */
static bool
decrypt(EVP_CIPHER_CTX *c, const struct secret *key, struct str sealed, struct str associated,
	unsigned char *out)
{
	const unsigned char *nonce = bytes_of(sealed);
	size_t text_len = sealed.len - CRYPTO_SEAL_OVERHEAD;
	const unsigned char *text = nonce + CRYPTO_NONCE_BYTES;
	unsigned char tag[CRYPTO_TAG_BYTES];
	unsigned char end[EVP_MAX_BLOCK_LENGTH];
	int len = 0;

	memcpy(tag, text + text_len, sizeof(tag));
	return EVP_DecryptInit_ex2(c, algorithms.gcm, bytes_of(secret_view(key)), nonce, NULL) ==
		       1 &&
	       EVP_DecryptUpdate(c, NULL, &len, bytes_of(associated), (int)associated.len) == 1 &&
	       EVP_DecryptUpdate(c, out, &len, text, (int)text_len) == 1 &&
	       (size_t)len == text_len &&
	       EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, CRYPTO_TAG_BYTES, tag) == 1 &&
	       EVP_DecryptFinal_ex(c, end, &len) == 1;
}

bool
crypto_open(const struct secret *key, struct str sealed, struct str associated, struct buf *out,
	    struct err *e)
{
	EVP_CIPHER_CTX *context;
	unsigned char none[1];
	unsigned char *text;
	size_t text_len;
	bool is_open;

	if (!check_seal_input(key, sealed, associated, e))
		return false;
	if (sealed.len < CRYPTO_SEAL_OVERHEAD)
		return err_set(e, ERR_CRYPTO, "the encrypted data is too short");
	text_len = sealed.len - CRYPTO_SEAL_OVERHEAD;
	if (!buf_is_ok(out) || !buf_reserve(out, text_len))
		return err_set(e, ERR_MEMORY, "no room for the decrypted data");
	need_algorithms();
	context = EVP_CIPHER_CTX_new();
	/* A buffer may have no memory yet when the text is empty. */
	text = text_len == 0 ? none : (unsigned char *)out->data + out->len;
	is_open = context != NULL && decrypt(context, key, sealed, associated, text);
	EVP_CIPHER_CTX_free(context);
	if (!is_open) {
		secret_wipe(text, text_len);
		return err_set(e, ERR_CRYPTO, "decryption failed: wrong key or changed data");
	}
	out->len += text_len;
	return true;
}

static bool
encode_base64(struct buf *out, struct str data, const char alphabet[65], bool has_padding)
{
	const unsigned char *in = bytes_of(data);
	size_t len = has_padding ? (data.len + 2) / 3 * 4 : (data.len * 4 + 2) / 3;

	if (data.len > DATA_MAX_BYTES || !buf_reserve(out, len)) {
		out->failed = true;
		return false;
	}
	for (size_t i = 0; i < data.len; i += 3) {
		size_t have = data.len - i < 3 ? data.len - i : 3;
		uint32_t bits = (uint32_t)in[i] << 16 | (have > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
				(have > 2 ? (uint32_t)in[i + 2] : 0);
		char quad[4];

		for (size_t k = 0; k < 4; k++)
			quad[k] = k <= have ? alphabet[bits >> (18 - 6 * k) & 0x3fu] : '=';
		buf_add(out, quad, has_padding ? 4 : have + 1);
	}
	return buf_is_ok(out);
}

bool
crypto_base64_encode(struct buf *out, struct str data)
{
	return encode_base64(out, data,
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
			     true);
}

bool
crypto_base64url_encode(struct buf *out, struct str data)
{
	return encode_base64(out, data,
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
			     false);
}

void
crypto_base64url_text(struct str data, char *out, size_t size)
{
	struct buf text;

	buf_init(&text, size - 1);
	err_assert(crypto_base64url_encode(&text, data));
	memcpy(out, text.data, text.len);
	out[text.len] = '\0';
	buf_wipe_fini(&text);
}

void
crypto_random_text(char out[CRYPTO_TEXT_LEN + 1])
{
	uint8_t random[32];

	crypto_random(random, sizeof(random));
	crypto_base64url_text(STR_BYTES(random), out, CRYPTO_TEXT_LEN + 1);
	secret_wipe(random, sizeof(random));
}

void
crypto_sha256_text(struct str data, char out[CRYPTO_TEXT_LEN + 1])
{
	uint8_t digest[CRYPTO_SHA256_BYTES];

	crypto_sha256(data, digest);
	crypto_base64url_text(STR_BYTES(digest), out, CRYPTO_TEXT_LEN + 1);
}

/* The six bits of a character, or -1. The alphabets differ in the last two. */
static int
base64_value(char c, const char last[2])
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == last[0])
		return 62;
	return c == last[1] ? 63 : -1;
}

/* May leave a part of the bytes in out when it fails. */
static bool
decode_base64(struct buf *out, struct str text, const char last[2])
{
	uint32_t bits = 0;
	unsigned have = 0;

	if (text.len % 4 == 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		int value = base64_value(text.data[i], last);

		if (value < 0)
			return false;
		bits = (bits << 6 | (uint32_t)value) & 0xffffu;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (!buf_add_byte(out, (char)(unsigned char)(bits >> have & 0xffu)))
			return false;
	}
	/* Bits that encode nothing must be zero, or one value would have several texts. */
	return (bits & ((1u << have) - 1)) == 0 && buf_is_ok(out);
}

bool
crypto_base64url_decode(struct buf *out, struct str text)
{
	size_t before = out->len;

	if (decode_base64(out, text, "-_"))
		return true;
	out->len = before;
	return false;
}

bool
crypto_base64_decode(struct buf *out, struct str text)
{
	size_t before = out->len;
	size_t padding = str_ends_with(text, STR("==")) ? 2 : str_ends_with(text, STR("=")) ? 1 : 0;

	if (text.len % 4 == 0 && decode_base64(out, str_take(text, text.len - padding), "+/"))
		return true;
	out->len = before;
	return false;
}

bool
crypto_hex_encode(struct buf *out, struct str data)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < data.len && buf_is_ok(out); i++) {
		unsigned char c = (unsigned char)data.data[i];
		char pair[2] = {digits[c >> 4], digits[c & 0xfu]};

		buf_add(out, pair, sizeof(pair));
	}
	return buf_is_ok(out);
}

bool
crypto_hex_decode(struct buf *out, struct str text)
{
	size_t before = out->len;

	if (text.len % 2 != 0)
		return false;
	for (size_t i = 0; i < text.len; i += 2) {
		int high = ascii_hex_value(text.data[i]);
		int low = ascii_hex_value(text.data[i + 1]);

		if (high < 0 || low < 0 || !buf_add_byte(out, (char)(high * 16 + low))) {
			out->len = before;
			return false;
		}
	}
	return buf_is_ok(out);
}
