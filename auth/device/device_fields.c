/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every field has a grammar; a request with a field that does not match it is refused before it is
 * processed.
 */
#include "auth/device/device_fields.h"

#include "auth/device/device_grants.h"
#include "auth/device/device_token.h"
#include "base/ascii.h"
#include "base/url.h"

#define STATE_MAX 64u

static bool
is_port(struct str s)
{
	uint64_t port;

	return str_to_u64(s, 1, UINT16_MAX, &port) && s.data[0] != '0';
}

static bool
is_challenge(struct str s)
{
	return s.len == DEVICE_CHALLENGE_LEN && ascii_all_base64url(s);
}

static bool
is_state(struct str s)
{
	return s.len <= STATE_MAX && ascii_all_base64url(s);
}

/* Device names are shown to users, so only printable ASCII. */
static bool
is_name(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] < 0x20 || s.data[i] >= 0x7f)
			return false;
	return s.len <= AUTH_DEVICE_NAME_MAX;
}

static bool
is_code(struct str s)
{
	return s.len <= DEVICE_SECRET_LEN && ascii_all_alnum_or(s, STR("-_ "));
}

/* A code verifier (RFC 7636 section 4.1). */
static bool
is_verifier(struct str s)
{
	return s.len >= 43 && s.len <= 128 && ascii_all_alnum_or(s, STR("-._~"));
}

static bool
is_token(struct str s)
{
	return s.len <= DEVICE_TOKEN_MAX && ascii_all_visible(s);
}

static bool
is_device_id(struct str s)
{
	return s.len == 2 * AUTH_DEVICE_ID_BYTES && ascii_all_lower_hex(s);
}

/* Reads one field. False: it is repeated, malformed, or present but empty. */
static bool
read_field(struct str text, const char *name, bool (*is_valid)(struct str), struct str *value,
	   struct arena *arena)
{
	struct str raw;
	struct buf decoded;
	size_t count = url_query_find(text, str_from(name), &raw);
	bool ok;

	*value = STR_NONE;
	if (count == 0)
		return true;
	buf_init(&decoded, DEVICE_TOKEN_MAX);
	ok = count == 1 && url_decode(&decoded, raw, true) && decoded.len > 0 &&
	     is_valid(buf_view(&decoded));
	if (ok)
		*value = str_from(arena_dup(arena, buf_view(&decoded)));
	buf_wipe_fini(&decoded);
	return ok && !str_is_empty(*value);
}

const char *
device_fields_read(struct str text, struct device_request *q, struct arena *arena)
{
	if (!read_field(text, "port", is_port, &q->port, arena))
		return "The parameter \"port\" is malformed.";
	if (!read_field(text, "challenge", is_challenge, &q->challenge, arena))
		return "The parameter \"challenge\" is malformed.";
	if (!read_field(text, "state", is_state, &q->state, arena))
		return "The parameter \"state\" is malformed.";
	if (!read_field(text, "name", is_name, &q->name, arena))
		return "The parameter \"name\" is malformed.";
	/* Users type the code, so a malformed one is handled like a wrong one, and an empty one
	 * like none. */
	(void)read_field(text, "code", is_code, &q->code, arena);
	if (!read_field(text, "verifier", is_verifier, &q->verifier, arena))
		return "The parameter \"verifier\" is malformed.";
	if (!read_field(text, "token", is_token, &q->token, arena))
		return "The parameter \"token\" is malformed.";
	if (!read_field(text, "end", is_device_id, &q->end, arena))
		return "The parameter \"end\" is malformed.";
	return NULL;
}
