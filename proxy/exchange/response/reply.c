/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds responses from the verdict and the state of the workspace. send_reply sends all of them.
 */
#include "proxy/exchange/response/reply.h"

#include "proxy/exchange/exchange_private.h"
#include "proxy/exchange/response/cors.h"
#include "proxy/exchange/response/frame.h"
#include "proxy/exchange/response/hsts.h"
#include "proxy/ssh/ssh_probe.h"

#define REPLY_FIELDS  24u
#define RETRY_AFTER_S 2

static void
add(struct headers *h, const char *name, const char *value)
{
	headers_add_own(h, str_from(name), str_from(value));
}

static void
add_common(struct exchange *x, struct headers *h)
{
	add(h, "Date", proxy_date(x->proxy));
	hsts_set(x, h);
	add(h, "X-Request-Id", x->id);
	for (size_t i = 0; i < x->verdict.set_cookies_count; i++)
		add(h, "Set-Cookie", x->verdict.set_cookies[i]);
}

/* RFC 9110 section 11.6.1, RFC 6750 section 3. Browsers show no prompt for this scheme. */
static void
add_challenge(struct exchange *x, unsigned status, struct headers *h)
{
	const char *more = x->verdict.challenge;
	const char *value = "Bearer realm=\"workspace\"";

	if (more != NULL)
		value = arena_printf(&x->arena, "%s, %s", value, more);
	if (value != NULL && (status == 401 || more != NULL))
		add(h, "WWW-Authenticate", value);
}

/* Sends the response with the fields of h, which has room for the common ones. Finishes the
 * exchange. */
static void
send_reply(struct exchange *x, unsigned status, struct headers *h, struct str body)
{
	struct stream *s = x->stream;
	bool has_body = body.len > 0 && status != 204 && status != 304;
	struct response_head head = {
		.status = status,
		.body = has_body && !x->request.is_head ? BODY_LENGTH : BODY_NONE,
		.length = body.len,
		.has_length = status != 204 && status != 304,
	};

	add_common(x, h);
	add_challenge(x, status, h);
	head.headers = *h;
	x->status = status;
	s->ops->send_head(s, &head);
	if (head.body == BODY_LENGTH)
		exchange_send_body(x, body);
	exchange_end(x, NULL);
}

static void
send_without_memory(struct exchange *x)
{
	struct header items[REPLY_FIELDS];
	struct headers h = {.items = items, .size = REPLY_FIELDS};

	send_reply(x, 500, &h, STR_NONE);
}

/* Prepares a list of fields. Without memory replies with 500 and returns false. */
static bool
begin(struct exchange *x, struct headers *h)
{
	if (headers_init(h, REPLY_FIELDS, &x->arena))
		return true;
	send_without_memory(x);
	return false;
}

static void
add_content(struct headers *h, const char *type, const char *cache_control)
{
	add(h, "Content-Type", type);
	add(h, "Cache-Control", cache_control);
	add(h, "X-Content-Type-Options", "nosniff");
}

static void
add_seconds(struct exchange *x, struct headers *h, const char *name, uint32_t seconds)
{
	char *text = arena_printf(&x->arena, "%u", seconds);

	if (text != NULL)
		add(h, name, text);
}

void
reply_body(struct exchange *x, unsigned status, const char *content_type, struct str body)
{
	struct headers h;

	if (!begin(x, &h))
		return;
	add_content(&h, content_type, "no-store");
	send_reply(x, status, &h, body);
}

void
reply_jwks(struct exchange *x)
{
	struct str method = x->request.method;
	struct headers h;

	if (!begin(x, &h))
		return;
	if (!x->request.is_head && !str_equal(method, STR("GET"))) {
		add(&h, "Allow", "GET, HEAD");
		add(&h, "Cache-Control", "no-store");
		send_reply(x, 405, &h, STR_NONE);
		return;
	}
	add_content(&h, "application/jwk-set+json", "public, max-age=300");
	send_reply(x, 200, &h, auth_jwks(x->proxy->auth));
}

void
reply_upgrade_required(struct exchange *x, const char *subprotocol)
{
	struct headers h;

	if (!begin(x, &h))
		return;
	add(&h, "Upgrade", "websocket");
	add(&h, "Sec-WebSocket-Version", "13");
	add(&h, "Sec-WebSocket-Protocol", subprotocol);
	add(&h, "Cache-Control", "no-store");
	send_reply(x, 426, &h, STR_NONE);
}

void
reply_redirect(struct exchange *x, unsigned status, const char *location)
{
	struct headers h;

	if (!begin(x, &h))
		return;
	add(&h, "Location", location);
	add(&h, "Cache-Control", "no-store");
	frame_add_redirect_headers(x, &h);
	if (x->verdict.allows_origin)
		cors_add(x, &h);
	send_reply(x, status, &h, STR_NONE);
}

/* Sends the page as HTML, or as JSON to API clients. */
static void
send_page(struct exchange *x, struct page *page)
{
	bool is_framed = frame_may_show(x, page->kind);
	bool is_html = is_framed || exchange_is_for_person(x);
	const struct pages *pages = x->proxy->pages;
	struct headers h;
	struct buf body;

	page->request_id = x->id;
	page->is_framed = is_framed;
	buf_init(&body, is_html ? PAGES_HTML_MAX : PAGES_JSON_MAX);
	bool ok =
		headers_init(&h, REPLY_FIELDS, &x->arena) &&
		(is_html ? pages_render_html(pages, page, &body) : pages_render_json(page, &body));
	if (ok && is_html)
		ok = frame_add_page_headers(x, pages_headers(pages, page->kind), is_framed, &h);
	if (!ok) {
		buf_fini(&body);
		send_without_memory(x);
		return;
	}
	if (is_html) {
		add(&h, "Content-Type", "text/html; charset=utf-8");
	} else {
		add_content(&h, "application/json", "no-store");
		cors_add(x, &h);
	}
	if (page->retry_after_s > 0)
		add_seconds(x, &h, "Retry-After", page->retry_after_s);
	if (page->status == 405 && x->verdict.allow != NULL)
		add(&h, "Allow", x->verdict.allow);
	send_reply(x, page->status, &h, buf_view(&body));
	buf_fini(&body);
}

void
reply_preflight(struct exchange *x)
{
	struct headers h;

	if (!begin(x, &h))
		return;
	cors_add_preflight(x, &h);
	send_reply(x, 204, &h, STR_NONE);
}

/* Makes a path an absolute URL, for API clients that do not know the origin of the response. */
static const char *
absolute(struct exchange *x, const char *location)
{
	if (location == NULL || location[0] != '/')
		return location;
	const char *whole = arena_printf(&x->arena, "%.*s%s", STR_FMT(x->origin), location);
	return whole != NULL ? whole : location;
}

void
reply_status(struct exchange *x, unsigned status)
{
	reply_problem(x, status, AUTH_PROBLEM_NONE);
}

/* Whether the page links to the workspace's start page; the relay has none. */
static bool
is_for_workspace(const struct exchange *x, unsigned status)
{
	return status == 404 && x->proxy->auth != NULL && exchange_is_for_person(x);
}

static struct page
page_of(const struct exchange *x, enum page_kind kind, unsigned status)
{
	return (struct page){.kind = kind,
			     .status = status,
			     .problem = AUTH_PROBLEM_NONE,
			     .identity = x->verdict.identity,
			     .port = x->route.port,
			     .retry_after_s = status == 503 ? RETRY_AFTER_S : 0};
}

/* A page that shows the progress of the clone and of the server. */
static struct page
progress_page_of(struct exchange *x, enum page_kind kind, unsigned status)
{
	struct page page = page_of(x, kind, status);

	page.clone = clone_control_progress(&x->proxy->clone_control);
	page.is_ready = upstream_is_ready(exchange_server(x));
	page.reason = x->route.port == 0 ? ide_status_reason(x->proxy) : NULL;
	return page;
}

void
reply_problem(struct exchange *x, unsigned status, enum auth_problem problem)
{
	struct page page = page_of(x, PAGE_ERROR, status);

	page.problem = problem;
	page.sign_in_location = is_for_workspace(x, status) ? absolute(x, "/") : NULL;
	send_page(x, &page);
}

void
reply_detail(struct exchange *x, unsigned status, const char *detail)
{
	struct page page = page_of(x, PAGE_ERROR, status);

	page.detail = detail;
	send_page(x, &page);
}

void
reply_wrong_method(struct exchange *x, const char *allowed)
{
	x->verdict.allow = allowed;
	reply_problem(x, 405, AUTH_PROBLEM_METHOD);
}

void
reply_stream_head(struct exchange *x, const char *content_type)
{
	struct header items[8];
	struct headers h = {.items = items, .size = sizeof(items) / sizeof(items[0])};

	add(&h, "Content-Type", content_type);
	add(&h, "Cache-Control", "no-store");
	add(&h, "X-Accel-Buffering", "no");
	add(&h, "X-Content-Type-Options", "nosniff");
	add(&h, "Date", proxy_date(x->proxy));
	hsts_set(x, &h);
	add(&h, "X-Request-Id", x->id);
	x->status = 200;
	x->stream->ops->send_head(
		x->stream,
		&(struct response_head){.status = 200, .headers = h, .body = BODY_STREAM});
}

/* Only users of the workspace see the progress of its clone; guests of a port do not. */
void
reply_waiting(struct exchange *x)
{
	if (!exchange_is_of_user(x)) {
		reply_detail(x, 503, "The server on this port does not respond yet.");
		return;
	}
	struct page page = progress_page_of(x, PAGE_WORKSPACE, 503);

	send_page(x, &page);
}

/* Returns host and path of the repository without ".git", for display. */
static struct str
name_repository(struct exchange *x)
{
	const struct url *url = &x->proxy->settings->clone.url;
	struct str path = url->path;

	if (str_is_empty(url->host))
		return STR_NONE;
	if (str_ends_with(path, STR(".git")))
		path = str_take(path, path.len - 4);
	return str_from(arena_printf(&x->arena, "%.*s%.*s", STR_FMT(url->host), STR_FMT(path)));
}

void
reply_status_page(struct exchange *x)
{
	struct proxy *p = x->proxy;
	struct port_watch_page ports;
	struct page_status status = {
		.times = auth_session_times(x->verdict.session),
		.repository = name_repository(x),
		.directory = p->settings->clone.dir,
		.has_ssh = x->route.port == 0 && p->ssh_probe != NULL,
		.timeline = &p->ide_status.timeline,
		.answered_ms = upstream_figures(p->upstream).first_ready_ms,
		.ports = port_watch_describe(&p->port_watch, x->route.port, &ports),
	};
	status.devices_count = auth_session_devices(x->verdict.session, status.devices);
	if (status.has_ssh) {
		ssh_probe_ask(p->ssh_probe);
		status.ssh_problem = ssh_probe_problem(p->ssh_probe);
		status.ssh_user = ssh_probe_user(p->ssh_probe);
	}
	struct page page = progress_page_of(x, PAGE_STATUS, 200);

	page.session = &status;
	send_page(x, &page);
}

static void
reply_auth_page(struct exchange *x, enum page_kind kind)
{
	const struct auth_verdict *v = &x->verdict;
	struct page page = page_of(x, kind, v->status);

	page.problem = v->problem;
	page.is_guest = v->is_guest;
	page.sign_in_location = absolute(x, v->location);
	page.gitlab_url = v->gitlab_url;
	page.detail = v->detail;
	page.retry_after_s = v->retry_after_s;
	page.device = v->device_page;
	send_page(x, &page);
}

static void
add_view(struct headers *h, const char *name, struct str value)
{
	if (!str_is_empty(value))
		headers_add_own(h, str_from(name), value);
}

/* Sends the JSON of an endpoint. The endpoint "auth" also sends the user's name in header fields,
 * for nginx's auth_request and Traefik's forwardAuth. */
static void
reply_endpoint(struct exchange *x)
{
	const struct auth_verdict *v = &x->verdict;
	struct headers h;

	if (!begin(x, &h))
		return;
	add_content(&h, "application/json", "no-store");
	if (x->route.kind == ROUTE_AUTH && x->route.endpoint == AUTH_ENDPOINT_AUTH) {
		add_view(&h, "X-Auth-Request-User", v->identity.username);
		add_view(&h, "X-Auth-Request-Preferred-Username", v->identity.username);
		add_view(&h, "X-Auth-Request-Email", v->identity.email);
	}
	send_reply(x, v->status, &h, v->json);
}

void
reply_verdict(struct exchange *x)
{
	const struct auth_verdict *v = &x->verdict;

	switch (v->action) {
	case AUTH_REDIRECT:
		reply_redirect(x, v->status, v->location);
		return;
	case AUTH_PROBLEM:
		reply_auth_page(x, PAGE_ERROR);
		return;
	case AUTH_REPLY:
		reply_endpoint(x);
		return;
	case AUTH_SIGN_IN_PAGE:
		reply_auth_page(x, PAGE_SIGN_IN);
		return;
	case AUTH_SIGN_OUT_PAGE:
		reply_auth_page(x, PAGE_SIGN_OUT);
		return;
	case AUTH_SIGNED_OUT_PAGE:
		reply_auth_page(x, PAGE_SIGNED_OUT);
		return;
	case AUTH_TARGET_LOST_PAGE:
		reply_auth_page(x, PAGE_TARGET_LOST);
		return;
	case AUTH_DEVICE_PAGE:
		reply_auth_page(x, PAGE_DEVICE);
		return;
	case AUTH_RELAY_PAGE:
		reply_auth_page(x, PAGE_RELAY);
		return;
	case AUTH_ALLOW:
		break;
	}
	/* An endpoint of auth with nothing to show. */
	reply_body(x, 200, "application/json", STR("{}"));
}
