/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pending login: the content of its sealed cookie (state, PKCE verifier, nonce, return
 * target), and the state parameter.
 *
 * The state is "<flow id>.<random>.<round>.<first>": the random part authenticates, the flow id
 * names the cookie; round and first count restarts, so that a browser which returns no cookies is
 * detected. Both are only hints: if they are forged, the user gets a page with an explanation.
 */
#ifndef AUTH_LOGIN_FLOW_H
#define AUTH_LOGIN_FLOW_H

#include "auth/auth.h"
#include "auth/cookie/cookie.h"
#include "base/url.h"

#define FLOW_ID_LEN	       12u
#define FLOW_RANDOM_LEN	       43u /* base64url of 32 bytes; also a verifier of RFC 7636 section 4.1 */
#define FLOW_STATE_MAX	       96u
#define FLOW_TARGET_MAX	       URL_MAX_BYTES
#define FLOW_COOKIE_TARGET_MAX 256u /* longer ones are kept in memory only */
#define FLOW_AGE_MAX_MS	       (3600 * INT64_C(1000))
#define FLOW_ALIVE_MAX	       8u /* cookies that one browser keeps */
/* Requests with CORS come in bunches and are soon over. */
#define FLOW_CORS_ALIVE_MAX  16u
#define FLOW_CORS_AGE_MAX_MS (60 * INT64_C(1000))
#define FLOW_ROUNDS_MAX	     3u /* restarts within FLOW_ROUNDS_MS before the user is told why */
/* The same where other flows' cookies came back: many tabs push out each other's. */
#define FLOW_ROUNDS_PARALLEL_MAX 10u
#define FLOW_ROUNDS_MS		 INT64_C(60000)

struct flow {
	char state[FLOW_STATE_MAX + 1];
	char verifier[FLOW_RANDOM_LEN + 1];
	char nonce[FLOW_RANDOM_LEN + 1];
	char target[FLOW_TARGET_MAX + 1];
	int64_t started_ms;  /* wall clock */
	uint16_t guest_port; /* a guest signs in to this shared port; 0: a user to the workspace */
	uint32_t cors_page;  /* whose script waits for it: see cors_returns.h; or CORS_PAGE_NONE */
};

/* A parsed state parameter; views into it. */
struct flow_state {
	struct str whole;
	struct str id;
	struct str random;
	unsigned round;
	int64_t first_ms; /* when the first round started */
};

/* Draws 32 random bytes, as base64url. */
void flow_draw_random(char out[FLOW_RANDOM_LEN + 1]);

/* Draws the random parts. target is normalized already; id is unique among this browser's flows. */
void flow_init(struct flow *f, uint64_t id, unsigned round, int64_t first_ms, struct str target);
void flow_wipe(struct flow *f);

/* False for everything that flow_init could not have written. */
bool flow_parse_state(struct flow_state *s, struct str text) MUST_CHECK;

/* base64url(SHA-256(verifier)), RFC 7636 section 4.2; NUL-terminated. */
void flow_challenge(const struct flow *f, char out[FLOW_RANDOM_LEN + 1]);

/* The cookie's text; and back, where the target is empty when it was too long for the cookie. Age
 * is not checked. */
bool flow_seal(const struct flow *f, const struct cookie_box *b, struct str cookie_name,
	       struct buf *out, struct err *e) MUST_CHECK;
bool flow_open(struct flow *f, const struct cookie_box *b, struct str cookie_name,
	       struct str text) MUST_CHECK;

/* Whether flow_set_target would take it as it is. */
bool flow_is_good_target(struct str target, struct str prefix);

/* Copies a return target that anybody may have written: it must stay on this origin and outside our
 * own endpoints, except for that of ports. Any other loses its query; where that does not help it
 * becomes "/". */
void flow_set_target(char out[FLOW_TARGET_MAX + 1], struct str target, struct str prefix);

/* Copies the target of a request to this host, in origin-form, as it is. False, and "/", when it is
 * too long. */
bool flow_set_request_target(char out[FLOW_TARGET_MAX + 1], struct str target) MUST_CHECK;

/* The address that leads to a target of this host: the target itself, or behind the origin where a
 * browser might take it for another host. */
const char *flow_target_location(struct str target, struct str origin, struct arena *arena);

/* The states used lately: each is good for one callback. */
#define FLOW_RING_SIZE 64u
struct flow_ring {
	char items[FLOW_RING_SIZE][FLOW_RANDOM_LEN];
	size_t next;
};

/* False when this state was used before. */
bool flow_ring_take(struct flow_ring *r, const struct flow_state *s) MUST_CHECK;

#endif
