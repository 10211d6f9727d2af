/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Derived signing keys against vectors that python3-cryptography computed, and signatures of fixed
 * length whatever their numbers are.
 */
#include "base/crypto/crypto_p256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crypto/crypto.h"

static const struct str salt = {"https://kiwi.ws.example.com", 27};

#define INFO STR("workspace-proxy assertion 1")

static void
assert_hex(struct str data, const char *expected)
{
	struct buf hex;

	buf_init(&hex, 256);
	assert_true(crypto_hex_encode(&hex, data));
	if (!str_equal(buf_view(&hex), str_from(expected)))
		fail_msg("'%.*s' is not '%s'", STR_FMT(buf_view(&hex)), expected);
	buf_fini(&hex);
}

static struct crypto_p256 *
derive(const char *secret, struct str with_salt, struct str info)
{
	struct err e = ERR_INIT;
	struct crypto_p256 *key = crypto_p256_derive(str_from(secret), with_salt, info, &e);

	assert_non_null(key);
	return key;
}

static void
test_vectors(void **state)
{
	static const struct {
		const char *secret;
		const char *x;
		const char *y;
	} vectors[] = {
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		 "aae9dc35aa13cb283ede34c20eb0a245c3f3123f8d808271228115facaf82d97",
		 "55d2ce75df959a55f6c97995aff12fe9e93c93d2c296d184a0ca312e393faedc"},
		{"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
		 "49482d3f9531a008a7377aefcf9122860391630f4d0e4f166d9cc510f3649063",
		 "4cdea0857e9ec2858e7733aae81f128e3b14728517d6af232c7fd8c10938859b"},
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct crypto_p256 *key = derive(vectors[i].secret, salt, INFO);

		assert_hex(crypto_p256_x(key), vectors[i].x);
		assert_hex(crypto_p256_y(key), vectors[i].y);
		crypto_p256_free(key);
	}
}

static void
test_other_salts_and_purposes_give_other_keys(void **state)
{
	struct crypto_p256 *key = derive("secret", salt, INFO);
	struct crypto_p256 *elsewhere = derive("secret", STR("https://fig.example.com"), INFO);
	struct crypto_p256 *otherwise = derive("secret", salt, STR("something else"));

	(void)state;
	assert_false(str_equal(crypto_p256_x(key), crypto_p256_x(elsewhere)));
	assert_false(str_equal(crypto_p256_x(key), crypto_p256_x(otherwise)));
	crypto_p256_free(key);
	crypto_p256_free(elsewhere);
	crypto_p256_free(otherwise);
}

static void
test_an_empty_secret_gives_no_key(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_null(crypto_p256_derive(STR_NONE, salt, INFO, &e));
	assert_int_equal(e.code, ERR_CRYPTO);
}

/* One number in 256 begins with a zero byte, which must be kept. */
static void
test_numbers_are_padded(void **state)
{
	struct crypto_p256 *key = derive("secret", salt, INFO);
	uint8_t signature[CRYPTO_P256_SIGNATURE_BYTES];
	struct err e = ERR_INIT;
	unsigned zeros = 0;

	(void)state;
	for (unsigned i = 0; i < 20000 && zeros < 2; i++) {
		assert_true(crypto_p256_sign(key, STR("data"), signature, &e));
		zeros += signature[0] == 0;
	}
	assert_int_equal(zeros, 2);
	crypto_p256_free(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_other_salts_and_purposes_give_other_keys),
		cmocka_unit_test(test_an_empty_secret_gives_no_key),
		cmocka_unit_test(test_numbers_are_padded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
