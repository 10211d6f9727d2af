/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes and reads the texts that a browser carries between sidecar, relay and GitLab: the request
 * that a sidecar signs, and the state that tells the relay where GitLab's response belongs.
 *
 * They hold everything that is needed, so relay processes share nothing but their settings.
 */
#ifndef AUTH_RELAY_RELAY_STATE_H
#define AUTH_RELAY_RELAY_STATE_H

#include "auth/cookie/cookie.h"
#include "auth/relay/relay.h"

#define RELAY_REQUEST_MAX 4096u			/* bytes of a request */
#define RELAY_AGE_MAX_MS  (600 * INT64_C(1000)) /* of a request, and between start and callback */
#define RELAY_SKEW_MS	  (300 * INT64_C(1000)) /* how far a sidecar's clock may be ahead */
#define RELAY_ID_LEN	  16u
#define RELAY_PLAIN_MAX	  1024u

/* Its fields are views. */
struct relay_request {
	struct str authority; /* of the workspace */
	struct str prefix;    /* of the workspace's endpoints; the callback is below it */
	struct str state;     /* the sidecar's own state */
	struct str challenge; /* S256, RFC 7636 section 4.2 */
	struct str nonce;
	struct str scope;
	int64_t issued_ms; /* wall clock */
};

enum relay_result {
	RELAY_VALID,
	RELAY_MALFORMED,
	RELAY_OUTSIDE_ZONES, /* its host is not in RELAY_ZONES */
	RELAY_FORGED,	     /* not signed by that workspace's key */
	RELAY_STALE,
};

/* Appends the text for the parameter "request". No field may contain a line end. */
bool relay_request_write(const struct relay_request *q, const struct secret *workspace_key,
			 struct buf *out, struct err *e) MUST_CHECK;

/* Only RELAY_VALID and RELAY_STALE fill all of *q; its views point into memory, which the caller
 * has initialized. */
enum relay_result relay_request_read(struct relay_request *q, struct str text,
				     const struct relay_settings *settings, int64_t now_ms,
				     struct buf *memory) MUST_CHECK;

/* Its fields are views. */
struct relay_return {
	struct str id;	      /* names the flow's cookie; ids increase with time */
	struct str authority; /* of the workspace */
	struct str prefix;
	struct str state; /* the sidecar's own state */
	int64_t started_ms;
};

/* Generates a random id of RELAY_ID_LEN lower-case hexadecimal digits. */
void relay_generate_id(char out[RELAY_ID_LEN + 1]);

/* Appends the state parameter for GitLab. */
bool relay_return_seal(const struct relay_return *ret, const struct cookie_box *box,
		       struct buf *out, struct err *e) MUST_CHECK;

/* Works as relay_request_read. RELAY_OUTSIDE_ZONES: the workspace's zone was removed meanwhile. */
enum relay_result relay_return_open(struct relay_return *ret, struct str text,
				    const struct cookie_box *box,
				    const struct relay_settings *settings, int64_t now_ms,
				    struct buf *memory) MUST_CHECK;

/* Write and check the text of the cookie that binds this state to a browser. */
bool relay_cookie_seal(const struct cookie_box *box, struct str cookie_name, struct str state,
		       struct buf *out, struct err *e) MUST_CHECK;
bool relay_cookie_matches(const struct cookie_box *box, struct str cookie_name, struct str text,
			  struct str state);

#endif
