/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoints for browsers accept only navigations and forms of our own page, with a session.
 * The endpoints for devices refuse requests of browsers, and authenticate the device by secrets.
 */
#include "auth/device/device_login.h"

#include <stdlib.h>

#include "auth/device/device_grants.h"
#include "auth/device/device_token.h"
#include "auth/gate/facts.h"
#include "auth/gate/gate.h"
#include "auth/gate/verdict_fill.h"
#include "auth/login/login_start.h"
#include "auth/session/session_cookie.h"
#include "auth/session/session_devices.h"
#include "auth/session/session_identity.h"
#include "auth/session/session_lifetime.h"
#include "auth/urls.h"
#include "base/ascii.h"
#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/json.h"
#include "base/net/ports.h"
#include "base/url.h"

#define JSON_MAX  2048u
#define STATE_MAX 64u

/* The fields of a request, from a query or a form. */
struct device_request { /* in the verdict's arena; empty where absent */
	bool is_post;
	struct str port; /* port of the device's loopback listener */
	struct str challenge;
	struct str state;
	struct str name;
	struct str code; /* typed by the user, or redeemed by a device */
	struct str verifier;
	struct str token;
	struct str end; /* id of the device to sign out */
};

/* Grammars of fields: a request with a field that does not match is refused before it is
 * processed. */

static bool
is_port(struct str s)
{
	uint16_t port;

	return ports_parse_one(s, &port);
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

/* Returns NULL, or a sentence that says which field is malformed. */
static const char *
read_fields(struct str text, struct device_request *q, struct arena *arena)
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

static bool
has_grants(struct auth *a)
{
	if (a->grants == NULL)
		a->grants = calloc(1, sizeof(*a->grants));
	return a->grants != NULL;
}

static struct device_request *
read_request(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v)
{
	struct device_request *q = arena_alloc(&v->arena, sizeof(*q));
	const char *detail;

	if (q == NULL || !has_grants(a)) {
		verdict_unavailable(v, 0, NULL);
		return NULL;
	}
	*q = (struct device_request){.is_post = str_equal(facts->method, STR("POST"))};
	detail = read_fields(q->is_post ? facts->body : facts_query(facts), q, &v->arena);
	if (detail == NULL)
		return q;
	verdict_refuse(a, v, AUTH_PROBLEM_BAD_REQUEST, detail);
	return NULL;
}

/* Requests of browsers */

static void
show(struct auth_verdict *v, const struct auth_device_page *page)
{
	struct auth_device_page *copy = arena_alloc(&v->arena, sizeof(*copy));

	if (copy == NULL) {
		verdict_unavailable(v, 0, NULL);
		return;
	}
	*copy = *page;
	v->action = AUTH_DEVICE_PAGE;
	v->status = 200;
	v->problem = AUTH_PROBLEM_NONE;
	v->device_page = copy;
}

static bool
is_loopback(const struct device_request *q)
{
	return q->port.len > 0 && q->challenge.len > 0 && q->state.len > 0 && q->name.len > 0;
}

static void
ask_for_loopback(struct auth_verdict *v)
{
	const struct device_request *q = v->device_request;

	show(v, &(const struct auth_device_page){.step = AUTH_DEVICE_ASK,
						 .name = q->name,
						 .port = q->port,
						 .challenge = q->challenge,
						 .state = q->state});
}

/* Records the session that authorizes the device. */
static void
allow(struct device_grant *grant, const struct auth_session *s)
{
	grant->is_allowed = true;
	memcpy(grant->session_id, session_id(s), sizeof(grant->session_id));
}

/* Redirects with the issuer (RFC 9207), so that the device sends the code to no other workspace. */
static void
redirect_to_device(struct auth *a, const struct auth_session *s, struct auth_verdict *v)
{
	const struct device_request *q = v->device_request;
	char secret[DEVICE_SECRET_LEN + 1];
	struct device_grant *grant = device_grants_add(a->grants, false, STR_NONE, secret);

	if (grant == NULL) {
		verdict_unavailable(v, 0, "Too many devices are being authorized at the moment.");
		return;
	}
	memcpy(grant->challenge, q->challenge.data, q->challenge.len);
	memcpy(grant->name, q->name.data, q->name.len);
	allow(grant, s);
	verdict_redirect(
		v, 303,
		arena_printf(&v->arena, "http://127.0.0.1:%.*s/?code=%s&state=%.*s&iss=%.*s",
			     STR_FMT(q->port), secret, STR_FMT(q->state), STR_FMT(a->origin)));
	secret_wipe(secret, sizeof(secret));
}

/* The first form has the code only: looks it up and asks for confirmation. The second one has the
 * name too. */
static void
take_typed_code(struct auth *a, const struct auth_session *s, struct auth_verdict *v)
{
	const struct device_request *q = v->device_request;
	struct device_grant *grant = device_grants_find_typed(a->grants, q->code);
	struct auth_device_page page = {.step = AUTH_DEVICE_WRONG_CODE};

	if (grant != NULL) {
		page.step = str_is_empty(q->name) ? AUTH_DEVICE_ASK : AUTH_DEVICE_DONE;
		page.name = str_from(arena_dup(&v->arena, str_from(grant->name)));
		page.address = str_from(arena_dup(&v->arena, str_from(grant->address)));
		page.code = q->code;
	}
	if (page.step == AUTH_DEVICE_DONE)
		allow(grant, s);
	show(v, &page);
}

static void
end_device(struct auth *a, struct auth_session *s, struct auth_verdict *v)
{
	struct auth_device_id id;
	struct buf bytes;

	buf_init(&bytes, sizeof(id.bytes));
	if (crypto_hex_decode(&bytes, v->device_request->end) && bytes.len == sizeof(id.bytes)) {
		memcpy(id.bytes, bytes.data, sizeof(id.bytes));
		session_device_end(s, &id);
	}
	buf_fini(&bytes);
	verdict_redirect(v, 303, arena_printf(&v->arena, "%s/workspace", a->settings->prefix));
}

static void
pass(struct auth *a, struct auth_session *s, struct auth_verdict *v)
{
	const struct device_request *q = v->device_request;

	verdict_set_identity(v, s);
	if (str_is_empty(session_cookie(s))) { /* of an API token */
		verdict_refuse(a, v, AUTH_PROBLEM_BAD_REQUEST, "API tokens work for SSH directly.");
	} else if (q->is_post && q->end.len > 0) {
		end_device(a, s, v);
	} else if (q->is_post && q->port.len > 0) {
		redirect_to_device(a, s, v);
	} else if (q->is_post) {
		take_typed_code(a, s, v);
	} else if (q->port.len > 0) {
		ask_for_loopback(v);
	} else {
		show(v, &(const struct auth_device_page){.step = AUTH_DEVICE_TYPE_CODE});
	}
}

/* Whether our own page posted the form in a top-level navigation: not a script of the IDE's pages,
 * and not a frame, so that the user sees the answer. Older browsers send no Sec-Fetch-Mode. */
static bool
is_own_form(const struct auth *a, const struct auth_facts *facts)
{
	return auth_is_same_origin(a, facts) &&
	       (!facts_has_header(facts, STR("sec-fetch-mode")) || auth_is_navigation(facts));
}

struct auth_call *
device_login_page(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v,
		  auth_done_fn *done, void *arg)
{
	const struct gate g = {.on_allowed = pass,
			       .on_no_session = login_start_for_request,
			       .done = done,
			       .arg = arg};
	struct device_request *q = read_request(a, facts, v);

	if (q == NULL)
		return NULL;
	v->device_request = q;
	if (q->is_post ? !is_own_form(a, facts) : !auth_is_navigation(facts)) {
		verdict_problem(v, AUTH_PROBLEM_CROSS_SITE, NULL);
	} else if (q->port.len > 0 && !is_loopback(q)) {
		verdict_problem(v, AUTH_PROBLEM_BAD_REQUEST, "A parameter is missing.");
	} else if (q->is_post && session_find(a->store, facts) == NULL) {
		verdict_problem(v, AUTH_PROBLEM_LOGIN_REQUIRED, NULL);
	} else {
		return gate_enter(a, &g, facts, v);
	}
	v->location = a->start_url;
	return NULL;
}

/* Requests of devices */

/* Errors have the form of RFC 6749 section 5.2. */
static void
reply_error(struct auth_verdict *v, const char *error)
{
	verdict_reply(
		v, 400,
		str_from(arena_printf(&v->arena, "{\"error\":\"%s\",\"status\":400}", error)));
}

/* Rejects requests of browsers, which pages of any site can trigger. NULL: rejected. */
static struct device_request *
read_device_request(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v)
{
	if (!facts_has_header(facts, STR("origin")) && !facts_has_header(facts, STR("cookie")))
		return read_request(a, facts, v);
	verdict_problem(v, AUTH_PROBLEM_CROSS_SITE, NULL);
	return NULL;
}

void
device_login_start(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v)
{
	const struct device_request *q = read_device_request(a, facts, v);
	char secret[DEVICE_SECRET_LEN + 1];
	struct device_grant *grant;
	struct json_writer w;
	struct buf json;

	if (q == NULL)
		return;
	if (str_is_empty(q->challenge) || str_is_empty(q->name)) {
		reply_error(v, "invalid_request");
		return;
	}
	grant = device_grants_add(a->grants, true, facts->client, secret);
	if (grant == NULL) {
		verdict_unavailable(v, DEVICE_TYPED_MS / 1000,
				    "Too many devices are being authorized at the moment.");
		return;
	}
	memcpy(grant->challenge, q->challenge.data, q->challenge.len);
	memcpy(grant->name, q->name.data, q->name.len);
	buf_init(&json, JSON_MAX);
	json_write_begin_object(&w, &json);
	json_write_str(&w, "device_code", str_from(secret));
	json_write_str(&w, "user_code", str_from(grant->user_code));
	json_write_str(&w, "verification_uri",
		       str_from(arena_printf(&v->arena, "%.*s%s/device", STR_FMT(a->origin),
					     a->settings->prefix)));
	json_write_int(&w, "expires_in", DEVICE_TYPED_MS / 1000);
	json_write_int(&w, "interval", DEVICE_INTERVAL_S);
	verdict_reply_object(v, &w);
	buf_wipe_fini(&json);
	secret_wipe(secret, sizeof(secret));
}

/* Called when the session that authorized the device still exists. */
static void
issue_token(struct auth *a, struct auth_session *s, const struct device_grant *grant,
	    struct auth_verdict *v)
{
	struct auth_device_id id;
	struct err e = ERR_INIT;
	struct json_writer w;
	struct buf token;
	struct buf json;

	buf_init(&token, DEVICE_TOKEN_MAX);
	buf_init(&json, JSON_MAX);
	if (!session_device_add(s, str_from(grant->name), &id) ||
	    !device_token_seal(a, &id, &token, &e)) {
		log_error(NULL, "device token not issued", log_err(&e));
		verdict_unavailable(v, 0, NULL);
	} else {
		log_info(NULL, "device authorized", log_str("user", session_identity(s).username),
			 log_cstr("device", grant->name));
		json_write_begin_object(&w, &json);
		json_write_str(&w, "token", buf_view(&token));
		json_write_str(&w, "username", session_identity(s).username);
		json_write_int(&w, "expires_at", auth_session_times(s).expires_ms / 1000);
		verdict_reply_object(v, &w);
	}
	buf_wipe_fini(&json);
	buf_wipe_fini(&token);
}

void
device_login_token(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v)
{
	const struct device_request *q = read_device_request(a, facts, v);
	struct auth_session *s = NULL;
	struct device_grant grant;

	if (q == NULL)
		return;
	if (str_is_empty(q->code) || str_is_empty(q->verifier)) {
		reply_error(v, "invalid_request");
		return;
	}
	switch (device_grants_redeem(a->grants, q->code, q->verifier, &grant)) {
	case DEVICE_REDEEM_OK:
		s = session_find_id(a->store, grant.session_id);
		break;
	case DEVICE_REDEEM_PENDING:
		reply_error(v, "authorization_pending");
		return;
	case DEVICE_REDEEM_INVALID:
		break;
	}
	if (s == NULL || session_has_expired(s))
		reply_error(v, "invalid_grant");
	else
		issue_token(a, s, &grant, v);
}

void
device_login_end(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v)
{
	const struct device_request *q = read_device_request(a, facts, v);
	struct auth_session *s = NULL;
	struct auth_device_id id;

	if (q == NULL)
		return;
	if (device_token_open(a, q->token, &id))
		s = session_device_find(a->store, &id);
	if (s != NULL)
		session_device_end(s, &id);
	/* An unknown token has already ended. */
	verdict_reply(v, 200, STR("{}"));
}
