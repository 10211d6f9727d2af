/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See admin.h. Ready means: browsers get an answer. While the IDE starts or the repository is
 * cloned that is the waiting page, so neither makes the pod unready; both are named for whoever
 * asks.
 */
#include "proxy/admin.h"

#include "base/json.h"
#include "proxy/metrics.h"

#define BODY_MAX_BYTES	1024
#define IDLE_TIMEOUT_MS 5000 /* code in the pod may hold connections; probes must get through */
#define CONNECTIONS_MAX 64

static void
on_ping(const struct service_request *request, struct service_reply *reply, void *arg)
{
	(void)request;
	(void)arg;
	reply->status = 200;
	reply->content_type = "text/plain; charset=utf-8";
	buf_add_str(&reply->body, STR("OK\n"));
}

static void
on_ready(const struct service_request *request, struct service_reply *reply, void *arg)
{
	struct proxy *p = arg;
	struct json_writer w;

	(void)request;
	if (p->relay == NULL)
		upstream_probe(p->upstream);
	reply->status = p->draining ? 503 : 200;
	reply->content_type = "application/json";
	json_write_begin(&w, &reply->body);
	json_write_object(&w, NULL);
	json_write_bool(&w, "ready", !p->draining);
	if (p->draining)
		json_write_str(&w, "reason", STR("draining"));
	if (p->relay == NULL) {
		json_write_bool(&w, "ide_ready", upstream_is_ready(p->upstream));
		json_write_str(&w, "clone",
			       str_from(clone_phase_name(clone_progress(p->clone)->phase)));
	}
	json_write_close(&w, '}');
	if (!json_write_end(&w))
		reply->status = 500;
}

static void
on_metrics(const struct service_request *request, struct service_reply *reply, void *arg)
{
	(void)request;
	reply->status = 200;
	reply->content_type = METRICS_CONTENT_TYPE;
	proxy_metrics_write(arg, &reply->body);
}

struct service *
admin_new(struct proxy *p, const struct address *address, struct err *e)
{
	const struct service_options options = {
		.body_max_bytes = BODY_MAX_BYTES,
		.idle_timeout_ms = IDLE_TIMEOUT_MS,
		.connections_max = CONNECTIONS_MAX,
	};
	struct service *s = service_new(p->loop, address, &options, e);

	if (s == NULL)
		return NULL;
	if (!service_route(s, "GET", "/ping", on_ping, p, e) ||
	    !service_route(s, "GET", "/ready", on_ready, p, e) ||
	    !service_route(s, "GET", "/metrics", on_metrics, p, e)) {
		service_free(s);
		return NULL;
	}
	return s;
}
