/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The associated data is the head, workspace, GitLab and application.
 */
#include "auth/cookie/sealed_image.h"

#include <inttypes.h>

#include "base/crypto/crypto.h"
#include "base/log/log.h"

#define ASSOCIATED_BYTES 8192u

/* On failure keys is empty. */
static bool
derive_keys(const struct sealed_image *s, const struct auth_keys *masters, struct auth_keys *keys,
	    struct err *e)
{
	keys->count = 0;
	for (size_t i = 0; i < masters->count; i++) {
		keys->keys[i] = crypto_derive_key(masters->keys[i], s->origin,
						  str_from(s->kind->key_info), e);
		if (keys->keys[i] == NULL) {
			auth_keys_fini(keys);
			return false;
		}
		keys->count++;
	}
	return true;
}

/* No part contains a line end, so the joined text is unambiguous. */
static bool
describe(struct sealed_image *s, const struct auth_settings *x, struct err *e)
{
	buf_init(&s->associated, ASSOCIATED_BYTES);
	buf_add(&s->associated, s->kind->head, SEALED_IMAGE_HEAD_BYTES - 1);
	buf_add_byte(&s->associated, (char)s->kind->version);
	buf_addf(&s->associated, "%.*s\n%" PRIu64 "\n%.*s:%u%.*s\n%s", STR_FMT(s->origin),
		 x->workspace_id, STR_FMT(x->gitlab_url.host), x->gitlab_url.port,
		 STR_FMT(x->gitlab_url.path), x->client_id);
	return buf_is_ok(&s->associated) || err_set(e, ERR_LIMIT, "settings are too long");
}

bool
sealed_image_init(struct sealed_image *s, const struct sealed_image_kind *kind,
		  const struct auth_settings *settings, struct str origin, struct err *e)
{
	*s = (struct sealed_image){.kind = kind, .origin = origin};
	if (describe(s, settings, e) && derive_keys(s, &settings->cookie_keys, &s->keys, e))
		return true;
	sealed_image_fini(s);
	return false;
}

void
sealed_image_fini(struct sealed_image *s)
{
	auth_keys_fini(&s->keys);
	buf_fini(&s->associated);
}

bool
sealed_image_replace_keys(struct sealed_image *s, const struct auth_keys *keys, struct err *e)
{
	struct auth_keys derived;

	if (!derive_keys(s, keys, &derived, e))
		return false;
	auth_keys_fini(&s->keys);
	s->keys = derived;
	return true;
}

size_t
sealed_image_plain_max(const struct sealed_image_kind *kind)
{
	return kind->max_bytes - SEALED_IMAGE_HEAD_BYTES - CRYPTO_SEAL_OVERHEAD;
}

bool
sealed_image_seal(const struct sealed_image *s, struct str plain, struct buf *image, struct err *e)
{
	buf_init(image, s->kind->max_bytes);
	buf_add(image, s->associated.data, SEALED_IMAGE_HEAD_BYTES);
	if (crypto_seal(s->keys.keys[0], plain, buf_view(&s->associated), image, e))
		return true;
	buf_fini(image);
	return false;
}

bool
sealed_image_open(const struct sealed_image *s, struct str image, struct buf *plain, struct err *e)
{
	struct str head = str_take(image, SEALED_IMAGE_HEAD_BYTES);

	if (!str_starts_with(head, (struct str){s->kind->head, SEALED_IMAGE_HEAD_BYTES - 1}) ||
	    head.len != SEALED_IMAGE_HEAD_BYTES)
		return err_set(e, ERR_PROTOCOL, "%s", s->kind->wrong_kind);
	if ((uint8_t)head.data[SEALED_IMAGE_HEAD_BYTES - 1] != s->kind->version)
		return err_set(e, ERR_PROTOCOL, "written by another version of this program");
	for (size_t i = 0; i < s->keys.count; i++) {
		if (crypto_open(s->keys.keys[i], str_skip(image, SEALED_IMAGE_HEAD_BYTES),
				buf_view(&s->associated), plain, NULL))
			return true;
		buf_clear(plain);
	}
	return err_set(e, ERR_CRYPTO,
		       "damaged, or of another workspace, application or cookie secret");
}

void
sealed_image_set_aside(const struct statefile *f, const char *message, const struct err *why)
{
	char name[STATEFILE_NAME_MAX + 40] = "";
	struct err e = ERR_INIT;

	if (!statefile_set_aside(f, name, sizeof(name), &e))
		log_warn(NULL, "unusable state file can't be renamed", log_err(&e));
	log_warn(NULL, message, log_cstr("file", name), log_err(why));
}
