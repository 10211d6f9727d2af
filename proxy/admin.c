/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ready means that browsers get a response. While the IDE starts or the repository is cloned they
 * get the waiting page, so neither makes the pod unready; /ready lists both as problems.
 */
#include "proxy/admin.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "proxy/logs/log_files.h"
#include "proxy/logs/log_reader.h"
#include "proxy/metrics.h"
#include "proxy/ssh/ssh_probe.h"
#include "proxy/upstream/ide_check.h"

#define BODY_MAX_BYTES 1024
#define PEM_MAX_BYTES  32768u
/* Short, because code in the pod could block probes by holding connections open. */
#define IDLE_TIMEOUT_MS	 5000
#define CONNECTIONS_MAX	 64
#define LOGS_READERS_MAX 2u /* concurrent readers of /logs; more get 503 */
#define PIECE_BYTES	 (16u * 1024u)

static void
on_ping(const struct service_request *request, struct service_reply *reply, void *arg)
{
	(void)request;
	(void)arg;
	reply->status = 200;
	reply->content_type = "text/plain; charset=utf-8";
	buf_add_str(&reply->body, STR("OK\n"));
}

/* JSON replies are one object: begin_json, its members, end_json. */
static void
begin_json(struct json_writer *w, struct service_reply *reply)
{
	reply->content_type = "application/json";
	json_write_begin_object(w, &reply->body);
}

static void
end_json(struct json_writer *w, struct service_reply *reply, unsigned status)
{
	reply->status = json_write_end_object(w) ? status : 500;
}

static void
write_problem(struct json_writer *w, const char *part, const char *why)
{
	json_write_object(w, NULL);
	json_write_str(w, "part", str_from(part));
	json_write_str(w, "why", str_from(why));
	json_write_close(w, '}');
}

static void
write_clone_problem(struct json_writer *w, const struct clone_progress *progress)
{
	char why[96];

	switch (progress->phase) {
	case CLONE_OFF:
	case CLONE_DONE:
		return;
	case CLONE_WAITING:
		write_problem(w, "clone", "waiting for the first user to sign in");
		return;
	case CLONE_FAILED:
		(void)snprintf(why, sizeof(why), "failed: %s",
			       clone_problem_name(progress->problem));
		break;
	case CLONE_CONNECTING:
	case CLONE_RECEIVING:
	case CLONE_RESOLVING:
	case CLONE_LFS:
	case CLONE_CHECKOUT:
		(void)snprintf(why, sizeof(why), "%s, %u %%", clone_phase_names[progress->phase],
			       progress->percent);
		break;
	}
	write_problem(w, "clone", why);
}

static void
write_problems(struct json_writer *w, const struct proxy *p)
{
	json_write_array(w, "problems");
	if (p->is_shutting_down)
		write_problem(w, "process", "draining");
	if (p->tls != NULL && tls_context_expires_at_s(p->tls) <= clock_wall_s())
		write_problem(w, "certificate", "expired");
	if (p->relay == NULL) {
		if (!upstream_is_ready(p->upstream))
			write_problem(w, "ide", "does not accept connections");
		write_clone_problem(w, clone_progress(p->clone_control.clone));
		if (p->ssh_probe != NULL && ssh_probe_problem(p->ssh_probe) != NULL)
			write_problem(w, "ssh", ssh_probe_problem(p->ssh_probe));
		if (!auth_gitlab_answers(p->auth))
			write_problem(w, "gitlab", "did not answer the last request");
	}
	json_write_close(w, ']');
}

static void
write_port(uint16_t port, bool is_ready, void *arg)
{
	char name[8];

	(void)snprintf(name, sizeof(name), "%u", port);
	json_write_bool(arg, name, is_ready);
}

static void
on_ready(const struct service_request *request, struct service_reply *reply, void *arg)
{
	struct proxy *p = arg;
	struct json_writer w;

	(void)request;
	if (p->relay == NULL)
		upstream_probe(p->upstream);
	if (p->ssh_probe != NULL)
		ssh_probe_ask(p->ssh_probe);
	begin_json(&w, reply);
	json_write_bool(&w, "ready", !p->is_shutting_down);
	if (p->is_shutting_down)
		json_write_str(&w, "reason", STR("draining"));
	if (p->relay == NULL) {
		json_write_bool(&w, "ide_ready", upstream_is_ready(p->upstream));
		json_write_str(
			&w, "clone",
			str_from(clone_phase_names[clone_progress(p->clone_control.clone)->phase]));
	}
	if (p->port_upstreams != NULL) {
		json_write_object(&w, "ports");
		port_upstreams_probe(p->port_upstreams, write_port, &w);
		json_write_close(&w, '}');
	}
	write_problems(&w, p);
	end_json(&w, reply, p->is_shutting_down ? 503 : 200);
}

/* /activity, for controllers that stop idle workspaces. */
static void
on_activity(const struct service_request *request, struct service_reply *reply, void *arg)
{
	const struct proxy *p = arg;
	int64_t active_ms = proxy_last_activity_ms(p);
	char date[CLOCK_RFC3339_SIZE];
	struct json_writer w;

	(void)request;
	clock_format_rfc3339(active_ms, date, sizeof(date));
	begin_json(&w, reply);
	json_write_str(&w, "last_activity", str_from(date));
	json_write_int(&w, "idle_s", (int64_t)proxy_idle_ms(p) / 1000);
	json_write_int(&w, "connections", (int64_t)p->downstreams_count);
	json_write_int(&w, "websockets", (int64_t)p->websockets_count);
	end_json(&w, reply, 200);
}

static void
on_metrics(const struct service_request *request, struct service_reply *reply, void *arg)
{
	(void)request;
	reply->status = 200;
	reply->content_type = METRICS_CONTENT_TYPE;
	proxy_metrics_write(arg, &reply->body);
}

/* /certificate: by its fingerprint clients can recognise a certificate of our own. */
static void
on_certificate(const struct service_request *request, struct service_reply *reply, void *arg)
{
	const struct proxy *p = arg;
	char fingerprint[TLS_FINGERPRINT_SIZE];
	char expires[CLOCK_RFC3339_SIZE];
	struct json_writer w;
	struct buf pem;

	(void)request;
	tls_context_fingerprint(p->tls, fingerprint);
	clock_format_rfc3339(tls_context_expires_at_s(p->tls) * 1000, expires, sizeof(expires));
	buf_init(&pem, PEM_MAX_BYTES);
	bool ok = tls_context_write(p->tls, &pem);
	begin_json(&w, reply);
	json_write_str(&w, "sha256", str_from(fingerprint));
	json_write_str(&w, "expires", str_from(expires));
	json_write_str(&w, "pem", buf_view(&pem));
	end_json(&w, reply, ok ? 200 : 500);
	buf_fini(&pem);
}

static void
on_jwks(const struct service_request *request, struct service_reply *reply, void *arg)
{
	const struct proxy *p = arg;

	(void)request;
	reply->status = 200;
	reply->content_type = "application/jwk-set+json";
	buf_add_str(&reply->body, auth_jwks(p->auth));
}

/* /logs sends the last lines of the log as NDJSON. Each reply has a log reader, which supplies the
 * next piece when the client has received the previous one. It reads at most LOG_FILES_STEP bytes
 * of files per piece. */
struct admin_log {
	struct proxy *proxy;
	struct log_reader *reader;
};

static enum service_piece
fill(void *arg, struct buf *out)
{
	struct admin_log *l = arg;
	enum log_reader_result result = LOG_READER_RECORD;
	struct log_record record;

	log_reader_begin_step(l->reader);
	while (out->len < PIECE_BYTES &&
	       (result = log_reader_next(l->reader, &record)) == LOG_READER_RECORD) {
		log_record_write_json(&record, out);
		buf_add_byte(out, '\n');
	}
	return result == LOG_READER_END ? SERVICE_END : SERVICE_MORE;
}

static void
close_log(void *arg)
{
	struct admin_log *l = arg;

	l->proxy->admin_log_readers_count--;
	log_reader_free(l->reader);
	free(l);
}

static void
refuse(struct service_reply *reply, unsigned status, const char *error, const char *detail)
{
	struct json_writer w;

	begin_json(&w, reply);
	json_write_str(&w, "error", str_from(error));
	json_write_str(&w, "detail", str_from(detail));
	end_json(&w, reply, status);
}

static bool
open_log(struct proxy *p, const struct log_query *query, struct service_source *source)
{
	const struct log_reader_options options = {.ring = p->log_ring,
						   .patterns = &p->settings->log_files,
						   .window_bytes = LOG_FILES_WINDOW};
	struct admin_log *l = p->log_ring == NULL ? NULL : calloc(1, sizeof(*l));

	if (l == NULL)
		return false;
	l->proxy = p;
	l->reader = log_reader_new(&options, query);
	if (l->reader == NULL) {
		free(l);
		return false;
	}
	p->admin_log_readers_count++;
	*source = (struct service_source){fill, close_log, l};
	return true;
}

static void
on_logs(const struct service_request *request, struct service_reply *reply, void *arg)
{
	struct proxy *p = arg;
	struct log_query query;
	struct err e = ERR_INIT;

	reply->content_type = "application/x-ndjson";
	if (!log_query_parse(&query, request->query, &e))
		refuse(reply, 400, "bad_request", e.text);
	else if (p->admin_log_readers_count >= LOGS_READERS_MAX)
		refuse(reply, 503, "too_many_readers",
		       "two clients are already reading the log: try again later");
	else if (!open_log(p, &query, &reply->source))
		refuse(reply, 500, "internal_error", "out of memory for reading the log");
}

/* In the order of health_check_names. */
static const char *const probe_paths[HEALTH_CHECK_KINDS] = {"/probe/startup", "/probe/liveness",
							    "/probe/readiness"};

static void
on_checked(unsigned status, struct str text, void *arg)
{
	service_answer(arg, status, "text/plain; charset=utf-8", text);
}

/* The kubelet probes the IDE through us: the IDE listens on loopback. */
static void *
on_probe(struct service_wait *wait, const struct service_request *request, void *arg)
{
	const struct proxy *p = arg;
	size_t kind = 0;

	/* Only these paths have this handler. */
	while (kind + 1 < HEALTH_CHECK_KINDS &&
	       !str_equal(request->path, str_from(probe_paths[kind])))
		kind++;
	return ide_check_new(p->loop, &p->settings->ide_probes.items[kind], on_checked, wait);
}

static void
cancel_check(void *work)
{
	ide_check_cancel(work);
}

/* Adds routes for the probes that IDE_PROBES has; others get 404. */
static bool
route_probes(struct service *s, struct proxy *p, struct err *e)
{
	for (size_t i = 0; i < HEALTH_CHECK_KINDS; i++)
		if (p->settings->ide_probes.items[i].port != 0 &&
		    !service_route_later(s, "GET", probe_paths[i], on_probe, cancel_check, p, e))
			return false;
	return true;
}

struct service *
admin_new(struct proxy *p, const struct address *address, struct err *e)
{
	const struct service_options options = {
		.body_max_bytes = BODY_MAX_BYTES,
		.idle_timeout_ms = IDLE_TIMEOUT_MS,
		.connections_max = CONNECTIONS_MAX,
		.passed_fd = passed_sockets_take(&p->sockets, "admin"),
	};
	struct service *s = service_new(p->loop, address, &options, e);

	if (s == NULL)
		return NULL;
	if (!service_route(s, "GET", "/ping", on_ping, p, e) ||
	    !service_route(s, "GET", "/ready", on_ready, p, e) ||
	    !service_route(s, "GET", "/metrics", on_metrics, p, e) ||
	    (p->relay == NULL && !service_route(s, "GET", "/activity", on_activity, p, e)) ||
	    (p->tls != NULL && !service_route(s, "GET", "/certificate", on_certificate, p, e)) ||
	    (p->relay == NULL && p->settings->auth.assertion &&
	     !service_route(s, "GET", "/jwks", on_jwks, p, e)) ||
	    (p->settings->admin_logs && !service_route_long(s, "/logs", on_logs, p, e)) ||
	    !route_probes(s, p, e)) {
		service_free(s);
		return NULL;
	}
	return s;
}
