/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests by base/http/fetch, each of which runs the loop until it is done.
 */
#include "container/cluster/cluster_read.h"

#include <stdlib.h>

#include "base/conf/conf.h"
#include "base/crypto/crypto.h"
#include "base/http/fetch.h"
#include "base/url.h"
#include "container/cluster/cluster_installation.h"
#include "container/cluster/cluster_workspaces.h"

#define CONNECT_TIMEOUT_MS 10000u
#define STALL_TIMEOUT_MS   15000u
#define TOTAL_TIMEOUT_MS   60000u
#define URL_BYTES	   1024
#define PATH_BYTES	   1024
#define TOKEN_MAX_BYTES	   16384u
#define LABEL		   "?labelSelector=workspace-proxy.io%2Finject"

struct cluster_reader {
	struct loop *loop;
	struct fetch *fetch; /* of the API server */
	struct fetch *sites; /* for other servers, with the system's authorities */
	const char *api;
	struct secret *token; /* or NULL */
	/* Of the last response */
	unsigned status; /* 0: no response, and e says why */
	struct buf body;
	struct err e;
};

static void
on_fetched(const struct fetch_response *response, const struct err *e, bool request_sent, void *arg)
{
	struct cluster_reader *r = arg;

	(void)request_sent;
	r->e = *e;
	r->status = response == NULL ? 0 : response->status;
	if (response != NULL && !buf_add_str(&r->body, response->body))
		err_set(&r->e, ERR_MEMORY, "out of memory");
	loop_stop(r->loop);
}

/* Sends a request. False: no response, and r->e says why. */
static bool
ask(struct cluster_reader *r, struct fetch *fetch, const char *url, const char *body)
{
	const struct fetch_request request = {
		.priority = FETCH_NORMAL,
		.method = body == NULL ? "GET" : "POST",
		.url = url,
		.accept = "application/json",
		.content_type = body == NULL ? NULL : "application/json",
		.body = str_from(body),
		.bearer = fetch == r->fetch ? r->token : NULL,
	};

	buf_clear(&r->body);
	r->status = 0;
	err_clear(&r->e);
	if (fetch_start(fetch, &request, on_fetched, r, &r->e) == NULL)
		return false;
	return loop_run(r->loop, &r->e) && r->status != 0 && r->e.code == ERR_NONE;
}

static bool
ask_api(struct cluster_reader *r, const char *path, const char *body)
{
	char url[URL_BYTES];

	if (snprintf(url, sizeof(url), "%s%s", r->api, path) >= (int)sizeof(url))
		return err_set(&r->e, ERR_CONFIG, "the path is too long");
	return ask(r, r->fetch, url, body);
}

/* Reads what is at the path: a kind, or one object. False: the API server did not respond. */
static bool
read_path(struct cluster_reader *r, const char *path, const struct cluster_object *what,
	  struct cluster_objects *o, struct cluster_report *report)
{
	struct err e = ERR_INIT;

	if (!ask_api(r, path, NULL))
		return false;
	if (r->status == 401)
		return err_set(&r->e, ERR_DENIED,
			       "the API server rejects the credentials (status 401)");
	if (r->status == 404 ||
	    (r->status == 200 && cluster_objects_add(o, buf_view(&r->body), &e)))
		return true;
	if (r->status == 403)
		cluster_unchecked(report, "%s: no permission to read it", path);
	else if (r->status == 200)
		cluster_unchecked(report, "%s: %s", path, e.text);
	else
		cluster_unchecked(report, "%s: the API server answers with status %u", path,
				  r->status);
	return cluster_objects_add_unread(o, what, &r->e);
}

struct secret_reader {
	struct cluster_reader *reader;
	struct cluster_objects *objects;
	struct cluster_report *report;
	bool failed;
};

static void
read_secret(const struct cluster_object *user, struct str namespace, struct str name, void *arg)
{
	struct secret_reader *s = arg;
	const struct cluster_object secret = cluster_named("Secret", namespace, name);
	char path[URL_BYTES];

	(void)user;
	if (s->failed || cluster_objects_find(s->objects, "Secret", namespace, name) != NULL ||
	    cluster_objects_is_unread(s->objects, "Secret", namespace, name))
		return;
	(void)snprintf(path, sizeof(path), "/api/v1/namespaces/%.*s/secrets/%.*s",
		       STR_FMT(str_take(namespace, 253)), STR_FMT(str_take(name, 253)));
	s->failed = !read_path(s->reader, path, &secret, s->objects, s->report);
}

bool
cluster_read_all(struct cluster_reader *r, struct str namespace, struct cluster_objects *o,
		 struct cluster_report *report, struct err *e)
{
	static const char *const paths[][2] = {
		{"", "/version"},
		{"Node", "/api/v1/nodes"},
		{"Namespace", "/api/v1/namespaces"},
		{"Pod", "/api/v1/pods" LABEL},
		{"ReplicaSet", "/apis/apps/v1/replicasets" LABEL},
		{"NetworkPolicy", "/apis/networking.k8s.io/v1/networkpolicies"},
		{"MutatingWebhookConfiguration",
		 "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"},
		{"ValidatingWebhookConfiguration",
		 "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"},
		{"Deployment", "/apis/apps/v1/namespaces/%.*s/deployments"},
		{"Service", "/api/v1/namespaces/%.*s/services"},
		{"ConfigMap", "/api/v1/namespaces/%.*s/configmaps"},
		{"EndpointSlice", "/apis/discovery.k8s.io/v1/namespaces/%.*s/endpointslices"},
	};
	struct secret_reader secrets = {.reader = r, .objects = o, .report = report};
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof(paths) / sizeof(paths[0]); i++) {
		const struct cluster_object kind = cluster_named(paths[i][0], STR_NONE, STR_NONE);
		struct str path = str_from(paths[i][1]);
		size_t at = str_find(path, STR("%.*s"));
		char filled[URL_BYTES];
		(void)snprintf(filled, sizeof(filled), "%.*s%.*s%.*s", STR_FMT(str_take(path, at)),
			       STR_FMT(at == SIZE_MAX ? STR_NONE : str_take(namespace, 253)),
			       STR_FMT(at == SIZE_MAX ? STR_NONE : str_skip(path, at + 4)));
		ok = read_path(r, filled, &kind, o, report);
	}
	if (ok)
		cluster_each_secret(o, namespace, read_secret, &secrets);
	if (ok && !secrets.failed)
		return true;
	*e = r->e;
	return err_wrap(e, "%.200s", r->api);
}

void
cluster_check_webhook_is_called(struct cluster_reader *r, struct cluster_report *report)
{
	static const char pod[] =
		"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"workspace-proxy-"
		"check\","
		"\"labels\":{\"workspace-proxy.io/inject\":\"true\"}},\"spec\":{\"containers\":[{"
		"\"name\":\"ide\",\"image\":\"none\"}]}}";
	const struct cluster_object webhook =
		cluster_named("webhook", STR_NONE, STR("workspace-proxy"));
	struct err e = ERR_INIT;
	struct json_doc *doc;

	if (!ask_api(r, "/api/v1/namespaces/default/pods?dryRun=All", pod)) {
		cluster_unchecked(report, "whether the API server reaches the webhook: %s",
				  r->e.text);
		return;
	}
	doc = json_doc_parse(buf_view(&r->body), &e);
	struct str message = doc == NULL ? STR_NONE : cluster_text(json_doc_root(doc), "message");
	if (str_find(message, STR("denied the request: workspace-proxy: ")) != SIZE_MAX)
		;
	else if (r->status == 403 && str_find(message, STR("webhook")) == SIZE_MAX)
		cluster_unchecked(report, "whether the API server reaches the webhook: you may not "
					  "create pods in the namespace default");
	else if (r->status == 201)
		cluster_problem(report, &webhook,
				"the API server does not call it: a labelled pod would have been "
				"created without the sidecar");
	else
		cluster_problem(report, &webhook, "%.*s", STR_FMT(str_take(message, 600)));
	json_doc_free(doc);
}

static void
check_site(struct cluster_reader *r, struct cluster_report *report, const char *host)
{
	const struct cluster_object site = cluster_named("https:", STR_NONE, str_from(host));
	char url[URL_BYTES];

	(void)snprintf(url, sizeof(url), "https://%s/ping", host);
	if (!ask(r, r->sites, url, NULL))
		cluster_problem(report, &site, "%s", r->e.text);
}

/* Checks the relay, and a workspace by a name that does not exist. */
void
cluster_check_hosts(struct cluster_reader *r, const struct cluster_check *c)
{
	struct str zone = cluster_webhook_setting(c, "INJECT_ZONE");
	struct str relay = cluster_webhook_setting(c, "RELAY_URL");
	struct err e = ERR_INIT;
	struct arena a;
	struct url url;
	char host[512];
	uint32_t number;

	arena_init(&a, 8192);
	if (relay.len > 0 && url_parse(&url, relay, &a, &e)) {
		(void)snprintf(host, sizeof(host), "%.*s:%u", STR_FMT(str_take(url.host, 253)),
			       (unsigned)url.port);
		check_site(r, c->report, host);
	} else {
		cluster_unchecked(c->report,
				  "address and certificate of the relay: RELAY_URL is not known");
	}
	if (zone.len > 0) {
		crypto_random(&number, sizeof(number));
		(void)snprintf(host, sizeof(host), "check-%u.%.*s", (unsigned)number,
			       STR_FMT(str_take(zone, 253)));
		check_site(r, c->report, host);
	} else {
		cluster_unchecked(
			c->report,
			"address and certificate of workspaces: INJECT_ZONE is not known");
	}
	arena_fini(&a);
}

static bool
read_token(struct cluster_reader *r, const char *directory, struct err *e)
{
	char path[PATH_BYTES];
	struct buf text;

	if (snprintf(path, sizeof(path), "%s/token", directory) >= (int)sizeof(path))
		return err_set(e, ERR_CONFIG, "the account's directory has too long a name");
	buf_init(&text, TOKEN_MAX_BYTES);
	bool ok = buf_reserve(&text, TOKEN_MAX_BYTES) && conf_read_file(path, &text, e);
	r->token = ok && text.len > 0 ? secret_from_str(buf_view(&text)) : NULL;
	buf_wipe_fini(&text);
	if (ok && r->token == NULL)
		ok = err_set(e, ERR_CONFIG, "no token");
	return ok || err_wrap(e, "%.200s", path);
}

static struct fetch *
new_fetch(struct loop *l, const char *ca_file, struct err *e)
{
	const struct fetch_options options = {
		.ca_file = ca_file,
		.user_agent = "workspace-proxy",
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.stall_timeout_ms = STALL_TIMEOUT_MS,
		.total_timeout_ms = TOTAL_TIMEOUT_MS,
		.body_max_bytes = CLUSTER_TEXT_MAX_BYTES,
		.connections_max = 1,
	};

	return fetch_new(l, &options, e);
}

static bool
connect_to(struct cluster_reader *r, const struct cluster_server *server, struct err *e)
{
	char ca_file[PATH_BYTES];

	if (server->account_dir != NULL && !read_token(r, server->account_dir, e))
		return false;
	(void)snprintf(ca_file, sizeof(ca_file), "%s/ca.crt",
		       server->account_dir == NULL ? "" : server->account_dir);
	r->loop = loop_new(e);
	r->fetch = r->loop == NULL
			   ? NULL
			   : new_fetch(r->loop, server->account_dir == NULL ? NULL : ca_file, e);
	r->sites = r->fetch == NULL ? NULL : new_fetch(r->loop, NULL, e);
	return r->sites != NULL;
}

struct cluster_reader *
cluster_reader_new(const struct cluster_server *server, struct err *e)
{
	struct cluster_reader *r = err_alloc(e, sizeof(*r), "out of memory");

	if (r == NULL)
		return NULL;
	buf_init(&r->body, CLUSTER_TEXT_MAX_BYTES);
	r->api = server->url;
	if (connect_to(r, server, e))
		return r;
	cluster_reader_free(r);
	return NULL;
}

void
cluster_reader_free(struct cluster_reader *r)
{
	if (r == NULL)
		return;
	if (r->fetch != NULL)
		fetch_free(r->fetch);
	if (r->sites != NULL)
		fetch_free(r->sites);
	loop_free(r->loop);
	secret_free(r->token);
	buf_fini(&r->body);
	free(r);
}
