/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The admission webhook: an HTTPS server on base/http/service.
 *
 * Reviews are answered by reviews.h; /ping, /ready and /metrics are on the same listener. The
 * certificate is the webhook's own (own_certificate.h), or comes from files, which are reloaded
 * when they change (checked every second) and on SIGHUP; an unusable pair is logged and the old
 * one remains in use. On SIGTERM /ready fails first; requests are served for DRAIN_DELAY more,
 * then those in progress finish. A second signal ends the process at once.
 */
#include "container/webhook/webhook.h"

#include <signal.h>

#include "base/arena.h"
#include "base/http/service.h"
#include "base/log/log.h"
#include "base/net/tls/tls.h"
#include "base/process/file_watch.h"
#include "base/process/metrics_process.h"
#include "base/process/passed_sockets.h"
#include "base/process/sandbox.h"
#include "container/webhook/reviews.h"

#define IDLE_TIMEOUT_MS	 10000u	 /* the API server's default timeout */
#define KEEP_ALIVE_MS	 150000u /* the API server closes after 90 seconds without a request */
#define CONNECTIONS_MAX	 128u
#define BODIES_MAX_BYTES (5 * REVIEW_MAX_BYTES) /* of all connections together */
#define FILE_CHECK_MS	 1000u
#define PATHS_MAX_BYTES	 16384u
#define SIGNALS		 3

static const int signal_numbers[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};

struct webhook {
	const struct container_settings *settings;
	struct loop *loop;
	struct tls_context *tls;
	struct service *service;
	struct loop_signal signals[SIGNALS];
	size_t signal_count;
	struct loop_timer file_check;
	struct loop_timer linger;
	struct loop_timer deadline;
	struct file_watch files[2];  /* certificate and key */
	struct own_certificate *own; /* instead of these files, or NULL */
	struct reviews reviews;
	struct webhook_metrics metrics;
	struct metrics_process process;
};

static void
on_ping(const struct service_request *request, struct service_reply *reply, void *arg)
{
	(void)request;
	(void)arg;
	buf_add_str(&reply->body, STR("OK\n"));
}

static void
on_ready(const struct service_request *request, struct service_reply *reply, void *arg)
{
	const struct webhook *w = arg;
	const char *reason = NULL;

	(void)request;
	reply->content_type = "application/json";
	if (w->metrics.draining != 0)
		reason = "draining";
	else if (w->own != NULL && !own_certificate_is_served(w->own))
		reason = "certificate";
	if (reason == NULL) {
		buf_add_str(&reply->body, STR("{\"ready\":true}"));
		return;
	}
	reply->status = 503;
	buf_addf(&reply->body, "{\"ready\":false,\"reason\":\"%s\"}", reason);
}

static void
on_metrics(const struct service_request *request, struct service_reply *reply, void *arg)
{
	struct webhook *w = arg;

	(void)request;
	w->metrics.expires_at_s = tls_context_expires_at_s(w->tls);
	reply->content_type = METRICS_CONTENT_TYPE;
	metrics_write(&webhook_metrics_table, &w->metrics, 0, &reply->body);
	metrics_process_write(&w->process, &reply->body);
}

static void
log_reload(struct webhook *w)
{
	log_info(NULL, "certificate reloaded",
		 log_int("expires_at", tls_context_expires_at_s(w->tls)));
}

static void
reload(struct webhook *w)
{
	struct err e = ERR_INIT;

	if (w->own != NULL)
		return;
	file_watch_apply(w->files, 2);
	bool ok = tls_context_reload(w->tls, &e);

	w->metrics.reloads[ok ? 0 : 1]++;
	if (!ok) {
		log_error(NULL, "certificate reload failed", log_err(&e));
		return;
	}
	log_reload(w);
}

static void
on_own_certificate(void *arg)
{
	struct webhook *w = arg;

	w->metrics.reloads[0]++;
	log_reload(w);
}

static void
on_file_check(void *arg)
{
	struct webhook *w = arg;

	if (file_watch_check(w->files, 2))
		reload(w);
	loop_timer_start(&w->file_check, FILE_CHECK_MS);
}

static void
on_deadline(void *arg)
{
	struct webhook *w = arg;

	loop_stop(w->loop);
}

static void
on_lingered(void *arg)
{
	struct webhook *w = arg;

	service_drain(w->service, on_deadline, w);
}

static void
on_signal(void *arg, int signal_number)
{
	struct webhook *w = arg;
	if (signal_number == SIGHUP) {
		reload(w);
		return;
	}
	if (w->metrics.draining != 0) {
		loop_stop(w->loop);
		return;
	}
	w->metrics.draining = 1;
	service_end_keep_alive(w->service);
	log_info(NULL, "draining", log_ms("delay_ms", (int64_t)w->settings->drain_delay_ms));
	loop_timer_start(&w->linger, w->settings->drain_delay_ms);
	loop_timer_start(&w->deadline, w->settings->drain_timeout_ms);
}

static bool
add_routes(struct webhook *w, struct err *e)
{
	struct service *s = w->service;

	return reviews_route(&w->reviews, s, e) &&
	       service_route(s, "GET", "/ping", on_ping, w, e) &&
	       service_route(s, "GET", "/ready", on_ready, w, e) &&
	       service_route(s, "GET", "/metrics", on_metrics, w, e);
}

static bool
add_signals(struct webhook *w, struct err *e)
{
	for (; w->signal_count < SIGNALS; w->signal_count++)
		if (!loop_signal_init(&w->signals[w->signal_count], w->loop,
				      signal_numbers[w->signal_count], on_signal, w, e))
			return false;
	return true;
}

/* Permits connections only if the webhook uses the API server. */
static void
restrict_process(const struct webhook *w, bool has_api)
{
	const struct container_settings *s = w->settings;
	struct confine_rules rules = {.count = 0};
	struct arena a;

	arena_init(&a, PATHS_MAX_BYTES);
	sandbox_add_system(&rules, SANDBOX_SYSTEM);
	confine_add(&rules, has_api ? s->account_dir : NULL, CONFINE_READ);
	bool ok = sandbox_add_file(&rules, s->tls_cert_file, &a) &&
		  sandbox_add_file(&rules, s->tls_key_file, &a);
	if (!ok)
		log_warn(NULL, "out of memory for the rules of Landlock");
	sandbox_enter(&(struct sandbox_settings){.seccomp = s->sandbox.seccomp,
						 .landlock = s->sandbox.landlock && ok},
		      &rules,
		      CONFINE_READ | CONFINE_WRITE | CONFINE_RUN | CONFINE_LISTEN | CONFINE_SIGNAL,
		      SYSCALL_ACCEPT | (has_api ? SYSCALL_CONNECT : 0));
	arena_fini(&a);
}

static bool
load_files(struct webhook *w, struct err *e)
{
	w->files[0].path = w->settings->tls_cert_file;
	w->files[1].path = w->settings->tls_key_file;
	file_watch_apply(w->files, 2);
	w->tls = tls_context_new(w->settings->tls_cert_file, w->settings->tls_key_file, e);
	loop_timer_start(&w->file_check, FILE_CHECK_MS);
	return w->tls != NULL;
}

static bool
start_own_certificate(struct webhook *w, struct err *e)
{
	const struct own_certificate_options options = {
		.settings = w->settings,
		.tls = w->tls,
		.on_served = on_own_certificate,
		.arg = w,
		.rounds = w->metrics.rounds,
	};

	w->own = own_certificate_new(w->loop, &options, e);
	return w->own != NULL;
}

static bool
makes_secrets(const struct webhook *w)
{
	return w->settings->secrets == CONTAINER_SECRETS_CREATE;
}

/* Creates what reviews need from the API server. */
static bool
start_questions(struct webhook *w, struct err *e)
{
	struct reviews *r = &w->reviews;
	bool has_namespaces = w->settings->namespace_config_map != NULL;

	if (has_namespaces)
		r->namespaces =
			namespace_settings_new(w->loop, w->settings, w->metrics.namespace_reads, e);
	if (has_namespaces && r->namespaces == NULL)
		return false;
	if (makes_secrets(w))
		r->secrets = workspace_secrets_new(w->loop, w->settings, e);
	return !makes_secrets(w) || r->secrets != NULL;
}

static bool
start_service(struct webhook *w, struct err *e)
{
	const struct container_settings *s = w->settings;
	struct passed_sockets sockets;

	if (!passed_sockets_receive(&sockets, e))
		return false;
	const struct service_options options = {
		.body_max_bytes = REVIEW_MAX_BYTES,
		.bodies_max_bytes = BODIES_MAX_BYTES,
		.idle_timeout_ms = IDLE_TIMEOUT_MS,
		.keep_alive_ms = KEEP_ALIVE_MS,
		.connections_max = CONNECTIONS_MAX,
		.tls = w->tls,
		.passed_fd = passed_sockets_take(&sockets, "webhook"),
	};
	w->service = service_new(w->loop, &s->webhook_address, &options, e);
	bool ok = w->service != NULL && passed_sockets_are_taken(&sockets, e);
	passed_sockets_fini(&sockets);
	return ok;
}

static bool
start(struct webhook *w, struct err *e)
{
	bool is_own = w->settings->webhook_service != NULL;
	char text[ADDRESS_TEXT_MAX];

	metrics_process_init(&w->process);
	w->loop = loop_new(e);
	if (w->loop == NULL)
		return false;
	w->reviews.loop = w->loop;
	loop_timer_init(&w->file_check, w->loop, on_file_check, w);
	loop_timer_init(&w->linger, w->loop, on_lingered, w);
	loop_timer_init(&w->deadline, w->loop, on_deadline, w);
	if (is_own)
		w->tls = own_certificate_placeholder(w->settings, e);
	else if (!load_files(w, e))
		return false;
	if (w->tls == NULL || !start_service(w, e) || !add_routes(w, e) || !add_signals(w, e))
		return false;
	restrict_process(w,
			 is_own || w->settings->namespace_config_map != NULL || makes_secrets(w));
	if ((is_own && !start_own_certificate(w, e)) || !start_questions(w, e))
		return false;
	address_format(service_address(w->service), text, sizeof(text));
	log_info(NULL, "listening", log_cstr("listener", "webhook"), log_cstr("address", text));
	return true;
}

static void
stop(struct webhook *w)
{
	for (size_t i = 0; i < w->signal_count; i++)
		loop_signal_fini(&w->signals[i]);
	if (w->loop != NULL) {
		loop_timer_fini(&w->file_check);
		loop_timer_fini(&w->linger);
		loop_timer_fini(&w->deadline);
	}
	own_certificate_free(w->own);
	service_free(w->service); /* cancels requests that reviews wait for */
	namespace_settings_free(w->reviews.namespaces);
	workspace_secrets_free(w->reviews.secrets);
	tls_context_free(w->tls);
	loop_free(w->loop);
}

int
webhook_run(const struct container_settings *settings)
{
	struct webhook w = {.settings = settings};
	struct err e = ERR_INIT;

	w.reviews = (struct reviews){.settings = settings, .metrics = &w.metrics};
	bool ok = start(&w, &e) && loop_run(w.loop, &e);

	if (ok)
		log_info(NULL, "stopped");
	else
		log_error(NULL, "fatal error", log_err(&e));
	stop(&w);
	return ok ? 0 : 1;
}
