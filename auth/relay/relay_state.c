/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request is "1.<payload>.<mac>", both base64url: the payload has one field per line, the MAC is
 * HMAC-SHA-256 under the workspace's key. State and cookie are sealed by auth/cookie/cookie under
 * keys that derive from the master keys for the relay's own address.
 *
 * No field can hold a line end: each is checked against the characters that it may consist of.
 */
#include "auth/relay/relay_state.h"

#include <inttypes.h>
#include <stdio.h>

#include "auth/cookie/flow_jar.h"
#include "base/ascii.h"
#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/crypto/crypto_equal.h"
#include "base/url.h"

#define REQUEST_VERSION "1"
#define REQUEST_LABEL	"workspace-proxy relay request 1\n"
#define VALUE_LEN	43u /* base64url of 32 bytes */
#define STATE_MAX	128u
#define PREFIX_MAX	64u
#define SCOPE_MAX	1024u
#define PAYLOAD_MAX	(RELAY_REQUEST_MAX / 4 * 3)

static const char state_purpose[] = "relay state";
static const char cookie_purpose[] = "relay cookie";
#define STATE_NAME STR("state") /* used instead of a cookie's name */

static bool
consists_of(struct str s, size_t min, size_t max, struct str more)
{
	return s.len >= min && s.len <= max && ascii_all_alnum_or(s, more);
}

/* Whether s is a valid PROXY_PREFIX. */
static bool
is_prefix(struct str s)
{
	return s.len <= PREFIX_MAX && url_is_plain_path(s);
}

static bool
is_state(struct str s)
{
	return consists_of(s, 1, STATE_MAX, STR("-._~"));
}

static bool
next_time(struct str *rest, int64_t *ms)
{
	struct str line = STR_NONE;
	uint64_t number;

	if (!str_next(rest, '\n', &line) || !str_to_u64(line, 0, INT64_MAX / 2, &number))
		return false;
	*ms = (int64_t)number;
	return true;
}

static enum relay_result
judge_age(int64_t since_ms, int64_t now_ms)
{
	int64_t age_ms = now_ms - since_ms;

	return age_ms >= -RELAY_SKEW_MS && age_ms <= RELAY_AGE_MAX_MS ? RELAY_VALID : RELAY_STALE;
}

/* Signs with a label that separates these signatures from other uses of the key. */
static bool
sign_payload(struct str key, struct str payload, uint8_t mac[CRYPTO_SHA256_BYTES], struct err *e)
{
	struct buf text;
	bool ok;

	buf_init(&text, PAYLOAD_MAX + sizeof(REQUEST_LABEL));
	buf_add_str(&text, STR(REQUEST_LABEL));
	ok = buf_add_str(&text, payload) ? crypto_hmac_sha256(key, buf_view(&text), mac, e)
					 : err_set(e, ERR_LIMIT, "relay request is too long");
	buf_fini(&text);
	return ok;
}

bool
relay_request_write(const struct relay_request *q, const struct secret *workspace_key,
		    struct buf *out, struct err *e)
{
	uint8_t mac[CRYPTO_SHA256_BYTES];
	struct buf payload;
	bool ok;

	buf_init(&payload, PAYLOAD_MAX);
	buf_addf(&payload, "%.*s\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s\n%" PRId64, STR_FMT(q->authority),
		 STR_FMT(q->prefix), STR_FMT(q->state), STR_FMT(q->challenge), STR_FMT(q->nonce),
		 STR_FMT(q->scope), q->issued_ms);
	ok = buf_is_ok(&payload)
		     ? sign_payload(secret_view(workspace_key), buf_view(&payload), mac, e)
		     : err_set(e, ERR_LIMIT, "relay request is too long");
	if (ok) {
		buf_add_str(out, STR(REQUEST_VERSION "."));
		crypto_base64url_encode(out, buf_view(&payload));
		buf_add_byte(out, '.');
		crypto_base64url_encode(out, STR_BYTES(mac));
		ok = buf_is_ok(out) || err_set(e, ERR_LIMIT, "relay request is too long");
	}
	buf_fini(&payload);
	return ok;
}

static bool
is_signed_by(const struct secret *master, struct str authority, struct str payload, struct str mac)
{
	uint8_t expected[CRYPTO_SHA256_BYTES];
	struct secret *key = relay_derive_key(master, authority, NULL);
	bool ok;

	ok = key != NULL && sign_payload(secret_view(key), payload, expected, NULL) &&
	     crypto_equal(mac, STR_BYTES(expected));
	secret_free(key);
	return ok;
}

static bool
is_signed(const struct auth_keys *masters, struct str authority, struct str payload, struct str mac)
{
	bool ok = false;

	for (size_t i = 0; i < masters->count && !ok; i++)
		ok = is_signed_by(masters->keys[i], authority, payload, mac);
	return ok;
}

/* Splits a request into payload and MAC, and decodes both into memory, in this order. */
static bool
split_request(struct str text, struct buf *memory, struct str *payload, struct str *mac)
{
	struct str parts[3];
	struct str rest = text;
	size_t payload_len;

	if (text.len > RELAY_REQUEST_MAX || !buf_reserve(memory, RELAY_REQUEST_MAX))
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (!str_next(&rest, '.', &parts[i]))
			return false;
	}
	if (rest.data != NULL || !str_equal(parts[0], STR(REQUEST_VERSION)))
		return false;
	if (!crypto_base64url_decode(memory, parts[1]))
		return false;
	payload_len = memory->len;
	if (!crypto_base64url_decode(memory, parts[2]))
		return false;
	*payload = str_take(buf_view(memory), payload_len);
	*mac = str_skip(buf_view(memory), payload_len);
	return mac->len == CRYPTO_SHA256_BYTES;
}

/* Parses what follows the authority. The signature has been verified. */
static bool
parse_request(struct relay_request *q, struct str rest)
{
	if (!str_next(&rest, '\n', &q->prefix) || !str_next(&rest, '\n', &q->state) ||
	    !str_next(&rest, '\n', &q->challenge) || !str_next(&rest, '\n', &q->nonce) ||
	    !str_next(&rest, '\n', &q->scope) || !next_time(&rest, &q->issued_ms) ||
	    rest.data != NULL)
		return false;
	return is_prefix(q->prefix) && is_state(q->state) &&
	       consists_of(q->challenge, VALUE_LEN, VALUE_LEN, STR("-_")) &&
	       consists_of(q->nonce, VALUE_LEN, VALUE_LEN, STR("-_")) &&
	       consists_of(q->scope, 1, SCOPE_MAX, STR(" _-.:"));
}

enum relay_result
relay_request_read(struct relay_request *q, struct str text, const struct relay_settings *settings,
		   int64_t now_ms, struct buf *memory)
{
	struct str payload;
	struct str mac;
	struct str rest;

	*q = (struct relay_request){.issued_ms = 0};
	if (!split_request(text, memory, &payload, &mac))
		return RELAY_MALFORMED;
	rest = payload;
	if (!str_next(&rest, '\n', &q->authority))
		return RELAY_MALFORMED;
	if (!relay_zones_contain(&settings->zones, q->authority))
		return RELAY_OUTSIDE_ZONES;
	if (!is_signed(&settings->master_keys, q->authority, payload, mac))
		return RELAY_FORGED;
	return parse_request(q, rest) ? judge_age(q->issued_ms, now_ms) : RELAY_MALFORMED;
}

void
relay_generate_id(char out[RELAY_ID_LEN + 1])
{
	uint32_t random;

	crypto_random(&random, sizeof(random));
	(void)snprintf(out, RELAY_ID_LEN + 1, "%08" PRIx32 "%08" PRIx32, (uint32_t)clock_wall_s(),
		       random);
}

bool
relay_return_seal(const struct relay_return *ret, const struct cookie_box *box, struct buf *out,
		  struct err *e)
{
	const struct cookie_use use = {state_purpose, STATE_NAME};
	struct buf plain;
	bool ok;

	buf_init(&plain, RELAY_PLAIN_MAX);
	buf_addf(&plain, "%.*s\n%.*s\n%.*s\n%.*s\n%" PRId64, STR_FMT(ret->id),
		 STR_FMT(ret->authority), STR_FMT(ret->prefix), STR_FMT(ret->state),
		 ret->started_ms);
	ok = buf_is_ok(&plain) ? cookie_seal(box, &use, buf_view(&plain), out, e)
			       : err_set(e, ERR_LIMIT, "relay state is too long");
	buf_fini(&plain);
	return ok;
}

static bool
parse_return(struct relay_return *ret, struct str rest)
{
	if (!str_next(&rest, '\n', &ret->id) || !str_next(&rest, '\n', &ret->authority) ||
	    !str_next(&rest, '\n', &ret->prefix) || !str_next(&rest, '\n', &ret->state) ||
	    !next_time(&rest, &ret->started_ms) || rest.data != NULL)
		return false;
	return flow_jar_is_id(ret->id, RELAY_ID_LEN) && is_prefix(ret->prefix) &&
	       is_state(ret->state);
}

enum relay_result
relay_return_open(struct relay_return *ret, struct str text, const struct cookie_box *box,
		  const struct relay_settings *settings, int64_t now_ms, struct buf *memory)
{
	const struct cookie_use use = {state_purpose, STATE_NAME};

	*ret = (struct relay_return){.started_ms = 0};
	if (!buf_reserve(memory, COOKIE_TEXT_MAX) || !cookie_open(box, &use, text, memory))
		return RELAY_FORGED;
	if (!parse_return(ret, buf_view(memory)))
		return RELAY_MALFORMED;
	if (!relay_zones_contain(&settings->zones, ret->authority))
		return RELAY_OUTSIDE_ZONES;
	return judge_age(ret->started_ms, now_ms);
}

bool
relay_cookie_seal(const struct cookie_box *box, struct str cookie_name, struct str state,
		  struct buf *out, struct err *e)
{
	const struct cookie_use use = {cookie_purpose, cookie_name};
	uint8_t digest[CRYPTO_SHA256_BYTES];

	crypto_sha256(state, digest);
	return cookie_seal(box, &use, STR_BYTES(digest), out, e);
}

bool
relay_cookie_matches(const struct cookie_box *box, struct str cookie_name, struct str text,
		     struct str state)
{
	const struct cookie_use use = {cookie_purpose, cookie_name};
	uint8_t digest[CRYPTO_SHA256_BYTES];
	struct buf plain;
	bool ok;

	crypto_sha256(state, digest);
	buf_init(&plain, COOKIE_TEXT_MAX);
	ok = cookie_open(box, &use, text, &plain) &&
	     crypto_equal(buf_view(&plain), STR_BYTES(digest));
	buf_fini(&plain);
	return ok;
}
