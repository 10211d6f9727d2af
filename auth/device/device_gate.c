/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the session of a request by the token of a device.
 */
#include "auth/device/device_gate.h"

#include "auth/device/device_token.h"
#include "auth/gate/facts.h"
#include "auth/session/session_devices.h"
#include "auth/session/session_lifetime.h"

static bool
read_token(const struct auth_facts *facts, struct str *token)
{
	struct str bearer;

	if (facts_header(facts, STR("authorization"), &bearer) != 1 ||
	    !str_starts_with_nocase(bearer, STR("bearer ")))
		return false;
	*token = str_trim(str_skip(bearer, strlen("bearer ")));
	return str_starts_with(*token, STR(DEVICE_TOKEN_START));
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
		g->on_no_session(a, facts, v);
		return NULL;
	}
	v->device = id;
	return gate_enter_session(a, g, s, facts, v);
}
