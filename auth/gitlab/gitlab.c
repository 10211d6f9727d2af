/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the requests. Addresses come from the settings only. Forms with secrets are built in
 * memory that is wiped; responses are parsed by gitlab_read.
 */
#include "auth/gitlab/gitlab.h"

#include <inttypes.h>
#include <stdlib.h>

#include "auth/gitlab/gitlab_private.h"
#include "base/json.h"

#define FORM_MAX_BYTES 65536u

static const char *
build_workspace_query(struct gitlab *g)
{
	return arena_printf(&g->arena,
			    "{\"query\":\"query($id:RemoteDevelopmentWorkspaceID!){"
			    "currentUser{id}workspace(id:$id){id user{id}}}\","
			    "\"variables\":{\"id\":\"" GITLAB_WORKSPACE_GID "%" PRIu64 "\"}}",
			    g->settings->workspace_id);
}

static bool
build_urls(struct gitlab *g)
{
	const struct auth_settings *s = g->settings;
	const struct url *api =
		str_is_empty(s->gitlab_api_url.host) ? &s->gitlab_url : &s->gitlab_api_url;
	const char *base = url_base(api, &g->arena);

	if (base == NULL)
		return false;
	g->token_url = arena_printf(&g->arena, "%s/oauth/token", base);
	g->revoke_url = arena_printf(&g->arena, "%s/oauth/revoke", base);
	g->user_url = arena_printf(&g->arena, "%s/api/v4/user", base);
	g->graphql_url = arena_printf(&g->arena, "%s/api/graphql", base);
	g->api_url = arena_printf(&g->arena, "%s/api/v4/", base);
	g->workspace_query = build_workspace_query(g);
	return g->token_url != NULL && g->revoke_url != NULL && g->user_url != NULL &&
	       g->graphql_url != NULL && g->api_url != NULL && g->workspace_query != NULL;
}

struct gitlab *
gitlab_new(const struct auth_settings *settings, const char *redirect_uri, struct fetch *f,
	   struct err *e)
{
	struct gitlab *g = err_alloc(e, sizeof(*g), "GitLab client");

	if (g == NULL)
		return NULL;
	g->settings = settings;
	g->redirect_uri = redirect_uri;
	g->fetch = f;
	g->relay_fetch = f;
	g->client_rate = (struct client_rate){
		.client_max = settings->sign_in_failures_per_address_max,
		.common_max = settings->sign_in_failures_max,
	};
	arena_init(&g->arena, 65536);
	if (!build_urls(g) || (settings->broker && !gitlab_broker_build_address(g))) {
		err_set(e, ERR_CONFIG, "GitLab's address is too long");
		gitlab_free(g);
		return NULL;
	}
	return g;
}

struct auth_metrics *
gitlab_metrics(struct gitlab *g)
{
	return &g->metrics;
}

struct client_rate *
gitlab_client_rate(struct gitlab *g)
{
	return &g->client_rate;
}

enum fetch_priority
gitlab_client_priority(const struct gitlab *g, uint64_t client)
{
	return client_rate_is_proven(&g->client_rate, client) ? FETCH_NORMAL : FETCH_LOW;
}

void
gitlab_set_relay_client(struct gitlab *g, struct fetch *f)
{
	g->relay_fetch = f;
}

void
gitlab_free(struct gitlab *g)
{
	if (g == NULL)
		return;
	for (size_t i = 0; i < GITLAB_REVOKES_MAX; i++) {
		gitlab_cancel(g->revocations[i].call);
		secret_free(g->revocations[i].token);
	}
	arena_fini(&g->arena);
	free(g);
}

static void
add_field(struct buf *form, const char *name, struct str value)
{
	if (form->len > 0)
		buf_add_byte(form, '&');
	buf_add_str(form, str_from(name));
	buf_add_byte(form, '=');
	/* Reserve first, so that no part of a secret is left in memory that was reallocated. */
	if (!buf_reserve(form, value.len * 3) || !url_encode(form, value))
		form->failed = true;
}

static void
add_client(struct gitlab *g, struct buf *form)
{
	add_field(form, "client_id", str_from(g->settings->client_id));
	if (g->settings->client_secret != NULL)
		add_field(form, "client_secret", secret_view(g->settings->client_secret));
}

/* Reserves the whole form at once: see add_field. */
static void
form_init(struct buf *form)
{
	buf_init(form, FORM_MAX_BYTES);
	(void)buf_reserve(form, FORM_MAX_BYTES / 2);
}

/* Sends a form; q has the kind of the request and its priority. */
static struct gitlab_call *
start_form_request(struct gitlab *g, struct gitlab_request *q, struct buf *form,
		   gitlab_done_fn *done, void *arg)
{
	bool is_revoke = q->kind == AUTH_REQUEST_REVOKE;
	struct gitlab_call *call = NULL;

	q->request.method = "POST";
	q->request.url = is_revoke ? g->revoke_url : g->token_url;
	q->request.accept = "application/json";
	q->request.content_type = "application/x-www-form-urlencoded";
	q->request.body = buf_view(form);
	q->read = is_revoke ? gitlab_read_revoke : gitlab_read_tokens;
	if (buf_is_ok(form))
		call = gitlab_start(g, q, done, arg);
	buf_wipe_fini(form);
	return call;
}

struct gitlab_call *
gitlab_exchange_code(struct gitlab *g, const struct gitlab_code *code, gitlab_done_fn *done,
		     void *arg)
{
	struct gitlab_request q = {.kind = AUTH_REQUEST_TOKEN,
				   .request = {.priority = code->priority},
				   .modes = code->modes};
	struct buf form;

	if (g->broker_url != NULL)
		return gitlab_broker_redeem(g, code, done, arg);
	form_init(&form);
	add_field(&form, "grant_type", STR("authorization_code"));
	add_client(g, &form);
	add_field(&form, "code", code->code);
	add_field(&form, "redirect_uri", str_from(g->redirect_uri));
	add_field(&form, "code_verifier", code->verifier);
	return start_form_request(g, &q, &form, done, arg);
}

struct gitlab_call *
gitlab_refresh(struct gitlab *g, const struct secret *refresh_token, unsigned modes,
	       gitlab_done_fn *done, void *arg)
{
	struct gitlab_request q = {
		.kind = AUTH_REQUEST_REFRESH, .request = {.priority = FETCH_HIGH}, .modes = modes};
	struct buf form;

	if (g->broker_url != NULL)
		return gitlab_broker_send_token(g, &q, refresh_token, done, arg);
	form_init(&form);
	add_field(&form, "grant_type", STR("refresh_token"));
	add_client(g, &form);
	add_field(&form, "refresh_token", secret_view(refresh_token));
	add_field(&form, "redirect_uri", str_from(g->redirect_uri));
	return start_form_request(g, &q, &form, done, arg);
}

struct gitlab_call *
gitlab_revoke_token(struct gitlab *g, const struct secret *token, gitlab_done_fn *done, void *arg)
{
	struct gitlab_request q = {.kind = AUTH_REQUEST_REVOKE,
				   .request = {.priority = FETCH_NORMAL}};
	struct buf form;

	if (g->broker_url != NULL)
		return gitlab_broker_send_token(g, &q, token, done, arg);
	form_init(&form);
	add_client(g, &form);
	add_field(&form, "token", secret_view(token));
	return start_form_request(g, &q, &form, done, arg);
}

/* Sends a request to the API; q has its kind. It is a GET unless it has a body. */
static struct gitlab_call *
start_api_request(struct gitlab *g, struct gitlab_request *q, const struct gitlab_credentials *who,
		  gitlab_done_fn *done, void *arg)
{
	bool has_body = !str_is_empty(q->request.body);

	q->request.method = has_body ? "POST" : "GET";
	q->request.content_type = has_body ? "application/json" : NULL;
	q->request.accept = "application/json";
	q->request.bearer = who->token;
	q->request.priority = who->priority;
	q->user_id = who->user_id;
	return gitlab_start(g, q, done, arg);
}

struct gitlab_call *
gitlab_get_user(struct gitlab *g, const struct gitlab_credentials *who, gitlab_done_fn *done,
		void *arg)
{
	struct gitlab_request q = {
		.kind = AUTH_REQUEST_USER,
		.request = {.url = g->user_url},
		.read = gitlab_read_user,
	};

	return start_api_request(g, &q, who, done, arg);
}

struct gitlab_call *
gitlab_check_workspace(struct gitlab *g, const struct gitlab_credentials *who, gitlab_done_fn *done,
		       void *arg)
{
	struct gitlab_request q = {
		.kind = AUTH_REQUEST_WORKSPACE,
		.request = {.url = g->graphql_url, .body = str_from(g->workspace_query)},
		.read = gitlab_read_workspace,
	};

	return start_api_request(g, &q, who, done, arg);
}

/* The path of a membership: "projects" or "groups", and which one. */
struct membership_of {
	const char *kind;
	const char *which; /* an id, or a full path, which is encoded as one segment */
};

/* Requests a membership; q has everything but the address. */
static struct gitlab_call *
check_members(struct gitlab *g, struct gitlab_request *q, const struct membership_of *of,
	      const struct gitlab_credentials *who, gitlab_done_fn *done, void *arg)
{
	struct gitlab_call *call = NULL;
	struct buf url;

	buf_init(&url, URL_MAX_BYTES);
	buf_addf(&url, "%s%s/", g->api_url, of->kind);
	if (url_encode(&url, str_from(of->which)) &&
	    buf_addf(&url, "/members/all/%" PRIu64, who->user_id) && buf_add_byte(&url, '\0')) {
		q->request.url = url.data;
		call = start_api_request(g, q, who, done, arg);
	}
	buf_fini(&url);
	return call;
}

struct gitlab_call *
gitlab_check_project(struct gitlab *g, const struct gitlab_credentials *who, gitlab_done_fn *done,
		     void *arg)
{
	struct gitlab_request q = {.kind = AUTH_REQUEST_PROJECT,
				   .read = gitlab_read_project_member};
	const struct membership_of of = {"projects", g->settings->project};

	return check_members(g, &q, &of, who, done, arg);
}

struct gitlab_call *
gitlab_check_group(struct gitlab *g, const struct gitlab_credentials *who, const char *group,
		   gitlab_done_fn *done, void *arg)
{
	struct gitlab_request q = {.kind = AUTH_REQUEST_GROUP, .read = gitlab_read_group_member};
	const struct membership_of of = {"groups", group};

	return check_members(g, &q, &of, who, done, arg);
}
