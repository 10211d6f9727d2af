/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of an ID token's claims. It came over TLS from the token endpoint, so its signature
 * need not be checked (OpenID Connect Core 1.0, section 3.1.3.7, item 6); everything else is.
 */
#ifndef AUTH_GITLAB_ID_TOKEN_H
#define AUTH_GITLAB_ID_TOKEN_H

#include "base/secret.h"
#include "base/str.h"

#define ID_TOKEN_SKEW_S 300

struct id_token_expect {
	struct str issuer; /* GitLab's URL as browsers see it, without a trailing '/' */
	struct str client_id;
	struct str nonce;
	uint64_t user_id;
	int64_t now_s;
};

/* Verifies the claims. The error names a claim that does not match, never its value. */
bool id_token_check(const struct secret *token, const struct id_token_expect *expect,
		    struct err *e) MUST_CHECK;

/* Reads only the subject: the user's id. */
bool id_token_subject(const struct secret *token, uint64_t *user_id) MUST_CHECK;

#endif
