/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sealed cookie is base64url(version || key id || AES-256-GCM). The associated data consists of
 * version, key id, purpose, cookie name and origin, so that a cookie sealed for one use does not
 * open for another. Callers choose the keys and check the age.
 */
#include "auth/cookie/cookie.h"

#include "base/crypto/crypto.h"

#define COOKIE_VERSION	   1
#define COOKIE_HEAD_BYTES  (1 + COOKIE_KEY_ID_LEN)
#define COOKIE_PLAIN_MAX   (COOKIE_TEXT_MAX / 4 * 3)
#define COOKIE_AAD_MAX	   1024u
#define COOKIE_DERIVED_LEN (CRYPTO_KEY_BYTES + COOKIE_KEY_ID_LEN)

static bool
derive_key(struct cookie_box *b, const struct secret *master, struct err *e)
{
	uint8_t derived[COOKIE_DERIVED_LEN];
	struct secret *key;

	if (!crypto_hkdf_sha256(secret_view(master), b->origin, STR("workspace-proxy cookie 1"),
				derived, sizeof(derived), e))
		return err_wrap(e, "cookie key");
	key = secret_new(derived, CRYPTO_KEY_BYTES);
	memcpy(b->ids[b->count], derived + CRYPTO_KEY_BYTES, COOKIE_KEY_ID_LEN);
	secret_wipe(derived, sizeof(derived));
	if (key == NULL)
		return err_set(e, ERR_MEMORY, "cookie key");
	b->keys[b->count++] = key;
	return true;
}

bool
cookie_box_init(struct cookie_box *b, const struct auth_keys *keys, struct str origin,
		struct err *e)
{
	*b = (struct cookie_box){.origin = origin};
	if (keys->count == 0 || keys->count > AUTH_KEYS_MAX)
		return err_set(e, ERR_CONFIG, "there must be one or two cookie secrets");
	for (size_t i = 0; i < keys->count; i++) {
		if (!derive_key(b, keys->keys[i], e)) {
			cookie_box_fini(b);
			return false;
		}
	}
	return true;
}

struct cookie_box
cookie_box_for(const struct cookie_box *b, const struct auth_facts *facts)
{
	struct cookie_box box = *b;

	if (facts != NULL && facts->port != 0)
		box.origin = facts->origin;
	return box;
}

void
cookie_box_fini(struct cookie_box *b)
{
	for (size_t i = 0; i < b->count; i++)
		secret_free(b->keys[i]);
	b->count = 0;
}

/* Names and origins contain no line ends, so the joined text is unambiguous. */
static bool
build_associated(struct buf *out, const struct cookie_box *b, const struct cookie_use *use,
		 const uint8_t head[COOKIE_HEAD_BYTES])
{
	buf_add(out, head, COOKIE_HEAD_BYTES);
	buf_add_str(out, str_from(use->purpose));
	buf_add_byte(out, '\n');
	buf_add_str(out, use->name);
	buf_add_byte(out, '\n');
	buf_add_str(out, b->origin);
	return buf_is_ok(out);
}

bool
cookie_seal(const struct cookie_box *b, const struct cookie_use *use, struct str plain,
	    struct buf *out, struct err *e)
{
	uint8_t head[COOKIE_HEAD_BYTES] = {COOKIE_VERSION};
	struct buf associated;
	struct buf sealed;
	struct buf text;
	bool ok = false;

	buf_init(&associated, COOKIE_AAD_MAX);
	buf_init(&sealed, COOKIE_PLAIN_MAX);
	buf_init(&text, COOKIE_TEXT_MAX);
	memcpy(head + 1, b->ids[0], COOKIE_KEY_ID_LEN);
	if (!build_associated(&associated, b, use, head)) {
		err_set(e, ERR_LIMIT, "cookie name is too long");
		goto cleanup;
	}
	buf_add(&sealed, head, sizeof(head));
	if (!crypto_seal(b->keys[0], plain, buf_view(&associated), &sealed, e))
		goto cleanup;
	crypto_base64url_encode(&text, buf_view(&sealed));
	if (!buf_is_ok(&sealed) || !buf_is_ok(&text)) {
		err_set(e, ERR_LIMIT, "cookie is too long");
		goto cleanup;
	}
	ok = buf_add_str(out, buf_view(&text));
	if (!ok)
		err_set(e, ERR_MEMORY, "cookie");
cleanup:
	buf_fini(&text);
	buf_fini(&sealed);
	buf_fini(&associated);
	return ok;
}

static const struct secret *
find_key(const struct cookie_box *b, const uint8_t *id)
{
	for (size_t i = 0; i < b->count; i++) {
		if (memcmp(b->ids[i], id, COOKIE_KEY_ID_LEN) == 0)
			return b->keys[i];
	}
	return NULL;
}

static bool
open_sealed(const struct cookie_box *b, const struct cookie_use *use, struct str sealed,
	    struct buf *out)
{
	uint8_t head[COOKIE_HEAD_BYTES];
	const struct secret *key;
	struct buf associated;
	bool ok;

	if (sealed.len < COOKIE_HEAD_BYTES + CRYPTO_SEAL_OVERHEAD)
		return false;
	memcpy(head, sealed.data, sizeof(head));
	key = find_key(b, head + 1);
	if (head[0] != COOKIE_VERSION || key == NULL)
		return false;
	buf_init(&associated, COOKIE_AAD_MAX);
	ok = build_associated(&associated, b, use, head) &&
	     crypto_open(key, str_skip(sealed, sizeof(head)), buf_view(&associated), out, NULL);
	buf_fini(&associated);
	return ok;
}

bool
cookie_open(const struct cookie_box *b, const struct cookie_use *use, struct str text,
	    struct buf *out)
{
	struct buf sealed;
	bool ok;

	if (text.len > COOKIE_TEXT_MAX)
		return false;
	buf_init(&sealed, COOKIE_PLAIN_MAX);
	ok = crypto_base64url_decode(&sealed, text) && open_sealed(b, use, buf_view(&sealed), out);
	buf_fini(&sealed);
	return ok;
}

void
cookie_scan_init(struct cookie_scan *s, const struct auth_facts *facts)
{
	*s = (struct cookie_scan){
		.facts = facts,
		.bytes_left = COOKIE_SCAN_BYTES,
		.pairs_left = COOKIE_SCAN_PAIRS,
	};
}

static bool
next_header(struct cookie_scan *s)
{
	struct str value = s->facts->header(s->facts->header_arg, STR("cookie"), s->header);

	if (value.data == NULL || s->bytes_left == 0)
		return false;
	s->header++;
	s->rest = str_take(value, s->bytes_left);
	s->bytes_left -= s->rest.len;
	return true;
}

bool
cookie_scan_next(struct cookie_scan *s, struct str *name, struct str *value)
{
	struct str part;

	for (; s->pairs_left > 0; s->pairs_left--) {
		size_t equals;

		while (!str_next(&s->rest, ';', &part)) {
			if (!next_header(s))
				return false;
		}
		part = str_trim(part);
		equals = str_find_byte(part, '=');
		if (equals == SIZE_MAX)
			continue;
		*name = str_trim(str_take(part, equals));
		*value = str_trim(str_skip(part, equals + 1));
		s->pairs_left--;
		return true;
	}
	return false;
}

const char *
cookie_format(const struct cookie_box *b, struct arena *a, struct str name, struct str text,
	      uint64_t max_age_s)
{
	bool is_plain = str_starts_with(b->origin, STR("http:")) &&
			!str_starts_with_nocase(name, STR("__"));

	return arena_printf(a, "%.*s=%.*s; Path=/; %sHttpOnly; SameSite=Lax; Max-Age=%llu",
			    STR_FMT(name), STR_FMT(text), is_plain ? "" : "Secure; ",
			    (unsigned long long)max_age_s);
}
