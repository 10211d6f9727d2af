/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A round reads the Secret, does the steps that are due, and compares both configurations with it.
 * The functions below are in the order in which they run.
 */
#include "container/webhook/own_certificate.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/log/log.h"
#include "container/webhook/ca_bundle.h"
#include "container/webhook/certificate_set.h"
#include "container/webhook/cluster_api.h"

#define PATH_BYTES	   512
#define PATCH_MAX_BYTES	   524288u
#define CONFIGURATIONS	   2
#define STEPS_MAX	   4u /* of a round, whatever the API server answers */
#define PLACEHOLDER_S	   3600u
#define OVERLAP_MAX_MS	   300000u
#define INTERVAL_MAX_MS	   15000u
#define RETRY_MS	   1000u
#define CONFLICT_MIN_MS	   20u
#define CONFLICT_SPREAD_MS 200u

struct own_certificate {
	struct own_certificate_options options;
	struct cluster_api *api;
	struct loop *loop;
	struct loop_timer next_round;
	char host[SERVICE_HOST_BYTES];
	char secret_path[PATH_BYTES];
	char configuration_paths[CONFIGURATIONS][PATH_BYTES];
	/* Both follow from the lifetime. */
	uint64_t overlap_ms; /* how long a new authority is trusted before its use */
	uint64_t interval_ms;
	/* This round */
	struct certificate_set set;
	uint64_t read_at_ms;  /* when the Secret was asked for */
	size_t configuration; /* the configuration being compared */
	unsigned steps;
	/* All rounds */
	unsigned failures; /* consecutive */
	bool is_served;
	uint8_t served[CRYPTO_SHA256_BYTES];  /* of the certificate */
	uint64_t trusted_at_ms;		      /* 0: not seen in both configurations */
	uint8_t trusted[CRYPTO_SHA256_BYTES]; /* of the authorities */
};

static const char *const kinds[CONFIGURATIONS] = {"mutatingwebhookconfigurations",
						  "validatingwebhookconfigurations"};

static cluster_done_fn on_secret;
static cluster_done_fn on_configuration;

/* The end of a round */

static void
end_round(struct own_certificate *o, enum own_certificate_outcome outcome, uint64_t delay_ms)
{
	o->options.rounds[outcome]++;
	certificate_set_fini(&o->set);
	o->set = (struct certificate_set){.version = ""};
	loop_timer_start(&o->next_round, delay_ms);
}

static uint64_t
random_below(uint64_t limit)
{
	uint32_t number;

	crypto_random(&number, sizeof(number));
	return number % limit;
}

/* Adds jitter, so that replicas do not run at the same time. */
static void
end_well(struct own_certificate *o)
{
	o->failures = 0;
	end_round(o, OWN_CERTIFICATE_DONE,
		  o->interval_ms / 2 + random_below(o->interval_ms / 2 + 1));
}

static void
fail(struct own_certificate *o, const char *what, struct err *e)
{
	uint64_t delay_ms = RETRY_MS << (o->failures < 8 ? o->failures : 8);

	o->failures++;
	(void)err_wrap(e, "%s", what);
	log_warn(NULL, "certificate check failed", log_err(e));
	end_round(o, OWN_CERTIFICATE_FAILED, delay_ms < o->interval_ms ? delay_ms : o->interval_ms);
}

/* Handles what all answers have in common. False: the round has ended. */
static bool
take_answer(struct own_certificate *o, const struct cluster_answer *answer, const char *what)
{
	struct err e;

	switch (answer->outcome) {
	case CLUSTER_DONE:
		break;
	case CLUSTER_EXISTS:
	case CLUSTER_CONFLICT:
		end_round(o, OWN_CERTIFICATE_CONFLICT,
			  CONFLICT_MIN_MS + random_below(CONFLICT_SPREAD_MS));
		return false;
	case CLUSTER_FAILED:
		e = *answer->e;
		fail(o, what, &e);
		return false;
	}
	if (o->steps++ < STEPS_MAX * CONFIGURATIONS)
		return true;
	err_set(&e, ERR_PROTOCOL, "the API server does not return what was written");
	fail(o, what, &e);
	return false;
}

static void
ask(struct own_certificate *o, const struct cluster_request *request, cluster_done_fn *done)
{
	struct err e = ERR_INIT;

	if (cluster_api_start(o->api, request, done, o, &e) == NULL)
		fail(o, request->path, &e);
}

/* The configurations */

static void
compare_next(struct own_certificate *o)
{
	const struct cluster_request request = {.path = o->configuration_paths[o->configuration]};

	ask(o, &request, on_configuration);
}

/* Notes since when both configurations have the Secret's authorities. */
static void
note_trust(struct own_certificate *o)
{
	uint8_t digest[CRYPTO_SHA256_BYTES];

	crypto_sha256(buf_view(&o->set.authorities), digest);
	if (o->trusted_at_ms == 0 || memcmp(digest, o->trusted, sizeof(digest)) != 0)
		o->trusted_at_ms = clock_monotonic_ms();
	memcpy(o->trusted, digest, sizeof(digest));
}

static void
write_configuration(struct own_certificate *o, struct str patch)
{
	const struct cluster_request request = {
		.path = o->configuration_paths[o->configuration],
		.method = CLUSTER_JSON_PATCH,
		.body = patch,
	};

	o->trusted_at_ms = 0;
	/* If the round took long, the Secret may have changed since it was read. */
	if (clock_monotonic_ms() - o->read_at_ms > o->overlap_ms / 2) {
		end_round(o, OWN_CERTIFICATE_CONFLICT, 0);
		return;
	}
	log_info(NULL, "updating caBundle", log_cstr("configuration", kinds[o->configuration]));
	ask(o, &request, on_configuration);
}

static void
on_configuration(const struct cluster_answer *answer, void *arg)
{
	struct own_certificate *o = arg;
	const char *what = kinds[o->configuration];
	struct err e = ERR_INIT;
	struct buf patch;

	if (!take_answer(o, answer, what))
		return;
	buf_init(&patch, PATCH_MAX_BYTES);
	switch (ca_bundle_compare(answer->object, str_from(o->options.settings->webhook_service),
				  buf_view(&o->set.authorities), &patch, &e)) {
	case CA_BUNDLE_FAILED:
		fail(o, what, &e);
		break;
	case CA_BUNDLE_DIFFERS:
		write_configuration(o, buf_view(&patch));
		break;
	case CA_BUNDLE_SAME:
		if (++o->configuration < CONFIGURATIONS) {
			compare_next(o);
		} else {
			note_trust(o);
			end_well(o);
		}
		break;
	}
	buf_fini(&patch);
}

/* The Secret */

static bool
serve_current(struct own_certificate *o, struct err *e)
{
	struct str certificate = buf_view(&o->set.current.certificate);
	uint8_t digest[CRYPTO_SHA256_BYTES];

	crypto_sha256(certificate, digest);
	if (o->is_served && memcmp(digest, o->served, sizeof(digest)) == 0)
		return true;
	if (!tls_context_reload_pem(o->options.tls, certificate, o->set.current.key, e))
		return false;
	memcpy(o->served, digest, sizeof(digest));
	o->is_served = true;
	o->options.on_served(o->options.arg);
	return true;
}

static const char *
describe(enum certificate_step step)
{
	switch (step) {
	case CERTIFICATE_KEEP:
		break;
	case CERTIFICATE_CREATE:
		return "create a certificate";
	case CERTIFICATE_PREPARE:
		return "prepare the next certificate";
	case CERTIFICATE_PROMOTE:
		return "serve the next certificate";
	case CERTIFICATE_TRIM:
		return "remove expired authorities";
	}
	return "nothing";
}

static bool
write_step(const struct own_certificate *o, enum certificate_step step, struct buf *patch,
	   struct err *e)
{
	const struct container_settings *s = o->options.settings;
	bool is_fresh = step == CERTIFICATE_CREATE || step == CERTIFICATE_PREPARE;
	struct service_certificate fresh = {.key = NULL};
	bool ok = !is_fresh || service_certificate_make(&fresh, s->webhook_service,
							s->certificate_lifetime_ms / 1000, e);

	ok = ok && certificate_set_patch(&o->set, step, &fresh, clock_wall_s(), patch, e);
	service_certificate_fini(&fresh);
	return ok;
}

static void
take_step(struct own_certificate *o, enum certificate_step step)
{
	struct err e = ERR_INIT;
	struct buf patch;

	buf_init(&patch, PATCH_MAX_BYTES);
	log_info(NULL, "certificate rotation", log_cstr("step", describe(step)));
	bool ok = buf_reserve(&patch, PATCH_MAX_BYTES / 2) && write_step(o, step, &patch, &e);
	const struct cluster_request request = {
		.path = o->secret_path, .method = CLUSTER_MERGE_PATCH, .body = buf_view(&patch)};
	if (ok)
		ask(o, &request, on_secret);
	else
		fail(o, describe(step), &e);
	buf_wipe_fini(&patch);
}

static bool
is_trusted(const struct own_certificate *o)
{
	uint8_t digest[CRYPTO_SHA256_BYTES];

	crypto_sha256(buf_view(&o->set.authorities), digest);
	return o->trusted_at_ms != 0 && memcmp(digest, o->trusted, sizeof(digest)) == 0 &&
	       clock_monotonic_ms() - o->trusted_at_ms >= o->overlap_ms;
}

static void
on_secret(const struct cluster_answer *answer, void *arg)
{
	struct own_certificate *o = arg;
	struct err e = ERR_INIT;

	if (!take_answer(o, answer, "secret"))
		return;
	certificate_set_fini(&o->set);
	if (!certificate_set_read(&o->set, answer->object, &e)) {
		fail(o, "secret", &e);
		return;
	}
	const struct certificate_terms terms = {
		.host = o->host,
		.now_s = clock_wall_s(),
		.lifetime_s = o->options.settings->certificate_lifetime_ms / 1000,
		.is_trusted = is_trusted(o),
	};
	if (certificate_set_is_usable(&o->set, &terms) && !serve_current(o, &e)) {
		fail(o, "secret", &e);
		return;
	}
	enum certificate_step step = certificate_set_plan(&o->set, &terms);
	if (step != CERTIFICATE_KEEP)
		take_step(o, step);
	else
		compare_next(o);
}

static void
on_next_round(void *arg)
{
	struct own_certificate *o = arg;
	const struct cluster_request request = {.path = o->secret_path};

	o->configuration = 0;
	o->steps = 0;
	o->read_at_ms = clock_monotonic_ms();
	ask(o, &request, on_secret);
}

/* Creating and freeing */

struct tls_context *
own_certificate_placeholder(const struct container_settings *settings, struct err *e)
{
	struct service_certificate made;
	struct tls_context *tls = NULL;

	if (service_certificate_make(&made, settings->webhook_service, PLACEHOLDER_S, e))
		tls = tls_context_new_pem(str_from(made.certificate), made.key, e);
	service_certificate_fini(&made);
	return tls;
}

static bool
set_paths(struct own_certificate *o)
{
	const struct container_settings *s = o->options.settings;
	struct str namespace = str_from(s->webhook_service);
	bool ok;

	namespace = str_skip(namespace, str_find_byte(namespace, '.') + 1);
	ok = snprintf(o->secret_path, PATH_BYTES, "/api/v1/namespaces/%.*s/secrets/%s",
		      STR_FMT(namespace), s->webhook_secret) < PATH_BYTES;
	for (size_t i = 0; i < CONFIGURATIONS; i++)
		ok = ok && snprintf(o->configuration_paths[i], PATH_BYTES,
				    "/apis/admissionregistration.k8s.io/v1/%s/%s", kinds[i],
				    s->webhook_configuration) < PATH_BYTES;
	return ok;
}

/* Derives the intervals from the lifetime, which is short in tests. */
static void
set_times(struct own_certificate *o)
{
	uint64_t lifetime_ms = o->options.settings->certificate_lifetime_ms;

	o->overlap_ms = lifetime_ms / 20 < OVERLAP_MAX_MS ? lifetime_ms / 20 : OVERLAP_MAX_MS;
	o->interval_ms = o->overlap_ms / 5 < INTERVAL_MAX_MS ? o->overlap_ms / 5 : INTERVAL_MAX_MS;
}

struct own_certificate *
own_certificate_new(struct loop *l, const struct own_certificate_options *options, struct err *e)
{
	struct own_certificate *o = err_alloc(e, sizeof(*o), "out of memory");

	if (o == NULL)
		return NULL;
	o->options = *options;
	o->loop = l;
	loop_timer_init(&o->next_round, l, on_next_round, o);
	service_certificate_host(options->settings->webhook_service, o->host);
	set_times(o);
	o->api = cluster_api_new(l, options->settings, 1, e);
	if (o->api == NULL || (!set_paths(o) && !err_set(e, ERR_CONFIG, "names are too long"))) {
		own_certificate_free(o);
		return NULL;
	}
	loop_timer_start(&o->next_round, 0);
	return o;
}

void
own_certificate_free(struct own_certificate *o)
{
	if (o == NULL)
		return;
	loop_timer_fini(&o->next_round);
	cluster_api_free(o->api);
	certificate_set_fini(&o->set);
	free(o);
}

bool
own_certificate_is_served(const struct own_certificate *o)
{
	return o->is_served;
}
