/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers reviews on the loop. Our own requests to the API server must finish within the time that
 * it waits for the review; otherwise the pod is refused.
 */
#include "container/webhook/reviews.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log/log.h"

#define ANSWER_MAX_BYTES    4194304u
#define NAMESPACE_MAX_BYTES 64u
#define PATIENCE_MS	    4000u /* the configuration's timeoutSeconds is 5 */

struct pending {
	struct reviews *reviews;
	struct service_wait *wait;
	enum review_kind kind;
	bool is_for_namespace; /* a namespace with injection */
	struct buf namespace;
	struct namespace_wait *asked;  /* for its settings; or NULL */
	struct loop_timer patience;    /* limits the wait */
	struct workspace_secret *work; /* or NULL */
	enum review_outcome outcome;
	struct review_secret secret;
	struct buf answer;
	uint64_t begin_us;
	uint64_t deadline_ms;
};

static void on_no_patience(void *arg);

static struct pending *
new_pending(const struct review_route *route, struct service_wait *wait)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	*p = (struct pending){
		.reviews = route->reviews,
		.wait = wait,
		.kind = route->kind,
		.is_for_namespace = route->is_for_namespace,
		.begin_us = clock_monotonic_us(),
	};
	p->deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
	buf_init(&p->namespace, NAMESPACE_MAX_BYTES);
	buf_init(&p->answer, ANSWER_MAX_BYTES);
	loop_timer_init(&p->patience, p->reviews->loop, on_no_patience, p);
	return p;
}

static void
free_pending(struct pending *p)
{
	if (p->asked != NULL)
		namespace_settings_cancel(p->asked);
	loop_timer_fini(&p->patience);
	if (p->work != NULL)
		workspace_secret_cancel(p->work);
	buf_fini(&p->namespace);
	buf_fini(&p->answer);
	free(p);
}

/* Answers */

static void
answer_malformed(struct pending *p, const struct err *e)
{
	log_warn(NULL, "malformed review", log_cstr("webhook", webhook_kinds[p->kind]), log_err(e));
	buf_clear(&p->answer);
	buf_addf(&p->answer, "%s\n", e->text);
	service_answer(p->wait, 400, "text/plain; charset=utf-8", buf_view(&p->answer));
}

/* Answers, and frees what was pending. */
static void
finish(struct pending *p, const struct err *e)
{
	struct webhook_metrics *m = p->reviews->metrics;

	if (p->outcome == REVIEW_MALFORMED)
		answer_malformed(p, e);
	else
		service_answer(p->wait, 200, "application/json", buf_view(&p->answer));
	m->reviews[p->kind][p->outcome]++;
	metrics_observe(&m->duration[p->kind], &metrics_latency_bounds,
			clock_monotonic_us() - p->begin_us);
	log_info(NULL, "review", log_cstr("webhook", webhook_kinds[p->kind]),
		 log_cstr("outcome", webhook_outcomes[p->outcome]));
	free_pending(p);
}

/* Secrets */

/* Refuses the pod, whose sidecar would not start without its secret. */
static void
refuse(struct pending *p, const struct err *why)
{
	struct err e = ERR_INIT;

	log_warn(NULL, "secret can't be created",
		 log_cstr("namespace", p->secret.request.namespace),
		 log_cstr("secret", p->secret.request.name), log_err(why));
	buf_clear(&p->answer);
	p->outcome = REVIEW_DENIED;
	if (!review_refuse(&p->secret, why, &p->answer)) {
		err_set(&e, ERR_MEMORY, "out of memory");
		p->outcome = REVIEW_MALFORMED;
	}
	finish(p, &e);
}

static void
on_secret(enum workspace_secret_outcome outcome, const struct err *e, void *arg)
{
	struct pending *p = arg;

	p->work = NULL;
	p->reviews->metrics->secrets[outcome]++;
	if (outcome == WORKSPACE_SECRET_FAILED) {
		refuse(p, e);
		return;
	}
	if (outcome == WORKSPACE_SECRET_CREATED)
		log_info(NULL, "secret created", log_cstr("namespace", p->secret.request.namespace),
			 log_cstr("secret", p->secret.request.name));
	finish(p, e);
}

/* Starts to create the secret. NULL: refused. */
static struct pending *
make_secret(struct pending *p)
{
	struct err e = ERR_INIT;

	p->secret.request.deadline_ms = p->deadline_ms;
	p->work = workspace_secret_start(p->reviews->secrets, &p->secret.request, on_secret, p, &e);
	if (p->work != NULL)
		return p;
	p->reviews->metrics->secrets[WORKSPACE_SECRET_FAILED]++;
	refuse(p, &e);
	return NULL;
}

/* Reviews */

static void
get_settings(struct pending *p, struct review_namespace *namespace, struct err *e)
{
	const struct reviews *r = p->reviews;

	namespace->e = e;
	if (p->kind == REVIEW_MUTATE && r->namespaces != NULL && p->namespace.len > 0 &&
	    !namespace_settings_get(r->namespaces, buf_view(&p->namespace), &namespace->data, e))
		(void)err_wrap(e, "ConfigMap %s", r->settings->namespace_config_map);
}

/* NULL: answered. */
static struct pending *
review(struct pending *p)
{
	struct reviews *r = p->reviews;
	struct review_namespace namespace = {.data = STR_NONE};
	struct err no_settings = ERR_INIT;
	struct err e = ERR_INIT;

	get_settings(p, &namespace, &no_settings);
	const struct review_question question = {
		.settings = r->settings,
		.kind = p->kind,
		.body = service_wait_body(p->wait),
		.namespace = p->is_for_namespace ? &namespace : NULL,
	};
	p->outcome = review_answer(&question, &p->answer, &p->secret, &e);
	if (p->secret.is_needed && (p->outcome == REVIEW_ALLOWED || p->outcome == REVIEW_PATCHED))
		return make_secret(p);
	finish(p, &e);
	return NULL;
}

/* Settings of namespaces */

static void
on_settings_known(void *arg)
{
	struct pending *p = arg;

	p->asked = NULL;
	loop_timer_stop(&p->patience);
	(void)review(p);
}

/* Treats settings that take too long like unreadable ones. */
static void
on_no_patience(void *arg)
{
	struct pending *p = arg;

	namespace_settings_cancel(p->asked);
	p->asked = NULL;
	(void)review(p);
}

/* Waits for the settings. False: they are known, or can't be read. */
static bool
waits_for_settings(struct pending *p)
{
	struct namespace_settings *namespaces = p->reviews->namespaces;

	if (p->kind != REVIEW_MUTATE || namespaces == NULL ||
	    !review_namespace(service_wait_body(p->wait), &p->namespace))
		return false;
	p->asked =
		namespace_settings_ask(namespaces, buf_view(&p->namespace), on_settings_known, p);
	if (p->asked == NULL)
		return false;
	loop_timer_start(&p->patience, PATIENCE_MS);
	return true;
}

static void *
on_review(struct service_wait *wait, const struct service_request *request, void *arg)
{
	const struct review_route *route = arg;
	struct pending *p = new_pending(route, wait);

	(void)request;
	if (p == NULL)
		return NULL;
	return p->is_for_namespace && waits_for_settings(p) ? p : review(p);
}

static void
cancel(void *work)
{
	free_pending(work);
}

bool
reviews_route(struct reviews *r, struct service *s, struct err *e)
{
	static const char *const paths[REVIEW_ROUTES] = {
		"/mutate", "/validate", "/mutate/namespace", "/validate/namespace"};
	const struct review_route routes[REVIEW_ROUTES] = {
		{r, REVIEW_MUTATE, false},
		{r, REVIEW_VALIDATE, false},
		{r, REVIEW_MUTATE, true},
		{r, REVIEW_VALIDATE, true},
	};

	for (size_t i = 0; i < REVIEW_ROUTES; i++) {
		r->routes[i] = routes[i];
		if (!service_route_later(s, "POST", paths[i], on_review, cancel, &r->routes[i], e))
			return false;
	}
	return true;
}
