/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that follow from the cookie secret, their public form, and the claims of an assertion. That
 * foreign libraries accept the signatures is checked with the whole program.
 */
#include "auth/assertion.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crypto/crypto.h"
#include "base/json.h"

static const struct str issuer = {"https://kiwi.ws.example.com", 27};
static const char secret_a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
static const char secret_b[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

#define ID_A	 "NXkl46XtZGjdcfajjX7u4uZLonnPbP7oYwg4SjfYizM"
#define ID_B	 "0XEiXtP81ApvttIi5XnTgYcKPRGAJ-qMnP7MNWujZn4"
#define JWK_TAIL "\",\"use\":\"sig\",\"alg\":\"ES256\",\"kid\":\""
#define JWK_A                                                                                      \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"quncNaoTyyg-3jTCDrCiRcPzEj-NgIJxIoEV-sr4LZc\"," \
	"\"y\":\"VdLOdd-VmlX2yXmVr_Ev6ek8k9LCltGEoMoxLjk_rtw" JWK_TAIL ID_A "\"}"
#define JWK_B                                                                                      \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"SUgtP5UxoAinN3rvz5EihgORYw9NDk8WbZzFEPNkkGM\"," \
	"\"y\":\"TN6ghX6ewoWOdzOq6B8SjjsUcoUX1q8jLH_YwQk4hZs" JWK_TAIL ID_B "\"}"

static struct assertion_keys *
make_keys(const char *first, const char *second)
{
	struct auth_keys keys = {.count = 0};
	struct err e = ERR_INIT;
	struct assertion_keys *k;

	keys.keys[keys.count++] = secret_from_str(str_from(first));
	if (second != NULL)
		keys.keys[keys.count++] = secret_from_str(str_from(second));
	k = assertion_keys_new(&keys, issuer, &e);
	assert_non_null(k);
	auth_keys_fini(&keys);
	return k;
}

static void
assert_str(struct str s, const char *expected)
{
	if (!str_equal(s, str_from(expected)))
		fail_msg("'%.*s' is not '%s'", STR_FMT(s), expected);
}

/* Decodes a part of an assertion; the caller frees it. */
static struct buf
decode_part(struct str text, unsigned index)
{
	struct str part;
	struct buf out;

	buf_init(&out, ASSERTION_MAX);
	for (unsigned i = 0; i <= index; i++)
		assert_true(str_next(&text, '.', &part));
	assert_true(crypto_base64url_decode(&out, part));
	return out;
}

static void
assert_part(struct str text, unsigned index, const char *expected)
{
	struct buf part = decode_part(text, index);

	assert_str(buf_view(&part), expected);
	buf_fini(&part);
}

static struct assertion_claims
all_claims(void)
{
	return (struct assertion_claims){
		.audience = STR("https://3000-kiwi.ws.example.com"),
		.identity = {.user_id = STR("7"),
			     .username = STR("sasha"),
			     .name = STR("Sasha"),
			     .email = STR("sasha@example.com")},
		.workspace = STR("kiwi"),
		.level = STR("owner"),
		.workspace_id = 42,
		.session = STR("sid"),
		.now_s = 1700000000,
	};
}

static struct buf
write(const struct assertion_keys *k, const struct assertion_claims *claims)
{
	struct err e = ERR_INIT;
	struct buf out;

	buf_init(&out, ASSERTION_MAX);
	if (!assertion_write(k, claims, &out, &e))
		fail_msg("%s", e.text);
	return out;
}

static void
test_public_keys(void **state)
{
	struct assertion_keys *one = make_keys(secret_a, NULL);
	struct assertion_keys *two = make_keys(secret_b, secret_a);

	(void)state;
	assert_str(assertion_keys_jwks(one), "{\"keys\":[" JWK_A "]}");
	assert_str(assertion_keys_jwks(two), "{\"keys\":[" JWK_B "," JWK_A "]}");
	assert_int_not_equal(assertion_keys_serial(one), assertion_keys_serial(two));
	assertion_keys_free(one);
	assertion_keys_free(two);
}

static void
test_claims(void **state)
{
	struct assertion_keys *k = make_keys(secret_a, secret_b);
	struct assertion_claims claims = all_claims();
	struct buf text = write(k, &claims);
	struct buf signature = decode_part(buf_view(&text), 2);

	(void)state;
	assert_part(buf_view(&text), 0, "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"" ID_A "\"}");
	assert_part(
		buf_view(&text), 1,
		"{\"iss\":\"https://kiwi.ws.example.com\","
		"\"aud\":\"https://3000-kiwi.ws.example.com\",\"sub\":\"7\","
		"\"preferred_username\":\"sasha\",\"email\":\"sasha@example.com\","
		"\"workspace\":\"kiwi\",\"workspace_id\":42,\"level\":\"owner\",\"sid\":\"sid\","
		"\"iat\":1700000000,\"nbf\":1700000000,\"exp\":1700000300}");
	assert_int_equal(signature.len, 64);
	buf_fini(&signature);
	buf_fini(&text);
	assertion_keys_free(k);
}

static void
test_unknown_claims_are_absent(void **state)
{
	struct assertion_keys *k = make_keys(secret_a, NULL);
	struct assertion_claims claims = all_claims();

	(void)state;
	claims.identity.email = claims.session = STR_NONE;
	claims.workspace_id = 0;
	struct buf text = write(k, &claims);
	assert_part(buf_view(&text), 1,
		    "{\"iss\":\"https://kiwi.ws.example.com\","
		    "\"aud\":\"https://3000-kiwi.ws.example.com\",\"sub\":\"7\","
		    "\"preferred_username\":\"sasha\",\"workspace\":\"kiwi\",\"level\":\"owner\","
		    "\"iat\":1700000000,\"nbf\":1700000000,\"exp\":1700000300}");
	buf_fini(&text);
	assertion_keys_free(k);
}

/* GitLab's names have at most 255 bytes, which JSON may escape. */
static void
test_long_claims(void **state)
{
	struct assertion_keys *k = make_keys(secret_a, NULL);
	struct assertion_claims claims = all_claims();
	struct err e = ERR_INIT;
	static char long_text[3000];
	struct buf text;

	(void)state;
	memset(long_text, '"', sizeof(long_text));
	claims.identity.username = claims.identity.email = (struct str){long_text, 255};
	claims.audience = (struct str){long_text, 280};
	text = write(k, &claims);
	assert_in_range(text.len, 1000, ASSERTION_MAX);
	buf_clear(&text);
	claims.audience = (struct str){long_text, sizeof(long_text)};
	assert_false(assertion_write(k, &claims, &text, &e));
	assert_int_equal(e.code, ERR_LIMIT);
	buf_fini(&text);
	assertion_keys_free(k);
}

static void
test_session_names(void **state)
{
	char first[ASSERTION_SID_TEXT];
	char again[ASSERTION_SID_TEXT];
	char other[ASSERTION_SID_TEXT];

	(void)state;
	assertion_session_name(STR("123456789012345678901234"), first);
	assertion_session_name(STR("123456789012345678901234"), again);
	assertion_session_name(STR("123456789012345678901235"), other);
	assert_int_equal(strlen(first), 22);
	assert_string_equal(first, again);
	assert_string_not_equal(first, other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_public_keys),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_unknown_claims_are_absent),
		cmocka_unit_test(test_long_claims),
		cmocka_unit_test(test_session_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
