/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses Cookie headers with bounded work, seals and opens cookies, and formats Set-Cookie.
 *
 * A sealed cookie opens only under one of our keys, for the purpose, the cookie name and the origin
 * that it was sealed for, and only if no bit of it was changed.
 */
#ifndef AUTH_COOKIE_COOKIE_H
#define AUTH_COOKIE_COOKIE_H

#include "auth/auth.h"

#define COOKIE_TEXT_MAX	  3072u	  /* sealed and encoded; browsers keep 4096 with the name */
#define COOKIE_SCAN_BYTES 262144u /* of all Cookie headers together; the rest is ignored */
#define COOKIE_SCAN_PAIRS 512u
#define COOKIE_KEY_ID_LEN 4u

struct cookie_box {
	struct str origin; /* borrowed */
	size_t count;
	struct secret *keys[AUTH_KEYS_MAX];
	uint8_t ids[AUTH_KEYS_MAX][COOKIE_KEY_ID_LEN];
};

/* Derives this origin's keys (HKDF), so that workspaces that share a secret have different keys. */
bool cookie_box_init(struct cookie_box *b, const struct auth_keys *keys, struct str origin,
		     struct err *e) MUST_CHECK;

/* Returns a view of the box for the host that facts name: what is sealed for one host opens on no
 * other. facts may be NULL: b itself. Call cookie_box_fini for b only. */
struct cookie_box cookie_box_for(const struct cookie_box *b, const struct auth_facts *facts);
void cookie_box_fini(struct cookie_box *b);

/* What a cookie is for; it opens for the same use only. */
struct cookie_use {
	const char *purpose; /* literal */
	struct str name;     /* of the cookie */
};

/* Appends the cookie's text to out. ERR_LIMIT: longer than COOKIE_TEXT_MAX. */
bool cookie_seal(const struct cookie_box *b, const struct cookie_use *use, struct str plain,
		 struct buf *out, struct err *e) MUST_CHECK;

/* Appends the plaintext to out. False: not sealed by us for this use. */
bool cookie_open(const struct cookie_box *b, const struct cookie_use *use, struct str text,
		 struct buf *out) MUST_CHECK;

struct cookie_scan {
	const struct auth_facts *facts;
	size_t header;
	struct str rest;
	size_t bytes_left;
	size_t pairs_left;
};

void cookie_scan_init(struct cookie_scan *s, const struct auth_facts *facts);

/* Returns the next name=value pair of the request, in order; views into the header. */
bool cookie_scan_next(struct cookie_scan *s, struct str *name, struct str *value);

/* Formats a Set-Cookie value: host-only, Path=/, HttpOnly, SameSite=Lax, and Secure unless the
 * origin is plain http and the name allows it. max_age_s 0 removes the cookie. */
const char *cookie_format(const struct cookie_box *b, struct arena *a, struct str name,
			  struct str text, uint64_t max_age_s);

#endif
