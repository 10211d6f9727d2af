/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Primitives against published vectors, seals against every changed bit, encodings against the
 * alphabets and against texts that are not the only one for their value.
 */
#include "base/crypto/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/count.h"

static void
assert_str(struct str s, const char *expected)
{
	if (!str_equal(s, str_from(expected)))
		fail_msg("'%.*s' is not '%s'", STR_FMT(s), expected);
}

static void
assert_hex(const void *data, size_t len, const char *expected)
{
	struct buf hex;

	buf_init(&hex, 4096);
	assert_true(crypto_hex_encode(&hex, (struct str){data, len}));
	assert_str(buf_view(&hex), expected);
	buf_fini(&hex);
}

/* Decodes hex into a buffer that the caller frees. */
static struct buf
from_hex(const char *hex)
{
	struct buf b;

	buf_init(&b, 4096);
	assert_true(crypto_hex_decode(&b, str_from(hex)));
	return b;
}

static void
test_sha256(void **state)
{
	uint8_t digest[CRYPTO_SHA256_BYTES];

	(void)state;
	crypto_sha256(STR("abc"), digest);
	assert_hex(digest, sizeof(digest),
		   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	crypto_sha256(STR_NONE, digest);
	assert_hex(digest, sizeof(digest),
		   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void
test_sha1(void **state)
{
	struct crypto_digest *s = crypto_sha1_new();
	uint8_t digest[CRYPTO_SHA1_BYTES];

	(void)state;
	assert_non_null(s);
	crypto_digest_add(s, "a", 1);
	crypto_digest_add(s, "bc", 2);
	crypto_digest_end(s, digest);
	assert_hex(digest, sizeof(digest), "a9993e364706816aba3e25717850c26c9cd0d89d");
	crypto_digest_end(s, digest);
	assert_hex(digest, sizeof(digest), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	crypto_digest_free(s);
	crypto_digest_free(NULL);
}

/* RFC 4231, sections 4.2, 4.3 and 4.7 */
static void
test_hmac(void **state)
{
	uint8_t mac[CRYPTO_SHA256_BYTES];
	struct err e = ERR_INIT;
	char key[131];

	(void)state;
	memset(key, 0x0b, 20);
	assert_true(crypto_hmac_sha256((struct str){key, 20}, STR("Hi There"), mac, &e));
	assert_hex(mac, sizeof(mac),
		   "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	assert_true(crypto_hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"), mac, &e));
	assert_hex(mac, sizeof(mac),
		   "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	assert_true(crypto_hmac_sha256(
		(struct str){key, sizeof(key)},
		STR("Test Using Larger Than Block-Size Key - Hash Key First"), mac, &e));
	assert_hex(mac, sizeof(mac),
		   "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	assert_true(crypto_hmac_sha256(STR_NONE, STR_NONE, mac, &e));
	assert_hex(mac, sizeof(mac),
		   "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* RFC 5869, appendices A.1 and A.3 */
static void
test_hkdf(void **state)
{
	struct buf key = from_hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b");
	struct buf salt = from_hex("000102030405060708090a0b0c");
	struct buf info = from_hex("f0f1f2f3f4f5f6f7f8f9");
	static uint8_t out[255 * 32 + 1];
	struct err e = ERR_INIT;

	(void)state;
	assert_true(
		crypto_hkdf_sha256(buf_view(&key), buf_view(&salt), buf_view(&info), out, 42, &e));
	assert_hex(out, 42,
		   "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
		   "34007208d5b887185865");
	assert_true(crypto_hkdf_sha256(buf_view(&key), STR_NONE, STR_NONE, out, 42, &e));
	assert_hex(out, 42,
		   "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
		   "9d201395faa4b61a96c8");
	assert_true(crypto_hkdf_sha256(buf_view(&key), STR_NONE, STR_NONE, out, 255 * 32, &e));
	assert_false(crypto_hkdf_sha256(buf_view(&key), STR_NONE, STR_NONE, out, 255 * 32 + 1, &e));
	assert_false(crypto_hkdf_sha256(buf_view(&key), STR_NONE, STR_NONE, out, 0, &e));
	assert_false(crypto_hkdf_sha256(STR_NONE, STR_NONE, STR_NONE, out, 32, &e));
	assert_int_equal(e.code, ERR_CRYPTO);
	buf_fini(&key);
	buf_fini(&salt);
	buf_fini(&info);
}

/* Test case 16 of the GCM specification (McGrew and Viega), as nonce, ciphertext and tag. */
static void
test_open_takes_the_published_vector(void **state)
{
	struct buf key = from_hex("feffe9928665731c6d6a8f9467308308"
				  "feffe9928665731c6d6a8f9467308308");
	struct buf associated = from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
	struct buf sealed = from_hex("cafebabefacedbaddecaf888"
				     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555"
				     "d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
				     "76fc6ece0f4e1768cddf8853bb2d551b");
	struct secret *secret = secret_from_str(buf_view(&key));
	struct err e = ERR_INIT;
	struct buf plain;

	(void)state;
	buf_init(&plain, 100);
	assert_true(crypto_open(secret, buf_view(&sealed), buf_view(&associated), &plain, &e));
	assert_hex(plain.data, plain.len,
		   "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		   "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
	secret_free(secret);
	buf_fini(&key);
	buf_fini(&associated);
	buf_fini(&sealed);
	buf_fini(&plain);
}

static struct secret *
make_key(char fill)
{
	char bytes[CRYPTO_KEY_BYTES];
	struct secret *key;

	memset(bytes, fill, sizeof(bytes));
	key = secret_new(bytes, sizeof(bytes));
	assert_non_null(key);
	return key;
}

static void
test_seals_come_back(void **state)
{
	struct secret *key = make_key('k');
	static char text[5000];
	struct err e = ERR_INIT;
	struct buf sealed, plain;

	(void)state;
	crypto_random(text, sizeof(text));
	for (size_t len = 0; len <= sizeof(text); len = len * 3 + (len < 40)) {
		buf_init(&sealed, 6000);
		buf_init(&plain, 6000);
		assert_true(buf_add_str(&sealed, STR("before")));
		assert_true(crypto_seal(key, (struct str){text, len}, STR("aad"), &sealed, &e));
		assert_int_equal(sealed.len, 6 + len + CRYPTO_SEAL_OVERHEAD);
		assert_str(str_take(buf_view(&sealed), 6), "before");
		assert_true(
			crypto_open(key, str_skip(buf_view(&sealed), 6), STR("aad"), &plain, &e));
		assert_true(str_equal(buf_view(&plain), (struct str){text, len}));
		buf_fini(&sealed);
		buf_fini(&plain);
	}
	secret_free(key);
}

static void
test_nonces_differ(void **state)
{
	struct secret *key = make_key('k');
	struct buf a, b;
	struct err e = ERR_INIT;

	(void)state;
	buf_init(&a, 100);
	buf_init(&b, 100);
	assert_true(crypto_seal(key, STR("same"), STR_NONE, &a, &e));
	assert_true(crypto_seal(key, STR("same"), STR_NONE, &b, &e));
	assert_memory_not_equal(a.data, b.data, CRYPTO_NONCE_BYTES);
	assert_memory_not_equal(a.data + CRYPTO_NONCE_BYTES, b.data + CRYPTO_NONCE_BYTES, 4);
	buf_fini(&a);
	buf_fini(&b);
	secret_free(key);
}

static void
assert_closed(const struct secret *key, struct str sealed, struct str associated)
{
	struct err e = ERR_INIT;
	struct buf plain;

	buf_init(&plain, 200);
	buf_add_str(&plain, STR("kept"));
	assert_false(crypto_open(key, sealed, associated, &plain, &e));
	assert_int_equal(e.code, ERR_CRYPTO);
	assert_str(buf_view(&plain), "kept");
	if (sealed.len > CRYPTO_SEAL_OVERHEAD && secret_view(key).len == CRYPTO_KEY_BYTES)
		assert_int_equal(plain.data[4], '\0'); /* unauthenticated data is not returned */
	buf_fini(&plain);
}

static void
test_any_changed_bit_keeps_it_closed(void **state)
{
	struct secret *key = make_key('k');
	struct secret *other = make_key('l');
	struct err e = ERR_INIT;
	struct buf sealed;

	(void)state;
	buf_init(&sealed, 200);
	assert_true(crypto_seal(key, STR("a session of somebody"), STR("cookie"), &sealed, &e));
	for (size_t bit = 0; bit < sealed.len * 8; bit++) {
		sealed.data[bit / 8] = (char)(sealed.data[bit / 8] ^ (1 << bit % 8));
		assert_closed(key, buf_view(&sealed), STR("cookie"));
		sealed.data[bit / 8] = (char)(sealed.data[bit / 8] ^ (1 << bit % 8));
	}
	for (size_t len = 0; len < sealed.len; len++)
		assert_closed(key, str_take(buf_view(&sealed), len), STR("cookie"));
	assert_closed(key, buf_view(&sealed), STR("cookif"));
	assert_closed(key, buf_view(&sealed), STR("cookie "));
	assert_closed(key, buf_view(&sealed), STR_NONE);
	assert_closed(other, buf_view(&sealed), STR("cookie"));
	secret_free(key);
	secret_free(other);
	buf_fini(&sealed);
}

static void
test_unusable_keys_and_full_buffers(void **state)
{
	struct secret *short_key = secret_new("0123456789012345", 16);
	struct secret *key = make_key('k');
	struct err e = ERR_INIT;
	struct buf out;

	(void)state;
	buf_init(&out, CRYPTO_SEAL_OVERHEAD + 3);
	assert_false(crypto_seal(short_key, STR("a"), STR_NONE, &out, &e));
	assert_int_equal(e.code, ERR_CRYPTO);
	assert_false(crypto_seal(NULL, STR("a"), STR_NONE, &out, &e));
	assert_int_equal(e.code, ERR_CRYPTO);
	assert_closed(short_key, STR("0123456789012345678901234567890123456789"), STR_NONE);
	assert_false(crypto_seal(key, STR("1234"), STR_NONE, &out, &e));
	assert_int_equal(e.code, ERR_MEMORY);
	assert_int_equal(out.len, 0);
	assert_true(crypto_seal(key, STR("123"), STR_NONE, &out, &e));
	secret_free(short_key);
	secret_free(key);
	buf_fini(&out);
}

static void
test_random(void **state)
{
	unsigned char a[64] = {0}, b[64] = {0};
	static unsigned char many[100000];
	unsigned seen[256] = {0};

	(void)state;
	crypto_random(a, sizeof(a) - 1);
	crypto_random(b, sizeof(b) - 1);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_int_equal(a[63], 0);
	crypto_random(many, sizeof(many));
	for (size_t i = 0; i < sizeof(many); i++)
		seen[many[i]]++;
	for (size_t i = 0; i < 256; i++)
		assert_in_range(seen[i], 200, 600); /* 390 expected; 200 is 9 deviations away */
	crypto_random(NULL, 0);
}

/* RFC 4648, section 10 */
static void
test_base64(void **state)
{
	static const char *const pairs[][3] = {
		{"", "", ""},
		{"f", "Zg==", "Zg"},
		{"fo", "Zm8=", "Zm8"},
		{"foo", "Zm9v", "Zm9v"},
		{"foob", "Zm9vYg==", "Zm9vYg"},
		{"fooba", "Zm9vYmE=", "Zm9vYmE"},
		{"foobar", "Zm9vYmFy", "Zm9vYmFy"},
		{"\xfb\xff\xbf", "+/+/", "-_-_"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct buf out;

		buf_init(&out, 100);
		assert_true(crypto_base64_encode(&out, str_from(pairs[i][0])));
		assert_str(buf_view(&out), pairs[i][1]);
		buf_clear(&out);
		assert_true(crypto_base64_decode(&out, str_from(pairs[i][1])));
		assert_str(buf_view(&out), pairs[i][0]);
		buf_clear(&out);
		assert_true(crypto_base64url_encode(&out, str_from(pairs[i][0])));
		assert_str(buf_view(&out), pairs[i][2]);
		buf_clear(&out);
		assert_true(crypto_base64url_decode(&out, str_from(pairs[i][2])));
		assert_str(buf_view(&out), pairs[i][0]);
		buf_fini(&out);
	}
}

static void
test_base64url_decode_refuses(void **state)
{
	static const char *const bad[] = {"Z",	   "Zg==",  "Zm8=",	  "Zh",	    "Zm9",
					  "Zm9vY", "Zm 9v", " Zm9v",	  "Zm9v\n", "+/+/",
					  "Zm9v=", "Zg=",   "\xc3\xa4zz", "=",	    "Zm9*"};
	struct buf out;

	(void)state;
	buf_init(&out, 6);
	assert_true(buf_add_str(&out, STR("kept")));
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (crypto_base64url_decode(&out, str_from(bad[i])))
			fail_msg("accepted: %s", bad[i]);
		assert_str(buf_view(&out), "kept");
	}
	assert_false(crypto_base64url_decode(&out, STR("Zm9\0")));
	assert_true(crypto_base64url_decode(&out, STR("Zm8")));
	assert_str(buf_view(&out), "keptfo");
	assert_false(crypto_base64url_decode(&out, STR("Zg")));
	assert_str(buf_view(&out), "keptfo");
	buf_fini(&out);
}

static void
test_base64_decode_refuses(void **state)
{
	static const char *const bad[] = {
		"Z",	  "Zg",	  "Zg=", "Zg===",    "Zh==", "Zm9=",	"Zm9vYg=", "-_-_",
		"Zm9v\n", "====", "=",	 "Zg==Zg==", "Z===", "Zm 9vYg", "Zm9vY==="};
	struct buf out;

	(void)state;
	buf_init(&out, 6);
	assert_true(buf_add_str(&out, STR("kept")));
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (crypto_base64_decode(&out, str_from(bad[i])))
			fail_msg("accepted: %s", bad[i]);
		assert_str(buf_view(&out), "kept");
	}
	assert_false(crypto_base64_decode(&out, STR("Zm9v")));
	buf_fini(&out);
}

static void
test_every_byte_comes_back(void **state)
{
	struct buf text, back;
	char bytes[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(unsigned char)(255 - i);
	buf_init(&text, 1000);
	buf_init(&back, 1000);
	assert_true(crypto_base64url_encode(&text, (struct str){bytes, sizeof(bytes)}));
	assert_true(crypto_base64url_decode(&back, buf_view(&text)));
	assert_true(str_equal(buf_view(&back), (struct str){bytes, sizeof(bytes)}));
	buf_clear(&text);
	buf_clear(&back);
	assert_true(crypto_hex_encode(&text, (struct str){bytes, sizeof(bytes)}));
	assert_int_equal(text.len, 512);
	assert_true(crypto_hex_decode(&back, buf_view(&text)));
	assert_true(str_equal(buf_view(&back), (struct str){bytes, sizeof(bytes)}));
	buf_fini(&text);
	buf_fini(&back);
}

static void
test_hex(void **state)
{
	static const char *const bad[] = {"0", "0g", "g0", "00 ", "0x00", "aabbc", "aabb\n0"};
	struct buf out;

	(void)state;
	buf_init(&out, 8);
	assert_true(crypto_hex_decode(&out, STR("aAbB")));
	assert_str(buf_view(&out), "\xaa\xbb");
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(crypto_hex_decode(&out, str_from(bad[i])));
	assert_str(buf_view(&out), "\xaa\xbb");
	assert_true(crypto_hex_decode(&out, STR_NONE));
	buf_fini(&out);
}

static void
test_encoders_respect_the_buffer(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 3);
	assert_false(crypto_base64_encode(&out, STR("foo")));
	assert_false(buf_is_ok(&out));
	buf_clear(&out);
	assert_false(crypto_hex_encode(&out, STR("fo")));
	assert_true(out.len <= 3);
	buf_clear(&out);
	assert_true(crypto_base64url_encode(&out, STR("fo")));
	assert_str(buf_view(&out), "Zm8");
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_sha1),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_hkdf),
		cmocka_unit_test(test_open_takes_the_published_vector),
		cmocka_unit_test(test_seals_come_back),
		cmocka_unit_test(test_nonces_differ),
		cmocka_unit_test(test_any_changed_bit_keeps_it_closed),
		cmocka_unit_test(test_unusable_keys_and_full_buffers),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_base64url_decode_refuses),
		cmocka_unit_test(test_base64_decode_refuses),
		cmocka_unit_test(test_every_byte_comes_back),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_encoders_respect_the_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
