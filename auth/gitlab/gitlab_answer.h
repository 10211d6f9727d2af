/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outcome and the parsed response of a request to GitLab.
 */
#ifndef AUTH_GITLAB_GITLAB_ANSWER_H
#define AUTH_GITLAB_GITLAB_ANSWER_H

#include "base/secret.h"

#define GITLAB_TEXT_MAX	    255u
#define GITLAB_TOKEN_MAX    4096u
#define GITLAB_ID_TOKEN_MAX 65536u /* it lists the user's groups, which may be hundreds */
#define GITLAB_SCOPE_MAX    1024u

enum gitlab_outcome {
	GITLAB_OK,
	GITLAB_NO,	      /* not found, not the owner, or not enough access */
	GITLAB_TOKEN_INVALID, /* 401 from the API: the access token is no longer valid */
	GITLAB_FORBIDDEN,     /* 403 from the API: the account may not use the API */
	GITLAB_GRANT_INVALID, /* code or refresh token: bad, expired, used or revoked */
	GITLAB_REFUSES_US, /* client, secret, scope or address are wrong: an operator must fix it */
	GITLAB_UNAVAILABLE, /* not reached, overloaded, or an unexpected answer */
	GITLAB_LOST,	    /* the request may have arrived, its answer was lost */
	GITLAB_DENIED,	    /* the relay's operator denies this workspace or user */
};

struct gitlab_tokens {
	struct secret *access;
	struct secret *refresh;	 /* NULL: none */
	struct secret *id_token; /* NULL: none */
	uint64_t lifetime_ms;	 /* of the access token; 0: not given */
};

struct gitlab_user {
	uint64_t id;
	char username[GITLAB_TEXT_MAX + 1];
	char name[GITLAB_TEXT_MAX + 1];
	char email[GITLAB_TEXT_MAX + 1];
	bool is_active; /* neither blocked nor locked nor otherwise unable to sign in */
};

struct gitlab_answer {
	enum gitlab_outcome outcome;
	struct err err;		   /* the reason, unless OK */
	uint32_t retry_after_s;	   /* 0: not given */
	const char *missing_scope; /* the scope that the token lacks; NULL: none, or unknown */
	char scope[GITLAB_SCOPE_MAX + 1]; /* of tokens: the granted scopes; empty: not given */
	struct gitlab_tokens tokens;	  /* of exchange and refresh; the receiver may take them */
	struct gitlab_user user;	  /* of gitlab_get_user */
};

void gitlab_tokens_fini(struct gitlab_tokens *t);

#endif
