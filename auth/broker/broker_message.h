/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between a sidecar and the relay's token broker.
 *
 * Requests and answers are sealed (AES-256-GCM) under a key that is derived from the workspace's
 * relay key. The associated data separates the two directions, and binds an answer to its request.
 * Not encrypted are the workspace's host, from which the relay derives the key, and the time.
 */
#ifndef AUTH_BROKER_BROKER_MESSAGE_H
#define AUTH_BROKER_BROKER_MESSAGE_H

#include "auth/relay/relay_state.h"
#include "base/crypto/crypto.h"

#define BROKER_REQUEST_MAX  8192u
#define BROKER_ANSWER_MAX   98304u
#define BROKER_SKEW_MS	    INT64_C(60000) /* maximum difference of the clocks */
#define BROKER_CONTENT_TYPE "application/octet-stream"

enum broker_operation {
	BROKER_REDEEM,	/* a code for tokens */
	BROKER_REFRESH, /* a wrapped refresh token for new tokens */
	BROKER_REVOKE,	/* an access token */
	BROKER_OPERATIONS,
};

/* Its fields are views. */
struct broker_request {
	struct str authority; /* of the workspace */
	int64_t sent_ms;      /* wall clock */
	enum broker_operation operation;
	struct str code;     /* REDEEM */
	struct str verifier; /* REDEEM */
	struct str token;    /* REFRESH, REVOKE */
};

enum broker_outcome {
	BROKER_OK,
	BROKER_GRANT_INVALID, /* code or refresh token: bad, expired, used or revoked */
	BROKER_REFUSES_US,    /* GitLab does not accept the application */
	BROKER_UNAVAILABLE,   /* not now: GitLab, or a limit of the relay */
	BROKER_LOST,	      /* GitLab may have processed the request, but its answer was lost */
	BROKER_DENIED,	      /* the operator denies this workspace or user */
	BROKER_STALE,	      /* the clocks differ by more than BROKER_SKEW_MS */
	BROKER_OUTCOMES,
};

/* Its fields are views. */
struct broker_answer {
	enum broker_outcome outcome;
	uint32_t retry_after_s; /* 0: not given */
	int64_t answered_ms;	/* wall clock of the relay */
	uint64_t lifetime_ms;	/* of the access token; 0: not given */
	struct str access;
	struct str refresh; /* wrapped; empty: none */
	struct str id_token;
	struct str scope;  /* granted by GitLab; empty: not given */
	struct str reason; /* why, for the log */
};

/* The state for one request and its answer; initially zeroed. */
struct broker_channel {
	struct secret *key;
	uint8_t nonce[CRYPTO_NONCE_BYTES]; /* of the request */
};
void broker_channel_fini(struct broker_channel *c);

/* Appends the sealed request, and prepares the channel for its answer. */
bool broker_request_seal(const struct broker_request *r, const struct secret *workspace_key,
			 struct buf *out, struct broker_channel *c, struct err *e) MUST_CHECK;

/* Opens a request. Views of *r point into text and memory, which the caller initializes before and
 * wipes after. Only RELAY_VALID and RELAY_STALE fill all of *r, and the channel. */
enum relay_result broker_request_open(struct broker_request *r, struct str text,
				      const struct relay_settings *settings, int64_t now_ms,
				      struct buf *memory, struct broker_channel *c) MUST_CHECK;

bool broker_answer_seal(const struct broker_answer *a, const struct broker_channel *c,
			struct buf *out, struct err *e) MUST_CHECK;

/* Opens an answer; views point into memory. False: not an answer to that request. */
bool broker_answer_open(struct broker_answer *a, struct str text, const struct broker_channel *c,
			struct buf *memory) MUST_CHECK;

#endif
