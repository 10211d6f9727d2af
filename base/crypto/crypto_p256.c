/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes the private key with OpenSSL's bignums in constant time. Only OpenSSL's key object
 * holds it, and wipes it when it is freed.
 */
#include "base/crypto/crypto_p256.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>

#include "base/crypto/crypto.h"

#define COORDINATE_BYTES CRYPTO_P256_COORDINATE_BYTES
#define POINT_BYTES	 (1 + 2 * COORDINATE_BYTES) /* uncompressed point: the byte 4, x, y */
#define WIDE_BYTES	 48			    /* 128 bits more than the group's order n */
#define DER_MAX_BYTES	 80

struct crypto_p256 {
	EVP_PKEY *pair;
	unsigned char point[POINT_BYTES];
};

/* Returns wide mod (n - 1) + 1, a number from 1 to n - 1. */
static BIGNUM *
reduce(const EC_GROUP *group, const unsigned char wide[WIDE_BYTES], BN_CTX *c)
{
	BIGNUM *range = BN_dup(EC_GROUP_get0_order(group));
	BIGNUM *number = BN_secure_new();
	bool is_done = false;

	if (range != NULL && number != NULL && BN_bin2bn(wide, WIDE_BYTES, number) != NULL) {
		BN_set_flags(number, BN_FLG_CONSTTIME);
		is_done = BN_sub_word(range, 1) == 1 && BN_mod(number, number, range, c) == 1 &&
			  BN_add_word(number, 1) == 1;
	}
	BN_free(range);
	if (is_done)
		return number;
	BN_clear_free(number);
	return NULL;
}

static bool
compute_point(const EC_GROUP *group, const BIGNUM *number, BN_CTX *c,
	      unsigned char out[POINT_BYTES])
{
	EC_POINT *point = EC_POINT_new(group);
	bool is_done = point != NULL && EC_POINT_mul(group, point, number, NULL, NULL, c) == 1 &&
		       EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, out,
					  POINT_BYTES, c) == POINT_BYTES;

	EC_POINT_free(point);
	return is_done;
}

static EVP_PKEY *
import_pair(const BIGNUM *number, const unsigned char point[POINT_BYTES])
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *pair = NULL;

	if (c != NULL && build != NULL &&
	    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, POINT_BYTES) ==
		    1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number) == 1)
		params = OSSL_PARAM_BLD_to_param(build);
	if (params != NULL && EVP_PKEY_fromdata_init(c) == 1)
		(void)EVP_PKEY_fromdata(c, &pair, EVP_PKEY_KEYPAIR, params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(c);
	return pair;
}

static bool
make_pair(struct crypto_p256 *key, const unsigned char wide[WIDE_BYTES])
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	BN_CTX *c = BN_CTX_secure_new();
	BIGNUM *number = group == NULL || c == NULL ? NULL : reduce(group, wide, c);

	if (number != NULL && compute_point(group, number, c, key->point))
		key->pair = import_pair(number, key->point);
	BN_clear_free(number);
	BN_CTX_free(c);
	EC_GROUP_free(group);
	return key->pair != NULL;
}

struct crypto_p256 *
crypto_p256_derive(struct str secret, struct str salt, struct str info, struct err *e)
{
	struct crypto_p256 *key = err_alloc(e, sizeof(*key), "signing key");
	unsigned char wide[WIDE_BYTES];
	bool is_done;

	if (key == NULL)
		return NULL;
	is_done = crypto_hkdf_sha256(secret, salt, info, wide, sizeof(wide), e);
	if (is_done && !make_pair(key, wide))
		is_done = err_set(e, ERR_CRYPTO, "signing key");
	secret_wipe(wide, sizeof(wide));
	if (is_done)
		return key;
	crypto_p256_free(key);
	return NULL;
}

void
crypto_p256_free(struct crypto_p256 *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pair);
	free(key);
}

static struct str
coordinate(const struct crypto_p256 *key, size_t index)
{
	return (struct str){(const char *)key->point + 1 + index * COORDINATE_BYTES,
			    COORDINATE_BYTES};
}

struct str
crypto_p256_x(const struct crypto_p256 *key)
{
	return coordinate(key, 0);
}

struct str
crypto_p256_y(const struct crypto_p256 *key)
{
	return coordinate(key, 1);
}

static bool
read_signature(const unsigned char *der, size_t len, uint8_t out[CRYPTO_P256_SIGNATURE_BYTES])
{
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);
	bool is_done =
		pair != NULL &&
		BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, COORDINATE_BYTES) == COORDINATE_BYTES &&
		BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + COORDINATE_BYTES, COORDINATE_BYTES) ==
			COORDINATE_BYTES;

	ECDSA_SIG_free(pair);
	return is_done;
}

bool
crypto_p256_sign(const struct crypto_p256 *key, struct str data,
		 uint8_t signature[CRYPTO_P256_SIGNATURE_BYTES], struct err *e)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned char der[DER_MAX_BYTES];
	size_t len = sizeof(der);
	bool is_done =
		c != NULL &&
		EVP_DigestSignInit_ex(c, NULL, "SHA256", NULL, NULL, key->pair, NULL) == 1 &&
		EVP_DigestSign(c, der, &len, (const unsigned char *)data.data, data.len) == 1 &&
		read_signature(der, len, signature);

	EVP_MD_CTX_free(c);
	return is_done || err_set(e, ERR_CRYPTO, "ECDSA signature");
}
