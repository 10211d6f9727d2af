/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authorization request (RFC 6749 section 4.1.1, with PKCE: RFC 7636) as an address that a
 * browser is sent to.
 */
#ifndef AUTH_GITLAB_AUTHORIZE_URL_H
#define AUTH_GITLAB_AUTHORIZE_URL_H

#include "base/arena.h"

struct authorize_request {
	struct str endpoint; /* GitLab's, without a query */
	struct str client_id;
	struct str redirect_uri;
	struct str scope;
	struct str state;
	struct str nonce;
	struct str challenge; /* S256 */
};

/* NULL: out of memory, or longer than URL_MAX_BYTES. */
const char *authorize_url_format(const struct authorize_request *q, struct arena *arena) MUST_CHECK;

#endif
