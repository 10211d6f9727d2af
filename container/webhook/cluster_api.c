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

struct cluster_api {
	struct fetch *fetch;
	struct fetch_call *call;
	cluster_done_fn *done;
	void *arg;
	uint64_t timeout_ms;
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

/* What the server says about a refusal is a Status (meta/v1) with a message. */
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

/* False for 200 only. */
static bool
explain_status(unsigned status, struct str body, struct err *e)
{
	char what[64];

	switch (status) {
	case 200:
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

static void
on_fetched(const struct fetch_response *response, const struct err *error, bool request_sent,
	   void *arg)
{
	struct cluster_api *a = arg;
	struct json_doc *doc = NULL;
	struct err e = *error;
	bool is_conflict = response != NULL && response->status == 409;

	(void)request_sent;
	a->call = NULL;
	if (response != NULL && !is_conflict &&
	    !explain_status(response->status, response->body, &e))
		doc = parse_object(response->body, &e);
	const struct cluster_answer answer = {
		.outcome = is_conflict	 ? CLUSTER_CONFLICT
			   : doc != NULL ? CLUSTER_DONE
					 : CLUSTER_FAILED,
		.object = doc == NULL ? NULL : json_doc_root(doc),
		.e = &e,
	};
	a->done(&answer, a->arg);
	json_doc_free(doc);
}

static struct fetch *
new_fetch(struct loop *l, const struct cluster_api *a, struct err *e)
{
	const struct fetch_options options = {
		.ca_file = a->ca_file,
		.user_agent = "workspace-proxy",
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.stall_timeout_ms = STALL_TIMEOUT_MS,
		.total_timeout_ms = TOTAL_TIMEOUT_MS,
		.body_max_bytes = ANSWER_MAX_BYTES,
		.connections_max = 1,
	};

	return fetch_new(l, &options, e);
}

struct cluster_api *
cluster_api_new(struct loop *l, const struct cluster_api_options *options, struct err *e)
{
	const char *dir = options->account_dir;
	struct cluster_api *a = calloc(1, sizeof(*a));

	if (a == NULL || (a->url = strdup(options->url)) == NULL) {
		free(a);
		err_set(e, ERR_MEMORY, "no memory for the API client");
		return NULL;
	}
	if (snprintf(a->token_file, PATH_BYTES, "%s/token", dir) >= PATH_BYTES ||
	    snprintf(a->ca_file, PATH_BYTES, "%s/ca.crt", dir) >= PATH_BYTES) {
		err_set(e, ERR_CONFIG, "%.200s…: path too long", dir);
		cluster_api_free(a);
		return NULL;
	}
	a->timeout_ms = options->timeout_ms;
	a->ca_seen = file_watch_stat(a->ca_file);
	a->fetch = new_fetch(l, a, e);
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
	if (a == NULL)
		return;
	if (a->fetch != NULL)
		fetch_free(a->fetch);
	secret_free(a->token);
	free(a->url);
	free(a);
}

static const char *
content_type_of(enum cluster_patch patch)
{
	switch (patch) {
	case CLUSTER_NO_PATCH:
		return NULL;
	case CLUSTER_MERGE_PATCH:
		return "application/merge-patch+json";
	case CLUSTER_JSON_PATCH:
		return "application/json-patch+json";
	}
	return NULL;
}

bool
cluster_api_start(struct cluster_api *a, const struct cluster_request *request,
		  cluster_done_fn *done, void *arg, struct err *e)
{
	char url[URL_BYTES];

	err_assert(a->call == NULL);
	if (snprintf(url, sizeof(url), "%s%s", a->url, request->path) >= (int)sizeof(url))
		return err_set(e, ERR_CONFIG, "the object's path is too long");
	if (!read_token(a, e))
		return false;
	check_authorities(a);
	const struct fetch_request fetched = {
		.priority = FETCH_NORMAL,
		.method = request->patch == CLUSTER_NO_PATCH ? "GET" : "PATCH",
		.url = url,
		.accept = "application/json",
		.content_type = content_type_of(request->patch),
		.body = request->body,
		.bearer = a->token,
		.timeout_ms = a->timeout_ms,
	};
	a->done = done;
	a->arg = arg;
	a->call = fetch_start(a->fetch, &fetched, on_fetched, a, e);
	return a->call != NULL;
}
