/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On base/http/fetch. Reads the account's files on the loop: they are in memory (tmpfs).
 */
#include "container/webhook/cluster_api.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/ascii.h"
#include "base/conf/conf.h"
#include "base/http/fetch.h"
#include "base/list.h"
#include "base/process/file_watch.h"

#define CONNECT_TIMEOUT_MS 3000u
#define STALL_TIMEOUT_MS   5000u
#define TOTAL_TIMEOUT_MS   8000u
#define ANSWER_MAX_BYTES   (1024u * 1024u)
#define ANSWER_MAX_DEPTH   64u
#define TOKEN_MAX_BYTES	   16384u
#define PATH_BYTES	   1024
#define URL_BYTES	   2048
#define REASON_MAX_BYTES   200u

struct cluster_call {
	LIST_ENTRY(cluster_call) entry;
	struct fetch_call *fetch;
	cluster_done_fn *done;
	void *arg;
};

struct cluster_api {
	struct fetch *fetch;
	LIST_HEAD(, cluster_call) calls;
	char *url;
	char token_file[PATH_BYTES];
	char ca_file[PATH_BYTES];
	struct file_state token_seen;
	struct file_state ca_seen;
	struct secret *token;
};

/* Reads the token again when its file has changed. */
static bool
read_token(struct cluster_api *a, struct err *e)
{
	struct file_state now = file_watch_stat(a->token_file);
	struct buf text;

	if (a->token != NULL && file_state_is_same(&now, &a->token_seen))
		return true;
	buf_init(&text, TOKEN_MAX_BYTES);
	bool ok = buf_reserve(&text, TOKEN_MAX_BYTES) && conf_read_file(a->token_file, &text, e);
	struct secret *token = ok ? secret_from_str(buf_view(&text)) : NULL;
	if (ok && (text.len == 0 || token == NULL))
		ok = err_set(e, ERR_CONFIG, "%.200s: no token", a->token_file);
	buf_wipe_fini(&text);
	if (!ok) {
		secret_free(token);
		return err_wrap(e, "service account");
	}
	secret_free(a->token);
	a->token = token;
	a->token_seen = now;
	return true;
}

static void
check_authorities(struct cluster_api *a)
{
	struct file_state now = file_watch_stat(a->ca_file);

	if (!file_state_is_same(&now, &a->ca_seen))
		fetch_reload_authorities(a->fetch);
	a->ca_seen = now;
}

/* Refusals of the server contain a Status (meta/v1) with a message. */
static void
set_refusal(struct err *e, enum err_code code, const char *what, struct str body)
{
	struct str reason = STR_NONE;
	struct json_doc *doc =
		json_doc_parse_within(body, ANSWER_MAX_BYTES, ANSWER_MAX_DEPTH, NULL);

	if (doc == NULL || !json_get_opt_str(json_doc_root(doc), "message", &reason, NULL) ||
	    ascii_has_control(reason))
		reason = STR_NONE;
	reason = str_take(reason, REASON_MAX_BYTES);
	err_set(e, code, "the API server %s%s%.*s", what, reason.len > 0 ? ": " : "",
		STR_FMT(reason));
	json_doc_free(doc);
}

/* Sets the error for a status other than 200 and 201. Returns false for those two. */
static bool
explain_status(unsigned status, struct str body, struct err *e)
{
	char what[64];

	switch (status) {
	case 200:
	case 201:
		return false;
	case 401:
		set_refusal(e, ERR_DENIED, "does not accept the service account's token", body);
		return true;
	case 403:
		set_refusal(e, ERR_DENIED, "does not allow it (RBAC)", body);
		return true;
	case 404:
		set_refusal(e, ERR_NOT_FOUND, "has no such object", body);
		return true;
	case 422:
		set_refusal(e, ERR_PROTOCOL, "refuses the change", body);
		return true;
	default:
		(void)snprintf(what, sizeof(what), "answers with status %u", status);
		set_refusal(e, ERR_PROTOCOL, what, body);
		return true;
	}
}

static struct json_doc *
parse_object(struct str body, struct err *e)
{
	struct json_doc *doc = json_doc_parse_within(body, ANSWER_MAX_BYTES, ANSWER_MAX_DEPTH, e);

	if (doc == NULL)
		(void)err_wrap(e, "the API server's answer");
	return doc;
}

/* Distinguishes the two meanings of status 409. */
static enum cluster_outcome
conflict_of(struct str body)
{
	struct json_doc *doc =
		json_doc_parse_within(body, ANSWER_MAX_BYTES, ANSWER_MAX_DEPTH, NULL);
	struct str reason = STR_NONE;
	bool exists = doc != NULL &&
		      json_get_opt_str(json_doc_root(doc), "reason", &reason, NULL) &&
		      str_equal(reason, STR("AlreadyExists"));

	json_doc_free(doc);
	return exists ? CLUSTER_EXISTS : CLUSTER_CONFLICT;
}

static void
free_call(struct cluster_call *call)
{
	LIST_REMOVE(call, entry);
	free(call);
}

static void
on_fetched(const struct fetch_response *response, const struct err *error, bool request_sent,
	   void *arg)
{
	struct cluster_call *call = arg;
	cluster_done_fn *done = call->done;
	void *done_arg = call->arg;
	struct json_doc *doc = NULL;
	struct err e = *error;
	struct cluster_answer answer = {.outcome = CLUSTER_FAILED, .e = &e};

	(void)request_sent;
	free_call(call);
	if (response != NULL && response->status == 409)
		answer.outcome = conflict_of(response->body);
	else if (response != NULL && !explain_status(response->status, response->body, &e))
		doc = parse_object(response->body, &e);
	if (doc != NULL) {
		answer.outcome = CLUSTER_DONE;
		answer.object = json_doc_root(doc);
	}
	done(&answer, done_arg);
	json_doc_free(doc);
}

struct cluster_api *
cluster_api_new(struct loop *l, const struct container_settings *settings, unsigned connections_max,
		struct err *e)
{
	const char *dir = settings->account_dir;
	struct cluster_api *a = calloc(1, sizeof(*a));

	if (a == NULL || (a->url = strdup(settings->cluster_url)) == NULL) {
		free(a);
		err_set(e, ERR_MEMORY, "out of memory for the API client");
		return NULL;
	}
	if (snprintf(a->token_file, PATH_BYTES, "%s/token", dir) >= PATH_BYTES ||
	    snprintf(a->ca_file, PATH_BYTES, "%s/ca.crt", dir) >= PATH_BYTES) {
		err_set(e, ERR_CONFIG, "%.200s…: path too long", dir);
		cluster_api_free(a);
		return NULL;
	}
	a->ca_seen = file_watch_stat(a->ca_file);
	const struct fetch_options options = {
		.ca_file = a->ca_file,
		.user_agent = "workspace-proxy",
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.stall_timeout_ms = STALL_TIMEOUT_MS,
		.total_timeout_ms = TOTAL_TIMEOUT_MS,
		.body_max_bytes = ANSWER_MAX_BYTES,
		.connections_max = connections_max,
	};
	a->fetch = fetch_new(l, &options, e);
	if (a->fetch == NULL) {
		(void)err_wrap(e, "service account");
		cluster_api_free(a);
		return NULL;
	}
	return a;
}

void
cluster_api_free(struct cluster_api *a)
{
	struct cluster_call *call;
	struct cluster_call *next;

	if (a == NULL)
		return;
	if (a->fetch != NULL)
		fetch_free(a->fetch);
	LIST_FOREACH_SAFE (call, &a->calls, entry, next)
		free(call);
	secret_free(a->token);
	free(a->url);
	free(a);
}

static const struct {
	const char *method;
	const char *content_type;
} methods[] = {
	[CLUSTER_READ] = {"GET", NULL},
	[CLUSTER_MERGE_PATCH] = {"PATCH", "application/merge-patch+json"},
	[CLUSTER_JSON_PATCH] = {"PATCH", "application/json-patch+json"},
	[CLUSTER_CREATE] = {"POST", "application/json"},
};

static bool
set_url(const struct cluster_api *a, const char *path, char url[URL_BYTES], struct err *e)
{
	return snprintf(url, URL_BYTES, "%s%s", a->url, path) < URL_BYTES ||
	       err_set(e, ERR_CONFIG, "the object's path is too long");
}

struct cluster_call *
cluster_api_start(struct cluster_api *a, const struct cluster_request *request,
		  cluster_done_fn *done, void *arg, struct err *e)
{
	char url[URL_BYTES];

	if (!set_url(a, request->path, url, e) || !read_token(a, e))
		return NULL;
	check_authorities(a);
	struct cluster_call *call = err_alloc(e, sizeof(*call), "out of memory for a request");
	if (call == NULL)
		return NULL;
	const struct fetch_request fetched = {
		.priority = FETCH_NORMAL,
		.method = methods[request->method].method,
		.url = url,
		.accept = "application/json",
		.content_type = methods[request->method].content_type,
		.body = request->body,
		.bearer = a->token,
		.timeout_ms = request->timeout_ms,
	};
	*call = (struct cluster_call){.done = done, .arg = arg};
	LIST_INSERT_HEAD(&a->calls, call, entry);
	call->fetch = fetch_start(a->fetch, &fetched, on_fetched, call, e);
	if (call->fetch != NULL)
		return call;
	free_call(call);
	return NULL;
}

void
cluster_call_cancel(struct cluster_call *call)
{
	fetch_cancel(call->fetch);
	free_call(call);
}
