/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public interface: builds the parts of authentication, and dispatches requests to the gate and
 * to the endpoints.
 */
#include "auth/auth.h"

#include <stdlib.h>

#include "auth/assertion.h"
#include "auth/device/device_gate.h"
#include "auth/device/device_login.h"
#include "auth/endpoints.h"
#include "auth/gate/bearer.h"
#include "auth/gate/facts.h"
#include "auth/gate/gate.h"
#include "auth/gate/verdict_fill.h"
#include "auth/git_credential.h"
#include "auth/gitlab/gitlab_scope.h"
#include "auth/login/login_callback.h"
#include "auth/login/login_start.h"
#include "auth/login/port_ticket.h"
#include "auth/session/session_assertion.h"
#include "auth/session/session_devices.h"
#include "auth/session/session_guest.h"
#include "auth/share/port_shares.h"
#include "auth/share/share_endpoint.h"
#include "auth/urls.h"

#define SETTINGS_ARENA_MAX 65536u

static void
on_share_ended(struct port_share *p, void *arg)
{
	struct auth *a = arg;

	session_end_guests(a->store, p);
}

static bool
build_shares(struct auth *a, struct err *e)
{
	const struct port_shares_options options = {
		.settings = a->settings,
		.loop = a->loop,
		.origin = a->origin,
		.ended = on_share_ended,
		.arg = a,
	};

	if (a->settings->ports.count == 0)
		return true;
	a->shares = port_shares_new(&options, e);
	return a->shares != NULL;
}

static bool
build_parts(struct auth *a, struct fetch *f, struct err *e)
{
	if (!urls_build(a))
		return err_set(e, ERR_MEMORY, "addresses");
	if (!cookie_box_init(&a->cookies, &a->settings->cookie_keys, a->origin, e))
		return false;
	a->gitlab = gitlab_new(a->settings, a->redirect_uri, f, e);
	if (a->gitlab == NULL)
		return false;
	a->store = session_store_new(a->settings, a->loop, a->gitlab, &a->cookies, e);
	if (a->store == NULL || !build_shares(a, e))
		return false;
	if (a->settings->assertion) {
		a->assertion_keys = assertion_keys_new(&a->settings->cookie_keys, a->origin, e);
		if (a->assertion_keys == NULL)
			return false;
	}
	if (a->settings->api_tokens)
		a->bearers = bearer_cache_new(a, e);
	return !a->settings->api_tokens || a->bearers != NULL;
}

struct auth *
auth_new(const struct auth_settings *settings, struct loop *l, struct fetch *f, struct err *e)
{
	struct auth *a = err_alloc(e, sizeof(*a), "authentication");

	if (a == NULL)
		return NULL;
	a->settings = settings;
	a->loop = l;
	a->login_timeout_ms = AUTH_LOGIN_TIMEOUT_MS;
	arena_init(&a->arena, SETTINGS_ARENA_MAX);
	return_targets_init(&a->targets);
	if (!build_parts(a, f, e)) {
		err_wrap(e, "authentication");
		auth_free(a);
		return NULL;
	}
	return a;
}

bool
auth_replace_keys(struct auth *a, const struct auth_keys *keys, struct err *e)
{
	struct assertion_keys *assertion_keys = NULL;
	struct cookie_box box;

	if (!cookie_box_init(&box, keys, a->origin, e))
		return false;
	if (a->assertion_keys != NULL)
		assertion_keys = assertion_keys_new(keys, a->origin, e);
	if ((a->assertion_keys != NULL && assertion_keys == NULL) ||
	    !session_store_replace_keys(a->store, keys, e) ||
	    !port_shares_replace_keys(a->shares, keys, e)) {
		assertion_keys_free(assertion_keys);
		cookie_box_fini(&box);
		return false;
	}
	assertion_keys_free(a->assertion_keys);
	a->assertion_keys = assertion_keys;
	cookie_box_fini(&a->cookies);
	a->cookies = box;
	session_store_review_cookies(a->store);
	return true;
}

void
auth_set_relay_client(struct auth *a, struct fetch *f)
{
	gitlab_set_relay_client(a->gitlab, f);
}

void
auth_free(struct auth *a)
{
	if (a == NULL)
		return;
	while (!LIST_EMPTY(&a->calls))
		LIST_FIRST(&a->calls)->cancel(LIST_FIRST(&a->calls));
	while (!LIST_EMPTY(&a->credentials))
		auth_credential_cancel(LIST_FIRST(&a->credentials));
	bearer_cache_free(a->bearers);
	session_store_free(a->store);
	port_shares_free(a->shares);
	gitlab_free(a->gitlab);
	assertion_keys_free(a->assertion_keys);
	cookie_box_fini(&a->cookies);
	return_targets_fini(&a->targets);
	free(a->grants);
	arena_fini(&a->arena);
	free(a);
}

const char *
auth_scope_missing(const char *scope, unsigned modes)
{
	return gitlab_scope_missing(str_from(scope), modes);
}

bool
auth_owns_cookie(const struct auth *a, struct str name)
{
	struct str base = str_from(a->settings->cookie_name);

	return str_starts_with(name, base) && (name.len == base.len || name.data[base.len] == '-');
}

void
auth_cancel(struct auth_call *call)
{
	call->cancel(call);
}

static struct str
sign_assertion(struct auth *a, const struct auth_verdict *v, uint16_t port)
{
	struct assertion_claims claims = {.audience = a->origin,
					  .workspace_id = a->settings->workspace_id};
	struct err e = ERR_INIT;
	struct arena arena;
	struct str text = STR_NONE;

	arena_init(&arena, SETTINGS_ARENA_MAX);
	claims.workspace = str_take(a->port_hosts, str_find_byte(a->port_hosts, '.'));
	if (port != 0)
		claims.audience = str_from(auth_port_origin(a, port, &arena));
	if (str_is_empty(claims.audience))
		err_set(&e, ERR_MEMORY, "assertion");
	else
		text = session_assertion_sign(v->identity_session, a->assertion_keys, port, &claims,
					      &e);
	if (str_is_empty(text))
		log_error(NULL, "request forwarded without an assertion", log_err(&e));
	arena_fini(&arena);
	return text;
}

struct str
auth_assertion(struct auth *a, const struct auth_verdict *v, uint16_t port)
{
	struct str text;

	if (a->assertion_keys == NULL || v->identity_session == NULL)
		return STR_NONE;
	text = session_assertion_find(v->identity_session, a->assertion_keys, port);
	return str_is_empty(text) ? sign_assertion(a, v, port) : text;
}

struct str
auth_jwks(const struct auth *a)
{
	return a->assertion_keys == NULL ? STR_NONE : assertion_keys_jwks(a->assertion_keys);
}

static void
allow(struct auth_verdict *v)
{
	v->action = AUTH_ALLOW;
	v->status = 200;
	v->problem = AUTH_PROBLEM_NONE;
}

static void
allow_request(struct auth *a, struct auth_session *s, struct auth_verdict *v)
{
	(void)a;
	allow(v);
	verdict_set_identity(v, s);
	v->session = s;
	v->is_guest = session_is_guest(s);
}

/* Answers a frame: only pages of ports may be shown in frames. */
static void
refuse_without_login(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v)
{
	if (facts->port != 0) {
		login_start_refuse(a, facts, v);
		return;
	}
	verdict_refuse(a, v, AUTH_PROBLEM_LOGIN_REQUIRED, NULL);
}

/* Redirects navigations to GitLab, and what the workspace's pages embed or request of a port to the
 * workspace's own host. Everything else gets 401. */
static void
require_login(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v)
{
	bool is_navigation = auth_is_navigation(facts) && facts_is_get(facts);

	if (is_navigation ||
	    (facts->port != 0 && (!str_is_empty(auth_embedder(a, facts)) ||
				  auth_find_cors_page(a, facts) != CORS_PAGE_NONE)))
		login_start_for_request(a, facts, v);
	else
		refuse_without_login(a, facts, v);
}

struct auth_call *
auth_check(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v,
	   auth_done_fn *done, void *arg)
{
	const struct gate g = {.on_allowed = allow_request,
			       .on_no_session = require_login,
			       .done = done,
			       .arg = arg,
			       .admits_guests = true};

	if (facts->port != 0 && port_shares_find_public(a->shares, facts->port) != NULL) {
		allow(v); /* needs no check of the user */
		return NULL;
	}
	return gate_enter(a, &g, facts, v);
}

struct auth_call *
auth_check_user(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v,
		auth_done_fn *done, void *arg)
{
	const struct gate g = {.on_allowed = allow_request,
			       .on_no_session = require_login,
			       .done = done,
			       .arg = arg};

	return gate_enter(a, &g, facts, v);
}

/* The device may have been signed out while GitLab was asked. */
static void
allow_device(struct auth *a, struct auth_session *s, struct auth_verdict *v)
{
	static const struct auth_device_id none;

	if (memcmp(&v->device, &none, sizeof(none)) == 0 || session_has_device(s, &v->device)) {
		allow_request(a, s, v);
		return;
	}
	verdict_refuse(a, v, AUTH_PROBLEM_LOGIN_REQUIRED, NULL);
}

struct auth_call *
auth_check_device(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v,
		  auth_done_fn *done, void *arg)
{
	const struct gate g = {.on_allowed = allow_device,
			       .on_no_session = require_login,
			       .done = done,
			       .arg = arg};

	return device_gate_enter(a, &g, facts, v);
}

static bool
is_allowed(const char *methods, struct str method)
{
	struct str rest = str_from(methods);
	struct str one;

	while (str_next(&rest, ',', &one))
		if (str_equal(str_trim(one), method))
			return true;
	return false;
}

/* Whether this is a script's request within the hand-over to a port. It keeps its method, so any
 * method is accepted. */
static bool
is_handed_on(const struct auth *a, enum auth_endpoint endpoint, const struct auth_facts *facts)
{
	bool is_on_the_way = facts->port == 0 ? endpoint == AUTH_ENDPOINT_PORT
					      : endpoint == AUTH_ENDPOINT_CALLBACK;

	return is_on_the_way && !str_equal(facts->method, STR("OPTIONS")) &&
	       auth_is_handover_redirect(a, facts);
}

/* How each endpoint is answered: at once, or as auth_answer does. All have a row. */
static const struct {
	const char *methods; /* for the Allow field */
	void (*answer)(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v);
	struct auth_call *(*start)(struct auth *a, const struct auth_facts *facts,
				   struct auth_verdict *v, auth_done_fn *done, void *arg);
} endpoints[AUTH_ENDPOINT_COUNT] = {
	[AUTH_ENDPOINT_START] = {"GET, HEAD", .answer = endpoint_start},
	[AUTH_ENDPOINT_CALLBACK] = {"GET, HEAD", .start = login_callback},
	[AUTH_ENDPOINT_SIGN_IN] = {"GET, HEAD", .answer = endpoint_sign_in},
	[AUTH_ENDPOINT_SIGN_OUT] = {"GET, HEAD, POST", .answer = endpoint_sign_out},
	[AUTH_ENDPOINT_AUTH] = {"GET, HEAD", .start = endpoint_auth},
	[AUTH_ENDPOINT_USERINFO] = {"GET, HEAD", .start = endpoint_userinfo},
	[AUTH_ENDPOINT_PORT] = {"GET, HEAD", .start = port_ticket_issue},
	[AUTH_ENDPOINT_SHARE] = {"POST", .start = share_endpoint},
	[AUTH_ENDPOINT_DEVICE] = {"GET, HEAD, POST", .start = device_login_page},
	[AUTH_ENDPOINT_DEVICE_START] = {"POST", .answer = device_login_start},
	[AUTH_ENDPOINT_DEVICE_TOKEN] = {"POST", .answer = device_login_token},
	[AUTH_ENDPOINT_DEVICE_END] = {"POST", .answer = device_login_end},
};

struct auth_call *
auth_answer(struct auth *a, enum auth_endpoint endpoint, const struct auth_facts *facts,
	    struct auth_verdict *v, auth_done_fn *done, void *arg)
{
	const char *methods = endpoints[endpoint].methods;

	if (!is_allowed(methods, facts->method) && !is_handed_on(a, endpoint, facts)) {
		verdict_problem(v, AUTH_PROBLEM_METHOD, NULL);
		v->allow = methods;
	} else if (endpoint == AUTH_ENDPOINT_CALLBACK && facts->port != 0) {
		port_ticket_redeem(a, facts, v);
	} else if (endpoints[endpoint].start != NULL) {
		return endpoints[endpoint].start(a, facts, v, done, arg);
	} else {
		endpoints[endpoint].answer(a, facts, v);
	}
	return NULL;
}
