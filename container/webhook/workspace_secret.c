/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request per secret; a request is repeated if a quota's controller refuses it temporarily.
 */
#include "container/webhook/workspace_secret.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/json.h"
#include "base/list.h"
#include "container/webhook/cluster_api.h"

#define CONNECTIONS_MAX 16u
#define BODY_MAX_BYTES	4096u
#define PATH_BYTES	384
#define KEY_TEXT_BYTES	64u
#define ATTEMPTS_MAX	5u

struct workspace_secrets {
	const struct container_settings *settings;
	struct cluster_api *api;
	LIST_HEAD(, workspace_secret) under_way;
};

struct workspace_secret {
	struct workspace_secrets *maker;
	LIST_ENTRY(workspace_secret) entry;
	struct cluster_call *call; /* NULL within its callback */
	workspace_secret_fn *done;
	void *arg;
	char path[PATH_BYTES];
	struct buf body;
	uint64_t deadline_ms;
	unsigned attempts;
};

static cluster_done_fn on_created;

/* Adds the keys in the format of `relay-key` and `openssl rand`. */
static bool
write_key(struct json_writer *w, const char *name, struct str key)
{
	struct buf text;

	buf_init(&text, KEY_TEXT_BYTES);
	bool ok = buf_reserve(&text, KEY_TEXT_BYTES) && crypto_base64url_encode(&text, key);
	json_write_str(w, name, buf_view(&text));
	buf_wipe_fini(&text);
	return ok;
}

static bool
write_cookie_secret(struct json_writer *w)
{
	uint8_t key[CRYPTO_KEY_BYTES];

	crypto_random(key, sizeof(key));
	bool ok = write_key(w, "cookie-secret", STR_BYTES(key));
	secret_wipe(key, sizeof(key));
	return ok;
}

static bool
write_relay_key(struct json_writer *w, const struct container_settings *s, struct str host,
		struct err *e)
{
	struct secret *key = s->derive_relay_key(s->relay_master_key, host, e);

	if (key == NULL)
		return false;
	bool ok = write_key(w, "relay-key", secret_view(key));
	secret_free(key);
	return ok || err_set(e, ERR_MEMORY, "out of memory");
}

static void
write_metadata(struct json_writer *w, const struct workspace_secret_request *request)
{
	json_write_object(w, "metadata");
	json_write_str(w, "name", str_from(request->name));
	json_write_object(w, "labels");
	json_write_str(w, "app.kubernetes.io/name", STR("workspace-proxy"));
	json_write_str(w, "app.kubernetes.io/component", STR("workspace"));
	json_write_close(w, '}');
	json_write_object(w, "annotations");
	json_write_str(w, "workspace-proxy.io/host", str_from(request->host));
	json_write_close(w, '}');
	json_write_close(w, '}');
}

static bool
write_secret(const struct container_settings *s, const struct workspace_secret_request *request,
	     struct buf *out, struct err *e)
{
	struct json_writer w;

	json_write_begin_object(&w, out);
	json_write_str(&w, "apiVersion", STR("v1"));
	json_write_str(&w, "kind", STR("Secret"));
	write_metadata(&w, request);
	json_write_str(&w, "type", STR("Opaque"));
	json_write_object(&w, "stringData");
	if (!write_cookie_secret(&w) || !write_relay_key(&w, s, str_from(request->host), e))
		return err_wrap(e, "keys");
	json_write_close(&w, '}');
	return json_write_end_object(&w) || err_set(e, ERR_MEMORY, "out of memory");
}

static void
free_secret(struct workspace_secret *w)
{
	LIST_REMOVE(w, entry);
	buf_wipe_fini(&w->body);
	free(w);
}

static bool
send_request(struct workspace_secret *w, struct err *e)
{
	uint64_t now_ms = clock_monotonic_ms();
	const struct cluster_request request = {
		.path = w->path,
		.method = CLUSTER_CREATE,
		.body = buf_view(&w->body),
		.timeout_ms = w->deadline_ms - now_ms,
	};

	if (now_ms >= w->deadline_ms)
		return err_set(e, ERR_TIMEOUT, "the API server did not respond in time");
	if (w->attempts++ == ATTEMPTS_MAX)
		return err_set(e, ERR_TIMEOUT, "the API server reports conflicts again and again");
	w->call = cluster_api_start(w->maker->api, &request, on_created, w, e);
	return w->call != NULL;
}

static void
on_created(const struct cluster_answer *answer, void *arg)
{
	struct workspace_secret *w = arg;
	workspace_secret_fn *done = w->done;
	void *done_arg = w->arg;
	enum workspace_secret_outcome outcome = WORKSPACE_SECRET_FAILED;
	struct err e = *answer->e;

	w->call = NULL;
	switch (answer->outcome) {
	case CLUSTER_DONE:
		outcome = WORKSPACE_SECRET_CREATED;
		break;
	case CLUSTER_EXISTS:
		outcome = WORKSPACE_SECRET_EXISTING;
		break;
	case CLUSTER_CONFLICT:
		if (send_request(w, &e))
			return;
		break;
	case CLUSTER_FAILED:
		break;
	}
	free_secret(w);
	done(outcome, &e, done_arg);
}

struct workspace_secrets *
workspace_secrets_new(struct loop *l, const struct container_settings *settings, struct err *e)
{
	struct workspace_secrets *s = err_alloc(e, sizeof(*s), "out of memory");

	if (s == NULL)
		return NULL;
	s->settings = settings;
	s->api = cluster_api_new(l, settings, CONNECTIONS_MAX, e);
	if (s->api != NULL)
		return s;
	workspace_secrets_free(s);
	return NULL;
}

void
workspace_secrets_free(struct workspace_secrets *s)
{
	struct workspace_secret *w;
	struct workspace_secret *next;

	if (s == NULL)
		return;
	cluster_api_free(s->api);
	LIST_FOREACH_SAFE (w, &s->under_way, entry, next) {
		buf_wipe_fini(&w->body);
		free(w);
	}
	free(s);
}

struct workspace_secret *
workspace_secret_start(struct workspace_secrets *s, const struct workspace_secret_request *request,
		       workspace_secret_fn *done, void *arg, struct err *e)
{
	struct workspace_secret *w = err_alloc(e, sizeof(*w), "out of memory");

	if (w == NULL)
		return NULL;
	*w = (struct workspace_secret){.maker = s, .done = done, .arg = arg};
	w->deadline_ms = request->deadline_ms;
	buf_init(&w->body, BODY_MAX_BYTES);
	LIST_INSERT_HEAD(&s->under_way, w, entry);
	(void)snprintf(w->path, sizeof(w->path), "/api/v1/namespaces/%s/secrets",
		       request->namespace);
	/* Reserve, so that no part of a key is left in memory that was reallocated. */
	if (!buf_reserve(&w->body, BODY_MAX_BYTES / 2))
		err_set(e, ERR_MEMORY, "out of memory");
	else if (write_secret(s->settings, request, &w->body, e) && send_request(w, e))
		return w;
	free_secret(w);
	return NULL;
}

void
workspace_secret_cancel(struct workspace_secret *w)
{
	if (w->call != NULL)
		cluster_call_cancel(w->call);
	free_secret(w);
}
