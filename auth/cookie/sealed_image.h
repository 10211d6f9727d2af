/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a state file: a head of eight bytes that names kind and version, then AES-256-GCM.
 *
 * An image opens under any of the cookie secrets (the first one seals), for the same workspace,
 * GitLab and application only.
 */
#ifndef AUTH_COOKIE_SEALED_IMAGE_H
#define AUTH_COOKIE_SEALED_IMAGE_H

#include "auth/auth_settings.h"
#include "base/err.h"
#include "base/process/statefile.h"
#include "base/str.h"

#define SEALED_IMAGE_HEAD_BYTES 8u

struct sealed_image_kind {
	const char *head;	/* the first seven bytes */
	uint8_t version;	/* the eighth byte */
	const char *key_info;	/* HKDF info, different for every kind */
	const char *wrong_kind; /* the error for another kind, such as "not a session file" */
	size_t max_bytes;	/* maximum size of an image */
};

struct sealed_image {
	const struct sealed_image_kind *kind;
	struct str origin;
	struct auth_keys keys; /* derived */
	struct buf associated;
};

/* settings and origin (the workspace's) must outlive s. On failure there is nothing to free. */
bool sealed_image_init(struct sealed_image *s, const struct sealed_image_kind *kind,
		       const struct auth_settings *settings, struct str origin,
		       struct err *e) MUST_CHECK;
void sealed_image_fini(struct sealed_image *s);

/* On failure nothing has changed. */
bool sealed_image_replace_keys(struct sealed_image *s, const struct auth_keys *keys,
			       struct err *e) MUST_CHECK;

/* Renames a file that can't be opened or has wrong content, and logs message. */
void sealed_image_set_aside(const struct statefile *f, const char *message, const struct err *why);

size_t sealed_image_plain_max(const struct sealed_image_kind *kind);

/* Initializes and fills image; on failure it is empty. */
bool sealed_image_seal(const struct sealed_image *s, struct str plain, struct buf *image,
		       struct err *e) MUST_CHECK;
/* Appends the content to plain. */
bool sealed_image_open(const struct sealed_image *s, struct str image, struct buf *plain,
		       struct err *e) MUST_CHECK;

#endif
