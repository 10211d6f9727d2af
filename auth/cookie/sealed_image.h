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
	const char *head;	/* seven bytes */
	uint8_t version;	/* the eighth */
	const char *key_info;	/* derives keys that no other kind has */
	const char *wrong_kind; /* "not a session file" */
	size_t max_bytes;	/* of an image */
};

struct sealed_image {
	const struct sealed_image_kind *kind;
	struct str origin;
	struct auth_keys keys; /* derived */
	struct buf associated;
};

/* settings and origin (the workspace's) outlive it. On failure nothing is left to be freed. */
bool sealed_image_init(struct sealed_image *s, const struct sealed_image_kind *kind,
		       const struct auth_settings *settings, struct str origin,
		       struct err *e) MUST_CHECK;
void sealed_image_fini(struct sealed_image *s);

/* On failure nothing has changed. */
bool sealed_image_replace_keys(struct sealed_image *s, const struct auth_keys *keys,
			       struct err *e) MUST_CHECK;

/* Of a file that does not open, or not as what it should hold: message is what to log. */
void sealed_image_set_aside(const struct statefile *f, const char *message, const struct err *why);

size_t sealed_image_plain_max(const struct sealed_image_kind *kind);

/* Initializes image and fills it; after a failure it is empty. */
bool sealed_image_seal(const struct sealed_image *s, struct str plain, struct buf *image,
		       struct err *e) MUST_CHECK;
/* Appends to plain. */
bool sealed_image_open(const struct sealed_image *s, struct str image, struct buf *plain,
		       struct err *e) MUST_CHECK;

#endif
