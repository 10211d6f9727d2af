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

#define RELAY_REQUEST_MAX 4096u			/* bytes of a request's text */
#define RELAY_AGE_MAX_MS  (600 * INT64_C(1000)) /* of a request, and from start to callback */
#define RELAY_SKEW_MS	  (300 * INT64_C(1000)) /* how far a sidecar's clock may be ahead */
#define RELAY_ID_LEN	  16u
#define RELAY_PLAIN_MAX	  1024u

/* Views. */
struct relay_request {
	struct str authority; /* of the workspace */
	struct str prefix;    /* of its endpoints; the callback is below */
	struct str state;     /* the sidecar's own */
	struct str challenge; /* S256, RFC 7636 section 4.2 */
	struct str nonce;
	struct str scope;
	int64_t issued_ms; /* wall clock */
};

enum relay_finding {
	RELAY_GOOD,
	RELAY_MALFORMED,
	RELAY_OUTSIDE_ZONES, /* its host is not in RELAY_ZONES */
	RELAY_FORGED,	     /* not signed by that workspace's key */
	RELAY_STALE,
};

/* Appends the text that goes into the parameter "request". The fields hold no line ends. */
bool relay_request_write(const struct relay_request *q, const struct secret *workspace_key,
			 struct buf *out, struct err *e) MUST_CHECK;

/* Only RELAY_GOOD and RELAY_STALE fill all of *q; its views point into memory, which the caller has
 * initialized. */
enum relay_finding relay_request_read(struct relay_request *q, struct str text,
				      const struct relay_settings *settings, int64_t now_ms,
				      struct buf *memory) MUST_CHECK;

/* Views. */
struct relay_return {
	struct str id;	      /* names the flow's cookie; grows with time */
	struct str authority; /* of the workspace */
	struct str prefix;
	struct str state; /* the sidecar's own */
	int64_t started_ms;
};

/* Draws an id of RELAY_ID_LEN lower-case hexadecimal digits. */
void relay_draw_id(char out[RELAY_ID_LEN + 1]);

/* Appends the state that GitLab is given. */
bool relay_return_seal(const struct relay_return *ret, const struct cookie_box *box,
		       struct buf *out, struct err *e) MUST_CHECK;

/* As relay_request_read. A workspace whose zone was removed meanwhile is RELAY_OUTSIDE_ZONES. */
enum relay_finding relay_return_open(struct relay_return *ret, struct str text,
				     const struct cookie_box *box,
				     const struct relay_settings *settings, int64_t now_ms,
				     struct buf *memory) MUST_CHECK;

/* The text of the cookie that binds this state to a browser, and whether a text is that. */
bool relay_cookie_seal(const struct cookie_box *box, struct str cookie_name, struct str state,
		       struct buf *out, struct err *e) MUST_CHECK;
bool relay_cookie_fits(const struct cookie_box *box, struct str cookie_name, struct str text,
		       struct str state);

#endif
