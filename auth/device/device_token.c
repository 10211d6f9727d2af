/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seals tokens, and checks requests that have one.
 */
#include "auth/device/device_token.h"

#include "auth/gate/facts.h"
#include "auth/session/session_devices.h"
#include "auth/session/session_lifetime.h"

#define TOKEN_START "wsd1."

static const struct cookie_use use = {"device token", {"ssh", 3}};

bool
device_token_seal(const struct auth *a, const struct auth_device_id *id, struct buf *out,
		  struct err *e)
{
	return (buf_add_str(out, STR(TOKEN_START)) || err_set(e, ERR_MEMORY, "device token")) &&
	       cookie_seal(&a->cookies, &use, STR_BYTES(id->bytes), out, e);
}

bool
device_token_open(const struct auth *a, struct str token, struct auth_device_id *id)
{
	struct buf plain;
	bool ok;

	if (!str_starts_with(token, STR(TOKEN_START)) || token.len > DEVICE_TOKEN_MAX)
		return false;
	buf_init(&plain, sizeof(id->bytes));
	ok = cookie_open(&a->cookies, &use, str_skip(token, strlen(TOKEN_START)), &plain) &&
	     plain.len == sizeof(id->bytes);
	if (ok)
		memcpy(id->bytes, plain.data, sizeof(id->bytes));
	buf_wipe_fini(&plain);
	return ok;
}

static bool
read_token(const struct auth_facts *facts, struct str *token)
{
	struct str bearer;

	if (facts_header(facts, STR("authorization"), &bearer) != 1 ||
	    !str_starts_with_nocase(bearer, STR("bearer ")))
		return false;
	*token = str_trim(str_skip(bearer, strlen("bearer ")));
	return str_starts_with(*token, STR(TOKEN_START));
}

struct auth_call *
device_gate_enter(struct auth *a, const struct gate *g, const struct auth_facts *facts,
		  struct auth_verdict *v)
{
	struct auth_session *s = NULL;
	struct auth_device_id id;
	struct str token;

	if (!read_token(facts, &token))
		return gate_enter(a, g, facts, v);
	if (device_token_open(a, token, &id))
		s = session_device_find(a->store, &id);
	if (s == NULL || session_has_expired(s)) {
		g->ask(a, facts, v);
		return NULL;
	}
	v->device = id;
	return gate_enter_session(a, g, s, facts, v);
}
