/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys are derived once; headers and the JWK set are kept as text.
 */
#include "auth/assertion.h"

#include <stdlib.h>

#include "base/crypto/crypto.h"
#include "base/crypto/crypto_p256.h"
#include "base/json.h"

#define KEY_INFO	"workspace-proxy assertion 1"
#define SESSION_PURPOSE "workspace-proxy assertion session 1\n"
#define HEADER_TEXT_MAX 160u
#define JWKS_MAX	1024u
/* Its base64url fits into ASSERTION_MAX together with header and signature. */
#define CLAIMS_MAX 2816u

struct assertion_key {
	struct crypto_p256 *pair;
	char x[CRYPTO_TEXT_LEN + 1];
	char y[CRYPTO_TEXT_LEN + 1];
	char id[CRYPTO_TEXT_LEN + 1]; /* thumbprint (RFC 7638) */
	char header[HEADER_TEXT_MAX]; /* encoded */
};

struct assertion_keys {
	struct str issuer;
	uint64_t serial;
	size_t count;
	struct assertion_key keys[AUTH_KEYS_MAX];
	struct buf jwks;
};

/* Sets the key's id, the JWK thumbprint (RFC 7638 section 3.2): required members only, in this
 * order. */
static bool
set_id(struct assertion_key *key)
{
	struct buf text;
	bool ok;

	buf_init(&text, 256);
	ok = buf_addf(&text, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", key->x,
		      key->y);
	if (ok)
		crypto_sha256_text(buf_view(&text), key->id);
	buf_fini(&text);
	return ok;
}

static bool
set_header(struct assertion_key *key)
{
	struct buf text;
	bool ok;

	buf_init(&text, HEADER_TEXT_MAX / 4 * 3 - 1);
	ok = buf_addf(&text, "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", key->id);
	if (ok)
		crypto_base64url_text(buf_view(&text), key->header, sizeof(key->header));
	buf_fini(&text);
	return ok;
}

static bool
add_key(struct assertion_keys *k, const struct secret *secret, struct err *e)
{
	struct assertion_key *key = &k->keys[k->count];

	key->pair = crypto_p256_derive(secret_view(secret), k->issuer, STR(KEY_INFO), e);
	if (key->pair == NULL)
		return false;
	k->count++;
	crypto_base64url_text(crypto_p256_x(key->pair), key->x, sizeof(key->x));
	crypto_base64url_text(crypto_p256_y(key->pair), key->y, sizeof(key->y));
	return (set_id(key) && set_header(key)) || err_set(e, ERR_MEMORY, "assertion key");
}

static bool
write_jwks(struct assertion_keys *k)
{
	struct json_writer w;

	json_write_begin_object(&w, &k->jwks);
	json_write_array(&w, "keys");
	for (size_t i = 0; i < k->count; i++) {
		const struct assertion_key *key = &k->keys[i];

		json_write_object(&w, NULL);
		json_write_str(&w, "kty", STR("EC"));
		json_write_str(&w, "crv", STR("P-256"));
		json_write_str(&w, "x", str_from(key->x));
		json_write_str(&w, "y", str_from(key->y));
		json_write_str(&w, "use", STR("sig"));
		json_write_str(&w, "alg", STR("ES256"));
		json_write_str(&w, "kid", str_from(key->id));
		json_write_close(&w, '}');
	}
	json_write_close(&w, ']');
	return json_write_end_object(&w);
}

struct assertion_keys *
assertion_keys_new(const struct auth_keys *keys, struct str issuer, struct err *e)
{
	static uint64_t last_serial;
	struct assertion_keys *k = err_alloc(e, sizeof(*k), "assertion keys");
	bool ok = true;

	if (k == NULL)
		return NULL;
	k->issuer = issuer;
	k->serial = ++last_serial;
	buf_init(&k->jwks, JWKS_MAX);
	for (size_t i = 0; ok && i < keys->count; i++)
		ok = add_key(k, keys->keys[i], e);
	if (ok && !write_jwks(k))
		ok = err_set(e, ERR_MEMORY, "assertion keys");
	if (ok)
		return k;
	assertion_keys_free(k);
	return NULL;
}

void
assertion_keys_free(struct assertion_keys *k)
{
	if (k == NULL)
		return;
	for (size_t i = 0; i < k->count; i++)
		crypto_p256_free(k->keys[i].pair);
	buf_fini(&k->jwks);
	free(k);
}

uint64_t
assertion_keys_serial(const struct assertion_keys *k)
{
	return k->serial;
}

struct str
assertion_keys_jwks(const struct assertion_keys *k)
{
	return buf_view(&k->jwks);
}

static bool
write_claims(struct str issuer, const struct assertion_claims *c, struct buf *out)
{
	struct json_writer w;

	json_write_begin_object(&w, out);
	json_write_str(&w, "iss", issuer);
	json_write_str(&w, "aud", c->audience);
	json_write_str(&w, "sub", c->identity.user_id);
	json_write_str(&w, "preferred_username", c->identity.username);
	if (!str_is_empty(c->identity.email))
		json_write_str(&w, "email", c->identity.email);
	json_write_str(&w, "workspace", c->workspace);
	if (c->workspace_id != 0)
		json_write_int(&w, "workspace_id", (int64_t)c->workspace_id);
	json_write_str(&w, "level", c->level);
	if (!str_is_empty(c->session))
		json_write_str(&w, "sid", c->session);
	json_write_int(&w, "iat", c->now_s);
	json_write_int(&w, "nbf", c->now_s);
	json_write_int(&w, "exp", c->now_s + ASSERTION_LIFETIME_S);
	return json_write_end_object(&w);
}

/* Signs the end of text, from start on, and appends the signature. */
static bool
add_signature(const struct assertion_key *key, size_t start, struct buf *text, struct err *e)
{
	uint8_t signature[CRYPTO_P256_SIGNATURE_BYTES];

	if (!buf_is_ok(text))
		return err_set(e, ERR_LIMIT, "assertion is too long");
	if (!crypto_p256_sign(key->pair, str_skip(buf_view(text), start), signature, e))
		return err_wrap(e, "assertion");
	buf_add_byte(text, '.');
	crypto_base64url_encode(text, STR_BYTES(signature));
	return buf_is_ok(text) || err_set(e, ERR_LIMIT, "assertion is too long");
}

bool
assertion_write(const struct assertion_keys *k, const struct assertion_claims *claims,
		struct buf *out, struct err *e)
{
	const struct assertion_key *key = &k->keys[0];
	size_t start = out->len;
	struct buf json;
	bool ok;

	buf_init(&json, CLAIMS_MAX);
	ok = write_claims(k->issuer, claims, &json);
	if (!ok) {
		err_set(e, ERR_LIMIT, "claims of an assertion are too long");
	} else {
		buf_add_str(out, str_from(key->header));
		buf_add_byte(out, '.');
		crypto_base64url_encode(out, buf_view(&json));
		ok = add_signature(key, start, out, e);
	}
	buf_fini(&json);
	return ok;
}

/* The digest reveals nothing about the id, which is 192 random bits. The purpose keeps it apart
 * from other digests of the id. */
void
assertion_session_name(struct str session_id, char out[ASSERTION_SID_TEXT])
{
	uint8_t digest[CRYPTO_SHA256_BYTES];
	struct buf text;

	buf_init(&text, sizeof(SESSION_PURPOSE) + 64);
	buf_add_str(&text, STR(SESSION_PURPOSE));
	err_assert(buf_add_str(&text, session_id));
	crypto_sha256(buf_view(&text), digest);
	buf_wipe_fini(&text);
	crypto_base64url_text((struct str){(const char *)digest, ASSERTION_SID_BYTES}, out,
			      ASSERTION_SID_TEXT);
}
