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
#include "base/crypto/crypto.h"
#include "base/url.h"

#define FLOW_ID_LEN	       12u
#define FLOW_RANDOM_LEN	       CRYPTO_TEXT_LEN /* also a verifier of RFC 7636 section 4.1 */
#define FLOW_STATE_MAX	       96u
#define FLOW_TARGET_MAX	       URL_MAX_BYTES
#define FLOW_COOKIE_TARGET_MAX 256u /* longer targets are kept in memory only */
#define FLOW_AGE_MAX_MS	       (3600 * INT64_C(1000))
#define FLOW_ALIVE_MAX	       8u /* maximum number of cookies in one browser */
/* Limit for flows of CORS requests, which come in bursts and end soon. */
#define FLOW_CORS_ALIVE_MAX  16u
#define FLOW_CORS_AGE_MAX_MS (60 * INT64_C(1000))
#define FLOW_ROUNDS_MAX	     3u /* restarts within FLOW_ROUNDS_MS before an explanation is shown */
/* The limit if cookies of other flows came back: many tabs displace each other's cookies. */
#define FLOW_ROUNDS_PARALLEL_MAX 10u
#define FLOW_ROUNDS_MS		 INT64_C(60000)

struct flow {
	char state[FLOW_STATE_MAX + 1];
	char verifier[FLOW_RANDOM_LEN + 1];
	char nonce[FLOW_RANDOM_LEN + 1];
	char target[FLOW_TARGET_MAX + 1];
	int64_t started_ms; /* wall clock */
	/* The port whose guest signs in; 0: a user of the workspace signs in. */
	uint16_t guest_port;
	/* The page whose script waits for the login: see cors_redirects.h; or CORS_PAGE_NONE. */
	uint32_t cors_page;
};

/* A parsed state parameter; its fields are views into it. */
struct flow_state {
	struct str whole;
	struct str id;
	struct str random;
	unsigned round;
	int64_t first_ms; /* when the first round started, wall clock */
};

/* Generates the random parts. target is normalized; id is unique among this browser's flows. */
void flow_init(struct flow *f, uint64_t id, unsigned round, int64_t first_ms, struct str target);
void flow_wipe(struct flow *f);

/* False: flow_init can't have written the text. */
bool flow_parse_state(struct flow_state *s, struct str text) MUST_CHECK;

/* Write and read the cookie's text. Its target is empty if it was too long for the cookie.
 * flow_open does not check the age. */
bool flow_seal(const struct flow *f, const struct cookie_box *b, struct str cookie_name,
	       struct buf *out, struct err *e) MUST_CHECK;
bool flow_open(struct flow *f, const struct cookie_box *b, struct str cookie_name,
	       struct str text) MUST_CHECK;

/* Whether flow_set_target would keep it unchanged. */
bool flow_is_good_target(struct str target, struct str prefix);

/* Copies a return target of untrusted origin: it must stay on this origin and may lead to none of
 * our endpoints but those of ports and devices. Other targets lose their query, or become "/". */
void flow_set_target(char out[FLOW_TARGET_MAX + 1], struct str target, struct str prefix);

/* Copies the origin-form target of a request to this host, unchanged. False: too long; out is
 * "/". */
bool flow_set_request_target(char out[FLOW_TARGET_MAX + 1], struct str target) MUST_CHECK;

/* Returns the location of a target on this host: the target itself, or its absolute URL if a
 * browser might read it as another host. */
const char *flow_target_location(struct str target, struct str origin, struct arena *arena);

/* The states used lately; each may be used for one callback. */
#define FLOW_RING_SIZE 64u
struct flow_ring {
	char items[FLOW_RING_SIZE][FLOW_RANDOM_LEN];
	size_t next;
};

/* False: this state was used before. */
bool flow_ring_take(struct flow_ring *r, const struct flow_state *s) MUST_CHECK;

#endif
